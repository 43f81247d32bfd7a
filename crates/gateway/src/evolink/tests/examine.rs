//! What a look at EvoLink shows.

use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::*;
use super::kit::{NOW, client};

const DATE: &str = "Fri, 27 Feb 2026 14:49:41 GMT";

async fn examined(credits: ResponseTemplate, tasks: ResponseTemplate) -> Examined {
    let server = MockServer::start().await;
    for (at, answer) in [("/v1/credits", credits), ("/v1/tasks", tasks)] {
        let mock = Mock::given(path(at)).respond_with(answer);
        mock.mount(&server).await;
    }
    client(&server.uri()).examine().await
}

fn answer(status: u16, body: serde_json::Value) -> ResponseTemplate {
    let answer = ResponseTemplate::new(status).set_body_json(body);
    answer.insert_header("date", DATE)
}

#[tokio::test]
async fn a_good_key_shows_the_account_and_the_time() {
    let credits = json!({ "data": { "user": { "remaining_credits": 12.5 } } });
    let seen = examined(answer(200, credits), answer(500, json!({}))).await;
    let account = seen.account.unwrap().unwrap();
    assert_eq!(account.user.remaining, Some("12.5".parse().unwrap()));
    let date = Timestamp::from_seconds(1_772_203_781);
    assert_eq!(seen.ahead, Some(date.plus(500).since(NOW)));
}

#[tokio::test]
async fn where_credits_can_not_be_read_the_list_shows_that_the_key_is_good() {
    let list = || answer(200, json!({ "data": [], "total": 0 }));
    for credits in [answer(404, json!({})), answer(200, json!({ "credits": 3 }))] {
        let seen = examined(credits, list()).await;
        assert_eq!(seen.account.unwrap(), None);
    }
}

#[tokio::test]
async fn a_bad_key_and_silence_are_failures() {
    let refused = || answer(401, json!({ "error": { "message": "Invalid token" } }));
    let seen = examined(refused(), refused()).await;
    assert_eq!(seen.account.unwrap_err().status, Some(401));
    assert!(seen.ahead.is_some(), "it tells the time all the same");
    let seen = client("http://127.0.0.1:9").examine().await;
    assert_eq!((seen.account.unwrap_err().status, seen.ahead), (None, None));
}
