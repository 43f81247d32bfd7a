//! Endpoints that tenants register: who is told of what, signed with what, and what can be done about
//! what did not arrive.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evogate_tests::{
    Caller, Delivery, Manner, Micro, Receiver, Rig, clients_folder, python, until,
};
use serde_json::{Value, json};

/// Waits until it is so.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    until(what, async || is_so().await.then_some(())).await;
}

/// Registers an endpoint, and answers what is said of it, with its secret.
async fn register(rig: &Rig, url: String, events: &[&str]) -> Value {
    let body = json!({ "url": url, "events": events });
    let answer = rig.team.post("/v1/webhooks/endpoints", &body).await;
    assert_eq!(answer.status, 201);
    answer.json()
}

fn path(endpoint: &Value) -> String {
    format!(
        "/v1/webhooks/endpoints/{}",
        endpoint["id"].as_str().unwrap()
    )
}

async fn submit(rig: &Rig, prompt: &str) -> String {
    let body = json!({ "model": "seedance-2.0", "prompt": prompt });
    let task = rig.team.submit(&body).await.ok();
    task["id"].as_str().unwrap().to_owned()
}

/// Verifies a delivery with the library that Standard Webhooks gives receivers.
fn verified(secret: &Value, delivery: &Delivery) -> bool {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<_, _> = names
        .map(|name| (name.to_owned(), Value::from(delivery.header(name))))
        .into_iter()
        .collect();
    // The script prints the id of the task; events without a task have none.
    let body = String::from_utf8(delivery.bytes.to_vec()).unwrap();
    let given = json!({ "secret": secret, "headers": headers, "body": body });
    let mut command = python();
    command.arg("-B").arg(clients_folder().join("verify.py"));
    let command = command.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut library = command.spawn().unwrap();
    let mut stdin = library.stdin.take().unwrap();
    stdin.write_all(given.to_string().as_bytes()).unwrap();
    drop(stdin);
    library.wait().unwrap().success()
}

/// The tenant's deliveries that the query shows.
async fn deliveries(rig: &Rig, query: &str) -> Vec<Value> {
    let list = rig
        .team
        .get(&format!("/v1/webhooks/deliveries?{query}"))
        .await
        .ok();
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn endpoints_get_what_they_subscribe_to_signed_with_their_own_secrets() {
    let rig = Rig::start().await;
    let (all, failures) = (Receiver::start().await, Receiver::start().await);
    let to_all = register(&rig, all.url("/all"), &[]).await;
    let to_failures = register(&rig, failures.url("/failures"), &["task.failed"]).await;
    assert_ne!(to_all["secret"], to_failures["secret"]);
    let done = submit(&rig, "done").await;
    let first = all.delivery(1).await;
    assert_eq!(first.json(), rig.team.task(&done).await);
    assert_eq!(first.header("x-evogate-event"), "task.completed");
    assert_eq!(first.header("x-evogate-endpoint"), to_all["id"]);
    let failed = submit(&rig, "bad #sim:fail=service_error").await;
    let told = failures.delivery(1).await;
    assert_eq!(told.json()["id"], failed.as_str());
    assert_eq!(
        told.header("webhook-id"),
        all.delivery(2).await.header("webhook-id")
    );
    assert_eq!(failures.deliveries().len(), 1);
    assert!(verified(&to_all["secret"], &first));
    assert!(verified(&to_failures["secret"], &told));
    assert!(!verified(&to_failures["secret"], &first));
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_new_one_and_neither_is_shown_again() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let endpoint = register(&rig, receiver.url("/hook"), &[]).await;
    let rotate = format!("{}/rotate-secret", path(&endpoint));
    let rotated = rig
        .team
        .post(&rotate, &json!({ "overlap": 600 }))
        .await
        .ok();
    assert_ne!(rotated["secret"], endpoint["secret"]);
    submit(&rig, "signed twice").await;
    let delivery = receiver.delivery(1).await;
    assert!(verified(&endpoint["secret"], &delivery));
    assert!(verified(&rotated["secret"], &delivery));
    let at_once = rig.team.post(&rotate, &json!({ "overlap": 0 })).await.ok();
    submit(&rig, "signed once").await;
    let delivery = receiver.delivery(2).await;
    assert!(!verified(&rotated["secret"], &delivery));
    assert!(verified(&at_once["secret"], &delivery));
    let shown = rig.team.get(&path(&endpoint)).await.ok();
    assert!(shown.get("secret").is_none(), "{shown}");
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_tenants_own_secret_rotates_with_an_overlap_too() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let before = rig.team.get("/v1/webhooks/secret").await.ok()["secret"].clone();
    let rotated = rig.team.post_empty("/v1/webhooks/secret/rotate").await.ok();
    let now = rig.team.get("/v1/webhooks/secret").await.ok()["secret"].clone();
    assert_eq!(now, rotated["secret"]);
    let body = json!({ "model": "seedance-2.0", "prompt": "x", "callback_url": receiver.url("/") });
    rig.team.submit(&body).await.ok();
    let delivery = receiver.delivery(1).await;
    assert!(verified(&before, &delivery) && verified(&now, &delivery));
}

#[tokio::test]
async fn a_gone_endpoint_is_disabled_its_dead_letter_is_listed_and_sent_again_once_it_is_back() {
    let rig = Rig::start().await;
    let (gone, other) = (Receiver::start().await, Receiver::start().await);
    let endpoint = register(&rig, gone.url("/hook"), &[]).await;
    register(&rig, other.url("/ops"), &["endpoint.disabled"]).await;
    gone.next([Manner::Status(410)]);
    let task = submit(&rig, "gone").await;
    let told = other.delivery(1).await;
    assert_eq!(told.header("x-evogate-event"), "endpoint.disabled");
    assert_eq!(told.json()["endpoint"], endpoint["id"]);
    let shown = rig.team.get(&path(&endpoint)).await.ok();
    assert_eq!(shown["enabled"], false);
    assert_eq!(shown["disabled"]["reason"], "it answered 410 Gone");

    let dead = deliveries(&rig, "state=dead").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0]["task"], task.as_str());
    let id = dead[0]["id"].as_str().unwrap();
    let one = rig
        .team
        .get(&format!("/v1/webhooks/deliveries/{id}"))
        .await
        .ok();
    assert_eq!(one["attempts"][0]["status"], 410);
    assert_eq!(
        one["body"].as_str().unwrap(),
        rig.team.get(&format!("/v1/tasks/{task}")).await.text()
    );
    let redeliver = format!("/v1/webhooks/deliveries/{id}/redeliver");
    rig.team
        .post_empty(&redeliver)
        .await
        .error(409, "endpoint_disabled");
    let replay = format!("{}/replay", path(&endpoint));
    rig.team
        .post_empty(&replay)
        .await
        .error(409, "endpoint_disabled");

    // While it is disabled, nothing new is for it.
    submit(&rig, "meanwhile").await;
    rig.team
        .patch(&path(&endpoint), &json!({ "enabled": true }))
        .await
        .ok();
    let replayed = rig.team.post_empty(&replay).await.ok();
    assert_eq!(
        (&replayed["replayed"], &replayed["more"]),
        (&json!(1), &json!(false))
    );
    let again = gone.delivery(2).await;
    assert_eq!(again.header("webhook-id"), one["event"]["id"]);
    assert_eq!(again.header("x-evogate-attempt"), "2");
    eventually("it counts as delivered", async || {
        deliveries(&rig, "state=dead").await.is_empty()
    })
    .await;
    assert_eq!(gone.deliveries().len(), 2);
}

#[tokio::test]
async fn what_was_delivered_can_be_sent_again_by_its_id_and_by_its_time() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let endpoint = register(&rig, receiver.url("/hook"), &[]).await;
    for n in 0..3 {
        submit(&rig, &format!("task {n}")).await;
        receiver.delivery(n + 1).await;
    }
    eventually("they count as delivered", async || {
        deliveries(&rig, "state=delivered").await.len() == 3
    })
    .await;
    let id = deliveries(&rig, "limit=1").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let again = rig
        .team
        .post_empty(&format!("/v1/webhooks/deliveries/{id}/redeliver"))
        .await;
    assert_eq!(again.status, 202);
    receiver.delivery(4).await;
    eventually("it counts as delivered", async || {
        deliveries(&rig, "state=delivered").await.len() == 3
    })
    .await;
    let replay = format!("{}/replay", path(&endpoint));
    let before = json!({ "state": "all", "to": 1_000_000_000 });
    assert_eq!(rig.team.post(&replay, &before).await.ok()["replayed"], 0);
    let since = json!({ "state": "delivered", "from": "2020-01-01T00:00:00Z" });
    assert_eq!(rig.team.post(&replay, &since).await.ok()["replayed"], 3);
    receiver.delivery(7).await;
    let ids: std::collections::BTreeSet<_> = receiver
        .deliveries()
        .iter()
        .map(|delivery| delivery.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 3, "the same events under the same ids");
}

#[tokio::test]
async fn a_list_of_deliveries_goes_on_page_by_page() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    register(&rig, receiver.url("/hook"), &[]).await;
    for n in 0..5 {
        submit(&rig, &format!("task {n}")).await;
    }
    receiver.delivery(5).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/webhooks/deliveries?limit=2{after}");
        let page = rig.team.get(&path).await.ok();
        let data = page["data"].as_array().unwrap().clone();
        seen.extend(
            data.iter()
                .map(|delivery| delivery["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let bad = rig.team.get("/v1/webhooks/deliveries?after=nothing").await;
    bad.error(400, "invalid_parameter");
}

#[tokio::test]
async fn a_test_shows_what_an_endpoint_answers() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let endpoint = register(&rig, receiver.url("/hook"), &["credits.low"]).await;
    receiver.next([Manner::Status(503)]);
    let sent = rig
        .team
        .post_empty(&format!("{}/test", path(&endpoint)))
        .await;
    assert_eq!(sent.status, 202);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let seen = receiver.delivery(1).await;
    assert_eq!(seen.header("x-evogate-event"), "endpoint.test");
    until("the attempt is recorded", async || {
        let one = rig
            .team
            .get(&format!("/v1/webhooks/deliveries/{id}"))
            .await
            .ok();
        (one["attempts"][0]["status"] == 503 && one["state"] == "pending").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tenant_is_told_once_that_its_credits_are_low() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    register(&rig, receiver.url("/credits"), &["credits.low"]).await;
    let quota = json!({ "low_credit_threshold": 990 });
    rig.admin
        .put("/admin/v1/tenants/team/quota", &quota)
        .await
        .ok();
    submit(&rig, "dear").await;
    let told = receiver.delivery(1).await.json();
    assert_eq!(
        (&told["type"], &told["threshold"]),
        (&json!("credits.low"), &json!(990))
    );
    assert!(told["available"].as_f64().unwrap() < 990.0, "{told}");
    submit(&rig, "dearer").await;
    eventually("both are done", async || {
        rig.admin.credits("team", "held").await == Micro(0)
    })
    .await;
    assert_eq!(receiver.deliveries().len(), 1);
}

#[tokio::test]
async fn no_other_tenant_and_no_unfit_address_gets_in() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let endpoint = register(&rig, receiver.url("/hook"), &[]).await;
    let other = rig.admin.tenant("other", "10").await;
    for path in [path(&endpoint), format!("{}/test", path(&endpoint))] {
        let answer = if path.ends_with("/test") {
            other.post_empty(&path).await
        } else {
            other.get(&path).await
        };
        answer.error(404, "endpoint_not_found");
    }
    let bad = [
        (json!({}), "url"),
        (json!({ "url": "https://10.0.0.8/hook" }), "url"),
        (json!({ "url": "https://169.254.169.254/" }), "url"),
        (json!({ "url": rig.gateway.direct_url() }), "url"),
        (
            json!({ "url": receiver.url("/"), "events": ["task.done"] }),
            "events[0]",
        ),
        (
            json!({ "url": receiver.url("/"), "events": ["endpoint.test"] }),
            "events[0]",
        ),
    ];
    for (body, param) in bad {
        let error = rig.team.post("/v1/webhooks/endpoints", &body).await;
        assert_eq!(
            error.error(400, "invalid_parameter")["param"],
            param,
            "{body}"
        );
    }
    let moved = json!({ "url": "https://192.168.0.1/" });
    rig.team
        .patch(&path(&endpoint), &moved)
        .await
        .error(400, "invalid_parameter");
}

#[tokio::test]
async fn an_admin_sees_and_repeats_the_deliveries_of_every_tenant() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let endpoint = register(&rig, receiver.url("/hook"), &[]).await;
    receiver.next([Manner::Status(410)]);
    submit(&rig, "gone").await;
    let dead = until("it is dead", async || {
        let list = rig
            .admin
            .get("/admin/v1/webhooks/deliveries?state=dead")
            .await
            .ok();
        list["data"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!(dead["tenant"], "team");
    let of_team = "/admin/v1/tenants/team/webhooks";
    let id = endpoint["id"].as_str().unwrap();
    let enable = format!("{of_team}/endpoints/{id}");
    rig.admin
        .patch(&enable, &json!({ "enabled": true }))
        .await
        .ok();
    let delivery = dead["id"].as_str().unwrap();
    let again = format!("{of_team}/deliveries/{delivery}/redeliver");
    assert_eq!(rig.admin.post_empty(&again).await.status, 202);
    receiver.delivery(2).await;
    let all = rig.admin.get("/admin/v1/webhooks/endpoints").await.ok();
    assert_eq!(
        (&all["total"], &all["data"][0]["id"]),
        (&json!(1), &endpoint["id"])
    );
    for (query, count) in [
        ("tenant=team&enabled=true", 1),
        ("search=/HOOK", 1),
        ("enabled=false", 0),
        ("search=nowhere", 0),
        ("tenant=other", 0),
    ] {
        let path = format!("/admin/v1/webhooks/endpoints?{query}");
        assert_eq!(rig.admin.get(&path).await.ok()["total"], count, "{query}");
    }
    let odd = rig.admin.get("/admin/v1/webhooks/endpoints?enabled=maybe");
    odd.await.error(400, "invalid_parameter");
    let audit = rig.admin.get("/admin/v1/audit").await.ok();
    let actions: Vec<_> = audit["data"].as_array().unwrap().iter().collect();
    let actions: Vec<_> = actions
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert!(actions.contains(&"endpoint.create") && actions.contains(&"endpoint.change"));
    let text = audit.to_string();
    assert!(!text.contains("whsec_"), "{text}");
}

#[tokio::test]
async fn secrets_are_encrypted_at_rest_and_the_key_can_be_changed() {
    let first = "0f1e2d3c4b5a69788796a5b4c3d2e1f0-first";
    let mut rig = Rig::builder()
        .set("webhooks.encryption_key", first)
        .start()
        .await;
    let receiver = Receiver::start().await;
    let endpoint = register(&rig, receiver.url("/hook"), &[]).await;
    let secret = endpoint["secret"]
        .as_str()
        .unwrap()
        .strip_prefix("whsec_")
        .unwrap();
    let bytes = STANDARD.decode(secret).unwrap();
    let stored = std::fs::read(rig.folder().join("evogate.redb")).unwrap();
    let listed = serde_json::to_string(&bytes).unwrap();
    assert!(!contains(&stored, &bytes) && !contains(&stored, listed.as_bytes()));
    let second = "0f1e2d3c4b5a69788796a5b4c3d2e1f0-second";
    rig.gateway
        .restart_with([
            ("webhooks.encryption_key", json!(second)),
            ("webhooks.old_encryption_keys", json!([first])),
        ])
        .await;
    submit(&rig, "after the change").await;
    let delivery = receiver.delivery(1).await;
    assert!(verified(&endpoint["secret"], &delivery));
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn endpoints_that_misbehave_in_every_way_delay_no_other() {
    let rig = Rig::builder().set("webhooks.timeout", "15s").start().await;
    let good = Receiver::start().await;
    register(&rig, good.url("/good"), &[]).await;
    let mut bad = Vec::new();
    for manner in [
        Manner::Hang,
        Manner::RetryAfter(429, 3600),
        Manner::Status(500),
        Manner::Redirect(good.url("/elsewhere")),
    ] {
        let receiver = Receiver::start().await;
        receiver.next(std::iter::repeat_n(manner, 100));
        for n in 0..3 {
            register(&rig, receiver.url(&format!("/{n}")), &[]).await;
        }
        bad.push(receiver);
    }
    for n in 0..10 {
        let began = std::time::Instant::now();
        submit(&rig, &format!("task {n}")).await;
        good.delivery(n + 1).await;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    assert!(
        good.deliveries()
            .iter()
            .all(|delivery| delivery.path == "/good")
    );
}
