//! A task's life: statuses over time, its end, its result, and how it is forgotten.

use std::time::Duration;

use evolink_sim::SimConfig;
use reqwest::Method;
use serde_json::json;

use crate::kit::{Kit, video};

#[tokio::test]
async fn a_task_is_pending_then_processing_in_steps_then_completed() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    kit.pass(4);
    assert_eq!(kit.read(&id).await["status"], "pending");
    let mut seen = vec![];
    for _ in 0..6 {
        kit.pass(6);
        let task = kit.read(&id).await;
        assert_eq!(task["status"], "processing");
        assert_eq!(task["task_info"]["can_cancel"], true);
        seen.push(task["progress"].as_u64().unwrap());
    }
    assert!(
        seen.is_sorted() && seen[0] < seen[5] && seen[5] < 100,
        "{seen:?}"
    );
    kit.pass(6);
    let task = kit.read(&id).await;
    assert_eq!(task["status"], "completed");
    assert_eq!(task["progress"], 100);
    assert_eq!(task["task_info"]["can_cancel"], false);
    assert_eq!(task["usage"].get("credits_used"), None);
    let url = format!("{}/files/{id}.mp4", kit.sim.url());
    assert_eq!(task["results"], json!([url]));
}

#[tokio::test]
async fn the_expected_times_fit_the_tutorials_table() {
    let kit = Kit::new().await;
    for (duration, quality, at_least, at_most) in [
        (4, "480p", 20, 40),
        (5, "720p", 30, 60),
        (10, "720p", 60, 90),
        (15, "1080p", 90, 180),
    ] {
        let mut body = video("a cat");
        body["duration"] = json!(duration);
        body["quality"] = json!(quality);
        let id = kit.create_with(body).await;
        kit.pass(at_least);
        assert_eq!(kit.read(&id).await["status"], "processing", "{duration} s");
        kit.pass(at_most - at_least);
        assert_eq!(kit.read(&id).await["status"], "completed", "{duration} s");
    }
}

#[tokio::test]
async fn speed_makes_tasks_finish_sooner() {
    let kit = Kit::with(SimConfig {
        speed: 10.0,
        ..SimConfig::default()
    })
    .await;
    let id = kit.create("a cat").await;
    kit.pass(3);
    assert_eq!(kit.read(&id).await["status"], "processing");
    kit.pass(2);
    assert_eq!(kit.read(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_cancel_ends_an_open_task_and_only_that() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    let cancel = format!("/v1/tasks/{id}/cancel");
    let (status, task) = kit.post(&cancel, json!({})).await;
    assert_eq!((status, &task["status"]), (200, &json!("cancelled")));
    let (status, error) = kit.post(&cancel, json!({})).await;
    assert_eq!(status, 400);
    assert_eq!(error["error"]["code"], "task_not_cancellable");
    kit.pass(100);
    assert_eq!(kit.read(&id).await["status"], "cancelled");
    let (status, error) = kit
        .post("/v1/tasks/task-unified-1-x/cancel", json!({}))
        .await;
    assert_eq!(status, 404);
    assert_eq!(error["error"]["message"], "Task not found");
}

#[tokio::test]
async fn a_result_is_a_real_mp4_and_honours_ranges() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    let path = format!("/files/{id}.mp4");
    assert_eq!(kit.get(&path).await.0, 404, "before completion");
    kit.pass(60);
    // Result URLs need no key.
    let url = format!("{}{path}", kit.sim.url());
    let answer = kit.http.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "video/mp4");
    assert_eq!(answer.headers()["accept-ranges"], "bytes");
    let whole = answer.bytes().await.unwrap();
    assert_eq!(&whole[4..8], b"ftyp");

    let part = kit.http.get(&url).header("range", "bytes=4-7");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    let range = format!("bytes 4-7/{}", whole.len());
    assert_eq!(part.headers()["content-range"], range.as_str());
    assert_eq!(part.bytes().await.unwrap(), "ftyp");

    let beyond = kit.http.get(&url).header("range", "bytes=999999-");
    assert_eq!(beyond.send().await.unwrap().status(), 416);
    let head = kit.http.head(&url).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(
        head.headers()["content-length"],
        whole.len().to_string().as_str()
    );
}

#[tokio::test]
async fn images_and_audios_end_in_files_of_their_kind() {
    let kit = Kit::new().await;
    for (path, model, content_type) in [
        ("/v1/images/generations", "gpt-image-1.5", "image/png"),
        ("/v1/audios/generations", "suno-v4", "audio/mpeg"),
    ] {
        let (_, task) = kit.post(path, json!({"model": model, "prompt": "x"})).await;
        kit.pass(100);
        let task = kit.read(task["id"].as_str().unwrap()).await;
        let url = task["results"][0].as_str().unwrap();
        let answer = kit.http.get(url).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], content_type);
    }
}

#[tokio::test]
async fn tasks_and_results_die_after_24_hours() {
    let kit = Kit::new().await;
    let id = kit.create("a cat").await;
    let path = format!("/v1/tasks/{id}");
    kit.pass(24 * 3600 - 10);
    assert_eq!(kit.get(&path).await.0, 200);
    kit.pass(20);
    let (status, error) = kit.get(&path).await;
    assert_eq!(status, 404);
    assert_eq!(
        error,
        json!({"error": {
            "message": "Task not found", "type": "invalid_request_error", "code": "task_not_found",
        }})
    );
    // The result was made 45 s after the task.
    let file = format!("/files/{id}.mp4");
    let status = kit.ask(Method::HEAD, &file).send().await.unwrap().status();
    assert_eq!(status, 200);
    kit.pass(60);
    assert_eq!(kit.get(&file).await.0, 404);
    assert_eq!(kit.get("/v1/tasks").await.1["total"], 0);
    assert_eq!(kit.sim.account().billed.to_string(), "17.784");
}

#[tokio::test]
async fn retention_and_the_life_of_results_can_be_set() {
    let kit = Kit::with(SimConfig {
        retention: Duration::from_mins(2),
        result_ttl: Duration::from_mins(1),
        ..SimConfig::default()
    })
    .await;
    let id = kit.create("a cat").await;
    kit.pass(110);
    assert_eq!(kit.get(&format!("/files/{id}.mp4")).await.0, 404);
    assert_eq!(kit.read(&id).await["status"], "completed");
    kit.pass(20);
    assert_eq!(kit.get(&format!("/v1/tasks/{id}")).await.0, 404);
}

#[tokio::test]
async fn an_instant_simulator_completes_at_once_and_only_counts() {
    let kit = Kit::with(SimConfig {
        instant: true,
        ..SimConfig::default()
    })
    .await;
    let (_, created) = kit.post("/v1/videos/generations", video("a cat")).await;
    assert_eq!(created["status"], "pending");
    let task = kit.read(created["id"].as_str().unwrap()).await;
    assert_eq!(task["status"], "completed");
    let (_, journal) = kit.get("/_sim/journal").await;
    assert_eq!(journal["requests"], json!([]));
    assert_eq!(journal["counts"], json!({"create": 1, "read": 1}));
}
