//! What is allowed and warned about.

use rstest::rstest;

use super::*;

/// A configuration that nothing is to be said about.
const QUIET: &str = "public_url = 'https://gate.example.com'
callbacks.secret = '0f1e2d3c4b5a69788796a5b4c3d2e1f0'
listen.callbacks = '127.0.0.1:8081'
admin.bootstrap_key = 'adm-0f1e2d3c4b5a69788796a5b4'
auth.pepper = '3c4b5a69788796a5b4c3d2e1f00f1e2d'
webhooks.encryption_key = '1f1e2d3c4b5a69788796a5b4c3d2e1f1'
";

#[test]
fn a_careful_configuration_is_not_warned_about() {
    assert_eq!(warned(QUIET), [] as [&str; 0]);
}

#[test]
fn polling_alone_no_admin_no_pepper_and_no_encryption_key_are_warned_about() {
    let keys = [
        "public_url",
        "admin.bootstrap_key",
        "auth.pepper",
        "webhooks.encryption_key",
    ];
    assert_eq!(warned(""), keys);
}

#[test]
fn a_public_url_without_a_listener_of_its_own_is_warned_about() {
    let (_, warnings) = try_sound(&QUIET.replace("listen.callbacks", "# ")).unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].key, "public_url");
    assert!(warnings[0].message.contains("admin routes"));
}

#[rstest]
#[case("listen.api = '0.0.0.0:8080'", "listen.api")]
#[case("listen.ops = '0.0.0.0:9090'", "listen.ops")]
#[case("listen.trusted_proxies = ['0.0.0.0/0']", "listen.trusted_proxies")]
#[case(
    "evolink.base_url = 'http://sim.test/v1'\nevolink.allow_http = true",
    "evolink.allow_http"
)]
#[case("submit.answer_within = '30s'", "submit.answer_within")]
#[case("submit.unknown_deadline = '59s'", "submit.unknown_deadline")]
#[case("tasks.deadline = '23h'", "tasks.deadline")]
#[case("shutdown.drain_timeout = '19s'", "shutdown.drain_timeout")]
#[case("refused.keep_prompts = true", "refused.keep_prompts")]
#[case("log.prompts = true", "log.prompts")]
#[case("webhooks.allow_networks = ['0.0.0.0/0']", "webhooks.allow_networks")]
#[case("webhooks.allow_networks = ['::/0']", "webhooks.allow_networks")]
#[case("store.url = 'redis://:hunter2@10.0.0.1'", "store.url")]
fn a_risky_setting_is_warned_about(#[case] setting: &str, #[case] key: &str) {
    assert_eq!(warned(&format!("{QUIET}{setting}")), [key]);
}

#[rstest]
#[case("https://10.0.0.1")]
#[case("https://gateway")]
#[case("https://gate.internal")]
#[case("https://[fd00::1]")]
fn a_public_url_that_evolink_cannot_reach_is_warned_about(#[case] url: &str) {
    let settings = QUIET.replace("https://gate.example.com", url);
    assert_eq!(warned(&settings), ["public_url"]);
}

#[test]
fn a_listener_for_callbacks_that_nobody_sends_is_warned_about() {
    let settings = QUIET.replace("public_url", "# ");
    assert_eq!(warned(&settings), ["public_url", "listen.callbacks"]);
}

#[test]
fn a_secret_that_can_be_guessed_is_warned_about() {
    let settings = QUIET.replace("0f1e2d3c4b5a69788796a5b4c3d2e1f0", &"ab".repeat(20));
    assert_eq!(warned(&settings), ["callbacks.secret"]);
    let settings = QUIET.replace("adm-0f1e2d3c4b5a69788796a5b4", &"x".repeat(30));
    assert_eq!(warned(&settings), ["admin.bootstrap_key"]);
    let settings = QUIET.replace("3c4b5a69788796a5b4c3d2e1f00f1e2d", &"xy".repeat(16));
    assert_eq!(warned(&settings), ["auth.pepper"]);
    let settings = QUIET.replace("1f1e2d3c4b5a69788796a5b4c3d2e1f1", &"y".repeat(32));
    assert_eq!(warned(&settings), ["webhooks.encryption_key"]);
}
