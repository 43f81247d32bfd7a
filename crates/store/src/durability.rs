//! What the store's set-up can lose, told honestly.

use std::collections::BTreeMap;
use std::fmt;

/// What the store can promise about what it said was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Durability {
    /// What it can't promise; none of it is a promise kept.
    pub gaps: Vec<Gap>,
    /// Which life of each primary answered, by its address: another one when it was started again, or when
    /// another server took over. Empty where not every primary said it.
    pub lives: BTreeMap<String, String>,
}

impl Durability {
    /// Nothing that was answered is lost by the end of a process or the loss of power.
    pub fn guaranteed() -> Self {
        Self::default()
    }

    /// Whether the promise is whole: no gap that can lose something, or that hides whether it can.
    pub fn is_guaranteed(&self) -> bool {
        !self.gaps.iter().any(|gap| gap.kind.loses())
    }
}

/// One thing that the set-up does not promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Which.
    pub kind: GapKind,
    /// The server that it was seen on; none when it is the set-up's as a whole.
    pub server: Option<String>,
    /// What was seen, in words (`appendfsync is everysec`).
    pub seen: String,
}

/// The kinds of gaps. Each has a stable code for metrics and alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapKind {
    /// There is no append-only file.
    AofOff,
    /// The append-only file can't be written.
    AofFails,
    /// The append-only file reaches the disk every second, or when the system likes.
    FsyncLate,
    /// The append-only file does not reach the disk while it, or a snapshot, is rewritten.
    FsyncPaused,
    /// `store.wait_aof` is set, but the server has no `WAITAOF` or no append-only file to wait for.
    WaitAofUnsupported,
    /// Under memory pressure, keys are thrown away.
    Eviction,
    /// The server that answers is a replica.
    NotPrimary,
    /// A failover loses what the replica did not have yet.
    AsyncFailover,
    /// The server is older than what the scripts are made for.
    OldVersion,
    /// A setting that matters can't be read.
    Unverified,
    /// Redis does not answer.
    Unreachable,
    /// Memory is about to run out: then new holds are refused.
    MemoryLow,
    /// There is no replica to fail over to.
    NoReplica,
    /// The append-only file could not be rewritten the last time, so it grows.
    RewriteFails,
}

impl GapKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::AofOff,
        Self::AofFails,
        Self::FsyncLate,
        Self::FsyncPaused,
        Self::WaitAofUnsupported,
        Self::Eviction,
        Self::NotPrimary,
        Self::AsyncFailover,
        Self::OldVersion,
        Self::Unverified,
        Self::Unreachable,
        Self::MemoryLow,
        Self::NoReplica,
        Self::RewriteFails,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AofOff => "aof_off",
            Self::AofFails => "aof_fails",
            Self::FsyncLate => "fsync_late",
            Self::FsyncPaused => "fsync_paused",
            Self::WaitAofUnsupported => "wait_aof_unsupported",
            Self::Eviction => "eviction",
            Self::NotPrimary => "not_primary",
            Self::AsyncFailover => "async_failover",
            Self::OldVersion => "old_version",
            Self::Unverified => "unverified",
            Self::Unreachable => "unreachable",
            Self::MemoryLow => "memory_low",
            Self::NoReplica => "no_replica",
            Self::RewriteFails => "rewrite_fails",
        }
    }

    /// Whether something that was answered can be lost by it. The others are a warning.
    pub fn loses(self) -> bool {
        !matches!(
            self,
            Self::MemoryLow | Self::NoReplica | Self::RewriteFails | Self::Unreachable
        )
    }

    /// What it means, as a sentence.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::AofOff => {
                "When Redis ends, everything since its last snapshot is lost: holds, settlements, grants."
            }
            Self::AofFails => "When Redis ends, what it could not write to its file is lost.",
            Self::FsyncLate => {
                "A loss of power or a crash of the machine loses the last second or two; \
                 a crash of Redis alone loses nothing."
            }
            Self::FsyncPaused => {
                "A loss of power while the file is rewritten loses what came since the rewrite began."
            }
            Self::WaitAofUnsupported => {
                "Changes can't be confirmed: every one of them is answered with 503."
            }
            Self::Eviction => "Under memory pressure Redis throws away accounts, tasks and keys.",
            Self::NotPrimary => "Nothing can be written, and what is read may be old.",
            Self::AsyncFailover => {
                "A failover loses what the old primary answered and the new one had not received."
            }
            Self::OldVersion => {
                "Out of memory, tasks under way may not be settled or released in time."
            }
            Self::Unverified => "It is not known what would be lost.",
            Self::Unreachable => "Nothing is lost by it; nothing is taken until Redis answers.",
            Self::MemoryLow => {
                "When memory runs out, new submits are refused; tasks under way end well."
            }
            Self::NoReplica => "There is nothing to fail over to.",
            Self::RewriteFails => "The append-only file grows until the disk is full.",
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = &self.server {
            write!(f, "{server}: ")?;
        }
        write!(f, "{}. {}", self.seen, self.kind.consequence())
    }
}
