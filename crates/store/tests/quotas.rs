//! Quotas, keys and the admins' books on the embedded engine: what is set holds, exactly, whatever
//! comes at the same time.

#![cfg(test)]

use std::sync::Arc;

use evogate_models::credits::Decimal;
use evogate_models::life::bind::Found;
use evogate_models::life::submit::Intent;
use evogate_models::quota::{Denied, Limits, Period, Quota, Scope as Whose, Windows};
use evogate_models::report::Report;
use evogate_models::task::{Author, MediaKind, Spec, Task};
use evogate_models::{Credits, KeyId, Refusal, TaskId, TenantId, Timestamp};
use evogate_store::{
    Actor, Grant, KeyChange, KeyRecord, ManualClock, Store, StoreError, Submit, SubmitError,
    Submitted, TaskCommand, Tenant, TenantChange, TenantError,
};

const START: i64 = 1_800_000_000_000;
const DAY: i64 = 86_400_000;

struct World {
    store: Store,
    clock: Arc<ManualClock>,
    tenant: TenantId,
    by: Actor,
    minted: std::sync::atomic::AtomicU64,
    folder: tempfile::TempDir,
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "a limit is an option")]
fn limit(text: &str) -> Option<Decimal> {
    Some(Decimal(credits(text)))
}

impl World {
    async fn new(quota: Quota) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(START)));
        let path = folder.path().join("store.redb");
        let store = Store::embedded(&path, 1 << 20, clock.clone()).unwrap();
        let tenant: TenantId = "team".parse().unwrap();
        let by = Actor::local("test");
        let new = Tenant::new(tenant.clone(), "Team".into(), store.now(), vec![7; 32]);
        store.create_tenant(new, &by).await.unwrap();
        let change = TenantChange {
            quota: Some(quota),
            ..TenantChange::default()
        };
        store.change_tenant(&tenant, change, &by).await.unwrap();
        let world = Self {
            store,
            clock,
            tenant,
            by,
            minted: 1.into(),
            folder,
        };
        world.grant("1000", None).await.unwrap();
        world
    }

    async fn grant(&self, amount: &str, key: Option<&str>) -> Result<bool, TenantError> {
        let grant = Grant {
            tenant: self.tenant.clone(),
            amount: credits(amount),
            note: Some("test".into()),
            idempotency_key: key.map(str::to_owned),
        };
        self.store
            .grant(grant, &self.by)
            .await
            .map(|granted| granted.replay)
    }

    async fn key(&self, cap: Option<&str>) -> KeyId {
        let n = self.next();
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.to_le_bytes());
        let id = KeyId::mint(u128::from(n));
        let mut key = KeyRecord::new(
            id.clone(),
            self.tenant.clone(),
            "key".into(),
            self.store.now(),
            digest,
        );
        key.credit_cap = cap.map(credits);
        self.store.add_key(key, &self.by).await.unwrap();
        id
    }

    fn next(&self) -> u64 {
        self.minted
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    }

    fn order(&self, amount: &str, author: Author) -> Submit {
        let now = self.store.now();
        let n = self.next();
        let windows = [DAY, 7 * DAY, 30 * DAY].map(|length| {
            let start = now.plus(-now.millis().rem_euclid(length));
            (start, start.plus(length))
        });
        let spec = Spec {
            kind: MediaKind::Video,
            model: "seedance-2.0".into(),
            duration: Some(5),
            quality: Some("720p".into()),
            estimated_time: 132,
            shortest: 30,
            longest: 60,
            billing_rule: "per_second".into(),
        };
        let intent = Intent {
            id: TaskId::mint(now, u128::from(n)),
            tenant: self.tenant.clone(),
            author,
            spec,
            estimate: credits(amount),
            callback_url: None,
            idempotency_key: None,
            fingerprint: n.to_string(),
            resend: None,
            send_within: 5_000,
            lease: 15_000,
            deadline: 26 * 3_600_000,
            windows: Windows(windows),
            trace: None,
        };
        Submit {
            intent,
            policy: None,
            may_create: true,
        }
    }

    async fn submit(&self, amount: &str) -> Result<Submitted, SubmitError> {
        self.store
            .submit(self.order(amount, Author::default()))
            .await
    }

    async fn denied(&self, amount: &str) -> Denied {
        match self.submit(amount).await {
            Err(SubmitError::Denied { denied, .. }) => denied,
            other => panic!("not denied: {other:?}"),
        }
    }

    async fn turn(&self, task: &Task, command: TaskCommand) {
        self.store
            .turn(&task.tenant, &task.id, command)
            .await
            .unwrap();
    }

    async fn bind(&self, task: &Task, status: &str, usage: &str) {
        let text = format!(
            r#"{{"id":"up-{}","status":"{status}","usage":{{{usage}}}}}"#,
            task.id
        );
        let report = Report::parse(text.as_bytes()).unwrap();
        let command = TaskCommand::Bind {
            report,
            found: Found::Answer,
            window: 60_000,
        };
        self.turn(task, command).await;
    }

    async fn refuse(&self, task: &Task) {
        let refusal = Refusal {
            status: 400,
            kind: "invalid_request_error".into(),
            code: "invalid_parameter".into(),
            message: "no".into(),
            retry_after: None,
        };
        self.turn(
            task,
            TaskCommand::Refuse {
                refusal,
                temporary: false,
                told: false,
            },
        )
        .await;
    }

    async fn sound(&self) {
        let found = self.store.verify().await.unwrap();
        assert!(found.violations.is_empty(), "{:?}", found.violations);
    }
}

#[tokio::test]
async fn a_new_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new(Quota::default()).await;
    let file = world.folder.path().join("store.redb");
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn of_200_submits_at_once_against_a_window_with_room_for_50_exactly_50_get_a_hold() {
    let quota = Quota {
        credits_per_day: limit("500"),
        ..Quota::default()
    };
    let world = Arc::new(World::new(quota).await);
    let submits = (0..200).map(|_| {
        let world = Arc::clone(&world);
        async move { world.submit("10").await.is_ok() }
    });
    let held = futures_join(submits)
        .await
        .into_iter()
        .filter(|held| *held)
        .count();
    assert_eq!(held, 50);
    let view = world.store.tenant(&world.tenant).await.unwrap().unwrap();
    assert_eq!(
        (view.account.held, view.tasks_in_flight),
        (credits("500"), 50)
    );
    world.sound().await;
}

/// Runs all of them at the same time.
async fn futures_join<F>(futures: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let mut set = tokio::task::JoinSet::new();
    futures.for_each(|future| drop(set.spawn(future)));
    set.join_all().await
}

#[tokio::test]
async fn a_place_in_flight_comes_back_by_whichever_end() {
    let quota = Quota {
        max_tasks_in_flight: Some(1),
        ..Quota::default()
    };
    let world = World::new(quota).await;
    for end in 0..5 {
        let task = world.submit("1").await.unwrap().task;
        assert_eq!(world.denied("1").await, Denied::InFlight { limit: 1 });
        match end {
            0 => world.refuse(&task).await,
            1 => world.bind(&task, "completed", "").await,
            2 => world.bind(&task, "failed", "").await,
            3 => world.bind(&task, "cancelled", "").await,
            _ => {
                let until = world.store.now();
                let command = TaskCommand::Unknown {
                    fence: task.fence,
                    why: "500".into(),
                    until,
                };
                world.turn(&task, command).await;
                assert_eq!(world.denied("1").await, Denied::InFlight { limit: 1 });
                world.turn(&task, TaskCommand::Lose).await;
            }
        }
    }
    world.sound().await;
}

#[tokio::test]
async fn settling_touches_the_window_in_which_the_hold_was_taken() {
    let quota = Quota {
        credits_per_day: limit("20"),
        ..Quota::default()
    };
    let world = World::new(quota).await;
    let yesterday = world.submit("15").await.unwrap().task;
    world.clock.advance(DAY);
    let today = world.submit("15").await.unwrap().task;
    // What yesterday gives back is yesterday's.
    world.refuse(&yesterday).await;
    let denied = world.denied("15").await;
    let Denied::Window {
        scope,
        period,
        available,
    } = denied
    else {
        panic!("{denied:?}")
    };
    assert_eq!(
        (scope, period, available),
        (Whose::Tenant, Period::Day, credits("5"))
    );
    // What today charges less than it held is today's.
    world.bind(&today, "completed", r#""credits_used":4"#).await;
    assert!(world.submit("15").await.is_ok());
    assert!(matches!(world.denied("2").await, Denied::Window { .. }));
    world.sound().await;
}

#[tokio::test]
async fn users_and_keys_have_windows_of_their_own_and_a_key_its_cap() {
    let per_user = Limits {
        credits_per_week: limit("10"),
        ..Limits::default()
    };
    let per_key = Limits {
        credits_per_month: limit("12"),
        ..Limits::default()
    };
    let world = World::new(Quota {
        per_user,
        per_key,
        ..Quota::default()
    })
    .await;
    let (one, other) = (world.key(Some("8")).await, world.key(None).await);
    let submit = async |key: &KeyId, user: &str, amount: &str| {
        let author = Author {
            key: Some(key.clone()),
            user: Some(user.into()),
        };
        match world.store.submit(world.order(amount, author)).await {
            Ok(_) => None,
            Err(SubmitError::Denied { denied, .. }) => Some(denied),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(submit(&one, "ann", "6").await, None);
    assert_eq!(
        submit(&one, "bob", "6").await,
        Some(Denied::KeyCap {
            available: credits("2")
        })
    );
    let denied = submit(&other, "ann", "6").await;
    assert!(
        matches!(
            denied,
            Some(Denied::Window {
                scope: Whose::User,
                ..
            })
        ),
        "{denied:?}"
    );
    assert_eq!(submit(&other, "bob", "9").await, None);
    let denied = submit(&other, "eve", "6").await;
    assert!(
        matches!(
            denied,
            Some(Denied::Window {
                scope: Whose::Key,
                ..
            })
        ),
        "{denied:?}"
    );
    let seen = world.store.users(&world.tenant).await.unwrap();
    let seen: Vec<_> = seen
        .iter()
        .map(|seen| (seen.user.as_str(), seen.submitted))
        .collect();
    assert_eq!(seen, [("ann", 1), ("bob", 1)]);
}

#[tokio::test]
async fn a_rate_holds_and_a_refused_submit_takes_none_of_it() {
    let quota = Quota {
        submits_per_minute: Some(2),
        max_tasks_in_flight: Some(3),
        ..Quota::default()
    };
    let world = World::new(quota).await;
    let rate = world.submit("1").await.unwrap().rate.unwrap();
    assert_eq!((rate.limit, rate.remaining), (2, 1));
    assert!(world.submit("1").await.is_ok());
    assert!(matches!(world.denied("1").await, Denied::Rate(state) if state.retry == 30_000));
    world.clock.advance(30_000);
    assert!(matches!(world.denied("5000").await, Denied::Balance { .. }));
    assert!(
        world.submit("1").await.is_ok(),
        "the balance's refusal took nothing of the rate"
    );
    world.clock.advance(60_000);
    assert!(matches!(world.denied("1").await, Denied::InFlight { .. }));
}

#[tokio::test]
async fn a_changed_tenant_is_in_force_at_once_and_a_stale_look_is_told() {
    let world = World::new(Quota::default()).await;
    let version = world
        .store
        .tenant(&world.tenant)
        .await
        .unwrap()
        .unwrap()
        .tenant
        .version;
    let mut order = world.order("1", Author::default());
    order.policy = Some(version);
    assert!(world.store.submit(order.clone()).await.is_ok());
    let change = TenantChange {
        suspended: Some(true),
        ..TenantChange::default()
    };
    world
        .store
        .change_tenant(&world.tenant, change, &world.by)
        .await
        .unwrap();
    assert!(matches!(
        world.submit("1").await,
        Err(SubmitError::Suspended)
    ));
    let change = TenantChange {
        suspended: Some(false),
        ..TenantChange::default()
    };
    world
        .store
        .change_tenant(&world.tenant, change, &world.by)
        .await
        .unwrap();
    order.intent.id = TaskId::mint(world.store.now(), 99);
    order.intent.fingerprint = "99".into();
    assert!(matches!(
        world.store.submit(order).await,
        Err(SubmitError::StalePolicy)
    ));
}

#[tokio::test]
async fn a_rotated_keys_old_secret_counts_until_the_overlap_ends_and_a_deleted_key_never() {
    let world = World::new(Quota::default()).await;
    let id = world.key(None).await;
    let old = world.store.keys(&world.tenant).await.unwrap()[0].secrets[0].digest;
    let new = [9; 32];
    let until = world.store.now().plus(60_000);
    let change = KeyChange::Rotate { digest: new, until };
    world
        .store
        .change_key(&world.tenant, &id, change, &world.by)
        .await
        .unwrap();
    let found =
        async |digest: &[u8; 32]| world.store.key_by_digest(digest).await.unwrap().is_some();
    assert!(found(&old).await && found(&new).await);
    world.clock.advance(60_000);
    assert!(!found(&old).await && found(&new).await);
    world
        .store
        .delete_key(&world.tenant, &id, &world.by)
        .await
        .unwrap();
    assert!(!found(&new).await);
    let author = Author {
        key: Some(id),
        user: None,
    };
    let gone = world.store.submit(world.order("1", author)).await;
    assert!(matches!(gone, Err(SubmitError::NoKey)));
}

#[tokio::test]
async fn a_grant_with_an_idempotency_key_is_granted_once() {
    let world = World::new(Quota::default()).await;
    assert!(!world.grant("5", Some("a")).await.unwrap());
    assert!(world.grant("5", Some("a")).await.unwrap());
    assert!(matches!(
        world.grant("6", Some("a")).await,
        Err(TenantError::KeyMismatch)
    ));
    assert!(matches!(
        world.grant("-2000", None).await,
        Err(TenantError::Ledger(_))
    ));
    let view = world.store.tenant(&world.tenant).await.unwrap().unwrap();
    assert_eq!(view.account.granted, credits("1005"));
    let journal = world.store.journal(&world.tenant, 0, 10).await.unwrap();
    assert_eq!(journal.len(), 2);
    assert_eq!(journal[1].by.as_deref(), Some("test"));
    world.sound().await;
}

#[tokio::test]
async fn every_change_is_in_the_audit_trail_and_no_secret_is() -> Result<(), StoreError> {
    let world = World::new(Quota::default()).await;
    let id = world.key(None).await;
    world
        .store
        .delete_key(&world.tenant, &id, &world.by)
        .await
        .unwrap();
    let trail = world.store.audit(None, 100).await?;
    let actions: Vec<_> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["key.delete", "key.create", "grant", "tenant.create"]
    );
    assert!(trail.iter().all(|entry| entry.actor.who == "test"));
    assert!(!serde_json::to_string(&trail).unwrap().contains("digest"));
    let older = world.store.audit(Some(trail[1].seq), 1).await?;
    assert_eq!(older[0].action, "grant");
    Ok(())
}

#[tokio::test]
async fn sums_by_day_count_each_task_on_the_day_of_its_submit() {
    let world = World::new(Quota::default()).await;
    let key = world.key(None).await;
    let author = Author {
        key: Some(key.clone()),
        user: Some("ann".into()),
    };
    let task = world
        .store
        .submit(world.order("10", author))
        .await
        .unwrap()
        .task;
    world.clock.advance(DAY);
    world
        .bind(&task, "completed", r#""credits_used":7.5"#)
        .await;
    let day = evogate_store::usage::day(Timestamp::from_millis(START));
    let rows = world.store.usage(None, day, day + 5).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (row.day, row.user.as_deref(), row.key.as_deref()),
        (day, Some("ann"), Some(key.as_str()))
    );
    assert_eq!((row.sums.submitted, row.sums.completed), (1, 1));
    assert_eq!(row.sums.charged, credits("7.5"));
}
