//! A receiver on a port of its own, that sees bytes and answers bytes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::soon;

/// What a receiver does with a request.
#[derive(Clone)]
pub(in crate::webhooks) enum Reply {
    /// Sends these bytes, and closes.
    Bytes(String),
    /// Sends these bytes, then the last of them again and again.
    Drip(String),
    /// Sends these bytes, then as many others as it can.
    Flood(String),
    /// Closes without a word.
    Hangup,
    /// Ends the connection as one that never was (RST).
    Reset,
    /// Never says anything.
    Silence,
    /// Answers 200 when it is let go.
    Held(Arc<Notify>),
}

impl Reply {
    /// An answer without a body.
    pub(in crate::webhooks) fn status(status: u16) -> Self {
        Self::with(status, "")
    }

    /// An answer with these header lines, each ended by `\r\n`.
    pub(in crate::webhooks) fn with(status: u16, headers: &str) -> Self {
        Self::Bytes(format!(
            "HTTP/1.1 {status} x\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n"
        ))
    }
}

/// A request that was received.
#[derive(Debug)]
pub(in crate::webhooks) struct Seen {
    /// The request line.
    pub(in crate::webhooks) line: String,
    /// The headers, names in lower case.
    pub(in crate::webhooks) headers: HashMap<String, String>,
    /// The body.
    pub(in crate::webhooks) body: String,
}

/// A server on loopback. Ends when it is dropped.
pub(in crate::webhooks) struct Receiver {
    pub(in crate::webhooks) address: SocketAddr,
    seen: mpsc::UnboundedReceiver<Seen>,
    _server: JoinSet<()>,
}

impl Receiver {
    /// A server that answers its requests with `replies`, one after the other, and on with the last.
    pub(in crate::webhooks) async fn new(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = mpsc::unbounded_channel();
        let replies = replies.to_vec();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            let mut count = 0_usize;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let reply = replies[count.min(replies.len() - 1)].clone();
                count += 1;
                connections.spawn(serve(stream, reply, tell.clone()));
            }
        });
        Self {
            address,
            seen,
            _server: server,
        }
    }

    /// The URL of a path here.
    pub(in crate::webhooks) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request.
    pub(in crate::webhooks) async fn next(&mut self) -> Seen {
        soon(self.seen.recv()).await.expect("the receiver is there")
    }

    /// Has nothing been received that was not taken?
    pub(in crate::webhooks) fn is_idle(&mut self) -> bool {
        self.seen.try_recv().is_err()
    }
}

async fn serve(mut stream: TcpStream, reply: Reply, tell: mpsc::UnboundedSender<Seen>) {
    let Some(seen) = read(&mut stream).await else {
        // Not HTTP: whatever it is, it gets the answer.
        if let Reply::Bytes(bytes) = reply {
            let _ = stream.write_all(bytes.as_bytes()).await;
        }
        return;
    };
    let _ = tell.send(seen);
    match reply {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Reply::Drip(bytes) => {
            let last = &bytes[bytes.len() - 1..];
            let _ = stream.write_all(bytes.as_bytes()).await;
            while stream.write_all(last.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Reply::Flood(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        Reply::Hangup => {}
        Reply::Reset => stream.set_zero_linger().unwrap(),
        Reply::Silence => std::future::pending().await,
        Reply::Held(go) => {
            go.notified().await;
            let answer = "HTTP/1.1 200 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

/// Reads one request; `None` for what is none.
async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes: Vec<u8> = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if bytes
            .first()
            .is_some_and(|first| !first.is_ascii_uppercase())
        {
            return None;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let mut lines = text.split("\r\n").map(str::to_owned);
    let line = lines.next()?;
    let headers: HashMap<_, _> = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = bytes.split_off(head + 4);
    while body.len() < length {
        stream.read_buf(&mut body).await.ok()?;
    }
    let body = String::from_utf8(body).ok()?;
    Some(Seen {
        line,
        headers,
        body,
    })
}
