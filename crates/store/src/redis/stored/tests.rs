use evogate_models::note::{Note, Step};
use evogate_models::quota::Starts;
use evogate_models::task::{Author, Hint, MediaKind, Spec, Task};
use evogate_models::{Credits, KeyId, TraceParent};
use proptest::prelude::*;

use super::super::journal::pack_notes;
use super::*;

fn times() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_i64).prop_map(Timestamp::from_millis)
}

fn states() -> impl Strategy<Value = State> {
    prop_oneof![
        times().prop_map(|until| State::Queued { until }),
        times().prop_map(|not_after| State::Submitting { not_after }),
        (times(), times(), ".*").prop_map(|(since, until, why)| State::Unknown {
            since,
            until,
            why: why.into()
        }),
        Just(State::Pending),
        Just(State::Completed),
    ]
}

prop_compose! {
    fn tasks()(
        (created, random, keyed) in (times(), any::<u128>(), any::<bool>()),
        state in states(),
        (user, body) in (proptest::option::of(".*"), proptest::option::of(".*")),
        amounts in proptest::array::uniform4(0..1_i64 << 50),
        upstream in proptest::option::of("(task-unified-1[0-9]{9}-[a-z0-9]{8}|[a-z]{1,9})"),
        texts in proptest::array::uniform3(proptest::option::of(".*")),
        fingerprint in "([A-Za-z0-9_-]{43}|.{0,40})",
        flags in any::<[bool; 2]>(),
        maybe in proptest::array::uniform6(proptest::option::of(times())),
        starts in proptest::array::uniform3(times()),
        lease in proptest::option::of((1..1_000_u64, times())),
        counts in (0..1_000_u64, 0..5_u32, 0..3_u32),
    ) -> Task {
        let [estimate, hold, charged, billed] = amounts.map(|micro| Credits::from_micro(micro).unwrap());
        let [callback_url, idempotency_key, resend] = texts;
        let [cancel_wanted, cancel_asked, due, refreshed, ended, fetched] = maybe;
        let upstream = upstream.map(|id| id.parse().unwrap());
        let windows: Starts = starts;
        Task {
            id: TaskId::mint(created, random),
            tenant: "demo".parse().unwrap(),
            created,
            author: Author { key: keyed.then(|| KeyId::mint(random)), user },
            spec: Spec {
                kind: MediaKind::Video,
                model: "seedance-2.0".to_owned(),
                duration: Some(5),
                quality: None,
                estimated_time: 132,
                shortest: 30,
                longest: 60,
                billing_rule: "per_second".to_owned(),
            },
            estimate,
            hold,
            charged,
            billed,
            state,
            reserved: upstream.is_some().then_some(estimate),
            hint: keyed.then(|| Hint { upstream: upstream.clone(), reads: counts.2 }),
            upstream,
            body,
            can_cancel: flags[0],
            cancel_wanted,
            cancel_asked,
            callback_url,
            idempotency_key,
            fingerprint,
            told: flags[1],
            resend,
            due,
            lease: lease.map(|(fence, until)| Lease { fence, until }),
            fence: counts.0,
            callbacks: counts.1,
            refreshed,
            ended,
            fetched,
            windows,
            deadline: created.plus(1_000_000),
            trace: TraceParent::new(if keyed { random } else { 0 }, counts.0 + 1, flags[0]),
        }
    }
}

proptest! {
    #[test]
    fn a_task_comes_back_as_it_was(task in tasks(), version in 1..1_i64 << 46) {
        let notes = [
            Note { at: task.created, step: Step::Held { credits: task.hold } },
            Note { at: task.deadline, step: Step::ReadFailed { why: "x".repeat(70_000).into() } },
        ];
        let packed = pack_notes(&task.id, &notes).unwrap();
        let record = whole(&task, version, &packed).unwrap();
        let read = Stored::unpack(&task.tenant, &task.id, &record).unwrap();
        prop_assert_eq!(read.version, version);
        prop_assert_eq!(timeline(&task.id, &record).unwrap(), notes);
        prop_assert_eq!(read.task, task);
    }

    #[test]
    fn what_leads_to_a_task_comes_back(id in tasks().prop_map(|task| task.id), until in proptest::option::of(times())) {
        prop_assert_eq!(unpack_lead(&pack_lead(until, &id)).unwrap(), (until, id));
    }

    #[test]
    fn a_record_that_is_cut_or_damaged_is_no_panic(task in tasks(), at: usize, byte: u8) {
        let mut record = whole(&task, 1, &[]).unwrap();
        let _ = Stored::unpack(&task.tenant, &task.id, &record[..at % record.len()]);
        let at = at % record.len();
        record[at] = byte;
        let _ = Stored::unpack(&task.tenant, &task.id, &record);
        let _ = timeline(&task.id, &record);
    }
}

#[test]
fn a_format_that_is_not_known_is_named() {
    let id = TaskId::mint(Timestamp::from_seconds(1_800_000_000), 7);
    let error = Stored::unpack(&"demo".parse().unwrap(), &id, &[9; 100]).unwrap_err();
    assert!(error.to_string().contains("format 9"), "{error}");
}
