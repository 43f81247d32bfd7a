//! A store with something to tell, and a receiver that does what it is told.

mod receiver;

use std::sync::Arc;
use std::time::Duration;

use evogate_models::address::{AddressPolicy, HostPattern};
use evogate_models::delivery::Delivery;
use evogate_models::life::submit::Intent;
use evogate_models::task::{Author, MediaKind, Spec};
use evogate_models::{Credits, Refusal, TaskId, TenantId, Timestamp};
use evogate_store::{
    Actor, Claimed, Clock, ManualClock, Random, Room, Store, Submit, SystemClock, TaskCommand,
    Tenant,
};
use tempfile::TempDir;

pub(super) use receiver::{Receiver, Reply};

use crate::background::Background;
use crate::config::Webhooks;
use crate::webhooks::Vault;
use crate::webhooks::courier::Courier;
use crate::webhooks::deliverer::{Deliverer, waits};
use crate::webhooks::guard::GuardedClient;

/// The time at which everything begins.
pub(super) const START: Timestamp = Timestamp::from_seconds(1_772_203_771);
/// The key that signs the tenant's webhooks.
pub(super) const KEY: [u8; 32] = [7; 32];
/// A lease that no test outlives.
pub(super) const LEASE: i64 = 600_000;

/// Nothing that is awaited in a test takes so long, unless it never comes.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, what)
        .await
        .expect("it never came")
}

/// Always the same.
#[derive(Debug)]
struct NoRandom;

impl Random for NoRandom {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// A tenant, its store and the time.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Webhooks,
    pub(super) policy: AddressPolicy,
    pub(super) background: Background,
    tasks: u128,
    folder: TempDir,
}

impl World {
    /// A world whose clock stands still until it is moved.
    pub(super) async fn standing_still() -> (Self, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(START));
        (Self::new(clock.clone(), &KEY).await, clock)
    }

    /// The same, with another key to sign webhooks with.
    pub(super) async fn with_key(key: &[u8]) -> Self {
        Self::new(Arc::new(ManualClock::new(START)), key).await
    }

    /// A world whose time passes.
    pub(super) async fn moving() -> Self {
        Self::new(Arc::new(SystemClock), &KEY).await
    }

    async fn new(clock: Arc<dyn Clock>, key: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let store = open(&folder, &clock);
        let mut tenant = Tenant::new(tenant(), "Demo".to_owned(), clock.now(), key.to_vec());
        tenant.quota.unlimited = true;
        store
            .create_tenant(tenant, &Actor::local("test"))
            .await
            .unwrap();
        Self {
            store,
            clock,
            config: Webhooks {
                allow_insecure_hosts: Vec::new(),
                allow_networks: Vec::new(),
                allow_hosts: Vec::new(),
                ca_file: None,
                encryption_key: None,
                old_encryption_keys: Vec::new(),
                timeout: Duration::from_millis(400),
                connect_timeout: Duration::from_millis(400),
            },
            policy: AddressPolicy {
                allow_insecure_hosts: vec![pattern("127.0.0.1")],
                ..AddressPolicy::default()
            },
            background: Background::default(),
            tasks: 0,
            folder,
        }
    }

    /// The process dies, and another takes its place.
    pub(super) async fn restart(mut self) -> Self {
        self.store.close().await;
        drop(self.store);
        self.store = open(&self.folder, &self.clock);
        self.background = Background::default();
        self
    }

    /// A task of the tenant's ends, and `url` is to be told.
    pub(super) async fn tell(&mut self, url: &str) -> TaskId {
        self.tasks += 1;
        let id = TaskId::mint(self.clock.now(), self.tasks);
        let submit = Submit {
            intent: intent(id.clone(), url),
            policy: None,
            may_create: true,
        };
        self.store.submit(submit).await.unwrap();
        let refuse = TaskCommand::Refuse {
            refusal: Refusal {
                status: 400,
                kind: "invalid_request_error".to_owned(),
                code: "invalid_request".to_owned(),
                message: "no".to_owned(),
                retry_after: None,
            },
            temporary: false,
            told: true,
        };
        self.store.turn(&tenant(), &id, refuse).await.unwrap();
        id
    }

    fn vault() -> Vault {
        Vault::new(None, &[], Arc::new(NoRandom))
    }

    /// The task's delivery as it stands.
    pub(super) async fn delivery(&self, task: &TaskId) -> Delivery {
        let mut all = self.store.deliveries(&tenant(), task).await.unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn client(&self) -> GuardedClient {
        let policy = Arc::new(self.policy.clone());
        GuardedClient::new(policy, waits(&self.config), Vec::new()).unwrap()
    }

    /// Claims what is due.
    pub(super) async fn claim(&self) -> Vec<Claimed> {
        let claims = self.store.claim_deliveries(Room::of(100), LEASE).await;
        claims.unwrap().deliveries
    }

    /// Makes the attempts that are due, one after the other, as the worker would.
    pub(super) async fn attempt_due(&self) {
        let courier = Courier {
            store: self.store.clone(),
            client: self.client(),
            vault: Self::vault(),
            clock: self.clock.clone(),
            random: Arc::new(NoRandom),
        };
        for claimed in self.claim().await {
            soon(courier.deliver(&claimed)).await;
        }
    }

    /// Starts the worker.
    pub(super) fn work(&self) {
        let deliverer = Deliverer::new(
            self.store.clone(),
            self.client(),
            Self::vault(),
            &self.config,
            self.clock.clone(),
            Arc::new(NoRandom),
        );
        let work = deliverer.run(self.background.clone());
        drop(self.background.spawn(work));
    }

    /// Ends the worker, and waits for what is under way.
    pub(super) async fn stop(&self) {
        self.background.stop();
        assert!(self.background.finished(Duration::from_secs(20)).await);
    }
}

/// The tenant of all tests.
pub(super) fn tenant() -> TenantId {
    "demo".parse().unwrap()
}

pub(super) fn pattern(text: &str) -> HostPattern {
    text.parse().unwrap()
}

fn open(folder: &TempDir, clock: &Arc<dyn Clock>) -> Store {
    let path = folder.path().join("store.redb");
    Store::embedded(&path, 1 << 20, clock.clone()).unwrap()
}

fn intent(id: TaskId, url: &str) -> Intent {
    Intent {
        fingerprint: id.to_string(),
        id,
        tenant: tenant(),
        author: Author::default(),
        spec: Spec {
            kind: MediaKind::Video,
            model: "seedance-2.0".to_owned(),
            duration: Some(5),
            quality: Some("720p".to_owned()),
            estimated_time: 120,
            shortest: 40,
            longest: 240,
            billing_rule: "per_call".to_owned(),
        },
        estimate: Credits::ZERO,
        callback_url: Some(url.to_owned()),
        idempotency_key: None,
        resend: None,
        send_within: 5_000,
        lease: 30_000,
        deadline: 93_600_000,
        windows: evogate_models::quota::Windows::default(),
        trace: None,
    }
}
