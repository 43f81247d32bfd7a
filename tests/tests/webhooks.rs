//! Webhooks to tenants: signed, tried again until somebody takes them, and sent to no address that the
//! policy forbids.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use evogate_tests::{
    Caller as _, Delivery, Manner, Receiver, Rig, assert_books, clients_folder, python, until,
};
use serde_json::{Value, json};

/// Submits something that calls this address when it is done, and answers our id.
async fn call(rig: &Rig, prompt: &str, url: String) -> String {
    let body = json!({ "model": "seedance-2.0", "prompt": prompt, "callback_url": url });
    rig.team.submit(&body).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Verifies a delivery with the library that Standard Webhooks gives receivers.
fn verified(secret: &Value, delivery: &Delivery, body: &str) -> bool {
    let header = |name| (name, delivery.header(name));
    let headers: Value = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(header)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let given = json!({ "secret": secret, "headers": headers, "body": body });
    let mut command = python();
    command.arg("-B").arg(clients_folder().join("verify.py"));
    let mut library = command
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    library
        .stdin
        .take()
        .unwrap()
        .write_all(given.to_string().as_bytes())
        .unwrap();
    library.wait().unwrap().success()
}

/// The attempts in a task's timeline: status (0: no answer) and outcome.
async fn attempts(rig: &Rig, id: &str) -> Vec<(u64, String)> {
    let timeline = rig.team.timeline(id).await;
    let steps = timeline["data"].as_array().unwrap().iter();
    let of = |step: &Value| {
        (
            step["status"].as_u64().unwrap_or(0),
            step["outcome"].as_str().unwrap().to_owned(),
        )
    };
    steps
        .filter(|step| step["step"] == "delivery")
        .map(of)
        .collect()
}

#[tokio::test]
async fn the_receiver_gets_the_task_as_a_read_gives_it_signed() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let id = call(&rig, "tell me", receiver.url("/hook?team=1")).await;
    let delivery = receiver.delivery(1).await;
    assert_eq!(delivery.path, "/hook?team=1");
    assert_eq!(delivery.header("content-type"), "application/json");
    assert_eq!(delivery.json(), rig.team.task(&id).await);
    let secret = rig.team.get("/v1/webhooks/secret").await.ok()["secret"].clone();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    let body = String::from_utf8(delivery.bytes.to_vec()).unwrap();
    assert!(verified(&secret, &delivery, &body), "{delivery:?}");
    assert!(!verified(
        &secret,
        &delivery,
        &body.replace("completed", "failed")
    ));
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn failures_and_cancellations_are_told_too() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let failed = call(&rig, "bad #sim:fail=service_error", receiver.url("/failed")).await;
    assert_eq!(
        receiver.delivery(1).await.json(),
        rig.team.task(&failed).await
    );
    let gone = call(&rig, "stop #sim:seconds=600", receiver.url("/cancelled")).await;
    rig.team
        .post_empty(&format!("/v1/tasks/{gone}/cancel"))
        .await
        .ok();
    let told = receiver.delivery(2).await;
    assert_eq!(told.path, "/cancelled");
    assert_eq!(told.json()["status"], "cancelled");
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn after_a_500_it_comes_again_under_the_same_id_also_across_a_restart() {
    let mut rig = Rig::start().await;
    let receiver = Receiver::start().await;
    receiver.next([Manner::Status(500)]);
    let id = call(&rig, "try again", receiver.url("/hook")).await;
    let first = receiver.delivery(1).await;
    until("the failure is recorded", async || {
        (attempts(&rig, &id).await.len() == 1).then_some(())
    })
    .await;
    rig.gateway.kill();
    rig.gateway.restart().await;
    let second = receiver.delivery(2).await;
    assert_eq!(second.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(second.bytes, first.bytes);
    until("the delivery is recorded", async || {
        let made = attempts(&rig, &id).await;
        (made
            == [
                (500, "to be tried again".to_owned()),
                (200, "delivered".to_owned()),
            ])
        .then_some(())
    })
    .await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_410_ends_it_and_a_redirect_is_not_followed() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    receiver.next([Manner::Status(410)]);
    let gone = call(&rig, "no more", receiver.url("/gone")).await;
    until("it is dead", async || {
        (attempts(&rig, &gone).await == [(410, "given up".to_owned())]).then_some(())
    })
    .await;
    receiver.next([Manner::Redirect(receiver.url("/elsewhere"))]);
    let moved = call(&rig, "moved", receiver.url("/moved")).await;
    until("it will be tried again", async || {
        (attempts(&rig, &moved).await == [(307, "to be tried again".to_owned())]).then_some(())
    })
    .await;
    assert!(
        receiver
            .deliveries()
            .iter()
            .all(|delivery| delivery.path != "/elsewhere")
    );
}

#[tokio::test]
async fn one_endpoint_that_hangs_slows_no_other() {
    let rig = Rig::builder().set("webhooks.timeout", "15s").start().await;
    let (hung, good) = (Receiver::start().await, Receiver::start().await);
    hung.next(std::iter::repeat_n(Manner::Hang, 20));
    for number in 0..8 {
        call(&rig, &format!("hung {number}"), hung.url("/hook")).await;
    }
    hung.delivery(1).await;
    let began = std::time::Instant::now();
    call(&rig, "good", good.url("/hook")).await;
    good.delivery(1).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn an_address_that_may_not_be_called_is_a_400_at_the_submit() {
    let rig = Rig::builder()
        .set("webhooks.allow_insecure_hosts", json!([]))
        .set("webhooks.allow_networks", json!([]))
        .start()
        .await;
    let receiver = Receiver::start().await;
    let ours = format!("{}/callbacks/evolink/x", rig.gateway.direct_url());
    let forbidden = [
        receiver.url("/hook"),
        ours,
        "http://example.com/hook".to_owned(),
        "https://10.0.0.8/hook".to_owned(),
        "https://127.0.0.1/hook".to_owned(),
        "https://127.1/hook".to_owned(),
        "https://0x7f000001/hook".to_owned(),
        "https://[::1]/hook".to_owned(),
        "https://[::ffff:10.0.0.1]/hook".to_owned(),
        "https://localhost/hook".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://metadata.google.internal/".to_owned(),
        "https://service.internal/hook".to_owned(),
        "https://example.com:22/hook".to_owned(),
        "https://user:secret@example.com/hook".to_owned(),
        "ftp://example.com/hook".to_owned(),
        "example.com/hook".to_owned(),
        format!("https://example.com/{}", "x".repeat(2100)),
    ];
    for url in forbidden {
        let body = json!({ "model": "seedance-2.0", "prompt": "no", "callback_url": url });
        let error = rig.team.submit(&body).await.error(400, "invalid_parameter");
        assert_eq!(error["param"], "callback_url", "{url}");
    }
    assert!(rig.sim.requests("create").await.is_empty());
}

#[tokio::test]
async fn the_gateways_own_addresses_and_metadata_services_stay_closed_always() {
    let rig = Rig::builder()
        .set(
            "webhooks.allow_networks",
            json!(["169.254.0.0/16", "127.0.0.0/8"]),
        )
        .start()
        .await;
    for url in [
        format!("{}/callbacks/evolink/x", rig.gateway.direct_url()),
        "http://169.254.169.254/latest".to_owned(),
        "https://169.254.169.254/latest".to_owned(),
    ] {
        let body = json!({ "model": "seedance-2.0", "prompt": "no", "callback_url": url });
        let error = rig.team.submit(&body).await.error(400, "invalid_parameter");
        assert_eq!(error["param"], "callback_url", "{url}");
    }
}
