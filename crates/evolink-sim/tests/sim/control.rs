//! The control routes: forcing, forgetting, the journal.

use serde_json::json;

use crate::kit::{Kit, Receiver, video};

#[tokio::test]
async fn a_task_can_be_forced_to_any_end() {
    let kit = Kit::new().await;
    let id = kit.create("#sim:never-finish").await;
    let force = format!("/_sim/tasks/{id}");
    let (status, task) = kit
        .post(&force, json!({"status": "completed", "credits_used": 3.5}))
        .await;
    assert_eq!((status, &task["status"]), (200, &json!("completed")));
    assert_eq!(task["usage"]["credits_used"], 3.5);
    assert_eq!(kit.sim.account().billed.to_string(), "3.5");
    // Late news: the verdict changes after the end.
    let error = json!({"code": "odd", "message": "so it goes"});
    kit.post(&force, json!({"status": "failed", "error": error}))
        .await;
    let task = kit.read(&id).await;
    assert_eq!(task["error"]["message"], "so it goes");
    let account = kit.sim.account();
    assert_eq!(
        (account.billed.to_string(), account.tasks.failed),
        ("0".to_owned(), 1)
    );
    let (status, _) = kit
        .post("/_sim/tasks/none", json!({"status": "failed"}))
        .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_forced_end_calls_back() {
    let kit = Kit::new().await;
    let mut receiver = Receiver::answering(&[]).await;
    let mut body = video("#sim:never-finish");
    body["callback_url"] = json!(receiver.url);
    let id = kit.create_with(body).await;
    kit.post(&format!("/_sim/tasks/{id}"), json!({"status": "cancelled"}))
        .await;
    assert_eq!(receiver.next().await["status"], "cancelled");
}

#[tokio::test]
async fn a_forgotten_task_is_a_404_though_it_is_billed() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    assert_eq!(
        kit.post(&format!("/_sim/forget/{id}"), json!({})).await.0,
        200
    );
    assert_eq!(kit.get(&format!("/v1/tasks/{id}")).await.0, 404);
    kit.pass(60);
    let account = kit.sim.account();
    assert_eq!(account.billed.to_string(), "17.784");
    assert!(account.jobs.unwrap()[0].forgotten);
}

#[tokio::test]
async fn time_is_advanced_by_http_too() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    let (status, _) = kit.post("/_sim/time/advance", json!({"seconds": 45})).await;
    assert_eq!(status, 200);
    assert_eq!(kit.read(&id).await["status"], "completed");
    assert_eq!(
        kit.post("/_sim/time/advance", json!({"seconds": -1}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn the_journal_tells_what_was_asked_in_order_and_no_key() {
    let kit = Kit::new().await;
    let request = kit
        .create_request("a cat")
        .header("idempotency-key", "abc")
        .header("traceparent", "00-1-2-01");
    let id = request
        .send()
        .await
        .unwrap()
        .json::<serde_json::Value>()
        .await
        .unwrap()["id"]
        .clone();
    kit.read(id.as_str().unwrap()).await;
    kit.http
        .get(format!("{}/v1/credits", kit.sim.url()))
        .send()
        .await
        .unwrap();
    let (_, journal) = kit.get("/_sim/journal").await;
    let requests = journal["requests"].as_array().unwrap();
    let operations: Vec<_> = requests.iter().map(|entry| &entry["operation"]).collect();
    assert_eq!(operations, ["create", "read", "credits"]);
    let create = &requests[0];
    assert_eq!(create["status"], 200);
    assert_eq!(create["task_id"], id);
    assert_eq!(create["prompt"], "a cat");
    assert_eq!(create["idempotency_key"], "abc");
    assert_eq!(create["authorization_ok"], true);
    assert_eq!(create["headers"]["traceparent"], "00-1-2-01");
    assert_eq!(create["body"], video("a cat"));
    assert_eq!(requests[2]["authorization_ok"], false);
    assert_eq!(requests[2]["status"], 401);
    assert!(!journal.to_string().contains("sk-test"));
}

#[tokio::test]
async fn the_journal_is_filtered_and_emptied() {
    let kit = Kit::new().await;
    kit.create("a cat").await;
    kit.get("/v1/credits").await;
    let (_, creates) = kit.get("/_sim/journal?operation=create").await;
    assert_eq!(creates["requests"].as_array().unwrap().len(), 1);
    let last = creates["last"].as_u64().unwrap();
    kit.get("/v1/models").await;
    let (_, news) = kit.get(&format!("/_sim/journal?since={last}")).await;
    assert_eq!(news["requests"].as_array().unwrap().len(), 1);
    assert_eq!(news["requests"][0]["operation"], "models");
    kit.delete("/_sim/journal").await;
    let (_, empty) = kit.get("/_sim/journal").await;
    assert_eq!(
        (&empty["requests"], &empty["counts"]),
        (&json!([]), &json!({}))
    );
    assert_eq!(kit.get("/_sim/journal?operation=nonsense").await.0, 400);
}

#[tokio::test]
async fn the_account_can_be_granted_another_sum() {
    let kit = Kit::new().await;
    let (status, account) = kit.post("/_sim/account", json!({"granted": 10})).await;
    assert_eq!((status, &account["remaining"]), (200, &json!(10)));
    assert_eq!(
        kit.create_request("a cat").send().await.unwrap().status(),
        402
    );
}

#[tokio::test]
async fn control_routes_need_no_key() {
    let kit = Kit::new().await;
    for path in ["health", "rules", "journal", "account"] {
        let url = format!("{}/_sim/{path}", kit.sim.url());
        assert_eq!(
            kit.http.get(url).send().await.unwrap().status(),
            200,
            "{path}"
        );
    }
}
