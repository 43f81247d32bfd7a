//! The token in the callback URL of a submit: it names the tenant and the task, and nobody but us can
//! make one.
//!
//! EvoLink's callbacks are unsigned, so the URL is the proof: HMAC-SHA-256 under `callbacks.secret`
//! over everything the token says. It also says what the task's hold was and when, so that a record
//! that the store lost can be made again from it.

mod probe;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evogate_models::task::{MediaKind, Task};
use evogate_models::{Credits, Millis, TaskId, TenantId, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use url::Url;

use crate::secret::Secret;
pub use probe::Probe;

/// What a callback's tag is made over, before the token's own words.
const CALLBACK: &[u8] = b"evogate callback v1\0";
/// How long after `tasks.deadline` a token still counts (invariant 9).
pub(crate) const GRACE: Millis = 3_600_000;
/// The bytes of the tag at a token's end.
const TAG: usize = 32;
/// The longest token that is looked at.
const MAX: usize = 512;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Whose task it is.
    pub tenant: TenantId,
    /// The task.
    pub task: TaskId,
    /// What it makes.
    pub kind: MediaKind,
    /// What was held.
    pub estimate: Credits,
    /// When.
    pub created: Timestamp,
}

impl Claims {
    /// What a token for `task` says.
    pub fn of(task: &Task) -> Self {
        Self {
            tenant: task.tenant.clone(),
            task: task.id.clone(),
            kind: task.spec.kind,
            estimate: task.estimate,
            created: task.created,
        }
    }
}

/// Makes and checks tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    secret: Secret,
    public_url: Url,
    valid_for: Millis,
}

impl Tokens {
    /// Tokens under `secret`, in URLs below `public_url`, for tasks that live until `deadline` after
    /// their hold.
    pub fn new(secret: Secret, public_url: Url, deadline: Millis) -> Self {
        Self {
            secret,
            public_url,
            valid_for: deadline.saturating_add(GRACE),
        }
    }

    fn mac(&self, purpose: &[u8], payload: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()).ok()?;
        mac.update(purpose);
        mac.update(payload);
        Some(mac)
    }

    /// The URL for EvoLink to call.
    pub fn url(&self, claims: &Claims) -> Option<String> {
        Some(self.at(&self.mint(claims)?))
    }

    fn at(&self, token: &str) -> String {
        format!("{}callbacks/evolink/{token}", self.public_url)
    }

    fn mint(&self, claims: &Claims) -> Option<String> {
        let Claims {
            tenant,
            task,
            kind,
            estimate,
            created,
        } = claims;
        let kind = kind.as_str();
        let payload = format!(
            "{tenant}|{task}|{kind}|{}|{}",
            estimate.micro(),
            created.millis()
        );
        let mut bytes = payload.into_bytes();
        let tag = self.mac(CALLBACK, &bytes)?.finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What the token says, if it is one of ours and has not run out.
    pub fn check(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (payload, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        self.mac(CALLBACK, payload)?.verify_slice(tag).ok()?;
        let mut parts = std::str::from_utf8(payload).ok()?.split('|');
        let claims = Claims {
            tenant: parts.next()?.parse().ok()?,
            task: parts.next()?.parse().ok()?,
            kind: match parts.next()? {
                "video" => MediaKind::Video,
                "image" => MediaKind::Image,
                "audio" => MediaKind::Audio,
                _ => return None,
            },
            estimate: Credits::from_micro(parts.next()?.parse().ok()?)?,
            created: Timestamp::from_millis(parts.next()?.parse().ok()?),
        };
        (now.since(claims.created) <= self.valid_for).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn tokens() -> Tokens {
        let url = Url::parse("https://evogate.example.com/").unwrap();
        Tokens::new(
            Secret::new("0123456789abcdef0123456789abcdef"),
            url,
            26 * 3_600_000,
        )
    }

    pub(super) fn claims() -> Claims {
        Claims {
            tenant: "a".repeat(64).parse().unwrap(),
            task: "task-unified-1772203771-yf1dxogh".parse().unwrap(),
            kind: MediaKind::Video,
            estimate: "17.784".parse().unwrap(),
            created: Timestamp::from_seconds(1_772_203_771),
        }
    }

    #[test]
    fn a_token_says_what_it_was_made_of_and_fits_into_evolinks_limit() {
        let url = tokens().url(&claims()).unwrap();
        assert!(url.len() <= 2048, "{}", url.len());
        let token = url
            .strip_prefix("https://evogate.example.com/callbacks/evolink/")
            .unwrap();
        assert_eq!(tokens().check(token, claims().created), Some(claims()));
    }

    #[test]
    fn a_token_runs_out_an_hour_after_the_tasks_deadline() {
        let token = tokens().mint(&claims()).unwrap();
        let last = claims().created.plus(27 * 3_600_000);
        assert!(tokens().check(&token, last).is_some());
        assert!(tokens().check(&token, last.plus(1)).is_none());
    }

    #[test]
    fn another_secret_makes_other_tokens() {
        let other = Tokens {
            secret: Secret::new("another secret of thirty-two byte"),
            ..tokens()
        };
        let token = other.mint(&claims()).unwrap();
        assert!(tokens().check(&token, claims().created).is_none());
    }

    proptest! {
        #[test]
        fn a_token_that_was_changed_anywhere_is_none(at: prop::sample::Index, with in "[A-Za-z0-9_-]") {
            let token = tokens().mint(&claims()).unwrap();
            let at = at.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != token);
            prop_assert!(tokens().check(&changed, claims().created).is_none());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = tokens().check(&text, claims().created);
        }
    }
}
