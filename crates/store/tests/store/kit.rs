//! A store in a folder of its own, and what goes into it.
//!
//! [`command`] makes random commands, [`cast`] turns them into [`step`]s with the ids and fences that
//! earlier answers gave, and a step runs on any [`Store`]: two engines that are given the same steps
//! must answer the same, and dump the same.

pub(crate) mod cast;
pub(crate) mod command;
pub(crate) mod step;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use evogate_models::life::submit::Intent;
use evogate_models::quota::Windows;
use evogate_models::report::Report;
use evogate_models::retention::Retention;
use evogate_models::task::{Author, MediaKind, Spec, Task};
use evogate_models::{Credits, Millis, Refusal, TaskId, TenantId, Timestamp};
use evogate_store::{
    Actor, Grant, ManualClock, Store, StoreError, Submit, Submitted, TaskCommand, Tenant,
};
use tempfile::TempDir;

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// How long a submitter may be silent.
pub(crate) const LEASE: Millis = 15_000;
/// How long a task may be unfinished.
pub(crate) const DEADLINE: Millis = 600_000;
/// How long a submit may be unknown.
pub(crate) const UNKNOWN: Millis = 60_000;
/// How long after the hold EvoLink may have taken a task.
pub(crate) const WINDOW: Millis = 30_000;
/// How long what has ended is kept: two hours, and a day and two hours in the journal.
pub(crate) const KEEP: Retention = Retention {
    tasks: 7_200_000,
    journal: 93_600_000,
};
const CACHE: usize = 1 << 20;

/// An embedded store with a clock that stands still.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    store: Option<Store>,
}

impl Place {
    /// On disk.
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// In memory, where the machine has a folder for that: for tests that write much and are not
    /// about disks.
    pub(crate) fn quick() -> Self {
        let shared = PathBuf::from("/dev/shm");
        Self::within(&if shared.is_dir() {
            shared
        } else {
            std::env::temp_dir()
        })
    }

    fn within(parent: &Path) -> Self {
        let dir = TempDir::new_in(parent).unwrap();
        let clock = Arc::new(ManualClock::new(START));
        let mut place = Self {
            dir,
            clock,
            store: None,
        };
        place.store = Some(place.open().unwrap());
        place
    }

    /// The store's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("store.redb")
    }

    /// Opens the file once more.
    pub(crate) fn open(&self) -> Result<Store, StoreError> {
        let clock = Arc::clone(&self.clock);
        Store::embedded(&self.file(), CACHE, clock)
    }

    /// The open store.
    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Closes the file.
    pub(crate) async fn close(&mut self) {
        let store = self.store.take().unwrap();
        store.close().await;
    }

    /// Closes the file and opens it again, as a restart does.
    pub(crate) async fn reopen(&mut self) {
        self.close().await;
        self.start();
    }

    /// Opens the file that was closed.
    pub(crate) fn start(&mut self) {
        self.store = Some(self.open().unwrap());
    }

    /// A place with the tenant `demo`, who has so many credits.
    pub(crate) async fn with_credits(credits: u32) -> Self {
        Self::new().and_credits(credits).await
    }

    /// The same, as quick as it gets.
    pub(crate) async fn quick_with_credits(credits: u32) -> Self {
        Self::quick().and_credits(credits).await
    }

    async fn and_credits(self, credits: u32) -> Self {
        let (by, made) = (admin(), tenant("demo"));
        self.store().create_tenant(made, &by).await.unwrap();
        let grant = grant("demo", Credits::whole(credits));
        self.store().grant(grant, &by).await.unwrap();
        self
    }

    /// Submits for `demo`.
    pub(crate) async fn submit(&self, intent: Intent) -> Submitted {
        let submit = Submit {
            intent,
            policy: None,
            may_create: true,
        };
        self.store().submit(submit).await.unwrap()
    }

    /// Moves a task of `demo`'s on.
    pub(crate) async fn turn(&self, task: &TaskId, command: TaskCommand) -> Task {
        let outcome = self.store().turn(&demo(), task, command).await;
        outcome.unwrap().task
    }
}

/// The tenant of most tests.
pub(crate) fn demo() -> TenantId {
    "demo".parse().unwrap()
}

/// A tenant.
pub(crate) fn tenant(id: &str) -> Tenant {
    Tenant::new(id.parse().unwrap(), id.to_owned(), START, vec![7; 32])
}

/// Whoever makes tenants and grants.
pub(crate) fn admin() -> Actor {
    Actor::local("test")
}

/// A grant.
pub(crate) fn grant(tenant: &str, amount: Credits) -> Grant {
    Grant {
        tenant: tenant.parse().unwrap(),
        amount,
        note: None,
        idempotency_key: None,
    }
}

/// A submit of `demo`'s for 10 credits, whose body is `body`. `n` makes the id.
pub(crate) fn intent(n: u32, body: &str) -> Intent {
    Intent {
        id: TaskId::mint(START, u128::from(n)),
        tenant: demo(),
        author: Author::default(),
        spec: Spec {
            kind: MediaKind::Video,
            model: "seedance-2.0".to_owned(),
            duration: Some(5),
            quality: Some("720p".to_owned()),
            estimated_time: 132,
            shortest: 30,
            longest: 60,
            billing_rule: "per_second".to_owned(),
        },
        estimate: Credits::whole(10),
        callback_url: None,
        idempotency_key: None,
        fingerprint: body.to_owned(),
        resend: None,
        send_within: 5_000,
        lease: LEASE,
        deadline: DEADLINE,
        windows: Windows::default(),
        trace: None,
    }
}

/// A refusal.
pub(crate) fn refusal() -> Refusal {
    Refusal {
        status: 400,
        kind: "invalid_request_error".to_owned(),
        code: "invalid_parameter".to_owned(),
        message: "no".to_owned(),
        retry_after: None,
    }
}

/// EvoLink's task object, as a read of it says.
pub(crate) fn report(upstream: &str, status: &str, usage: &str, created: Timestamp) -> Report {
    let created = created.seconds();
    let text = format!(
        r#"{{"id":"{upstream}","model":"seedance-2.0","status":"{status}","created":{created},"usage":{{{usage}}}}}"#
    );
    Report::parse(text.as_bytes()).unwrap()
}

/// EvoLink's answer to the submit of `task`.
pub(crate) fn bind(task: &Task, upstream: &str, status: &str) -> TaskCommand {
    TaskCommand::Bind {
        report: report(upstream, status, "", task.created),
        found: evogate_models::life::bind::Found::Answer,
        window: WINDOW,
    }
}

/// What a read of the bound `task` says.
pub(crate) fn news(task: &Task, status: &str) -> TaskCommand {
    let upstream = task.upstream.as_ref().unwrap().as_str();
    TaskCommand::News {
        report: report(upstream, status, "", task.created),
    }
}
