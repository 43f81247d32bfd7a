//! The webhooks that tenants get, as the document's `webhooks`.

use evogate_models::event::EventKind;
use serde_json::json;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, Paths, PathsBuilder, Ref, RefOr, Required, ResponseBuilder,
    Schema,
};

/// One event a task, at its end; and what else endpoints are told of.
pub(super) fn webhooks() -> Paths {
    [
        (EventKind::TaskCompleted, "The task has completed"),
        (EventKind::TaskFailed, "The task has failed"),
        (EventKind::TaskCancelled, "The task was cancelled"),
        (
            EventKind::TaskExpiring,
            "EvoLink deletes the results in four hours, and nobody seems to have them",
        ),
        (
            EventKind::CreditsLow,
            "What is available fell below your threshold",
        ),
        (
            EventKind::EndpointDisabled,
            "Another endpoint of yours answered 410 and was disabled",
        ),
    ]
    .into_iter()
    .fold(PathsBuilder::new(), |paths, (kind, summary)| {
        paths.path(kind.as_str(), event(kind, summary))
    })
    .build()
}

fn event(kind: EventKind, summary: &str) -> PathItem {
    let (schema, says) = body(kind);
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let body = RequestBodyBuilder::new()
        .description(Some(says))
        .content("application/json", content)
        .required(Some(Required::True))
        .build();
    let headers = [
        (
            "webhook-id",
            Type::String,
            json!("msg_1795445631-5ev4k2dm-task-completed"),
            "The event's id: the same on every attempt",
        ),
        (
            "webhook-timestamp",
            Type::Integer,
            json!(1_795_445_634),
            "Unix seconds of this attempt",
        ),
        (
            "webhook-signature",
            Type::String,
            json!("v1,wIiczyyzfPvRrTo6pfXp4+DbJ8qYEGvHa56c0wiQ+bw="),
            "As Standard Webhooks defines it, with the endpoint's secret, or that of `GET /v1/webhooks/secret`. There may be \
             several, separated by spaces; one that fits is enough",
        ),
        (
            "x-evogate-event",
            Type::String,
            json!(kind.as_str()),
            "What happened",
        ),
        (
            "x-evogate-attempt",
            Type::Integer,
            json!(1),
            "1 for the first attempt",
        ),
    ];
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("event_{}", kind.as_str().replace('.', "_"))))
        .summary(Some(summary))
        .description(Some(
            "Sent by POST to every endpoint that asks for it and, at a task's end, to the `callback_url` of the submit. Delivery is at least once and in no order; any \
             2xx within 15 seconds ends it, everything else is tried again for most of a day.",
        ))
        .tag("Webhooks")
        .request_body(Some(body))
        .parameters(Some(headers.map(|(name, kind, example, says)| header(name, kind, example, says))))
        .response("2XX", ResponseBuilder::new().description("Taken"))
        .response("410", ResponseBuilder::new().description("Not wanted: this event is not sent again, and an endpoint is disabled"))
        .response("default", ResponseBuilder::new().description("Tried again later"));
    PathItem::new(HttpMethod::Post, operation)
}

fn body(kind: EventKind) -> (RefOr<Schema>, &'static str) {
    let object = |fields: &[(&str, Type)]| {
        let fields = fields.iter();
        let object = fields.fold(ObjectBuilder::new(), |object, (name, kind)| {
            let field = ObjectBuilder::new().schema_type(kind.clone());
            object.property(*name, field).required(*name)
        });
        RefOr::T(Schema::from(object.build()))
    };
    match kind {
        EventKind::CreditsLow => (
            object(&[
                ("type", Type::String),
                ("tenant", Type::String),
                ("available", Type::Number),
                ("threshold", Type::Number),
                ("at", Type::Integer),
            ]),
            "The balance when it fell, in credits",
        ),
        EventKind::EndpointDisabled => (
            object(&[
                ("type", Type::String),
                ("tenant", Type::String),
                ("endpoint", Type::String),
                ("url", Type::String),
                ("reason", Type::String),
                ("at", Type::Integer),
            ]),
            "Which endpoint, and why",
        ),
        _ => (
            Ref::from_schema_name("Task").into(),
            "The task object, as `GET /v1/tasks/{id}` gives it",
        ),
    }
}

fn header(name: &str, kind: Type, example: serde_json::Value, says: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(kind).examples([example]);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(says))
        .schema(Some(schema))
        .build()
}
