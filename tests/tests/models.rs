//! The catalogue proves itself: every model that is listed can be used, and EvoLink's bill decides.

use evogate_tests::{Caller as _, Micro, Rig, assert_books, platform_loss};
use serde_json::{Value, json};

/// The smallest request that a model takes, by its own description.
fn smallest(model: &Value) -> Value {
    let mut body = json!({ "model": model["id"], "prompt": "a small one" });
    let least = model["media"]["image_urls"]["min"].as_u64().unwrap_or(0);
    if least > 0 || model["needs_picture"] == true {
        body["image_urls"] = json!(["https://example.com/1.jpg"]);
    }
    body
}

#[tokio::test]
async fn every_listed_model_makes_something_and_is_paid_at_evolinks_price() {
    let rig = Rig::start().await;
    let list = rig.team.get("/v1/models").await.ok();
    let models = list["data"].as_array().unwrap();
    for model in models {
        let body = smallest(model);
        let estimate = rig.team.post("/v1/videos/estimate", &body).await.ok();
        assert!(
            Micro::of(&estimate["usage"]["credits_reserved"]) > Micro::ZERO,
            "{estimate}"
        );
        let answer = rig.team.submit(&body).await;
        assert_eq!(answer.status, 200, "{}: {}", model["id"], answer.text());
        rig.team
            .ended_as(answer.json()["id"].as_str().unwrap(), "completed")
            .await;
    }
    assert_eq!(rig.sim.jobs().await.len(), models.len());
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(
        platform_loss(&rig.admin).await,
        Micro::ZERO,
        "no hold was below the bill"
    );
}

#[tokio::test]
async fn the_prices_that_are_known_to_the_digit_are_held_to_the_digit() {
    let rig = Rig::start().await;
    for (duration, price) in [
        (4, "14.2272"),
        (5, "17.784"),
        (10, "35.568"),
        (15, "53.352"),
    ] {
        let body = json!({ "model": "seedance-2.0", "prompt": "priced", "duration": duration });
        let estimate = rig.team.post("/v1/videos/estimate", &body).await.ok();
        assert_eq!(
            Micro::of(&estimate["usage"]["credits_reserved"]),
            Micro::parse(price)
        );
        let task = rig.team.submit(&body).await.ok();
        assert_eq!(
            Micro::of(&task["usage"]["credits_reserved"]),
            Micro::parse(price)
        );
        rig.team
            .ended_as(task["id"].as_str().unwrap(), "completed")
            .await;
    }
    assert_books(&rig.admin, &rig.sim).await;
}
