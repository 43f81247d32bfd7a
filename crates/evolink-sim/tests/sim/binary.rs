//! The program `evolink-sim`.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn the_binary_says_where_it_listens_and_ends_on_sigterm() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_evolink-sim"))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--speed",
            "10",
            "--key",
            "sk-one",
        ])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let url = line.strip_prefix("evolink-sim listening on ").unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (key, status) in [("sk-one", 200), ("sk-two", 401)] {
        let request = http.get(format!("{url}/v1/credits")).bearer_auth(key);
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    let pid = child.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(kill.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(10), child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
}
