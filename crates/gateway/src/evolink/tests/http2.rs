//! Submits over HTTP/2, where one connection carries many and a stream can be refused by itself.

use std::sync::Arc;

use evogate_store::clock::ManualClock;
use h2::server::{self, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{Request, Response};

use super::super::*;
use super::kit::{BODY, KEY, NOW, Peer, TASK_JSON, call, config};

/// A request, the way to answer it, and the means to wait until the client has what was sent so far.
type Stream = (Request<RecvStream>, SendResponse<Bytes>, PingPong);

/// Submits to a server that does `script` with the one stream it gets.
async fn submit_against(script: impl AsyncFnOnce(Stream)) -> SubmitOutcome {
    let peer = Peer::bind().await;
    let clock = Arc::new(ManualClock::new(NOW));
    let config = config(&peer.base(), "");
    let client = EvoLink::build(&config, clock, |builder| builder.http2_only(true)).unwrap();
    let serving = async {
        let mut connection = server::handshake(peer.accept().await.0).await.unwrap();
        let ping = connection.ping_pong().unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        let stream = (request, respond, ping);
        let driving = async { while connection.accept().await.is_some() {} };
        tokio::join!(script(stream), driving);
    };
    tokio::select! {
        outcome = client.submit(call()) => outcome,
        () = serving => panic!("the server ended before the submit"),
    }
}

async fn whole_body(request: Request<RecvStream>) -> Vec<u8> {
    let mut stream = request.into_body();
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        body.extend_from_slice(&chunk.unwrap());
    }
    body
}

#[tokio::test]
async fn a_task_is_accepted_over_http2() {
    let outcome = submit_against(async |(request, mut respond, _)| {
        assert_eq!(request.headers()["content-length"], BODY.len().to_string());
        assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
        assert_eq!(whole_body(request).await, BODY.as_bytes());
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(TASK_JSON.as_bytes()), true)
            .unwrap();
    })
    .await;
    assert!(matches!(outcome, SubmitOutcome::Accepted(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_refused_stream_is_not_sent_although_its_body_went_out() {
    let outcome = submit_against(async |(request, mut respond, _)| {
        whole_body(request).await;
        respond.send_reset(Reason::REFUSED_STREAM);
    })
    .await;
    assert!(
        matches!(outcome, SubmitOutcome::NotSent { .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_stream_reset_for_another_reason_is_unknown() {
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::NO_ERROR] {
        let outcome = submit_against(async |(request, mut respond, _)| {
            whole_body(request).await;
            respond.send_reset(reason);
        })
        .await;
        assert!(
            matches!(outcome, SubmitOutcome::Unknown { .. }),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_refused_within_its_answer_is_unknown() {
    let outcome = submit_against(async |(request, mut respond, mut ping)| {
        whole_body(request).await;
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"{"), false).unwrap();
        ping.ping(Ping::opaque()).await.unwrap();
        body.send_reset(Reason::REFUSED_STREAM);
    })
    .await;
    assert!(
        matches!(outcome, SubmitOutcome::Unknown { .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_connection_that_takes_no_streams_is_not_sent() {
    let peer = Peer::bind().await;
    let clock = Arc::new(ManualClock::new(NOW));
    let config = config(&peer.base(), "evolink.timeout = '2s'");
    let client = EvoLink::build(&config, clock, |builder| builder.http2_only(true)).unwrap();
    let serving = async {
        let wire = peer.accept().await.0;
        let mut connection = server::Builder::new()
            .max_concurrent_streams(0)
            .handshake::<_, Bytes>(wire)
            .await
            .unwrap();
        let stream = connection.accept().await;
        panic!("a stream was let through, or the connection ended: {stream:?}");
    };
    let outcome = tokio::select! {
        outcome = client.submit(call()) => outcome,
        () = serving => unreachable!(),
    };
    assert!(
        matches!(outcome, SubmitOutcome::NotSent { .. }),
        "{outcome:?}"
    );
}
