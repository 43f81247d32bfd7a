"""Checks deploy/ without a container engine or a cluster: the Compose file by the Compose specification, with
the settings of .env.example, and by what its services are told of each other, and the manifests by Kubernetes' own
schemas. Fails with what is wrong; prints what a gateway's environment is in both."""

import hashlib
import json
import pathlib
import re
import sys

import compose_spec
import kubernetes_validate
import yaml

ROOT = pathlib.Path(sys.argv[1])
DEPLOY = ROOT / "deploy"
# The oldest version that the manifests are for.
KUBERNETES = "1.30"
# Where the images of others listen.
PORTS = {"redis": {6379}, "prometheus": {9090}, "grafana": {3000}}
# What .env may leave empty.
OPTIONAL = {"PUBLIC_URL"}


def settings():
    """The variables of .env.example; what is to be filled in is filled in."""
    pairs = re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    return {name: value if value or name in OPTIONAL else filled(name) for name, value in pairs}


def filled(name):
    """What stands for a secret: as `openssl rand -hex 32` makes them, no two the same."""
    return hashlib.sha256(name.encode()).hexdigest()


def interpolated(value, known, used):
    """Compose's own rule: variables are put into texts, after the file was parsed."""
    if isinstance(value, dict):
        return {key: interpolated(inner, known, used) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, known, used) for inner in value]
    if not isinstance(value, str):
        return value

    def one(match):
        name, default = match[1], match[2]
        used.add(name)
        if name in known:
            return known[name]
        assert default is not None, f"{name} is neither in .env.example nor has it a default"
        return default

    return re.sub(r"\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)?\}", one, value)


class Plain(yaml.SafeDumper):
    """Writes what anchors stand for."""

    def ignore_aliases(self, data):
        return True


def compose():
    known, used = settings(), set()
    parsed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    document = interpolated(parsed, known, used)
    whole = compose_spec.PyCompose.from_yaml(yaml.dump(document, Dumper=Plain))
    for check in ("", "_networks", "_volumes", "_configs", "_secrets"):
        getattr(whole, f"validate{check}")()
    assert used == set(known), f".env.example and docker-compose.yml differ in {used ^ set(known)}"
    for name, service in document["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], f"{name} is not hardened"
        for mount in mounts(service):
            missing = mount.startswith(".") and not (ROOT / mount).exists()
            assert not missing, f"{name} mounts {mount}, which is not there"
    waits_for_what_can_be_waited_for(document["services"])
    reaches_who_listens(document["services"])
    reads_what_is_mounted(document["services"])
    redis_has_its_user(document["services"]["redis"])
    proxy = document["services"]["proxy"]["networks"]["inside"]["ipv4_address"]
    environment = document["services"]["gateway-1"]["environment"]
    assert json.loads(environment["EVOGATE__LISTEN__TRUSTED_PROXIES"]) == [f"{proxy}/32"], "the proxy is not trusted"
    return environment


def mounts(service):
    """Where in the container what is."""
    return dict(volume.split(":")[:2] for volume in service.get("volumes", []))


def image(target):
    """What the Dockerfile says of one of its images."""
    stages = re.split(r"^FROM \S+ AS ", (DEPLOY / "Dockerfile").read_text(), flags=re.M)
    return next(stage for stage in stages if stage.startswith(f"{target}\n"))


def waits_for_what_can_be_waited_for(services):
    for name, service in services.items():
        waits = service.get("depends_on", [])
        unknown = set(waits) - set(services)
        assert not unknown, f"{name} waits for {unknown}, which is not there"
        for other in waits if isinstance(waits, dict) else []:
            build = services[other].get("build")
            judged = "healthcheck" in services[other] or build and "HEALTHCHECK" in image(build["target"])
            assert judged, f"{name} waits for {other}, whose health nobody looks at"


def reaches_who_listens(services):
    """Every name and port that a service is told of belongs to one that listens there."""
    proxy = (DEPLOY / "haproxy.cfg").read_text()
    ports = PORTS | {"proxy": {int(port) for port in re.findall(r"^ +bind :(\d+)", proxy, re.M)}}
    for name, service in services.items():
        if "build" in service:
            exposed = re.search(r"^EXPOSE (.*)", image(service["build"]["target"]), re.M)
            ports[name] = {int(port) for port in exposed[1].split()}
    told = {(name, port.split(":")[-1]) for name in services for port in services[name].get("ports", [])}
    told |= set(re.findall(r"\b(?:https?://|redis://\S+@)([a-z][a-z0-9-]+):(\d+)", json.dumps(services)))
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    told |= {tuple(source["url"].removeprefix("http://").split(":")) for source in sources["datasources"]}
    balanced = set(re.findall(r"^ +server \S+ (\S+):(\d+)", proxy, re.M))
    scraped = set()
    for job in yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]:
        for target in (target for group in job["static_configs"] for target in group["targets"]):
            scraped.add(tuple(target.replace("localhost", "prometheus").split(":")))
    nobody = {(host, port) for host, port in told | balanced | scraped if int(port) not in ports.get(host, ())}
    assert not nobody, f"nobody listens there: {nobody}"
    # No gateway is forgotten.
    gateways = {name for name, service in services.items() if service["image"] == "evogate"}
    health = re.search(r"^ +default-server check port (\d+)", proxy, re.M)[1]
    assert scraped >= {(name, health) for name in gateways}, scraped
    assert balanced == {(name, port) for name in gateways for port in ("8080", "8081")}, balanced


def reads_what_is_mounted(services):
    """Every file and folder that a service is told of is one that it has."""
    redis = re.findall(r"^\w[^#\n]*?\s(/\S+)", (DEPLOY / "redis.conf").read_text(), re.M)
    provided = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/evogate.yml").read_text())
    told = {
        "redis": redis + [word for word in services["redis"]["command"] if word.startswith("/")],
        "prometheus": re.findall(r"=(/\S+)", "\n".join(services["prometheus"]["command"])),
        "grafana": [provider["options"]["path"] for provider in provided["providers"]]
        + [value for value in services["grafana"]["environment"].values() if value.startswith("/")],
    }
    for name, paths in told.items():
        assert paths
        for path in paths:
            found = [
                (ROOT / source / path.removeprefix(target).lstrip("/")).exists() or not source.startswith(".")
                for source, target in mounts(services[name]).items()
                if f"{path}/".startswith(f"{target}/")
            ]
            assert any(found), f"{name} has no {path}"


def redis_has_its_user(service):
    """The one of redis.conf's comment, that the store's tests try."""
    user = re.search(r"^#   user evogate on >PASSWORD (.*)", (DEPLOY / "redis.conf").read_text(), re.M)[1]
    words = service["command"]
    begin = words.index("evogate")
    assert words[begin + 1] == "on" and words[begin + 2].startswith(">")
    assert words[begin + 3 :] == user.split(), "redis.conf and docker-compose.yml differ in Evogate's user"


def kubernetes():
    resources = yaml.safe_load((ROOT / "deploy/kubernetes/kustomization.yaml").read_text())
    for file in sorted((ROOT / "deploy/kubernetes").glob("*.yaml")):
        if file.name == "kustomization.yaml":
            continue
        for document in yaml.safe_load_all(file.read_text()):
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    for name in resources["resources"]:
        assert (ROOT / "deploy/kubernetes" / name).exists(), f"{name} is not there"
    secret = yaml.safe_load((ROOT / "deploy/kubernetes/secret.example.yaml").read_text())
    return {name: value or filled(name) for name, value in secret["stringData"].items()}


print(json.dumps({"compose": compose(), "kubernetes": kubernetes()}))
