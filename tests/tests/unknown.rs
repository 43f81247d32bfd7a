//! When nobody knows whether EvoLink took a task: it is never sent again, its hold stays, the client has
//! its pending task, and the truth is found out.

use std::time::Duration;

use evogate_tests::{
    Caller as _, Micro, Rig, Tenant, assert_books, assert_ledger, platform_loss, settle_books,
    until,
};
use serde_json::{Value, json};

/// 5 s at 720p.
const PRICE: &str = "17.784";

/// Submits something whose outcome stays open, and answers our id.
async fn unknown(rig: &Rig, prompt: &str) -> String {
    let task = rig.team.submit(&Tenant::video(prompt)).await.ok();
    assert_eq!(task["status"], "pending", "{task}");
    assert_eq!(
        task["task_info"],
        json!({ "can_cancel": true, "estimated_time": 132 })
    );
    assert_eq!(
        Micro::of(&task["usage"]["credits_reserved"]),
        Micro::parse(PRICE)
    );
    let id = task["id"].as_str().unwrap();
    assert_eq!(rig.team.state(id).await, "unknown", "{prompt}");
    id.to_owned()
}

#[tokio::test]
async fn an_answer_that_leaves_it_open_keeps_the_hold_and_the_callback_heals_it() {
    let rig = Rig::builder()
        .set("submit.breaker_unknowns", 1000)
        .start()
        .await;
    let words = [
        "drop-after-accept",
        "truncate",
        "garbage",
        "no-id",
        "http=500 #sim:accept",
        "http=502 #sim:accept",
        "http=409 #sim:accept",
        "http=418 #sim:accept",
        "html=500 #sim:accept",
        "html=503 #sim:accept",
        "html=429 #sim:accept",
        "html=400 #sim:accept",
    ];
    let mut spent = Micro::ZERO;
    for word in words {
        let id = unknown(&rig, &format!("open #sim:{word} #sim:seconds=1.5")).await;
        assert_eq!(
            rig.admin.credits("team", "held").await,
            Micro::parse(PRICE),
            "{word}"
        );
        rig.team.ended_as(&id, "completed").await;
        spent = spent + Micro::parse(PRICE);
        assert_eq!(rig.admin.credits("team", "spent").await, spent, "{word}");
        assert_eq!(
            rig.sim.creates(word).await.len(),
            1,
            "{word} is not sent again"
        );
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_submit_that_evolink_never_answers_is_unknown_after_the_time_out() {
    let rig = Rig::builder().set("evolink.timeout", "700ms").start().await;
    let id = unknown(&rig, "never answered #sim:hang #sim:seconds=3").await;
    rig.team.ended_as(&id, "completed").await;
    assert_eq!(rig.sim.creates("never answered").await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn an_open_submit_that_evolink_does_not_have_is_lost_at_its_deadline_and_given_back() {
    let rig = Rig::builder()
        .set("submit.breaker_unknowns", 1000)
        .set("submit.unknown_deadline", "4s")
        .start()
        .await;
    let words = [
        "http=500",
        "http=502",
        "html=502",
        "html=503",
        "drop-before",
        "body",
        "http=504",
    ];
    let mut ids = Vec::new();
    for word in words {
        let prompt = if word == "body" {
            rig.sim
                .rule(
                    json!({ "prompt_contains": "bare" }),
                    json!({ "body": "{}" }),
                )
                .await;
            "bare".to_owned()
        } else {
            format!("gone #sim:{word}")
        };
        ids.push(unknown(&rig, &prompt).await);
    }
    let tasks = i64::try_from(ids.len()).unwrap();
    assert_eq!(
        rig.admin.credits("team", "held").await,
        Micro(Micro::parse(PRICE).0 * tasks)
    );
    for id in &ids {
        let task = rig.team.ended_as(id, "failed").await;
        assert_eq!(task["error"]["code"], "submission_lost", "{task}");
        assert_eq!(rig.team.state(id).await, "lost");
    }
    assert_eq!(
        rig.sim.requests("create").await.len(),
        ids.len(),
        "each was sent once"
    );
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("1000")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn without_callbacks_the_one_match_in_evolinks_list_heals_it() {
    let rig = Rig::builder().without_callbacks().start().await;
    let known = rig.team.start("an ordinary one").await;
    let id = unknown(
        &rig,
        "only in the list #sim:drop-after-accept #sim:seconds=1",
    )
    .await;
    rig.team.ended_as(&id, "completed").await;
    let timeline = rig.team.timeline(&id).await.to_string();
    assert!(timeline.contains(r#""by":"list""#), "{timeline}");
    rig.team.ended_as(&known, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn where_evolink_honours_idempotency_the_same_submit_tells_what_became_of_it() {
    let rig = Rig::builder()
        .without_callbacks()
        .sim_argument("--honours-idempotency")
        .sim_argument("--no-list")
        .set("evolink.honours_idempotency", true)
        .start()
        .await;
    let accepted = unknown(&rig, "accepted, not heard #sim:drop-after-accept").await;
    let never = unknown(&rig, "not even accepted #sim:drop-before #sim:times=1").await;
    for id in [&accepted, &never] {
        rig.team.ended_as(id, "completed").await;
    }
    let jobs = rig.sim.jobs_by_key().await;
    assert!(jobs.values().all(|jobs| jobs.len() == 1), "{jobs:?}");
    settle_books(Duration::from_secs(30), &rig.admin, &rig.sim).await;
    assert_ledger(&rig.admin).await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("35.568")
    );
}

#[tokio::test]
async fn two_that_look_alike_are_an_admins_to_tell_apart() {
    let rig = Rig::builder().without_callbacks().start().await;
    let one = unknown(&rig, "twin one #sim:drop-after-accept").await;
    let two = unknown(&rig, "twin two #sim:drop-after-accept").await;
    let shown = until("both with two candidates", async || {
        let shown = rig.admin.unknown().await;
        let both = shown
            .iter()
            .filter(|task| task["candidates"].as_array().map(Vec::len) == Some(2));
        (both.count() == 2).then_some(shown)
    })
    .await;
    let of = |id: &str| {
        shown
            .iter()
            .find(|task| task["id"] == id)
            .expect("an unknown submit")
    };
    assert_eq!(of(&one)["tenant"], "team");
    assert_eq!(Micro::of(&of(&one)["credits_held"]), Micro::parse(PRICE));
    let path = |id: &str| format!("/admin/v1/unknown/{id}");
    let bind =
        |upstream: &Value| json!({ "decision": "bind", "tenant": "team", "upstream_id": upstream });
    // An admin's word alone binds nothing: what EvoLink shows must exist and fit.
    let nothing = json!("task-unified-1772203771-yf1dxogh");
    rig.admin
        .post(&path(&one), &bind(&nothing))
        .await
        .error(409, "upstream_task_mismatch");
    let upstream = rig.sim.job("twin one").await["id"].clone();
    rig.admin.post(&path(&one), &bind(&upstream)).await.ok();
    rig.admin
        .post(&path(&two), &bind(&upstream))
        .await
        .error(409, "upstream_task_mismatch");
    rig.admin
        .post(&path(&one), &bind(&upstream))
        .await
        .error(409, "task_not_unknown");
    // The other one is alone now, so that the list tells.
    for id in [&one, &two] {
        rig.team.ended_as(id, "completed").await;
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn an_admin_can_give_it_up_and_what_evolink_bills_then_is_the_platforms_loss() {
    let rig = Rig::builder().sim_argument("--no-list").start().await;
    let id = unknown(&rig, "given up #sim:drop-after-accept #sim:seconds=600").await;
    let lost = json!({ "decision": "lost", "tenant": "team" });
    rig.admin
        .post(&format!("/admin/v1/unknown/{id}"), &lost)
        .await
        .ok();
    let task = rig.team.task(&id).await;
    assert_eq!(task["error"]["code"], "submission_lost");
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("1000")
    );
    let upstream = rig.sim.job("given up").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.sim
        .force(
            &upstream,
            json!({ "status": "completed", "credits_used": 11 }),
        )
        .await;
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(platform_loss(&rig.admin).await, Micro::parse("11"));
    assert_eq!(
        rig.team.task(&id).await,
        task,
        "for the tenant it has ended"
    );
}

#[tokio::test]
async fn a_task_that_was_lost_and_turns_up_costs_the_platform_and_not_the_tenant() {
    let rig = Rig::builder()
        .set("submit.unknown_deadline", "2s")
        .sim_argument("--no-list")
        .start()
        .await;
    let id = unknown(&rig, "late #sim:drop-after-accept #sim:seconds=4").await;
    let failed = rig.team.ended_as(&id, "failed").await;
    assert_eq!(failed["error"]["code"], "submission_lost");
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(platform_loss(&rig.admin).await, Micro::parse(PRICE));
    assert_eq!(rig.admin.credits("team", "spent").await, Micro::ZERO);
    assert_eq!(rig.team.task(&id).await, failed);
}

#[tokio::test]
async fn a_callback_that_is_faster_than_the_answer_settles_once() {
    let rig = Rig::start().await;
    for prompt in [
        "at once #sim:callback-before-answer",
        "twice #sim:callback-before-answer #sim:drop-after-accept",
    ] {
        let task = rig.team.submit(&Tenant::video(prompt)).await.ok();
        rig.team
            .ended_as(task["id"].as_str().unwrap(), "completed")
            .await;
        assert_books(&rig.admin, &rig.sim).await;
    }
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("35.568")
    );
}
