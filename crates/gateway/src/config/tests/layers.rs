//! Which layer has the last word, and how each is read.

use std::time::Duration;

use rstest::rstest;

use super::*;
use crate::config::StoreUrl;

#[test]
fn a_file_overrides_the_defaults_and_the_environment_overrides_both() {
    let file = format!("{SOUND}[submit]\nanswer_within = '7s'\nmax_body = '2KiB'");
    let (config, _) = load(&file, &[("EVOGATE__SUBMIT__MAX_BODY", "4KiB")]).unwrap();
    assert_eq!(config.submit.answer_within, Duration::from_secs(7));
    assert_eq!(config.submit.max_body, 4096);
    assert_eq!(config.submit.breaker_unknowns, 5);
}

#[test]
fn a_variable_is_text_for_a_text_key_whatever_it_looks_like() {
    for key in [
        "12345678901234567890",
        "1234567890.5",
        "truetruetrue",
        "1979-05-27T07:32:00Z",
    ] {
        let (config, _) = load("", &[("EVOGATE__EVOLINK__API_KEY", key)]).unwrap();
        assert_eq!(config.evolink.api_key.expose(), key);
    }
}

#[test]
fn the_quotes_around_a_variable_are_not_part_of_it() {
    for key in ["\"sk-0123456789\"", "'sk-0123456789'", " sk-0123456789\n"] {
        let (config, _) = load("", &[("EVOGATE__EVOLINK__API_KEY", key)]).unwrap();
        assert_eq!(config.evolink.api_key.expose(), "sk-0123456789");
    }
}

#[test]
fn variables_reach_every_type_of_key() {
    let environment = [
        ("EVOGATE__PUBLIC_URL", "https://callbacks.example.com"),
        ("EVOGATE__CALLBACKS__SECRET", SECRET),
        ("EVOGATE__EVOLINK__BASE_URL", "http://127.0.0.1:9100/v1"),
        ("EVOGATE__EVOLINK__HONOURS_IDEMPOTENCY", "true"),
        ("EVOGATE__EVOLINK__READS_PER_SECOND", "7"),
        ("EVOGATE__LISTEN__API", "[::1]:8000"),
        (
            "EVOGATE__STORE__URL",
            "embedded:/var/lib/evogate/evogate.redb",
        ),
        ("EVOGATE__TASKS__DEADLINE", "1d2h"),
        (
            "EVOGATE__WEBHOOKS__ALLOW_NETWORKS",
            r#"["10.0.0.0/8", "192.168.1.7"]"#,
        ),
        ("EVOGATE__WEBHOOKS__ALLOW_HOSTS", "['*.corp.example.com']"),
        ("EVOGATE__WEBHOOKS__ALLOW_INSECURE_HOSTS", "[]"),
        ("SOMETHING_ELSE", "ignored"),
        ("EVOGATE_URL", "ignored"),
    ];
    let (config, _) = load(SOUND, &environment).unwrap();
    assert_eq!(
        config.callbacks.public_url.unwrap().as_str(),
        "https://callbacks.example.com/"
    );
    assert_eq!(
        config.evolink.base_url.as_str(),
        "http://127.0.0.1:9100/v1/"
    );
    assert!(config.evolink.honours_idempotency);
    assert_eq!(config.evolink.reads_per_second, 7);
    assert_eq!(config.listen.api, "[::1]:8000".parse().unwrap());
    assert_eq!(
        config.store.url,
        StoreUrl::Embedded("/var/lib/evogate/evogate.redb".into())
    );
    assert_eq!(config.tasks.deadline, Duration::from_hours(26));
    let networks: Vec<_> = config
        .webhooks
        .allow_networks
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.168.1.7/32"]);
    assert_eq!(
        config.webhooks.allow_hosts[0].to_string(),
        "*.corp.example.com"
    );
}

#[test]
fn a_variable_may_set_a_whole_section_and_a_single_key_has_the_last_word() {
    let environment = [
        ("EVOGATE__SUBMIT__BREAKER_UNKNOWNS", "9"),
        (
            "EVOGATE__SUBMIT",
            "{answer_within = '3s', breaker_unknowns = 2, breaker_unanswered = 8}",
        ),
    ];
    let (config, _) = load(SOUND, &environment).unwrap();
    assert_eq!(config.submit.answer_within, Duration::from_secs(3));
    assert_eq!(config.submit.breaker_unknowns, 9);
    assert_eq!(config.submit.breaker_unanswered, 8);
    assert_eq!(config.submit.max_body, 1 << 20);
}

#[rstest]
#[case("EVOGATE__SUBMIT", "20s")]
#[case("EVOGATE__SUBMIT", "{answer_within = ")]
#[case("EVOGATE__", "x")]
#[case("EVOGATE__SUBMIT__", "x")]
#[case("EVOGATE____X", "x")]
fn a_variable_that_names_no_key_is_a_fault(#[case] name: &str, #[case] text: &str) {
    let found = of(load(SOUND, &[(name, text)]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, name);
}

#[test]
fn a_fault_says_who_set_the_value() {
    let errors = load(SOUND, &[("EVOGATE__SUBMIT__MAX_BODY", "lots")]).unwrap_err();
    let shown = errors.to_string();
    assert!(
        shown.ends_with("(set by EVOGATE__SUBMIT__MAX_BODY)"),
        "{shown}"
    );
    let errors = try_sound("submit.max_body = 'lots'").unwrap_err();
    assert!(errors.to_string().ends_with("evogate.toml)"), "{errors}");
}

#[test]
fn pinned_settings_are_not_overridden_by_the_environment() {
    let environment = [
        ("EVOGATE__EVOLINK__BASE_URL", "https://api.evolink.ai/v1"),
        ("EVOGATE__LOG__LEVEL", "debug"),
    ];
    let environment = environment.map(|(name, text)| (name.into(), text.into()));
    let pinned = format!("{SOUND}evolink.base_url = 'http://127.0.0.1:9100/v1'");
    let (config, _) = Config::load_pinned(&pinned, environment.into_iter()).unwrap();
    assert_eq!(
        config.evolink.base_url.as_str(),
        "http://127.0.0.1:9100/v1/"
    );
    assert_eq!(config.log.level.as_str(), "debug");
}

#[test]
fn a_missing_file_is_named() {
    let path = std::path::Path::new("no/such/evogate.toml");
    let errors = Config::load(Some(path), std::iter::empty()).unwrap_err();
    assert!(
        errors
            .to_string()
            .starts_with("no/such/evogate.toml: can't be read: ")
    );
}

#[test]
fn a_file_that_is_not_toml_is_named_with_the_place() {
    let (file, reason) = problem("listen.api = '127.0.0.1:1\n");
    assert!(file.ends_with("evogate.toml"), "{file}");
    assert!(
        reason.starts_with("is not TOML: line 2, column "),
        "{reason}"
    );
}
