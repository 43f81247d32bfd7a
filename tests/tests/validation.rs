//! What a request may say: every fault is a clear 400 before a credit is held or a byte is sent.

use evogate_tests::{Caller as _, Micro, Rig};
use serde_json::{Value, json};

const PATH: &str = "/v1/videos/generations";

/// A good request with other members.
fn with(members: Value) -> String {
    let mut body = json!({ "model": "seedance-2.0", "prompt": "a cat" });
    let Value::Object(members) = members else {
        panic!("not members: {members}")
    };
    for (name, value) in members {
        body[name] = value;
    }
    body.to_string()
}

/// The same, written by hand.
fn raw(members: &str) -> String {
    format!(r#"{{"model":"seedance-2.0","prompt":"a cat",{members}}}"#)
}

async fn nothing_was_sent_or_held(rig: &Rig) {
    assert!(rig.sim.requests("create").await.is_empty());
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("1000")
    );
}

#[tokio::test]
async fn what_evolink_says_is_said_to_the_letter() {
    let rig = Rig::start().await;
    let rows = [
        (
            with(json!({ "prompt": "" })),
            "prompt",
            "prompt cannot be empty",
        ),
        (
            with(json!({ "prompt": " \n\t " })),
            "prompt",
            "prompt cannot be empty",
        ),
        (
            with(json!({ "duration": 3 })),
            "duration",
            "duration must be between 4 and 15",
        ),
        (
            with(json!({ "duration": 16 })),
            "duration",
            "duration must be between 4 and 15",
        ),
        (
            with(json!({ "quality": "8k" })),
            "quality",
            "quality must be one of: 480p, 720p, 1080p",
        ),
    ];
    for (body, param, message) in rows {
        let error = rig
            .team
            .post_raw(PATH, body.clone())
            .await
            .error(400, "invalid_parameter");
        assert_eq!(error["message"], message, "{body}");
        assert_eq!(error["param"], param, "{body}");
        assert_eq!(error["type"], "invalid_request_error", "{body}");
    }
    nothing_was_sent_or_held(&rig).await;
}

#[tokio::test]
async fn each_wrong_value_is_its_own_fault() {
    let rig = Rig::start().await;
    let many: Vec<String> = (0..10)
        .map(|n| format!("https://example.com/{n}.jpg"))
        .collect();
    let rows = [
        ("duration", raw(r#""duration":5.0"#)),
        ("duration", raw(r#""duration":"5""#)),
        ("duration", raw(r#""duration":1e1"#)),
        ("duration", raw(r#""duration":18446744073709551616"#)),
        ("duration", raw(r#""duration":-5"#)),
        ("duration", raw(r#""duration":true"#)),
        ("quality", with(json!({ "quality": 720 }))),
        ("aspect_ratio", with(json!({ "aspect_ratio": "2:1" }))),
        ("generate_audio", with(json!({ "generate_audio": "yes" }))),
        (
            "image_urls",
            with(json!({ "image_urls": "https://example.com/a.jpg" })),
        ),
        ("image_urls", with(json!({ "image_urls": many }))),
        ("image_urls", with(json!({ "image_urls": [7] }))),
        (
            "image_urls",
            with(json!({ "image_urls": ["/home/me/cat.jpg"] })),
        ),
        ("image_urls", with(json!({ "image_urls": ["C:\\cat.jpg"] }))),
        (
            "image_urls",
            with(json!({ "image_urls": ["file:///etc/passwd"] })),
        ),
        (
            "image_urls",
            with(json!({ "image_urls": ["http://localhost/cat.jpg"] })),
        ),
        (
            "image_urls",
            with(json!({ "image_urls": ["http://192.168.1.7/cat.jpg"] })),
        ),
        (
            "image_urls",
            with(json!({ "image_urls": ["http://[::1]/cat.jpg"] })),
        ),
        (
            "image_urls",
            with(json!({ "image_urls": ["https://example.com/my cat.jpg"] })),
        ),
        (
            "image_urls",
            with(json!({ "image_urls": ["https://example.com/kätzchen.jpg"] })),
        ),
        (
            "video_urls",
            with(json!({ "video_urls": vec!["https://example.com/1.mp4"; 4] })),
        ),
        ("prompt", with(json!({ "prompt": 5 }))),
        (
            "prompt",
            with(json!({ "prompt": "@Image3 waves", "image_urls": ["https://example.com/1.jpg"] })),
        ),
        ("prompt", with(json!({ "prompt": "like @Video1" }))),
        ("prompt", with(json!({ "prompt": "@Audio1 plays" }))),
        ("prompt", with(json!({ "prompt": "x".repeat(70_000) }))),
        ("model", r#"{"prompt":"a cat"}"#.to_owned()),
        ("model", with(json!({ "model": null }))),
        ("prompt", r#"{"model":"seedance-2.0"}"#.to_owned()),
    ];
    for (param, body) in rows {
        let shown: String = body.chars().take(200).collect();
        let error = rig
            .team
            .post_raw(PATH, body)
            .await
            .error(400, "invalid_parameter");
        let named = error["param"].as_str().unwrap_or_default();
        assert!(
            named == param || named.starts_with(&format!("{param}[")),
            "{shown}: {error}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(param),
            "{shown}: {error}"
        );
    }
    nothing_was_sent_or_held(&rig).await;
}

#[tokio::test]
async fn what_the_pro_model_does_not_take_is_said() {
    let rig = Rig::start().await;
    let image = |number: u8| format!("https://example.com/{number}.jpg");
    let rows = [
        (
            "video_urls",
            json!({ "video_urls": ["https://example.com/1.mp4"] }),
        ),
        (
            "audio_urls",
            json!({ "audio_urls": ["https://example.com/1.mp3"] }),
        ),
        ("image_urls", json!({ "image_urls": [image(1), image(2)] })),
    ];
    for (param, mut members) in rows {
        members["model"] = "seedance-1.5-pro".into();
        let error = rig
            .team
            .post_raw(PATH, with(members))
            .await
            .error(400, "invalid_parameter");
        assert_eq!(error["param"], param, "{error}");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("seedance-1.5-pro"),
            "{error}"
        );
    }
    nothing_was_sent_or_held(&rig).await;
}

#[tokio::test]
async fn what_is_not_one_json_object_is_said_to_be_so() {
    let rig = Rig::start().await;
    let deep = format!(
        r#"{{"model":"seedance-2.0","prompt":"a cat","x":{}{}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let rows: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        b"model=seedance-2.0&prompt=cat".to_vec(),
        b"{\"model\":\"seedance-2.0\",\"prompt\":\"a cat\"} trailing".to_vec(),
        b"{\"model\":\"seedance-2.0\",\"prompt\":\"a \xff cat\"}".to_vec(),
        raw(r#""duration":4,"duration":15"#).into_bytes(),
        raw(r#""x":{"a":1,"a":2}"#).into_bytes(),
        raw(r#""duration":05"#).into_bytes(),
        raw(r#""duration":NaN"#).into_bytes(),
        deep.into_bytes(),
    ];
    for body in rows {
        let shown: String = String::from_utf8_lossy(&body).chars().take(100).collect();
        let answer = rig.team.post_raw(PATH, body).await;
        assert_eq!(
            answer.json()["error"]["code"],
            "invalid_json",
            "{shown}: {}",
            answer.text()
        );
        answer.error(400, "invalid_json");
    }
    nothing_was_sent_or_held(&rig).await;
}

#[tokio::test]
async fn all_faults_are_found_at_once_and_the_first_is_the_message() {
    let rig = Rig::start().await;
    let body = json!({ "model": "seedance-2.0", "prompt": "", "duration": 99, "quality": "8k", "callback_url": "x" });
    let error = rig
        .team
        .post(PATH, &body)
        .await
        .error(400, "invalid_parameter");
    let details = error["details"].as_array().unwrap();
    let params: Vec<&str> = details
        .iter()
        .filter_map(|fault| fault["param"].as_str())
        .collect();
    for param in ["prompt", "duration", "quality", "callback_url"] {
        assert!(params.contains(&param), "{param} is missing in {error}");
    }
    assert_eq!(error["message"], details[0]["message"]);
    assert_eq!(error["param"], details[0]["param"]);
    nothing_was_sent_or_held(&rig).await;
}

#[tokio::test]
async fn a_model_that_the_catalogue_lacks_is_a_404() {
    let rig = Rig::start().await;
    for model in ["seedance-9.0", "", "SEEDANCE-2.0"] {
        let answer = rig
            .team
            .post_raw(PATH, with(json!({ "model": model })))
            .await;
        let status = if model.is_empty() { 400 } else { 404 };
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let error = rig
        .team
        .post_raw(PATH, with(json!({ "model": "seedance-9.0" })))
        .await;
    assert_eq!(error.error(404, "model_not_found")["param"], "model");
    nothing_was_sent_or_held(&rig).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413() {
    let rig = Rig::builder().set("submit.max_body", "64KiB").start().await;
    let body = with(json!({ "x": "y".repeat(70_000) }));
    let error = rig
        .team
        .post_raw(PATH, body.clone())
        .await
        .error(413, "request_too_large");
    assert_eq!(error["type"], "request_too_large_error");
    rig.team
        .post_raw("/v1/videos/estimate", body.clone())
        .await
        .error(413, "request_too_large");
    rig.team
        .post_raw("/v1/tasks/batch", body)
        .await
        .error(413, "request_too_large");
    // Also when its length is not said beforehand.
    let pieces = std::iter::repeat_n("z".repeat(10_000), 10).map(Ok::<_, std::io::Error>);
    let stream = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    rig.team
        .post_raw(PATH, stream)
        .await
        .error(413, "request_too_large");
    nothing_was_sent_or_held(&rig).await;
}

#[tokio::test]
async fn what_is_allowed_is_allowed() {
    let rig = Rig::start().await;
    let good = [
        json!({ "duration": 4, "quality": "480p", "aspect_ratio": "21:9", "generate_audio": false }),
        json!({ "duration": 15, "quality": "1080p", "aspect_ratio": "9:16" }),
        json!({
            "prompt": "@Image1 and @image2 with @Video1 and @Audio1",
            "image_urls": ["https://example.com/1.jpg", "http://example.com/2%20b.png?x=1"],
            "video_urls": ["https://example.com/1.mp4"],
            "audio_urls": ["https://example.com/1.mp3"],
        }),
        json!({ "model": "seedance-1.5-pro", "image_urls": ["https://example.com/1.jpg"], "generate_audio": true }),
        json!({ "prompt": "mail me @ImageLab or @Images, ümläute 猫 🐈" }),
        json!({ "content_filter": false, "seed": 7, "extra": { "deep": [[[1]]] } }),
    ];
    for members in good {
        let answer = rig
            .team
            .post_raw("/v1/videos/estimate", with(members.clone()))
            .await;
        assert_eq!(answer.status, 200, "{members}: {}", answer.text());
        let answer = rig.team.post_raw(PATH, with(members.clone())).await;
        assert_eq!(answer.status, 200, "{members}: {}", answer.text());
    }
}
