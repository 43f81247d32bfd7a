//! Real clients, written for EvoLink and not for us, each with nothing changed but the base URL and the
//! key. After each, the simulator's bill is what the tenant spent, and nothing is held.

use std::process::Command;

use evogate_tests::{
    Caller as _, Micro, Process, Rig, assert_books, clients_folder, node, npm_modules, python,
    run_client,
};
use serde_json::{Value, json};

/// A client's command, with what it is told of its EvoLink.
fn with_gateway(mut command: Command, rig: &Rig) -> Command {
    command
        .env("EVOLINK_BASE_URL", format!("{}/v1", rig.gateway.url()))
        .env("EVOLINK_API_KEY", &rig.team.key)
        .env("POLL_SECONDS", "2");
    command
}

fn script(name: &str, rig: &Rig) -> Command {
    let mut command = with_gateway(python(), rig);
    // `-B`: nothing is written beside the scripts.
    command
        .arg("-B")
        .arg(clients_folder().join(name))
        .arg(rig.folder());
    command
}

fn assert_video(made: &Value) {
    assert_eq!(made["status"], "completed", "{made}");
    let video = std::fs::read(made["file"].as_str().unwrap()).unwrap();
    assert_eq!(&video[4..8], b"ftyp", "an MP4");
}

async fn spent(rig: &Rig) -> Micro {
    rig.admin.credits("team", "spent").await
}

#[tokio::test]
async fn the_tutorials_script_runs_unchanged() {
    let rig = Rig::builder().sim_speed(20.0).start().await;
    let mut command = script("tutorial.py", &rig);
    command.args(["text", "image", "vertical", "cancel", "wrong"]);
    let done = run_client(command).await;
    for made in &done[..3] {
        assert_video(made);
    }
    assert_eq!(done[3]["cancelled"], true, "{}", done[3]);
    assert_eq!(done[3]["status"], "cancelled", "{}", done[3]);
    assert_eq!(
        done[4]["error"]["message"],
        "duration must be between 4 and 15"
    );
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(spent(&rig).await, rig.sim.billed().await);
    let vertical = &rig.sim.creates("A dancer").await[0]["body"];
    assert_eq!(vertical["aspect_ratio"], "9:16");
    assert_eq!(vertical["generate_audio"], false);
}

#[tokio::test]
async fn the_tutorials_script_lives_through_an_upstream_that_fails_now_and_then() {
    let rig = Rig::builder().sim_speed(20.0).start().await;
    let rules = json!([
        // Passed on to the script, which tries again: EvoLink asks for more patience than clients have.
        { "match": { "operation": "create" }, "times": 2, "fault": { "http": 503 } },
        // Hidden from it.
        { "match": { "operation": "create" }, "times": 1, "fault": { "drop_after_accept": true } },
        { "match": { "operation": "read" }, "probability": 0.3, "fault": { "http": 500 } },
        { "match": { "operation": "read" }, "probability": 0.1, "fault": { "html": 502 } },
    ]);
    rig.sim.rules(rules).await;
    let mut command = script("tutorial.py", &rig);
    command.args(["text", "image"]);
    for made in run_client(command).await {
        assert_video(&made);
    }
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(spent(&rig).await, rig.sim.billed().await);
}

#[tokio::test]
async fn a_batch_of_twenty_runs_three_at_a_time() {
    let rig = Rig::builder().sim_speed(20.0).start().await;
    let done = run_client(script("batch.py", &rig)).await;
    assert_eq!(done.len(), 20);
    for made in &done {
        assert_video(made);
    }
    assert_eq!(rig.sim.jobs().await.len(), 20);
    assert_books(&rig.admin, &rig.sim).await;
    // Twenty times 4 s at 480p.
    assert_eq!(spent(&rig).await, Micro::parse("160"));
}

#[tokio::test]
async fn evolinks_own_mcp_client_works_through_the_gateway() {
    let rig = Rig::builder().sim_speed(20.0).start().await;
    let mut command = with_gateway(node(), &rig);
    command
        .arg(clients_folder().join("npm/session.mjs"))
        .arg(npm_modules());
    let said = run_client(command).await;
    let texts = |tool: &str| -> Vec<&str> {
        let of_tool = said.iter().filter(|line| line["tool"] == tool);
        of_tool.map(|line| line["text"].as_str().unwrap()).collect()
    };
    let generated = texts("generate_video");
    assert!(
        generated[0].contains("Estimated cost: 17.784 credits (per_second)"),
        "{generated:?}"
    );
    assert!(
        generated[0].contains("Estimated time: ~132s"),
        "{generated:?}"
    );
    assert_eq!(generated[3], "[400] duration must be between 4 and 15");
    let checked = texts("check_task");
    let completed = checked
        .iter()
        .filter(|text| text.contains("Status: completed"))
        .count();
    assert_eq!(completed, 2, "{checked:?}");
    assert!(
        checked
            .iter()
            .any(|text| text.contains("Results:\n  [1] http")),
        "{checked:?}"
    );
    assert!(
        checked
            .iter()
            .any(|text| text.contains("Error code: content_policy_violation"))
    );
    assert_eq!(checked.last(), Some(&"[404] Task not found"));
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(spent(&rig).await, rig.sim.billed().await);
}

#[tokio::test]
async fn the_tutorials_webhook_receiver_takes_our_webhooks() {
    let rig = Rig::start().await;
    let mut command = python();
    command.arg("-B").arg(clients_folder().join("receiver.py"));
    let mut receiver = Process::start("receiver", command, rig.folder());
    let lines = |log: &str| -> Vec<Value> {
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    };
    let address = |log: &str| Some(lines(log).first()?["address"].as_str()?.to_owned());
    let address = receiver.says("its address", 0, address).await;
    let submit = async |prompt: &str| {
        let body = json!({
            "model": "seedance-2.0",
            "prompt": prompt,
            "callback_url": format!("{address}/webhook"),
        });
        rig.team.submit(&body).await.ok()["id"].clone()
    };
    let good = submit("call me when it is done").await;
    let bad = submit("call me when it fails #sim:fail=service_error").await;
    let calls = |log: &str| Some(lines(log)).filter(|calls| calls.len() >= 3);
    let calls = receiver.says("that both came", 0, calls).await;
    let call = |id: &Value| {
        calls
            .iter()
            .find(|call| call["id"] == *id)
            .expect("a call")
            .clone()
    };
    assert_eq!(call(&good)["good"], true, "{calls:?}");
    assert!(call(&good)["video"].as_str().unwrap().contains(".mp4"));
    assert_eq!(call(&bad)["status"], "failed");
    assert!(!call(&bad)["why"].as_str().unwrap().is_empty());
    let state = rig
        .team
        .get(&format!("/v1/tasks/{}", good.as_str().unwrap()))
        .await
        .ok();
    assert_eq!(state["status"], "completed");
    assert_books(&rig.admin, &rig.sim).await;
}
