//! The end of a listener, seen by its clients.

use std::time::Duration;

use tokio::net::TcpStream;

use super::http2;
use super::kit::{House, soon};
use crate::drain::Phase;

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: test\r\n\r\n";

#[tokio::test]
async fn while_it_leaves_everybody_is_served_and_told_to_connect_anew() {
    let house = House::open("").await;
    let mut old = house.client().await;
    assert!(!old.get("/").await.closes());
    house.drain.enter(Phase::Leaving);
    let answer = old.get("/").await;
    assert!(answer.status() == 200 && answer.closes(), "{}", answer.head);
    old.is_closed().await;
    let mut new = house.client().await;
    assert!(new.get("/").await.closes());
}

#[tokio::test]
async fn when_it_closes_what_is_under_way_is_answered_and_nobody_gets_in() {
    let mut house = House::open("").await;
    let mut busy = house.client().await;
    busy.send(WAIT).await;
    soon("the request", house.waiting.recv()).await;
    house.background.stop();
    house.drain.enter(Phase::Closing);
    soon("the socket is closed", async {
        while TcpStream::connect(house.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    house.go_on.notify_one();
    let answer = busy.answer().await;
    assert!(answer.body == "done" && answer.closes(), "{}", answer.head);
    busy.is_closed().await;
    assert!(house.background.finished(super::kit::LONG).await);
}

#[tokio::test]
async fn an_idle_connection_that_is_used_as_it_closes_gets_its_answer() {
    // Idle ones stay for a second where there was a pause.
    let house = House::open("shutdown.drain_pause = '1s'").await;
    let mut idle = house.client().await;
    assert_eq!(idle.get("/").await.status(), 200);
    let mut fresh = house.client().await;
    let mut unused = house.client().await;
    assert_eq!(unused.get("/").await.status(), 200);
    house.background.stop();
    house.drain.enter(Phase::Closing);
    let (used, first) = tokio::join!(idle.get("/"), fresh.get("/"));
    assert!(used.status() == 200 && used.closes());
    assert!(first.status() == 200 && first.closes());
    unused.is_closed().await;
    assert!(house.background.finished(super::kit::LONG).await);
}

#[tokio::test]
async fn at_the_very_end_what_is_left_is_cut() {
    let mut house = House::open("").await;
    let mut busy = house.client().await;
    busy.send(WAIT).await;
    soon("the request", house.waiting.recv()).await;
    house.background.stop();
    house.drain.enter(Phase::Closing);
    assert!(!house.background.finished(Duration::from_millis(200)).await);
    house.drain.enter(Phase::Ended);
    busy.is_closed().await;
    assert!(house.background.finished(super::kit::LONG).await);
}

#[tokio::test]
async fn ops_are_served_until_everything_else_has_ended() {
    let house = House::for_ops("").await;
    house.drain.enter(Phase::Closing);
    let mut client = house.client().await;
    let answer = client.get("/").await;
    assert!(answer.status() == 200 && !answer.closes());
    house.background.stop();
    house.drain.enter(Phase::Ended);
    client.is_closed().await;
    assert!(house.background.finished(super::kit::LONG).await);
}

#[tokio::test]
async fn an_http2_client_is_told_to_go_and_its_streams_are_finished() {
    let mut house = House::open("").await;
    let mut client = http2::Client::connect(house.address).await;
    let answer = client.get("/wait");
    soon("the request", house.waiting.recv()).await;
    house.background.stop();
    house.drain.enter(Phase::Closing);
    soon("the client is told", async {
        while client.ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    house.go_on.notify_one();
    assert_eq!(soon("the answer", answer).await.unwrap().status(), 200);
    assert!(
        soon("the end", client.over()).await.is_ok(),
        "an orderly one"
    );
    assert!(house.background.finished(super::kit::LONG).await);
}
