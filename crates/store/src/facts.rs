//! What the audit trail keeps of what was changed, before and after.

use evogate_models::endpoint::Endpoint;
use evogate_models::task::Task;
use evogate_models::{Credits, Timestamp};
use serde_json::{Value, json};

use crate::admin::AdminRecord;
use crate::record::{KeyRecord, Tenant};

/// What the audit trail keeps of a tenant.
pub(crate) fn tenant_facts(tenant: &Tenant) -> Value {
    json!({ "name": tenant.name, "suspended": tenant.suspended, "quota": tenant.quota })
}

/// What the audit trail keeps of a task that an admin decided about.
pub(crate) fn task_facts(task: &Task) -> Value {
    json!({
        "state": task.state.name(), "evolink_task_id": task.upstream,
        "held": task.hold.to_decimal(), "charged": task.charged.to_decimal(),
    })
}

/// What the audit trail keeps of an admin: nothing of the secret.
pub(crate) fn admin_facts(admin: &AdminRecord) -> Value {
    json!({ "name": admin.name, "role": admin.role })
}

/// What the audit trail keeps of a key: nothing of its secrets.
pub(crate) fn key_facts(key: &KeyRecord) -> Value {
    json!({
        "name": key.name, "user": key.user, "scopes": key.scopes, "expires": key.expires.map(Timestamp::seconds),
        "credit_cap": key.credit_cap.map(Credits::to_decimal), "secrets": key.secrets.len(),
    })
}

/// What the audit trail keeps of an endpoint: nothing of its secrets.
pub(crate) fn endpoint_facts(endpoint: &Endpoint) -> Value {
    json!({
        "url": endpoint.url, "events": endpoint.events, "description": endpoint.description,
        "disabled": endpoint.disabled.as_ref().map(|disabled| &disabled.why),
        "secrets": endpoint.secrets.len(),
    })
}
