//! Faults by rule, on every kind of request.

use evolink_sim::SimConfig;
use serde_json::{Value, json};

use crate::kit::Kit;

#[tokio::test]
async fn a_rule_acts_on_the_operation_it_names() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    let cancel = format!("/v1/tasks/{id}/cancel");
    let paths = [
        ("read", format!("/v1/tasks/{id}")),
        ("list", "/v1/tasks".to_owned()),
        ("credits", "/v1/credits".to_owned()),
        ("models", "/v1/models".to_owned()),
        ("files", "/api/v1/files/list".to_owned()),
    ];
    for (operation, path) in &paths {
        kit.rule(json!({"match": {"operation": operation}, "times": 1, "fault": {"http": 500}}))
            .await;
        assert_eq!(kit.get(path).await.0, 500, "{operation}");
        assert_eq!(kit.get(path).await.0, 200, "{operation}");
    }
    for (operation, path, body) in [
        ("batch", "/v1/tasks/batch", json!({"task_ids": []})),
        ("cancel", cancel.as_str(), json!({})),
        ("create", "/v1/videos/generations", crate::kit::video("x")),
    ] {
        kit.rule(json!({"match": {"operation": operation}, "times": 1, "fault": {"http": 503}}))
            .await;
        assert_eq!(kit.post(path, body.clone()).await.0, 503, "{operation}");
        assert_eq!(kit.post(path, body).await.0, 200, "{operation}");
    }
}

#[tokio::test]
async fn matches_look_at_method_path_and_prompt() {
    let kit = Kit::new().await;
    let cat = kit.create("a cat").await;
    let dog = kit.create("a dog").await;
    let reads = |fault: Value| json!({"match": fault, "fault": {"http": 404}});
    for matches in [
        json!({"path": format!("/v1/tasks/{cat}")}),
        json!({"path": format!("/v1/tasks/{cat}*"), "method": "GET"}),
        json!({"prompt_contains": "cat", "operation": "read"}),
    ] {
        kit.rule(reads(matches.clone())).await;
        assert_eq!(
            kit.get(&format!("/v1/tasks/{cat}")).await.0,
            404,
            "{matches}"
        );
        assert_eq!(
            kit.get(&format!("/v1/tasks/{dog}")).await.0,
            200,
            "{matches}"
        );
        kit.delete("/_sim/rules").await;
        assert_eq!(kit.get(&format!("/v1/tasks/{cat}")).await.0, 200);
    }
}

#[tokio::test]
async fn after_and_times_bound_a_rule() {
    let kit = Kit::new().await;
    kit.rule(
        json!({"match": {"operation": "credits"}, "after": 1, "times": 2, "fault": {"http": 429}}),
    )
    .await;
    let mut seen = vec![];
    for _ in 0..5 {
        seen.push(kit.get("/v1/credits").await.0);
    }
    assert_eq!(seen, [200, 429, 429, 200, 200]);
    let (_, rules) = kit.get("/_sim/rules").await;
    assert_eq!(
        (&rules["rules"][0]["seen"], &rules["rules"][0]["applied"]),
        (&json!(5), &json!(2))
    );
}

#[tokio::test]
async fn probability_is_repeatable_by_its_seed() {
    let mut runs = vec![];
    for _ in 0..2 {
        let kit = Kit::with(SimConfig {
            seed: Some(7),
            ..SimConfig::default()
        })
        .await;
        kit.rule(json!({"match": {"operation": "credits"}, "probability": 0.5, "fault": {"status": 202}}))
            .await;
        let mut seen = vec![];
        for _ in 0..20 {
            seen.push(kit.get("/v1/credits").await.0);
        }
        assert!(seen.contains(&202) && seen.contains(&200));
        runs.push(seen);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn a_read_can_be_stale_patched_or_replaced() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    kit.pass(60);
    let path = format!("/v1/tasks/{id}");
    let spoil = |fault: Value| json!({"match": {"operation": "read"}, "times": 1, "fault": fault});
    kit.rule(spoil(json!({"stale": true}))).await;
    assert_eq!(kit.get(&path).await.1["status"], "pending");
    kit.rule(spoil(
        json!({"patch": {"status": "dreaming", "usage": null, "extra": {"a": 1}}}),
    ))
    .await;
    let task = kit.get(&path).await.1;
    assert_eq!(task["status"], "dreaming");
    assert_eq!(task.get("usage"), None);
    assert_eq!(task["extra"]["a"], 1);
    kit.rule(spoil(
        json!({"body": "{\"odd\":true}", "status": 203, "headers": {"x-odd": "yes"}}),
    ))
    .await;
    let answer = kit.ask(reqwest::Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 203);
    assert_eq!(answer.headers()["x-odd"], "yes");
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"odd": true}));
    assert_eq!(kit.get(&path).await.1["status"], "completed");
}

#[tokio::test]
async fn a_cancel_can_act_though_its_answer_is_lost() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    kit.rule(json!({"match": {"operation": "cancel"}, "fault": {"drop_after_accept": true}}))
        .await;
    let cancel = kit.ask(reqwest::Method::POST, &format!("/v1/tasks/{id}/cancel"));
    assert!(cancel.send().await.is_err());
    assert_eq!(kit.read(&id).await["status"], "cancelled");
}

#[tokio::test]
async fn downloads_can_be_cut() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    kit.pass(60);
    kit.rule(json!({"match": {"operation": "download"}, "times": 1, "fault": {"truncate": true}}))
        .await;
    let url = format!("{}/files/{id}.mp4", kit.sim.url());
    let cut = kit.http.get(&url).send().await.unwrap();
    assert!(cut.bytes().await.is_err());
    let whole = kit.http.get(&url).send().await.unwrap();
    assert!(whole.bytes().await.is_ok());
}

#[tokio::test]
async fn a_rule_gives_new_tasks_their_life() {
    let kit = Kit::new().await;
    kit.rule(json!({
        "match": {"operation": "create", "prompt_contains": "dog"},
        "fault": {"fail": "service_error", "reserve_factor": 2},
    }))
    .await;
    let id = kit.create("a dog").await;
    assert_eq!(kit.read(&id).await["usage"]["credits_reserved"], 35.568);
    kit.pass(60);
    assert_eq!(kit.read(&id).await["status"], "failed");
}

#[tokio::test]
async fn rules_can_be_removed_and_typing_errors_are_refused() {
    let kit = Kit::new().await;
    let id = kit
        .rule(json!({"match": {"operation": "credits"}, "fault": {"http": 500}}))
        .await;
    assert_eq!(kit.get("/v1/credits").await.0, 500);
    assert_eq!(kit.delete(&format!("/_sim/rules/{id}")).await.0, 200);
    assert_eq!(kit.get("/v1/credits").await.0, 200);
    assert_eq!(kit.delete(&format!("/_sim/rules/{id}")).await.0, 404);
    for wrong in [
        json!({"fault": {"htpp": 500}}),
        json!({"match": {"operatoin": "read"}}),
    ] {
        let (status, _) = kit.post("/_sim/rules", json!({"rules": [wrong]})).await;
        assert_eq!(status, 400);
    }
}
