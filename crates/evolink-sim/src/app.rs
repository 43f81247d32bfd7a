//! What all parts of one simulator share.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::background::Background;
use crate::callbacks;
use crate::clock::Clock;
use crate::config::SimConfig;
use crate::fault::Faults;
use crate::files::Files;
use crate::journal::Journal;
use crate::random::Random;
use crate::rules::{Question, Rules};
use crate::state::{Record, StateFile};
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
    callback_client: OnceLock<Option<reqwest::Client>>,
    state: Option<Arc<StateFile>>,
    world: Mutex<World>,
    files: Mutex<Files>,
    rules: Mutex<Rules>,
    journal: Mutex<Journal>,
    /// Told whenever a task may end earlier than the scheduler thinks.
    wake: Notify,
}

impl App {
    /// Goes on where the state file left off, if there is one.
    pub(crate) fn new(
        config: SimConfig,
        base_url: String,
        background: Background,
    ) -> io::Result<Self> {
        let (state, records) = match &config.state_file {
            None => (None, Vec::new()),
            Some(path) => {
                let (state, records) = StateFile::open(path)?;
                (Some(Arc::new(state)), records)
            }
        };
        let mut world = World::new(&config, state.clone());
        let mut files = Files::kept_in(state.clone());
        let mut ahead = 0;
        for record in &records {
            world.restore(record);
            files.restore(record)?;
            if let Record::Ahead(by) = record {
                ahead = *by;
            }
        }
        let app = Self {
            base_url,
            clock: Clock::ahead_by(ahead),
            random: Random::new(config.seed),
            background,
            callback_client: OnceLock::new(),
            state,
            world: Mutex::new(world),
            files: Mutex::new(files),
            rules: Mutex::default(),
            journal: Mutex::new(Journal::new(if config.instant {
                0
            } else {
                config.journal_limit
            })),
            wake: Notify::new(),
            config,
        };
        app.rewrite_state()?;
        Ok(app)
    }

    /// Made when the first callback is sent: it takes longer than all the rest of a start.
    pub(crate) fn callback_client(&self) -> Option<&reqwest::Client> {
        self.callback_client
            .get_or_init(|| callbacks::client(self.config.callback_timeout))
            .as_ref()
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn files(&self) -> MutexGuard<'_, Files> {
        lock(&self.files)
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        lock(&self.rules)
    }

    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    /// Adds a record to the state file, if there is one.
    pub(crate) fn keep(&self, record: &Record<'_>) {
        if let Some(state) = &self.state {
            state.append(record);
        }
    }

    /// Writes the state file anew, without what later records have replaced.
    pub(crate) fn rewrite_state(&self) -> io::Result<()> {
        let Some(state) = &self.state else {
            return Ok(());
        };
        // Both locks keep everybody else from appending what the new file would then lack.
        let world = self.world();
        let files = self.files();
        let ahead = Record::Ahead(self.clock.ahead());
        state.rewrite(
            std::iter::once(ahead)
                .chain(world.records(self.config.credits))
                .chain(files.records()),
        )
    }

    fn tend_state(&self) {
        let needed = self.world().record_count();
        if let Some(state) = &self.state
            && state.has_outgrown(needed)
            && let Err(error) = self.rewrite_state()
        {
            tracing::error!(%error, "the state file cannot be rewritten");
        }
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
            self.tend_state();
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
