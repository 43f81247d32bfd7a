//! What can't be read as HTTP is answered before anything here sees a request, so its answer can't be in EvoLink's
//! shape. It is short, the connection ends with it, ops see it, and nobody else notices.

use std::time::Duration;

use evogate_tests::{Caller as _, Rig, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends these bytes as they are, and reads until the other side has closed the connection.
async fn raw(rig: &Rig, bytes: &[u8]) -> Vec<u8> {
    let mut tcp = TcpStream::connect(rig.gateway.api()).await.unwrap();
    // Whoever has had enough hangs up, also before all has come.
    let _ = tcp.write_all(bytes).await;
    let mut came = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(30), tcp.read_to_end(&mut came)).await;
    let _ = closed.expect("the connection is closed");
    came
}

/// Waits until so many connections were cut for this reason, and no more.
async fn are_cut(rig: &Rig, reason: &str, many: u32) {
    let labels = ["listener=\"api\"", &format!("reason=\"{reason}\"")];
    until(&format!("{many} connections are {reason}"), async || {
        let cut = "evogate_http_connections_cut_total";
        let cut = rig.gateway.metric(cut, &labels).await;
        assert!(cut <= f64::from(many), "{cut} connections are {reason}");
        (cut >= f64::from(many)).then_some(())
    })
    .await;
}

/// These bytes get this status, without a body, and the connection is closed. Others are served as before.
async fn gets(rig: &Rig, case: &str, bytes: &str, status: u16) {
    let answer = String::from_utf8(raw(rig, bytes.as_bytes()).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    assert!(
        head.starts_with(&format!("HTTP/1.1 {status} ")),
        "{case}: {answer:?}"
    );
    let mut headers: Vec<&str> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':').map(|(name, _)| name))
        .collect();
    headers.sort_unstable();
    assert_eq!(headers, ["connection", "content-length", "date"], "{case}");
    assert!(head.contains("connection: close"), "{case}: {head}");
    assert_eq!(body, "", "{case}");
    rig.team.get("/v1/credits").await.ok();
}

fn get(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: test\r\n{headers}\r\n")
}

fn get_path_of(kib: usize) -> String {
    let path = "x".repeat(kib * 1024);
    format!("GET /{path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

#[tokio::test]
async fn what_is_no_request_gets_a_bare_status_and_is_hung_up_on() {
    let mut rig = Rig::builder()
        .set("log.level", "info,evogate::server=debug")
        .start()
        .await;
    let many = "x-a: 1\r\n".repeat(101);
    let large = |kib: usize| get(&format!("x-a: {}\r\n", "x".repeat(kib * 1024)));
    let cases = [
        ("no HTTP", "hello\r\n\r\n".to_owned(), 400),
        ("TLS", "\x16\x03\x01\0\x05\x01\0\0\x01\x03".to_owned(), 400),
        ("no version", "GET /\r\n\r\n".to_owned(), 400),
        ("another version", "GET / HTTP/3.0\r\n\r\n".to_owned(), 400),
        ("no method", "G(T / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("a space", "GET /a b HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "half of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nno\r\n\r\n".to_owned(),
            400,
        ),
        ("no colon", get("x-a\r\n"), 400),
        ("a header in two lines", get("x-a: 1\r\n 2\r\n"), 400),
        ("a control character", get("x-a: \x01\r\n"), 400),
        ("no number", get("content-length: ten\r\n"), 400),
        (
            "two lengths",
            get("content-length: 1\r\ncontent-length: 2\r\n"),
            400,
        ),
        ("an unknown coding", get("transfer-encoding: gzip\r\n"), 400),
        ("too many headers", get(&many), 431),
        ("a long header", large(33), 431),
        ("a long path", get_path_of(33), 431),
    ];
    let mut malformed = 0;
    for (case, bytes, status) in &cases {
        gets(&rig, case, bytes, *status).await;
        malformed += 1;
        are_cut(&rig, "malformed", malformed).await;
    }
    // What came before it on the same connection has its answer.
    let two = "GET /v1/models HTTP/1.1\r\nhost: test\r\n\r\nhello\r\n\r\n";
    let answers = String::from_utf8(raw(&rig, two.as_bytes()).await).unwrap();
    assert!(answers.starts_with("HTTP/1.1 401 "), "{answers}");
    assert!(answers.contains("}HTTP/1.1 400 "), "{answers}");
    malformed += 1;
    are_cut(&rig, "malformed", malformed).await;

    let requests = "evogate_http_requests_total";
    let unmatched = rig.gateway.metric(requests, &["unmatched"]).await;
    assert!(unmatched < 1.0, "{unmatched} of them are requests");
    until("the log has each", async || {
        let log = rig.gateway.log();
        let of_it =
            |line: &&str| line.contains("a connection was cut") && line.contains("malformed");
        (log.lines().filter(of_it).count() == cases.len() + 1).then_some(())
    })
    .await;

    // There is a limit for paths alone, which only a larger head can come to.
    rig.gateway
        .restart_with([("server.max_head", "128KiB".into())])
        .await;
    gets(
        &rig,
        "a path that is too long in itself",
        &get_path_of(65),
        414,
    )
    .await;
    gets(&rig, "a head that is still too large", &large(129), 431).await;
}

#[tokio::test]
async fn what_does_not_become_a_request_in_time_is_hung_up_on_without_a_word() {
    let rig = Rig::builder()
        .set("server.head_timeout", "1s")
        .start()
        .await;
    for (number, bytes) in ["", "GET / HTTP/1.1\r\nhost: te"].into_iter().enumerate() {
        assert_eq!(raw(&rig, bytes.as_bytes()).await, b"", "{bytes}");
        are_cut(&rig, "head_timeout", u32::try_from(number).unwrap() + 1).await;
        rig.team.get("/v1/credits").await.ok();
    }
}

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// A frame without flags (RFC 9113 §4.1), of the first stream if it is of one.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = u8::from(kind != SETTINGS);
    let head = [&length[..], &[kind, 0, 0, 0, 0, stream]].concat();
    [&head, payload].concat()
}

/// What kinds of frames these are.
fn kinds(mut frames: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = u32::from_be_bytes([0, *a, *b, *c]);
        kinds.push(*kind);
        frames = &rest[usize::try_from(length).unwrap()..];
    }
    kinds
}

#[tokio::test]
async fn over_http2_a_head_that_is_too_large_costs_itself_and_what_is_no_http2_the_connection() {
    let rig = Rig::start().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    let ask = async |length: usize| {
        let url = format!("http://{}/v1/credits", rig.gateway.api());
        let request = client.get(url).bearer_auth(&rig.team.key);
        let answer = request.header("x-a", "x".repeat(length)).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.version(), http::Version::HTTP_2);
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    let mut open = Vec::new();
    for (length, status) in [(1, 200), (33 * 1024, 431), (1, 200)] {
        let (got, body) = ask(length).await;
        assert_eq!((got, body.is_empty()), (status, status == 431));
        let connections = "evogate_open_connections";
        open.push(rig.gateway.metric(connections, &["\"api\""]).await);
    }
    assert!(
        open.iter().all(|many| (many - open[0]).abs() < 0.5),
        "{open:?}"
    );

    let noise = vec![0xff; 64];
    // A head that is not at its end after far more than a head may have.
    let field: Vec<u8> = [&[0x00, 1, b'a', 100], &[b'v'; 100][..]].concat();
    let mut endless = frame(HEADERS, &field);
    for _ in 0..20 {
        endless.extend(frame(CONTINUATION, &field.repeat(100)));
    }
    for (bytes, reason) in [(noise, "malformed"), (endless, "flood")] {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let answer = raw(&rig, &[preface, frame(SETTINGS, b""), bytes].concat()).await;
        assert_eq!(kinds(&answer).last(), Some(&GOAWAY), "{reason}");
        are_cut(&rig, reason, 1).await;
        assert_eq!(ask(1).await.0, 200);
    }
}
