//! The books move from one store to another through the admin routes of running gateways.

use std::path::Path;
use std::process::{Output, Stdio};

use evogate_tests::redis::Server;
use evogate_tests::{ADMIN_KEY, Caller as _, Process, Rig, assert_books, binary};
use serde_json::{Value, json};

/// Runs `evogate ledger …` against the rig's gateway.
async fn ledger(rig: &Rig, words: &[&str]) -> Output {
    let mut command = Process::command(&binary("evogate"));
    command
        .arg("ledger")
        .args(words)
        .env("EVOGATE_URL", rig.gateway.url())
        .env("EVOGATE_ADMIN_KEY", ADMIN_KEY)
        .stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true).output().await.unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn what_an_embedded_store_exports_goes_on_in_redis() {
    let mut rig = Rig::builder().sim_speed(1.0).start().await;
    let redis = Server::start();
    let finished = rig.team.start("finished").await;
    rig.team.is_in(&finished, "pending").await;
    rig.sim.advance(3_600).await;
    let finished_as = rig.team.ended_as(&finished, "completed").await;
    let open = rig.team.start("open").await;
    rig.team.is_in(&open, "pending").await;
    let credits = rig.team.get("/v1/credits").await.ok();

    let file = rig.folder().join("books.ndjson");
    let exported = ledger(&rig, &["export", "--json", "--out", text(&file)]).await;
    assert!(exported.status.success(), "{exported:?}");
    let exported = json_of(&exported);
    let counts = [&exported["tenants"], &exported["keys"], &exported["tasks"]];
    assert_eq!(counts, [1, 1, 2], "{exported}");
    let audit = rig.admin.get("/admin/v1/audit?limit=1").await.ok();
    assert_eq!(audit["data"][0]["action"], "ledger.export");
    let full = ledger(&rig, &["import", text(&file), "--json"]).await;
    assert_eq!(json_of(&full)["error"]["code"], "store_not_empty");

    let moved = [
        ("store.url", redis.url().into()),
        ("store.shards", json!(3)),
    ];
    rig.gateway.restart_with(moved).await;
    let lines = std::fs::read_to_string(&file).unwrap();
    let cut = rig.folder().join("cut.ndjson");
    let most = lines.trim_end().rfind('\n').unwrap();
    std::fs::write(&cut, &lines[..most]).unwrap();
    let refused = ledger(&rig, &["import", text(&cut), "--json"]).await;
    assert_eq!(json_of(&refused)["error"]["code"], "invalid_ledger");
    let imported = ledger(&rig, &["import", text(&file), "--json"]).await;
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(json_of(&imported)["tenants"], 1);

    assert_eq!(rig.team.get("/v1/credits").await.ok(), credits);
    assert_eq!(rig.team.task(&finished).await, finished_as);
    let verified = ledger(&rig, &["verify"]).await;
    assert!(verified.status.success(), "{verified:?}");
    rig.sim.advance(3_600).await;
    rig.team.ended_as(&open, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
    let again = ledger(&rig, &["import", text(&file), "--json"]).await;
    assert_eq!(json_of(&again)["error"]["code"], "store_not_empty");
    rig.gateway.stop().await;
}
