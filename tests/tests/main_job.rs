//! The main job: a tenant submits, polls, downloads, and pays what EvoLink says; and what else EvoLink
//! offers to look at it.

use evogate_tests::{Caller as _, Micro, Rig, Tenant, assert_books};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_submit_answers_200_with_evolinks_task_object_under_an_id_of_ours() {
    let rig = Rig::start().await;
    let answer = rig
        .team
        .submit(&Tenant::video("a paper boat #sim:seconds=1"))
        .await;
    let task = answer.ok();
    let id = task["id"].as_str().unwrap();
    let parts: Vec<_> = id.splitn(4, '-').collect();
    assert_eq!(&parts[..2], ["task", "unified"], "{id}");
    assert!(parts[2].parse::<u64>().unwrap() > 1_700_000_000, "{id}");
    assert_eq!(parts[3].len(), 8, "{id}");
    assert_eq!(task["model"], "seedance-2.0");
    assert_eq!(task["object"], "video.generation.task");
    assert_eq!(task["type"], "video");
    assert_eq!(task["progress"], 0);
    assert_eq!(task["status"], "pending");
    assert_eq!(task["task_info"]["can_cancel"], true);
    assert_eq!(task["task_info"]["estimated_time"], 132);
    assert_eq!(task["usage"]["billing_rule"], "per_second");
    assert_eq!(
        Micro::of(&task["usage"]["credits_reserved"]),
        Micro::parse("17.784")
    );
    assert!(task["created"].is_u64());
    assert_eq!(answer.header("x-credits-held"), Some("17.784"));
    assert_eq!(answer.header("x-credits-remaining"), Some("982.216"));
    assert!(answer.header("x-request-id").is_some());
    let job = rig.sim.job("a paper boat").await;
    assert_ne!(job["id"], task["id"], "EvoLink's id is not shown");
    rig.team.ended_as(id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_task_is_polled_to_its_result_and_paid_once() {
    let rig = Rig::builder().sim_speed(50.0).start().await;
    let id = rig.team.start("a heron lifts off").await;
    let task = rig.team.ended_as(&id, "completed").await;
    assert_eq!(task["id"], id.as_str());
    assert_eq!(task["progress"], 100);
    assert_eq!(task["results"].as_array().unwrap().len(), 1);
    let result = task["results"][0].as_str().unwrap();
    let path = result
        .strip_prefix(&rig.sim.url)
        .expect("EvoLink's own URL");
    let video = rig.sim.get(path).await;
    assert_eq!(video.status, 200);
    assert_eq!(&video.bytes[4..8], b"ftyp", "an MP4");
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("17.784")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn the_charge_is_what_evolink_used_and_never_above_what_it_reserved() {
    let rig = Rig::start().await;
    let less = rig.team.start("less #sim:credits-used=12.5").await;
    rig.team.ended_as(&less, "completed").await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("12.5")
    );
    assert_books(&rig.admin, &rig.sim).await;
    let more = rig.team.start("more #sim:credits-used=20").await;
    rig.team.ended_as(&more, "completed").await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("12.5") + Micro::parse("17.784")
    );
    let lost = Micro::parse("20") - Micro::parse("17.784");
    assert_eq!(evogate_tests::platform_loss(&rig.admin).await, lost);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn the_hold_moves_to_what_evolink_reserves() {
    let rig = Rig::start().await;
    let body = Tenant::video("dearer #sim:reserve-factor=1.25 #sim:seconds=2");
    let answer = rig.team.submit(&body).await;
    let task = answer.ok();
    assert_eq!(
        Micro::of(&task["usage"]["credits_reserved"]),
        Micro::parse("22.23")
    );
    assert_eq!(answer.header("x-credits-held"), Some("22.23"));
    assert_eq!(
        rig.admin.credits("team", "held").await,
        Micro::parse("22.23")
    );
    rig.team
        .ended_as(task["id"].as_str().unwrap(), "completed")
        .await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("22.23")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_failed_task_costs_nothing_and_says_why_in_evolinks_words() {
    let rig = Rig::start().await;
    let id = rig
        .team
        .start("forbidden #sim:fail=content_policy_violation")
        .await;
    let task = rig.team.ended_as(&id, "failed").await;
    assert_eq!(task["error"]["code"], "content_policy_violation");
    assert_eq!(task["error"]["type"], "task_error");
    assert!(
        task["error"]["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert_eq!(rig.admin.credits("team", "spent").await, Micro::ZERO);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn what_neither_side_knows_passes_unchanged_both_ways() {
    let rig = Rig::start().await;
    let fault = json!({ "patch": { "trace": { "gpu": [1, 2.50] }, "status_note": null } });
    rig.sim.rule(json!({ "operation": "read" }), fault).await;
    let mut body = Tenant::video("passing through");
    body["model_params"] = json!({ "web_search": true, "depth": 1.25e-3 });
    body["x_new"] = json!(["ü", null]);
    let task = rig.team.submit(&body).await.ok();
    let create = &rig.sim.creates("passing through").await[0]["body"];
    assert_eq!(create["model_params"], body["model_params"]);
    assert_eq!(create["x_new"], body["x_new"]);
    for absent in ["duration", "quality", "aspect_ratio", "generate_audio"] {
        assert!(
            create.get(absent).is_none(),
            "{absent} was filled in: {create}"
        );
    }
    let ended = rig
        .team
        .ended_as(task["id"].as_str().unwrap(), "completed")
        .await;
    assert_eq!(ended["trace"], json!({ "gpu": [1, 2.50] }));
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_tenants_callback_url_stays_here_and_ours_goes_to_evolink() {
    let rig = Rig::start().await;
    let mut body = Tenant::video("call me");
    body["callback_url"] = "http://127.0.0.1:9/hook?secret=1".into();
    let task = rig.team.submit(&body).await.ok();
    let sent = &rig.sim.creates("call me").await[0]["body"];
    let callback = sent["callback_url"].as_str().unwrap();
    assert!(
        callback.starts_with(&rig.gateway.callbacks.url()),
        "{callback}"
    );
    assert!(callback.len() <= 2048, "{}", callback.len());
    rig.team
        .ended_as(task["id"].as_str().unwrap(), "completed")
        .await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn too_few_credits_are_a_402_to_evolinks_letter_and_nothing_is_sent() {
    let rig = Rig::start().await;
    let poor = rig.admin.tenant("poor", "2.1").await;
    let error = poor
        .submit(&Tenant::video("too dear"))
        .await
        .error(402, "insufficient_quota");
    assert_eq!(
        error["message"],
        "Insufficient credits. Required: 17.784, Available: 2.100"
    );
    assert_eq!(error["type"], "insufficient_quota_error");
    assert!(rig.sim.creates("too dear").await.is_empty());
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn the_result_streams_through_the_gateway_and_ranges_are_honoured() {
    let rig = Rig::start().await;
    let id = rig.team.start("to be streamed").await;
    rig.team.ended_as(&id, "completed").await;
    let path = format!("/v1/tasks/{id}/content");
    let whole = rig.team.get(&path).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    assert_eq!(&whole.bytes[4..8], b"ftyp");
    let length = whole.bytes.len();
    assert_eq!(
        whole.header("content-length"),
        Some(length.to_string().as_str())
    );
    let part = rig
        .team
        .request(Method::GET, &path)
        .header("range", "bytes=4-7");
    let part = rig.team.send(part).await;
    assert_eq!(part.status, 206);
    assert_eq!(&part.bytes[..], b"ftyp");
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes 4-7/{length}").as_str())
    );
    let beyond = rig
        .team
        .request(Method::GET, &path)
        .header("range", "bytes=99999999-");
    assert_eq!(rig.team.send(beyond).await.status, 416);
    let downloads = rig.sim.requests("download").await;
    assert!(
        downloads.iter().all(|get| get["authorization_ok"] == false),
        "{downloads:?}"
    );
}

#[tokio::test]
async fn content_is_a_409_until_there_is_a_result_and_a_410_when_it_is_gone() {
    let rig = Rig::start().await;
    let open = rig.team.start("not yet #sim:never-finish").await;
    rig.team
        .get(&format!("/v1/tasks/{open}/content"))
        .await
        .error(409, "result_not_ready");
    let done = rig.team.start("soon gone").await;
    rig.team.ended_as(&done, "completed").await;
    rig.sim.advance(25 * 3600).await;
    rig.team
        .get(&format!("/v1/tasks/{done}/content"))
        .await
        .error(410, "result_expired");
    let task = rig.team.task(&done).await;
    assert_eq!(
        task["status"], "completed",
        "the gateway remembers what EvoLink forgot"
    );
}

#[tokio::test]
async fn credits_are_the_tenants_own_in_evolinks_shape() {
    let rig = Rig::start().await;
    let other = rig.admin.tenant("other", "50").await;
    let open = rig.team.start("open #sim:never-finish").await;
    let shown = rig.team.get("/v1/credits").await.ok();
    assert_eq!(shown["success"], true);
    assert_eq!(shown["message"], "");
    for part in ["token", "user"] {
        let part = &shown["data"][part];
        assert_eq!(
            Micro::of(&part["remaining_credits"]),
            Micro::parse("982.216"),
            "{shown}"
        );
        assert_eq!(Micro::of(&part["used_credits"]), Micro::ZERO, "{shown}");
    }
    assert_eq!(shown["data"]["token"]["unlimited_credits"], false);
    assert_eq!(
        Micro::of(&shown["data"]["user"]["held_credits"]),
        Micro::parse("17.784")
    );
    let theirs = other.get("/v1/credits").await.ok();
    assert_eq!(
        Micro::of(&theirs["data"]["user"]["remaining_credits"]),
        Micro::parse("50")
    );
    rig.team
        .post_empty(&format!("/v1/tasks/{open}/cancel"))
        .await
        .ok();
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn models_show_limits_prices_and_which_prices_are_assumed() {
    let rig = Rig::start().await;
    let list = rig.team.get("/v1/models").await.ok();
    let models = list["data"].as_array().unwrap();
    let of = |id: &str| models.iter().find(|model| model["id"] == id).expect(id);
    let known = &of("seedance-2.0")["pricing"];
    assert_eq!(known["assumed"], false, "{known}");
    assert_eq!(Micro::of(&known["credits"]["720p"]), Micro::parse("3.5568"));
    for model in models
        .iter()
        .filter(|model| model["pricing"]["assumed"] == true)
    {
        assert!(
            Micro::of(&model["pricing"]["ceiling"]) > Micro::ZERO,
            "{model}"
        );
    }
    assert!(
        models
            .iter()
            .any(|model| model["pricing"]["assumed"] == true)
    );
    let ids: Vec<&str> = models
        .iter()
        .filter_map(|model| model["id"].as_str())
        .collect();
    assert!(ids.contains(&"seedance-1.5-pro"));
    let by_mode = ids
        .iter()
        .filter(|id| id.starts_with("seedance-2.0-"))
        .count();
    assert_eq!(by_mode, 9, "{ids:?}");
    for family in ["kling-", "sora-", "veo-"] {
        assert!(
            ids.iter().any(|id| id.starts_with(family)),
            "{family}: {ids:?}"
        );
    }
}

#[tokio::test]
async fn an_estimate_judges_and_prices_like_a_submit_and_holds_nothing() {
    let rig = Rig::start().await;
    let body = json!({ "model": "seedance-2.0", "prompt": "how much?", "duration": 10 });
    let estimate = rig.team.post("/v1/videos/estimate", &body).await.ok();
    assert_eq!(
        Micro::of(&estimate["usage"]["credits_reserved"]),
        Micro::parse("35.568")
    );
    assert_eq!(estimate["affordable"], true);
    assert_eq!(rig.admin.credits("team", "held").await, Micro::ZERO);
    let bad = json!({ "model": "seedance-2.0", "prompt": "how much?", "duration": 3 });
    let error = rig
        .team
        .post("/v1/videos/estimate", &bad)
        .await
        .error(400, "invalid_parameter");
    assert_eq!(error["message"], "duration must be between 4 and 15");
    assert!(rig.sim.requests("create").await.is_empty());
}

#[tokio::test]
async fn the_timeline_tells_every_step_and_credit_of_a_task() {
    let rig = Rig::start().await;
    let id = rig.team.start("a story").await;
    rig.team.ended_as(&id, "completed").await;
    let timeline = rig.team.timeline(&id).await;
    assert_eq!(timeline["id"], id.as_str());
    assert_eq!(timeline["state"], "completed");
    assert_eq!(
        Micro::of(&timeline["credits"]["charged"]),
        Micro::parse("17.784")
    );
    let upstream = rig.sim.job("a story").await["id"].clone();
    assert_eq!(timeline["evolink_task_id"], upstream);
    let steps = rig.team.steps(&id).await;
    for step in ["held", "bound", "ended", "settled"] {
        assert!(
            steps.iter().any(|name| name == step),
            "no {step} in {steps:?}"
        );
    }
    assert_eq!(steps[0], "held", "{steps:?}");
}
