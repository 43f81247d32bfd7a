//! `evogate health` against real gateways: what a container's health check goes by.

use std::time::Duration;

use evogate_tests::{Process, Rig, binary};

/// Its exit code and what it said.
async fn health(url: &str) -> (Option<i32>, String) {
    let mut command = Process::command(&binary("evogate"));
    command.args(["health", "--url", url]);
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(20), output)
        .await
        .expect("it ends")
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    (output.status.code(), said)
}

#[tokio::test]
async fn a_gateway_is_well_while_it_is_ready_and_not_when_it_is_gone() {
    let mut rig = Rig::start().await;
    let ops = rig.gateway.ops().base().to_owned();
    assert_eq!(health(&ops).await, (Some(0), "ready".to_owned()));
    let alive = format!("{ops}/healthz");
    assert_eq!(health(&alive).await, (Some(0), "ok".to_owned()));
    rig.gateway.stop().await;
    let (code, said) = health(&ops).await;
    assert_eq!(code, Some(1));
    assert!(said.starts_with("evogate: 127.0.0.1:"), "{said}");
}
