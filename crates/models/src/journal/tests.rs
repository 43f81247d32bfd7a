//! An opening balance stands for the entries that left into it, whatever they were.

use proptest::prelude::*;

use super::*;

fn micro(micro: i64) -> Credits {
    Credits::from_micro(micro).unwrap()
}

fn task(number: usize) -> TaskId {
    let number = u128::try_from(number).unwrap();
    TaskId::mint(Timestamp::from_seconds(1_800_000_000), number)
}

/// What happens next: a grant, a hold, or something to one of the open holds.
type Event = (u8, usize, i64);

/// A journal without a fault.
fn journal(events: &[Event]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut open: Vec<(TaskId, i64)> = Vec::new();
    for (number, (what, pick, amount)) in events.iter().copied().enumerate() {
        let picked = pick.checked_rem(open.len());
        let (posting, task) = match (what, picked) {
            (0, _) => (
                Posting::Granted {
                    amount: micro(amount),
                },
                None,
            ),
            (2, Some(picked)) => {
                let (id, from) = &mut open[picked];
                let moved = Posting::Moved {
                    from: micro(*from),
                    to: micro(amount),
                };
                *from = amount;
                (moved, Some(id.clone()))
            }
            (3, Some(picked)) => {
                let (id, hold) = open.remove(picked);
                let charged = amount.min(hold);
                let settled = Posting::Settled {
                    charged: micro(charged),
                    released: micro(hold - charged),
                };
                (settled, Some(id))
            }
            (4, Some(picked)) => {
                let (id, hold) = open.remove(picked);
                let released = Posting::Released {
                    amount: micro(hold),
                };
                (released, Some(id))
            }
            _ => {
                let id = task(number);
                open.push((id.clone(), amount));
                let held = Posting::Held {
                    amount: micro(amount),
                };
                (held, Some(id))
            }
        };
        let number = i64::try_from(number).unwrap();
        entries.push(Entry {
            seq: u64::try_from(number).unwrap() + 1,
            at: Timestamp::from_seconds(1_800_000_000 + number),
            posting,
            task,
            note: None,
            by: None,
        });
    }
    entries
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec((0..5_u8, 0..100_usize, 0..1_000_i64), 1..60)
}

fn opening(entries: &[Entry]) -> Opening {
    let mut opening = Opening::default();
    for entry in entries {
        opening.take_in(entry).unwrap();
    }
    opening
}

fn rebuilt(opening: Opening, entries: &[Entry]) -> Rebuilt {
    let mut rebuilt = Rebuilt::from(opening);
    for entry in entries {
        rebuilt.read(entry);
    }
    rebuilt
}

proptest! {
    #[test]
    fn what_is_rebuilt_from_an_opening_is_what_the_whole_journal_says(
        events in events(),
        cut in any::<prop::sample::Index>(),
    ) {
        let entries = journal(&events);
        let (left, kept) = entries.split_at(cut.index(entries.len() + 1));
        let whole = rebuilt(Opening::default(), &entries);
        let short = rebuilt(opening(left), kept);
        prop_assert_eq!(&whole.violations, &Vec::<String>::new());
        prop_assert_eq!(&short.violations, &whole.violations);
        prop_assert_eq!(short.account, whole.account);
        prop_assert_eq!(&short.holds, &whole.holds);
        prop_assert_eq!(short.seq, whole.seq);
        for (task, charged) in &short.charges {
            prop_assert_eq!(whole.charges.get(task), Some(charged));
        }
        let (account, holds) = (whole.account, whole.holds);
        prop_assert_eq!(short.compare(&account, whole.seq, &holds), Vec::<String>::new());
    }

    #[test]
    fn entries_may_leave_in_any_number_of_steps(events in events(), cut in any::<prop::sample::Index>()) {
        let entries = journal(&events);
        let (first, second) = entries.split_at(cut.index(entries.len()));
        let mut stepwise = opening(first);
        let bytes = serde_json::to_vec(&stepwise).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Opening>(&bytes).unwrap(), &stepwise);
        for entry in second {
            stepwise.take_in(entry).unwrap();
        }
        prop_assert_eq!(&stepwise, &opening(&entries));
        prop_assert_eq!(stepwise.seq, entries.last().unwrap().seq);
        prop_assert_eq!(stepwise.at, entries.last().unwrap().at);
    }

    #[test]
    fn an_opening_takes_no_wrong_entry_in(events in events(), cut in any::<prop::sample::Index>()) {
        let entries = journal(&events);
        let cut = cut.index(entries.len());
        let before = opening(&entries[..cut]);
        let mut doubled = before.clone();
        doubled.take_in(&entries[cut]).unwrap();
        prop_assert!(doubled.clone().take_in(&entries[cut]).is_err(), "the same entry again");
        let seq = entries[cut].seq + 1;
        let unknown = Entry {
            seq,
            posting: Posting::Released { amount: micro(1) },
            task: Some(task(1_000)),
            ..entries[cut].clone()
        };
        let unchanged = doubled.clone();
        prop_assert!(doubled.take_in(&unknown).is_err(), "a release of what was not held");
        prop_assert_eq!(doubled, unchanged);
    }
}

#[test]
fn an_opening_that_says_another_balance_is_found() {
    let entries = journal(&[(0, 0, 900), (1, 0, 10), (1, 0, 20), (3, 0, 5)]);
    let whole = rebuilt(Opening::default(), &entries);
    let mut wrong = opening(&entries[..2]);
    wrong.account = wrong
        .account
        .post(&Posting::Granted { amount: micro(1) })
        .unwrap();
    let short = rebuilt(wrong, &entries[2..]);
    let violations = short.compare(&whole.account, whole.seq, &whole.holds);
    assert!(
        violations.iter().any(|what| what.starts_with("granted is")),
        "{violations:?}"
    );
}
