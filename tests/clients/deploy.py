"""Checks deploy/ without a container engine or a cluster: the Compose file by the Compose specification, with
the settings of .env.example, and the manifests by Kubernetes' own schemas. Fails with what is wrong; prints what
a gateway's environment is in both."""

import hashlib
import json
import pathlib
import re
import sys

import compose_spec
import kubernetes_validate
import yaml

ROOT = pathlib.Path(sys.argv[1])
# The oldest version that the manifests are for.
KUBERNETES = "1.30"


def settings():
    """The variables of .env.example; what is to be filled in is filled in."""
    pairs = re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    return {name: value or filled(name) for name, value in pairs}


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
        unknown = set(service.get("depends_on", [])) - set(document["services"])
        assert not unknown, f"{name} waits for {unknown}, which is not there"
        mounts = [volume.split(":")[0] for volume in service.get("volumes", [])]
        for mount in mounts:
            missing = mount.startswith(".") and not (ROOT / mount).exists()
            assert not missing, f"{name} mounts {mount}, which is not there"
    return document["services"]["gateway-1"]["environment"]


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
