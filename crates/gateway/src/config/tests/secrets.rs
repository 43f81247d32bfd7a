//! A secret is long enough or refused, and is seen nowhere.

use rstest::rstest;

use super::*;

/// Part of every secret below: whatever shows it has leaked.
const MARK: &str = "hunter2";

fn assert_hidden(shown: &str) {
    assert!(!shown.contains(MARK), "{shown}");
}

#[rstest]
#[case("evolink.api_key", 10)]
#[case("callbacks.secret", 32)]
#[case("admin.bootstrap_key", 24)]
#[case("auth.pepper", 32)]
#[case("webhooks.encryption_key", 32)]
fn a_secret_is_refused_when_it_is_empty_blank_or_short(#[case] key: &str, #[case] least: usize) {
    let short = "x".repeat(least - 1);
    let padded = format!(" \t{short} \t");
    for (value, reason) in [
        ("", "is empty"),
        ("  \t ", "is empty"),
        (short.as_str(), "is too short"),
        (padded.as_str(), "is too short"),
    ] {
        let name = format!("EVOGATE__{}", key.replace('.', "__").to_uppercase());
        let found = of(load(SOUND, &[(&name, value)]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, key);
        assert!(found[0].1.starts_with(reason), "{found:?}");
        assert!(found[0].1.contains(&least.to_string()), "{found:?}");
    }
    let enough = "x".repeat(least);
    let name = format!("EVOGATE__{}", key.replace('.', "__").to_uppercase());
    load(SOUND, &[(&name, &enough)]).unwrap();
}

#[rstest]
#[case("evolink.api_key", "'sk-0123 456789'")]
#[case("evolink.api_key", "'sk-0123456789é'")]
#[case("evolink.api_key", "1234567890123")]
#[case("evolink.api_key", "['sk-0123456789']")]
#[case("admin.bootstrap_key", "'0123456789 0123456789 0123456789'")]
#[case("callbacks.secret", "\"0123456789\\u00000123456789012345678901\"")]
fn a_secret_that_cannot_be_used_is_refused(#[case] key: &str, #[case] value: &str) {
    let found = of(load(&format!("{key} = {value}"), &[]));
    let required = "is required: the key of the company's EvoLink account";
    let found: Vec<_> = found
        .into_iter()
        .filter(|(_, reason)| reason != required)
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, key);
}

#[test]
fn a_callbacks_secret_may_be_a_sentence() {
    sound("callbacks.secret = 'correct horse battery staple, and an ünïcorn'");
}

#[test]
fn secrets_are_trimmed() {
    let config = sound(&format!("callbacks.secret = '  {SECRET}\t'"));
    assert_eq!(config.callbacks.secret.unwrap().expose(), SECRET);
}

#[test]
fn no_secret_is_in_the_debug_print() {
    let config = load(
        &format!(
            "public_url = 'https://gate.example.com'
             evolink.api_key = 'sk-{MARK}-{MARK}'
             evolink.proxy = 'http://user:{MARK}@proxy.example.com'
             callbacks.secret = '{MARK}{SECRET}'
             admin.bootstrap_key = '{MARK}-{SECRET}'
             auth.pepper = '{SECRET}{MARK}'
             auth.old_peppers = ['{MARK}+{SECRET}', '']
             webhooks.encryption_key = '{MARK}--{SECRET}'
             webhooks.old_encryption_keys = ['{MARK}---{SECRET}']"
        ),
        &[],
    );
    let (config, warnings) = config.unwrap();
    assert_hidden(&format!("{config:?} {config:#?} {warnings:?}"));
}

#[rstest]
#[case("evolink.api_key = 'hunter2'")]
#[case("evolink.api_key = 'hunter2 hunter2'")]
#[case("evolink.api_key = ['hunter2']")]
#[case("evolink.apikey = 'hunter2hunter2'")]
#[case("evolink.base_url = 'https://user:hunter2@api.evolink.ai/v1'")]
#[case("evolink.base_url = 'https://user:hunter2@api.evolink.ai:port/v1'")]
#[case("evolink.proxy = 'socks5://user:hunter2@proxy'")]
#[case("evolink.proxy = 'http://user:hunter2@proxy:port'")]
#[case("public_url = 'https://user:hunter2@gate.example.com'")]
#[case("callbacks.secret = 'hunter2'")]
#[case("admin.bootstrap_key = 'hunter2'")]
#[case("auth.pepper = 'hunter2'")]
#[case("auth.old_peppers = ['hunter2']")]
#[case("auth.old_peppers = 'hunter2'")]
#[case("store.url = 'redis://:hunter2@redis/x'")]
#[case("store.url = 'redis://hunter2@redis'")]
#[case("store.url = 'redis+sentinel://:hunter2@redis'")]
#[case("webhooks.encryption_key = 'hunter2'")]
#[case("webhooks.old_encryption_keys = ['hunter2']")]
#[case("webhooks.old_encryption_keys = 'hunter2'")]
#[case("store.url = 'postgres://user:hunter2@db'")]
#[case("evolink.api_key = 'hunter2")]
#[case("evolink.api_key = hunter2")]
#[case("evolink.api_key = \"hunter2\" hunter2")]
#[case("evolink.api_key = \"hunter2\\q\"")]
#[case("evolink = {api_key = 'hunter2'")]
#[case("evolink = 'hunter2'")]
#[case("[evolink]\napi_key = 'hunter2hunter2'\napi_key = 'hunter2hunter2'")]
fn no_secret_is_in_an_error(#[case] file: &str) {
    let errors = load(file, &[]).unwrap_err();
    assert_hidden(&format!("{errors} {errors:?}"));
}

#[rstest]
#[case("EVOGATE__EVOLINK__API_KEY", "hunter2")]
#[case("EVOGATE__EVOLINK__APIKEY", "hunter2hunter2")]
#[case("EVOGATE__EVOLINK", "{api_key = 'hunter2'}")]
#[case("EVOGATE__EVOLINK", "{api_key = 'hunter2")]
#[case("EVOGATE__EVOLINK", "hunter2")]
#[case("EVOGATE__CALLBACKS__SECRET", "hunter2")]
#[case("EVOGATE__", "hunter2")]
#[case("EVOGATE__STORE__URL", "redis://:hunter2@redis,redis")]
fn no_secret_of_a_variable_is_in_an_error(#[case] name: &str, #[case] text: &str) {
    let errors = load("", &[(name, text)]).unwrap_err();
    assert_hidden(&format!("{errors} {errors:?}"));
}

#[test]
fn peppers_of_before_are_long_enough_and_an_empty_one_is_the_time_without() {
    let config = sound(&format!("auth.old_peppers = ['{SECRET}', '']"));
    let old = config.auth.old_peppers;
    assert_eq!(old.len(), 2);
    assert_eq!(old[0].as_ref().unwrap().expose(), SECRET);
    assert_eq!(old[1], None);
    for list in ["['short']", "'not a list'", "[7]"] {
        let (key, _) = problem(&format!("auth.old_peppers = {list}"));
        assert_eq!(key, "auth.old_peppers");
    }
    let both = format!("auth.pepper = '{SECRET}'\nauth.old_peppers = ['{SECRET}']");
    assert_eq!(problem(&both).0, "auth.old_peppers");
}
