//! What shows only from inside: callers that share a commit, and disks that fail.

mod disk;

use std::sync::mpsc;

use evogate_models::{Credits, TenantId, Timestamp};
use redb::Database;

use super::*;
use crate::admin::{Grant, Granted};
use crate::audit::Actor;
use crate::clock::ManualClock;
use crate::error::TenantError;
use crate::record::Tenant;
use disk::Disk;

fn on(disk: Disk) -> Result<Embedded, StoreError> {
    let db = Database::builder().create_with_backend(disk);
    let clock = ManualClock::new(Timestamp::from_seconds(1_800_000_000));
    Embedded::on(
        db.map_err(table::unavailable)?,
        Arc::new(clock),
        Arc::default(),
    )
}

fn demo() -> TenantId {
    "demo".parse().unwrap()
}

/// An engine with one tenant.
async fn with_tenant(disk: Disk) -> Embedded {
    let engine = on(disk).unwrap();
    let tenant = Tenant::new(demo(), "Demo".into(), engine.now(), vec![7; 32]);
    let by = Actor::local("test");
    engine.create_tenant(tenant, &by).await.unwrap();
    engine
}

/// Grants some credits.
async fn grant(engine: &Embedded, credits: u32) -> Result<Granted, TenantError> {
    let grant = Grant {
        tenant: demo(),
        amount: Credits::whole(credits),
        note: None,
        idempotency_key: None,
    };
    engine.grant(grant, &Actor::local("test")).await
}

/// How much was granted.
async fn granted(engine: &Embedded) -> Credits {
    let view = engine.tenant(&demo()).await.unwrap();
    view.unwrap().account.granted
}

/// Runs three callers' work in one commit: two grants, and between them what `work` does.
async fn between_two_grants(
    work: impl Fn(&mut Write<'_>) -> Result<(), StoreError> + Send + 'static,
) -> (Embedded, Result<(), StoreError>) {
    let engine = Arc::new(with_tenant(Disk::default()).await);
    // The writer waits, so that the three are all there when it goes on.
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let begun = Arc::new(tokio::sync::Notify::new());
    let (gate, at_work) = (Arc::clone(&engine), Arc::clone(&begun));
    let blocker = gate.write(move |_| {
        at_work.notify_one();
        let _ = wait.lock().unwrap().recv();
        Ok(())
    });
    let one = grant(&engine, 1);
    let between = engine.write(work);
    let two = grant(&engine, 2);
    let (one, two, between) = {
        let release = async {
            begun.notified().await;
            // The other three are polled, and so sent, in this order before this one goes on.
            tokio::task::yield_now().await;
            drop(go);
        };
        let (first, one, between, two, ()) = tokio::join!(blocker, one, between, two, release);
        first.unwrap();
        (one, two, between)
    };
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(granted(&engine).await, Credits::whole(3));
    assert!(engine.verify().await.unwrap().violations.is_empty());
    drop(gate);
    (Arc::into_inner(engine).unwrap(), between)
}

#[tokio::test]
async fn one_callers_failure_fails_nobody_elses_work_in_the_same_commit() {
    let (_, failed) = between_two_grants(|tables| {
        tables.meta.insert("mark", 1).map_err(table::unavailable)?;
        Err(StoreError::Corrupt("on purpose".into()))
    })
    .await;
    assert_eq!(failed, Err(StoreError::Corrupt("on purpose".into())));
}

#[tokio::test]
async fn one_callers_panic_ends_neither_the_writer_nor_anybody_elses_work() {
    let (engine, failed) = between_two_grants(|tables| {
        tables.meta.insert("mark", 1).map_err(table::unavailable)?;
        panic!("on purpose")
    })
    .await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))));
    let marked = engine.read(|tables| {
        let mark = tables.meta()?.get("mark").map_err(table::unavailable)?;
        Ok(mark.is_some())
    });
    assert_eq!(marked, Ok(false));
    assert_eq!(engine.ping().await, Ok(()));
}

#[tokio::test]
async fn what_was_answered_survives_a_power_cut_at_that_moment() {
    let disk = Disk::default();
    let engine = with_tenant(disk.clone()).await;
    for n in 1..=30 {
        grant(&engine, 1).await.unwrap();
        let after = on(disk.after_a_power_cut()).unwrap();
        assert_eq!(granted(&after).await, Credits::whole(n));
        assert!(after.verify().await.unwrap().violations.is_empty());
    }
}

#[tokio::test]
async fn what_a_failing_disk_did_not_take_is_answered_as_not_done() {
    // Each time the disk fails at a later write, until there are none left.
    for writes in 0.. {
        let disk = Disk::default();
        let engine = with_tenant(disk.clone()).await;
        grant(&engine, 1).await.unwrap();
        disk.fail_after(writes);
        let second = grant(&engine, 2).await;
        let failed = disk.has_failed();
        assert_eq!(second.is_err(), failed, "at write {writes}: {second:?}");
        engine.close().await;
        drop(engine);
        let after = on(disk.after_a_power_cut()).unwrap();
        let kept = granted(&after).await;
        // A write that failed may still have got through, whole or not at all.
        assert!(
            kept == Credits::whole(3) || (failed && kept == Credits::whole(1)),
            "{kept}"
        );
        assert!(after.verify().await.unwrap().violations.is_empty());
        if !failed {
            return;
        }
    }
}

#[tokio::test]
async fn after_close_mutations_fail_and_what_was_asked_before_is_done() {
    let engine = with_tenant(Disk::default()).await;
    let (granted_before, ()) = tokio::join!(grant(&engine, 1), engine.close());
    granted_before.unwrap();
    let late = grant(&engine, 1).await;
    assert!(late.is_err());
    assert_eq!(granted(&engine).await, Credits::whole(1));
}
