//! Did the store go back in time? A failover, a restart without its last second or a restored backup can
//! take back what was answered. Each shard counts its changes, so that a count at or below one that was
//! seen before tells; and a server that is another than before, where its set-up can lose something, is
//! taken to have lost something.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::Redis;
use super::key::{Layout, Shard};
use super::reply::number;
use crate::durability::Durability;
use crate::error::StoreError;

/// What was seen of the store's past.
#[derive(Debug)]
pub(super) struct Past {
    /// The highest sequence of each shard.
    highest: Vec<AtomicI64>,
    /// Which life of each primary answered last.
    lives: Mutex<BTreeMap<String, String>>,
    /// Counts how often the store went back.
    back: watch::Sender<u64>,
}

impl Past {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            highest: layout.all().map(|_| AtomicI64::new(0)).collect(),
            lives: Mutex::default(),
            back: watch::Sender::new(0),
        }
    }

    /// The highest sequence seen of a shard: to be asked before a call.
    pub(super) fn seen(&self, shard: Shard) -> i64 {
        let highest = self.highest.get(usize::from(shard.0));
        highest.map_or(0, |highest| highest.load(Ordering::SeqCst))
    }

    /// A change of the shard, asked for when `seen` was the highest sequence, got this one.
    pub(super) fn got(&self, shard: Shard, seen: i64, sequence: i64) {
        if sequence <= seen {
            tracing::error!(
                shard = shard.0,
                seen,
                sequence,
                "the store went back in time"
            );
            self.went_back();
            // Counted from here on, or each further call would say the same.
            if let Some(highest) = self.highest.get(usize::from(shard.0)) {
                highest.store(sequence, Ordering::SeqCst);
            }
        } else if let Some(highest) = self.highest.get(usize::from(shard.0)) {
            highest.fetch_max(sequence, Ordering::SeqCst);
        }
    }

    fn went_back(&self) {
        self.back
            .send_modify(|times| *times = times.saturating_add(1));
    }
}

impl Redis {
    /// Counts how often the store was found to have gone back in time.
    pub(crate) fn went_back(&self) -> watch::Receiver<u64> {
        self.past.back.subscribe()
    }

    /// Looks whether what answers now is what answered before: after each new connection, with what was just
    /// read of the set-up. One that can't lose what it answered has it all also on another server.
    pub(crate) async fn look_back(&self, durability: &Durability) -> Result<(), StoreError> {
        let reads = self.layout.all().map(|shard| {
            let mut read = redis::cmd("GET");
            read.arg(shard.sequence());
            read
        });
        let seen: Vec<i64> = self
            .layout
            .all()
            .map(|shard| self.past.seen(shard))
            .collect();
        let now = self.all(reads.collect()).await?;
        for ((shard, seen), now) in self.layout.all().zip(seen).zip(now) {
            let now = match now {
                redis::Value::Nil => 0,
                now => number(now)?,
            };
            // Equal is fine here: nothing was changed since.
            if now < seen {
                self.past.got(shard, seen, now);
            } else {
                self.past.got(shard, now.saturating_sub(1), now);
            }
        }
        self.look_at_lives(durability);
        Ok(())
    }

    fn look_at_lives(&self, durability: &Durability) {
        // Nobody answered: it is looked at when somebody does.
        if durability.lives.is_empty() {
            return;
        }
        let before = {
            let mut lives = self
                .past
                .lives
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *lives, durability.lives.clone())
        };
        let ids = |lives: &BTreeMap<String, String>| {
            let mut ids: Vec<String> = lives.values().cloned().collect();
            ids.sort_unstable();
            ids
        };
        let others = !before.is_empty() && ids(&before) != ids(&durability.lives);
        if others && !durability.is_guaranteed() {
            tracing::error!("another server, or one that was started again, answers for the store");
            self.past.went_back();
        }
    }

    /// The tasks that this replica wrote last and the store has no more: they can be made again.
    pub(crate) async fn lost_tasks(&self) -> Result<Vec<evogate_models::task::Task>, StoreError> {
        let recent: Vec<_> = self.recent.iter().map(|(_, stored)| stored).collect();
        let mut lost = Vec::new();
        for stored in recent {
            let task = &stored.task;
            let exists = {
                let mut exists = redis::cmd("EXISTS");
                exists.arg(self.layout.tenant(&task.tenant).task(&task.id));
                number(self.link.command(exists).await?)?
            };
            if exists == 0 {
                lost.push(task.clone());
            }
        }
        // What is remembered of a store that went back is not what is stored.
        self.recent.invalidate_all();
        self.policies.invalidate_all();
        self.subscriptions.invalidate_all();
        self.credentials.invalidate_all();
        Ok(lost)
    }
}
