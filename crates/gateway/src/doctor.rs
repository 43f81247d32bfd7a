//! `evogate doctor`: is everything well that a gateway with these settings depends on? Each check says what it
//! found, and what to do where that is not well. None generates anything, changes anything, or takes longer than
//! [`LIMIT`]; all run at once.

mod callbacks;
mod disk;
mod evolink;
mod identity;
mod otlp;
mod settings;
mod store;

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use serde::Serialize;

use crate::config::{Config, Warning};

/// The longest that one check may take.
pub const LIMIT: Duration = Duration::from_secs(15);

/// How it is with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is well.
    Ok,
    /// It works, and somebody should know.
    Warning,
    /// It does not work.
    Bad,
    /// It is not in use, so that there is nothing to check.
    Off,
}

impl Status {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Off => "off",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: a stable name, with the name of an identity provider where there are several.
    pub check: String,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to do about it; none where all is well.
    pub to_do: Option<String>,
}

impl Finding {
    fn ok(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, found, None)
    }

    fn off(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Off, found, None)
    }

    fn warning(check: &str, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self::new(check, Status::Warning, found, Some(to_do.into()))
    }

    fn bad(check: &str, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self::new(check, Status::Bad, found, Some(to_do.into()))
    }

    fn new(check: &str, status: Status, found: impl Into<String>, to_do: Option<String>) -> Self {
        Self {
            check: check.to_owned(),
            status,
            found: found.into(),
            to_do,
        }
    }
}

/// Everything that was found, in an order that does not change.
pub async fn examine(config: &Config, warnings: &[Warning]) -> Vec<Finding> {
    let checks: [(&str, BoxFuture<'_, Vec<Finding>>); 7] = [
        (
            "settings",
            async { settings::examine(config, warnings) }.boxed(),
        ),
        ("store", store::examine(config).boxed()),
        ("disk", disk::examine(config).boxed()),
        ("evolink", evolink::examine(config).boxed()),
        ("callbacks", callbacks::examine(config).boxed()),
        ("identity", identity::examine(config).boxed()),
        ("otlp", otlp::examine(config).boxed()),
    ];
    let checks = checks.map(|(name, check)| bounded(name, check, LIMIT));
    join_all(checks).await.concat()
}

async fn bounded(name: &str, check: BoxFuture<'_, Vec<Finding>>, limit: Duration) -> Vec<Finding> {
    let found = tokio::time::timeout(limit, check).await;
    found.unwrap_or_else(|_| {
        let found = format!("took longer than {} s", limit.as_secs());
        let to_do = "find out what it waits for: most often a firewall that drops packets";
        vec![Finding::bad(name, found, to_do)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_check_that_hangs_is_bad_and_ends() {
        let found = bounded("store", std::future::pending().boxed(), Duration::ZERO).await;
        assert_eq!(found[0].status, Status::Bad);
        assert_eq!(found[0].found, "took longer than 0 s");
    }
}
