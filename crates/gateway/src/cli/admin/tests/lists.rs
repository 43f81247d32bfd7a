//! Lists are gone through to their end, and nothing of them is changed on the way.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::session;
use crate::cli::admin::api::Query;
use crate::cli::admin::pages::{Pages, all_numbered};

fn query(request: &Request) -> BTreeMap<String, String> {
    request.url.query_pairs().into_owned().collect()
}

async fn gateway(
    answer: impl Fn(&BTreeMap<String, String>) -> Value + Send + Sync + 'static,
) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        ResponseTemplate::new(200).set_body_string(answer(&query(request)).to_string())
    };
    Mock::given(method("GET"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

async fn queries(server: &MockServer) -> Vec<BTreeMap<String, String>> {
    server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .map(query)
        .collect()
}

#[tokio::test]
async fn every_page_by_number_is_asked_for_and_no_more() {
    let server = gateway(|query| {
        let page: u64 = query["page"].parse().unwrap();
        let data: Vec<u64> = ((page - 1) * 200 + 1..=(page * 200).min(401)).collect();
        json!({"object": "list", "total": 401, "page": page, "page_size": 200, "data": data})
    })
    .await;
    let session = session(&server.uri());
    let search = Query::default().with("search", Some("a b"));
    let list = all_numbered(&session.api, "/tenants", search)
        .await
        .unwrap();
    let numbers: Vec<u64> = list.read().unwrap();
    assert_eq!(numbers, (1..=401).collect::<Vec<_>>());
    let asked = queries(&server).await;
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|query| query["search"] == "a b"));
}

/// Seven entries, as many on a page as are asked for but never more than three.
async fn seven(next: impl Fn(u64) -> Value + Send + Sync + 'static) -> MockServer {
    gateway(move |query| {
        let after = query.get("after").map_or(0, |after| after.trim_start_matches("x/").parse().unwrap());
        let limit: u64 = query["limit"].parse().unwrap();
        let last = (after + limit.min(3)).min(7);
        let data: Vec<u64> = (after + 1..=last).collect();
        json!({"object": "list", "data": data, "next": if last < 7 { next(last) } else { Value::Null }})
    })
    .await
}

#[tokio::test]
async fn a_list_goes_on_from_where_the_page_before_ended() {
    for kind in [|last| json!(last), |last: u64| json!(format!("x/{last}"))] {
        let server = seven(kind).await;
        let session = session(&server.uri());
        let pages = Pages::new(&session.api, "/x", Query::default(), "after", None);
        let list = serde_json::to_value(pages.joined().await.unwrap()).unwrap();
        assert_eq!(
            list,
            json!({"object": "list", "data": [1, 2, 3, 4, 5, 6, 7], "next": null})
        );
        assert_eq!(queries(&server).await.len(), 3);
    }
}

#[tokio::test]
async fn no_more_is_read_than_is_wanted_and_it_is_told_where_the_rest_is() {
    let server = seven(|last| json!(last)).await;
    let session = session(&server.uri());
    let begin = Query::default().with("after", Some(1));
    let pages = Pages::new(&session.api, "/x", begin, "after", Some(4));
    let list = serde_json::to_value(pages.joined().await.unwrap()).unwrap();
    assert_eq!(
        list,
        json!({"object": "list", "data": [2, 3, 4, 5], "next": 5})
    );
    let limits: Vec<String> = queries(&server)
        .await
        .iter()
        .map(|query| query["limit"].clone())
        .collect();
    assert_eq!(limits, ["4", "1"]);
}

#[tokio::test]
async fn an_entry_stays_to_the_letter() {
    let server = MockServer::start().await;
    let body = r#"{"data":[{"credits":9007199254.740991,"b":1,"a":2}],"next":null}"#;
    let answer = ResponseTemplate::new(200).set_body_string(body);
    Mock::given(method("GET"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let session = session(&server.uri());
    let pages = Pages::new(&session.api, "/x", Query::default(), "after", None);
    let text = serde_json::to_string(&pages.joined().await.unwrap()).unwrap();
    assert_eq!(
        text,
        r#"{"object":"list","data":[{"credits":9007199254.740991,"b":1,"a":2}],"next":null}"#
    );
}
