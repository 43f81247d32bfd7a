//! The main job: a tenant submits, polls, downloads, and pays what EvoLink says.

use evogate_tests::{Caller as _, Micro, Rig, Tenant, assert_books};
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
