//! One keep-alive connection: a request out, an answer in.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection with the buffer of its answers.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request and reads its answer to the end. Answers the status.
    pub(super) async fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut head = None;
        loop {
            if head.is_none() {
                head = Head::find(&self.buffer);
            }
            if let Some(head) = &head
                && head.is_whole(&self.buffer)
            {
                return Ok(head.status);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The last answer, head and body.
    pub(super) fn answer(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}

/// What the head of an answer says about its length.
#[derive(Debug)]
struct Head {
    status: u16,
    /// Where the body ends; none when it says so itself (chunked).
    end: Option<usize>,
}

impl Head {
    fn find(answer: &[u8]) -> Option<Self> {
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let head = std::str::from_utf8(answer.get(..end)?).ok()?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let length = name.eq_ignore_ascii_case("content-length");
            length.then(|| value.trim().parse::<usize>().ok())?
        });
        Some(Self {
            status,
            end: length.map(|length| end + 4 + length),
        })
    }

    fn is_whole(&self, answer: &[u8]) -> bool {
        match self.end {
            Some(end) => answer.len() >= end,
            None => answer.ends_with(b"\r\n0\r\n\r\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\nx: y\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        ] {
            let bytes = answer.as_bytes();
            let whole = |bytes: &[u8]| Head::find(bytes).is_some_and(|head| head.is_whole(bytes));
            let first = (0..=bytes.len()).find(|end| whole(&bytes[..*end]));
            assert_eq!(first, Some(bytes.len()), "{answer}");
        }
    }

    #[test]
    fn the_status_is_read() {
        let head = Head::find(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(head.map(|head| head.status), Some(503));
    }
}
