//! The parameters in paths. What one means follows from the segment before it, so that no annotation
//! repeats it.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, Required};

/// The parameters of a path, in their order.
pub(super) fn of(path: &str) -> Vec<Parameter> {
    let mut before = "";
    let mut found = Vec::new();
    for segment in path.split('/') {
        let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        if let Some(name) = name {
            found.push(parameter(name, before));
        }
        before = segment;
    }
    found
}

fn parameter(name: &str, before: &str) -> Parameter {
    let (description, example) = match before {
        "tasks" | "unknown" => ("The task's id", Some("task-unified-1772203771-yf1dxogh")),
        "tenants" => ("The tenant's id", Some("studio")),
        "keys" => ("The key's id", Some("key_nkyep221rc58vpp0")),
        "endpoints" => ("The endpoint's id", Some("ep_5gq2f8n0c4w7k1xz")),
        "deliveries" => (
            "The delivery's id",
            Some("msg_1795445631-5ev4k2dm-task-completed.ep_5gq2f8n0c4w7k1xz"),
        ),
        "admins" => ("The id of the admin's key", Some("key_8e0dk2p5m1vq9s3x")),
        "evolink" => ("A token made for this task by the gateway itself", None),
        "docs" => ("The file's name", Some("swagger-ui.css")),
        _ => ("Which one", None),
    };
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .examples(example);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
