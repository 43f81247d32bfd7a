//! No key, no secret and no prompt in anything that the gateway says: logs, metrics, error bodies.

use evogate_tests::{
    ADMIN_KEY, Answer, CALLBACKS_SECRET, Caller as _, EVOLINK_KEY, Manner, Receiver, Rig, Tenant,
    until,
};
use serde_json::json;

/// A word that only prompts have.
const PROMPT: &str = "xylophone-in-the-fog";
/// A credential that nobody has.
const WRONG: &str = "sk-wrong-4b1d5f5e0c";
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

#[tokio::test]
async fn nothing_that_is_said_has_a_key_a_secret_or_a_prompt_in_it() {
    let mut rig = Rig::builder()
        .set("log.level", "trace")
        .set("submit.unknown_deadline", "3s")
        .set("submit.breaker_unknowns", 1000)
        .start()
        .await;
    let receiver = Receiver::start().await;
    let answers = a_full_run(&rig, &receiver).await;
    let webhooks = rig.team.get("/v1/webhooks/secret").await.ok();
    let webhook_secret = webhooks["secret"].as_str().unwrap().to_owned();
    let webhook_secret = webhook_secret.strip_prefix("whsec_").unwrap();
    let jobs = rig.sim.jobs().await;
    let tokens: Vec<String> = jobs
        .iter()
        .map(|job| {
            job["callback_url"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert!(tokens.len() > 3);
    until("the lost ones are lost", async || {
        rig.admin.unknown().await.is_empty().then_some(())
    })
    .await;
    let metrics = rig.gateway.ops().get("/metrics").await.text();
    rig.gateway.stop().await;
    rig.gateway.restart().await;
    let log = rig.gateway.log();
    assert!(log.lines().count() > 100, "there is a log");

    let mut secrets = vec![
        ADMIN_KEY,
        EVOLINK_KEY,
        CALLBACKS_SECRET,
        WRONG,
        HOOK_SECRET,
        PROMPT,
    ];
    secrets.extend([rig.team.key.as_str(), webhook_secret]);
    secrets.extend(tokens.iter().map(String::as_str));
    for secret in &secrets {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(
            lines.is_empty(),
            "`{secret}` is in the log:\n{}",
            lines.join("\n")
        );
        assert!(!metrics.contains(secret), "`{secret}` is in the metrics");
        for answer in &answers {
            let text = answer.text();
            assert!(
                !text.contains(secret),
                "{} told `{secret}`: {text}",
                answer.call
            );
        }
    }
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
