//! What `POST /v1/videos/estimate` foresees: exactly what a submit would be answered with now, and it takes
//! nothing.

use evogate_tests::{Caller as _, Micro, Rig, Tenant};
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/videos/estimate";

async fn limit(rig: &Rig, quota: Value) {
    let path = "/admin/v1/tenants/team/quota";
    let request = rig.admin.request(Method::PUT, path).json(&quota);
    rig.admin.send(request).await.ok();
}

/// The estimate says the same refusal as the submit that follows.
async fn assert_foreseen(team: &Tenant, code: &str) {
    let video = Tenant::video("foreseen");
    let estimate = team.post(PATH, &video).await.ok();
    assert_eq!(estimate["admitted"], false, "{estimate}");
    let refusal = &estimate["refusal"];
    let answer = team.submit(&video).await;
    assert_eq!(refusal["status"], answer.status, "{estimate}");
    let mut said = answer.error(answer.status, code);
    said.as_object_mut().unwrap().remove("request_id");
    if code != "rate_limit_exceeded" {
        // A wait may be a second shorter by now.
        assert_eq!(refusal["error"], said);
    }
    assert_eq!(refusal["error"]["code"], code);
}

#[tokio::test]
async fn an_estimate_says_what_a_submit_would_be_refused_for() {
    let rig = Rig::start().await;
    for (quota, code) in [
        (json!({ "models": ["other-*"] }), "model_access_denied"),
        (json!({ "max_duration": 4 }), "invalid_parameter"),
        (json!({ "max_quality": "480p" }), "invalid_parameter"),
        (
            json!({ "max_tasks_in_flight": 0 }),
            "too_many_tasks_in_flight",
        ),
        (json!({ "credits_per_day": 17 }), "quota_exceeded"),
        (
            json!({ "per_key": { "credits_per_month": 1 } }),
            "quota_exceeded",
        ),
    ] {
        limit(&rig, quota).await;
        assert_foreseen(&rig.team, code).await;
    }
    limit(&rig, json!({})).await;
    let poor = rig.admin.tenant("poor", "10").await;
    assert_foreseen(&poor, "insufficient_quota").await;
    let path = "/admin/v1/tenants/team/keys";
    let capped = json!({ "credit_cap": 17 });
    let minted = rig.admin.post(path, &capped).await.expect(201);
    let capped = Tenant::known("team", minted["key"].as_str().unwrap(), &rig.gateway.url());
    assert_foreseen(&capped, "quota_exceeded").await;
    rig.admin
        .post_empty("/admin/v1/tenants/team/suspend")
        .await
        .ok();
    assert_foreseen(&rig.team, "tenant_suspended").await;
    assert!(rig.sim.requests("create").await.is_empty());
}

#[tokio::test]
async fn an_estimate_takes_nothing_of_any_limit() {
    let rig = Rig::start().await;
    let quota = json!({ "submits_per_minute": 1, "max_tasks_in_flight": 1, "credits_per_day": 18 });
    limit(&rig, quota).await;
    for _ in 0..3 {
        let estimate = rig.team.post(PATH, &Tenant::video("first")).await.ok();
        assert_eq!(estimate["admitted"], true, "{estimate}");
        assert_eq!(estimate["refusal"], Value::Null);
    }
    assert_eq!(rig.admin.credits("team", "held").await, Micro::ZERO);
    rig.team.start("first").await;
    assert_foreseen(&rig.team, "rate_limit_exceeded").await;
}
