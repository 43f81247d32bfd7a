//! Reads from Redis what its set-up promises: every primary is asked what it does with what it is told.

use std::collections::{BTreeMap, HashMap};

use redis::Value;

use super::link::Link;
use crate::durability::{Durability, Gap, GapKind};
use crate::error::StoreError;

/// The oldest version that the scripts are made for.
const OLDEST: u64 = 7;
/// Above this share of the memory it counts as low, in percent.
const FULL: u64 = 90;

/// What the servers behind `link` can lose. `wait_aof`: changes wait for the disk.
pub(crate) async fn check(link: &Link, wait_aof: bool) -> Durability {
    let (info, settings) = (redis::cmd("INFO"), settings());
    let (info, config) = tokio::join!(link.each_primary(&info), link.each_primary(&settings));
    let mut gaps = Vec::new();
    let unreachable = |error: &StoreError| Gap {
        kind: GapKind::Unreachable,
        server: None,
        seen: error.to_string(),
    };
    let (info, config) = match (info, config) {
        (Ok(info), Ok(config)) => (info, config),
        (Err(error), _) | (_, Err(error)) => {
            return Durability {
                gaps: vec![unreachable(&error)],
                lives: BTreeMap::new(),
            };
        }
    };
    let config: HashMap<String, _> = config.into_iter().collect();
    let mut lives = Some(BTreeMap::new());
    for (server, info) in info {
        let seen = Seen {
            info: info.map(|info| lines(&info)),
            config: match config.get(&server) {
                Some(Ok(config)) => Ok(pairs(config)),
                Some(Err(error)) => Err(error.clone()),
                None => Err(StoreError::Unanswered("CONFIG GET".into())),
            },
            fails_over: link.fails_over(),
            wait_aof,
        };
        // Of some alone it would look as if the others were gone.
        lives = lives.zip(seen.life()).map(|(mut lives, life)| {
            lives.insert(server.clone(), life);
            lives
        });
        gaps.extend(seen.gaps().into_iter().map(|(kind, seen)| Gap {
            kind,
            server: Some(server.clone()),
            seen,
        }));
    }
    if link.fails_over() {
        gaps.push(Gap {
            kind: GapKind::AsyncFailover,
            server: None,
            seen: "replicas follow with a delay".to_owned(),
        });
    }
    Durability {
        gaps,
        lives: lives.unwrap_or_default(),
    }
}

fn settings() -> redis::Cmd {
    redis::cmd("CONFIG")
        .arg("GET")
        .arg("appendfsync")
        .arg("no-appendfsync-on-rewrite")
        .take()
}

/// What one server says of itself.
struct Seen {
    info: Result<HashMap<String, String>, StoreError>,
    config: Result<HashMap<String, String>, StoreError>,
    /// Whether a replica takes over by itself.
    fails_over: bool,
    wait_aof: bool,
}

impl Seen {
    /// The replication id: a new one with each start.
    fn life(&self) -> Option<String> {
        self.info.as_ref().ok()?.get("master_replid").cloned()
    }

    fn gaps(&self) -> Vec<(GapKind, String)> {
        let info = match &self.info {
            Ok(info) => info,
            Err(error) => return vec![silent("INFO", error)],
        };
        let mut gaps = Vec::new();
        let text = |name: &str| info.get(name).map(String::as_str);
        let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok());

        if text("role") != Some("master") {
            let role = text("role").unwrap_or("unknown");
            gaps.push((GapKind::NotPrimary, format!("its role is {role}")));
        }
        let version = text("redis_version").unwrap_or_default();
        let (major, minor) = version_of(version);
        if major < OLDEST {
            gaps.push((GapKind::OldVersion, format!("its version is {version}")));
        }
        let waits = self.wait_aof && (major, minor) >= (7, 2);
        if self.wait_aof && !waits {
            let seen = format!("version {version} has no WAITAOF");
            gaps.push((GapKind::WaitAofUnsupported, seen));
        }
        match text("aof_enabled") {
            Some("1") => self.aof(info, waits, &mut gaps),
            Some(_) => {
                gaps.push((GapKind::AofOff, "appendonly is no".to_owned()));
                if waits {
                    let seen = "appendonly is no, so WAITAOF refuses".to_owned();
                    gaps.push((GapKind::WaitAofUnsupported, seen));
                }
            }
            None => gaps.push(unread("INFO persistence")),
        }
        memory(info, &mut gaps);
        if self.fails_over && number("connected_slaves") == Some(0) {
            gaps.push((GapKind::NoReplica, "no replica is connected".to_owned()));
        }
        gaps
    }

    /// With an append-only file: does it reach the disk?
    fn aof(&self, info: &HashMap<String, String>, waits: bool, gaps: &mut Vec<(GapKind, String)>) {
        for (name, kind) in [
            ("aof_last_write_status", GapKind::AofFails),
            ("aof_last_bgrewrite_status", GapKind::RewriteFails),
        ] {
            match info.get(name).map(String::as_str) {
                Some("ok") => {}
                Some(status) => gaps.push((kind, format!("{name} is {status}"))),
                None => gaps.push(unread(name)),
            }
        }
        let config = match &self.config {
            Ok(config) => config,
            // What waits for the disk does not depend on how often it is written.
            Err(_) if waits => return,
            Err(error) => return gaps.push(silent("CONFIG GET", error)),
        };
        match config.get("appendfsync").map(String::as_str) {
            Some("always") => {}
            Some(_) if waits => {}
            Some(policy) => gaps.push((GapKind::FsyncLate, format!("appendfsync is {policy}"))),
            None => gaps.push(unread("appendfsync")),
        }
        match config.get("no-appendfsync-on-rewrite").map(String::as_str) {
            Some("no") => {}
            Some(_) if waits => {}
            Some(_) => {
                let seen = "no-appendfsync-on-rewrite is yes".to_owned();
                gaps.push((GapKind::FsyncPaused, seen));
            }
            None => gaps.push(unread("no-appendfsync-on-rewrite")),
        }
    }
}

fn memory(info: &HashMap<String, String>, gaps: &mut Vec<(GapKind, String)>) {
    let number = |name: &str| info.get(name).and_then(|text| text.parse::<u64>().ok());
    let limit = number("maxmemory").unwrap_or_default();
    match info.get("maxmemory_policy").map(String::as_str) {
        Some("noeviction") => {}
        // Without a limit nothing is evicted.
        Some(_) if limit == 0 => {}
        Some(policy) => gaps.push((GapKind::Eviction, format!("maxmemory-policy is {policy}"))),
        None => gaps.push(unread("maxmemory-policy")),
    }
    let limit = if limit == 0 {
        number("total_system_memory").unwrap_or_default()
    } else {
        limit
    };
    let used = number("used_memory").unwrap_or_default();
    if limit > 0 && used.saturating_mul(100) >= limit.saturating_mul(FULL) {
        let megabytes = |bytes: u64| bytes >> 20;
        let seen = format!("{} of {} MiB are used", megabytes(used), megabytes(limit));
        gaps.push((GapKind::MemoryLow, seen));
    }
}

/// A question that was refused or not answered.
fn silent(what: &str, error: &StoreError) -> (GapKind, String) {
    let kind = match error {
        StoreError::Unanswered(_) => GapKind::Unreachable,
        _ => GapKind::Unverified,
    };
    (kind, format!("{what}: {error}"))
}

fn unread(what: &str) -> (GapKind, String) {
    (GapKind::Unverified, format!("{what} can't be read"))
}

/// The lines `name:value` of an INFO.
fn lines(info: &Value) -> HashMap<String, String> {
    let text = match info {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::VerbatimString { text, .. } => text.clone(),
        _ => String::new(),
    };
    let pairs = text
        .lines()
        .filter_map(|line| line.trim_end().split_once(':'));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The names and values of a CONFIG GET.
fn pairs(config: &Value) -> HashMap<String, String> {
    let Value::Array(words) = config else {
        return HashMap::new();
    };
    let text = |word: &Value| match word {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let pair = |pair: &[Value]| match pair {
        [name, value] => Some((text(name), text(value))),
        _ => None,
    };
    words.chunks(2).filter_map(pair).collect()
}

fn version_of(text: &str) -> (u64, u64) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests;
