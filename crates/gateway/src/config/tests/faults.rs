//! One key, one fault: wrong types, wrong values, keys that don't exist.

use rstest::rstest;

use super::*;

#[rstest]
#[case("evolink.bas_url = 'x'", "evolink.bas_url", Some("evolink.base_url"))]
#[case("evolink.baseurl = 'x'", "evolink.baseurl", Some("evolink.base_url"))]
#[case(
    "submit.anwser_within = '1s'",
    "submit.anwser_within",
    Some("submit.answer_within")
)]
#[case("logs.level = 'info'", "logs", Some("log"))]
#[case(
    "allow_networks = []",
    "allow_networks",
    Some("webhooks.allow_networks")
)]
#[case("url = 'embedded:x'", "url", Some("store.url"))]
#[case("submt.max_body = '1MiB'", "submt", Some("submit"))]
#[case("nonsense_entirely = 1", "nonsense_entirely", None)]
#[case("listen.api_v2.port = 1", "listen.api_v2", None)]
#[case("'evolink.api_key' = 'x'", "evolink.api_key", None)]
fn an_unknown_key_is_named_with_the_one_that_was_meant(
    #[case] setting: &str,
    #[case] key: &str,
    #[case] meant: Option<&str>,
) {
    let (found, reason) = problem(setting);
    assert_eq!(found, key);
    assert!(reason.starts_with("is not a setting"), "{reason}");
    if let Some(meant) = meant {
        assert!(
            reason.ends_with(&format!("did you mean {meant}?")),
            "{reason}"
        );
    }
}

#[test]
fn an_unknown_variable_is_named_as_a_key_and_as_a_variable() {
    let errors = load(SOUND, &[("EVOGATE__EVOLINK__APIKEY", "x")]).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "evolink.apikey: is not a setting; did you mean evolink.api_key? \
         (set by EVOGATE__EVOLINK__APIKEY)"
    );
}

#[rstest]
#[case("listen = '127.0.0.1:8080'", "listen")]
#[case("submit = 20", "submit")]
fn a_section_is_a_table(#[case] setting: &str, #[case] key: &str) {
    let (found, reason) = problem(setting);
    assert_eq!(found, key);
    assert!(reason.starts_with("is a section"), "{reason}");
}

#[rstest]
#[case("listen.api", "8080")]
#[case("listen.api", "'localhost:8080'")]
#[case("listen.api", "':8080'")]
#[case("listen.api", "'127.0.0.1'")]
#[case("listen.api", "''")]
#[case("listen.callbacks", "'nowhere'")]
#[case("listen.ops", "['127.0.0.1:9090']")]
#[case("listen.trusted_proxies", "'10.0.0.0/8'")]
#[case("listen.trusted_proxies", "['10.0.0.0/33']")]
#[case("listen.trusted_proxies", "[10]")]
#[case("public_url", "'callbacks.example.com'")]
#[case("public_url", "'ftp://callbacks.example.com'")]
#[case("public_url", "'https://callbacks.example.com/?a=b'")]
#[case("evolink.base_url", "''")]
#[case("evolink.base_url", "'api.evolink.ai'")]
#[case("evolink.base_url", "'file:///etc/passwd'")]
#[case("evolink.base_url", "'https://'")]
#[case("evolink.base_url", "'https://user@api.evolink.ai/v1'")]
#[case("evolink.base_url", "'https://api.evolink.ai/v1#x'")]
#[case("evolink.allow_http", "'yes'")]
#[case("evolink.timeout", "60")]
#[case("evolink.timeout", "'60'")]
#[case("evolink.timeout", "'0s'")]
#[case("evolink.timeout", "'11m'")]
#[case("evolink.honours_idempotency", "1")]
#[case("evolink.honours_idempotency", "'true'")]
#[case("evolink.proxy", "'proxy:3128'")]
#[case("evolink.proxy", "'socks5://proxy:3128'")]
#[case("evolink.batch_reads", "'no'")]
#[case("evolink.reads_per_second", "0")]
#[case("evolink.reads_per_second", "'20'")]
#[case("evolink.reads_per_second", "1.5")]
#[case("evolink.max_reads_in_flight", "-1")]
#[case("evolink.files_hosts", "['https://files.example.com/']")]
#[case("submit.answer_within", "'50ms'")]
#[case("submit.unknown_deadline", "'8d'")]
#[case("submit.max_body", "1048576")]
#[case("submit.max_body", "'1MB'")]
#[case("submit.max_body", "'1B'")]
#[case("submit.max_body", "'1GiB'")]
#[case("submit.breaker_unknowns", "0")]
#[case("submit.breaker_unanswered", "99999999999")]
#[case("submit.breaker_cooldown", "'soon'")]
#[case("tasks.deadline", "'31d'")]
#[case("tasks.retention", "'23h'")]
#[case("journal.retention", "'47h'")]
#[case("reads.refresh_after", "'99ms'")]
#[case("reads.answer_within", "'26s'")]
#[case("refused.keep_prompts", "'yes'")]
#[case("store.url", "'evogate.redb'")]
#[case("store.url", "'embedded:'")]
#[case("store.url", "'redis://127.0.0.1:port'")]
#[case("store.url", "'redis+sentinel://127.0.0.1'")]
#[case("store.url", "'valkey://127.0.0.1:6379'")]
#[case("store.shards", "0")]
#[case("store.timeout", "'20ms'")]
#[case("store.require_durable", "'always'")]
#[case("store.wait_aof", "1")]
#[case("store.tls_ca", "'/etc/ca.pem'")]
#[case("store.cache", "'1KiB'")]
#[case("webhooks.allow_networks", "['corp']")]
#[case("webhooks.allow_hosts", "['a b']")]
#[case("webhooks.allow_insecure_hosts", "{a = 1}")]
#[case("webhooks.timeout", "'3m'")]
#[case("webhooks.connect_timeout", "'0ms'")]
#[case("catalogue", "7")]
#[case("shutdown.drain_timeout", "'2h'")]
#[case("log.format", "'xml'")]
#[case("log.level", "'verbose'")]
#[case("log.requests", "'some'")]
#[case("log.prompts", "'yes'")]
#[case("telemetry.otlp_endpoint", "'127.0.0.1:4318'")]
#[case("telemetry.otlp_endpoint", "'grpc://127.0.0.1:4317'")]
#[case("telemetry.otlp_headers", "'no header'")]
#[case("telemetry.sampling", "1.5")]
#[case("telemetry.sampling", "'half'")]
#[case("telemetry.service_name", "''")]
#[case("log.level", "''")]
#[case("log.level", "'info,evogate=loud'")]
fn a_wrong_value_names_its_key(#[case] key: &str, #[case] value: &str) {
    let (found, reason) = problem(&format!("{key} = {value}"));
    assert_eq!(found, key);
    assert!(!reason.is_empty());
}

#[test]
fn a_wrong_redis_url_is_refused_with_the_reason_and_not_quoted() {
    let (_, reason) = problem("store.url = 'redis://user:hunter2hunter2@10.0.0.1,10.0.0.2'");
    assert!(reason.contains("redis+sentinel://"), "{reason}");
    assert!(!reason.contains("hunter2"), "{reason}");
}

#[rstest]
#[case("redis+sentinel://10.0.0.1/main")]
#[case("redis+cluster://10.0.0.1")]
fn what_fails_over_can_not_be_required_to_be_durable(#[case] url: &str) {
    let durable = "store.require_durable = true\n";
    let (key, reason) = problem(&format!("{durable}store.url = '{url}'"));
    assert_eq!(key, "store.require_durable");
    assert!(reason.contains("failovers"), "{reason}");
}

#[test]
fn a_certificate_for_the_store_needs_its_key() {
    let url = "store.url = 'rediss://10.0.0.1'\n";
    let (key, reason) = problem(&format!("{url}store.tls_certificate = '/etc/cert.pem'"));
    assert_eq!(key, "store.tls_certificate");
    assert!(reason.contains("store.tls_key"), "{reason}");
}

#[test]
fn a_catalogue_that_is_missing_or_wrong_is_a_fault_of_its_key() {
    let (key, reason) = problem("catalogue = 'no/such/catalogue.toml'");
    assert_eq!(key, "catalogue");
    assert!(
        reason.starts_with("the file no/such/catalogue.toml can't be read"),
        "{reason}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[[model]]\nnonsense = 1").unwrap();
    let (key, reason) = problem(&format!("catalogue = '{}'", file.path().display()));
    assert_eq!(key, "catalogue");
    assert!(reason.contains("is wrong"), "{reason}");
}

#[test]
fn a_catalogue_of_ones_own_replaces_the_built_in_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), evogate_models::catalogue::BUILTIN).unwrap();
    let config = sound(&format!("catalogue = '{}'", file.path().display()));
    assert!(config.catalogue.model("seedance-2.0").is_some());
}

#[test]
fn the_bounds_are_shown_as_one_writes_them() {
    let (_, reason) = problem("submit.max_body = '2GiB'");
    assert_eq!(reason, "is 2GiB, but must be between 1KiB and 64MiB");
    let (_, reason) = problem("evolink.timeout = '90m'");
    assert_eq!(reason, "is 1h30m, but must be between 100ms and 10m");
}

#[test]
fn all_faults_are_found_in_one_go() {
    let found = of(load(
        "public_url = 'http://gate.example.com'
         listen.ops = '127.0.0.1:8080'
         submit.max_body = 'big'
         submit.breaker_unknowns = 0
         store.url = 'sqlite:x'
         typo = 1",
        &[("EVOGATE__LOG__LEVEL", "loud")],
    ));
    let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "evolink.api_key",
            "submit.max_body",
            "submit.breaker_unknowns",
            "store.url",
            "log.level",
            "listen.ops",
            "public_url",
            "callbacks.secret",
            "typo",
        ]
    );
}

#[test]
fn the_errors_are_shown_one_a_line() {
    let errors = try_sound("typo = 1\nlisten.api = 'x'").unwrap_err();
    assert_eq!(errors.to_string().lines().count(), 2);
}
