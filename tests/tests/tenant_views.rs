//! What a tenant can look at beside its tasks: results, credits, models, prices, a task's story.

use evogate_tests::{Caller as _, Micro, Rig, assert_books};
use http::Method;
use serde_json::json;

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
