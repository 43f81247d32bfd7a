//! What an admin limits holds: for every submit at once, exactly, and with an answer that says which limit
//! it was.

use std::time::Duration;

use evogate_tests::{
    Admin, Answer, Caller as _, Micro, Rig, Tenant, assert_books, until, until_within,
};
use http::Method;
use serde_json::{Value, json};

/// The price of the smallest video.
const PRICE: &str = "17.784";

async fn put_quota(admin: &Admin, tenant: &str, quota: Value) -> Answer {
    let path = format!("/admin/v1/tenants/{tenant}/quota");
    admin
        .send(admin.request(Method::PUT, &path).json(&quota))
        .await
}

async fn limit(rig: &Rig, quota: Value) {
    put_quota(&rig.admin, "team", quota).await.ok();
}

async fn in_flight(rig: &Rig) -> u64 {
    let team = rig.admin.get("/admin/v1/tenants/team").await.ok();
    team["tasks_in_flight"].as_u64().expect("a number")
}

async fn cancel(team: &Tenant, id: &str) {
    team.post_empty(&format!("/v1/tasks/{id}/cancel"))
        .await
        .ok();
    team.ended_as(id, "cancelled").await;
}

/// A 402 in EvoLink's words, for one smallest video.
fn assert_402(answer: &Answer, code: &str, limit: &str, available: &str) -> Value {
    let error = answer.error(402, code);
    assert_eq!(error["type"], "insufficient_quota_error");
    assert_eq!(
        error["message"],
        format!("Insufficient credits. Required: {PRICE}, Available: {available}")
    );
    let details = error["details"].clone();
    assert_eq!(details["limit"], limit, "{error}");
    assert_eq!(Micro::of(&details["required"]), Micro::parse(PRICE));
    assert_eq!(Micro::of(&details["available"]), Micro::parse(available));
    details
}

#[tokio::test]
async fn a_window_that_is_used_up_is_a_402_that_says_which_one_and_when_it_begins_anew() {
    let rig = Rig::start().await;
    let minted = json!({ "name": "ana's", "user": "ana" });
    let minted = rig
        .admin
        .post("/admin/v1/tenants/team/keys", &minted)
        .await
        .expect(201);
    let ana = Tenant::known("team", minted["key"].as_str().unwrap(), &rig.gateway.url());
    // Midnight in Kathmandu is at 18:15 UTC.
    limit(&rig, json!({ "time_zone": "Asia/Kathmandu" })).await;
    let id = ana.start("the first #sim:never-finish").await;
    for scope in ["", "per_user", "per_key"] {
        for period in ["day", "week", "month"] {
            let window = format!("credits_per_{period}");
            let (quota, name) = if scope.is_empty() {
                (
                    json!({ &window: 20, "time_zone": "Asia/Kathmandu" }),
                    window,
                )
            } else {
                let quota = json!({ scope: { &window: 20 }, "time_zone": "Asia/Kathmandu" });
                (quota, format!("{scope}.{window}"))
            };
            limit(&rig, quota).await;
            let answer = ana.submit(&Tenant::video("one too many")).await;
            let details = assert_402(&answer, "quota_exceeded", &name, "2.216");
            let resets = details["resets_at"].as_str().unwrap_or_default();
            assert!(resets.ends_with("T18:15:00Z"), "{details}");
        }
    }
    // In another time zone the windows are others, and so is the answer, from the first submit on.
    limit(&rig, json!({ "credits_per_day": 1 })).await;
    let error = ana.submit(&Tenant::video("in UTC")).await;
    let error = error.error(402, "quota_exceeded");
    let resets = error["details"]["resets_at"].as_str().unwrap_or_default();
    assert!(resets.ends_with("T00:00:00Z"), "{error}");
    // Another key, of nobody in particular, has used nothing of what each key and each user may.
    let quota = json!({
        "per_key": { "credits_per_day": 20 }, "per_user": { "credits_per_day": 20 },
        "time_zone": "Asia/Kathmandu",
    });
    limit(&rig, quota).await;
    let other = rig.team.start("another key #sim:never-finish").await;
    cancel(&rig.team, &other).await;
    // What is given back is room again.
    cancel(&ana, &id).await;
    let again = ana.start("room again").await;
    ana.ended_as(&again, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_balance_and_a_keys_own_cap_are_told_apart_by_code_and_limit() {
    let rig = Rig::start().await;
    let poor = rig.admin.tenant("poor", "10").await;
    let answer = poor.submit(&Tenant::video("too dear")).await;
    let details = assert_402(&answer, "insufficient_quota", "balance", "10.000");
    assert!(details["resets_at"].is_null(), "a balance has no window");

    let capped = json!({ "name": "capped", "credit_cap": 20 });
    let path = "/admin/v1/tenants/team/keys";
    let minted = rig.admin.post(path, &capped).await.expect(201);
    let capped = Tenant::known("team", minted["key"].as_str().unwrap(), &rig.gateway.url());
    let id = capped.start("under the cap").await;
    capped.ended_as(&id, "completed").await;
    let answer = capped.submit(&Tenant::video("over the cap")).await;
    assert_402(&answer, "quota_exceeded", "key.credit_cap", "2.216");
    rig.team.start("another key").await;

    put_quota(&rig.admin, "poor", json!({ "unlimited": true }))
        .await
        .ok();
    let id = poor.start("on credit").await;
    poor.ended_as(&id, "completed").await;
    assert_eq!(
        rig.admin.credits("poor", "available").await,
        Micro::parse("-7.784"),
        "an unlimited tenant's balance has no floor"
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_rate_of_submits_is_counted_in_headers_and_ends_in_a_429_that_says_when_to_come_back() {
    let rig = Rig::start().await;
    limit(&rig, json!({ "submits_per_minute": 30, "submit_burst": 2 })).await;
    for left in ["1", "0"] {
        let answer = rig.team.submit(&Tenant::video("paced")).await;
        answer.ok();
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(left));
        assert!(answer.header("x-ratelimit-reset-requests").is_some());
    }
    let answer = rig.team.submit(&Tenant::video("too soon")).await;
    let error = answer.error(429, "rate_limit_exceeded");
    let wait = answer.header("retry-after").unwrap();
    assert!(["1", "2"].contains(&wait), "one each 2 s, not {wait}");
    assert_eq!(
        error["message"],
        format!("Rate limit exceeded. Please retry after {wait} seconds.")
    );
    assert_eq!(error["type"], "rate_limit_error");
    assert_eq!(error["details"]["limit"], "submits_per_minute");
    assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    assert!(rig.sim.creates("too soon").await.is_empty());
    until("the next place", async || {
        let answer = rig.team.submit(&Tenant::video("in time")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_place_in_flight_comes_back_however_its_task_ends() {
    let rig = Rig::start().await;
    limit(&rig, json!({ "max_tasks_in_flight": 1 })).await;
    let id = rig.team.start("in the way #sim:never-finish").await;
    let answer = rig.team.submit(&Tenant::video("no place")).await;
    let error = answer.error(429, "too_many_tasks_in_flight");
    assert_eq!(error["type"], "rate_limit_error");
    assert_eq!(
        error["details"],
        json!({ "limit": "max_tasks_in_flight", "max": 1 })
    );
    assert_eq!(in_flight(&rig).await, 1);
    cancel(&rig.team, &id).await;
    for (words, end) in [
        ("completes", "completed"),
        ("fails #sim:fail=generation_timeout", "failed"),
    ] {
        let id = rig.team.start(words).await;
        rig.team.ended_as(&id, end).await;
        assert_eq!(in_flight(&rig).await, 0, "{words}");
    }
    for status in [422, 503] {
        let prompt = format!("refused #sim:http={status}");
        let answer = rig.team.submit(&Tenant::video(&prompt)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(in_flight(&rig).await, 0, "{prompt}");
    }
    rig.team.start("the place is free").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn models_lengths_and_qualities_outside_the_quota_are_refused_and_the_list_has_the_rest() {
    let rig = Rig::start().await;
    let allowed = ["seedance-2.0-*text*", "seedance-1.5-pro"];
    let quota = json!({ "models": allowed, "max_duration": 5, "max_quality": "720p" });
    limit(&rig, quota).await;
    let error = rig
        .team
        .submit(&Tenant::video("not this one"))
        .await
        .error(403, "model_access_denied");
    assert_eq!(error["type"], "permission_error");
    assert_eq!(error["param"], "model");
    for (field, value) in [("duration", json!(10)), ("quality", json!("1080p"))] {
        let mut body = json!({ "model": "seedance-1.5-pro", "prompt": "too much" });
        body[field] = value;
        let error = rig.team.submit(&body).await.error(400, "invalid_parameter");
        assert_eq!(error["param"], field, "{error}");
    }
    let mut names = until_within(Duration::from_secs(2), "the list follows", async || {
        let list = rig.team.get("/v1/models").await.ok();
        let names: Vec<String> = list["data"]
            .as_array()?
            .iter()
            .filter_map(|model| Some(model["id"].as_str()?.to_owned()))
            .collect();
        (names.len() < 10).then_some(names)
    })
    .await;
    names.sort();
    let expected = [
        "seedance-1.5-pro",
        "seedance-2.0-fast-text-to-video",
        "seedance-2.0-mini-text-to-video",
        "seedance-2.0-text-to-video",
    ];
    assert_eq!(names, expected);
    assert!(rig.sim.requests("create").await.is_empty());
    assert_eq!(rig.admin.credits("team", "held").await, Micro::ZERO);
}

#[tokio::test]
async fn a_rate_of_reads_limits_reads_and_not_submits() {
    let rig = Rig::start().await;
    limit(&rig, json!({ "reads_per_minute": 3 })).await;
    let limited = until("a read too many", async || {
        let answer = rig.team.get("/v1/credits").await;
        (answer.status == 429).then_some(answer)
    });
    let answer = limited.await;
    answer.error(429, "rate_limit_exceeded");
    rig.team.submit(&Tenant::video("not a read")).await.ok();
    limit(&rig, json!({})).await;
    until_within(Duration::from_secs(2), "no limit any more", async || {
        (rig.team.get("/v1/credits").await.status == 200).then_some(())
    })
    .await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn of_sixty_submits_at_once_exactly_as_many_pass_as_a_window_has_room_for() {
    let rig = Rig::start().await;
    rig.admin
        .post("/admin/v1/tenants/team/grants", &json!({ "credits": 9000 }))
        .await
        .ok();
    // 20 × 17.784, and not enough for one more.
    limit(&rig, json!({ "credits_per_day": 356 })).await;
    let bodies: Vec<Value> = (0..60)
        .map(|n| Tenant::video(&format!("crowd {n} #sim:never-finish")))
        .collect();
    let answers = futures::future::join_all(bodies.iter().map(|body| rig.team.submit(body))).await;
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.error(402, "quota_exceeded");
    }
    assert_eq!(passed, 20);
    assert_eq!(in_flight(&rig).await, 20);
    let ids = answers.iter().filter(|answer| answer.status == 200);
    let ids: Vec<String> = ids
        .map(|answer| answer.json()["id"].as_str().unwrap().to_owned())
        .collect();
    futures::future::join_all(ids.iter().map(|id| cancel(&rig.team, id))).await;
    assert_eq!(in_flight(&rig).await, 0);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_quota_that_cannot_be_meant_is_refused_with_all_its_faults_and_changes_nothing() {
    let rig = Rig::start().await;
    let good = json!({ "max_duration": 8, "per_user": { "credits_per_week": 12.5 } });
    limit(&rig, good).await;
    let path = "/admin/v1/tenants/team/quota";
    let before = rig.admin.get(path).await.ok();
    assert_eq!(before["max_duration"], 8);
    assert_eq!(
        before["time_zone"], "UTC",
        "what is left out is not limited"
    );
    let bad = json!({
        "credits_per_day": -1, "per_user": { "credits_per_week": -1 },
        "per_key": { "credits_per_month": -0.5 }, "submits_per_minute": 0, "reads_per_minute": 0,
        "max_duration": 0, "max_quality": "lots", "low_credit_threshold": -1,
        "models": ["seedance 2"], "time_zone": "Mars/Olympus",
    });
    let error = put_quota(&rig.admin, "team", bad)
        .await
        .error(400, "invalid_parameter");
    let faults = error["details"].as_array().expect("all the faults");
    let mut params: Vec<&str> = faults
        .iter()
        .map(|fault| fault["param"].as_str().unwrap())
        .collect();
    params.sort_unstable();
    let expected = [
        "credits_per_day",
        "low_credit_threshold",
        "max_duration",
        "max_quality",
        "models",
        "per_key.credits_per_month",
        "per_user.credits_per_week",
        "reads_per_minute",
        "submits_per_minute",
        "time_zone",
    ];
    assert_eq!(params, expected);
    for (bad, named) in [
        (json!({ "submit_burst": 5 }), "submit_burst"),
        (json!({ "credit_per_day": 5 }), "credit_per_day"),
        (json!({ "max_tasks_in_flight": -1 }), "-1"),
        (json!({ "per_user": { "tasks": 1 } }), "tasks"),
        (json!({ "credits_per_day": "a lot" }), "credit"),
        (json!({ "unlimited": "yes" }), "yes"),
    ] {
        let error = put_quota(&rig.admin, "team", bad)
            .await
            .error(400, "invalid_parameter");
        assert!(
            error["message"].as_str().unwrap().contains(named),
            "{error}"
        );
    }
    let answer = put_quota(&rig.admin, "nobody", json!({})).await;
    answer.error(404, "tenant_not_found");
    assert_eq!(rig.admin.get(path).await.ok(), before);
}

#[tokio::test]
async fn a_request_that_lacks_its_body_lifts_no_limit() {
    let rig = Rig::start().await;
    limit(&rig, json!({ "credits_per_day": 20 })).await;
    let path = "/admin/v1/tenants/team/quota";
    let empty = rig.admin.send(rig.admin.request(Method::PUT, path)).await;
    empty.error(400, "invalid_json");
    let quota = rig.admin.get(path).await.ok();
    assert_eq!(quota["credits_per_day"], 20, "{quota}");
}
