//! Redis gone, slow, back again: what callers are told, how soon, and that it heals by itself.

use std::time::{Duration, Instant};

use evogate_redis_kit::{Options, SentinelGroup, Server};

use super::kit::{TIMEOUT, count, count_until_it_works, is_unanswered, is_unavailable, link};

/// From what happens until a caller knows, with the time-out of 800 ms.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn with_redis_down_from_the_start_calls_fail_in_time_then_at_once_and_it_heals() {
    let mut server = Server::start();
    server.kill();
    let link = link(&server.url());
    let begin = Instant::now();
    let first = count(&link, "n").await;
    assert!(is_unavailable(&first), "{first:?}");
    assert!(begin.elapsed() < SOON);
    let begin = Instant::now();
    for _ in 0..100 {
        let next = count(&link, "n").await;
        assert!(is_unavailable(&next), "{next:?}");
    }
    assert!(begin.elapsed() < SOON / 2, "{:?}", begin.elapsed());
    assert!(is_unavailable(&link.ready().await));
    server.start_again();
    let (_, within) = count_until_it_works(&link, "n").await;
    assert!(within < SOON, "{within:?}");
}

#[tokio::test]
async fn a_restart_on_the_same_data_heals_and_is_told() {
    let mut server = Server::start();
    let link = link(&server.url());
    assert_eq!(count(&link, "n").await, Ok(1));
    let connections = link.connections();
    let before = *connections.borrow();
    server.kill();
    server.start_again();
    let (value, within) = count_until_it_works(&link, "n").await;
    assert_eq!(value, 2);
    assert!(within < SOON, "{within:?}");
    assert!(*connections.borrow() > before);
}

#[tokio::test]
async fn a_stopped_server_is_unanswered_in_time_then_unavailable_at_once() {
    let server = Server::with(Options::default().on_port());
    let link = link(&server.url());
    assert_eq!(count(&link, "n").await, Ok(1));
    server.pause();
    let begin = Instant::now();
    let first = count(&link, "n").await;
    assert!(is_unanswered(&first), "{first:?}");
    assert!(begin.elapsed() >= TIMEOUT && begin.elapsed() < SOON);
    // The next connection is made, for the kernel takes it, and does not answer.
    let begin = Instant::now();
    let next = count(&link, "n").await;
    assert!(is_unavailable(&next), "{next:?}");
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    let begin = Instant::now();
    let then = count(&link, "n").await;
    assert!(is_unavailable(&then), "{then:?}");
    assert!(begin.elapsed() < TIMEOUT / 4, "{:?}", begin.elapsed());
    server.resume();
    let (value, within) = count_until_it_works(&link, "n").await;
    // The call without an answer was applied all the same, once.
    assert_eq!(value, 3);
    assert!(within < SOON, "{within:?}");
}

#[tokio::test]
async fn a_connection_cut_in_mid_call_is_unanswered_and_the_next_call_works() {
    let server = Server::start();
    let link = link(&server.url());
    assert_eq!(count(&link, "n").await, Ok(1));
    server.pause();
    let mut kept = server;
    let cut = async {
        // The call is on its way by then; what is read after the end does not matter.
        tokio::time::sleep(Duration::from_millis(100)).await;
        kept.kill();
    };
    let (answer, ()) = tokio::join!(count(&link, "n"), cut);
    assert!(is_unanswered(&answer), "{answer:?}");
    kept.start_again();
    let (value, within) = count_until_it_works(&link, "n").await;
    assert_eq!(value, 2);
    assert!(within < SOON, "{within:?}");
}

#[tokio::test]
async fn an_answer_that_is_late_for_one_call_is_still_taken_by_another() {
    let server = Server::start();
    let link = link(&server.url());
    let sleeping = async {
        let sleep = redis::cmd("DEBUG").arg("SLEEP").arg("1.2").take();
        link.command(sleep).await
    };
    let later = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        count(&link, "n").await
    };
    let (slow, quick) = tokio::join!(sleeping, later);
    assert!(is_unanswered(&slow), "{slow:?}");
    assert_eq!(quick, Ok(1));
}

#[tokio::test]
async fn a_sentinel_group_is_followed_to_its_new_primary() {
    let mut group = SentinelGroup::start();
    let link = link(&group.url());
    assert_eq!(count(&link, "n").await, Ok(1));
    let old = group.primary();
    group.servers[0].kill();
    let begin = Instant::now();
    let answer = count(&link, "n").await;
    assert!(answer.is_err(), "{answer:?}");
    assert!(begin.elapsed() < SOON);
    let (_, within) = count_until_it_works(&link, "n").await;
    assert_ne!(group.primary(), old);
    assert!(within < Duration::from_secs(20), "{within:?}");
    // The old one comes back as a replica, and is not asked.
    group.servers[0].start_again();
    assert!(count(&link, "n").await.is_ok());
}

#[tokio::test]
async fn a_sentinel_group_is_followed_away_from_a_primary_that_hangs() {
    let group = SentinelGroup::start();
    let link = link(&group.url());
    assert_eq!(count(&link, "n").await, Ok(1));
    group.servers[0].pause();
    let answer = count(&link, "n").await;
    assert!(is_unanswered(&answer), "{answer:?}");
    count_until_it_works(&link, "n").await;
    group.servers[0].resume();
    assert!(count(&link, "n").await.is_ok());
}
