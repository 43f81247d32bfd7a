//! The gateway's admins: who looks, who changes, and that every change is on record.

use evogate_tests::{Admin, Anonymous, Caller as _, Rig, Tenant};
use http::Method;
use serde_json::{Value, json};

use super::{audit, mint};

async fn add(rig: &Rig, name: &str, role: &str) -> (String, Admin) {
    let new = json!({ "name": name, "role": role });
    let made = rig.admin.post("/admin/v1/admins", &new).await;
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.expect(201);
    let key = made["key"].as_str().unwrap();
    (
        made["id"].as_str().unwrap().to_owned(),
        Admin::at(&rig.gateway.url(), key),
    )
}

#[tokio::test]
async fn a_viewer_reads_everything_and_changes_nothing_an_admin_does_both() {
    let rig = Rig::start().await;
    let (_, viewer) = add(&rig, "vera", "viewer").await;
    let (_, admin) = add(&rig, "adam", "admin").await;
    for path in [
        "/admin/v1/tenants",
        "/admin/v1/tenants/team",
        "/admin/v1/tenants/team/quota",
        "/admin/v1/tenants/team/keys",
        "/admin/v1/tenants/team/users",
        "/admin/v1/tenants/team/journal",
        "/admin/v1/tasks",
        "/admin/v1/usage",
        "/admin/v1/refused",
        "/admin/v1/audit",
        "/admin/v1/admins",
        "/admin/v1/unknown",
        "/admin/v1/ledger/verify",
    ] {
        viewer.get(path).await.ok();
        admin.get(path).await.ok();
    }
    let before = rig.admin.get("/admin/v1/tenants/team").await.ok();
    for (method, path, body) in [
        (Method::PUT, "/admin/v1/tenants/team/quota", json!({})),
        (
            Method::PATCH,
            "/admin/v1/tenants/team",
            json!({ "name": "x" }),
        ),
        (
            Method::POST,
            "/admin/v1/tenants/team/grants",
            json!({ "credits": 1 }),
        ),
        (Method::POST, "/admin/v1/tenants/team/suspend", json!({})),
        (Method::POST, "/admin/v1/tenants/team/keys", json!({})),
        (Method::POST, "/admin/v1/tenants", json!({ "id": "new" })),
        (
            Method::POST,
            "/admin/v1/admins",
            json!({ "name": "x", "role": "admin" }),
        ),
    ] {
        let request = viewer.request(method, path).json(&body);
        let answer = viewer.send(request).await;
        answer.error(403, "permission_denied");
    }
    assert_eq!(rig.admin.get("/admin/v1/tenants/team").await.ok(), before);
    let renamed = admin
        .send(
            admin
                .request(Method::PATCH, "/admin/v1/tenants/team")
                .json(&json!({ "name": "The team" })),
        )
        .await;
    assert_eq!(renamed.ok()["name"], "The team");
    assert_eq!(audit(&viewer).await[0]["who"], "adam");
}

#[tokio::test]
async fn a_deleted_admin_is_nobody_at_once_and_a_name_belongs_to_one_admin() {
    let rig = Rig::start().await;
    let (id, eve) = add(&rig, "eve", "admin").await;
    for name in ["eve", "bootstrap"] {
        let again = json!({ "name": name, "role": "viewer" });
        let answer = rig.admin.post("/admin/v1/admins", &again).await;
        answer.error(409, "already_exists");
    }
    let bad = json!({ "name": "x", "role": "owner" });
    let answer = rig.admin.post("/admin/v1/admins", &bad).await;
    answer.error(400, "invalid_parameter");
    eve.get("/admin/v1/tenants").await.ok();
    let path = format!("/admin/v1/admins/{id}");
    rig.admin.delete(&path).await.ok();
    eve.get("/admin/v1/tenants")
        .await
        .error(401, "unauthorized");
    rig.admin.delete(&path).await.error(404, "key_not_found");
    let listed = rig.admin.get("/admin/v1/admins").await.ok();
    assert_eq!(listed["total"], 0, "the settings' own key is not listed");
}

#[tokio::test]
async fn a_tenants_key_is_never_an_admins_nor_an_admins_key_a_tenants() {
    let rig = Rig::start().await;
    let anonymous = Anonymous::at(rig.gateway.url());
    let made = json!({ "name": "ada", "role": "admin" });
    let made = rig.admin.post("/admin/v1/admins", &made).await.expect(201);
    for key in [made["key"].as_str().unwrap(), evogate_tests::ADMIN_KEY] {
        let as_tenant = anonymous.with_token(key);
        as_tenant
            .get("/v1/credits")
            .await
            .error(401, "unauthorized");
        let answer = as_tenant.submit(&Tenant::video("no")).await;
        answer.error(401, "unauthorized");
    }
    let all = ["generate", "read", "webhooks", "tenant_admin"];
    let minted = mint(&rig.admin, "team", json!({ "scopes": all })).await;
    let as_admin = Admin::at(&rig.gateway.url(), minted["key"].as_str().unwrap());
    as_admin
        .get("/admin/v1/tenants")
        .await
        .error(401, "unauthorized");
    let scoped = json!({ "scopes": ["admin"] });
    let answer = rig.admin.post("/admin/v1/tenants/team/keys", &scoped).await;
    answer.error(400, "invalid_parameter");
}

#[tokio::test]
async fn every_change_is_on_record_with_who_from_where_before_and_after_and_no_secret() {
    let rig = Rig::start().await;
    let (admin_id, adam) = add(&rig, "adam", "admin").await;
    let minted = mint(&adam, "team", json!({ "name": "k" })).await;
    let key = format!(
        "/admin/v1/tenants/team/keys/{}",
        minted["id"].as_str().unwrap()
    );
    let rotated = adam.post_empty(&format!("{key}/rotate")).await.ok();
    adam.delete(&key).await.ok();
    let quota = adam.request(Method::PUT, "/admin/v1/tenants/team/quota");
    let quota = quota
        .json(&json!({ "max_duration": 9 }))
        .header("x-request-id", "quota-1");
    adam.send(quota).await.ok();
    adam.post_empty("/admin/v1/tenants/team/suspend").await.ok();
    adam.post_empty("/admin/v1/tenants/team/resume").await.ok();
    let grant = json!({ "credits": 5, "note": "more" });
    adam.post("/admin/v1/tenants/team/grants", &grant)
        .await
        .ok();
    rig.admin
        .delete(&format!("/admin/v1/admins/{admin_id}"))
        .await
        .ok();

    let trail = audit(&rig.admin).await;
    let actions: Vec<&str> = trail
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    let expected = [
        "admin.delete",
        "grant",
        "tenant.change",
        "tenant.change",
        "tenant.change",
        "key.delete",
        "key.rotate",
        "key.create",
        "admin.create",
        // What the rig made before.
        "key.create",
        "grant",
        "tenant.create",
    ];
    assert_eq!(actions, expected);
    for (entry, by) in trail.iter().zip(["bootstrap"].iter().chain(&["adam"; 7])) {
        assert_eq!(entry["who"], *by, "{entry}");
        assert_eq!(entry["from"], "127.0.0.1", "{entry}");
        assert!(entry["request_id"].is_string(), "{entry}");
        assert!(entry["at"].as_str().unwrap().ends_with('Z'), "{entry}");
    }
    let quota = &trail[4];
    assert_eq!(quota["request_id"], "quota-1");
    assert_eq!(quota["before"]["quota"]["max_duration"], Value::Null);
    assert_eq!(quota["after"]["quota"]["max_duration"], 9);
    assert_eq!(
        (
            &trail[3]["after"]["suspended"],
            &trail[2]["after"]["suspended"]
        ),
        (&json!(true), &json!(false))
    );
    assert_eq!(trail[1]["after"]["note"], "more");
    assert_eq!(trail[5]["after"], Value::Null);
    let text = rig.admin.get("/admin/v1/audit?limit=1000").await.text();
    for secret in [&minted["key"], &rotated["key"]] {
        assert!(!text.contains(secret.as_str().unwrap()));
    }
    for word in ["digest", "webhook_secret", "sk-evogate-", "\"admin-"] {
        assert!(!text.contains(word), "{word} in {text}");
    }

    let page = rig.admin.get("/admin/v1/audit?limit=5").await.ok();
    let next = page["next"].as_u64().expect("there is more");
    let rest = rig
        .admin
        .get(&format!("/admin/v1/audit?limit=50&before={next}"))
        .await
        .ok();
    let seqs = |page: &Value| -> Vec<u64> {
        let entries = page["data"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| entry["seq"].as_u64().unwrap())
            .collect()
    };
    let all: Vec<u64> = seqs(&page).into_iter().chain(seqs(&rest)).collect();
    let expected: Vec<u64> = (1..=12).rev().collect();
    assert_eq!(all, expected);
    assert_eq!(rest["next"], Value::Null);
}

#[tokio::test]
async fn a_decision_about_an_unknown_submit_is_on_record_too() {
    let rig = Rig::start().await;
    let id = rig.team.start("who knows #sim:html=502").await;
    rig.team.is_in(&id, "unknown").await;
    let decision = json!({ "decision": "lost", "tenant": "team" });
    let path = format!("/admin/v1/unknown/{id}");
    assert_eq!(rig.admin.post(&path, &decision).await.ok()["state"], "lost");
    let entry = &audit(&rig.admin).await[0];
    assert_eq!(entry["action"], "unknown.decide");
    assert_eq!(entry["who"], "bootstrap");
    assert_eq!(entry["target"], format!("team/{id}"));
    assert_eq!(entry["before"]["state"], "unknown");
    assert_eq!(entry["after"]["state"], "lost");
    rig.admin
        .post(&path, &decision)
        .await
        .error(409, "task_not_unknown");
    assert_eq!(
        audit(&rig.admin).await[0],
        *entry,
        "what was refused changed nothing"
    );
}
