//! The store: can it be reached, is it the one that the settings mean, what can it lose, and can what is sealed
//! in it be opened?

use std::path::Path;
use std::sync::Arc;

use evogate_models::Millis;
use evogate_store::examine::{FileSeen, RedisSeen};
use evogate_store::{Clock as _, LinkOptions, RedisUrl, Store, SystemClock, SystemRandom, examine};

use super::Finding;
use crate::app;
use crate::config::{Config, StoreConfig, StoreUrl};

const STORE: &str = "store";
const DURABILITY: &str = "durability";
const CLOCK: &str = "store_clock";
const SEALED: &str = "sealed_secrets";

/// How far Redis's clock may be off ours before it is worth a word, in milliseconds: whose tokens are checked by
/// one clock and whose deadlines by the other would notice.
const SKEW: Millis = 5_000;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    match &config.store.url {
        StoreUrl::Embedded(path) => embedded(path).await,
        StoreUrl::Redis(url) => redis(config, url).await,
    }
}

async fn embedded(path: &Path) -> Vec<Finding> {
    let file = path.to_owned();
    // It may block for as long as the disk does.
    let looked = tokio::task::spawn_blocking(move || examine::embedded(&file)).await;
    let shown = path.display();
    let store = match looked {
        Ok(Ok(FileSeen::InUse)) => {
            Finding::ok(STORE, format!("{shown} is open in a gateway that runs"))
        }
        Ok(Ok(FileSeen::Closed)) => Finding::ok(
            STORE,
            format!("{shown} can be read; no gateway has it open"),
        ),
        Ok(Ok(FileSeen::Unclean)) => Finding::ok(
            STORE,
            format!("{shown} was left by a gateway that was killed; the next start repairs it"),
        ),
        Ok(Ok(FileSeen::Absent)) => {
            Finding::ok(STORE, format!("{shown} is made at the first start"))
        }
        Ok(Err(error)) => Finding::bad(
            STORE,
            format!("{shown}: {error}"),
            "make it readable and writable for the user that evogate runs as; if it is damaged, bring back a backup",
        ),
        Err(error) => Finding::bad(
            STORE,
            error.to_string(),
            "report this: it is a fault of evogate's",
        ),
    };
    let durable = "each change is on the disk before it is answered";
    vec![store, Finding::ok(DURABILITY, durable)]
}

async fn redis(config: &Config, url: &RedisUrl) -> Vec<Finding> {
    let options = app::link_options(&config.store);
    let seen = match examine::redis(url, &options).await {
        Ok(seen) => seen,
        Err(error) => {
            let to_do = "see whether Redis runs and can be reached from here, and whether user, password and \
                         TLS in store.url are right";
            return vec![Finding::bad(STORE, error.to_string(), to_do)];
        }
    };
    let mut found = vec![layout(&config.store, &seen)];
    found.extend(durability(&config.store, &seen));
    found.push(clock(seen.now.since(SystemClock.now())));
    if seen.shards == Some(config.store.shards) {
        found.push(sealed(config, url, &options).await);
    }
    found
}

fn layout(store: &StoreConfig, seen: &RedisSeen) -> Finding {
    let shards = store.shards;
    match seen.shards {
        None => Finding::ok(
            STORE,
            "Redis answers and is empty; the first start sets it up",
        ),
        Some(there) if there == shards => Finding::ok(
            STORE,
            format!("Redis answers, with a store of {there} shards"),
        ),
        Some(there) => Finding::bad(
            STORE,
            format!("it has {there} shards, store.shards says {shards}"),
            format!(
                "set store.shards = {there}, or move the books with `evogate ledger export` and `import`"
            ),
        ),
    }
}

fn durability(store: &StoreConfig, seen: &RedisSeen) -> Vec<Finding> {
    let gaps = seen.durability.gaps.iter();
    let rows = gaps.map(|gap| {
        let server = gap
            .server
            .as_deref()
            .map_or_else(String::new, |at| format!("{at}: "));
        let found = format!("{server}{}. {}", gap.seen, gap.kind.consequence());
        let to_do = format!("see `{}` in docs/durability.md", gap.kind.code());
        if gap.kind.loses() && store.require_durable {
            Finding::bad(DURABILITY, found, to_do)
        } else {
            Finding::warning(DURABILITY, found, to_do)
        }
    });
    let mut rows: Vec<Finding> = rows.collect();
    if rows.is_empty() {
        let durable = "nothing that was answered is lost by a crash or the loss of power";
        rows.push(Finding::ok(DURABILITY, durable));
    }
    rows
}

fn clock(ahead: Millis) -> Finding {
    let found = super::evolink::difference("Redis", ahead);
    if ahead.saturating_abs() <= SKEW {
        Finding::ok(CLOCK, found)
    } else {
        Finding::warning(
            CLOCK,
            found,
            "let both machines take their time from the same source (NTP)",
        )
    }
}

/// The secrets that sign webhooks to `callback_url`s: can each be opened with the keys of the settings?
async fn sealed(config: &Config, url: &RedisUrl, options: &LinkOptions) -> Finding {
    let shards = config.store.shards;
    let opened = Store::redis(url, options, shards, None, Arc::new(SystemRandom)).await;
    let tenants = match &opened {
        Ok(store) => store.tenants().await,
        Err(error) => Err(error.clone()),
    };
    if let Ok(store) = &opened {
        store.close().await;
    }
    let tenants = match tenants {
        Ok(tenants) => tenants,
        Err(error) => return Finding::bad(SEALED, error.to_string(), "see the store first"),
    };
    let vault = app::vault(config);
    let closed = tenants.iter().find_map(|view| {
        let tenant = &view.tenant;
        let mut secrets = tenant.webhook_secrets.iter();
        let error = secrets.find_map(|secret| vault.open(&tenant.id, secret).err())?;
        Some(format!("of tenant {}: {error}", tenant.id))
    });
    match closed {
        None => Finding::ok(
            SEALED,
            format!("those of {} tenants can be opened", tenants.len()),
        ),
        Some(found) => Finding::bad(
            SEALED,
            found,
            "put the key that sealed it into webhooks.old_encryption_keys, or rotate the secret",
        ),
    }
}

#[cfg(test)]
mod tests {
    use evogate_models::Timestamp;
    use evogate_store::{Durability, Gap, GapKind};

    use super::super::Status;
    use super::*;

    fn store(settings: &str) -> StoreConfig {
        let settings = format!("evolink.api_key = 'sk-0123456789'\n{settings}");
        Config::load_from_str(&settings).unwrap().0.store
    }

    fn seen(shards: Option<u16>, gaps: &[GapKind]) -> RedisSeen {
        let gap = |kind: &GapKind| Gap {
            kind: *kind,
            server: Some("10.0.0.7:6379".to_owned()),
            seen: "seen".to_owned(),
        };
        RedisSeen {
            durability: Durability {
                gaps: gaps.iter().map(gap).collect(),
                ..Durability::default()
            },
            shards,
            now: Timestamp::from_seconds(1_772_203_771),
        }
    }

    #[test]
    fn another_number_of_shards_is_bad_and_none_yet_is_well() {
        let store = store("");
        assert_eq!(layout(&store, &seen(None, &[])).status, Status::Ok);
        assert_eq!(layout(&store, &seen(Some(16), &[])).status, Status::Ok);
        assert_eq!(layout(&store, &seen(Some(8), &[])).status, Status::Bad);
    }

    #[test]
    fn what_can_be_lost_is_a_warning_unless_it_must_not_be() {
        let gaps = seen(Some(16), &[GapKind::AofOff, GapKind::NoReplica]);
        let statuses = |settings| -> Vec<Status> {
            let found = durability(&store(settings), &gaps);
            found.iter().map(|finding| finding.status).collect()
        };
        assert_eq!(statuses(""), [Status::Warning, Status::Warning]);
        let durable = "store.require_durable = true";
        assert_eq!(statuses(durable), [Status::Bad, Status::Warning]);
        let found = durability(&store(durable), &seen(None, &[]));
        assert_eq!(found[0].status, Status::Ok);
    }

    #[test]
    fn a_clock_that_is_off_is_worth_a_word() {
        assert_eq!(clock(-SKEW).status, Status::Ok);
        assert_eq!(clock(SKEW + 1).status, Status::Warning);
    }
}
