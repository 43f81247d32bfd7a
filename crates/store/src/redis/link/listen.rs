//! Hearing what is published: one connection for it, made again whenever it is lost.

use std::sync::Arc;
use std::time::Duration;

use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::cluster::Cluster;
use super::dial::Dialled;
use super::node::Way;
use super::work::Work;

/// What one who hears may leave unread before it misses something.
const UNREAD: usize = 256;
/// Between two proofs that the server still answers, and how long one may take.
const PROOF: Duration = Duration::from_secs(5);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Where to listen.
pub(super) enum Place {
    One(Way),
    /// Any of its primaries: they hand on to each other what is published.
    Cluster(Arc<Cluster>),
}

/// Hears what is published on a channel, until the receiver is dropped.
pub(super) fn listen(place: Place, channel: &str, work: &Work) -> mpsc::Receiver<Vec<u8>> {
    let (hear, heard) = mpsc::channel(UNREAD);
    let channel = channel.to_owned();
    work.spawn(async move {
        for turn in 0.. {
            if let Some(way) = place.way(turn) {
                tokio::select! {
                    () = once(&way, &channel, &hear) => {}
                    () = hear.closed() => return,
                }
            }
            sleep(PAUSE).await;
        }
    });
    heard
}

impl Place {
    fn way(&self, turn: usize) -> Option<Way> {
        match self {
            Self::One(way) => Some(way.clone()),
            Self::Cluster(cluster) => cluster.way(turn),
        }
    }
}

/// Listens on one connection until it ends, or its server stops to answer or is no primary any more.
async fn once(way: &Way, channel: &str, hear: &mpsc::Sender<Vec<u8>>) {
    let (pushes, mut unasked) = mpsc::unbounded_channel();
    let Ok((dialled, at)) = way.pushing(pushes).dial().await else {
        return;
    };
    let Dialled {
        mut connection,
        driver,
        ..
    } = dialled;
    let listening = async {
        let subscribed = timeout(PROOF, connection.subscribe(channel)).await;
        if !matches!(subscribed, Ok(Ok(()))) {
            return;
        }
        // Whoever does not keep up misses some; the tick makes up for it.
        let _ = hear.try_send(Vec::new());
        let ping = redis::cmd("PING");
        loop {
            match timeout(PROOF, unasked.recv()).await {
                Ok(Some(push)) => {
                    if let Some(message) = message(push) {
                        let _ = hear.try_send(message);
                    }
                }
                Ok(None) => return,
                Err(_) => {
                    let answer = timeout(PROOF, connection.send_packed_command(&ping)).await;
                    if !matches!(answer, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = listening => {}
        () = driver => {}
        () = way.moved(&at) => {}
    }
}

/// The text of a message; none for what else a server sends unasked.
fn message(push: PushInfo) -> Option<Vec<u8>> {
    match (push.kind, push.data.into_iter().next_back()) {
        (PushKind::Message, Some(Value::BulkString(message))) => Some(message),
        _ => None,
    }
}
