//! What gateways ask of the store, many at a time.

use std::sync::Arc;
use std::time::Duration;

use evogate_models::life::bind::Found;
use evogate_models::life::submit::Intent;
use evogate_models::quota::Windows;
use evogate_models::report::Report;
use evogate_models::task::{Author, MediaKind, Spec, Task};
use evogate_models::{Credits, KeyId, TaskId, TenantId, Timestamp};
use evogate_redis_kit::Server;
use evogate_store::{
    Actor, Grant, KeyRecord, LinkOptions, Random as _, Room, Store, Submit, SystemRandom,
    TaskCommand, Tenant,
};
use futures::future::join_all;

/// Connections, each with one call on its way.
pub(crate) const CONNECTIONS: usize = 32;
const HOUR: i64 = 3_600_000;

/// A store, or many connections to one, with tenants who have a key each.
pub(crate) struct Load {
    stores: Vec<Store>,
    tenants: Vec<(TenantId, KeyId)>,
    made: usize,
    done: Vec<Task>,
}

impl Load {
    /// Gateways on one Redis.
    pub(crate) async fn on(server: &Server, shards: u16) -> Self {
        let url = server.url().parse().unwrap();
        let options = LinkOptions::new(Duration::from_secs(30));
        let stores = (0..CONNECTIONS)
            .map(|_| Store::redis(&url, &options, shards, None, Arc::new(SystemRandom)));
        let stores = join_all(stores).await;
        Self::of(stores.into_iter().map(Result::unwrap).collect())
    }

    /// One call at a time for each of the stores.
    pub(crate) fn of(stores: Vec<Store>) -> Self {
        Self {
            stores,
            tenants: Vec::new(),
            made: 0,
            done: Vec::new(),
        }
    }

    /// Runs `work` for each of `items`, on every connection at once.
    async fn each<I, T>(&self, items: Vec<I>, work: impl AsyncFn(&Store, I) -> T) -> Vec<T> {
        let share = items.len().div_ceil(self.stores.len()).max(1);
        let mut items = items.into_iter();
        let shares: Vec<Vec<I>> = self
            .stores
            .iter()
            .map(|_| items.by_ref().take(share).collect())
            .collect();
        let runs = self.stores.iter().zip(shares).map(async |(store, share)| {
            let mut answers = Vec::with_capacity(share.len());
            for item in share {
                answers.push(work(store, item).await);
            }
            answers
        });
        join_all(runs).await.into_iter().flatten().collect()
    }

    /// From now on there are so many tenants, with plenty of credits.
    pub(crate) async fn tenants(&mut self, count: usize) {
        let by = Actor::local("bench");
        let new: Vec<usize> = (self.tenants.len()..count).collect();
        let made = self.each(new, async |store, n| {
            let id: TenantId = format!("team-{n:05}").parse().unwrap();
            let now = store.now();
            let tenant = Tenant::new(id.clone(), format!("Team {n}"), now, vec![7; 32]);
            store.create_tenant(tenant, &by).await.unwrap();
            let grant = Grant {
                tenant: id.clone(),
                amount: Credits::whole(1_000_000_000),
                note: None,
                idempotency_key: None,
            };
            store.grant(grant, &by).await.unwrap();
            let key = KeyId::mint(random());
            let mut digest = [0; 32];
            digest[..16].copy_from_slice(&random().to_le_bytes());
            let record = KeyRecord::new(key.clone(), id.clone(), "key".to_owned(), now, digest);
            store.add_key(record, &by).await.unwrap();
            (id, key)
        });
        self.tenants.extend(made.await);
    }

    fn intents(&mut self, count: usize) -> Vec<Intent> {
        let now = self.stores[0].now();
        let first = self.made;
        self.made += count;
        (first..self.made)
            .map(|n| {
                // The tenants in no order.
                let at = n.wrapping_mul(7_919) % self.tenants.len();
                let (tenant, key) = self.tenants[at].clone();
                intent(tenant, key, now)
            })
            .collect()
    }

    /// Takes holds.
    pub(crate) async fn hold(&mut self, count: usize) -> Vec<Task> {
        let intents = self.intents(count);
        self.each(intents, async |store, intent| hold(store, intent).await)
            .await
    }

    /// Binds what was held.
    pub(crate) async fn bind(&self, tasks: &[Task]) {
        let tasks: Vec<&Task> = tasks.iter().collect();
        self.each(tasks, async |store, task| bind(store, task).await)
            .await;
    }

    /// Whole submits.
    pub(crate) async fn submit(&mut self, count: usize) -> Vec<Task> {
        let intents = self.intents(count);
        self.each(intents, async |store, intent| {
            let task = hold(store, intent).await;
            bind(store, &task).await
        })
        .await
    }

    /// One read in between, then the end.
    pub(crate) async fn finish(&self, tasks: &[Task]) {
        let tasks: Vec<&Task> = tasks.iter().collect();
        self.each(tasks, async |store, task| {
            for status in ["processing", "completed"] {
                let report = report(task, status);
                let news = TaskCommand::News { report };
                store.turn(&task.tenant, &task.id, news).await.unwrap();
            }
        })
        .await;
    }

    /// Reads tasks, those of long ago too.
    pub(crate) async fn read(&self, count: usize) {
        let known = self.done.len().max(1);
        let tasks = (0..count).filter_map(|n| self.done.get(n.wrapping_mul(7_919) % known));
        self.each(tasks.collect(), async |store, task: &Task| {
            store.task(&task.tenant, &task.id).await.unwrap().unwrap();
        })
        .await;
    }

    /// Passes of a worker that finds nothing to do.
    pub(crate) async fn idle(&self, count: usize) {
        let passes = vec![(); count];
        self.each(passes, async |store, ()| {
            assert!(store.claim_due(50, 60_000).await.unwrap().is_empty());
            let room = Room {
                good: 50,
                suspect: 50,
            };
            let claims = store.claim_deliveries(room, 60_000).await.unwrap();
            assert!(claims.deliveries.is_empty());
        })
        .await;
    }

    /// These are among those that are read.
    pub(crate) fn remember(&mut self, tasks: Vec<Task>) {
        self.done.extend(tasks);
    }
}

async fn hold(store: &Store, intent: Intent) -> Task {
    let submit = Submit {
        intent,
        policy: None,
        may_create: true,
    };
    store.submit(submit).await.unwrap().task
}

async fn bind(store: &Store, task: &Task) -> Task {
    let command = TaskCommand::Bind {
        report: report(task, "pending"),
        found: Found::Answer,
        window: 30_000,
    };
    let outcome = store.turn(&task.tenant, &task.id, command).await.unwrap();
    outcome.task
}

/// A submit as the gateway makes it, with a client's key. It comes due when the benchmark is over.
fn intent(tenant: TenantId, key: KeyId, now: Timestamp) -> Intent {
    let window = |days: i64| {
        let span = days * 24 * HOUR;
        let start = now.millis() / span * span;
        (
            Timestamp::from_millis(start),
            Timestamp::from_millis(start + span),
        )
    };
    Intent {
        id: TaskId::mint(now, random()),
        tenant,
        author: Author {
            key: Some(key),
            user: None,
        },
        spec: Spec {
            kind: MediaKind::Video,
            model: "seedance-2.0".to_owned(),
            duration: Some(5),
            quality: Some("720p".to_owned()),
            estimated_time: 132,
            shortest: 40_000,
            longest: 60_000,
            billing_rule: "per_second".to_owned(),
        },
        estimate: Credits::from_micro(17_784_000).unwrap(),
        callback_url: None,
        idempotency_key: Some(format!("{:032x}", random())),
        // SHA-256 in Base64.
        fingerprint: format!("{:032x}{:011x}", random(), random() >> 84),
        resend: None,
        trace: None,
        send_within: 5_000,
        lease: 10 * HOUR,
        deadline: 26 * HOUR,
        windows: Windows([window(1), window(7), window(28)]),
    }
}

/// EvoLink's task object, as the contract shows it.
fn report(task: &Task, status: &str) -> Report {
    let created = task.created.seconds();
    let end = &task.id.as_str()[23..];
    let (progress, more) = match status {
        "pending" => (0, String::new()),
        "processing" => (45, String::new()),
        _ => {
            let file = format!("{:032x}", u128::from_le_bytes(digest(task)));
            (
                100,
                format!(r#""results":["https://files.evolink.ai/{file}.mp4"],"#),
            )
        }
    };
    let open = status != "completed";
    let text = format!(
        r#"{{"created":{created},"id":"task-unified-{created}{end}","model":"seedance-2.0","object":"video.generation.task","progress":{progress},{more}"status":"{status}","task_info":{{"can_cancel":{open},"estimated_time":132}},"type":"video","usage":{{"billing_rule":"per_second","credits_reserved":17.784,"user_group":"default"}}}}"#
    );
    Report::parse(text.as_bytes()).unwrap()
}

/// Sixteen bytes that look random, and are the task's own.
fn digest(task: &Task) -> [u8; 16] {
    let mut bytes = [0; 16];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for (n, byte) in task.fingerprint.bytes().enumerate() {
        state = (state ^ u64::from(byte))
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(23);
        bytes[n % 16] ^= state.to_le_bytes()[3];
    }
    bytes
}

fn random() -> u128 {
    SystemRandom.bits()
}
