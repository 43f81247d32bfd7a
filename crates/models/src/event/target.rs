//! Who is told of an event.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::{Position, Url};

use crate::{EndpointId, EventId};

/// How the name of a callback's queue begins.
const CALLBACK: &str = "cb_";

/// Whose queue a delivery waits in. In the order of their texts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// The `callback_url`s of requests that agree in all but the query, by a digest of it: many carry in
    /// the query what they are about. Each event has its own URL whole.
    Callback(Box<str>),
    /// A registered endpoint. Its URL and secrets are looked up when a delivery is sent.
    Endpoint(EndpointId),
}

/// A text that names no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no endpoint's id and no callback's")]
pub struct InvalidTarget;

impl Target {
    /// The target of a `callback_url`.
    pub fn callback(url: &str) -> Self {
        let parsed = Url::parse(url);
        let queue = match &parsed {
            Ok(url) => &url[..Position::AfterPath],
            // What is no URL is a target of its own, whose deliveries fail.
            Err(_) => url,
        };
        let mut name = CALLBACK.to_owned();
        for byte in Sha256::digest(queue.as_bytes()).iter().take(16) {
            let _ = write!(name, "{byte:02x}");
        }
        Self::Callback(name.into())
    }

    /// As text: a key in the store, part of a delivery's id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Endpoint(id) => id.as_str(),
            Self::Callback(name) => name,
        }
    }

    /// The endpoint, if it is one.
    pub fn endpoint(&self) -> Option<&EndpointId> {
        match self {
            Self::Endpoint(id) => Some(id),
            Self::Callback(_) => None,
        }
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        match text.strip_prefix(CALLBACK) {
            Some(digest) => {
                let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
                let good = digest.len() == 32 && digest.bytes().all(hex);
                good.then(|| Self::Callback(text.into()))
                    .ok_or(InvalidTarget)
            }
            None => text.parse().map(Self::Endpoint).map_err(|_| InvalidTarget),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = InvalidTarget;

    fn try_from(text: String) -> Result<Self, InvalidTarget> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.as_str().to_owned()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A delivery's name within its tenant: what is told, and whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The event.
    pub event: EventId,
    /// Its target.
    pub target: Target,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.event, self.target)
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let (event, target) = text.split_once('.').ok_or(InvalidTarget)?;
        Ok(Self {
            event: event.parse().map_err(|_| InvalidTarget)?,
            target: target.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_that_differ_in_the_query_alone_have_one_queue() {
        let target = Target::callback("https://a.example.com/hook?id=1");
        assert_eq!(
            target,
            Target::callback("https://A.example.com:443/hook?id=2")
        );
        for other in [
            "https://a.example.com/other",
            "https://b.example.com/hook",
            "https://a.example.com:8443/hook",
            "http://a.example.com/hook",
            "nothing of the kind",
        ] {
            assert_ne!(target, Target::callback(other), "{other}");
        }
    }

    #[test]
    fn a_delivery_is_named_by_its_event_and_its_target() {
        for text in [
            "msg_1795445631-5ev4k2dm-task-completed.ep_a1b2",
            "msg_entry-7-credits-low.cb_0123456789abcdef0123456789abcdef",
        ] {
            let id: DeliveryId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
        }
        for text in [
            "",
            "msg_a",
            "msg_a.",
            ".ep_a",
            "msg_a.ep_A",
            "msg_a.cb_0",
            "msg_a.cb_0g23456789abcdef0123456789abcdef",
        ] {
            assert_eq!(text.parse::<DeliveryId>(), Err(InvalidTarget), "{text}");
        }
    }
}
