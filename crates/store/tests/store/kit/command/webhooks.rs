//! Random commands about endpoints and deliveries.

use evogate_models::Millis;
use proptest::prelude::*;

use super::{Fence, Pick, fence, pick, rarely, tenant};

/// Endpoints that commands name are numbers of a few for each tenant, and so are what they subscribe to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Webhook {
    CreateEndpoint {
        tenant: u8,
        endpoint: u8,
        kinds: u8,
    },
    ChangeEndpoint {
        tenant: u8,
        endpoint: u8,
        kinds: Option<u8>,
        /// To another address.
        moves: bool,
        disabled: Option<bool>,
        rotates: bool,
    },
    DeleteEndpoint {
        tenant: u8,
        endpoint: u8,
    },
    Test {
        tenant: u8,
        endpoint: u8,
    },
    RotateSecret {
        tenant: u8,
        overlap: Millis,
    },
    Redeliver {
        delivery: Pick,
        foreign: bool,
    },
    Claim {
        good: usize,
        suspect: usize,
        lease: Millis,
    },
    Attempted {
        delivery: Pick,
        foreign: bool,
        fence: Fence,
        outcome: Attempted,
        /// Full jitter, or none.
        jitter: bool,
    },
    Postpone {
        delivery: Pick,
        foreign: bool,
        fence: Fence,
        wait: Millis,
    },
}

/// What came of an attempt to deliver.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attempted {
    Answered(u16, Option<Millis>),
    Silent,
    NotSent,
    Gone,
}

fn delivery() -> impl Strategy<Value = (Pick, bool, Fence)> {
    (pick(), prop::bool::weighted(0.1), fence())
}

fn attempted() -> impl Strategy<Value = Attempted> {
    let asked = prop::option::of(0..50_000_000_i64);
    prop_oneof![
        6 => Just(Attempted::Answered(200, None)),
        1 => asked.prop_map(|asked| Attempted::Answered(429, asked)),
        1 => Just(Attempted::Answered(500, Some(90_000))),
        1 => Just(Attempted::Answered(410, None)),
        3 => Just(Attempted::Silent),
        1 => Just(Attempted::NotSent),
        1 => Just(Attempted::Gone),
    ]
}

fn room() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0), 3 => 1..4_usize, 4 => Just(50)]
}

/// What workers do.
pub(super) fn by_workers() -> impl Strategy<Value = Webhook> {
    prop_oneof![
        6 => (room(), room(), 1_000..60_000_i64)
            .prop_map(|(good, suspect, lease)| Webhook::Claim { good, suspect, lease }),
        9 => (delivery(), attempted(), any::<bool>()).prop_map(
            |((delivery, foreign, fence), outcome, jitter)| {
                Webhook::Attempted { delivery, foreign, fence, outcome, jitter }
            }
        ),
        2 => (delivery(), 0..10_000_i64).prop_map(|((delivery, foreign, fence), wait)| {
            Webhook::Postpone { delivery, foreign, fence, wait }
        }),
    ]
}

/// What tenants do.
pub(super) fn by_tenants() -> impl Strategy<Value = Webhook> {
    let endpoint = || (tenant(), 0..3_u8);
    let change = (
        prop::option::weighted(0.3, 0..4_u8),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.6, prop::bool::weighted(0.3)),
        prop::bool::weighted(0.2),
    );
    prop_oneof![
        6 => (endpoint(), 0..4_u8).prop_map(|((tenant, endpoint), kinds)| {
            Webhook::CreateEndpoint { tenant, endpoint, kinds }
        }),
        4 => (endpoint(), change).prop_map(
            |((tenant, endpoint), (kinds, moves, disabled, rotates))| {
                Webhook::ChangeEndpoint { tenant, endpoint, kinds, moves, disabled, rotates }
            }
        ),
        1 => endpoint().prop_map(|(tenant, endpoint)| Webhook::DeleteEndpoint { tenant, endpoint }),
        2 => endpoint().prop_map(|(tenant, endpoint)| Webhook::Test { tenant, endpoint }),
        1 => (tenant(), 0..60_000_i64)
            .prop_map(|(tenant, overlap)| Webhook::RotateSecret { tenant, overlap }),
        3 => (pick(), rarely()).prop_map(|(delivery, foreign)| Webhook::Redeliver { delivery, foreign }),
    ]
}
