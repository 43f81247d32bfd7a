//! What callers get while the store can't be written: never a local guess.

use evogate_store::Scope;
use serde_json::{Value, json};

use super::{BOOTSTRAP, World};

#[tokio::test]
async fn when_the_store_can_not_be_written_changes_are_a_503_that_says_when_to_come_back() {
    let world = World::start().await;
    world.server.store().close().await;
    let post = |path: &str, key: &str, body: Value| {
        let url = format!("{}{path}", world.url);
        world.http.post(url).bearer_auth(key).json(&body).send()
    };
    let mut keys = world.of_scope.iter();
    let (_, key) = keys.find(|(scope, _)| *scope == Scope::Generate).unwrap();
    let video =
        json!({ "model": "seedance-2.0", "prompt": "a cat", "duration": 5, "quality": "720p" });
    for (path, key, body) in [
        ("/v1/videos/generations", key.as_str(), video),
        (
            "/admin/v1/tenants/team/grants",
            BOOTSTRAP,
            json!({ "credits": 1 }),
        ),
        ("/admin/v1/tenants/team/keys", BOOTSTRAP, json!({})),
    ] {
        let answer = post(path, key, body).await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], "store_unavailable", "{path}");
        assert!(!body.to_string().contains("closed"), "{body}");
    }
    let ready = world.http.get(format!("{}/readyz", world.ops)).send().await;
    assert_eq!(ready.unwrap().status(), 503);
}
