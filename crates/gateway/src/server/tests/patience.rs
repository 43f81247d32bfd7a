//! Clients that take their time.

use tokio::io::AsyncWriteExt as _;

use super::kit::{House, soon};

#[tokio::test]
async fn a_client_that_says_nothing_and_one_that_says_half_a_head_are_hung_up_on() {
    let house = House::open("server.head_timeout = '200ms'").await;
    let mut silent = house.client().await;
    let mut halting = house.client().await;
    halting.send("GET / HTTP/1.1\r\nhost: te").await;
    let mut undecided = house.client().await;
    // The beginning of HTTP/2's preface, or of a method that is called so.
    undecided.send("P").await;
    for client in [&mut silent, &mut halting, &mut undecided] {
        client.is_closed().await;
    }
}

#[tokio::test]
async fn a_head_that_comes_after_a_good_request_has_no_more_time_than_the_first() {
    let house = House::open("server.head_timeout = '500ms'\nserver.idle_timeout = '1h'").await;
    let mut client = house.client().await;
    assert_eq!(client.get("/").await.body, "hello");
    client.send("GET / HTTP/1.1\r\n").await;
    client.is_closed().await;
}

#[tokio::test]
async fn a_head_in_pieces_is_taken_and_a_connection_is_kept_between_requests() {
    let house = House::open("server.head_timeout = '30s'").await;
    let mut client = house.client().await;
    for _ in 0..3 {
        for piece in ["GET /", " HTTP/1.1\r\nho", "st: test\r\n", "\r\n"] {
            client.send(piece).await;
            client.0.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(client.answer().await.body, "hello");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let mut house =
        House::open("server.idle_timeout = '500ms'\nserver.head_timeout = '500ms'").await;
    let mut busy = house.client().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n").await;
    soon("the request", house.waiting.recv()).await;
    let mut idle = house.client().await;
    assert_eq!(idle.get("/").await.status(), 200);
    idle.is_closed().await;
    house.go_on.notify_one();
    assert_eq!(busy.answer().await.body, "done");
}

#[tokio::test]
async fn a_slow_body_is_a_408_and_the_connection_ends() {
    let house = House::open("server.body_timeout = '200ms'").await;
    let mut client = house.client().await;
    client
        .send("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nabc")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (408, "request_timeout")
    );
    assert!(answer.closes(), "{}", answer.head);
    client.is_closed().await;
}

#[tokio::test]
async fn a_body_in_pieces_is_taken_with_its_length_and_without() {
    let house = House::open("").await;
    let mut client = house.client().await;
    client
        .send("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    client.send("def").await;
    assert_eq!(client.answer().await.body, "6");
    client
        .send("POST /length HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..5 {
        client.send("4\r\nabcd\r\n").await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.body, "20");
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_hung_up_on() {
    let mut house = House::open("server.write_timeout = '300ms'").await;
    let mut client = house.client().await;
    client
        .send("GET /endless HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    // It reads nothing: at some time the socket takes no more.
    soon("the answer is given up", house.given_up.recv()).await;
    client.is_closed().await;
}
