//! HTTP/2 with prior knowledge, and the floods that it is known for.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::kit::{House, soon};
use crate::background::Background;

/// A client on one connection.
pub(super) struct Client {
    send: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::with(address, h2::client::Builder::new()).await
    }

    async fn with(address: SocketAddr, builder: h2::client::Builder) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        let (send, connection) = builder.handshake(tcp).await.unwrap();
        let connection = Background::default().spawn(connection);
        Self { send, connection }
    }

    /// Sends a request without a body.
    pub(super) fn get(&mut self, path: &str) -> ResponseFuture {
        let request = Request::get(format!("http://test{path}")).body(()).unwrap();
        self.send.send_request(request, true).unwrap().0
    }

    /// May one more request be sent?
    pub(super) async fn ready(&mut self) -> Result<(), h2::Error> {
        self.send.clone().ready().await.map(drop)
    }

    /// How the connection ended.
    pub(super) async fn over(self) -> Result<(), h2::Error> {
        drop(self.send);
        self.connection.await.unwrap()
    }
}

async fn text(answer: Response<h2::RecvStream>) -> String {
    let mut body = answer.into_body();
    let mut text = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        text.extend_from_slice(&piece);
        body.flow_control().release_capacity(piece.len()).unwrap();
    }
    String::from_utf8(text).unwrap()
}

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:method GET`, `:scheme http`, `:path /` by their places in HPACK's static table, and `:authority a`.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x01, 0x01, b'a'];
/// The same for `/wait`.
const GET_WAIT: &[u8] = &[
    0x82, 0x86, 0x04, 0x05, b'/', b'w', b'a', b'i', b't', 0x01, 0x01, b'a',
];
const REFUSED_STREAM: u32 = 7;

/// A client that sends frames as it likes.
struct Raw(TcpStream);

impl Raw {
    async fn connect(house: &House) -> Self {
        let mut tcp = TcpStream::connect(house.address).await.unwrap();
        tcp.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        tcp.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self(tcp)
    }

    /// The next frame: its kind, its stream and its payload.
    async fn frame(&mut self) -> std::io::Result<(u8, u32, Vec<u8>)> {
        read_frame(&mut self.0).await
    }

    /// Sends the same again and again until the other side has had enough. Answers the frames that came back,
    /// by kind, and the payload of the last one.
    async fn flood(
        self,
        mut next: impl FnMut(u32) -> Vec<u8> + Send + 'static,
    ) -> (Vec<u8>, Vec<u8>) {
        let (mut read, mut write) = self.0.into_split();
        let flooding = Background::default().spawn(async move {
            for n in 0..1_000_000 {
                if write.write_all(&next(n)).await.is_err() {
                    return true;
                }
            }
            false
        });
        let (mut kinds, mut last) = (Vec::new(), Vec::new());
        soon("the end of the flood", async {
            while let Ok((kind, _, payload)) = read_frame(&mut read).await {
                kinds.push(kind);
                last = payload;
                if kind == GOAWAY {
                    break;
                }
            }
        })
        .await;
        drop(read);
        assert!(soon("nobody listens any more", flooding).await.unwrap());
        (kinds, last)
    }
}

async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    from.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    from.read_exact(&mut payload).await?;
    Ok((head[3], stream, payload))
}

/// The error code of a GOAWAY.
fn code(goaway: &[u8]) -> u32 {
    u32::from_be_bytes(goaway[4..8].try_into().unwrap())
}

const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn requests_go_side_by_side_over_one_connection() {
    let mut house = House::open("").await;
    let mut client = Client::connect(house.address).await;
    let waiting = client.get("/wait");
    soon("the first request", house.waiting.recv()).await;
    let quick = soon("the second one", client.get("/")).await.unwrap();
    assert_eq!(text(quick).await, "hello");
    house.go_on.notify_one();
    let answer = soon("the first answer", waiting).await.unwrap();
    assert_eq!(answer.headers().get("connection"), None);
    assert_eq!(text(answer).await, "done");
}

#[tokio::test]
async fn a_connection_has_so_many_streams_and_no_more() {
    let mut house = House::open("server.max_streams = 2").await;
    let mut raw = Raw::connect(&house).await;
    for stream in [1, 3, 5] {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, stream, GET_WAIT);
        raw.0.write_all(&request).await.unwrap();
    }
    let refused = soon("the third one is refused", async {
        loop {
            let (kind, stream, payload) = raw.frame().await.unwrap();
            if kind == RST_STREAM {
                return (stream, payload);
            }
        }
    });
    assert_eq!(refused.await, (5, REFUSED_STREAM.to_be_bytes().to_vec()));
    for _ in 0..2 {
        soon("the first two wait", house.waiting.recv()).await;
    }
    assert!(house.waiting.try_recv().is_err());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let house = House::open("server.max_head = '8KiB'").await;
    let mut client = Client::connect(house.address).await;
    let request = Request::get("http://test/").header("x-long", "x".repeat(10 * 1024));
    let (answer, _) = client
        .send
        .send_request(request.body(()).unwrap(), true)
        .unwrap();
    assert_eq!(soon("an answer", answer).await.unwrap().status(), 431);
    assert_eq!(
        soon("another", client.get("/")).await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_at_once_end_the_connection() {
    let house = House::open("").await;
    let (_, goaway) = Raw::connect(&house)
        .await
        .flood(|n| {
            let stream = n * 2 + 1;
            let mut both = frame(HEADERS, END_STREAM | END_HEADERS, stream, GET);
            both.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            both
        })
        .await;
    assert_eq!(code(&goaway), ENHANCE_YOUR_CALM);
    // Others don't notice.
    assert_eq!(house.client().await.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_head_without_an_end_ends_the_connection() {
    let house = House::open("").await;
    let header = |name: u8| {
        // A literal header that is not indexed, with a value of 100 bytes.
        let mut field = vec![0x00, 0x01, name, 100];
        field.extend([b'v'; 100]);
        field
    };
    let (kinds, goaway) = Raw::connect(&house)
        .await
        .flood(move |n| {
            if n == 0 {
                return frame(HEADERS, END_STREAM, 1, GET);
            }
            let fields: Vec<u8> = (0..100).flat_map(|_| header(b'a')).collect();
            frame(CONTINUATION, 0, 1, &fields)
        })
        .await;
    assert_eq!(kinds.last(), Some(&GOAWAY), "{kinds:?}");
    assert_eq!(code(&goaway), ENHANCE_YOUR_CALM);
    assert_eq!(house.client().await.get("/").await.status(), 200);
}

/// Pings and settings have to be answered: a client that reads no answers is one that takes nothing.
#[tokio::test]
async fn a_flood_of_pings_or_settings_whose_answers_nobody_reads_ends() {
    for kind in [PING, SETTINGS] {
        let house = House::open("server.write_timeout = '300ms'").await;
        let mut raw = Raw::connect(&house).await;
        let one: Vec<u8> = match kind {
            PING => frame(PING, 0, 0, &[0; 8]),
            _ => frame(SETTINGS, 0, 0, &[]),
        };
        let many = one.repeat(4096);
        soon("it is hung up on", async {
            while raw.0.write_all(&many).await.is_ok() {}
        })
        .await;
        assert_eq!(house.client().await.get("/").await.status(), 200);
    }
}

#[tokio::test]
async fn a_client_that_gives_no_credit_for_its_answer_is_hung_up_on() {
    let mut house = House::open("server.write_timeout = '300ms'").await;
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(1024)
        .initial_connection_window_size(65_535);
    let mut client = Client::with(house.address, builder).await;
    let answer = soon("the head", client.get("/endless")).await.unwrap();
    soon("the answer is given up", house.given_up.recv()).await;
    drop(answer);
    let _ = soon("the end", client.over()).await;
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go() {
    let house = House::open("server.idle_timeout = '300ms'").await;
    let mut client = Client::connect(house.address).await;
    assert_eq!(
        soon("an answer", client.get("/")).await.unwrap().status(),
        200
    );
    // The client itself keeps it open.
    let Client { send, connection } = client;
    assert!(soon("the end", connection).await.unwrap().is_ok());
    drop(send);
}
