//! Endpoints: where a tenant wants its events, and the secrets that sign what is sent there.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::event::EventKind;
use crate::{EndpointId, TenantId, Timestamp};

/// The most endpoints that a tenant has: the step that ends a task tells all of them.
pub const MOST_ENDPOINTS: usize = 50;
/// The most secrets that sign at a time: the current one, and those that were rotated out of late.
const MOST_SECRETS: usize = 5;

/// A secret that signs webhooks, as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    /// The secret: the key itself, or what the key with the id `sealed_with` made of it.
    pub bytes: Vec<u8>,
    /// The key that opens it; none where it is kept as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_with: Option<String>,
    /// Until when it signs; none for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl StoredSecret {
    /// A secret that is kept as it is.
    pub const fn plain(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            sealed_with: None,
            until: None,
        }
    }

    /// Does it sign at `now`?
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl From<Vec<u8>> for StoredSecret {
    fn from(bytes: Vec<u8>) -> Self {
        Self::plain(bytes)
    }
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSecret")
            .field("sealed_with", &self.sealed_with)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// A rotation: what was sent before goes on being verified with the secrets before, until `until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The new secret.
    pub secret: StoredSecret,
    /// The end of the overlap.
    pub until: Timestamp,
}

/// The secrets after a rotation, the newest last. Those whose time is over are gone.
pub fn rotate(secrets: &mut Vec<StoredSecret>, rotation: &Rotation, now: Timestamp) {
    for secret in secrets.iter_mut() {
        secret.until = Some(
            secret
                .until
                .map_or(rotation.until, |old| old.min(rotation.until)),
        );
    }
    secrets.retain(|secret| secret.is_current(now));
    secrets.push(rotation.secret.clone());
    let surplus = secrets.len().saturating_sub(MOST_SECRETS);
    secrets.drain(..surplus);
}

/// Reads a list of secrets, or the one secret that records had before there were lists.
pub fn secrets<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<StoredSecret>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        One(Vec<u8>),
        List(Vec<StoredSecret>),
    }
    Ok(match Form::deserialize(from)? {
        Form::One(bytes) if bytes.is_empty() => Vec::new(),
        Form::One(bytes) => vec![bytes.into()],
        Form::List(list) => list,
    })
}

/// Why and when an endpoint was disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
}

/// Where a tenant wants its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The address.
    pub url: String,
    /// The kinds of events that it gets; empty for all.
    pub events: Vec<EventKind>,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// What signs its deliveries, the newest last.
    pub secrets: Vec<StoredSecret>,
    /// It gets nothing while it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
}

/// A change of an endpoint; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// Its address.
    pub url: Option<String>,
    /// The kinds of events that it gets.
    pub events: Option<Vec<EventKind>>,
    /// What it is.
    pub description: Option<Option<String>>,
    /// Enabled (`None` inside), or disabled and why.
    pub disabled: Option<Option<String>>,
    /// A new secret.
    pub rotation: Option<Rotation>,
}

impl Endpoint {
    /// Does it get events of this kind?
    pub fn takes(&self, kind: EventKind) -> bool {
        self.disabled.is_none()
            && kind.is_subscribable()
            && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// The endpoint after a change.
    #[must_use]
    pub fn changed(mut self, change: &EndpointChange, now: Timestamp) -> Self {
        if let Some(url) = &change.url {
            self.url.clone_from(url);
        }
        if let Some(events) = &change.events {
            self.events.clone_from(events);
        }
        if let Some(description) = &change.description {
            self.description.clone_from(description);
        }
        match &change.disabled {
            None => {}
            Some(None) => self.disabled = None,
            // One that is disabled already stays so since then, and for the first reason.
            Some(Some(_)) if self.disabled.is_some() => {}
            Some(Some(why)) => {
                self.disabled = Some(Disabled {
                    at: now,
                    why: why.clone(),
                });
            }
        }
        if let Some(rotation) = &change.rotation {
            rotate(&mut self.secrets, rotation, now);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn rotation(byte: u8, overlap: i64) -> Rotation {
        Rotation {
            secret: StoredSecret::plain(vec![byte; 32]),
            until: NOW.plus(overlap),
        }
    }

    fn signing(secrets: &[StoredSecret], now: Timestamp) -> Vec<u8> {
        let current = secrets.iter().filter(|secret| secret.is_current(now));
        current
            .filter_map(|secret| secret.bytes.first().copied())
            .collect()
    }

    #[test]
    fn a_rotated_secret_signs_beside_the_new_one_until_the_overlap_is_over() {
        let mut secrets = vec![StoredSecret::plain(vec![1; 32])];
        rotate(&mut secrets, &rotation(2, 1_000), NOW);
        assert_eq!(signing(&secrets, NOW.plus(999)), [1, 2]);
        assert_eq!(signing(&secrets, NOW.plus(1_000)), [2]);
        rotate(&mut secrets, &rotation(3, 5_000), NOW);
        assert_eq!(
            signing(&secrets, NOW.plus(1_000)),
            [2, 3],
            "an overlap is never made longer"
        );
        rotate(&mut secrets, &rotation(4, 0), NOW);
        assert_eq!(signing(&secrets, NOW), [4]);
    }

    #[test]
    fn there_are_never_more_than_a_few_secrets() {
        let mut secrets = Vec::new();
        for byte in 1..20 {
            rotate(&mut secrets, &rotation(byte, 1_000), NOW);
        }
        assert_eq!(signing(&secrets, NOW), [15, 16, 17, 18, 19]);
    }

    #[test]
    fn the_one_secret_of_older_records_is_read() {
        #[derive(Deserialize)]
        struct Record {
            #[serde(deserialize_with = "secrets")]
            secrets: Vec<StoredSecret>,
        }
        let read = |text: &str| serde_json::from_str::<Record>(text).unwrap().secrets;
        assert_eq!(
            read(r#"{"secrets":[7,8]}"#),
            [StoredSecret::plain(vec![7, 8])]
        );
        assert_eq!(read(r#"{"secrets":[]}"#), []);
        let sealed = StoredSecret {
            bytes: vec![1],
            sealed_with: Some("a".to_owned()),
            until: Some(NOW),
        };
        let list = serde_json::to_string(&vec![sealed.clone()]).unwrap();
        assert_eq!(read(&format!(r#"{{"secrets":{list}}}"#)), [sealed]);
    }
}
