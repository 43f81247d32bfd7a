//! Results that EvoLink deletes soon, and that nobody has: ops see how many there are.
//!
//! EvoLink keeps results for a day. So the books of tasks that have just ended are taken out of the store, their
//! ends are moved back, and they are taken in again.

use std::path::Path;
use std::process::Stdio;

use evogate_tests::{ADMIN_KEY, Caller as _, Manner, Process, Receiver, Rig, binary, until};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const GAUGE: &str = "evogate_results_expiring";

async fn rig() -> Rig {
    let rig = Rig::builder().set("metrics.every", "1s").start().await;
    shows(&rig, 0).await;
    rig
}

/// Tasks that completed, and that no client has read since.
async fn completed(rig: &Rig, prompts: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for prompt in prompts {
        ids.push(rig.team.start(prompt).await);
    }
    until("all have completed", async || {
        let ended = "evogate_tasks_ended_total";
        let completed = rig.gateway.metric(ended, &[r#"state="completed""#]).await;
        (completed >= f64::from(u32::try_from(ids.len()).unwrap())).then_some(())
    })
    .await;
    ids
}

async fn ledger(rig: &Rig, words: &[&str], file: &Path) {
    let mut command = Process::command(&binary("evogate"));
    command
        .arg("ledger")
        .args(words)
        .arg(file)
        .env("EVOGATE_URL", rig.gateway.url())
        .env("EVOGATE_ADMIN_KEY", ADMIN_KEY)
        .stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Moves the ends of tasks back by so many hours each.
async fn age(rig: &mut Rig, tasks: &[(&str, i64)]) {
    let file = rig.folder().join("books.ndjson");
    ledger(rig, &["export", "--out"], &file).await;
    rig.gateway.stop().await;
    rig.lose_everything();
    let mut moved = 0;
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let task = &mut line["data"]["task"];
        let hours = tasks.iter().find(|(id, _)| task["id"] == *id);
        if let Some((_, hours)) = hours {
            for time in ["ended", "due"] {
                task[time] = json!(task[time].as_i64().unwrap() - hours * HOUR);
            }
            moved += 1;
        }
        format!("{line}\n")
    };
    let lines: String = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(line)
        .collect();
    assert_eq!(moved, tasks.len());
    std::fs::write(&file, lines).unwrap();
    rig.gateway.restart().await;
    ledger(rig, &["import"], &file).await;
}

async fn shows(rig: &Rig, wanted: u32) {
    let line = format!("{GAUGE} {wanted}");
    until(&line, async || {
        let shown = rig.gateway.ops().get("/metrics").await.text();
        shown.lines().any(|shown| shown == line).then_some(())
    })
    .await;
}

#[tokio::test]
async fn results_that_nobody_has_are_counted_until_they_are_read() {
    let mut rig = rig().await;
    let ids = completed(&rig, &["read", "streamed", "young", "gone"]).await;
    let ends = [
        (&*ids[0], 21),
        (&*ids[1], 23),
        (&*ids[2], 19),
        (&*ids[3], 25),
    ];
    age(&mut rig, &ends).await;
    shows(&rig, 2).await;
    rig.team.task(&ids[0]).await;
    shows(&rig, 1).await;
    let content = format!("/v1/tasks/{}/content", ids[1]);
    assert_eq!(rig.team.get(&content).await.status, 200);
    shows(&rig, 0).await;
    rig.gateway.stop().await;
}

#[tokio::test]
async fn results_are_counted_no_more_when_a_receiver_was_told_that_they_run_out() {
    let mut rig = rig().await;
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url("/hook"), "events": ["task.expiring"] });
    let endpoint = rig.team.post("/v1/webhooks/endpoints", &endpoint).await;
    assert_eq!(endpoint.status, 201);
    let ids = completed(&rig, &["told"]).await;
    // The first attempt fails, and the next comes after five seconds.
    receiver.next([Manner::Status(500)]);
    age(&mut rig, &[(&*ids[0], 21)]).await;
    shows(&rig, 1).await;
    let told = receiver.delivery(2).await;
    assert_eq!(told.header("x-evogate-event"), "task.expiring");
    shows(&rig, 0).await;
    rig.gateway.stop().await;
}
