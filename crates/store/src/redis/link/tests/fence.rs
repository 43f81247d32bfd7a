//! With `wait_aof`, an answer means that the change is on the disk.

use std::time::{Duration, Instant};

use evogate_redis_kit::{Fsync, Options, Server};
use futures::future::join_all;
use redis::Value;

use super::super::{Link, LinkOptions};
use super::kit::{COUNT, TIMEOUT, count, is_unanswered};

fn waiting(server: &Server) -> Link {
    let mut options = LinkOptions::new(TIMEOUT);
    options.wait_aof = true;
    Link::open(&server.url().parse().expect("a URL"), &options).expect("a link")
}

/// Redis before 7.2 does not have it: then there is nothing to test here.
fn server(fsync: Fsync) -> Option<Server> {
    let server = Server::with(Options::default().fsync(fsync).newest());
    server.knows("WAITAOF").then_some(server)
}

#[tokio::test]
async fn changes_wait_for_the_disk_and_many_wait_together() {
    let Some(server) = server(Fsync::EverySecond) else {
        return;
    };
    let link = waiting(&server);
    let begin = Instant::now();
    let counts = join_all((0..200).map(|_| count(&link, "{eg:1}n"))).await;
    assert!(counts.iter().all(Result::is_ok), "{counts:?}");
    // Two waits at most, of up to two seconds each, and not one for each change.
    assert!(
        begin.elapsed() < Duration::from_secs(6),
        "{:?}",
        begin.elapsed()
    );
    let read = link.command(redis::cmd("GET").arg("{eg:1}n").take()).await;
    assert_eq!(read, Ok(Value::BulkString(b"200".to_vec())));
}

#[tokio::test]
async fn nothing_waits_where_every_write_goes_to_the_disk_at_once() {
    let Some(server) = server(Fsync::Always) else {
        return;
    };
    let link = waiting(&server);
    let begin = Instant::now();
    for round in 1..=20 {
        assert_eq!(count(&link, "{eg:1}n").await, Ok(round));
    }
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_was_started_again_meanwhile_is_not_taken_for_the_same() {
    let Some(mut server) = server(Fsync::EverySecond) else {
        return;
    };
    let link = waiting(&server);
    assert_eq!(count(&link, "{eg:1}n").await, Ok(1));
    let restart = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.kill();
        server.start_again();
    };
    let (answer, ()) = tokio::join!(count(&link, "{eg:1}n"), restart);
    assert!(is_unanswered(&answer), "{answer:?}");
}

#[tokio::test]
async fn without_an_append_only_file_no_change_is_taken_for_written() {
    let server = Server::with(Options::default().fsync(Fsync::NoAof));
    let link = waiting(&server);
    let answer = link
        .script(&COUNT, &["{eg:1}n".into()], &["1".into()])
        .await;
    assert!(is_unanswered(&answer), "{answer:?}");
    let read = link.command(redis::cmd("GET").arg("{eg:1}n").take()).await;
    assert_eq!(read, Ok(Value::BulkString(b"1".to_vec())));
}
