//! What ops can watch: series that nobody can make more of, gauges of the whole store that every replica shows
//! alike, and a check of the books that never stops.

use std::collections::BTreeSet;

use evogate_tests::{Anonymous, Caller as _, Gateway, Micro, Receiver, Rig, assert_books, until};
use futures::stream::{self, StreamExt as _};
use http::Method;
use serde_json::json;

async fn scrape(gateway: &Gateway) -> String {
    gateway.ops().get("/metrics").await.text()
}

/// The names of all series, with their labels.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.rsplit_once(' ').map(|(name, _)| name));
    names.map(str::to_owned).collect()
}

/// The number of one series; none where it is not shown.
fn value(text: &str, series: &str) -> Option<f64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

/// Sends what nobody expects: a model, a tenant, a path, a method and a token that there are not.
async fn junk(rig: &Rig, stranger: &Anonymous, n: u32) {
    let body = json!({ "model": format!("junk-{n}"), "prompt": "x", (format!("junk_{n}")): n });
    rig.team.submit(&body).await.error(404, "model_not_found");
    let tenant = format!("/admin/v1/tenants/junk-{n}");
    rig.admin.get(&tenant).await.error(404, "tenant_not_found");
    let path = format!("/junk/{n}/of?user=junk-{n}");
    stranger.get(&path).await.error(404, "route_not_found");
    if !n.is_multiple_of(100) {
        return;
    }
    let method = Method::from_bytes(format!("JUNK{n}").as_bytes()).unwrap();
    let odd = stranger.request(method, "/v1/models");
    stranger.send(odd).await.error(405, "method_not_allowed");
    let token = format!("sk-junk-{n}");
    let refused = stranger.with_token(&token).get("/v1/models").await;
    assert!([401, 429].contains(&refused.status), "{refused:?}");
}

#[tokio::test]
async fn ten_thousand_junk_models_tenants_and_paths_make_no_series() {
    // What EvoLink says of the account comes when it comes.
    let builder = Rig::builder()
        .set("metrics.every", "1s")
        .set("metrics.verify_within", "1s")
        .set("metrics.account_every", "24h");
    let rig = builder.start().await;
    let stranger = rig.anonymous();
    for n in 0..200 {
        junk(&rig, &stranger, n).await;
    }
    // The store's gauges are there after their first round, and a scrape's own numbers after the first scrape.
    let before = until("everything is shown that there is", async || {
        let shown = series(&scrape(&rig.gateway).await);
        let has = |start: &str| shown.iter().any(|name| name.starts_with(start));
        let complete = has(r#"evogate_granted_credits{tenant="team"}"#)
            && has(r#"evogate_http_requests_total{route="/metrics""#)
            && has("evogate_ledger_violations");
        complete.then_some(shown)
    })
    .await;
    let all = stream::iter(200..10_000).map(|n| junk(&rig, &stranger, n));
    all.buffer_unordered(16).collect::<Vec<()>>().await;
    let text = scrape(&rig.gateway).await;
    let after = series(&text);
    // Workers go on, and the store may be asked something for the first time.
    let new: Vec<_> = after
        .difference(&before)
        .filter(|name| !name.starts_with("evogate_store_seconds"))
        .collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(!text.to_lowercase().contains("junk"), "{text}");
    let unmatched = r#"evogate_http_requests_total{route="unmatched",method="GET",status="4xx"}"#;
    assert!(value(&text, unmatched) >= Some(10_000.0), "{text}");
    let odd = r#"evogate_http_requests_total{route="/v1/models",method="other",status="4xx"}"#;
    assert!(value(&text, odd) >= Some(100.0), "{text}");
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn every_replica_shows_the_whole_store_alike() {
    let rig = Rig::builder()
        .replicas(2)
        .set("metrics.every", "1s")
        .set("metrics.account_every", "1s")
        .start()
        .await;
    let receiver = Receiver::start().await;
    let mut body = evogate_tests::Tenant::video("counted everywhere");
    body["callback_url"] = json!(receiver.url("/hook"));
    let task = rig.team.submit(&body).await.ok();
    let id = task["id"].as_str().unwrap();
    rig.team.ended_as(id, "completed").await;
    receiver.delivery(1).await;
    let spent = rig.admin.credits("team", "spent").await;
    assert!(spent > Micro::default());
    for gateway in std::iter::once(&rig.gateway).chain(&rig.others) {
        let text = until("the gauges are those of the store", async || {
            let text = scrape(gateway).await;
            let shown = value(&text, r#"evogate_spent_credits{tenant="team"}"#)?;
            let account = r#"evogate_upstream_used_credits{pot="account"}"#;
            let settled = shown > 0.0 && value(&text, "evogate_webhook_backlog") == Some(0.0);
            (settled && value(&text, account).is_some()).then_some(text)
        })
        .await;
        for (name, wanted) in [
            (r#"evogate_granted_credits{tenant="team"}"#, 1000.0),
            (r#"evogate_held_credits{tenant="team"}"#, 0.0),
            (r#"evogate_tenant_tasks{tenant="team"}"#, 0.0),
            (r#"evogate_tasks{state="processing"}"#, 0.0),
            ("evogate_oldest_unfinished_task_seconds", 0.0),
            ("evogate_oldest_unknown_task_seconds", 0.0),
            ("evogate_webhook_dead_letters", 0.0),
            ("evogate_platform_loss_credits", 0.0),
        ] {
            assert_eq!(value(&text, name), Some(wanted), "{name}: {text}");
        }
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn what_is_unfinished_or_unknown_is_counted_while_it_is_so() {
    let rig = Rig::builder()
        .set("metrics.every", "1s")
        .set("submit.unknown_deadline", "5s")
        .start()
        .await;
    rig.sim
        .rule(
            json!({ "operation": "create" }),
            json!({ "drop_before": true }),
        )
        .await;
    let body = evogate_tests::Tenant::video("into the dark");
    let task = rig.team.submit(&body).await.ok();
    let counted = async |state: &str| {
        let series = format!(r#"evogate_tasks{{state="{state}"}}"#);
        value(&scrape(&rig.gateway).await, &series)
    };
    until("it is counted as unknown", async || {
        (counted("unknown").await == Some(1.0)).then_some(())
    })
    .await;
    let text = scrape(&rig.gateway).await;
    assert!(value(&text, "evogate_oldest_unknown_task_seconds") > Some(0.0));
    assert!(value(&text, r#"evogate_held_credits{tenant="team"}"#) > Some(0.0));
    rig.team.ended(task["id"].as_str().unwrap()).await;
    until("it is not counted any more", async || {
        (counted("unknown").await == Some(0.0)).then_some(())
    })
    .await;
    let text = scrape(&rig.gateway).await;
    assert!(value(&text, r#"evogate_refunded_credits{tenant="team"}"#) > Some(0.0));
}

#[tokio::test]
async fn an_account_that_somebody_changes_is_a_violation_within_a_round_of_the_check() {
    let mut rig = Rig::builder()
        .on_redis()
        .set("metrics.every", "1s")
        .set("metrics.verify_within", "1s")
        .start()
        .await;
    let violations = async |rig: &Rig, wanted: fn(f64) -> bool| {
        until("the check has looked", async || {
            let text = scrape(&rig.gateway).await;
            let found = value(&text, "evogate_ledger_violations")?;
            wanted(found).then_some(())
        })
        .await;
    };
    violations(&rig, |found| found < 0.5).await;
    // What is granted, the third number of the account, behind everybody's back.
    let change = "local at = redis.call('KEYS', '*:a:team')[1]
        local account = redis.call('GET', at)
        local granted = struct.unpack('<i8', account, 17) + tonumber(ARGV[1])
        redis.call('SET', at, string.sub(account, 1, 16) .. struct.pack('<i8', granted) .. string.sub(account, 25))
        return 1";
    let _: i64 = rig.redis().command(&["EVAL", change, "0", "5000000"]);
    violations(&rig, |found| found > 0.5).await;
    let _: i64 = rig.redis().command(&["EVAL", change, "0", "-5000000"]);
    violations(&rig, |found| found < 0.5).await;
    assert_books(&rig.admin, &rig.sim).await;
}
