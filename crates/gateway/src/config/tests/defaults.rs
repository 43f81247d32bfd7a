//! The compiled-in file is the manual: it must be complete, and tell the truth.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::layers::{DEFAULTS, Layers};
use crate::config::reader::Reader;
use crate::config::{LogFormat, LogRequests, StoreUrl};

/// Every key that the code reads.
fn known() -> BTreeSet<String> {
    let (merged, problems) = Layers::new().finish();
    assert_eq!(problems, []);
    let mut reader = Reader::new(merged, problems);
    let _ = Config::read(&mut reader);
    reader.known().iter().map(|key| (*key).to_owned()).collect()
}

/// Every key that the file names, commented out or not, with the lines of explanation above it.
fn documented() -> Vec<(String, usize)> {
    let mut section = String::new();
    let mut explained = 0;
    let mut found = Vec::new();
    for line in DEFAULTS.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let key = bare.split_once(" = ").map(|(key, _)| key);
        let key = key.filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        if let Some(list) = bare
            .strip_prefix("[[")
            .and_then(|rest| rest.strip_suffix("]]"))
        {
            found.push((list.to_owned(), explained));
            section = format!("{list}.");
            explained = 0;
        } else if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = format!("{name}.");
            explained = 0;
        } else if let Some(key) = key {
            found.push((format!("{section}{key}"), explained));
            explained = 0;
        } else if line.starts_with('#') {
            explained += 1;
        }
    }
    found
}

#[test]
fn every_known_key_is_in_the_file_and_every_key_of_the_file_is_known() {
    let documented: Vec<_> = documented().into_iter().map(|(key, _)| key).collect();
    let unique: BTreeSet<_> = documented.iter().cloned().collect();
    assert_eq!(unique.len(), documented.len(), "a key is there twice");
    assert_eq!(unique, known());
}

#[test]
fn every_key_of_the_file_is_explained() {
    let bare: Vec<_> = documented()
        .into_iter()
        .filter(|(_, lines)| *lines == 0)
        .collect();
    assert_eq!(bare, []);
}

#[test]
fn the_file_as_it_is_lacks_nothing_but_the_key() {
    let found = of(Config::load(None, std::iter::empty()));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "evolink.api_key");
    assert!(found[0].1.starts_with("is required"));
}

#[test]
fn the_file_given_as_a_file_changes_nothing() {
    let key = ("EVOGATE__EVOLINK__API_KEY", "sk-0123456789abcdef");
    let (given, _) = load(DEFAULTS, &[key]).unwrap();
    let mut untouched = sound("");
    // It is the same one, but prints its index in the order of the day.
    untouched.catalogue = Arc::clone(&given.catalogue);
    assert_eq!(format!("{given:?}"), format!("{untouched:?}"));
}

#[test]
fn the_commented_keys_can_be_uncommented_and_left_empty_or_filled() {
    let settings = "public_url = ''\ncatalogue = ''\nlisten.callbacks = ''\nevolink.proxy = ''";
    let config = sound(settings);
    assert_eq!(config.callbacks.public_url, None);
    assert!(config.catalogue.model("seedance-2.0").is_some());
    assert_eq!(config.listen.callbacks, None);
    assert_eq!(config.evolink.proxy, None);
}

#[test]
fn the_defaults_are_those_that_others_rely_on() {
    let config = sound("");
    assert_eq!(config.listen.api, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.listen.ops, "127.0.0.1:9090".parse().unwrap());
    assert_eq!(config.listen.callbacks, None);
    assert_eq!(config.listen.trusted_proxies, []);
    assert_eq!(config.callbacks.public_url, None);
    assert_eq!(config.callbacks.secret, None);
    assert_eq!(
        config.evolink.base_url.as_str(),
        "https://api.evolink.ai/v1/"
    );
    assert_eq!(config.evolink.timeout, Duration::from_mins(1));
    assert!(!config.evolink.honours_idempotency);
    assert_eq!(config.evolink.proxy, None);
    assert!(!config.evolink.batch_reads);
    assert_eq!(config.evolink.reads_per_second, 20);
    assert_eq!(config.evolink.max_reads_in_flight, 32);
    assert_eq!(config.evolink.files_hosts, []);
    assert_eq!(config.submit.answer_within, Duration::from_secs(20));
    assert_eq!(config.submit.unknown_deadline, Duration::from_mins(30));
    assert_eq!(config.submit.max_body, 1 << 20);
    assert_eq!(config.submit.breaker_unknowns, 5);
    assert_eq!(config.submit.breaker_unanswered, 64);
    assert_eq!(config.submit.breaker_cooldown, Duration::from_secs(5));
    assert_eq!(config.tasks.deadline, Duration::from_hours(26));
    assert_eq!(config.tasks.retention, Duration::from_hours(30 * 24));
    assert_eq!(config.journal.retention, Duration::from_hours(400 * 24));
    assert_eq!(config.reads.refresh_after, Duration::from_secs(5));
    assert_eq!(config.reads.answer_within, Duration::from_secs(2));
    assert!(!config.refused.keep_prompts);
    assert_eq!(config.store.url, StoreUrl::Embedded("evogate.redb".into()));
    assert_eq!(config.store.cache, 64 << 20);
    assert_eq!(config.store.shards, 16);
    assert_eq!(config.store.timeout, Duration::from_millis(800));
    assert!(!config.store.require_durable);
    assert!(!config.store.wait_aof);
    assert_eq!(config.auth.pepper, None);
    assert!(config.auth.old_peppers.is_empty());
    assert_eq!(config.auth.failures_per_minute.get(), 60);
    assert!(config.auth.issuers.is_empty());
    assert_eq!(config.admin.bootstrap_key, None);
    assert_eq!(config.webhooks.allow_insecure_hosts, []);
    assert_eq!(config.webhooks.allow_networks, []);
    assert_eq!(config.webhooks.allow_hosts, []);
    assert_eq!(config.webhooks.ca_file, None);
    assert_eq!(config.webhooks.encryption_key, None);
    assert_eq!(config.webhooks.old_encryption_keys, []);
    assert_eq!(config.webhooks.timeout, Duration::from_secs(15));
    assert_eq!(config.webhooks.connect_timeout, Duration::from_secs(3));
    assert!(config.catalogue.model("seedance-2.0").is_some());
    assert_eq!(config.server.threads, 0);
    assert_eq!(config.server.max_connections, 10_000);
    assert_eq!(config.server.max_requests, 2048);
    assert_eq!(config.server.max_submits, 1024);
    assert_eq!(config.server.max_downloads, 256);
    assert_eq!(config.server.max_bodies, 64 << 20);
    assert_eq!(config.server.max_head, 32 << 10);
    assert_eq!(config.server.max_streams, 128);
    assert_eq!(config.server.head_timeout, Duration::from_secs(10));
    assert_eq!(config.server.body_timeout, Duration::from_secs(30));
    assert_eq!(config.server.idle_timeout, Duration::from_secs(75));
    assert_eq!(config.server.write_timeout, Duration::from_secs(30));
    assert_eq!(config.evolink.max_in_flight, 256);
    assert_eq!(config.evolink.submits_per_minute, None);
    assert_eq!(config.evolink.retry_percent, 10);
    assert_eq!(config.shutdown.drain_pause, Duration::from_secs(5));
    assert_eq!(config.shutdown.drain_timeout, Duration::from_secs(30));
    assert_eq!(config.log.format, LogFormat::Auto);
    assert_eq!(config.log.level.as_str(), "info");
    assert_eq!(config.log.requests, LogRequests::All);
    assert!(!config.log.prompts);
    assert_eq!(config.telemetry.otlp_endpoint, None);
    assert_eq!(config.telemetry.sampled(), 1 << 56);
    assert_eq!(config.telemetry.service_name, "evogate");
}
