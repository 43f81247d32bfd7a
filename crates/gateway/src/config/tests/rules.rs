//! Rules about several keys.

use rstest::rstest;

use super::*;

fn with_public_url(settings: &str) -> String {
    format!("callbacks.secret = '{SECRET}'\nlisten.callbacks = '127.0.0.1:8081'\n{settings}")
}

#[rstest]
#[case("listen.ops = '127.0.0.1:8080'", "listen.ops")]
#[case("listen.callbacks = '127.0.0.1:8080'", "listen.callbacks")]
#[case("listen.callbacks = '127.0.0.1:9090'", "listen.ops")]
#[case("listen.ops = '0.0.0.0:8080'", "listen.ops")]
#[case("listen.api = '[::]:9090'", "listen.ops")]
fn two_listeners_on_one_address_are_refused(#[case] setting: &str, #[case] key: &str) {
    let (found, reason) = problem(setting);
    assert_eq!(found, key);
    assert!(
        reason.starts_with("is the same address as listen."),
        "{reason}"
    );
}

#[test]
fn listeners_may_share_a_port_on_two_addresses_and_port_zero() {
    sound("listen.api = '127.0.0.1:8080'\nlisten.ops = '127.0.0.2:8080'");
    sound("listen.api = '127.0.0.1:0'\nlisten.ops = '127.0.0.1:0'");
}

#[rstest]
#[case("http://127.0.0.1:9100/v1")]
#[case("http://localhost:9100/v1")]
#[case("http://[::1]:9100/v1")]
#[case("https://evolink.example.com/v1")]
fn evolink_may_be_https_anywhere_or_http_on_this_machine(#[case] url: &str) {
    sound(&format!("evolink.base_url = '{url}'"));
}

#[rstest]
#[case("http://api.evolink.ai/v1")]
#[case("http://10.0.0.1/v1")]
#[case("http://localhost.example.com/v1")]
fn http_to_another_machine_needs_to_be_allowed(#[case] url: &str) {
    let setting = format!("evolink.base_url = '{url}'");
    let (key, reason) = problem(&setting);
    assert_eq!(key, "evolink.base_url");
    assert!(reason.contains("evolink.allow_http"), "{reason}");
    sound(&format!("{setting}\nevolink.allow_http = true"));
}

#[rstest]
#[case("http://127.0.0.1:8080/v1")]
#[case("http://localhost:9090/v1")]
fn evolink_must_not_be_this_gateway(#[case] url: &str) {
    let (key, reason) = problem(&format!("evolink.base_url = '{url}'"));
    assert_eq!(key, "evolink.base_url");
    assert!(reason.starts_with("leads back to this gateway"), "{reason}");
}

#[test]
fn the_public_url_must_not_be_evolink() {
    let (key, _) = problem(&with_public_url("public_url = 'https://api.evolink.ai/'"));
    assert_eq!(key, "public_url");
}

#[test]
fn the_public_url_must_be_https_except_on_this_machine() {
    sound(&with_public_url("public_url = 'http://127.0.0.1:8081'"));
    sound(&with_public_url(
        "public_url = 'https://gate.example.com/callbacks'",
    ));
    let (key, reason) = problem(&with_public_url("public_url = 'http://gate.example.com'"));
    assert_eq!(key, "public_url");
    assert!(reason.starts_with("must be https"), "{reason}");
}

#[test]
fn the_public_url_leaves_room_for_the_token() {
    let path = "x".repeat(1024);
    let (key, reason) = problem(&with_public_url(&format!(
        "public_url = 'https://gate.example.com/{path}'"
    )));
    assert_eq!(key, "public_url");
    assert!(reason.contains("1024"), "{reason}");
}

#[test]
fn a_public_url_needs_the_callbacks_secret() {
    let (key, reason) = problem("public_url = 'https://gate.example.com'");
    assert_eq!(key, "callbacks.secret");
    assert!(
        reason.starts_with("is required with public_url"),
        "{reason}"
    );
}

#[test]
fn one_secret_must_not_serve_twice() {
    let settings = format!("callbacks.secret = '{SECRET}'\nadmin.bootstrap_key = '{SECRET}'");
    let (key, reason) = problem(&settings);
    assert_eq!(key, "admin.bootstrap_key");
    assert!(reason.ends_with("callbacks.secret"), "{reason}");
}

#[test]
fn a_fault_of_one_key_causes_no_second_one() {
    assert_eq!(
        problem("listen.api = 'x'\nlisten.ops = '127.0.0.1:8080'").0,
        "listen.api"
    );
    let found = problems("public_url = 'https://gate.example.com'\ncallbacks.secret = ''");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[rstest]
#[case("tasks.retention = '27h'", "tasks.retention")]
#[case("tasks.deadline = '30d'", "tasks.retention")]
#[case("tasks.deadline = '1h'\ntasks.retention = '23h'", "tasks.retention")]
#[case("journal.retention = '30d'", "journal.retention")]
#[case("tasks.retention = '400d'", "journal.retention")]
fn nothing_leaves_that_is_still_needed(#[case] settings: &str, #[case] key: &str) {
    assert_eq!(problem(settings).0, key);
}

#[test]
fn tasks_may_leave_an_hour_after_their_deadline_and_the_journal_a_day_later() {
    sound("tasks.retention = '27h1s'\njournal.retention = '51h1s'");
    sound("tasks.retention = '1d'\ntasks.deadline = '1h'\njournal.retention = '2d'");
}
