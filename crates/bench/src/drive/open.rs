//! So many requests a second, whether the ones before were answered or not.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::connection::Connection;
use super::{Latencies, Target, on_own_thread};

/// What is sent before anything is counted: connections are made, caches filled.
const WARM_UP: Duration = Duration::from_millis(500);

/// Sends `rate` requests a second for `length`; the answers must all be 200.
pub(crate) fn open(target: &Target, rate: u32, length: Duration) -> Latencies {
    let target = target.clone();
    on_own_thread(move || async move {
        let idle: Rc<RefCell<Vec<Connection>>> = Rc::default();
        let took: Rc<RefCell<Vec<Duration>>> = Rc::default();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let began = Instant::now();
        let mut sent = Vec::new();
        while began.elapsed() < WARM_UP + length {
            ticks.tick().await;
            let counts = began.elapsed() >= WARM_UP;
            let (target, idle, took) = (target.clone(), Rc::clone(&idle), Rc::clone(&took));
            sent.push(tokio::task::spawn_local(async move {
                let free = idle.borrow_mut().pop();
                let mut connection = match free {
                    Some(connection) => connection,
                    None => Connection::open(target.address)
                        .await
                        .expect("a connection"),
                };
                let sent = Instant::now();
                let status = connection.ask(&target.next()).await.expect("an answer");
                if counts {
                    took.borrow_mut().push(sent.elapsed());
                }
                assert_eq!(status, 200, "{}", connection.answer());
                idle.borrow_mut().push(connection);
            }));
        }
        for sent in sent {
            sent.await.expect("an answer");
        }
        Latencies::of(took.take())
    })
}
