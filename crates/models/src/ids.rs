//! Names of things. Each is a type of its own, checked once where it enters, so that no text from a
//! request can become part of a key in the store by accident.

mod packed;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { what: $what, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                String::from(&*id.0)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                packed::write(&self.0, encoder)
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let text = packed::read(decoder)?;
                text.parse().map_err(minicbor::decode::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn every(text: &str, allowed: fn(u8) -> bool) -> bool {
    text.bytes().all(allowed)
}

id!(
    /// A tenant's id, chosen by an admin: part of every key of the tenant's in the store.
    TenantId,
    "a tenant's id",
    "1 to 64 characters of a-z, 0-9, '-' and '_', starting with a letter or digit",
    |text| {
        (1..=64).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && every(text, |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    }
);

id!(
    /// A task's id as clients know it: minted by us when the hold is taken, in EvoLink's format
    /// `task-unified-<unix seconds>-<8 of a-z0-9>`.
    TaskId,
    "a task's id",
    "task-unified-<unix seconds>-<8 of a-z0-9>",
    |text| {
        text.strip_prefix("task-unified-").and_then(|rest| rest.split_once('-')).is_some_and(
            |(seconds, random)| {
                seconds.len() == 10
                    && every(seconds, |b| b.is_ascii_digit())
                    && random.len() == 8
                    && every(random, |b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
            },
        )
    }
);

id!(
    /// A task's id as EvoLink knows it. Opaque to us; it becomes part of a URL path and of a key,
    /// so only harmless characters are taken.
    UpstreamId,
    "EvoLink's task id",
    "1 to 128 characters of A-Z, a-z, 0-9, '-', '_' and '.', and not dots alone",
    |text| {
        (1..=128).contains(&text.len())
            && every(text, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && !every(text, |b| b == b'.')
    }
);

id!(
    /// The public part of a key minted here; the secret part is only ever kept as a hash.
    KeyId,
    "a key's id",
    "key_ and 1 to 32 characters of a-z and 0-9",
    |text| {
        text.strip_prefix("key_").is_some_and(|rest| {
            (1..=32).contains(&rest.len()) && every(rest, |b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
        })
    }
);

id!(
    /// A webhook event's id, the same on every attempt (`webhook-id`).
    EventId,
    "an event's id",
    "msg_ and 1 to 64 characters of A-Z, a-z, 0-9, '-' and '_'",
    |text| {
        text.strip_prefix("msg_").is_some_and(|rest| {
            (1..=64).contains(&rest.len())
                && every(rest, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        })
    }
);

id!(
    /// An endpoint's id.
    EndpointId,
    "an endpoint's id",
    "ep_ and 1 to 32 characters of a-z and 0-9",
    |text| {
        text.strip_prefix("ep_").is_some_and(|rest| {
            (1..=32).contains(&rest.len()) && every(rest, |b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
        })
    }
);

/// The alphabet of ids, in the order in which texts are sorted.
const ORDERED: [char; 36] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i',
    'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
];

/// `length` characters of a-z0-9 from random bits (5.17 bits each; 24 fit into 128 bits).
fn letters(mut random: u128, length: usize) -> String {
    let mut text = String::with_capacity(length);
    for _ in 0..length {
        let index = usize::try_from(random % 36).unwrap_or(0);
        text.push(ORDERED.get(index).copied().unwrap_or('a'));
        random /= 36;
    }
    text
}

impl TaskId {
    /// A new id for a task taken at `created`. Its seconds show in the id, and the first two of its last
    /// eight characters grow with the milliseconds, so that ids are in the order of time; the other six
    /// are random.
    pub fn mint(created: crate::Timestamp, random: u128) -> Self {
        let seconds = created.seconds().clamp(1_000_000_000, 9_999_999_999);
        let millis = usize::try_from(created.millis().rem_euclid(1000)).unwrap_or(0);
        let digit = |n: usize| ORDERED.get(n).copied().unwrap_or('0');
        let (high, low) = (digit(millis / 36), digit(millis % 36));
        Self(format!("task-unified-{seconds}-{high}{low}{}", letters(random, 6)).into())
    }

    /// A bound in the order of ids: every id of `second` or an earlier one is less, and every id of a later
    /// one is not.
    pub fn first_after(second: i64) -> String {
        format!(
            "task-unified-{:010}-",
            second.clamp(0, 9_999_999_999).saturating_add(1)
        )
    }

    /// The Unix seconds in the id.
    pub fn seconds(&self) -> i64 {
        self.0
            .get(13..23)
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(0)
    }
}

/// A task's id without what all of them begin with: what is left of it in places that many tasks share.
impl TaskId {
    /// The seconds and the random letters, without the dash.
    pub fn short(&self) -> String {
        self.short_parts().concat()
    }

    /// The seconds, and the random letters.
    pub fn short_parts(&self) -> [&str; 2] {
        let id = self.as_str();
        [id.get(13..23), id.get(24..)].map(Option::unwrap_or_default)
    }

    /// The id of which `short` is left.
    pub fn from_short(short: &str) -> Result<Self, InvalidId> {
        let (seconds, letters) = short.split_at_checked(10).unwrap_or((short, ""));
        format!("task-unified-{seconds}-{letters}").parse()
    }
}

impl KeyId {
    /// A new key id.
    pub fn mint(random: u128) -> Self {
        Self(format!("key_{}", letters(random, 16)).into())
    }
}

impl EndpointId {
    /// A new endpoint's id.
    pub fn mint(random: u128) -> Self {
        Self(format!("ep_{}", letters(random, 16)).into())
    }
}

/// A kind of event as part of an id.
fn dashed(event: &str) -> String {
    let dashed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    event.chars().map(dashed).take(24).collect()
}

/// Derived ids: the same event has the same id whoever records it.
impl EventId {
    /// The id of a task's event.
    pub fn of_task(task: &TaskId, event: &str) -> Self {
        let task = task
            .as_str()
            .strip_prefix("task-unified-")
            .unwrap_or_default();
        Self(format!("msg_{task}-{}", dashed(event)).into())
    }

    /// The id of an event that came with the tenant's journal entry `seq`.
    pub fn of_entry(seq: u64, event: &str) -> Self {
        Self(format!("msg_entry-{seq}-{}", dashed(event)).into())
    }

    /// The id of an endpoint's event.
    pub fn of_endpoint(endpoint: &EndpointId, at: crate::Timestamp, event: &str) -> Self {
        let endpoint = endpoint.as_str().strip_prefix("ep_").unwrap_or_default();
        let endpoint = endpoint.get(..16).unwrap_or(endpoint);
        let at = at.millis().max(0);
        Self(format!("msg_{endpoint}-{at}-{}", dashed(event)).into())
    }

    /// The id of a test of somebody's.
    pub fn mint_test(random: u128) -> Self {
        Self(format!("msg_test-{}", letters(random, 16)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn evolinks_own_id_is_a_task_id() {
        let id: TaskId = "task-unified-1772203771-yf1dxogh".parse().unwrap();
        assert_eq!(id.seconds(), 1_772_203_771);
    }

    #[test]
    fn what_could_escape_a_key_or_a_path_is_no_id() {
        for text in ["", "..", "a/b", "a b", "a\n", "ä", "A:1", &"x".repeat(129)] {
            assert!(text.parse::<UpstreamId>().is_err(), "{text:?}");
        }
        for text in ["", "Demo", "-a", "a.b", "a:b", "a b", &"x".repeat(65)] {
            assert!(text.parse::<TenantId>().is_err(), "{text:?}");
        }
        for text in [
            "task-unified-1-abcdefgh",
            "task-unified-1772203771-ABCDEFGH",
            "task-1",
        ] {
            assert!(text.parse::<TaskId>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn ids_are_in_the_order_of_time(first in 1..4_000_000_000_i64, span in 1..100_000_i64, a: u128, b: u128) {
            let first = Timestamp::from_millis(1_700_000_000_000 + first);
            prop_assert!(TaskId::mint(first, a) < TaskId::mint(first.plus(span), b));
        }

        #[test]
        fn a_bound_parts_ids_by_their_second(at in 1..4_000_000_000_i64, bound in 1..4_000_000_000_i64, random: u128) {
            let seconds = |offset: i64| 1_700_000_000 + offset / 1_000;
            let id = TaskId::mint(Timestamp::from_millis(1_700_000_000_000 + at), random);
            let less = id.as_str() < TaskId::first_after(seconds(bound)).as_str();
            prop_assert_eq!(less, id.seconds() <= seconds(bound));
        }

        #[test]
        fn minted_ids_parse(millis in -1_i64..20_000_000_000_000, random: u128) {
            let id = TaskId::mint(Timestamp::from_millis(millis), random);
            prop_assert_eq!(id.as_str().parse::<TaskId>().unwrap(), id.clone());
            prop_assert_eq!(TaskId::from_short(&id.short()), Ok(id.clone()));
            let event = EventId::of_task(&id, "task.completed");
            prop_assert!(event.as_str().parse::<EventId>().is_ok());
            prop_assert!(KeyId::mint(random).as_str().parse::<KeyId>().is_ok());
            let endpoint = EndpointId::mint(random);
            prop_assert_eq!(endpoint.as_str().parse::<EndpointId>().unwrap(), endpoint.clone());
            let at = Timestamp::from_millis(millis);
            for event in [
                EventId::of_endpoint(&endpoint, at, "endpoint.disabled"),
                EventId::of_entry(u64::MAX, "credits.low"),
                EventId::mint_test(random),
            ] {
                prop_assert!(event.as_str().parse::<EventId>().is_ok(), "{}", event);
            }
        }
    }
}
