//! No key, no secret and no prompt in anything that the gateway says: logs, metrics, spans, error bodies.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evogate_tests::redis::{Options, Server};
use evogate_tests::{
    ADMIN_KEY, Answer, CALLBACKS_SECRET, Caller as _, Collector, EVOLINK_KEY, Manner, Receiver,
    Rig, RigBuilder, Tenant, until,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

/// A word that only prompts have.
const PROMPT: &str = "xylophone-in-the-fog";
/// A credential that nobody has.
const WRONG: &str = "sk-wrong-4b1d5f5e0c";
/// What keys are hashed under.
const PEPPER: &str = "pepper-5b0c2f7d9e8a4163b2c4d6e8f0a1b3c5";
/// What encrypts the secrets that sign webhooks.
const ENCRYPTION_KEY: &str = "seal-91e2d3c4b5a697880f1e2d3c4b5a6978";
/// An identity provider, and what it signs with.
const ISSUER: &str = "https://sso.example.com";
const ISSUER_SECRET: &str = "shared-3f9c1a7e5d2b8046c1e3f5a7b9d0c2e4";
/// What opens Redis.
const REDIS_PASSWORD: &str = "redis-7d1c0b9a8f6e5d4c";
/// What opens the collector of spans.
const COLLECTOR_KEY: &str = "otlp-2c4b6d8f0a1e3c5d";
/// What a tenant put into its own callback URL.
const HOOK_SECRET: &str = "hook-77aa10c9";

/// Everything that can go wrong, once. Answers what clients were told.
async fn a_full_run(rig: &Rig, receiver: &Receiver) -> Vec<Answer> {
    let mut answers = Vec::new();
    let hook = receiver.url(&format!("/hook?secret={HOOK_SECRET}"));
    receiver.next([
        Manner::Status(500),
        Manner::Status(200),
        Manner::Status(410),
    ]);
    let words = [
        "",
        "#sim:fail=content_policy_violation",
        "#sim:http=400",
        "#sim:http=401",
        "#sim:http=429",
        "#sim:http=422",
        "#sim:http=500",
        "#sim:html=502",
        "#sim:drop-after-accept",
        "#sim:garbage",
        "#sim:truncate",
        "#sim:reserve-factor=4",
        "#sim:seconds=600",
    ];
    let mut ids = Vec::new();
    for word in words {
        let body = json!({
            "model": "seedance-2.0",
            "prompt": format!("{PROMPT} {word}"),
            "callback_url": hook,
        });
        let answer = rig.team.submit(&body).await;
        if answer.status == 200 {
            ids.push(answer.json()["id"].as_str().unwrap().to_owned());
        }
        answers.push(answer);
    }
    for id in &ids {
        for route in ["", "/timeline", "/content"] {
            answers.push(rig.team.get(&format!("/v1/tasks/{id}{route}")).await);
        }
        answers.push(rig.team.post_empty(&format!("/v1/tasks/{id}/cancel")).await);
    }
    let bad = [
        json!({ "model": "seedance-2.0", "prompt": PROMPT, "duration": 99, "callback_url": "http://10.0.0.1" }),
        json!({ "model": PROMPT.len(), "prompt": [PROMPT] }),
        json!({ "model": "seedance-2.0", "prompt": format!("{PROMPT} @Image4") }),
    ];
    for body in bad {
        answers.push(rig.team.submit(&body).await);
    }
    let text = format!(r#"{{"prompt":"{PROMPT}","#);
    answers.push(rig.team.post_raw("/v1/videos/generations", text).await);
    for request in [
        rig.anonymous()
            .with_token(WRONG)
            .request(http::Method::GET, "/v1/tasks"),
        rig.anonymous()
            .with_token(WRONG)
            .request(http::Method::GET, "/admin/v1/tenants"),
        rig.anonymous()
            .request(http::Method::GET, &format!("/v1/tasks?key={WRONG}")),
        rig.anonymous()
            .request(http::Method::GET, &format!("/{WRONG}")),
        rig.anonymous()
            .request(http::Method::POST, &format!("/callbacks/evolink/{WRONG}")),
        rig.anonymous()
            .request(http::Method::GET, "/v1/tasks")
            .header("x-request-id", format!("id {WRONG}")),
    ] {
        answers.push(rig.anonymous().send(request).await);
    }
    answers.push(rig.admin.get("/admin/v1/unknown").await);
    answers.push(rig.admin.get("/admin/v1/tenants").await);
    answers.push(rig.admin.get("/admin/v1/tenants/team/keys").await);
    answers.push(rig.admin.get("/admin/v1/ledger/verify").await);
    receiver.delivery(3).await;
    answers
}

/// A company's token for the tenant `team`, signed with the secret that its provider shares.
fn jwt(secret: &str, lasts: i64) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let expires = i64::try_from(now).unwrap() + lasts;
    let claims = json!({
        "iss": ISSUER, "aud": "evogate", "sub": "anna", "team": "team", "iat": now, "exp": expires,
    });
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!(
        "{}.{}",
        part(json!({ "alg": "HS256", "typ": "JWT" })),
        part(claims)
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}

/// A gateway with every kind of secret that there is, at the level of `trace`.
fn with_every_secret(store: Option<String>, collector: &Collector) -> RigBuilder {
    let issuer = json!([{
        "name": "corp", "issuer": ISSUER, "audience": "evogate", "algorithms": ["HS256"],
        "hmac_secret": ISSUER_SECRET, "tenant_claim": "team",
    }]);
    let builder = Rig::builder()
        .set("log.level", "trace")
        .set("submit.unknown_deadline", "3s")
        .set("submit.breaker_unknowns", 1000)
        .set("auth.pepper", PEPPER)
        .set("auth.issuers", issuer)
        .set("webhooks.encryption_key", ENCRYPTION_KEY)
        .set("telemetry.otlp_endpoint", collector.url())
        .set("telemetry.otlp_headers", format!("x-key={COLLECTOR_KEY}"));
    match store {
        Some(url) => builder.set("store.url", url),
        None => builder,
    }
}

/// Fails where one of the secrets was said.
fn assert_untold(where_: &str, said: &str, secrets: &[String]) {
    for secret in secrets {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(secret)).collect();
        assert!(
            lines.is_empty(),
            "`{secret}` is in {where_}:\n{}",
            lines.join("\n")
        );
    }
}

/// A whole run against this store; `away` takes the store away for a moment, and answers when it is back.
async fn nothing_is_told(store: Option<String>, away: impl AsyncFnOnce(&Rig)) {
    let collector = Collector::start().await;
    let mut rig = with_every_secret(store, &collector).start().await;
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url("/endpoint"), "events": [] });
    let endpoint = rig
        .team
        .post("/v1/webhooks/endpoints", &endpoint)
        .await
        .expect(201);
    let mut answers = a_full_run(&rig, &receiver).await;
    let tokens = [
        jwt(ISSUER_SECRET, 300),
        jwt(ISSUER_SECRET, -300),
        jwt(WRONG, 300),
    ];
    for (token, status) in tokens.iter().zip([200, 401, 401]) {
        let answer = rig.anonymous().with_token(token).get("/v1/credits").await;
        assert_eq!(answer.status, status, "{}", answer.text());
        answers.push(answer);
    }
    let webhooks = rig.team.get("/v1/webhooks/secret").await.ok();
    let jobs = rig.sim.jobs().await;
    let callbacks = jobs.iter().map(|job| {
        let url = job["callback_url"].as_str().unwrap();
        url.rsplit('/').next().unwrap().to_owned()
    });
    let callbacks: Vec<String> = callbacks.collect();
    assert!(callbacks.len() > 3);
    until("the lost ones are lost", async || {
        rig.admin.unknown().await.is_empty().then_some(())
    })
    .await;
    away(&rig).await;
    let metrics = rig.gateway.ops().get("/metrics").await.text();
    rig.gateway.stop().await;
    rig.gateway.restart().await;
    let log = rig.gateway.log();
    assert!(log.lines().count() > 100, "there is a log");

    let fixed = [
        ADMIN_KEY,
        EVOLINK_KEY,
        CALLBACKS_SECRET,
        WRONG,
        HOOK_SECRET,
        PROMPT,
        PEPPER,
        ENCRYPTION_KEY,
        ISSUER_SECRET,
        REDIS_PASSWORD,
        COLLECTOR_KEY,
        rig.team.key.as_str(),
    ];
    let mut secrets: Vec<String> = fixed.map(str::to_owned).to_vec();
    for secret in [&webhooks["secret"], &endpoint["secret"]] {
        let secret = secret.as_str().unwrap().strip_prefix("whsec_");
        secrets.push(secret.unwrap().to_owned());
    }
    secrets.extend(callbacks);
    secrets.extend(tokens);
    assert_untold("the log", &log, &secrets);
    assert_untold("the metrics", &metrics, &secrets);
    assert!(collector.spans().len() > 100, "there are spans");
    for batch in collector.raw() {
        assert_untold("the spans", &String::from_utf8_lossy(&batch), &secrets);
    }
    for answer in &answers {
        assert_untold(&answer.call, &answer.text(), &secrets);
    }
}

#[tokio::test]
async fn nothing_that_is_said_has_a_key_a_secret_or_a_prompt_in_it() {
    nothing_is_told(None, async |_| {}).await;
}

#[tokio::test]
async fn nor_with_redis_that_goes_away_and_comes_back() {
    let options = Options::default().on_port().password(REDIS_PASSWORD);
    let mut redis = Server::with(options);
    assert!(redis.url().contains(REDIS_PASSWORD));
    let url = redis.url();
    let away = async |rig: &Rig| {
        redis.kill();
        assert_eq!(rig.team.get("/v1/credits").await.status, 503);
        redis.start_again();
        until("the store is back", async || {
            let answer = rig.team.get("/v1/credits").await;
            (answer.status == 200).then_some(())
        })
        .await;
    };
    nothing_is_told(Some(url), away).await;
}

#[tokio::test]
async fn a_tenants_key_is_nowhere_on_disk() {
    let mut rig = Rig::builder()
        .set("store.url", "embedded:evogate.redb")
        .start()
        .await;
    let id = rig.team.start("on disk").await;
    rig.team.ended_as(&id, "completed").await;
    rig.gateway.stop().await;
    let store = std::fs::read(rig.folder().join("evogate.redb")).unwrap();
    let contains = |text: &str| {
        store
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(contains(&id), "this is the store");
    for key in [&rig.team.key, EVOLINK_KEY, ADMIN_KEY, CALLBACKS_SECRET] {
        assert!(!contains(key), "{key}");
    }
}

#[tokio::test]
async fn only_evolink_gets_evolinks_key() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let mut body = Tenant::video("whose key?");
    body["callback_url"] = receiver.url("/hook").into();
    let id = rig.team.submit(&body).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.team.ended_as(&id, "completed").await;
    rig.team.get(&format!("/v1/tasks/{id}/content")).await;
    let journal = rig.sim.journal().await;
    assert!(
        !journal.to_string().contains(&rig.team.key),
        "a tenant's key goes nowhere"
    );
    let delivery = receiver.delivery(1).await;
    let sent = format!("{:?} {:?}", delivery.headers, delivery.bytes);
    for key in [
        EVOLINK_KEY,
        rig.team.key.as_str(),
        ADMIN_KEY,
        CALLBACKS_SECRET,
    ] {
        assert!(!sent.contains(key), "{sent}");
    }
}
