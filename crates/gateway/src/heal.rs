//! Finds out what became of a submit whose outcome is not known (design, section 4), in this order:
//! the callback that named EvoLink's task; the same submit again under its idempotency key, where
//! EvoLink honours those; the one match in EvoLink's own list. An admin's decision is in
//! `admin::unknown`, the deadline in `reconcile`.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use evogate_models::life::bind::Found;
use evogate_models::task::{State, Task};
use evogate_models::{TaskId, UpstreamId};
use evogate_store::{StoreError, TaskCommand};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::evolink::{Again, Failure, ListEntry, Pace, ReadOutcome, SubmitCall, SubmitOutcome};
use crate::reconcile::turn;
use crate::state::Gateway;
use crate::submit::SEND_WITHIN;

/// The least time between two readings of EvoLink's list.
const LIST_EVERY: Duration = Duration::from_secs(3);
/// Tasks on one page of EvoLink's list.
const PAGE_SIZE: u32 = 100;
/// More pages than this are not read; then nothing is matched, since a match needs all of them.
const MAX_PAGES: u32 = 100;

/// Tasks of EvoLink's that no task of ours is bound to, for one task of ours.
pub type Candidates = Vec<ListEntry>;

/// The longest time until a list that could not be read is tried again.
const LIST_SELDOM: Duration = Duration::from_mins(1);

/// Reads EvoLink's list for all unknown tasks together.
#[derive(Debug, Default)]
pub struct Matcher {
    last: Mutex<Last>,
}

/// What came of reading the list the last time.
#[derive(Debug, Default)]
struct Last {
    reading: Option<Reading>,
    failed: Option<Failed>,
}

/// The list could not be read, so many times in a row: everybody is told the same until it is tried again.
#[derive(Debug)]
struct Failed {
    at: Instant,
    times: u32,
    why: String,
}

impl Failed {
    fn counts(&self) -> bool {
        let wait = LIST_EVERY
            .saturating_mul(1 << self.times.min(6))
            .min(LIST_SELDOM);
        self.at.elapsed() < wait
    }
}

/// One reading of the list: when, and what fits each of our tasks.
#[derive(Debug)]
struct Reading {
    at: Instant,
    fitting: HashMap<TaskId, Candidates>,
    matched: HashMap<TaskId, UpstreamId>,
    /// What fits none of ours.
    unowned: Candidates,
}

/// Why the list told nothing.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// EvoLink's list could not be read, or has too many pages.
    #[error("EvoLink's list could not be read: {0}")]
    List(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for MatchError {
    fn from(failure: Failure) -> Self {
        Self::List(failure.to_string())
    }
}

/// Tries to heal a task. `true` when its due time was settled by what was found.
pub async fn heal(gateway: &Gateway, task: &Task, pace: &Pace) -> bool {
    if let Some(upstream) = task.hint.as_ref().and_then(|hint| hint.upstream.clone())
        && pace.ready().await
        && adopt(gateway, task, &upstream, Found::Callback).await
    {
        return true;
    }
    if matches!(task.state, State::Unknown { .. })
        && gateway.config.evolink.honours_idempotency
        && let Some(body) = &task.resend
        && pace.ready().await
        && repeat(gateway, task, body.clone()).await
    {
        return true;
    }
    let found = gateway.matcher.matched(gateway, &task.id).await;
    match found {
        Ok(Some(upstream)) => {
            pace.ready().await && adopt(gateway, task, &upstream, Found::List).await
        }
        Ok(None) => false,
        Err(error) => {
            tracing::info!(task = %task.id, %error, "an unknown submit could not be looked for");
            false
        }
    }
}

/// Reads EvoLink's task with our own key, and binds it if it fits (invariant 12).
pub async fn adopt(gateway: &Gateway, task: &Task, upstream: &UpstreamId, found: Found) -> bool {
    let ReadOutcome::Task(report) = gateway.evolink.read(upstream).await else {
        return false;
    };
    if report.id != *upstream {
        return false;
    }
    let window = gateway.submit_window();
    turn(
        gateway,
        task,
        TaskCommand::Bind {
            report: *report,
            found,
            window,
        },
    )
    .await
}

/// Sends the same submit again under the same idempotency key: EvoLink then answers with the task
/// that the first one made, or makes it now.
async fn repeat(gateway: &Gateway, task: &Task, body: String) -> bool {
    // It is a submit like any other, and a repetition besides.
    let Ok(_share) = gateway.shares.take(&task.tenant).await else {
        return false;
    };
    if !gateway.evolink.retries().spend(Again::Unknown) {
        return false;
    }
    let call = SubmitCall {
        kind: task.spec.kind,
        body: Bytes::from(body),
        idempotency_key: task.id.to_string(),
        not_after: gateway.store.now().plus(SEND_WITHIN),
    };
    match gateway.evolink.submit(call).await {
        SubmitOutcome::Accepted(report) => {
            let window = gateway.submit_window();
            let command = TaskCommand::Bind {
                report: *report,
                found: Found::Repeat,
                window,
            };
            turn(gateway, task, command).await
        }
        SubmitOutcome::Refused {
            refusal,
            account: false,
        } => {
            let command = TaskCommand::Refuse {
                refusal,
                temporary: false,
                told: true,
            };
            turn(gateway, task, command).await
        }
        _ => false,
    }
}

impl Matcher {
    /// EvoLink's task that is the only one to fit `task`, and that no other of our tasks fits.
    async fn matched(
        &self,
        gateway: &Gateway,
        task: &TaskId,
    ) -> Result<Option<UpstreamId>, MatchError> {
        let mut last = self.last.lock().await;
        let reading = fresh(&mut last, gateway).await?;
        Ok(reading.matched.get(task).cloned())
    }

    /// The tasks in EvoLink's list that no task of ours is bound to and none waits for.
    pub async fn unowned(&self, gateway: &Gateway) -> Result<Vec<ListEntry>, MatchError> {
        let mut last = self.last.lock().await;
        Ok(fresh(&mut last, gateway).await?.unowned.clone())
    }

    /// The tasks of EvoLink's that fit, for an admin to decide.
    pub async fn candidates(
        &self,
        gateway: &Gateway,
    ) -> Result<HashMap<TaskId, Candidates>, MatchError> {
        let mut last = self.last.lock().await;
        Ok(fresh(&mut last, gateway).await?.fitting.clone())
    }
}

async fn fresh<'a>(last: &'a mut Last, gateway: &Gateway) -> Result<&'a Reading, MatchError> {
    let reading = match last.reading.take() {
        Some(reading) if reading.at.elapsed() < LIST_EVERY => reading,
        _ => match &last.failed {
            Some(failed) if failed.counts() => return Err(MatchError::List(failed.why.clone())),
            _ => read_again(last, gateway).await?,
        },
    };
    Ok(last.reading.insert(reading))
}

/// Reads the list, and remembers when that failed: with many unknown tasks there are many who ask.
async fn read_again(last: &mut Last, gateway: &Gateway) -> Result<Reading, MatchError> {
    let read = read_list(gateway).await;
    last.failed = match &read {
        Err(MatchError::List(why)) => Some(Failed {
            at: Instant::now(),
            times: last
                .failed
                .as_ref()
                .map_or(0, |failed| failed.times.saturating_add(1)),
            why: why.clone(),
        }),
        Ok(_) | Err(MatchError::Store(_)) => None,
    };
    read
}

/// Reads the whole list, then our unbound tasks. In this order: a submit that was under way while the
/// list was read is then either bound, so that its task is no candidate, or among the unbound, so
/// that it competes for the candidate.
async fn read_list(gateway: &Gateway) -> Result<Reading, MatchError> {
    let mut entries: Vec<ListEntry> = Vec::new();
    let mut page = 1;
    loop {
        if page > MAX_PAGES {
            return Err(MatchError::List(format!(
                "it has more than {MAX_PAGES} pages"
            )));
        }
        let read = gateway.evolink.list_page(page, PAGE_SIZE).await?;
        let (count, total) = (read.entries.len(), read.total);
        entries.extend(read.entries);
        let have = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        if count == 0 || total.is_some_and(|total| have >= total) {
            break;
        }
        page += 1;
    }
    let unbound = gateway.store.unbound().await?;
    let mut free = Vec::new();
    for entry in entries {
        if gateway.store.owner(&entry.id).await?.is_none() {
            free.push(entry);
        }
    }
    Ok(assign(&unbound, &free, gateway.submit_window()))
}

/// Pairs what fits each other and nothing else.
fn assign(unbound: &[Task], free: &[ListEntry], window: i64) -> Reading {
    let fits =
        |task: &Task, entry: &ListEntry| task.fits(entry.model.as_deref(), entry.created, window);
    let mut fitting = HashMap::new();
    let mut matched = HashMap::new();
    for task in unbound {
        let candidates: Candidates = free
            .iter()
            .filter(|entry| fits(task, entry))
            .cloned()
            .collect();
        if let [only] = candidates.as_slice()
            && unbound.iter().filter(|other| fits(other, only)).count() == 1
        {
            matched.insert(task.id.clone(), only.id.clone());
        }
        fitting.insert(task.id.clone(), candidates);
    }
    let waited_for = |entry: &&ListEntry| unbound.iter().any(|task| fits(task, entry));
    let unowned = free
        .iter()
        .filter(|entry| !waited_for(entry))
        .cloned()
        .collect();
    Reading {
        at: Instant::now(),
        fitting,
        matched,
        unowned,
    }
}
