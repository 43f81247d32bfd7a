//! Many clients, each of which asks its own question again and again at a fixed distance.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::connection::Connection;
use super::{Latencies, Target, on_own_thread};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Polls {
    /// How long the answers took.
    pub(crate) latencies: Latencies,
    /// How many there were, all of them 200.
    pub(crate) answers: u32,
}

/// One client for each of `targets`, which polls `every` so often for `length`.
pub(crate) fn polls(targets: Vec<Target>, every: Duration, length: Duration) -> Polls {
    on_own_thread(move || async move {
        let took: Rc<RefCell<Vec<Duration>>> = Rc::default();
        let mut clients = Vec::new();
        let count = u32::try_from(targets.len()).expect("so many clients");
        let end = Instant::now() + length;
        for (number, target) in (0..).zip(targets) {
            let took = Rc::clone(&took);
            let first = every * number / count;
            clients.push(tokio::task::spawn_local(async move {
                tokio::time::sleep(first).await;
                let mut connection = Connection::open(target.address)
                    .await
                    .expect("a connection");
                let mut ticks = tokio::time::interval(every);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while Instant::now() < end {
                    ticks.tick().await;
                    let sent = Instant::now();
                    let status = connection.ask(&target.next()).await.expect("an answer");
                    took.borrow_mut().push(sent.elapsed());
                    assert_eq!(status, 200, "{}", connection.answer());
                }
            }));
        }
        for client in clients {
            client.await.expect("answers");
        }
        let took = took.take();
        Polls {
            answers: u32::try_from(took.len()).unwrap_or(u32::MAX),
            latencies: Latencies::of(took),
        }
    })
}
