//! EvoLink's callbacks: a hint that nobody can forge, and that decides nothing by itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evogate_tests::{CALLBACKS_SECRET, Caller as _, Micro, Rig, Tenant, assert_books, until};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// The path of the callback URL that EvoLink was given for the only task about `prompt`.
async fn path_for(rig: &Rig, prompt: &str) -> String {
    let url = rig.sim.job(prompt).await["callback_url"]
        .as_str()
        .unwrap()
        .to_owned();
    url.strip_prefix(&rig.gateway.callbacks.url())
        .unwrap()
        .to_owned()
}

/// A callback's body that claims the best.
fn lie(id: &Value) -> Value {
    json!({
        "id": id,
        "created": 1_772_203_771,
        "model": "seedance-2.0",
        "object": "video.generation.task",
        "status": "completed",
        "progress": 100,
        "results": ["https://evil.example.com/x.mp4"],
        "usage": { "credits_reserved": 17.784, "credits_used": 0.001 },
    })
}

fn token(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// A token whose payload was changed and that was signed with `secret`.
fn resigned(token: &str, secret: &str, change: impl Fn(String) -> String) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    let payload = String::from_utf8(bytes[..bytes.len() - 32].to_vec()).unwrap();
    let payload = change(payload);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(b"evogate callback v1\0");
    mac.update(payload.as_bytes());
    let tag = mac.finalize().into_bytes();
    URL_SAFE_NO_PAD.encode([payload.as_bytes(), tag.as_slice()].concat())
}

#[tokio::test]
async fn a_bad_token_is_a_404_and_changes_nothing() {
    let rig = Rig::builder()
        .set("reads.refresh_after", "1m")
        .start()
        .await;
    let id = rig.team.start("not to be forged #sim:seconds=600").await;
    let upstream = rig.sim.job("not to be forged").await["id"].clone();
    let path = path_for(&rig, "not to be forged").await;
    let good = token(&path).to_owned();
    let same = resigned(&good, CALLBACKS_SECRET, |payload| payload);
    assert_eq!(same, good, "this test knows how tokens are made");
    let other_secret = resigned(&good, "another secret of thirty-two byt", |payload| payload);
    let created = |payload: String| {
        let (rest, millis) = payload.rsplit_once('|').unwrap();
        // A task may be 26 h old, and its token an hour more.
        let old = millis.parse::<i64>().unwrap() - 27 * 3_600_000 - 60_000;
        format!("{rest}|{old}")
    };
    let expired = resigned(&good, CALLBACKS_SECRET, created);
    let mut flipped = good.clone().into_bytes();
    flipped[7] = if flipped[7] == b'A' { b'B' } else { b'A' };
    let forged = [
        String::from_utf8(flipped).unwrap(),
        good[..good.len() - 1].to_owned(),
        format!("{good}A"),
        other_secret,
        expired,
        "x".to_owned(),
        "%00%ff".to_owned(),
        "A".repeat(5000),
    ];
    let steps = rig.team.steps(&id).await;
    let reads = rig.sim.requests("read").await.len();
    for token in forged {
        let path = format!("/callbacks/evolink/{token}");
        rig.anonymous()
            .post(&path, &lie(&upstream))
            .await
            .error(404, "route_not_found");
    }
    assert_eq!(rig.team.steps(&id).await, steps);
    assert_eq!(
        rig.sim.requests("read").await.len(),
        reads,
        "nothing is asked"
    );
    assert_eq!(
        rig.admin.credits("team", "held").await,
        Micro::parse("17.784")
    );
    rig.anonymous().post(&path, &lie(&upstream)).await.ok();
}

#[tokio::test]
async fn what_a_callback_claims_counts_for_nothing() {
    let rig = Rig::start().await;
    let id = rig.team.start("still running #sim:seconds=4").await;
    let upstream = rig.sim.job("still running").await["id"].clone();
    let path = path_for(&rig, "still running").await;
    let before = rig.sim.requests("read").await.len();
    for body in [
        lie(&upstream),
        lie(&json!("task-unified-1772203771-yf1dxogh")),
        json!("?"),
    ] {
        assert_eq!(rig.anonymous().post(&path, &body).await.status, 200);
    }
    until("EvoLink was asked", async || {
        (rig.sim.requests("read").await.len() > before).then_some(())
    })
    .await;
    assert_eq!(rig.admin.credits("team", "spent").await, Micro::ZERO);
    let task = rig.team.ended_as(&id, "completed").await;
    assert!(!task.to_string().contains("evil.example.com"), "{task}");
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("17.784")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_callback_cannot_hand_one_tasks_result_to_another() {
    let rig = Rig::builder().sim_argument("--no-list").start().await;
    let other = rig.admin.tenant("other", "100").await;
    let theirs = other.start("theirs").await;
    other.ended_as(&theirs, "completed").await;
    let upstream = rig.sim.job("theirs").await["id"].clone();
    let mine = rig
        .team
        .start("mine #sim:drop-after-accept #sim:seconds=600")
        .await;
    assert_eq!(rig.team.state(&mine).await, "unknown");
    let path = path_for(&rig, "mine").await;
    let reads = rig.sim.requests("read").await.len();
    rig.anonymous().post(&path, &lie(&upstream)).await.ok();
    until("it was looked at", async || {
        (rig.sim.requests("read").await.len() > reads).then_some(())
    })
    .await;
    assert_eq!(
        rig.team.state(&mine).await,
        "unknown",
        "an id of EvoLink's belongs to one task"
    );
    assert_eq!(rig.admin.credits("team", "spent").await, Micro::ZERO);
    // The right one still finds it.
    let own = rig.sim.job("mine").await["id"].as_str().unwrap().to_owned();
    rig.sim.force(&own, json!({ "status": "completed" })).await;
    rig.team.is_in(&mine, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn duplicate_and_late_callbacks_settle_once_and_tell_once() {
    let rig = Rig::start().await;
    let receiver = evogate_tests::Receiver::start().await;
    let body = json!({
        "model": "seedance-2.0",
        "prompt": "in threes #sim:duplicate-callbacks=3",
        "callback_url": receiver.url("/hook"),
    });
    let task = rig.team.submit(&body).await.ok();
    let id = task["id"].as_str().unwrap();
    rig.team.is_in(id, "completed").await;
    let path = path_for(&rig, "in threes").await;
    until("all three came", async || {
        (rig.sim.callbacks().await.len() == 3).then_some(())
    })
    .await;
    let upstream = rig.sim.job("in threes").await["id"].clone();
    rig.anonymous().post(&path, &lie(&upstream)).await.ok();
    assert!(
        rig.sim
            .callbacks()
            .await
            .iter()
            .all(|callback| callback["status"] == 200)
    );
    receiver.delivery(1).await;
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("17.784")
    );
    let settled = rig
        .team
        .steps(id)
        .await
        .iter()
        .filter(|step| *step == "settled")
        .count();
    assert_eq!((settled, receiver.deliveries().len()), (1, 1));
}

#[tokio::test]
async fn a_callback_while_the_gateway_is_down_is_made_up_for_by_polling() {
    let mut rig = Rig::start().await;
    let id = rig.team.start("missed #sim:seconds=1").await;
    rig.gateway.kill();
    until("EvoLink has given up", async || {
        (rig.sim.callbacks().await.len() == 4).then_some(())
    })
    .await;
    rig.gateway.restart().await;
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_task_that_the_store_lost_is_made_again_from_its_callback() {
    let mut rig = Rig::start().await;
    let id = rig
        .team
        .start("remembered by its token #sim:seconds=600")
        .await;
    rig.gateway.stop().await;
    rig.lose_everything();
    rig.gateway.restart().await;
    let team = rig.admin.tenant("team", "1000").await;
    assert_eq!(team.get(&format!("/v1/tasks/{id}")).await.status, 404);
    let upstream = rig.sim.job("remembered").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.sim
        .force(&upstream, json!({ "status": "completed" }))
        .await;
    until("it is back", async || {
        let known = team.get(&format!("/v1/tasks/{id}")).await.status == 200;
        (known && team.task(&id).await["status"] == "completed").then_some(())
    })
    .await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("17.784")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_listener_of_their_own_takes_callbacks_and_nothing_else() {
    let rig = Rig::builder()
        .set("listen.callbacks", "127.0.0.1:0")
        .start()
        .await;
    let id = rig.team.start("through the other door").await;
    rig.team.ended_as(&id, "completed").await;
    until("the callback was answered", async || {
        let callbacks = rig.sim.callbacks().await;
        (callbacks.first()?["status"] == 200).then_some(())
    })
    .await;
    let path = path_for(&rig, "through the other door").await;
    let outside = evogate_tests::Anonymous::at(rig.gateway.callbacks.url());
    rig.anonymous()
        .post(&path, &json!({}))
        .await
        .error(404, "route_not_found");
    for path in [
        "/v1/credits",
        "/admin/v1/tenants",
        "/metrics",
        "/readyz",
        "/v1/models",
    ] {
        let request = outside
            .request(http::Method::GET, path)
            .bearer_auth(&rig.team.key);
        outside.send(request).await.error(404, "route_not_found");
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn the_token_says_nothing_about_the_prompt_and_fits_into_evolinks_limit() {
    let rig = Rig::builder()
        .sim_argument("--retention-hours=48")
        .start()
        .await;
    let long = "a-tenant-with-quite-a-long-name-as-long-as-names-may-be-here-ok";
    let tenant = rig.admin.tenant(long, "100").await;
    tenant.submit(&Tenant::video("confidential")).await.ok();
    let url = rig.sim.job("confidential").await["callback_url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(url.len() <= 2048, "{}", url.len());
    let decoded = URL_SAFE_NO_PAD.decode(token(&url)).unwrap();
    assert!(!String::from_utf8_lossy(&decoded).contains("confidential"));
    assert!(!String::from_utf8_lossy(&decoded).contains(CALLBACKS_SECRET));
}
