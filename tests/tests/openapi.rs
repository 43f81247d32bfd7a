//! The OpenAPI document against the gateway that serves it. Schemathesis asks every route for what the
//! document allows and for what it does not: there is no 5xx, no undocumented status, type of content or
//! schema, nothing good is refused and nothing bad is taken (`clients/schemathesis.toml` has the few
//! exceptions). The examples are bounded, and the same every time.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use evogate_tests::{Caller as _, Dev, assert_books, clients_folder, python_tool};
use tempfile::TempDir;

/// How many examples it makes up for one operation, beside those that it always tries.
const EXAMPLES: &str = "10";
const SEED: &str = "1";
/// On a busy machine; on an idle one it takes a tenth.
const LIMIT: Duration = Duration::from_mins(5);

/// `evogate dev`, patient with bad credentials and silent about requests: some thousand come.
async fn start(folder: &TempDir) -> Dev {
    let patient = [
        ("EVOGATE__AUTH__FAILURES_PER_MINUTE", "10000"),
        ("EVOGATE__LOG__LEVEL", "warn"),
    ];
    Dev::start_with(
        &folder.path().join("data"),
        &["--sim-speed", "1000"],
        &patient,
    )
    .await
}

/// Asks those operations of the gateway that the arguments name.
async fn ask(dev: &Dev, folder: &Path, arguments: &[&str]) {
    let mut command = python_tool("st");
    command
        .arg("--config-file")
        .arg(clients_folder().join("schemathesis.toml"))
        .arg("run")
        .arg(format!("{}/openapi.json", dev.variable("EVOGATE_URL")))
        .args(["--seed", SEED, "--max-examples", EXAMPLES])
        .args([
            "--continue-on-failure",
            "--no-color",
            "--output-truncate",
            "false",
        ])
        .args(arguments)
        // What it remembers is for one run.
        .current_dir(folder);
    let said = run(command).await;
    assert!(
        said.contains("Tested: ") && !said.contains("Tested: 0"),
        "{said}"
    );
}

/// Runs it to a good end.
async fn run(command: Command) -> String {
    let mut command = tokio::process::Command::from(command);
    let output = tokio::time::timeout(LIMIT, command.kill_on_drop(true).output());
    let output = output.await.expect("it ends in time").expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{said}\n{complained}",
        output.status
    );
    said
}

#[tokio::test]
async fn the_tenants_routes_are_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let dev = start(&folder).await;
    let key = format!("Authorization: Bearer {}", dev.variable("EVOLINK_API_KEY"));
    ask(
        &dev,
        folder.path(),
        &["--header", &key, "--include-path-regex", "^/v1/"],
    )
    .await;
    // Whatever was submitted is paid as EvoLink bills it, and nothing is held.
    assert_books(&dev.admin(), &dev.simulator()).await;
}

#[tokio::test]
async fn the_admins_routes_are_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let dev = start(&folder).await;
    let key = format!(
        "Authorization: Bearer {}",
        dev.variable("EVOGATE_ADMIN_KEY")
    );
    let all = [
        "--header",
        &key,
        "--exclude-path-regex",
        "^/v1/",
        "--exclude-tag",
        "Ops",
    ];
    ask(&dev, folder.path(), &all).await;
    let verified = dev.admin().get("/admin/v1/ledger/verify").await.ok();
    assert_eq!(
        verified["violations"].as_array().unwrap().len(),
        0,
        "{verified}"
    );
}

#[tokio::test]
async fn the_ops_routes_are_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let dev = start(&folder).await;
    let ops = dev.variable("EVOGATE_OPS_URL");
    ask(&dev, folder.path(), &["--url", ops, "--include-tag", "Ops"]).await;
}
