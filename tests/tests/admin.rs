//! Admins: tenants, grants, keys, and the proof that the books are in order.

use evogate_tests::{Caller as _, Micro, Rig, Tenant, assert_books};
use serde_json::json;

#[tokio::test]
async fn a_tenant_is_made_once_with_nothing_and_is_granted_credits() {
    let rig = Rig::start().await;
    let made = rig
        .admin
        .post("/admin/v1/tenants", &json!({ "id": "art", "name": "Art" }))
        .await;
    assert_eq!(
        made.expect(201)["credits"],
        json!({ "granted": 0, "available": 0, "held": 0, "spent": 0 })
    );
    let again = rig
        .admin
        .post("/admin/v1/tenants", &json!({ "id": "art", "name": "Art" }))
        .await;
    again.error(409, "already_exists");
    let grant = json!({ "credits": "12.345678", "note": "first" });
    rig.admin
        .post("/admin/v1/tenants/art/grants", &grant)
        .await
        .ok();
    let grant = json!({ "credits": "-2.345678", "note": "too much" });
    let shown = rig
        .admin
        .post("/admin/v1/tenants/art/grants", &grant)
        .await
        .ok();
    assert_eq!(Micro::of(&shown["credits"]["granted"]), Micro::parse("10"));
    assert_eq!(
        Micro::of(&shown["credits"]["available"]),
        Micro::parse("10")
    );
    let read = rig.admin.get("/admin/v1/tenants/art").await.ok();
    assert_eq!(read["credits"], shown["credits"]);
    assert_eq!(read["name"], "Art");
    rig.admin
        .get("/admin/v1/tenants/nobody")
        .await
        .error(404, "tenant_not_found");
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn amounts_that_are_no_amounts_are_refused() {
    let rig = Rig::start().await;
    for credits in [
        "0",
        "0.0000001",
        "\"many\"",
        "null",
        "1e400",
        "9007199254740993",
        "NaN",
        "[1]",
    ] {
        let body = format!(r#"{{"credits":{credits},"note":"no"}}"#);
        let answer = rig
            .admin
            .post_raw("/admin/v1/tenants/team/grants", body)
            .await;
        assert_eq!(answer.status, 400, "{credits}: {}", answer.text());
        assert!(answer.json()["error"]["code"].is_string());
    }
    assert_eq!(
        rig.admin.credits("team", "granted").await,
        Micro::parse("1000")
    );
    let unknown = json!({ "credits": 1, "notes": "a typing error" });
    let answer = rig
        .admin
        .post("/admin/v1/tenants/team/grants", &unknown)
        .await;
    assert_eq!(
        answer.status,
        400,
        "unknown fields are refused: {}",
        answer.text()
    );
}

#[tokio::test]
async fn more_than_what_is_there_cannot_be_taken_back() {
    let rig = Rig::start().await;
    let id = rig.team.start("held #sim:seconds=600").await;
    let too_much = json!({ "credits": -990, "note": "that would be in use" });
    let answer = rig
        .admin
        .post("/admin/v1/tenants/team/grants", &too_much)
        .await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("982.216")
    );
    rig.team
        .post_empty(&format!("/v1/tasks/{id}/cancel"))
        .await
        .ok();
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn wrong_tenant_ids_are_a_400() {
    let rig = Rig::start().await;
    for id in [
        "",
        "A",
        "a b",
        "a/b",
        "../x",
        "a\n",
        "é",
        &"a".repeat(65),
        "{x}",
        "a:b",
    ] {
        let answer = rig
            .admin
            .post("/admin/v1/tenants", &json!({ "id": id, "name": "x" }))
            .await;
        assert_eq!(answer.status, 400, "{id:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_its_tenant_until_it_is_deleted() {
    let rig = Rig::start().await;
    let minted = rig
        .admin
        .post("/admin/v1/tenants/team/keys", &json!({ "name": "ci" }))
        .await;
    assert_eq!(minted.header("cache-control"), Some("no-store"));
    let minted = minted.expect(201);
    let (id, key) = (
        minted["id"].as_str().unwrap(),
        minted["key"].as_str().unwrap(),
    );
    assert!(
        key.starts_with("sk-") && key.len() >= 3 + 22,
        "{}",
        key.len()
    );
    let holder = Tenant::known("team", key, &rig.gateway.url());
    holder.get("/v1/credits").await.ok();
    let list = rig.admin.get("/admin/v1/tenants/team/keys").await;
    assert!(!list.text().contains(key), "a key is shown once");
    assert!(
        list.ok()["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|listed| listed["id"] == id)
    );
    let path = format!("/admin/v1/tenants/team/keys/{id}");
    rig.admin.delete(&path).await.ok();
    holder.get("/v1/credits").await.error(401, "unauthorized");
    rig.admin.delete(&path).await.error(404, "key_not_found");
    rig.team.get("/v1/credits").await.ok();
}

#[tokio::test]
async fn a_key_cannot_be_deleted_through_another_tenant() {
    let rig = Rig::start().await;
    rig.admin.tenant("other", "0").await;
    let minted = rig
        .admin
        .post("/admin/v1/tenants/team/keys", &json!({ "name": "x" }))
        .await
        .expect(201);
    let path = format!(
        "/admin/v1/tenants/other/keys/{}",
        minted["id"].as_str().unwrap()
    );
    rig.admin.delete(&path).await.error(404, "key_not_found");
    let holder = Tenant::known("team", minted["key"].as_str().unwrap(), &rig.gateway.url());
    holder.get("/v1/credits").await.ok();
}

#[tokio::test]
async fn verify_counts_every_tenant_and_finds_nothing_wrong() {
    let rig = Rig::start().await;
    rig.admin.tenant("other", "5").await;
    for word in [
        "",
        "#sim:fail=service_error",
        "#sim:credits-used=3",
        "#sim:http=422",
    ] {
        let answer = rig
            .team
            .submit(&Tenant::video(&format!("verified {word}")))
            .await;
        if answer.status == 200 {
            rig.team.ended(answer.json()["id"].as_str().unwrap()).await;
        }
    }
    let verified = rig.admin.verify().await;
    assert_eq!(verified["tenants"], 2);
    assert_eq!(verified["violations"], json!([]));
    assert_eq!(Micro::of(&verified["platform_loss"]), Micro::ZERO);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn without_a_bootstrap_key_nobody_is_admin() {
    let mut rig = Rig::start().await;
    rig.gateway.stop().await;
    rig.gateway.settings.unset("admin.bootstrap_key");
    rig.gateway.restart().await;
    rig.admin
        .get("/admin/v1/tenants")
        .await
        .error(401, "unauthorized");
    rig.anonymous()
        .with_token("")
        .get("/admin/v1/tenants")
        .await
        .error(401, "unauthorized");
    rig.team.get("/v1/credits").await.ok();
}
