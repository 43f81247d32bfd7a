//! The document against the list of routes, the closed list of error codes, and its committed copy.

use std::collections::{BTreeMap, BTreeSet};

use evogate_models::ErrorCode;
use serde_json::Value;

use super::document::operation;
use super::{json, refusals, serve};
use crate::router::{API, CALLBACKS, OPS, Route};

const COPY: &str = include_str!("../../../../docs/openapi.json");
const HOW: &str = "docs/openapi.json is not what the code says. Look at the difference, and when it is meant:\n\
                   \n    cargo run -- openapi > docs/openapi.json\n";

fn routes() -> impl Iterator<Item = &'static Route> {
    API.iter().chain(CALLBACKS).chain(OPS)
}

fn shown() -> Value {
    serde_json::from_str(json()).unwrap()
}

/// The operations of the document: method, path, and what it says.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    all.collect()
}

/// Every text that a key of this name has, however deep.
fn texts<'v>(value: &'v Value, name: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str().filter(|_| key == name) {
                    Some(text) => found.push(text),
                    None => texts(value, name, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, name, found)),
        _ => {}
    }
}

#[test]
fn the_list_and_the_document_have_the_same_routes() {
    let listed: BTreeSet<(String, String)> = routes()
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    let documented: BTreeSet<(String, String)> = operations(&shown())
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    assert_eq!(
        listed, documented,
        "router.rs and the document differ: is each handler's `#[utoipa::path]` that of its route?"
    );
    assert_eq!(listed.len(), routes().count(), "a route is listed twice");
}

#[test]
fn an_annotation_names_the_method_and_the_path_of_its_route_or_of_one_of_its_routes() {
    for route in routes() {
        let described = (route.describe)().paths.paths;
        let (path, item) = described.into_iter().next().unwrap();
        let (method, _, _) = operation(item).unwrap();
        let mut own = routes().filter(|other| other.handler == route.handler);
        assert!(
            own.any(|own| (own.method, own.path) == (method, path.as_str())),
            "the `#[utoipa::path]` of {} says {method} {path}, its line in router.rs does not",
            route.handler
        );
        assert_eq!(method, route.method, "the method of {}", route.handler);
    }
}

#[test]
fn the_committed_copy_is_what_the_code_says() {
    // Line by line, so that a failure shows the lines and not two long texts.
    for (number, (copy, code)) in COPY.lines().zip(json().lines()).enumerate() {
        assert_eq!(copy, code, "line {}: {HOW}", number + 1);
    }
    assert!(COPY == json(), "{HOW}");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = shown();
    let mut references = Vec::new();
    texts(&document, "$ref", &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn one_name_of_a_schema_means_one_schema() {
    let mut known = BTreeMap::new();
    for route in routes() {
        for (name, schema) in (route.describe)().schemas {
            let schema = serde_json::to_value(schema).unwrap();
            let before = known.entry(name.clone()).or_insert_with(|| schema.clone());
            assert_eq!(
                *before, schema,
                "two types are called {name}: give one another `as`"
            );
        }
    }
}

#[test]
fn operations_have_names_of_their_own_and_tags_that_are_explained() {
    let document = shown();
    let mut tags = Vec::new();
    texts(&document["tags"], "name", &mut tags);
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].to_string()), "{what}");
        let own = operation["tags"].as_array().unwrap();
        assert_eq!(own.len(), 1, "{what}");
        assert!(tags.contains(&own[0].as_str().unwrap()), "{what}: {own:?}");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(
            !summary.is_empty() && !summary.contains('`'),
            "{what}: {summary}"
        );
    }
}

#[test]
fn every_code_that_is_answered_is_in_a_response() {
    // These are in tasks, or on every route.
    let elsewhere = [
        ErrorCode::SubmissionLost,
        ErrorCode::ResultLost,
        ErrorCode::RequestCancelled,
        ErrorCode::MethodNotAllowed,
    ];
    let rows = refusals::ALL.iter().flat_map(|row| (row.errors)());
    let answered: BTreeSet<String> = rows.map(|error| error.code().to_owned()).collect();
    for code in ErrorCode::ALL {
        let expected = !elsewhere.contains(code);
        assert_eq!(
            answered.contains(code.as_str()),
            expected,
            "{code:?}: add it to openapi/refusals.rs"
        );
    }
}

#[test]
fn the_errors_of_a_row_have_one_status() {
    for row in refusals::ALL {
        let errors = (row.errors)();
        let statuses: BTreeSet<u16> = errors.iter().map(|e| e.status().as_u16()).collect();
        assert_eq!(statuses.len(), 1, "{}", row.name);
    }
}

#[tokio::test]
async fn the_page_for_people_loads_its_own_files_only() {
    let page = serve::page().await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("http"),
        "{policy}"
    );
    let html = include_str!("docs.html");
    let quoted = html.split('"').skip(1).step_by(2);
    let files: Vec<&str> = quoted
        .filter_map(|text| text.strip_prefix("docs/"))
        .collect();
    assert_eq!(files.len(), 3);
    for name in files {
        let segment = crate::path::Segment(name.to_owned());
        assert!(serve::file(segment).await.is_ok(), "{name}");
    }
    for text in [html, include_str!("docs.js")] {
        assert!(!text.contains("//") || !text.contains("http"), "{text}");
    }
}

/// The names of the fields of a value that has all of them.
fn fields(value: &impl serde::Serialize) -> BTreeSet<String> {
    let value = serde_json::to_value(value).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn what_is_described_by_hand_has_the_fields_of_the_stores_types() {
    let at = evogate_models::Timestamp::from_millis(0);
    let audit = evogate_store::AuditEntry {
        seq: 1,
        at,
        actor: evogate_store::Actor {
            who: String::new(),
            from: Some(String::new()),
            request_id: Some(String::new()),
        },
        action: String::new(),
        target: String::new(),
        before: Value::Null,
        after: Value::Null,
    };
    let refused = evogate_store::refused::Refused {
        request_id: String::new(),
        at,
        tenant: "studio".parse().unwrap(),
        credential: String::new(),
        user: Some(String::new()),
        route: String::new(),
        status: 400,
        code: String::new(),
        message: String::new(),
        params: Vec::new(),
        prompt: Some(String::new()),
    };
    let violation = evogate_store::Violation {
        tenant: None,
        what: String::new(),
    };
    let document = shown();
    for (name, fields) in [
        ("AuditEntry", fields(&audit)),
        ("RefusedSubmit", fields(&refused)),
        ("Violation", fields(&violation)),
    ] {
        let described = &document["components"]["schemas"][name]["properties"];
        assert_eq!(
            self::fields(described),
            fields,
            "{name} in openapi/schemas.rs"
        );
    }
}
