//! What a replica remembers of tasks for its readers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use evogate_models::task::Task;
use evogate_models::{TaskId, TenantId};
use moka::sync::Cache;
use tokio::sync::watch;

use crate::api::TaskAnswer;

/// Tasks that are remembered, by the size of their records.
const REMEMBERED_BYTES: u64 = 32 << 20;
/// And for how long at most, so that what has left the store is soon not read here either.
const REMEMBERED_FOR: Duration = Duration::from_hours(1);
/// How long an unfinished task is shown as it was when the store was last asked. Never longer than
/// `reads.refresh_after`.
const MOMENT: Duration = Duration::from_secs(1);

/// A task as it was seen, and the answer that shows it.
#[derive(Debug)]
pub struct Sight {
    /// The task.
    pub task: Task,
    /// What a reader gets.
    pub answer: TaskAnswer,
}

impl Sight {
    pub(super) fn of(task: Task) -> Self {
        let answer = TaskAnswer::of(&task);
        Self { task, answer }
    }
}

/// What a replica remembers for its readers.
#[derive(Debug, Clone)]
pub struct Reads {
    places: Cache<TaskId, Arc<Place>>,
    moment: Duration,
}

impl Reads {
    /// Nothing yet.
    pub fn new(refresh_after: Duration) -> Self {
        let places = Cache::builder()
            .weigher(|_, place: &Arc<Place>| place.weight())
            .max_capacity(REMEMBERED_BYTES)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self {
            places,
            moment: refresh_after.min(MOMENT),
        }
    }

    /// How long what was seen of an unfinished task is fresh.
    pub(super) fn moment(&self) -> Duration {
        self.moment
    }

    /// Where what is known of the task has its place.
    pub(super) fn place(&self, id: &TaskId) -> Arc<Place> {
        match self.places.get(id) {
            Some(place) => place,
            None => self.places.get_with_by_ref(id, Arc::default),
        }
    }

    /// The store was asked, when `version` was the newest here.
    pub(super) fn looked(&self, place: &Arc<Place>, sight: &Arc<Sight>, version: u64) {
        let newer = {
            let mut state = place.lock();
            state.sight = Some(Arc::clone(sight));
            state.looked = (state.version == version).then(Instant::now);
            state.refused = false;
            state.version != version
        };
        if !newer {
            self.weigh(place, sight);
        }
    }

    /// This is how the task is now.
    pub(super) fn saw(&self, place: &Arc<Place>, sight: Sight) {
        let sight = Arc::new(sight);
        {
            let mut state = place.lock();
            state.sight = Some(Arc::clone(&sight));
            state.looked = Some(Instant::now());
            state.refused = false;
        }
        self.weigh(place, &sight);
    }

    /// A finished task stays as it is, and with its size.
    fn weigh(&self, place: &Arc<Place>, sight: &Sight) {
        if sight.task.state.is_ended() {
            self.places.insert(sight.task.id.clone(), Arc::clone(place));
        }
    }

    /// There is no such task, as far as this reader may know.
    pub(super) fn forget(&self, id: &TaskId, place: &Place) {
        if place.lock().sight.is_none() {
            self.places.invalidate(id);
        }
    }

    /// The task has moved on: the next reader looks.
    pub fn turned(&self, id: &TaskId) {
        if let Some(place) = self.places.get(id) {
            let mut state = place.lock();
            state.version = state.version.wrapping_add(1);
            let ended = state
                .sight
                .as_ref()
                .is_some_and(|sight| sight.task.state.is_ended());
            if !ended {
                state.looked = None;
            }
        }
    }
}

/// What is known of one task.
#[derive(Debug, Default)]
pub(super) struct Place {
    state: Mutex<State>,
    /// Held by the reader who looks.
    pub(super) looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    sight: Option<Arc<Sight>>,
    /// When it was last known to be so; none when it is known to have moved on.
    looked: Option<Instant>,
    /// EvoLink might not be asked, or had no answer, the last time.
    refused: bool,
    /// Grows when the task moves on.
    version: u64,
    /// An upstream read; its sender is dropped when it is done.
    under_way: Option<watch::Receiver<()>>,
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn weight(&self) -> u32 {
        let state = self.lock();
        let body = state.sight.as_ref().map_or(0, |sight| sight.answer.len());
        u32::try_from(body.saturating_add(1024)).unwrap_or(u32::MAX)
    }

    /// The task, if it is the tenant's and needs no look.
    pub(super) fn fresh(&self, tenant: &TenantId, moment: Duration) -> Option<Arc<Sight>> {
        let state = self.lock();
        let sight = state
            .sight
            .as_ref()
            .filter(|sight| sight.task.tenant == *tenant)?;
        let fresh = sight.task.state.is_ended()
            || state.looked.is_some_and(|looked| looked.elapsed() < moment);
        fresh.then(|| Arc::clone(sight))
    }

    /// The tenant's task as last seen, if it is not known to have moved on since.
    pub(super) fn known(&self, tenant: &TenantId) -> Option<Arc<Sight>> {
        let state = self.lock();
        state.looked?;
        let sight = state
            .sight
            .as_ref()
            .filter(|sight| sight.task.tenant == *tenant)?;
        Some(Arc::clone(sight))
    }

    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    pub(super) fn was_refused(&self) -> bool {
        self.lock().refused
    }

    /// EvoLink may not be asked now, or has no answer: what is known counts for another moment.
    pub(super) fn refused(&self) {
        let mut state = self.lock();
        state.refused = true;
        if state.looked.is_some() {
            state.looked = Some(Instant::now());
        }
    }

    pub(super) fn begins(&self, done: watch::Receiver<()>) {
        self.lock().under_way = Some(done);
    }

    /// The upstream read that goes on, if one does.
    pub(super) fn under_way(&self) -> Option<watch::Receiver<()>> {
        let mut state = self.lock();
        // Without its sender it is over.
        let over = state
            .under_way
            .as_ref()
            .is_some_and(|done| done.has_changed().is_err());
        if over {
            state.under_way = None;
        }
        state.under_way.clone()
    }
}
