//! The reads of many tasks, and the list of models.

use evolink_sim::SimConfig;
use serde_json::json;

use crate::kit::Kit;

#[tokio::test]
async fn the_list_shows_all_tasks_the_newest_first_by_pages() {
    let kit = Kit::new().await;
    let mut ids = vec![];
    for prompt in ["one", "two", "three"] {
        ids.push(kit.create(prompt).await);
    }
    let (status, list) = kit.get("/v1/tasks?page=1&page_size=2").await;
    assert_eq!(status, 200);
    assert_eq!(list["object"], "list");
    assert_eq!(
        (&list["total"], &list["page"], &list["page_size"]),
        (&json!(3), &json!(1), &json!(2))
    );
    let first = &list["data"][0];
    assert_eq!(
        first,
        &json!({
            "id": ids[2], "model": "seedance-2.0", "type": "video", "status": "pending", "progress": 0,
            "created_at": first["created_at"], "duration": 5, "has_results": false, "result_count": 0,
            "has_error": false, "credits_used": 0,
        })
    );
    let (_, rest) = kit.get("/v1/tasks?page=2&page_size=2").await;
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!(rest["data"][0]["id"], json!(ids[0]));
    assert_eq!(kit.get("/v1/tasks?page=0").await.0, 400);
}

#[tokio::test]
async fn the_list_is_filtered_by_status_type_and_model() {
    let kit = Kit::new().await;
    kit.create("one #sim:fail=service_error").await;
    kit.pass(60);
    kit.create("two").await;
    for (query, total) in [
        ("status=failed", 1),
        ("status=pending", 1),
        ("status=completed", 0),
        ("type=video", 2),
        ("type=image", 0),
        ("model=seedance-2.0", 2),
        ("model=seedance-2.0&status=failed", 1),
    ] {
        let (_, list) = kit.get(&format!("/v1/tasks?{query}")).await;
        assert_eq!(list["total"], total, "{query}");
    }
}

#[tokio::test]
async fn a_batch_leaves_out_what_it_does_not_know() {
    let kit = Kit::new().await;
    let id = kit.create("one").await;
    let (status, batch) = kit
        .post(
            "/v1/tasks/batch",
            json!({"task_ids": ["task-unified-1-x", id]}),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(batch["code"], 200);
    assert_eq!(batch["data"], json!([kit.read(&id).await]));
    let many = vec!["x"; 51];
    let (status, _) = kit.post("/v1/tasks/batch", json!({"task_ids": many})).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn list_and_batch_can_be_left_out() {
    let kit = Kit::with(SimConfig {
        list_reads: false,
        batch_reads: false,
        ..SimConfig::default()
    })
    .await;
    assert_eq!(kit.get("/v1/tasks").await.0, 404);
    let (status, _) = kit.post("/v1/tasks/batch", json!({"task_ids": []})).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn models_are_listed() {
    let kit = Kit::new().await;
    let (status, models) = kit.get("/v1/models").await;
    assert_eq!(status, 200);
    let ids: Vec<_> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"seedance-2.0") && ids.contains(&"seedance-1.5-pro"));
}
