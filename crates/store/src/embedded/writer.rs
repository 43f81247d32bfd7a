//! The one writer: a thread that runs what callers send it, many in one transaction, and answers
//! each when the transaction is on disk.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use redb::Database;
use tokio::sync::{Notify, oneshot};

use super::table::{Write, unavailable};
use crate::error::StoreError;

/// The most that shares one commit: bounds how long the first of them waits.
const TOGETHER: usize = 256;

/// A caller's work, its result until the commit, and where the answer goes.
trait Job: Send {
    fn run(&mut self, tables: &mut Write<'_>) -> Result<(), StoreError>;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Work<F, T> {
    make: F,
    done: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Work<F, T>
where
    F: Fn(&mut Write<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, tables: &mut Write<'_>) -> Result<(), StoreError> {
        self.done = Some((self.make)(tables)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (committed, self.done) {
            (Ok(()), Some(done)) => Ok(done),
            (Ok(()), None) => Err(StoreError::Unavailable("the work did not run".into())),
            (Err(error), _) => Err(error),
        };
        // Whoever asked may have gone; what was written stays written.
        let _ = self.answer.send(answer);
    }
}

enum Message {
    Job(Box<dyn Job>),
    Close,
}

/// The sending end of the writer.
pub(super) struct Writer {
    jobs: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// `outbox` is notified after every commit with which something became due there.
    pub(super) fn start(db: Arc<Database>, outbox: Arc<Notify>) -> Result<Self, StoreError> {
        let (jobs, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&db, &inbox, &outbox))
            .map_err(unavailable)?;
        Ok(Self {
            jobs,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Write<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let closed = || StoreError::Unavailable("the store is closed".into());
        let job = Box::new(Work {
            make: work,
            done: None,
            answer,
        });
        self.jobs.send(Message::Job(job)).map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Waits until everything sent so far is written, and ends the thread.
    pub(super) async fn close(&self) {
        let _ = self.jobs.send(Message::Close);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn serve(db: &Database, inbox: &Receiver<Message>, outbox: &Notify) {
    let mut open = true;
    while open {
        let mut batch: Vec<Box<dyn Job>> = Vec::new();
        let mut next = inbox.recv().ok();
        loop {
            match next {
                Some(Message::Job(job)) => batch.push(job),
                Some(Message::Close) => open = false,
                None if batch.is_empty() => return,
                None => break,
            }
            if !open || batch.len() >= TOGETHER {
                break;
            }
            next = inbox.try_recv().ok();
        }
        together(db, batch, outbox);
    }
}

/// Commits the batch as one. Where one caller's work fails, nothing of the batch was written: each
/// then gets a transaction of its own, so that it fails alone.
fn together(db: &Database, mut batch: Vec<Box<dyn Job>>, outbox: &Notify) {
    let committed = commit(db, &mut batch, outbox);
    if committed.is_err() && batch.len() > 1 {
        for job in batch {
            let mut alone = vec![job];
            let committed = commit(db, &mut alone, outbox);
            answer(alone, &committed);
        }
        return;
    }
    answer(batch, &committed);
}

fn commit(db: &Database, batch: &mut [Box<dyn Job>], outbox: &Notify) -> Result<(), StoreError> {
    let transaction = db.begin_write().map_err(unavailable)?;
    let told = {
        let mut tables = Write::open(&transaction)?;
        for job in batch {
            // A bug in one caller's work must not end the one writer that all depend on. What the
            // work has written is not committed.
            catch_unwind(AssertUnwindSafe(|| job.run(&mut tables)))
                .unwrap_or_else(|_| Err(StoreError::Unavailable("the work panicked".into())))?;
        }
        tables.told
    };
    transaction.commit().map_err(unavailable)?;
    if told {
        outbox.notify_one();
    }
    Ok(())
}

fn answer(batch: Vec<Box<dyn Job>>, committed: &Result<(), StoreError>) {
    for job in batch {
        job.answer(committed.clone());
    }
}
