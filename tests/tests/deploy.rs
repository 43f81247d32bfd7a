//! What is in `deploy/`, as far as it can be checked without a container engine, a cluster or a service manager:
//! by the schemas of those, and by the gateway itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use evogate_tests::{Process, binary, clients_folder, python, run_client, workspace};
use serde_json::Value;

/// Judges the settings that a gateway would get, in an environment of its own.
async fn check(arguments: &[&str], environment: &Value) -> Output {
    let environment: BTreeMap<String, Value> = serde_json::from_value(environment.clone()).unwrap();
    let mut command = Process::command(&binary("evogate"));
    command.arg("check").args(arguments);
    for (name, value) in environment {
        // YAML knows numbers and truth; a container's environment knows texts.
        command.env(
            name,
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        );
    }
    let output = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(20), output).await;
    output.expect("it ends").unwrap()
}

fn assert_good(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[tokio::test]
async fn the_compose_file_and_the_manifests_fit_their_schemas_and_the_gateway_takes_their_settings()
{
    let mut script = python();
    script
        .arg("-B")
        .arg(clients_folder().join("deploy.py"))
        .arg(workspace());
    let environments = &run_client(script).await[0];
    let mut compose = environments["compose"].clone();
    for public_url in ["", "https://evogate-callbacks.example.com"] {
        compose["EVOGATE__PUBLIC_URL"] = public_url.into();
        assert_good(&check(&[], &compose).await);
    }
    let file = workspace().join("deploy/kubernetes/evogate.toml");
    let arguments = ["--config", file.to_str().unwrap()];
    assert_good(&check(&arguments, &environments["kubernetes"]).await);
    // They are judged: one that is missing is named.
    let mut lacking = environments["kubernetes"].clone();
    lacking["EVOGATE__EVOLINK__API_KEY"] = "".into();
    let output = check(&arguments, &lacking).await;
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn systemd_takes_the_unit() {
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        eprintln!("there is no systemd-analyze here: the unit was not checked");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(workspace().join("deploy/evogate.service")).unwrap();
    let installed = "/usr/local/bin/evogate";
    assert!(unit.contains(installed));
    let built = binary("evogate");
    let file = folder.path().join("evogate.service");
    std::fs::write(&file, unit.replace(installed, built.to_str().unwrap())).unwrap();
    let mut command = Process::command(Path::new("/usr/bin/systemd-analyze"));
    command.args(["verify", "--man=no"]).arg(&file);
    let output = tokio::process::Command::from(command)
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success() && !said.contains("evogate.service"),
        "{said}"
    );
}
