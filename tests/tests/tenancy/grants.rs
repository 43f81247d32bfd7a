//! Credits given and taken back.

use evogate_tests::{Answer, Caller as _, Micro, Rig};
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/admin/v1/tenants/team/grants";

async fn grant(rig: &Rig, key: &str, body: &Value) -> Answer {
    let request = rig.admin.request(Method::POST, PATH).json(body);
    rig.admin.send(request.header("idempotency-key", key)).await
}

#[tokio::test]
async fn a_grant_with_a_key_is_granted_once_and_another_one_under_that_key_is_refused() {
    let rig = Rig::start().await;
    let body = json!({ "credits": 50.5, "note": "November" });
    let first = grant(&rig, "n-1", &body).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = grant(&rig, "n-1", &body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.ok()["credits"], again.ok()["credits"]);
    for other in [
        json!({ "credits": 50.6, "note": "November" }),
        json!({ "credits": 50.5, "note": "December" }),
    ] {
        grant(&rig, "n-1", &other)
            .await
            .error(422, "idempotency_mismatch");
    }
    grant(&rig, "two words", &body)
        .await
        .error(400, "invalid_parameter");
    grant(&rig, "n-2", &body).await.ok();
    assert_eq!(
        rig.admin.credits("team", "granted").await,
        Micro::parse("1101")
    );
}

#[tokio::test]
async fn what_is_taken_back_is_never_more_than_is_available() {
    let rig = Rig::start().await;
    let id = rig.team.start("holds 17.784 #sim:never-finish").await;
    let error = rig.admin.post(PATH, &json!({ "credits": -1000 })).await;
    let error = error.error(400, "invalid_parameter");
    assert_eq!(error["param"], "credits");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("more than the 982.216 available"),
        "{message}"
    );
    rig.admin
        .post(PATH, &json!({ "credits": "-982.216" }))
        .await
        .ok();
    assert_eq!(rig.admin.credits("team", "available").await, Micro::ZERO);
    rig.team
        .post_empty(&format!("/v1/tasks/{id}/cancel"))
        .await
        .ok();
    rig.team.ended_as(&id, "cancelled").await;
    evogate_tests::assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_grant_that_cannot_be_meant_is_refused_and_grants_nothing() {
    let rig = Rig::start().await;
    for bad in [
        json!({ "credits": 0 }),
        json!({ "credits": "0.0" }),
        json!({ "credits": 0.000_000_1 }),
        json!({ "credits": 1e300 }),
        json!({ "credits": "a lot" }),
        json!({ "credits": null }),
        json!({ "credits": [1] }),
        json!({ "credit": 1 }),
        json!({ "credits": 1, "notes": "typing error" }),
        json!({ "credits": 1, "note": "" }),
        json!({ "credits": 1, "note": "n".repeat(201) }),
    ] {
        let answer = rig.admin.post(PATH, &bad).await;
        answer.error(400, "invalid_parameter");
    }
    for bad in ["", "5", "[]", "{\"credits\": 1", "\u{0}"] {
        let answer = rig.admin.post_raw(PATH, bad.to_owned()).await;
        assert_eq!(answer.status, 400, "{bad:?}: {}", answer.text());
    }
    let path = "/admin/v1/tenants/nobody/grants";
    let answer = rig.admin.post(path, &json!({ "credits": 1 })).await;
    answer.error(404, "tenant_not_found");
    assert_eq!(
        rig.admin.credits("team", "granted").await,
        Micro::parse("1000")
    );
}
