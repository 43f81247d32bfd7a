//! Rules about several keys at once. A rule is silent while one of its keys is at fault on its own.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::hosts::{BaseUrl, is_loopback, leads_to, same_origin};
use super::reader::Reader;
use super::store::StoreUrl;
use super::tasks::{DAY, Journal, Tasks};
use super::units::show_duration;
use crate::token::GRACE;

/// EvoLink takes callback URLs of up to 2048 characters; our token needs the rest.
const PUBLIC_URL: usize = 1024;

/// Notes every rule that is broken.
pub(super) fn check(from: &mut Reader) {
    listeners_are_distinct(from);
    upstream_is_safe(from);
    callbacks_are_sound(from);
    secrets_are_distinct(from);
    what_is_needed_is_kept(from);
    tls_to_the_store_is_whole(from);
    what_must_be_durable_can_be(from);
}

fn listeners_are_distinct(from: &mut Reader) {
    let keys = ["listen.api", "listen.callbacks", "listen.ops"];
    for (index, key) in keys.into_iter().enumerate() {
        for earlier in keys.into_iter().take(index) {
            let (Some(one), Some(other)) = (from.peek(earlier), from.peek(key)) else {
                continue;
            };
            if overlap(one, other) {
                let hint = match key {
                    "listen.callbacks" => "; leave it out to share that one",
                    _ => "",
                };
                from.problem(key, format!("is the same address as {earlier}{hint}"));
            }
        }
    }
}

fn tls_to_the_store_is_whole(from: &mut Reader) {
    let keys = ["store.tls_ca", "store.tls_certificate", "store.tls_key"];
    let file = |from: &Reader, key| from.peek::<PathBuf>(key).is_some();
    if let Some(url) = from.peek::<StoreUrl>("store.url") {
        let encrypted = matches!(url, StoreUrl::Redis(url) if url.is_encrypted());
        for key in keys {
            if !encrypted && file(from, key) {
                from.problem(key, "is set, but store.url is no rediss:// URL");
            }
        }
    }
    let (one, other) = ("store.tls_certificate", "store.tls_key");
    for (key, missing) in [(one, other), (other, one)] {
        if file(from, key) && !file(from, missing) {
            from.problem(key, format!("needs {missing} beside it"));
        }
    }
}

fn what_must_be_durable_can_be(from: &mut Reader) {
    let key = "store.require_durable";
    let url = from.peek::<StoreUrl>("store.url");
    if from.peek(key) == Some(true)
        && let Some(StoreUrl::Redis(url)) = url
        && url.fails_over()
    {
        from.problem(
            key,
            "can't be kept: store.url is Sentinel or a Cluster, whose failovers can lose what was \
             answered last (docs/durability.md)",
        );
    }
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (everywhere || one.ip() == other.ip())
}

fn upstream_is_safe(from: &mut Reader) {
    let key = "evolink.base_url";
    let Some(BaseUrl(base_url)) = from.peek(key) else {
        return;
    };
    let allow_http = from.peek("evolink.allow_http").unwrap_or(false);
    if base_url.scheme() == "http" && !is_loopback(&base_url) && !allow_http {
        from.problem(
            key,
            "must be https, or the key travels unencrypted; evolink.allow_http = true allows it",
        );
    }
    for listener in ["listen.api", "listen.callbacks", "listen.ops"] {
        if from
            .peek(listener)
            .is_some_and(|address| leads_to(&base_url, address))
        {
            from.problem(key, format!("leads back to this gateway ({listener})"));
        }
    }
    if let Some(BaseUrl(public_url)) = from.peek("public_url")
        && same_origin(&base_url, &public_url)
    {
        from.problem(
            "public_url",
            "is EvoLink's address (evolink.base_url), not this gateway's",
        );
    }
}

fn callbacks_are_sound(from: &mut Reader) {
    let Some(BaseUrl(public_url)) = from.peek("public_url") else {
        return;
    };
    if public_url.scheme() != "https" && !is_loopback(&public_url) {
        from.problem("public_url", "must be https: EvoLink calls nothing else");
    }
    if public_url.as_str().len() > PUBLIC_URL {
        from.problem(
            "public_url",
            format!("is longer than {PUBLIC_URL} characters"),
        );
    }
    if !from.is_given("callbacks.secret") {
        let reason = "is required with public_url; make one with `openssl rand -hex 32`";
        from.problem("callbacks.secret", reason);
    }
}

/// One that leaks must not open a second door.
fn secrets_are_distinct(from: &mut Reader) {
    let keys = [
        "evolink.api_key",
        "callbacks.secret",
        "admin.bootstrap_key",
        "auth.pepper",
        "webhooks.encryption_key",
    ];
    for (index, key) in keys.into_iter().enumerate() {
        for earlier in keys.into_iter().take(index) {
            let (one, other) = (from.peek::<String>(earlier), from.peek::<String>(key));
            if one.is_some() && one == other {
                from.problem(key, format!("must not be the same as {earlier}"));
            }
        }
    }
}

/// A task is there while EvoLink may still call back about it, and so is its journal while it is there.
fn what_is_needed_is_kept(from: &mut Reader) {
    let grace = Duration::from_millis(GRACE.unsigned_abs());
    let sound =
        |key, range: RangeInclusive<Duration>| from.peek(key).filter(|value| range.contains(value));
    let deadline = sound("tasks.deadline", Tasks::DEADLINE);
    let tasks = sound("tasks.retention", Tasks::RETENTION);
    let journal = sound("journal.retention", Journal::RETENTION);
    if let (Some(deadline), Some(tasks)) = (deadline, tasks)
        && tasks <= deadline.saturating_add(grace)
    {
        let least = show_duration(deadline.saturating_add(grace));
        let reason =
            format!("must be more than {least}: callbacks count for an hour after tasks.deadline");
        from.problem("tasks.retention", reason);
    }
    if let (Some(tasks), Some(journal)) = (tasks, journal)
        && journal < tasks.saturating_add(DAY)
    {
        let least = show_duration(tasks.saturating_add(DAY));
        let reason = format!("must be at least {least}: a day more than tasks.retention");
        from.problem("journal.retention", reason);
    }
}
