//! Where everything is kept. All that is one tenant's lives in one shard, under the shard's hash tag, so
//! that each script touches one slot of a cluster; a key can only be made from a tenant (invariant 8),
//! those of credentials and of EvoLink's ids excepted, which stand for themselves.

use evogate_models::delivery::Lane;
use evogate_models::event::Target;
use evogate_models::task::Task;
use evogate_models::{EventId, TaskId, TenantId, UpstreamId};

use super::pack::corrupt;
use crate::error::StoreError;
use crate::usage::{BETWEEN, Day, row_name};

/// Days whose sums share one record.
pub(super) const BUCKET: Day = 32;

/// The number of shards, and with it where each tenant is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) shards: u16,
}

impl Layout {
    /// All shards.
    pub(super) fn all(self) -> impl Iterator<Item = Shard> {
        (0..self.shards).map(Shard)
    }

    /// The shard that has everything of this tenant.
    pub(super) fn of(self, tenant: &TenantId) -> Shard {
        // FNV-1a: the same for ever, and on every machine.
        let hash = tenant.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        let shard = hash.checked_rem(u32::from(self.shards)).unwrap_or(0);
        Shard(u16::try_from(shard).unwrap_or(0))
    }

    /// The keys of a tenant.
    pub(super) fn tenant(self, tenant: &TenantId) -> Place<'_> {
        Place {
            shard: self.of(tenant),
            tenant,
        }
    }
}

/// A shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard(pub(super) u16);

impl Shard {
    fn key(self, name: &str) -> Vec<u8> {
        let mut key = self.tagged(name.len());
        key.extend_from_slice(name.as_bytes());
        key
    }

    /// The beginning of a key, with room for so many bytes more: the hash tag and a colon. Not formatted, for a
    /// submit makes twenty keys.
    fn tagged(self, more: usize) -> Vec<u8> {
        const MOST: usize = "{eg:65535}:".len();
        let mut key = Vec::with_capacity(more.saturating_add(MOST));
        key.extend_from_slice(b"{eg:");
        key.extend_from_slice(itoa::Buffer::new().format(self.0).as_bytes());
        key.extend_from_slice(b"}:");
        key
    }

    /// What every key of the shard begins with.
    pub(super) fn prefix(self) -> Vec<u8> {
        self.key("")
    }

    /// Queues of deliveries by when they are due: of targets that take them, or of the others.
    pub(super) fn outbox(self, lane: Lane) -> Vec<u8> {
        self.key(match lane {
            Lane::Good => "out:g",
            Lane::Suspect => "out:s",
        })
    }

    /// Counts the changes of the shard.
    pub(super) fn sequence(self) -> Vec<u8> {
        self.key("seq")
    }

    /// The ids of the shard's tenants.
    pub(super) fn tenants(self) -> Vec<u8> {
        self.key("tenants")
    }

    /// Tasks by when they are due.
    pub(super) fn due(self) -> Vec<u8> {
        self.key("due")
    }

    /// What is looked at by its age: `open` and `unknown` tasks, and by their end `expiring` ones;
    /// deliveries that are `owed` or `dead`.
    pub(super) fn aged(self, set: &'static str) -> Vec<u8> {
        self.key(set)
    }

    /// The audit trail.
    pub(super) fn audit(self) -> Vec<u8> {
        self.key("audit")
    }

    /// Refused submits by time.
    pub(super) fn refused(self) -> Vec<u8> {
        self.key("refused")
    }

    /// What every task's key in the shard begins with.
    pub(super) fn tasks(self) -> Vec<u8> {
        self.key("t:")
    }
}

/// The place of one tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) shard: Shard,
    tenant: &'a TenantId,
}

impl Place<'_> {
    fn key(&self, kind: u8, rest: &str) -> Vec<u8> {
        self.key_of(kind, &[rest])
    }

    /// The key of `kind` for what `parts` name together.
    fn key_of(&self, kind: u8, parts: &[&str]) -> Vec<u8> {
        let tenant = self.tenant.as_str();
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let more = tenant.len().saturating_add(length).saturating_add(3);
        let mut key = self.shard.tagged(more);
        key.extend_from_slice(&[kind, b':']);
        key.extend_from_slice(tenant.as_bytes());
        if length > 0 {
            key.push(b':');
        }
        for part in parts {
            key.extend_from_slice(part.as_bytes());
        }
        key
    }

    /// The account, with the numbers of quota and policy.
    pub(super) fn account(&self) -> Vec<u8> {
        self.key(b'a', "")
    }

    /// The tenant itself.
    pub(super) fn record(&self) -> Vec<u8> {
        self.key(b'p', "")
    }

    /// The journal: entry n is the n-th, less those that were folded.
    pub(super) fn journal(&self) -> Vec<u8> {
        self.key(b'j', "")
    }

    /// The tenant's tasks by second and the rest of their ids.
    pub(super) fn index(&self) -> Vec<u8> {
        self.key(b'x', "")
    }

    /// A task.
    pub(super) fn task(&self, id: &TaskId) -> Vec<u8> {
        self.key_of(b't', &id.short_parts())
    }

    /// A client's idempotency key.
    pub(super) fn idempotency(&self, key: &str) -> Vec<u8> {
        self.key(b'i', key)
    }

    /// The last task of a request without such a key.
    pub(super) fn repeat(&self, fingerprint: &str) -> Vec<u8> {
        self.key(b'r', fingerprint)
    }

    /// What is counted for a user (`u:` and its name) or a key (`k:` and its id): what their windows have
    /// counted, when a user was seen, until when a key is valid.
    pub(super) fn counted(&self, name: &str) -> Vec<u8> {
        self.key(b'u', name)
    }

    /// The names of all for whom something is counted.
    pub(super) fn counted_names(&self) -> Vec<u8> {
        self.key(b'U', "")
    }

    /// The sums of a day for the user, the key and the model of a task.
    pub(super) fn sums(&self, day: Day, task: &Task) -> Vec<u8> {
        self.day_row(&format!("{day}{BETWEEN}{}", row_name(task)))
    }

    /// The sums in the row of this name.
    pub(super) fn day_row(&self, name: &str) -> Vec<u8> {
        self.key(b'd', name)
    }

    /// The names of the rows of the days around `day`.
    pub(super) fn day_rows(&self, day: Day) -> Vec<u8> {
        self.key(b'D', &(day / BUCKET).to_string())
    }

    /// The keys.
    pub(super) fn keys(&self) -> Vec<u8> {
        self.key(b'k', "")
    }

    /// Grants by the admins' idempotency keys.
    pub(super) fn grants(&self) -> Vec<u8> {
        self.key(b'g', "")
    }

    /// The endpoints.
    pub(super) fn endpoints(&self) -> Vec<u8> {
        self.key(b'E', "")
    }

    /// An event, with its deliveries by target.
    pub(super) fn event(&self, id: &EventId) -> Vec<u8> {
        self.key(b'e', id.as_str())
    }

    /// The deliveries in the order of time.
    pub(super) fn history(&self) -> Vec<u8> {
        self.key(b'h', "")
    }

    /// The queue of a target.
    pub(super) fn queue(&self, target: &Target) -> Vec<u8> {
        self.key(b'q', target.as_str())
    }

    /// What the entries that have left the journal come to.
    pub(super) fn opening(&self) -> Vec<u8> {
        self.key(b'b', "")
    }

    /// A mutation that is remembered for an hour.
    pub(super) fn operation(&self, operation: i64) -> Vec<u8> {
        self.key(b'o', &operation.to_string())
    }

    /// A task as the owner of one of EvoLink's ids is written, and, less its last letter, as a member of the
    /// due set.
    pub(super) fn owner(&self, id: &TaskId) -> Vec<u8> {
        let [seconds, letters] = id.short_parts();
        [self.tenant.as_str(), "\0", seconds, letters]
            .concat()
            .into_bytes()
    }
}

/// The task that [`Place::owner`] names.
pub(super) fn owner(text: &[u8]) -> Result<(TenantId, TaskId), StoreError> {
    let text = std::str::from_utf8(text).map_err(corrupt)?;
    let parts = text.split_once('\0');
    match parts.map(|(tenant, short)| (tenant.parse(), TaskId::from_short(short))) {
        Some((Ok(tenant), Ok(id))) => Ok((tenant, id)),
        _ => Err(corrupt("the name of a task")),
    }
}

/// The place of what belongs to no tenant: admins' keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admins;

impl Admins {
    fn key(name: &str) -> Vec<u8> {
        format!("{{eg:admin}}:{name}").into_bytes()
    }

    /// The admins by id.
    pub(super) fn by_id() -> Vec<u8> {
        Self::key("id")
    }

    /// Their ids by the digests of their secrets.
    pub(super) fn by_digest() -> Vec<u8> {
        Self::key("digest")
    }

    /// Their ids by their names.
    pub(super) fn by_name() -> Vec<u8> {
        Self::key("name")
    }

    /// Counts the changes.
    pub(super) fn sequence() -> Vec<u8> {
        Self::key("seq")
    }

    /// The audit trail of what belongs to no tenant.
    pub(super) fn audit() -> Vec<u8> {
        Self::key("audit")
    }
}

/// Whose key has a secret with this digest.
pub(super) fn digest(digest: &[u8; 32]) -> Vec<u8> {
    let mut key = b"eg:k:".to_vec();
    key.extend_from_slice(digest);
    key
}

/// Whose task EvoLink's task is.
pub(super) fn upstream(id: &UpstreamId) -> Vec<u8> {
    ["eg:up:", id.as_str()].concat().into_bytes()
}

/// Set while an import is going on, or after one that broke off.
pub(super) fn importing() -> Vec<u8> {
    Admins::key("import")
}

/// The layout of the whole store.
pub(super) fn layout() -> Vec<u8> {
    b"{eg:admin}:layout".to_vec()
}
