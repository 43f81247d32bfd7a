//! What all parts of one simulator share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::background::Background;
use crate::callbacks;
use crate::clock::Clock;
use crate::config::SimConfig;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::random::Random;
use crate::rules::{Question, Rules};
use crate::world::World;

/// One fake EvoLink.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: SimConfig,
    /// What result URLs begin with.
    pub(crate) base_url: String,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) background: Background,
    pub(crate) callback_client: Option<reqwest::Client>,
    world: Mutex<World>,
    rules: Mutex<Rules>,
    journal: Mutex<Journal>,
    /// Told whenever a task may end earlier than the scheduler thinks.
    wake: Notify,
}

impl App {
    pub(crate) fn new(config: SimConfig, base_url: String, background: Background) -> Self {
        Self {
            base_url,
            clock: Clock::default(),
            random: Random::new(config.seed),
            background,
            callback_client: callbacks::client(config.callback_timeout),
            world: Mutex::new(World::new(&config)),
            rules: Mutex::default(),
            journal: Mutex::new(Journal::new(if config.instant {
                0
            } else {
                config.journal_limit
            })),
            wake: Notify::new(),
            config,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        lock(&self.rules)
    }

    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    pub(crate) fn faults_by_rule(&self, question: &Question<'_>) -> Faults {
        self.rules().judge(question, &self.random)
    }

    /// Ends the tasks whose time has come and sends their callbacks. Every request begins with it, so that nobody
    /// sees a task that should have ended.
    pub(crate) fn settle(self: &Arc<Self>) {
        let ended = self.world().settle(self.clock.now());
        callbacks::send_all(self, &ended);
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Settles whenever a task's time has come, until the simulator ends.
    pub(crate) async fn keep_settled(self: Arc<Self>) {
        loop {
            self.settle();
            let next = self.world().next_due();
            let until_next = async {
                match next {
                    Some(due) => {
                        let wait = due.saturating_sub(self.clock.now());
                        tokio::time::sleep(Duration::from_millis(wait)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = until_next => {}
                () = self.wake.notified() => {}
                () = self.background.stopping() => return,
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
