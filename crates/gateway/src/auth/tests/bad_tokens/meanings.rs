//! Whose tenant it is, and who it is. No tenant, no access.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

#[rstest]
#[case::missing(json!({}))]
#[case::elsewhere(json!({ "name": "video" }))]
#[case::not_in_an_object(json!("video"))]
#[case::in_a_list(json!([{ "id": "video" }]))]
#[case::null(json!({ "id": null }))]
#[case::number(json!({ "id": 7 }))]
#[case::bool(json!({ "id": true }))]
#[case::list(json!({ "id": ["video"] }))]
#[case::object(json!({ "id": { "id": "video" } }))]
#[case::empty(json!({ "id": "" }))]
#[case::capitals(json!({ "id": "Video" }))]
#[case::space(json!({ "id": "video " }))]
#[case::accent(json!({ "id": "vidéo" }))]
#[case::cyrillic_look_alike(json!({ "id": "vіdeo" }))]
#[case::full_width(json!({ "id": "ｖｉｄｅｏ" }))]
#[case::traversal(json!({ "id": "../video" }))]
#[case::separator(json!({ "id": "video:other" }))]
#[case::hash_tag(json!({ "id": "{eg:0}video" }))]
#[case::wildcard(json!({ "id": "*" }))]
#[case::zero_byte(json!({ "id": "video\u{0}" }))]
#[case::line_end(json!({ "id": "video\n" }))]
#[case::too_long(json!({ "id": "v".repeat(65) }))]
#[tokio::test]
async fn tenant(#[case] org: Value) {
    assert_eq!(refused(&of(with("org", org))).await, Reason::NoTenant);
}

#[tokio::test]
async fn tenant_claim_that_is_missing_with_all_around_it() {
    assert_eq!(refused(&of(without("org"))).await, Reason::NoTenant);
}

#[tokio::test]
async fn tenant_in_a_claim_that_has_the_path_for_a_name() {
    let mut claims = without("org");
    claims["org.id"] = json!("video");
    assert_eq!(refused(&of(claims)).await, Reason::NoTenant);
}

#[tokio::test]
async fn tenant_that_there_is_not() {
    let token = of(with("org", json!({ "id": "nobody" })));
    assert_eq!(refused(&token).await, Reason::UnknownTenant);
}

#[rstest]
#[case::null(json!(null))]
#[case::number(json!(7))]
#[case::list(json!(["alice"]))]
#[case::object(json!({ "name": "alice" }))]
#[case::empty(json!(""))]
#[case::line_end(json!("alice\nadmin"))]
#[case::zero_byte(json!("alice\u{0}"))]
#[case::escape(json!("\u{1b}[2Jalice"))]
#[case::too_long(json!("a".repeat(256)))]
#[tokio::test]
async fn subject(#[case] sub: Value) {
    assert_eq!(refused(&of(with("sub", sub))).await, Reason::Claims);
}
