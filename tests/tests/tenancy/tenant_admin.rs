//! A tenant's own admin: its keys, its usage, and not a step further.

use evogate_tests::{Caller as _, Rig};
use serde_json::json;

use super::{audit, holder, mint};

#[tokio::test]
async fn a_tenants_admin_manages_the_keys_of_its_own_tenant_and_of_no_other() {
    let rig = Rig::start().await;
    rig.admin.tenant("other", "0").await;
    let foreign = mint(&rig.admin, "other", json!({ "name": "foreign" })).await;
    let wanted = json!({ "name": "boss", "scopes": ["tenant_admin", "read"] });
    let boss = mint(&rig.admin, "team", wanted).await;
    let boss_id = boss["id"].as_str().unwrap().to_owned();
    let boss = holder(&rig, &boss);

    let wanted = json!({ "name": "intern", "scopes": ["read"] });
    let intern = boss.post("/v1/keys", &wanted).await.expect(201);
    assert_eq!(intern["tenant"], "team");
    holder(&rig, &intern).get("/v1/credits").await.ok();
    let list = boss.get("/v1/keys").await.ok();
    let keys = list["data"].as_array().unwrap();
    assert!(keys.iter().all(|key| key["tenant"] == "team"), "{list}");

    let path = format!("/v1/keys/{}", foreign["id"].as_str().unwrap());
    boss.delete(&path).await.error(404, "key_not_found");
    let rotate = boss.post_empty(&format!("{path}/rotate")).await;
    rotate.error(404, "key_not_found");
    holder(&rig, &foreign).get("/v1/credits").await.ok();

    let path = format!("/v1/keys/{}", intern["id"].as_str().unwrap());
    let rotated = boss
        .post(&format!("{path}/rotate"), &json!({ "overlap": 0 }))
        .await
        .ok();
    holder(&rig, &rotated).get("/v1/credits").await.ok();
    boss.delete(&path).await.ok();
    let gone = holder(&rig, &rotated).get("/v1/credits").await;
    gone.error(401, "unauthorized");

    let trail = audit(&rig.admin).await;
    for (entry, action) in trail.iter().zip(["key.delete", "key.rotate", "key.create"]) {
        assert_eq!(entry["action"], action);
        assert_eq!(entry["who"], format!("team/{boss_id}"), "{entry}");
    }
    boss.get("/admin/v1/tenants")
        .await
        .error(401, "unauthorized");
}

#[tokio::test]
async fn a_tenants_admin_gives_nobody_more_than_it_has_itself() {
    let rig = Rig::start().await;
    let wanted = json!({ "name": "boss", "scopes": ["tenant_admin", "read"] });
    let boss = mint(&rig.admin, "team", wanted).await;
    let boss = holder(&rig, &boss);
    for scopes in [json!(["generate"]), json!(["read", "webhooks"])] {
        let answer = boss.post("/v1/keys", &json!({ "scopes": scopes })).await;
        assert_eq!(answer.error(400, "invalid_parameter")["param"], "scopes");
    }
    let plain = boss.post("/v1/keys", &json!({})).await.expect(201);
    assert_eq!(
        plain["scopes"],
        json!(["read"]),
        "what is usual, and no more than its own"
    );

    // Whoever may rotate a key has its new secret: so not one that is good for more.
    let stronger = mint(&rig.admin, "team", json!({ "scopes": ["generate"] })).await;
    let path = format!("/v1/keys/{}/rotate", stronger["id"].as_str().unwrap());
    let answer = boss.post(&path, &json!({ "overlap": 0 })).await;
    answer.error(403, "permission_denied");
    assert!(!answer.text().contains("sk-"), "{}", answer.text());
    let answer = holder(&rig, &stronger).get("/v1/credits").await;
    answer.error(403, "permission_denied");
}

#[tokio::test]
async fn a_tenants_admin_with_a_credit_cap_gives_no_key_a_larger_one() {
    let rig = Rig::start().await;
    let wanted = json!({ "scopes": ["tenant_admin", "read"], "credit_cap": 50 });
    let boss = mint(&rig.admin, "team", wanted).await;
    let boss = holder(&rig, &boss);
    for wanted in [
        json!({ "name": "without" }),
        json!({ "credit_cap": 50.5 }),
        json!({ "credit_cap": -1 }),
    ] {
        let answer = boss.post("/v1/keys", &wanted).await;
        assert_eq!(
            answer.error(400, "invalid_parameter")["param"],
            "credit_cap"
        );
    }
    let equal = boss.post("/v1/keys", &json!({ "credit_cap": 50 })).await;
    assert_eq!(equal.expect(201)["credit_cap"], json!(50));

    let free = mint(&rig.admin, "team", json!({ "scopes": ["read"] })).await;
    let path = format!("/v1/keys/{}/rotate", free["id"].as_str().unwrap());
    let answer = boss.post(&path, &json!({ "overlap": 0 })).await;
    answer.error(403, "permission_denied");
    holder(&rig, &free).get("/v1/credits").await.ok();
}
