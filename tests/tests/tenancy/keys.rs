//! Keys: what they may do, how long they count, and that their secrets are shown once.

use evogate_tests::{Admin, Caller as _, Rig, Tenant, until};
use serde_json::json;

use super::{holder, mint};

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let rig = Rig::start().await;
    let reader = mint(&rig.admin, "team", json!({ "scopes": ["read"] })).await;
    let reader = holder(&rig, &reader);
    reader.get("/v1/tasks").await.ok();
    let error = reader.submit(&Tenant::video("no")).await;
    let error = error.error(403, "permission_denied");
    assert_eq!(error["type"], "permission_error");
    assert_eq!(
        error["message"],
        "This credential lacks the scope `generate`"
    );
    assert!(rig.sim.requests("create").await.is_empty());

    let writer = mint(&rig.admin, "team", json!({ "scopes": ["generate"] })).await;
    let writer = holder(&rig, &writer);
    writer.submit(&Tenant::video("yes")).await.ok();
    for path in ["/v1/tasks", "/v1/credits", "/v1/usage"] {
        writer.get(path).await.error(403, "permission_denied");
    }
    let error = writer.get("/v1/webhooks/secret").await;
    error.error(403, "permission_denied");
    let hooks = mint(&rig.admin, "team", json!({ "scopes": ["webhooks"] })).await;
    let hooks = holder(&rig, &hooks);
    hooks.get("/v1/webhooks/secret").await.ok();
    hooks.get("/v1/keys").await.error(403, "permission_denied");
}

#[tokio::test]
async fn a_key_for_which_no_scopes_were_asked_submits_and_reads_and_nothing_else() {
    let rig = Rig::start().await;
    let minted = mint(&rig.admin, "team", json!({ "name": "plain" })).await;
    assert_eq!(minted["scopes"], json!(["generate", "read"]));
    let plain = holder(&rig, &minted);
    plain.submit(&Tenant::video("yes")).await.ok();
    plain.get("/v1/credits").await.ok();
    for path in ["/v1/webhooks/secret", "/v1/keys"] {
        plain.get(path).await.error(403, "permission_denied");
    }
}

#[tokio::test]
async fn a_pepper_can_be_changed_while_keys_work_on_until_they_are_rotated() {
    let (first, second) = (
        "3c4b5a69788796a5b4c3d2e1f00f1e2d",
        "e1f00f1e2d3c4b5a69788796a5b4c3d2",
    );
    let mut rig = Rig::start().await;
    let minted = mint(&rig.admin, "team", json!({ "name": "old" })).await;
    let admin = rig
        .admin
        .post(
            "/admin/v1/admins",
            &json!({ "name": "ops", "role": "viewer" }),
        )
        .await
        .expect(201);
    // From none to the first, then to the second: the key of before any is still found.
    for (pepper, old) in [(first, json!([""])), (second, json!([first, ""]))] {
        let settings = [("auth.pepper", json!(pepper)), ("auth.old_peppers", old)];
        rig.gateway.restart_with(settings).await;
        holder(&rig, &minted).get("/v1/credits").await.ok();
        let ops = Admin::at(&rig.gateway.url(), admin["key"].as_str().unwrap());
        ops.get("/admin/v1/tenants").await.ok();
    }
    let path = format!(
        "/admin/v1/tenants/team/keys/{}/rotate",
        minted["id"].as_str().unwrap()
    );
    let rotated = rig
        .admin
        .post(&path, &json!({ "overlap": 3600 }))
        .await
        .ok();
    holder(&rig, &minted).get("/v1/credits").await.ok();
    let settings = [("auth.old_peppers", json!([]))];
    rig.gateway.restart_with(settings).await;
    let old = holder(&rig, &minted).get("/v1/credits").await;
    old.error(401, "unauthorized");
    holder(&rig, &rotated).get("/v1/credits").await.ok();
}

#[tokio::test]
async fn a_key_counts_until_it_expires() {
    let rig = Rig::start().await;
    let wanted = json!({ "name": "short", "expires_in": 2 });
    let minted = mint(&rig.admin, "team", wanted).await;
    let life = minted["expires"].as_i64().unwrap() - minted["created"].as_i64().unwrap();
    assert!((1..=3).contains(&life), "{minted}");
    let short = holder(&rig, &minted);
    short.get("/v1/credits").await.ok();
    let ended = until("it expires", async || {
        let answer = short.get("/v1/credits").await;
        (answer.status != 200).then_some(answer)
    });
    ended.await.error(401, "unauthorized");
    let answer = short.submit(&Tenant::video("too late")).await;
    answer.error(401, "unauthorized");
}

#[tokio::test]
async fn after_a_rotation_the_old_secret_counts_for_the_overlap_and_no_longer() {
    let rig = Rig::start().await;
    let minted = mint(&rig.admin, "team", json!({ "name": "rotating" })).await;
    let path = format!(
        "/admin/v1/tenants/team/keys/{}/rotate",
        minted["id"].as_str().unwrap()
    );
    let first = holder(&rig, &minted);
    let rotated = rig.admin.post(&path, &json!({ "overlap": 60 })).await.ok();
    assert_eq!(rotated["id"], minted["id"]);
    assert_eq!(rotated["secrets"].as_array().unwrap().len(), 2);
    let second = holder(&rig, &rotated);
    assert_ne!(first.key, second.key);
    for key in [&first, &second] {
        key.get("/v1/credits").await.ok();
    }
    let rotated = rig.admin.post(&path, &json!({ "overlap": 0 })).await.ok();
    let third = holder(&rig, &rotated);
    assert_eq!(rotated["secrets"].as_array().unwrap().len(), 1);
    for key in [&first, &second] {
        key.get("/v1/credits").await.error(401, "unauthorized");
    }
    third.get("/v1/credits").await.ok();
    let answer = rig
        .admin
        .post(&path, &json!({ "overlap": 99_999_999 }))
        .await;
    assert_eq!(answer.error(400, "invalid_parameter")["param"], "overlap");
}

#[tokio::test]
async fn a_deleted_key_is_worth_nothing_at_once() {
    let rig = Rig::start().await;
    let minted = mint(&rig.admin, "team", json!({ "name": "leaked" })).await;
    let leaked = holder(&rig, &minted);
    leaked.get("/v1/credits").await.ok();
    let path = format!(
        "/admin/v1/tenants/team/keys/{}",
        minted["id"].as_str().unwrap()
    );
    assert_eq!(rig.admin.delete(&path).await.ok()["deleted"], true);
    leaked.get("/v1/credits").await.error(401, "unauthorized");
    let answer = leaked.submit(&Tenant::video("no more")).await;
    answer.error(401, "unauthorized");
    rig.admin.delete(&path).await.error(404, "key_not_found");
}

#[tokio::test]
async fn the_list_of_keys_shows_their_last_use_and_no_secret() {
    let rig = Rig::start().await;
    let minted = mint(&rig.admin, "team", json!({ "name": "seen", "user": "ana" })).await;
    assert!(minted["last_used"].is_null());
    let seen = holder(&rig, &minted);
    seen.get("/v1/credits").await.ok();
    let path = "/admin/v1/tenants/team/keys";
    let list = until("its use is noted", async || {
        let list = rig.admin.get(path).await;
        let keys = list.ok()["data"].as_array()?.clone();
        let key = keys.into_iter().find(|key| key["id"] == minted["id"])?;
        key["last_used"].is_i64().then_some(list)
    })
    .await;
    for secret in [&seen.key, &rig.team.key] {
        assert!(!list.text().contains(secret.as_str()));
    }
    assert!(!list.text().contains("digest"), "{}", list.text());
    assert!(list.json()["data"][0].get("key").is_none());
}

#[tokio::test]
async fn a_key_that_cannot_be_meant_is_refused_with_all_its_faults() {
    let rig = Rig::start().await;
    let path = "/admin/v1/tenants/team/keys";
    let bad = json!({ "scopes": [], "expires_in": 0, "credit_cap": -1 });
    let error = rig.admin.post(path, &bad).await;
    let error = error.error(400, "invalid_parameter");
    let faults = error["details"].as_array().unwrap().iter();
    let params: Vec<&str> = faults
        .map(|fault| fault["param"].as_str().unwrap())
        .collect();
    assert_eq!(params, ["scopes", "expires_in", "credit_cap"]);
    for bad in [
        json!({ "scopes": ["admin"] }),
        json!({ "name": "" }),
        json!({ "name": "line\nbreak" }),
        json!({ "user": " " }),
        json!({ "scope": ["read"] }),
    ] {
        let answer = rig.admin.post(path, &bad).await;
        answer.error(400, "invalid_parameter");
    }
    let answer = rig
        .admin
        .post("/admin/v1/tenants/nobody/keys", &json!({}))
        .await;
    answer.error(404, "tenant_not_found");
}
