//! The one store, whichever engine it runs on.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use evogate_models::delivery::{Attempt, Claim, Delivery, End};
use evogate_models::endpoint::{Endpoint, EndpointChange, Rotation};
use evogate_models::event::{DeliveryId, Event};
use evogate_models::journal::{Entry, Opening};
use evogate_models::note::Note;
use evogate_models::retention::Retention;
use evogate_models::task::{Author, Task};
use evogate_models::view::{Shown, shown};
use evogate_models::{EndpointId, KeyId, Millis, TaskId, TenantId, Timestamp, UpstreamId};
use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};

use crate::admin::{AdminRecord, Grant, Granted, KeyChange, TenantChange};
use crate::audit::{Actor, AuditEntry};
use crate::census::Census;
use crate::clock::{Clock, Random};
use crate::command::{Submit, Submitted, TaskCommand, TaskOutcome};
use crate::dump::Dump;
use crate::durability::Durability;
use crate::embedded::Embedded;
use crate::error::{ImportError, StoreError, SubmitError, TenantError, TurnError};
use crate::ledger::export::Pages;
use crate::ledger::{Line, TenantBooks};
use crate::observer::{self, Observer, Watched};
use crate::outbox::{Claims, Cursor, DeliveryFilter, Room};
use crate::prospect::Prospect;
use crate::record::{KeyRecord, Tenant, TenantView, Verification, Violation};
use crate::redis::Redis;
use crate::redis::link::{Link, LinkOptions};
use crate::redis::url::RedisUrl;
use crate::refused::Refused;
use crate::sweep::{Retired, RetiredEvents};
use crate::usage::{Day, SeenUser, UsageRow};

/// Which of a tenant's tasks a list shows.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Only tasks that the client sees in this status.
    pub status: Option<Shown>,
    /// Only this kind (`video`).
    pub kind: Option<String>,
    /// Only this model.
    pub model: Option<String>,
}

impl TaskFilter {
    /// Does it show this one?
    pub(crate) fn matches(&self, task: &Task) -> bool {
        self.status.is_none_or(|status| shown(task) == status)
            && self
                .kind
                .as_ref()
                .is_none_or(|kind| kind == task.spec.kind.as_str())
            && self
                .model
                .as_ref()
                .is_none_or(|model| *model == task.spec.model)
    }

    /// Does it show everything?
    pub(crate) fn is_everything(&self) -> bool {
        self.status.is_none() && self.kind.is_none() && self.model.is_none()
    }
}

/// One page of a list, newest first.
#[derive(Debug, Clone, Default)]
pub struct TaskPage {
    /// How many tasks there are on all pages.
    pub total: u64,
    /// The tasks of this page.
    pub tasks: Vec<Task>,
}

/// Everything that must survive. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    due: Arc<Notify>,
    outbox: Arc<Notify>,
    turned: Arc<OnceLock<Turned>>,
    /// Grows with each change of a tenant or a key that is made here.
    access: Arc<AtomicU64>,
    watched: Watched,
}

/// Told of each task that moved on here.
struct Turned(Box<dyn Fn(&Task) + Send + Sync>);

impl fmt::Debug for Turned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Turned")
    }
}

#[derive(Debug, Clone)]
enum Engine {
    Embedded(Arc<Embedded>),
    Redis(Arc<Redis>),
}

/// Runs the same method on whichever engine there is.
macro_rules! on {
    ($self:ident . $method:ident ( $($argument:expr),* )) => {{
        const OPERATION: usize = observer::place(stringify!($method));
        let begun = $self.watched.begin();
        let answer = match &$self.engine {
            Engine::Embedded(engine) => engine.$method($($argument),*).await,
            Engine::Redis(engine) => engine.$method($($argument),*).await,
        };
        $self
            .watched
            .end($self.engine(), OPERATION, begun, &answer);
        answer
    }};
}

impl Store {
    /// Opens (or makes) the embedded store in the file at `path`, with a page cache of `cache` bytes.
    ///
    /// The file belongs to one process at a time, so whatever lease is found in it is of a process
    /// that is gone: those leases end here.
    pub fn embedded(path: &Path, cache: usize, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let outbox = Arc::new(Notify::new());
        let engine = Embedded::open(path, cache, clock, Arc::clone(&outbox))?;
        Ok(Self {
            engine: Engine::Embedded(Arc::new(engine)),
            due: Arc::default(),
            outbox,
            turned: Arc::default(),
            access: Arc::default(),
            watched: Watched::default(),
        })
    }

    /// Opens the store on the Redis at `url`, where everything lives in `shards` shards. The server's
    /// clock is the store's; `clock` takes its place in tests.
    pub async fn redis(
        url: &RedisUrl,
        options: &LinkOptions,
        shards: u16,
        clock: Option<Arc<dyn Clock>>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        let link = Link::open(url, options)?;
        let outbox = Arc::new(Notify::new());
        let engine = Redis::open(
            link,
            options.wait_aof,
            shards,
            clock,
            random,
            Arc::clone(&outbox),
        )
        .await?;
        Ok(Self {
            engine: Engine::Redis(Arc::new(engine)),
            due: Arc::default(),
            outbox,
            turned: Arc::default(),
            access: Arc::default(),
            watched: Watched::default(),
        })
    }

    /// Lets `observer` hear of every call that this store and its clones take from now on.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn Observer>) -> Self {
        self.watched = Watched(Some(observer));
        self
    }

    /// The time on the store's clock.
    pub fn now(&self) -> Timestamp {
        match &self.engine {
            Engine::Embedded(engine) => engine.now(),
            Engine::Redis(engine) => engine.now(),
        }
    }

    /// Notified when a task may have become due earlier than before.
    pub fn due(&self) -> &Notify {
        &self.due
    }

    /// Grows whenever a tenant or a key is changed by this process: for who remembers who may do what.
    pub fn access_version(&self) -> u64 {
        self.access.load(Ordering::Acquire)
    }

    /// Whatever came of a change, what was known before it may be wrong.
    fn access_changed(&self) {
        self.access.fetch_add(1, Ordering::AcqRel);
    }

    /// Calls `turned` with each task that this process moves on, as it is then: for who remembers tasks. The
    /// first caller is told, others are not.
    pub fn when_turned(&self, turned: impl Fn(&Task) + Send + Sync + 'static) {
        let _ = self.turned.set(Turned(Box::new(turned)));
    }

    /// Notified when a queue of deliveries may have become due earlier than before.
    pub fn outbox(&self) -> &Notify {
        &self.outbox
    }

    /// Can the store be read and written? For readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        on!(self.ping())
    }

    /// What the set-up can lose, asked now.
    pub async fn durability(&self) -> Durability {
        match &self.engine {
            // Each commit is on the disk before it is answered.
            Engine::Embedded(_) => Durability::guaranteed(),
            Engine::Redis(engine) => engine.durability().await,
        }
    }

    /// Counts connections: a change means that [`Store::durability`] may have changed. None for an
    /// engine that has no connections.
    pub fn connections(&self) -> Option<watch::Receiver<u64>> {
        match &self.engine {
            Engine::Embedded(_) => None,
            Engine::Redis(engine) => Some(engine.connections()),
        }
    }

    /// Counts how often the store was found to have gone back in time, so that something that was answered
    /// may be lost. None for an engine that can't.
    pub fn went_back(&self) -> Option<watch::Receiver<u64>> {
        match &self.engine {
            Engine::Embedded(_) => None,
            Engine::Redis(engine) => Some(engine.went_back()),
        }
    }

    /// Looks whether the store went back in time: after each new connection, with what
    /// [`Store::durability`] said. `Ok` says that it was looked, not what was found.
    pub async fn look_back(&self, durability: &Durability) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Embedded(_) => Ok(()),
            Engine::Redis(engine) => engine.look_back(durability).await,
        }
    }

    /// Tasks that this process wrote last and the store, having gone back in time, has no more.
    pub async fn lost_tasks(&self) -> Result<Vec<Task>, StoreError> {
        match &self.engine {
            Engine::Embedded(_) => Ok(Vec::new()),
            Engine::Redis(engine) => engine.lost_tasks().await,
        }
    }

    /// Makes a tenant.
    pub async fn create_tenant(
        &self,
        tenant: Tenant,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        let changed = on!(self.create_tenant(tenant, by));
        self.access_changed();
        changed
    }

    /// Changes a tenant: in force for every submit that begins after this.
    pub async fn change_tenant(
        &self,
        id: &TenantId,
        change: TenantChange,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        let changed = on!(self.change_tenant(id, change, by));
        self.access_changed();
        changed
    }

    /// A tenant and its account.
    pub async fn tenant(&self, id: &TenantId) -> Result<Option<TenantView>, StoreError> {
        on!(self.tenant(id))
    }

    /// Every tenant, by id.
    pub async fn tenants(&self) -> Result<Vec<TenantView>, StoreError> {
        on!(self.tenants())
    }

    /// Grants credits, or takes some back when the amount is negative: never more than is available.
    pub async fn grant(&self, grant: Grant, by: &Actor) -> Result<Granted, TenantError> {
        on!(self.grant(grant, by))
    }

    /// Adds a key.
    pub async fn add_key(&self, key: KeyRecord, by: &Actor) -> Result<(), TenantError> {
        let changed = on!(self.add_key(key, by));
        self.access_changed();
        changed
    }

    /// Changes a key.
    pub async fn change_key(
        &self,
        tenant: &TenantId,
        id: &KeyId,
        change: KeyChange,
        by: &Actor,
    ) -> Result<KeyRecord, TenantError> {
        let changed = on!(self.change_key(tenant, id, change, by));
        self.access_changed();
        changed
    }

    /// Takes a key away; its secret is worth nothing from now on.
    pub async fn delete_key(
        &self,
        tenant: &TenantId,
        id: &KeyId,
        by: &Actor,
    ) -> Result<(), TenantError> {
        let changed = on!(self.delete_key(tenant, id, by));
        self.access_changed();
        changed
    }

    /// Adds an admin's key.
    pub async fn add_admin(&self, admin: AdminRecord, by: &Actor) -> Result<(), TenantError> {
        on!(self.add_admin(admin, by))
    }

    /// Takes an admin's key away.
    pub async fn delete_admin(&self, id: &KeyId, by: &Actor) -> Result<(), TenantError> {
        on!(self.delete_admin(id, by))
    }

    /// The admins' keys, by id.
    pub async fn admins(&self) -> Result<Vec<AdminRecord>, StoreError> {
        on!(self.admins())
    }

    /// The admin's key whose secret has this digest.
    pub async fn admin_by_digest(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<AdminRecord>, StoreError> {
        on!(self.admin_by_digest(digest))
    }

    /// What the entries that have left a tenant's journal come to; none when all are there.
    pub async fn opening(&self, tenant: &TenantId) -> Result<Option<Opening>, StoreError> {
        on!(self.opening(tenant))
    }

    /// Up to `limit` of a tenant's journal entries, in order, after the one numbered `after`.
    pub async fn journal(
        &self,
        tenant: &TenantId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        on!(self.journal(tenant, after, limit))
    }

    /// Up to `limit` entries of the audit trail, newest first, before the one numbered `before`.
    pub async fn audit(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        on!(self.audit(before, limit))
    }

    /// Up to `limit` tasks of all tenants that `keep` keeps, by tenant and id, after the one named.
    pub async fn all_tasks(
        &self,
        after: Option<(TenantId, TaskId)>,
        limit: usize,
        keep: impl Fn(&Task) -> bool + Send + 'static,
    ) -> Result<Vec<Task>, StoreError> {
        on!(self.all_tasks(after, limit, keep))
    }

    /// Sums by day, user, key and model, of one tenant or all, for the days `from` to `to`.
    pub async fn usage(
        &self,
        tenant: Option<&TenantId>,
        from: Day,
        to: Day,
    ) -> Result<Vec<UsageRow>, StoreError> {
        on!(self.usage(tenant, from, to))
    }

    /// The users that were seen in a tenant's submits.
    pub async fn users(&self, tenant: &TenantId) -> Result<Vec<SeenUser>, StoreError> {
        on!(self.users(tenant))
    }

    /// Keeps a refused submit for some days.
    pub async fn note_refused(&self, refused: Refused) -> Result<(), StoreError> {
        on!(self.note_refused(refused))
    }

    /// Up to `limit` refused submits, newest first, of one tenant or all, of one request or all.
    pub async fn refused(
        &self,
        tenant: Option<&TenantId>,
        request_id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Refused>, StoreError> {
        on!(self.refused(tenant, request_id, limit))
    }

    /// A tenant's keys, by id.
    pub async fn keys(&self, tenant: &TenantId) -> Result<Vec<KeyRecord>, StoreError> {
        on!(self.keys(tenant))
    }

    /// The key whose secret has this digest. The one look-up that is not by tenant (invariant 8).
    pub async fn key_by_digest(&self, digest: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError> {
        on!(self.key_by_digest(digest))
    }

    /// Takes a hold and makes its task, or finds the task that the same request made before.
    pub async fn submit(&self, submit: Submit) -> Result<Submitted, SubmitError> {
        on!(self.submit(submit))
    }

    /// What a submit by `author` would meet now, for who wants to know before asking; none without the
    /// tenant. Nothing is taken.
    pub async fn prospect(
        &self,
        tenant: &TenantId,
        author: &Author,
    ) -> Result<Option<Prospect>, StoreError> {
        on!(self.prospect(tenant, author))
    }

    /// Moves a task on.
    pub async fn turn(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        command: TaskCommand,
    ) -> Result<TaskOutcome, TurnError> {
        let outcome = on!(self.turn(tenant, task, command))?;
        self.wake(&outcome.task);
        Ok(outcome)
    }

    /// Moves a task on by an admin's decision, and records whose it was in the same step.
    pub async fn decide(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        command: TaskCommand,
        by: &Actor,
    ) -> Result<TaskOutcome, TurnError> {
        let outcome = on!(self.decide(tenant, task, command, by))?;
        self.wake(&outcome.task);
        Ok(outcome)
    }

    /// Makes a task again that the store had lost; a task that is there stays as it is.
    pub async fn restore(&self, task: Task, until: Timestamp) -> Result<Task, TurnError> {
        let task = on!(self.restore(task, until))?;
        self.wake(&task);
        Ok(task)
    }

    fn wake(&self, task: &Task) {
        if let Some(Turned(turned)) = self.turned.get() {
            turned(task);
        }
        if task.due.is_some() {
            self.due.notify_one();
        }
    }

    /// A tenant's task. Foreign and absent ones are the same.
    pub async fn task(&self, tenant: &TenantId, id: &TaskId) -> Result<Option<Task>, StoreError> {
        on!(self.task(tenant, id))
    }

    /// A page of a tenant's tasks, newest first; pages count from 1.
    pub async fn tasks(
        &self,
        tenant: &TenantId,
        filter: TaskFilter,
        page: u32,
        page_size: u32,
    ) -> Result<TaskPage, StoreError> {
        on!(self.tasks(tenant, filter, page, page_size))
    }

    /// A task's timeline.
    pub async fn timeline(&self, tenant: &TenantId, id: &TaskId) -> Result<Vec<Note>, StoreError> {
        on!(self.timeline(tenant, id))
    }

    /// The tasks that EvoLink may have without our knowing which of its tasks they are: submitting,
    /// unknown, and those that were given up as lost and are still looked for.
    pub async fn unbound(&self) -> Result<Vec<Task>, StoreError> {
        on!(self.unbound())
    }

    /// The task of ours that EvoLink's task belongs to.
    pub async fn owner(
        &self,
        upstream: &UpstreamId,
    ) -> Result<Option<(TenantId, TaskId)>, StoreError> {
        on!(self.owner(upstream))
    }

    /// May EvoLink be asked about this task now, or was it asked within `refresh_after`? Who gets a
    /// yes asks; everybody else within that time gets a no.
    pub async fn may_refresh(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        refresh_after: Millis,
    ) -> Result<bool, StoreError> {
        on!(self.may_refresh(tenant, id, refresh_after))
    }

    /// Claims up to `limit` due tasks, the longest due first, each for `lease`.
    pub async fn claim_due(&self, limit: usize, lease: Millis) -> Result<Vec<Task>, StoreError> {
        on!(self.claim_due(limit, lease))
    }

    /// When the next task is due.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        on!(self.next_due())
    }

    /// Adds an endpoint.
    pub async fn create_endpoint(&self, endpoint: Endpoint, by: &Actor) -> Result<(), TenantError> {
        on!(self.create_endpoint(endpoint, by))
    }

    /// Changes an endpoint. One that is disabled gets no events; what waits for it goes on waiting until it
    /// is enabled again.
    pub async fn change_endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        change: EndpointChange,
        by: &Actor,
    ) -> Result<Endpoint, TenantError> {
        on!(self.change_endpoint(tenant, id, change, by))
    }

    /// Takes an endpoint away. What waits for it is still claimed, without an endpoint, and given up.
    pub async fn delete_endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        by: &Actor,
    ) -> Result<(), TenantError> {
        on!(self.delete_endpoint(tenant, id, by))
    }

    /// A tenant's endpoint.
    pub async fn endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
    ) -> Result<Option<Endpoint>, StoreError> {
        on!(self.endpoint(tenant, id))
    }

    /// A tenant's endpoints, by id.
    pub async fn endpoints(&self, tenant: &TenantId) -> Result<Vec<Endpoint>, StoreError> {
        on!(self.endpoints(tenant))
    }

    /// Sends `event` to one endpoint of its tenant, whatever that subscribes to.
    pub async fn test_endpoint(
        &self,
        endpoint: &EndpointId,
        event: Event,
    ) -> Result<Delivery, TenantError> {
        on!(self.test_endpoint(endpoint, event))
    }

    /// Gives a tenant a new secret for its webhooks to `callback_url`s.
    pub async fn rotate_webhook_secret(
        &self,
        tenant: &TenantId,
        rotation: Rotation,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        on!(self.rotate_webhook_secret(tenant, rotation, by))
    }

    /// Claims due deliveries, each for `lease`: in each lane, queue by queue, the longest due first, from
    /// each as many as its target's health allows, and no more in all than there is `room` for. Says when
    /// the next are due.
    pub async fn claim_deliveries(&self, room: Room, lease: Millis) -> Result<Claims, StoreError> {
        on!(self.claim_deliveries(room, lease))
    }

    /// Records an attempt that was made under `claim`, with what follows from it by
    /// [`evogate_models::delivery::attempted`]: for the delivery, for its target's health, for its
    /// endpoint. `jitter` is random, in 0.0 ..= 1.0. A stale claim changes nothing and answers `None`.
    pub async fn attempted(
        &self,
        claim: &Claim,
        attempt: Attempt,
        end: End,
        jitter: f64,
    ) -> Result<Option<Delivery>, StoreError> {
        on!(self.attempted(claim, attempt, end, jitter))
    }

    /// Puts a claimed delivery back that was not attempted, to be claimed again at `due`. A stale claim
    /// changes nothing and answers `false`.
    pub async fn postpone(&self, claim: &Claim, due: Timestamp) -> Result<bool, StoreError> {
        on!(self.postpone(claim, due))
    }

    /// Sends a delivery again, whatever became of it. One that is being sent stays as it is.
    pub async fn redeliver(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Delivery, TenantError> {
        on!(self.redeliver(tenant, id))
    }

    /// A task's deliveries, by event and target.
    pub async fn deliveries(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Delivery>, StoreError> {
        on!(self.deliveries(tenant, task))
    }

    /// A delivery with its event.
    pub async fn delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Option<(Event, Delivery)>, StoreError> {
        on!(self.delivery(tenant, id))
    }

    /// Up to `limit` deliveries that `filter` shows, of one tenant or of all: by tenant, and of each newest
    /// first; those that come after the one at `after`.
    pub async fn list_deliveries(
        &self,
        tenant: Option<&TenantId>,
        filter: DeliveryFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        on!(self.list_deliveries(tenant, filter, after, limit))
    }

    /// Recomputes every tenant's account from its journal and compares, all at one moment.
    pub async fn verify(&self) -> Result<Verification, StoreError> {
        on!(self.verify())
    }

    /// Counts what the whole store has. Costs as much as there are tenants.
    pub async fn census(&self) -> Result<Census, StoreError> {
        on!(self.census())
    }

    /// The same for one tenant, at one moment; none for a tenant that is not there.
    pub async fn verify_tenant(&self, id: &TenantId) -> Result<Vec<Violation>, StoreError> {
        on!(self.verify_tenant(id))
    }

    /// Which engine this is: `embedded` or `redis`.
    pub const fn engine(&self) -> &'static str {
        match &self.engine {
            Engine::Embedded(_) => "embedded",
            Engine::Redis(_) => "redis",
        }
    }

    /// Records in the audit trail what was done that changed nothing here.
    pub async fn note_audit(
        &self,
        by: &Actor,
        action: &'static str,
        target: String,
        facts: Value,
    ) -> Result<(), StoreError> {
        on!(self.note_audit(by, action, target, facts))
    }

    /// One step of [`crate::ledger::export`]: a tenant's lines, page by page. One that is gone has none.
    pub(crate) async fn export_tenant(
        &self,
        tenant: TenantId,
        out: mpsc::Sender<Vec<Line>>,
    ) -> Result<(), StoreError> {
        on!(self.export_tenant(tenant, Pages::new(out)))
    }

    /// Is the store empty, so that an import may begin?
    pub(crate) async fn may_import(&self) -> Result<(), ImportError> {
        on!(self.may_import())
    }

    /// Marks the store, if it is empty: an import is going on.
    pub(crate) async fn begin_import(&self) -> Result<(), ImportError> {
        on!(self.begin_import())
    }

    /// Writes a tenant with all that is its own, in one step. Nothing of it may be there.
    pub(crate) async fn import_tenant(
        &self,
        books: TenantBooks,
        by: &Actor,
    ) -> Result<(), ImportError> {
        on!(self.import_tenant(books, by))?;
        self.due.notify_one();
        Ok(())
    }

    /// Takes the mark of an import away, and records it.
    pub(crate) async fn end_import(&self, by: &Actor, facts: Value) -> Result<(), StoreError> {
        on!(self.end_import(by, facts))
    }

    /// Everything that is kept, for tests.
    #[doc(hidden)]
    pub async fn dump(&self) -> Result<Dump, StoreError> {
        on!(self.dump())
    }

    /// One step of [`Store::sweep`]: looks at up to `limit` of a tenant's tasks that are old enough, after
    /// `after` in the order of ids, and removes those that may leave.
    pub(crate) async fn retire_some(
        &self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<TaskId>,
        limit: usize,
    ) -> Result<Retired, StoreError> {
        on!(self.retire(tenant, keep, after, limit))
    }

    /// One step of [`Store::sweep`]: takes up to `limit` of a tenant's journal entries into its opening;
    /// fewer when no more may leave. Answers how many.
    pub(crate) async fn fold_some(
        &self,
        tenant: &TenantId,
        keep: Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        on!(self.fold(tenant, keep, limit))
    }

    /// One step of [`Store::sweep`]: removes up to `limit` of a tenant's daily sums that are too old.
    pub(crate) async fn sweep_some_days(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<usize, StoreError> {
        on!(self.sweep_days(tenant, limit))
    }

    /// One step of [`Store::sweep`]: looks at up to `limit` of a tenant's oldest deliveries after `after`.
    pub(crate) async fn retire_some_events(
        &self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<RetiredEvents, StoreError> {
        on!(self.retire_events(tenant, keep, after, limit))
    }

    /// One step of [`Store::sweep`]: forgets a tenant's callbacks that nothing was sent to for long.
    pub(crate) async fn sweep_some_queues(&self, tenant: &TenantId) -> Result<usize, StoreError> {
        on!(self.sweep_queues(tenant))
    }

    /// One step of [`Store::sweep`]: removes up to `limit` refused submits that are too old.
    pub(crate) async fn sweep_some_refused(&self, limit: usize) -> Result<usize, StoreError> {
        on!(self.sweep_refused(limit))
    }

    /// Waits until everything that was asked for is written, and closes. Later mutations fail.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Embedded(engine) => engine.close().await,
            Engine::Redis(engine) => engine.close().await,
        }
    }
}
