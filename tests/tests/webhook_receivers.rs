//! Receivers that ops have to open, by name and by certificate, and receivers whose TLS is broken.

use std::net::SocketAddr;

use evogate_tests::{Authority, Caller as _, Proxy, Receiver, Rig, Tenant, Way, until};
use serde_json::{Value, json};

/// Longer than anything that a test waits for.
const FOREVER: &str = "2m";

async fn register(rig: &Rig, url: &str) -> Value {
    let answer = rig
        .team
        .post("/v1/webhooks/endpoints", &json!({ "url": url }))
        .await;
    answer.expect(201)["id"].clone()
}

/// Waits until the last attempt of an endpoint's only delivery says this.
async fn fails(rig: &Rig, endpoint: &Value, why: &str) -> String {
    let path = format!(
        "/v1/webhooks/deliveries?endpoint={}",
        endpoint.as_str().expect("an id")
    );
    let delivery = until(&format!("an attempt that fails: {why}"), async || {
        let list = rig.team.get(&path).await.ok();
        let found = list["data"].as_array()?.last()?.clone();
        found["last_attempt"]["error"].is_string().then_some(found)
    })
    .await;
    let error = delivery["last_attempt"]["error"].as_str().expect("text");
    assert!(error.contains(why), "{error}");
    delivery["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_private_host_with_a_certificate_of_ones_own_authority_is_opened_by_name_and_by_file() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut rig = Rig::builder()
        .set("webhooks.allow_insecure_hosts", json!([]))
        .set("webhooks.allow_networks", json!([]))
        .start()
        .await;
    let receiver = Receiver::encrypted(&authority.good()).await;
    let url = format!("https://localhost:{}/hook", receiver.address().port());
    let body = json!({ "url": url });
    let refused = rig.team.post("/v1/webhooks/endpoints", &body).await;
    let refused = refused.error(400, "invalid_parameter");
    assert!(refused["message"].as_str().unwrap().contains("localhost"));

    // The name alone does not help: its certificate is signed by nobody who is known; nor by this one.
    rig.gateway
        .restart_with([
            ("webhooks.allow_hosts", json!(["localhost"])),
            ("webhooks.ca_file", json!(other.file())),
        ])
        .await;
    let endpoint = register(&rig, &url).await;
    let id = rig.team.start("told over TLS").await;
    let delivery = fails(&rig, &endpoint, "certificate").await;
    assert!(receiver.deliveries().is_empty());

    rig.gateway
        .restart_with([("webhooks.ca_file", json!(authority.file()))])
        .await;
    let again = format!("/v1/webhooks/deliveries/{delivery}/redeliver");
    assert_eq!(rig.team.post_empty(&again).await.status, 202);
    assert_eq!(receiver.delivery(1).await.json(), rig.team.task(&id).await);
}

#[tokio::test]
async fn plain_http_goes_to_the_hosts_and_ports_that_are_named_and_to_no_other() {
    let receiver = Receiver::start().await;
    let port = receiver.address().port();
    let rig = Rig::builder()
        .set(
            "webhooks.allow_insecure_hosts",
            json!([format!("127.0.0.1:{port}")]),
        )
        .set("webhooks.allow_networks", json!([]))
        .start()
        .await;
    for url in [
        format!("http://localhost:{port}/hook"),
        format!("http://127.0.0.2:{port}/hook"),
        format!("http://127.0.0.1:{}/hook", port ^ 1),
        "http://hooks.example.com/hook".to_owned(),
    ] {
        let answer = rig
            .team
            .post("/v1/webhooks/endpoints", &json!({ "url": url }))
            .await;
        let error = answer.error(400, "invalid_parameter");
        assert_eq!(error["param"], "url", "{url}");
    }
    register(&rig, &receiver.url("/hook")).await;
    // The same machine, spelled otherwise.
    register(&rig, &format!("http://127.1:{port}/again")).await;
    rig.team.start("in the clear").await;
    receiver.delivery(2).await;
}

#[tokio::test]
async fn receivers_whose_tls_is_broken_delay_no_other() {
    let authority = Authority::new();
    let rig = Rig::builder()
        .set("webhooks.ca_file", json!(authority.file()))
        .set("webhooks.timeout", FOREVER)
        .set("webhooks.connect_timeout", FOREVER)
        .start()
        .await;
    let good = Receiver::encrypted(&authority.good()).await;
    let expired = Receiver::encrypted(&authority.expired()).await;
    let misnamed = Receiver::encrypted(&authority.of_another_host()).await;
    let plain = Receiver::start().await;
    let before = async |receiver: &Receiver, way| {
        let proxy = Proxy::start().await;
        proxy.lead_to(Some(receiver.address()));
        proxy.go(way).await;
        proxy
    };
    let silent = before(&plain, Way::Silence).await;
    let closes = before(&plain, Way::Close).await;
    let breaks_off = before(&expired, Way::CutAnswer(20)).await;
    let https = |address: SocketAddr| format!("https://{address}/hook");
    let broken = [
        (https(expired.address()), "expired"),
        (https(misnamed.address()), "not valid for name"),
        (https(plain.address()), "could not be connected to"),
        (https(closes.address()), "could not be connected to"),
        (https(breaks_off.address()), "could not be connected to"),
    ];
    let mut endpoints = Vec::new();
    for (url, why) in &broken {
        endpoints.push((register(&rig, url).await, why));
    }
    let hangs = register(&rig, &https(silent.address())).await;
    register(&rig, &https(good.address())).await;
    rig.team.start("to all of them").await;
    good.delivery(1).await;
    for (endpoint, why) in &endpoints {
        fails(&rig, endpoint, why).await;
    }
    for n in 2..6 {
        rig.team.submit(&Tenant::video("and again")).await.ok();
        good.delivery(n).await;
    }
    // All that while the one that says nothing was waited for.
    let path = format!(
        "/v1/webhooks/deliveries?endpoint={}",
        hangs.as_str().unwrap()
    );
    let waits = rig.team.get(&path).await.ok();
    let first = waits["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(first["in_progress"], true, "{first}");
    assert_eq!(first["attempts_made"], 0, "{first}");
    for receiver in [&expired, &misnamed, &plain] {
        assert!(receiver.deliveries().is_empty());
    }
}
