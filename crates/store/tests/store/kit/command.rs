//! Random commands, before anybody knows which tasks there are.

mod moves;
mod webhooks;

use evogate_models::Millis;
use proptest::prelude::*;

pub(crate) use moves::{Move, Said, Upstream};
pub(crate) use webhooks::{Attempted, Webhook};

/// One of what there is, counted from the newest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pick(pub(crate) u8);

/// A fencing token.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fence {
    /// The one that was given out last.
    Last,
    /// One given out before.
    Older,
    /// One never given out.
    Newer,
}

/// A command. Tenants, users, keys and bodies are numbers of a few that there may be.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    CreateTenant(u8),
    ChangeTenant {
        tenant: u8,
        suspended: Option<bool>,
        limits: Option<Limits>,
    },
    Grant {
        tenant: u8,
        micro: i64,
        key: Option<u8>,
    },
    AddKey {
        tenant: u8,
        key: u8,
        digest: u8,
        cap: Option<i64>,
        lives: Option<Millis>,
    },
    RotateKey {
        tenant: u8,
        key: u8,
        digest: u8,
        overlap: Millis,
    },
    DeleteKey {
        tenant: u8,
        key: u8,
    },
    Submit(Request),
    Turn {
        task: Pick,
        foreign: bool,
        /// A move that the task's state does not allow is made into one that it does.
        fitting: bool,
        step: Move,
    },
    /// Of a task that is there, or of one that is not.
    Restore {
        known: Option<Pick>,
        tenant: u8,
        key: Option<u8>,
        callback: bool,
    },
    ClaimDue {
        limit: usize,
        lease: Millis,
    },
    /// Endpoints and deliveries.
    Webhook(Webhook),
    Sweep,
    Wait(Millis),
    /// The process ends, and the next one opens the store.
    Restart,
}

/// A tenant's quota, as far as it is a matter of sums. Amounts are micro-credits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) unlimited: bool,
    pub(crate) in_flight: Option<u32>,
    pub(crate) per_day: Option<i64>,
    pub(crate) per_week: Option<i64>,
    pub(crate) user_per_day: Option<i64>,
    pub(crate) key_per_day: Option<i64>,
    /// Below this balance the tenant is told.
    pub(crate) low: Option<i64>,
}

/// A submit.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) tenant: u8,
    pub(crate) user: Option<u8>,
    /// The key that it came with.
    pub(crate) with: Option<u8>,
    pub(crate) body: u8,
    /// The idempotency key.
    pub(crate) key: Option<u8>,
    pub(crate) micro: i64,
    pub(crate) callback: bool,
    pub(crate) may_create: bool,
    /// Was the tenant looked at before its last change?
    pub(crate) stale: bool,
    /// The id of this task instead of a new one.
    pub(crate) id_of: Option<Pick>,
}

/// Tenants that commands name. The last one is never made.
pub(crate) const TENANTS: [&str; 4] = ["demo", "free", "slow", "nobody"];

fn tenant() -> impl Strategy<Value = u8> {
    prop_oneof![20 => Just(0), 8 => Just(1), 2 => Just(2), 1 => Just(3)]
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![6 => Just(0), 3 => 0..4_u8, 1 => any::<u8>()].prop_map(Pick)
}

fn fence() -> impl Strategy<Value = Fence> {
    prop_oneof![8 => Just(Fence::Last), 2 => Just(Fence::Older), 1 => Just(Fence::Newer)]
}

/// Amounts of up to 40 credits, small ones and nothing among them.
fn micro() -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(0), 1 => 1..10_i64, 2 => Just(10_000_000), 6 => 0..40_000_000_i64]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.05)
}

fn limits() -> impl Strategy<Value = Limits> {
    let sum = || prop::option::weighted(0.3, 0..60_000_000_i64);
    let in_flight = prop::option::weighted(0.3, 0..4_u32);
    let low = prop::option::weighted(0.6, 0..60_000_000_i64);
    (any::<bool>(), in_flight, sum(), sum(), sum(), sum(), low).prop_map(
        |(unlimited, in_flight, per_day, per_week, user_per_day, key_per_day, low)| Limits {
            unlimited,
            in_flight,
            per_day,
            per_week,
            user_per_day,
            key_per_day,
            low,
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let who = (
        tenant(),
        prop::option::of(0..2_u8),
        prop::option::weighted(0.3, prop_oneof![2 => Just(0), 1 => 0..3_u8]),
    );
    let what = (0..3_u8, prop::option::weighted(0.4, 0..3_u8), micro());
    let how = (
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.9),
        rarely(),
    );
    let id_of = prop::option::weighted(0.05, pick());
    (who, what, how, id_of).prop_map(
        |((tenant, user, with), (body, key, micro), (callback, may_create, stale), id_of)| {
            Request {
                tenant,
                user,
                with,
                body,
                key,
                micro,
                callback,
                may_create,
                stale,
                id_of,
            }
        },
    )
}

/// Spans around every deadline that there is: leases, repeats, unknown submits, tasks, keys, and what is
/// kept after that.
fn span() -> impl Strategy<Value = Millis> {
    prop_oneof![
        4 => 0..3_000_i64,
        4 => 0..20_000_i64,
        2 => 0..150_000_i64,
        1 => 0..700_000_i64,
        1 => 86_000_000..90_000_000_i64,
        1 => 7_000_000..200_000_000_i64,
    ]
}

fn claim() -> impl Strategy<Value = (usize, Millis)> {
    (prop_oneof![1..4_usize, Just(50)], 1_000..60_000_i64)
}

fn by_admins() -> impl Strategy<Value = Command> {
    let key = || (tenant(), 0..3_u8);
    let cap = prop::option::weighted(0.3, micro());
    let lives = prop::option::weighted(0.2, span());
    let suspended = prop::option::weighted(0.3, prop::bool::weighted(0.2));
    prop_oneof![
        1 => (0..3_u8).prop_map(Command::CreateTenant),
        2 => (tenant(), suspended, prop::option::of(limits())).prop_map(
            |(tenant, suspended, limits)| Command::ChangeTenant { tenant, suspended, limits }
        ),
        4 => (tenant(), prop_oneof![0..20_000_000_i64, -40_000_000..0_i64], prop::option::weighted(0.3, 0..2_u8))
            .prop_map(|(tenant, micro, key)| Command::Grant { tenant, micro, key }),
        3 => (key(), 0..6_u8, cap, lives).prop_map(|((tenant, key), digest, cap, lives)| {
            Command::AddKey { tenant, key, digest, cap, lives }
        }),
        1 => (key(), 0..6_u8, 0..60_000_i64).prop_map(|((tenant, key), digest, overlap)| {
            Command::RotateKey { tenant, key, digest, overlap }
        }),
        1 => key().prop_map(|(tenant, key)| Command::DeleteKey { tenant, key }),
    ]
}

fn of_workers() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => claim().prop_map(|(limit, lease)| Command::ClaimDue { limit, lease }),
        14 => webhooks::by_workers().prop_map(Command::Webhook),
        2 => Just(Command::Sweep),
    ]
}

/// One command of those that every engine takes.
pub(crate) fn command() -> impl Strategy<Value = Command> {
    let restored = (
        prop::option::weighted(0.3, pick()),
        tenant(),
        prop::option::of(0..3_u8),
    );
    prop_oneof![
        8 => by_admins(),
        11 => request().prop_map(Command::Submit),
        28 => (pick(), rarely(), prop::bool::weighted(0.7), moves::step())
            .prop_map(|(task, foreign, fitting, step)| Command::Turn { task, foreign, fitting, step }),
        1 => (restored, any::<bool>()).prop_map(|((known, tenant, key), callback)| {
            Command::Restore { known, tenant, key, callback }
        }),
        21 => of_workers(),
        6 => webhooks::by_tenants().prop_map(Command::Webhook),
        8 => span().prop_map(Command::Wait),
    ]
}

/// Commands for an engine whose leases end with its process.
pub(crate) fn with_restarts() -> impl Strategy<Value = Command> {
    prop_oneof![80 => command(), 1 => Just(Command::Restart)]
}

/// What every case begins with: a tenant with a limit and a key, and one without.
pub(crate) fn prologue() -> [Command; 5] {
    let limits = Limits {
        unlimited: true,
        in_flight: None,
        per_day: None,
        per_week: None,
        user_per_day: None,
        key_per_day: None,
        low: None,
    };
    [
        Command::CreateTenant(0),
        Command::Grant {
            tenant: 0,
            micro: 60_000_000,
            key: None,
        },
        Command::CreateTenant(1),
        Command::ChangeTenant {
            tenant: 1,
            suspended: None,
            limits: Some(limits),
        },
        Command::AddKey {
            tenant: 0,
            key: 0,
            digest: 0,
            cap: Some(30_000_000),
            lives: None,
        },
    ]
}
