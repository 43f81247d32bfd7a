//! A look at a store from outside, for who wants to know whether a gateway could work with it. Nothing is
//! written, made or locked for longer than the look takes.

use std::io::ErrorKind;
use std::path::Path;

use evogate_models::Timestamp;
use redb::{DatabaseError, ReadOnlyDatabase, StorageError};

use crate::durability::Durability;
use crate::error::StoreError;
use crate::redis;
use crate::redis::link::{Link, LinkOptions};
use crate::redis::url::RedisUrl;

/// What a Redis shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSeen {
    /// What its set-up can lose.
    pub durability: Durability,
    /// Into how many shards the store is divided that is there; none when there is none yet.
    pub shards: Option<u16>,
    /// The time on its clock.
    pub now: Timestamp,
}

/// What the file of an embedded store shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSeen {
    /// There is none: the first start makes it.
    Absent,
    /// Another process has it open: a gateway that runs.
    InUse,
    /// It was closed in order.
    Closed,
    /// Its process was killed: the next start repairs it.
    Unclean,
}

/// Looks at the Redis at `url`.
pub async fn redis(url: &RedisUrl, options: &LinkOptions) -> Result<RedisSeen, StoreError> {
    let link = Link::open(url, options)?;
    let seen = redis::examine(&link, options.wait_aof).await;
    link.close().await;
    seen
}

/// Looks at the file of an embedded store. Blocks for as long as the disk takes.
pub fn embedded(path: &Path) -> Result<FileSeen, StoreError> {
    match ReadOnlyDatabase::open(path) {
        Ok(_) => Ok(FileSeen::Closed),
        Err(DatabaseError::DatabaseAlreadyOpen) => Ok(FileSeen::InUse),
        Err(DatabaseError::RepairAborted) => Ok(FileSeen::Unclean),
        Err(DatabaseError::Storage(StorageError::Io(error)))
            if error.kind() == ErrorKind::NotFound =>
        {
            Ok(FileSeen::Absent)
        }
        Err(error) => Err(StoreError::Unavailable(error.to_string())),
    }
}
