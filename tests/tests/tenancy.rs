//! Who may do what: suspended tenants, keys and their scopes, a tenant's own admin, the gateway's admins,
//! what they can look up, and that nobody sees what is another's.

#[path = "tenancy/admins.rs"]
mod admins;
#[path = "tenancy/grants.rs"]
mod grants;
#[path = "tenancy/keys.rs"]
mod keys;
#[path = "tenancy/reports.rs"]
mod reports;
#[path = "tenancy/tenant_admin.rs"]
mod tenant_admin;

use evogate_tests::{Admin, Answer, Caller as _, Rig, Tenant, assert_books};
use http::Method;
use serde_json::{Value, json};

/// A key of a tenant's as it was minted: with its secret, this once.
async fn mint(admin: &Admin, tenant: &str, wanted: Value) -> Value {
    let path = format!("/admin/v1/tenants/{tenant}/keys");
    admin.post(&path, &wanted).await.expect(201)
}

/// Who has the key that was minted.
fn holder(rig: &Rig, minted: &Value) -> Tenant {
    let tenant = minted["tenant"].as_str().expect("a tenant");
    let key = minted["key"].as_str().expect("a key");
    Tenant::known(tenant, key, &rig.gateway.url())
}

/// The whole audit trail, newest first.
async fn audit(admin: &Admin) -> Vec<Value> {
    let trail = admin.get("/admin/v1/audit?limit=1000").await.ok();
    trail["data"].as_array().expect("a list").clone()
}

/// An error without what differs from request to request.
fn anonymised(answer: &Answer) -> (u16, String) {
    let id = answer.header("x-request-id").expect("an id");
    (answer.status, answer.text().replace(id, "ID"))
}

#[tokio::test]
async fn a_suspended_tenant_submits_nothing_reads_everything_and_finishes_what_it_has() {
    let rig = Rig::start().await;
    let id = rig.team.start("under way #sim:never-finish").await;
    let suspended = rig.admin.post_empty("/admin/v1/tenants/team/suspend").await;
    assert_eq!(suspended.ok()["suspended"], true);
    let error = rig
        .team
        .submit(&Tenant::video("not now"))
        .await
        .error(403, "tenant_suspended");
    assert_eq!(error["type"], "permission_error");
    assert!(rig.sim.creates("not now").await.is_empty());
    for path in ["/v1/tasks", "/v1/credits", "/v1/models", "/v1/usage"] {
        rig.team.get(path).await.ok();
    }
    let upstream = rig.sim.job("under way").await;
    let completed = json!({ "status": "completed" });
    rig.sim
        .force(upstream["id"].as_str().unwrap(), completed)
        .await;
    rig.team.ended_as(&id, "completed").await;
    let resumed = rig.admin.post_empty("/admin/v1/tenants/team/resume").await;
    assert_eq!(resumed.ok()["suspended"], false);
    let id = rig.team.start("again").await;
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_foreign_task_and_an_absent_one_are_answered_alike_on_every_route() {
    let rig = Rig::start().await;
    let id = rig.team.start("somebody else's #sim:never-finish").await;
    let other = rig.admin.tenant("other", "100").await;
    let absent = "task-unified-1772203771-abcd1234";
    for (method, end) in [
        (Method::GET, ""),
        (Method::GET, "/timeline"),
        (Method::GET, "/content"),
        (Method::POST, "/cancel"),
    ] {
        let mut answers = Vec::new();
        for id in [id.as_str(), absent, "junk"] {
            let path = format!("/v1/tasks/{id}{end}");
            let answer = other.send(other.request(method.clone(), &path)).await;
            answer.error(404, "task_not_found");
            answers.push(anonymised(&answer));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{end}: {answers:?}");
    }
    let batch = json!({ "task_ids": [id, absent] });
    let batch = other.post("/v1/tasks/batch", &batch).await.ok();
    assert_eq!(batch["data"], json!([]));
    assert_eq!(other.get("/v1/tasks").await.ok()["total"], 0);
    assert!(rig.sim.requests("cancel").await.is_empty());
    let path = format!("/v1/tasks/{id}/cancel");
    rig.team.post_empty(&path).await.ok();
    assert_books(&rig.admin, &rig.sim).await;
}
