//! `submit`, `tasks`, `journal` and `reads`: how long things may take in a task's life, and how long they
//! are kept after it.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::Reader;
use super::units::ByteSize;

/// A day.
pub(super) const DAY: Duration = Duration::from_hours(24);

/// `submit`: from the request to EvoLink's answer.
#[derive(Debug, Clone)]
pub struct Submit {
    /// After this the client gets its pending task, and the call goes on.
    pub answer_within: Duration,
    /// How long an unknown submit is looked for before it is lost.
    pub unknown_deadline: Duration,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// So many unknown outcomes in a row open the breaker.
    pub breaker_unknowns: u32,
    /// So many submits without an answer yet open the breaker.
    pub breaker_unanswered: u32,
    /// From the breaker's opening to its first probe.
    pub breaker_cooldown: Duration,
}

impl Submit {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let answer_within = Duration::from_millis(100)..=Duration::from_mins(10);
        let answer_within = from.within("submit.answer_within", answer_within);
        let unknown_deadline = Duration::from_secs(1)..=Duration::from_hours(24 * 7);
        let unknown_deadline = from.within("submit.unknown_deadline", unknown_deadline);
        let max_body = ByteSize::from_bytes(1 << 10)..=ByteSize::from_bytes(64 << 20);
        let max_body = from.within("submit.max_body", max_body);
        let breaker_unknowns = from.within("submit.breaker_unknowns", 1..=100_000);
        let breaker_unanswered = from.within("submit.breaker_unanswered", 1..=100_000);
        let breaker_cooldown = Duration::from_millis(100)..=Duration::from_mins(10);
        let breaker_cooldown = from.within("submit.breaker_cooldown", breaker_cooldown);
        Some(Self {
            answer_within: answer_within?,
            unknown_deadline: unknown_deadline?,
            max_body: max_body?.bytes(),
            breaker_unknowns: breaker_unknowns?,
            breaker_unanswered: breaker_unanswered?,
            breaker_cooldown: breaker_cooldown?,
        })
    }
}

/// `tasks`: once EvoLink has accepted one.
#[derive(Debug, Clone)]
pub struct Tasks {
    /// When an unfinished task expires, counted from its submit.
    pub deadline: Duration,
    /// How long a finished task is kept, from its end.
    pub retention: Duration,
}

impl Tasks {
    pub(super) const DEADLINE: RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_hours(24 * 30);
    /// A client's idempotency key leads to its task for a day after the end.
    pub(super) const RETENTION: RangeInclusive<Duration> = DAY..=Duration::from_hours(24 * 3650);

    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let deadline = from.within("tasks.deadline", Self::DEADLINE);
        let retention = from.within("tasks.retention", Self::RETENTION);
        Some(Self {
            deadline: deadline?,
            retention: retention?,
        })
    }
}

/// `journal`: what the accounts' entries are kept for.
#[derive(Debug, Clone)]
pub struct Journal {
    /// How long an entry is kept before it leaves into the opening balance.
    pub retention: Duration,
}

impl Journal {
    pub(super) const RETENTION: RangeInclusive<Duration> =
        Duration::from_hours(48)..=Duration::from_hours(24 * 3650);

    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let retention = from.within("journal.retention", Self::RETENTION)?;
        Some(Self { retention })
    }
}

/// `reads`: a client asks for a task.
#[derive(Debug, Clone)]
pub struct Reads {
    /// An unfinished task is read upstream at most once in this time.
    pub refresh_after: Duration,
    /// How long a client's read waits for EvoLink.
    pub answer_within: Duration,
}

impl Reads {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let refresh_after = Duration::from_millis(100)..=Duration::from_mins(10);
        let refresh_after = from.within("reads.refresh_after", refresh_after);
        // Clients of EvoLink give up at 30 s.
        let answer_within = Duration::from_millis(50)..=Duration::from_secs(25);
        let answer_within = from.within("reads.answer_within", answer_within);
        Some(Self {
            refresh_after: refresh_after?,
            answer_within: answer_within?,
        })
    }
}
