//! The state file: a restart loses nothing.

use evolink_sim::SimConfig;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::{Kit, Receiver, video};

async fn kept_in(folder: &TempDir) -> Kit {
    Kit::with(SimConfig {
        state_file: Some(folder.path().join("sim.state")),
        honours_idempotency: true,
        ..SimConfig::default()
    })
    .await
}

#[tokio::test]
async fn tasks_account_and_clock_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kit = kept_in(&folder).await;
    let done = kit.create("a cat").await;
    kit.pass(60);
    let open = kit.create("a dog").await;
    kit.pass(20);
    kit.post("/_sim/account", json!({"granted": 500})).await;
    let before = kit.get("/_sim/account").await.1;
    kit.sim.shutdown().await;

    let kit = kept_in(&folder).await;
    assert_eq!(kit.get("/_sim/account").await.1, before);
    assert_eq!(kit.read(&done).await["status"], "completed");
    assert_eq!(kit.read(&open).await["status"], "processing");
    kit.pass(30);
    assert_eq!(kit.read(&open).await["status"], "completed");
    assert_eq!(kit.sim.account().billed.to_string(), "35.568");
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let kit = kept_in(&folder).await;
    let id = kit.create("a cat").await;
    // No farewell: the file is as the last answer left it.
    drop(kit);
    let kit = kept_in(&folder).await;
    assert_eq!(kit.read(&id).await["status"], "pending");
}

#[tokio::test]
async fn a_task_that_ends_during_the_pause_calls_back_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::answering(&[]).await;
    let kit = kept_in(&folder).await;
    let mut body = video("a cat #sim:seconds=0.2");
    body["callback_url"] = json!(receiver.url);
    let id = kit.create_with(body).await;
    kit.sim.shutdown().await;
    assert_eq!(receiver.there(), None);
    let kit = kept_in(&folder).await;
    assert_eq!(receiver.next().await["id"], json!(id));
    drop(kit);
}

#[tokio::test]
async fn idempotency_keys_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut ids = vec![];
    for _ in 0..2 {
        let kit = kept_in(&folder).await;
        let request = kit
            .create_request("a cat")
            .header("idempotency-key", "0123456789abcdef");
        let task: Value = request.send().await.unwrap().json().await.unwrap();
        ids.push(task["id"].clone());
        kit.sim.shutdown().await;
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn files_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kit = kept_in(&folder).await;
    let body = json!({"base64_data": "aGVsbG8=", "file_name": "hello.txt"});
    kit.post("/api/v1/files/upload/base64", body).await;
    kit.sim.shutdown().await;
    let kit = kept_in(&folder).await;
    let (_, list) = kit.get("/api/v1/files/list").await;
    let url = list["data"]["files"][0]["file_url"].as_str().unwrap();
    let answer = kit.http.get(url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_broken_state_file_refuses_to_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sim.state");
    std::fs::write(&path, "nonsense\n").unwrap();
    let config = SimConfig {
        state_file: Some(path),
        ..SimConfig::default()
    };
    assert!(evolink_sim::Sim::start(config).await.is_err());
}
