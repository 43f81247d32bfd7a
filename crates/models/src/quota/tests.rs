//! The rules of quotas, against a recount of everything that was ever held.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::account::Account;
use crate::journal::Posting;
use crate::{Credits, Timestamp};

const DAY: i64 = 86_400_000;

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

fn micro(micro: i64) -> Credits {
    Credits::from_micro(micro).unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

fn rich() -> Account {
    Account::default()
        .post(&Posting::Granted {
            amount: credits("1000000"),
        })
        .unwrap()
}

/// Windows of simple lengths: the rule does not know the calendar.
fn starts(now: Timestamp) -> Starts {
    [DAY, 7 * DAY, 30 * DAY].map(|length| now.plus(-now.millis().rem_euclid(length)))
}

fn demand(amount: Credits, now: Timestamp) -> Demand<'static> {
    Demand {
        amount,
        model: "seedance-2.0",
        duration: Some(5),
        quality: Some("720p"),
        starts: starts(now),
        in_flight: 0,
        rate: Rate::default(),
        tenant: Usage::default(),
        user: None,
        key: None,
    }
}

#[rstest]
#[case("seedance-2.0", "seedance-2.0", true)]
#[case("seedance-2.0", "seedance-2.0-fast", false)]
#[case("seedance-2.0*", "seedance-2.0-fast", true)]
#[case("*", "", true)]
#[case("*fast*video", "seedance-2.0-fast-text-to-video", true)]
#[case("*fast*video", "seedance-2.0-fast-text", false)]
#[case("a*a", "a", false)]
#[case("a*b*b", "ab", false)]
#[case("a*b*b", "abb", true)]
#[case("veo-?", "veo-3", false)]
fn a_pattern_fits_as_its_stars_allow(
    #[case] pattern: &str,
    #[case] model: &str,
    #[case] fits: bool,
) {
    let quota = Quota {
        models: vec![pattern.into()],
        ..Quota::default()
    };
    assert_eq!(quota.allows_model(model), fits);
}

#[rstest]
#[case("720p", "480p", true)]
#[case("720p", "720p", true)]
#[case("720p", "1080p", false)]
#[case("1080p", "4k", false)]
#[case("4k", "1080p", true)]
#[case("2k", "1080p", true)]
#[case("720p", "ultra", false)]
fn qualities_rank_by_their_lines(#[case] most: &str, #[case] quality: &str, #[case] allowed: bool) {
    let quota = Quota {
        max_quality: Some(most.into()),
        ..Quota::default()
    };
    assert_eq!(quota.allows_quality(Some(quality)), allowed);
}

#[test]
fn a_quota_is_read_strictly_and_amounts_without_floats() {
    let quoted = r#"{"per_user":{"credits_per_week":"3"}}"#;
    assert!(serde_json::from_str::<Quota>(quoted).is_err());
    let quota: Quota = serde_json::from_str(r#"{"credits_per_day":17.784}"#).unwrap();
    assert_eq!(quota.tenant().of(Period::Day), Some(credits("17.784")));
    assert!(serde_json::from_str::<Quota>(r#"{"credit_per_day":1}"#).is_err());
    let text = serde_json::to_string(&quota).unwrap();
    assert_eq!(serde_json::from_str::<Quota>(&text).unwrap(), quota);
}

#[test]
fn what_cannot_be_meant_is_named() {
    let quota: Quota = serde_json::from_str(
        r#"{"credits_per_day":-1,"per_key":{"credits_per_month":-2},"submits_per_minute":0,
            "max_quality":"best","models":["a b"],"low_credit_threshold":-1}"#,
    )
    .unwrap();
    let params: Vec<_> = quota
        .faults()
        .into_iter()
        .filter_map(|fault| fault.param)
        .collect();
    assert_eq!(
        params,
        [
            "credits_per_day",
            "per_key.credits_per_month",
            "submits_per_minute",
            "max_quality",
            "low_credit_threshold",
            "models"
        ]
    );
    let burst = Quota {
        submit_burst: Some(3),
        ..Quota::default()
    };
    assert_eq!(burst.faults().len(), 1);
    assert!(Quota::default().faults().is_empty());
}

#[test]
fn a_refused_submit_takes_nothing_of_any_limit() {
    let now = at(0);
    let quota = Quota {
        submits_per_minute: Some(1),
        ..Quota::default()
    };
    let poor = Account::default();
    let denied = admit(&quota, &poor, &demand(credits("1"), now), now).unwrap_err();
    assert_eq!(
        denied,
        Denied::Balance {
            available: Credits::ZERO
        }
    );
    assert!(admit(&quota, &rich(), &demand(credits("1"), now), now).is_ok());
}

#[test]
fn the_order_of_the_checks_is_model_rate_places_windows_cap_balance() {
    let now = at(0);
    let mut quota = Quota {
        models: vec!["veo*".into()],
        max_duration: Some(4),
        max_quality: Some("480p".into()),
        submits_per_minute: Some(1),
        max_tasks_in_flight: Some(0),
        credits_per_day: Some(Decimal(Credits::ZERO)),
        ..Quota::default()
    };
    let mut demand = demand(credits("1"), now);
    demand.rate = Rate(i64::MAX);
    demand.key = Some((Usage::default(), Some(Credits::ZERO)));
    let denied = |quota: &Quota| admit(quota, &Account::default(), &demand, now).unwrap_err();
    assert_eq!(denied(&quota), Denied::Model);
    quota.models.clear();
    assert_eq!(denied(&quota), Denied::Duration(4));
    quota.max_duration = None;
    assert_eq!(denied(&quota), Denied::Quality);
    quota.max_quality = None;
    assert!(matches!(denied(&quota), Denied::Rate(_)));
    quota.submits_per_minute = None;
    assert_eq!(denied(&quota), Denied::InFlight { limit: 0 });
    quota.max_tasks_in_flight = None;
    assert!(matches!(
        denied(&quota),
        Denied::Window {
            period: Period::Day,
            ..
        }
    ));
    quota.credits_per_day = None;
    assert_eq!(
        denied(&quota),
        Denied::KeyCap {
            available: Credits::ZERO
        }
    );
}

#[test]
fn a_rate_lets_its_burst_pass_at_once_and_then_its_pace() {
    let mut rate = Rate::default();
    for left in [2, 1, 0] {
        let (next, state) = rate.pass(60, 3, at(0)).unwrap();
        assert_eq!((state.limit, state.remaining), (3, left));
        rate = next;
    }
    let state = rate.pass(60, 3, at(0)).unwrap_err();
    assert_eq!(
        (state.remaining, state.retry, state.reset),
        (0, 1_000, 3_000)
    );
    assert!(rate.pass(60, 3, at(999)).is_err());
    assert!(rate.pass(60, 3, at(1_000)).is_ok());
}

/// Something that happens to a tenant's windows.
#[derive(Debug, Clone)]
enum Event {
    Wait(i64),
    Hold(i64),
    Change(prop::sample::Index, i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        prop_oneof![0..DAY, 0..40 * DAY].prop_map(Event::Wait),
        (0..50_000_000_i64).prop_map(Event::Hold),
        (any::<prop::sample::Index>(), -50_000_000..50_000_000_i64)
            .prop_map(|(index, change)| Event::Change(index, change)),
    ]
}

proptest! {
    #[test]
    fn a_window_counts_the_holds_taken_in_it_as_they_are_now(
        events in prop::collection::vec(event(), 1..80)
    ) {
        let (mut now, mut usage) = (at(0), Usage::default());
        let mut holds: Vec<(Starts, i64)> = Vec::new();
        for event in events {
            match event {
                Event::Wait(span) => now = now.plus(span),
                Event::Hold(amount) => {
                    usage = usage.held(starts(now), micro(amount));
                    holds.push((starts(now), amount));
                }
                Event::Change(index, change) if !holds.is_empty() => {
                    let at = index.index(holds.len());
                    let (taken, amount) = &mut holds[at];
                    // A hold is moved, or given back at most whole.
                    let change = change.max(-*amount);
                    usage = usage.changed(*taken, micro(change));
                    *amount += change;
                }
                Event::Change(..) => {}
            }
            for (n, period) in Period::ALL.into_iter().enumerate() {
                let start = starts(now)[n];
                let recount: i64 = holds.iter().filter(|(taken, _)| taken[n] == start)
                    .map(|(_, amount)| amount).sum();
                prop_assert_eq!(usage.used(period, start), micro(recount));
            }
            prop_assert_eq!(usage.total, micro(holds.iter().map(|(_, amount)| amount).sum()));
        }
    }

    #[test]
    fn no_window_ever_holds_more_than_its_limit(
        submits in prop::collection::vec((0..2 * DAY, 0..30_000_000_i64), 1..80),
        day in 0..100_000_000_i64, week in 0..200_000_000_i64,
    ) {
        let quota = Quota {
            credits_per_day: Some(Decimal(micro(day))),
            credits_per_week: Some(Decimal(micro(week))),
            ..Quota::default()
        };
        let (mut now, mut usage) = (at(0), Usage::default());
        for (wait, amount) in submits {
            now = now.plus(wait);
            let asked = Demand { tenant: usage, ..demand(micro(amount), now) };
            let fits = usage.used(Period::Day, starts(now)[0]).micro() + amount <= day
                && usage.used(Period::Week, starts(now)[1]).micro() + amount <= week;
            match admit(&quota, &rich(), &asked, now) {
                Ok(_) => {
                    prop_assert!(fits);
                    usage = usage.held(starts(now), micro(amount));
                }
                Err(denied) => prop_assert!(!fits, "{:?}", denied),
            }
            prop_assert!(usage.used(Period::Day, starts(now)[0]) <= micro(day));
            prop_assert!(usage.used(Period::Week, starts(now)[1]) <= micro(week));
        }
    }

    #[test]
    fn in_any_minute_no_more_pass_than_the_pace_and_the_burst(
        gaps in prop::collection::vec(0..5_000_i64, 1..200), per_minute in 1..200_u32, burst in 1..20_u32,
    ) {
        let (mut now, mut rate) = (0_i64, Rate::default());
        let mut passed: Vec<i64> = Vec::new();
        for gap in gaps {
            now += gap;
            if let Ok((next, _)) = rate.pass(per_minute, burst, at(now)) {
                rate = next;
                passed.push(now);
            }
        }
        for first in &passed {
            let within = passed.iter().filter(|at| (*first..*first + 60_000).contains(*at)).count();
            // A step is rounded down to a microsecond, so one more may fit into a minute.
            prop_assert!(u32::try_from(within).unwrap() <= per_minute + burst + 1);
        }
    }
}
