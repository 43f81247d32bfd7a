//! A fixed number of connections, each of which asks again as soon as it was answered.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::{Target, on_own_thread};
use crate::usage;

/// How long it runs before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    /// Answers, all of them 200.
    pub(crate) answers: u32,
    /// In how long.
    pub(crate) took: Duration,
    /// The CPU time that each of the watched processes used meanwhile.
    pub(crate) cpu: Vec<Duration>,
}

impl Closed {
    /// The CPU time of the `n`th process for one answer, in microseconds.
    pub(crate) fn cpu_us(&self, n: usize) -> f64 {
        self.cpu[n].as_secs_f64() * 1e6 / f64::from(self.answers)
    }

    /// In a line, for those who watch.
    pub(crate) fn shown(&self) -> String {
        let cpu = (0..self.cpu.len()).map(|n| format!("{:.1} µs", self.cpu_us(n)));
        let cpu = cpu.collect::<Vec<_>>().join(" and ");
        format!("{:.0} answers a second, {cpu} each", self.rate())
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.answers) / self.took.as_secs_f64()
    }
}

/// Asks for `length` on so many connections, and watches the CPU time of `processes`.
pub(crate) fn closed(
    target: &Target,
    connections: usize,
    length: Duration,
    processes: &[u32],
) -> Closed {
    let (target, processes) = (target.clone(), processes.to_vec());
    on_own_thread(move || async move {
        let answers = Rc::new(Cell::new(0_u32));
        let mut asking = Vec::new();
        for _ in 0..connections {
            let connection = Connection::open(target.address)
                .await
                .expect("a connection");
            let asked = ask(connection, target.clone(), Rc::clone(&answers));
            asking.push(tokio::task::spawn_local(asked));
        }
        tokio::time::sleep(WARM_UP).await;
        let before: Vec<_> = processes.iter().copied().map(usage::cpu).collect();
        let (first, began) = (answers.get(), Instant::now());
        tokio::time::sleep(length).await;
        let after = processes.iter().copied().map(usage::cpu);
        let closed = Closed {
            cpu: after
                .zip(before)
                .map(|(after, before): (Duration, Duration)| after.saturating_sub(before))
                .collect(),
            answers: answers.get() - first,
            took: began.elapsed(),
        };
        for asked in asking {
            // One that has ended did not end well.
            asked.abort();
            if let Err(error) = asked.await {
                assert!(error.is_cancelled(), "a connection failed");
            }
        }
        assert!(closed.answers > 0, "nothing was answered");
        closed
    })
}

async fn ask(mut connection: Connection, target: Target, answers: Rc<Cell<u32>>) {
    loop {
        let status = connection.ask(&target.next()).await.expect("an answer");
        assert_eq!(status, 200, "{}", connection.answer());
        answers.set(answers.get() + 1);
    }
}
