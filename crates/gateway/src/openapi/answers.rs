//! Successes that several routes answer with, each defined once, with their headers.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::headers;

macro_rules! answers {
    ($($(#[doc = $doc:literal])+ $name:ident: $schema:literal [$($header:literal),*];)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    let reference = Ref::from_response_name(stringify!($name));
                    BTreeMap::from([("200".to_owned(), reference.into())])
                }
            }
        )+

        /// The components.
        pub(super) fn components() -> Vec<(String, Response)> {
            vec![$({
                let content = ContentBuilder::new()
                    .schema(Some(Ref::from_schema_name($schema)))
                    .build();
                let mut response = ResponseBuilder::new()
                    .description(concat!($($doc),+).trim())
                    .content("application/json", content)
                    .build();
                $(headers::add(&mut response, $header);)*
                examples(stringify!($name), &mut response);
                (stringify!($name).to_owned(), response)
            }),+]
        }
    };
}

answers! {
    /// The task, taken. It may be a `pending` task whose fate at EvoLink is not known yet: poll it.
    Submitted: "Task" [
        "x-evolink-task-id", "x-results-expire-at", "x-credits-held", "x-credits-remaining",
        "idempotency-replayed", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests"
    ];
    /// The task as it stands.
    Task: "Task" ["x-evolink-task-id", "x-results-expire-at"];
    /// The tenant as it is now.
    Granted: "Tenant" ["idempotency-replayed"];
    /// The key with its new secret, which is shown this once.
    Rotated: "MintedKey" ["cache-control"];
}

/// The contract's own examples of a task.
fn examples(name: &str, response: &mut Response) {
    let Some(RefOr::T(content)) = response.content.get_mut("application/json") else {
        return;
    };
    let pending = json!({
        "created": 1_772_203_771, "id": "task-unified-1772203771-yf1dxogh", "model": "seedance-2.0",
        "object": "video.generation.task", "progress": 0, "status": "pending",
        "task_info": {"can_cancel": true, "estimated_time": 132}, "type": "video",
        "usage": {"billing_rule": "per_second", "credits_reserved": 17.784, "user_group": "default"},
    });
    let with = |fields: serde_json::Value| {
        let mut task = pending.clone();
        if let (Some(task), serde_json::Value::Object(fields)) = (task.as_object_mut(), fields) {
            task.extend(fields);
        }
        task
    };
    let ended = json!({"can_cancel": false, "estimated_time": 132});
    let completed = with(json!({
        "progress": 100, "status": "completed", "task_info": ended,
        "results": ["https://files.evolink.ai/yf1dxogh.mp4"],
    }));
    let failed = with(json!({
        "status": "failed", "task_info": ended,
        "error": {"code": "content_policy_violation", "message": "Content rejected by safety filter",
            "type": "task_error"},
    }));
    let shown: &[_] = match name {
        "Submitted" => &[("pending", pending)],
        "Task" => &[
            ("pending", pending.clone()),
            ("completed", completed),
            ("failed", failed),
        ],
        _ => &[],
    };
    for (name, value) in shown {
        let example = ExampleBuilder::new().value(Some(value.clone())).build();
        content.examples.insert((*name).to_owned(), example.into());
    }
}
