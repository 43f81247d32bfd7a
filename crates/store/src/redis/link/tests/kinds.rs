//! Each kind of place is reached from its URL alone.

use evogate_redis_kit::{Certificates, Options, SentinelGroup, Server};
use redis::Value;

use super::super::{Call, Link, LinkOptions};
use super::kit::{COUNT, REFUSE, TIMEOUT, count, is_unavailable, link};
use crate::error::StoreError;

async fn works(url: &str) {
    let link = link(url);
    link.ready().await.expect("ready");
    assert_eq!(count(&link, "{eg:1}n").await, Ok(1));
    assert_eq!(count(&link, "{eg:1}n").await, Ok(2));
    let read = link.command(redis::cmd("GET").arg("{eg:1}n").take()).await;
    assert_eq!(read, Ok(Value::BulkString(b"2".to_vec())));
    assert_eq!(*link.connections().borrow(), 1);
    link.close().await;
    assert!(is_unavailable(&count(&link, "{eg:1}n").await));
}

#[tokio::test]
async fn a_socket_is_reached() {
    works(&Server::start().url()).await;
}

#[tokio::test]
async fn a_port_is_reached() {
    works(&Server::with(Options::default().on_port()).url()).await;
}

#[tokio::test]
async fn a_database_other_than_the_first_is_used() {
    let server = Server::with(Options::default().on_port());
    works(&format!("{}/3", server.url())).await;
    assert_eq!(server.command::<i64>(&["DBSIZE"]), 0);
}

#[tokio::test]
async fn a_sentinel_group_is_reached() {
    works(&SentinelGroup::start().url()).await;
}

#[tokio::test]
async fn a_password_is_needed_and_used() {
    let server = Server::with(Options::default().on_port().password("hunter2"));
    works(&server.url()).await;
    for wrong in ["", ":hunter3@"] {
        let link = link(&format!("redis://{wrong}127.0.0.1:{}", server.port()));
        let answer = count(&link, "n").await;
        assert!(is_unavailable(&answer), "{answer:?}");
        assert!(!format!("{answer:?}").contains("hunter"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_user_with_few_rights_is_enough() {
    let rules = "~{eg:* resetchannels -@all +@read +@write +@scripting +ping";
    let server = Server::with(Options::default().user("evogate", "pass", rules));
    works(&server.url()).await;
    let link = link(&server.url());
    let foreign = count(&link, "not-ours").await;
    assert!(is_unavailable(&foreign), "{foreign:?}");
}

#[tokio::test]
async fn tls_trusts_the_authority_that_it_was_given_and_no_other() {
    let certificates = Certificates::new();
    let server = Server::with(Options::default().tls(&certificates));
    let ca = certificates.ca();
    works(&format!("{}?ca={}", server.url(), ca.display())).await;
    let other = Certificates::new();
    for wrong in [String::new(), format!("?ca={}", other.ca().display())] {
        let link = link(&format!("{}{wrong}", server.url()));
        let answer = count(&link, "n").await;
        let shown = format!("{answer:?}");
        assert!(is_unavailable(&answer) && shown.contains("TLS"), "{shown}");
    }
}

#[tokio::test]
async fn tls_shows_a_client_certificate_where_one_is_asked_for() {
    let certificates = Certificates::new();
    let server = Server::with(Options::default().mutual_tls(&certificates));
    let (certificate, key) = certificates.client();
    let ca = certificates.ca();
    let trusting = format!("{}?ca={}", server.url(), ca.display());
    works(&format!(
        "{trusting}&cert={}&key={}",
        certificate.display(),
        key.display()
    ))
    .await;
    assert!(is_unavailable(&count(&link(&trusting), "n").await));
}

#[tokio::test]
async fn certificate_files_that_can_not_be_used_are_refused_at_once() {
    let url = "rediss://localhost?ca=/nowhere/ca.pem"
        .parse()
        .expect("a URL");
    let refused = Link::open(&url, &LinkOptions::new(TIMEOUT)).map(drop);
    assert!(is_unavailable(&refused), "{refused:?}");
    assert!(format!("{refused:?}").contains("/nowhere/ca.pem"));
}

#[tokio::test]
async fn a_script_is_loaded_where_it_is_not_known_and_runs_once() {
    let server = Server::start();
    let link = link(&server.url());
    for round in 1..=3 {
        assert_eq!(count(&link, "{eg:1}n").await, Ok(round));
        server.command::<()>(&["SCRIPT", "FLUSH", "SYNC"]);
    }
}

#[tokio::test]
async fn an_error_reply_is_told_apart_from_no_answer() {
    let server = Server::start();
    let link = link(&server.url());
    let own = link.script(&REFUSE, &["k".into()], &["why".into()]).await;
    let refused = |code: &str, message: &str| {
        Err(StoreError::Refused {
            code: code.to_owned(),
            message: message.to_owned(),
        })
    };
    assert_eq!(own, refused("EG_NO", "why k"));
    server.command::<()>(&["SADD", "{eg:1}set", "x"]);
    let wrong = link
        .command(redis::cmd("GET").arg("{eg:1}set").take())
        .await;
    let text = "Operation against a key holding the wrong kind of value";
    assert_eq!(wrong, refused("WRONGTYPE", text));
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = count(&link, "{eg:1}n").await;
    assert!(
        is_unavailable(&full) && format!("{full:?}").contains("OOM"),
        "{full:?}"
    );
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    server.command::<()>(&["REPLICAOF", "127.0.0.1", "1"]);
    let replica = count(&link, "{eg:1}n").await;
    assert!(is_unavailable(&replica), "{replica:?}");
}

#[tokio::test]
async fn calls_together_are_answered_one_by_one_in_their_order() {
    let server = Server::start();
    let link = link(&server.url());
    let count = |by: &str| {
        Call::Script(
            &COUNT,
            vec!["{eg:1}n".into()].into(),
            vec![by.into()].into(),
        )
    };
    let get = Call::Command(redis::cmd("GET").arg("{eg:1}n").take());
    let refuse = Call::Script(&REFUSE, vec!["k".into()].into(), vec!["why".into()].into());
    // Neither script is known yet: both are sent once more, after everything else.
    let first = link
        .pipeline(vec![count("1"), refuse.clone(), count("2")])
        .await;
    assert_eq!(first[0], Ok(Value::Int(1)));
    assert!(matches!(&first[1], Err(StoreError::Refused { .. })));
    assert_eq!(first[2], Ok(Value::Int(3)));
    let then = link
        .pipeline(vec![count("1"), get, refuse, count("2")])
        .await;
    assert_eq!(then[0], Ok(Value::Int(4)));
    assert_eq!(then[1], Ok(Value::BulkString(b"4".to_vec())));
    assert!(matches!(&then[2], Err(StoreError::Refused { .. })));
    assert_eq!(then[3], Ok(Value::Int(6)));
}

#[tokio::test]
async fn every_primary_is_asked_by_name() {
    let server = Server::start();
    let link = link(&server.url());
    let answers = link
        .each_primary(&redis::cmd("PING"))
        .await
        .expect("answers");
    let pong = Ok(Value::SimpleString("PONG".to_owned()));
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].1, pong);
    assert!(answers[0].0.ends_with("redis.sock"), "{}", answers[0].0);
}
