//! What the link's tests share.

use std::time::{Duration, Instant};

use redis::Value;

use super::super::{Link, LinkOptions, Script};
use crate::error::StoreError;

/// Counts up, and answers the count: run twice, it shows.
pub(super) static COUNT: Script = Script::writing("return redis.call('INCRBY', KEYS[1], ARGV[1])");

/// Answers an error reply of its own.
pub(super) static REFUSE: Script =
    Script::reading("return redis.error_reply('EG_NO ' .. ARGV[1] .. ' ' .. KEYS[1])");

pub(super) const TIMEOUT: Duration = Duration::from_millis(800);

/// A link with the default time-out.
pub(super) fn link(url: &str) -> Link {
    let url = url.parse().expect("a URL");
    Link::open(&url, &LinkOptions::new(TIMEOUT)).expect("a link")
}

/// Adds one to a key.
pub(super) async fn count(link: &Link, key: &str) -> Result<i64, StoreError> {
    let answer = link.script(&COUNT, &[key.into()], &["1".into()]).await?;
    match answer {
        Value::Int(count) => Ok(count),
        other => panic!("{other:?}"),
    }
}

/// Adds one until that succeeds, at most 30 s, and says how long it took.
pub(super) async fn count_until_it_works(link: &Link, key: &str) -> (i64, Duration) {
    let begin = Instant::now();
    loop {
        match count(link, key).await {
            Ok(count) => return (count, begin.elapsed()),
            Err(error) => assert!(begin.elapsed() < Duration::from_secs(30), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

pub(super) fn is_unanswered<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unanswered(_)))
}
