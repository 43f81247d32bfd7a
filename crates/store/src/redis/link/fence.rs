//! Waiting until what was written is on the server's disk (`WAITAOF`).
//!
//! A wait holds up everything behind it on its connection, so it has one of its own. There, a small
//! write of ours and a wait for it cover all that the server was asked before, on any connection: those
//! who come while one wait is under way share the next one. A server that was started again since has
//! another id, and what it lost is not taken for written.

use std::time::Duration;

use redis::{Pipeline, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::node::Node;
use super::reply;
use super::work::Work;
use crate::error::StoreError;

/// An append-only file that is written through every second may be two seconds late.
const PATIENCE: Duration = Duration::from_millis(2500);
/// How long the small write may stay.
const LEFTOVER: Duration = Duration::from_mins(1);

/// Waits for one server's disk.
#[derive(Clone)]
pub(super) struct Fence {
    asked: mpsc::UnboundedSender<Asked>,
}

/// Someone who wrote something and waits.
struct Asked {
    run: String,
    key: Option<Vec<u8>>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Fence {
    /// A fence on its own connections to a server.
    pub(super) fn open(node: Node, work: &Work) -> Self {
        let (asked, waiting) = mpsc::unbounded_channel();
        work.spawn(serve(node, waiting));
        Self { asked }
    }

    /// Comes back when everything that the server with this id has answered so far is on its disk.
    /// `key` was one of the keys, and says where the small write may go.
    pub(super) async fn passed(&self, run: &str, key: Option<Vec<u8>>) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let run = run.to_owned();
        // Where the other end is gone, so is the answer.
        let _ = self.asked.send(Asked { run, key, answer });
        match timeout(PATIENCE * 2, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unknown("the store is closed")),
            Err(_) => Err(unknown("no answer in time")),
        }
    }
}

async fn serve(node: Node, mut waiting: mpsc::UnboundedReceiver<Asked>) {
    let mut together = Vec::new();
    while waiting.recv_many(&mut together, usize::MAX).await > 0 {
        let run = pass(&node, &together).await;
        for asked in together.drain(..) {
            let answer = match &run {
                Ok(run) if *run == asked.run => Ok(()),
                Ok(_) => Err(unknown("the server is another one than before")),
                Err(error) => Err(error.clone()),
            };
            let _ = asked.answer.send(answer);
        }
    }
}

/// Waits once, and says on which server.
async fn pass(node: &Node, together: &[Asked]) -> Result<String, StoreError> {
    let until = Instant::now() + PATIENCE;
    let key = together.iter().find_map(|asked| asked.key.as_deref());
    let mut commands = Pipeline::new();
    commands
        .cmd("SET")
        .arg(own(key.unwrap_or_default()))
        .arg(1)
        .arg("PX")
        .arg(millis(LEFTOVER));
    // A little less than the patience for the answer.
    commands
        .cmd("WAITAOF")
        .arg(1)
        .arg(0)
        .arg(millis(PATIENCE * 9 / 10));
    let connection = node.connection(until).await;
    let connection = connection.map_err(|error| unknown(&error.to_string()))?;
    let answers = connection.call(&commands, until).await;
    for answer in answers.map_err(|error| unknown(&error.to_string()))? {
        match reply::read(answer).map_err(|error| unknown(&error.to_string()))? {
            Value::Array(counts) if counts.first() == Some(&Value::Int(0)) => {
                return Err(unknown("it was not on the disk in time"));
            }
            _ => {}
        }
    }
    Ok(connection.run().to_owned())
}

/// A key of the fence's own in the slot of `key`.
fn own(key: &[u8]) -> Vec<u8> {
    let tag = key.iter().position(|byte| *byte == b'}');
    let mut own = match tag.and_then(|end| key.get(..=end)) {
        Some(tag) => tag.to_vec(),
        None => key.to_vec(),
    };
    own.extend_from_slice(b":fence");
    own
}

/// What was written is applied; whether it would outlive a crash is not known.
fn unknown(why: &str) -> StoreError {
    StoreError::Unanswered(format!("waiting for Redis's disk: {why}"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
