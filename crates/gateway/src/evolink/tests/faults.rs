//! Submits to a server that does not answer as it should: what is certain, and what is not.

use std::future::pending;

use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::super::*;
use super::kit::{BODY, Leaping, NOW, Peer, Wire, call, client, client_with, config, hasty};

/// Submits to a server that does `script` with the one connection it gets.
async fn submit_against(
    client: fn(&str) -> EvoLink,
    script: impl AsyncFnOnce(Wire),
) -> SubmitOutcome {
    let peer = Peer::bind().await;
    let client = client(&peer.base());
    let serving = async { script(peer.accept().await).await };
    tokio::join!(client.submit(call()), serving).0
}

#[track_caller]
fn assert_unknown(outcome: &SubmitOutcome) {
    assert!(
        matches!(outcome, SubmitOutcome::Unknown { .. }),
        "{outcome:?}"
    );
}

#[track_caller]
fn assert_not_sent(outcome: &SubmitOutcome) {
    assert!(
        matches!(outcome, SubmitOutcome::NotSent { .. }),
        "{outcome:?}"
    );
}

/// An address that is taken, so that no other test listens on it, and that nobody listens on.
fn deserted() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let (_taken, address) = deserted();
    let outcome = client(&format!("http://{address}")).submit(call()).await;
    assert_not_sent(&outcome);
}

#[tokio::test]
async fn a_tls_handshake_that_fails_is_not_sent() {
    let outcome = submit_against(
        |base| client(&base.replace("http:", "https:")),
        async |wire| drop(wire),
    )
    .await;
    assert_not_sent(&outcome);
}

#[tokio::test]
async fn a_time_out_before_the_body_began_is_not_sent() {
    let peer = Peer::bind().await;
    let client = hasty(&peer.base().replace("http:", "https:"));
    let silent = async {
        let _wire = peer.accept().await;
        pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = client.submit(call()) => outcome,
        () = silent => unreachable!(),
    };
    assert_not_sent(&outcome);
}

#[tokio::test]
async fn a_proxy_that_is_down_is_not_sent_and_not_shown() {
    let (_taken, address) = deserted();
    let proxy = format!("http://user:hunter2hunter2@{address}");
    let settings = format!("evolink.proxy = '{proxy}'");
    let outcome = client_with("http://127.0.0.1:9", &settings)
        .submit(call())
        .await;
    assert_not_sent(&outcome);
    assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
}

#[tokio::test]
async fn a_proxy_is_used_where_one_is_set() {
    let proxy = Peer::bind().await;
    let settings = format!("evolink.proxy = '{}'", proxy.base());
    // Nobody listens there: only a proxy can have been asked.
    let client = client_with("http://127.0.0.1:9", &settings);
    let serving = async {
        let mut wire = proxy.accept().await;
        let head = wire.head().await;
        wire.accept_task().await;
        head
    };
    let (outcome, head) = tokio::join!(client.submit(call()), serving);
    assert!(matches!(outcome, SubmitOutcome::Accepted(_)), "{outcome:?}");
    assert!(
        head.starts_with("post http://127.0.0.1:9/v1/videos/generations"),
        "{head}"
    );
}

#[tokio::test]
async fn a_connection_closed_after_the_head_is_unknown() {
    let outcome = submit_against(client, async |mut wire| {
        wire.head().await;
    })
    .await;
    assert_unknown(&outcome);
}

#[tokio::test]
async fn a_connection_closed_after_the_body_is_unknown() {
    let outcome = submit_against(client, async |mut wire| {
        assert_eq!(wire.request().await, BODY);
    })
    .await;
    assert_unknown(&outcome);
}

#[tokio::test]
async fn silence_after_the_body_is_unknown() {
    let mut seen = false;
    // A busy machine may not get as far within the time-out.
    while !seen {
        let peer = Peer::bind().await;
        let client = hasty(&peer.base());
        let silent = async {
            let mut wire = peer.accept().await;
            wire.request().await;
            seen = true;
            pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = client.submit(call()) => outcome,
            () = silent => unreachable!(),
        };
        if seen {
            assert_unknown(&outcome);
        }
    }
}

#[tokio::test]
async fn garbage_in_place_of_an_answer_is_unknown() {
    let outcome = submit_against(client, async |mut wire| {
        wire.request().await;
        wire.write("hello\r\nthis is no HTTP\r\n\r\n").await;
    })
    .await;
    assert_unknown(&outcome);
}

#[tokio::test]
async fn a_cut_off_answer_is_unknown_whatever_its_status() {
    for status in ["200 OK", "400 Bad Request"] {
        let outcome = submit_against(client, async |mut wire| {
            wire.request().await;
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 4000\r\n\r\n");
            wire.write(&head).await;
            wire.write(r#"{"error":{"message":"No."}}"#).await;
        })
        .await;
        assert_unknown(&outcome);
    }
}

#[tokio::test]
async fn an_answer_that_goes_on_and_on_is_unknown() {
    let outcome = submit_against(client, async |mut wire| {
        wire.request().await;
        wire.write("HTTP/1.1 200 OK\r\n\r\n").await;
        let blanks = " ".repeat(TASK + 1);
        // The client may close the connection before it has read them all.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut wire.0, blanks.as_bytes()).await;
    })
    .await;
    assert_unknown(&outcome);
}

#[tokio::test]
async fn a_body_whose_time_passes_on_the_way_does_not_go_out() {
    let peer = Peer::bind().await;
    // In time when the submit begins, late when its body is asked for.
    let clock = Arc::new(Leaping::default());
    let client = EvoLink::new(&config(&peer.base(), ""), clock).unwrap();
    let serving = async { peer.accept().await.rest().await };
    let (outcome, seen) = tokio::join!(client.submit(call()), serving);
    assert!(matches!(outcome, SubmitOutcome::TooLate), "{outcome:?}");
    let seen = String::from_utf8(seen).unwrap();
    assert!(!seen.contains('{'), "{seen}");
}

#[tokio::test]
async fn a_stale_connection_neither_doubles_nor_invents_a_submit() {
    let peer = Peer::bind().await;
    let client = client(&peer.base());
    // A submit that was answered on a connection that the server then closes without a word.
    let (first, ()) = tokio::join!(client.submit(call()), async {
        let mut wire = peer.accept().await;
        wire.request().await;
        wire.accept_task().await;
    });
    assert!(matches!(first, SubmitOutcome::Accepted(_)), "{first:?}");

    let mut server = JoinSet::new();
    let (seen, mut whole) = tokio::sync::mpsc::unbounded_channel();
    server.spawn(async move {
        loop {
            let mut wire = peer.accept().await;
            wire.request().await;
            seen.send(()).unwrap();
            wire.accept_task().await;
        }
    });
    let second = client.submit(call()).await;
    match second {
        // The client saw in time that the connection was closed, and took another.
        SubmitOutcome::Accepted(_) => assert_eq!(whole.try_recv(), Ok(())),
        // It did not, and wrote into the closed one.
        SubmitOutcome::Unknown { .. } => {}
        other => panic!("{other:?}"),
    }
    assert!(whole.try_recv().is_err(), "sent twice");
}

#[tokio::test]
async fn an_idempotency_key_that_no_header_can_carry_is_not_sent() {
    let peer = Peer::bind().await;
    let call = SubmitCall {
        idempotency_key: "line\nbreak".to_owned(),
        ..call()
    };
    assert_not_sent(&client(&peer.base()).submit(call).await);
}

#[tokio::test]
async fn an_empty_body_is_never_called_unsent_once_it_may_have_been() {
    let peer = Peer::bind().await;
    let client = client(&peer.base());
    let call = SubmitCall {
        body: Bytes::new(),
        not_after: NOW,
        ..call()
    };
    let serving = async {
        let mut wire = peer.accept().await;
        wire.request().await;
    };
    let (outcome, ()) = tokio::join!(client.submit(call), serving);
    assert_unknown(&outcome);
}
