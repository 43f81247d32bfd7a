//! Creates: what is accepted, and what is refused with which words.

use reqwest::Method;
use serde_json::{Value, json};

use evolink_sim::SimConfig;

use crate::kit::{Kit, parts, video};

#[tokio::test]
async fn a_create_answers_200_with_the_contracts_task_object() {
    let kit = Kit::new().await;
    let (status, task) = kit.post("/v1/videos/generations", video("a cat")).await;
    assert_eq!(status, 200);
    let id = task["id"].as_str().unwrap();
    let tail = id.strip_prefix("task-unified-").unwrap();
    let (seconds, letters) = tail.split_once('-').unwrap();
    assert_eq!(seconds, task["created"].to_string());
    assert_eq!(letters.len(), 8);
    assert_eq!(
        task,
        json!({
            "created": task["created"], "id": id, "model": "seedance-2.0",
            "object": "video.generation.task", "progress": 0, "status": "pending",
            "task_info": {"can_cancel": true, "estimated_time": 132}, "type": "video",
            "usage": {"billing_rule": "per_second", "credits_reserved": 17.784, "user_group": "default"},
        })
    );
}

#[tokio::test]
async fn images_and_audios_have_the_same_shape() {
    let kit = Kit::new().await;
    for (path, model, kind) in [
        ("/v1/images/generations", "gpt-image-1.5", "image"),
        ("/v1/audios/generations", "suno-v4", "audio"),
    ] {
        let body = json!({"model": model, "prompt": "a cat", "size": "1:1"});
        let (status, task) = kit.post(path, body).await;
        assert_eq!(status, 200, "{task}");
        assert_eq!(task["object"], format!("{kind}.generation.task"));
        assert_eq!(task["type"], kind);
        assert_eq!(task["usage"]["billing_rule"], "per_call");
    }
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_a_401_of_evolinks_shape() {
    let kit = Kit::with(SimConfig {
        api_keys: vec!["sk-good".to_owned()],
        ..SimConfig::default()
    })
    .await;
    let url = format!("{}/v1/credits", kit.sim.url());
    for request in [
        kit.http.get(&url),
        kit.http.get(&url).bearer_auth("sk-bad"),
        kit.http.get(&url).header("authorization", "sk-good"),
    ] {
        let (status, body) = parts(request.send().await.unwrap()).await;
        assert_eq!(status, 401);
        assert_eq!(body["error"]["type"], "evo_api_error");
        assert_eq!(body["error"].get("code"), None);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Invalid token (request id: "),
            "{message}"
        );
    }
    let request = kit.http.get(&url).bearer_auth("sk-good");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn without_configured_keys_any_sk_key_is_good() {
    let kit = Kit::new().await;
    let url = format!("{}/v1/credits", kit.sim.url());
    for (key, status) in [("sk-x", 200), ("sk-", 401), ("pk-x", 401)] {
        let answer = kit.http.get(&url).bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status(), status, "{key}");
    }
}

fn with(field: &str, value: Value) -> Value {
    let mut body = video("a cat");
    body[field] = value;
    body
}

#[tokio::test]
async fn wrong_fields_are_refused_in_evolinks_words() {
    let kit = Kit::new().await;
    let media = "image_urls must contain publicly accessible http(s) URLs";
    let cases = [
        (with("prompt", json!("  ")), "prompt cannot be empty"),
        (with("prompt", Value::Null), "prompt cannot be empty"),
        (
            with("duration", json!(3)),
            "duration must be between 4 and 15",
        ),
        (
            with("duration", json!(16)),
            "duration must be between 4 and 15",
        ),
        (
            with("duration", json!("5")),
            "duration must be between 4 and 15",
        ),
        (
            with("duration", json!(5.5)),
            "duration must be between 4 and 15",
        ),
        (
            with("quality", json!("4k")),
            "quality must be one of: 480p, 720p, 1080p",
        ),
        (
            with("aspect_ratio", json!("2:1")),
            "aspect_ratio must be one of: 16:9, 9:16, 1:1, 4:3, 3:4, 21:9",
        ),
        (
            with("generate_audio", json!("yes")),
            "generate_audio must be a boolean",
        ),
        (
            with("image_urls", json!(vec!["https://example.com/a.png"; 10])),
            "image_urls must contain at most 9 items",
        ),
        (with("image_urls", json!(["/tmp/a.png"])), media),
        (with("image_urls", json!(["http://localhost/a.png"])), media),
        (with("image_urls", json!(["http://10.0.0.1/a.png"])), media),
        (
            with("image_urls", json!(["https://example.com/a b.png"])),
            media,
        ),
        (
            with("image_urls", json!("https://example.com/a.png")),
            "image_urls must be an array",
        ),
        (
            with("callback_url", json!("nonsense")),
            "callback_url is not a valid URL",
        ),
        (json!([]), "request body must be a JSON object"),
    ];
    for (body, message) in cases {
        let (status, answer) = kit.post("/v1/videos/generations", body).await;
        assert_eq!(status, 400, "{message}");
        assert_eq!(
            answer,
            json!({"error": {
                "message": message, "type": "invalid_request_error", "code": "invalid_parameter",
            }})
        );
    }
    assert_eq!(kit.sim.account().tasks.total, 0);
}

#[tokio::test]
async fn seedance_1_5_takes_one_image_and_no_video() {
    let kit = Kit::new().await;
    let picture = "https://example.com/a.png";
    for (field, value, status) in [
        ("image_urls", json!([picture]), 200),
        ("image_urls", json!([picture, picture]), 400),
        ("video_urls", json!(["https://example.com/a.mp4"]), 400),
        ("audio_urls", json!(["https://example.com/a.mp3"]), 400),
        ("generate_audio", json!(true), 200),
    ] {
        let mut body = with(field, value);
        body["model"] = json!("seedance-1.5-pro");
        let (got, answer) = kit.post("/v1/videos/generations", body).await;
        assert_eq!(got, status, "{answer}");
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let kit = Kit::new().await;
    kit.create_with(with("model_params", json!({"web_search": true})))
        .await;
}

#[tokio::test]
async fn an_unknown_model_is_a_404() {
    let kit = Kit::new().await;
    let (status, answer) = kit
        .post("/v1/videos/generations", with("model", json!("seedance-9")))
        .await;
    assert_eq!(status, 404);
    assert_eq!(answer["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn models_of_other_families_have_their_own_limits() {
    let kit = Kit::new().await;
    for (model, duration, status) in [
        ("sora-2-preview", 8, 200),
        ("sora-2-preview", 5, 400),
        ("veo-3.1-generate-preview", 6, 200),
        ("kling-o3-text-to-video", 3, 200),
        ("seedance-2.0-fast-text-to-video", 5, 200),
    ] {
        let body = json!({"model": model, "prompt": "a cat", "duration": duration});
        let (got, answer) = kit.post("/v1/videos/generations", body).await;
        assert_eq!(got, status, "{answer}");
    }
    let body =
        json!({"model": "seedance-2.0-fast-text-to-video", "prompt": "x", "quality": "1080p"});
    let (_, answer) = kit.post("/v1/videos/generations", body).await;
    assert_eq!(
        answer["error"]["message"],
        "quality must be one of: 480p, 720p"
    );
}

#[tokio::test]
async fn strict_callbacks_are_https_and_public() {
    let kit = Kit::with(SimConfig {
        allow_local_callbacks: false,
        ..SimConfig::default()
    })
    .await;
    let long = format!("https://example.com/{}", "x".repeat(2048));
    for (url, status) in [
        ("https://example.com/hook", 200),
        ("http://example.com/hook", 400),
        ("https://127.0.0.1/hook", 400),
        ("https://hooks.internal/x", 400),
        (long.as_str(), 400),
    ] {
        let (got, answer) = kit
            .post("/v1/videos/generations", with("callback_url", json!(url)))
            .await;
        assert_eq!(got, status, "{answer}");
    }
}

#[tokio::test]
async fn every_error_is_json() {
    let kit = Kit::new().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v1/nothing"),
        (Method::DELETE, "/v1/tasks/x"),
        (Method::GET, "/files/nothing.mp4"),
        (Method::GET, "/_sim/nothing"),
    ] {
        let (status, body) = parts(kit.ask(method, path).send().await.unwrap()).await;
        assert_eq!(status, 404, "{path}");
        assert!(body["error"]["message"].is_string(), "{path}");
    }
    let broken = kit
        .ask(Method::POST, "/v1/videos/generations")
        .body("{\"model\":");
    let (status, body) = parts(broken.send().await.unwrap()).await;
    assert_eq!(status, 400);
    assert_eq!(body["error"]["code"], "invalid_parameter");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_a_413() {
    let kit = Kit::new().await;
    let request = kit.create_request(&"x".repeat(11 * 1024 * 1024));
    assert_eq!(request.send().await.unwrap().status(), 413);
}
