//! `evogate doctor`: each of its checks, well and not well, against real gateways, stores and others.

use std::process::Output;
use std::time::Duration;

use evogate_tests::redis::{Fsync, Options, Server};
use evogate_tests::{Collector, Process, Provider, Rig, Settings, assert_books, binary};
use http::StatusCode;
use serde_json::{Value, json};

/// What it said: its exit code, and its findings.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    report: Value,
}

impl Said {
    /// The findings of one check.
    fn of(&self, check: &str) -> Vec<&Value> {
        let checks = self.report["checks"].as_array().unwrap();
        checks.iter().filter(|row| row["check"] == check).collect()
    }

    /// A check has this one finding; answers what was found, and what to do.
    #[track_caller]
    fn is(&self, check: &str, status: &str) -> (String, String) {
        let rows = self.of(check);
        assert_eq!(rows.len(), 1, "{check}: {self:#?}");
        let row = rows[0];
        assert_eq!(row["status"], status, "{row:#}");
        let well = matches!(status, "ok" | "off");
        assert_eq!(row["to_do"].is_null(), well, "{row:#}");
        let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        (word("found"), word("to_do"))
    }
}

/// Runs it with these settings and variables, in the folder of the rig.
async fn run(
    rig: &Rig,
    settings: &Settings,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Output {
    let file = rig.folder().join("doctor.toml");
    std::fs::write(&file, settings.toml()).unwrap();
    let mut command = Process::command(&binary("evogate"));
    command.args(["doctor", "--config"]).arg(&file);
    command.args(arguments).current_dir(rig.folder());
    command.envs(variables.iter().copied());
    let output = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_mins(1), output).await;
    output.expect("it ends").unwrap()
}

/// What it says to programs.
async fn doctor(rig: &Rig, settings: &Settings) -> Said {
    doctor_among(rig, settings, &[]).await
}

/// The same with these variables.
async fn doctor_among(rig: &Rig, settings: &Settings, variables: &[(&str, &str)]) -> Said {
    let output = run(rig, settings, variables, &["--json"]).await;
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stdout)));
    let code = output.status.code();
    assert_eq!(report["well"], code == Some(0), "{report:#}");
    Said { code, report }
}

/// What it says to people: its exit code, all of it, and the row of one check.
async fn shown(rig: &Rig, settings: &Settings, check: &str) -> (Option<i32>, String, String) {
    let output = run(rig, settings, &[], &[]).await;
    let table = String::from_utf8(output.stdout).unwrap();
    let row = table.lines().find(|line| line.starts_with(check));
    let row = row.unwrap_or_else(|| panic!("{table}")).to_owned();
    (output.status.code(), table, row)
}

/// Programs and people are told that this check is bad, what was found and what to do. Answers the table.
async fn is_bad(rig: &Rig, settings: &Settings, check: &str, what: &str, remedy: &str) -> String {
    let said = doctor(rig, settings).await;
    assert_eq!(said.code, Some(1), "{said:#?}");
    let (found, to_do) = said.is(check, "bad");
    assert!(
        found.contains(what) && to_do.contains(remedy),
        "{found}: {to_do}"
    );
    let (code, table, row) = shown(rig, settings, check).await;
    assert_eq!(code, Some(1));
    for word in ["bad", what, remedy] {
        assert!(row.contains(word), "{row}");
    }
    table
}

/// The settings of the rig's gateway, as it runs.
fn settings(rig: &Rig) -> Settings {
    let mut settings = rig.gateway.settings.clone();
    if settings.is_set("public_url") {
        settings.set("public_url", rig.gateway.callbacks.url());
    }
    settings
}

/// The same with one of them changed.
fn but(rig: &Rig, key: &str, value: impl Into<Value>) -> Settings {
    let mut settings = settings(rig);
    settings.set(key, value);
    settings
}

const SECRETS: [(&str, &str); 2] = [
    ("auth.pepper", "pepper-5b0c2f7d9e8a4163b2c4d6e8f0a1b3c5"),
    (
        "webhooks.encryption_key",
        "seal-91e2d3c4b5a697880f1e2d3c4b5a6978",
    ),
];

#[tokio::test]
async fn a_gateway_that_runs_well_is_well() {
    let mut builder = Rig::builder().set("listen.callbacks", "127.0.0.1:0");
    for (key, secret) in SECRETS {
        builder = builder.set(key, secret);
    }
    let rig = builder.start().await;
    let said = doctor(&rig, &settings(&rig)).await;
    assert_eq!(said.code, Some(0), "{said:#?}");
    for check in [
        "settings",
        "pepper",
        "webhook_encryption",
        "store",
        "durability",
        "disk",
    ] {
        said.is(check, "ok");
    }
    let (found, _) = said.is("evolink", "ok");
    assert!(found.contains("credits"), "{found}");
    said.is("catalogue", "ok");
    said.is("clock", "ok");
    let (found, _) = said.is("callbacks", "ok");
    assert!(found.contains("public_url reached"), "{found}");
    said.is("identity", "off");
    said.is("otlp", "off");
    // Nothing was generated, and nothing is left of it.
    assert_eq!(rig.sim.requests("create").await.len(), 0);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn people_get_a_table_with_what_to_do() {
    let rig = Rig::start().await;
    let refused = but(&rig, "evolink.api_key", "sk-not-the-key");
    let (code, table, row) = shown(&rig, &refused, "evolink").await;
    assert_eq!(code, Some(1));
    for word in ["bad", "HTTP 401", "evolink.api_key"] {
        assert!(row.contains(word), "{row}");
    }
    assert!(!table.contains("sk-not-the-key"), "{table}");
}

#[tokio::test]
async fn wrong_settings_are_bad_and_nothing_else_is_looked_at() {
    let rig = Rig::start().await;
    let said = doctor(&rig, &but(&rig, "evolink.timeout", "soon")).await;
    assert_eq!(said.code, Some(1));
    let (found, _) = said.is("settings", "bad");
    assert!(found.contains("evolink.timeout"), "{found}");
    assert_eq!(said.report["checks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_risky_is_a_warning_and_still_well() {
    let rig = Rig::builder().without_callbacks().start().await;
    let said = doctor(&rig, &settings(&rig)).await;
    assert_eq!(said.code, Some(0), "{said:#?}");
    for (check, words) in [
        ("settings", "polling alone"),
        ("pepper", "auth.pepper"),
        ("webhook_encryption", "webhooks.encryption_key"),
    ] {
        let (found, _) = said.is(check, "warning");
        assert!(found.contains(words), "{found}");
    }
    said.is("callbacks", "off");
}

#[tokio::test]
async fn evolink_that_refuses_the_key_or_does_not_answer_is_bad() {
    let rig = Rig::start().await;
    let said = doctor(&rig, &but(&rig, "evolink.api_key", "sk-not-the-key")).await;
    assert_eq!(said.code, Some(1));
    let (found, to_do) = said.is("evolink", "bad");
    assert!(
        found.contains("401") && to_do.contains("evolink.api_key"),
        "{found}: {to_do}"
    );

    let nobody = but(&rig, "evolink.base_url", "http://127.0.0.1:9/v1");
    let said = doctor(&rig, &nobody).await;
    let (_, to_do) = said.is("evolink", "bad");
    assert!(to_do.contains("evolink.base_url"), "{to_do}");
    said.is("catalogue", "warning");
    assert!(said.of("clock").is_empty(), "nobody told the time");
    said.is("store", "ok");

    rig.sim
        .rule(
            json!({ "operation": "credits" }),
            json!({ "hang_before": true }),
        )
        .await;
    let said = doctor(&rig, &settings(&rig)).await;
    let (found, _) = said.is("evolink", "bad");
    assert!(found.contains("time"), "it gives up: {found}");
}

#[tokio::test]
async fn a_model_that_evolink_lacks_is_bad() {
    let rig = Rig::start().await;
    let said = doctor(&rig, &settings(&rig)).await;
    said.is("catalogue", "ok");
    let builtin = evogate_tests::workspace().join("config/catalogue.toml");
    let ours = std::fs::read_to_string(builtin).unwrap();
    let renamed = ours.replace("\"seedance-2.0\"", "\"seedance-2.0-ultra\"");
    assert_ne!(renamed, ours);
    let file = rig.folder().join("catalogue.toml");
    std::fs::write(&file, renamed).unwrap();
    let said = doctor(&rig, &but(&rig, "catalogue", file.to_str().unwrap())).await;
    let (found, _) = said.is("catalogue", "bad");
    assert!(found.contains("seedance-2.0-ultra"), "{found}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_found_by_evolinks_own() {
    let rig = Rig::start().await;
    for (date, status, words) in [
        ("Fri, 01 Jan 2100 00:00:00 GMT", "bad", "s ahead"),
        ("Thu, 01 Jan 2015 00:00:00 GMT", "bad", "s behind"),
    ] {
        let told = json!({ "headers": { "date": date } });
        rig.sim.rule(json!({ "operation": "credits" }), told).await;
        let said = doctor(&rig, &settings(&rig)).await;
        let (found, to_do) = said.is("clock", status);
        assert!(
            found.contains(words) && to_do.contains("NTP"),
            "{found}: {to_do}"
        );
        rig.sim.behave().await;
    }
}

#[tokio::test]
async fn callbacks_are_tried_through_public_url_whether_the_gateway_runs_or_not() {
    let mut rig = Rig::start().await;
    // Another secret than the gateway's: what answers is not one of ours.
    let other = but(
        &rig,
        "callbacks.secret",
        "another-secret-0123456789abcdefgh",
    );
    let (found, to_do) = doctor(&rig, &other).await.is("callbacks", "bad");
    assert!(
        found.contains("404") && to_do.contains("callbacks.secret"),
        "{found}"
    );
    let nowhere = but(&rig, "public_url", "http://127.0.0.1:9");
    doctor(&rig, &nowhere).await.is("callbacks", "bad");

    // Before the first start: the check listens where the gateway would.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    rig.gateway.stop().await;
    let mut alone = but(&rig, "listen.callbacks", address.to_string());
    alone.set("public_url", format!("http://{address}"));
    let (found, _) = doctor(&rig, &alone).await.is("callbacks", "ok");
    assert!(found.contains("this check"), "{found}");
}

#[tokio::test]
async fn the_embedded_store_is_looked_at_while_it_is_open_closed_and_gone() {
    let mut rig = Rig::builder()
        .set("store.url", "embedded:evogate.redb")
        .start()
        .await;
    let (found, _) = doctor(&rig, &settings(&rig)).await.is("store", "ok");
    assert!(found.contains("open in a gateway"), "{found}");
    rig.gateway.stop().await;
    let (found, _) = doctor(&rig, &settings(&rig)).await.is("store", "ok");
    assert!(found.contains("can be read"), "{found}");
    rig.gateway.restart().await;
    rig.gateway.kill();
    let (found, _) = doctor(&rig, &settings(&rig)).await.is("store", "ok");
    assert!(found.contains("repairs"), "{found}");
    rig.gateway.restart().await;
    rig.gateway.stop().await;

    std::fs::write(rig.folder().join("broken.redb"), b"not a store").unwrap();
    let broken = but(&rig, "store.url", "embedded:broken.redb");
    doctor(&rig, &broken).await.is("store", "bad");
    let fresh = but(&rig, "store.url", "embedded:fresh.redb");
    let said = doctor(&rig, &fresh).await;
    let (found, _) = said.is("store", "ok");
    assert!(found.contains("first start"), "{found}");
    assert!(
        !rig.folder().join("fresh.redb").exists(),
        "nothing was made"
    );
    let nowhere = but(&rig, "store.url", "embedded:no/such/folder/evogate.redb");
    let (found, _) = doctor(&rig, &nowhere).await.is("disk", "bad");
    assert!(found.contains("no/such/folder"), "{found}");
}

#[tokio::test]
async fn redis_is_looked_at_with_what_it_can_lose_and_without_a_trace() {
    let redis = Server::with(Options::default().on_port());
    let mut rig = Rig::start().await;
    let on = |url: &str| but(&rig, "store.url", url);
    let said = doctor(&rig, &on(&redis.url())).await;
    let (found, _) = said.is("store", "ok");
    assert!(found.contains("empty"), "{found}");
    said.is("durability", "ok");
    said.is("store_clock", "ok");
    said.is("disk", "off");
    let keys: i64 = redis.command(&["DBSIZE"]);
    assert_eq!(keys, 0, "nothing was set up");

    let late = Server::with(Options::default().on_port().fsync(Fsync::EverySecond));
    let (found, to_do) = doctor(&rig, &on(&late.url()))
        .await
        .is("durability", "warning");
    assert!(
        found.contains("everysec") && to_do.contains("fsync_late"),
        "{found}: {to_do}"
    );
    let mut strict = on(&late.url());
    strict.set("store.require_durable", true);
    let said = doctor(&rig, &strict).await;
    assert_eq!(said.code, Some(1));
    said.is("durability", "bad");

    let (_, to_do) = doctor(&rig, &on("redis://127.0.0.1:9"))
        .await
        .is("store", "bad");
    assert!(to_do.contains("Redis runs"), "{to_do}");

    rig.gateway
        .restart_with([("store.url", redis.url().into())])
        .await;
    let said = doctor(&rig, &settings(&rig)).await;
    let (found, _) = said.is("store", "ok");
    assert!(found.contains("16 shards"), "{found}");
    let (found, to_do) = doctor(&rig, &but(&rig, "store.shards", 8))
        .await
        .is("store", "bad");
    assert!(
        found.contains("16") && to_do.contains("store.shards = 16"),
        "{found}"
    );
}

#[tokio::test]
async fn secrets_that_were_sealed_with_a_key_that_is_lost_are_bad() {
    let mut builder = Rig::builder().on_redis();
    for (key, secret) in SECRETS {
        builder = builder.set(key, secret);
    }
    let rig = builder.start().await;
    let said = doctor(&rig, &settings(&rig)).await;
    said.is("sealed_secrets", "ok");
    said.is("webhook_encryption", "ok");
    let other = but(
        &rig,
        "webhooks.encryption_key",
        "another-91e2d3c4b5a697880f1e2d3c4b5a",
    );
    let (found, to_do) = doctor(&rig, &other).await.is("sealed_secrets", "bad");
    assert!(
        found.contains("team") && to_do.contains("old_encryption_keys"),
        "{found}"
    );
}

#[tokio::test]
async fn an_identity_provider_is_asked_for_its_keys() {
    let rig = Rig::start().await;
    let issuer = |keys: &str, at: &str, algorithm: &str| {
        let issuer = json!([{
            "name": "corp", "issuer": "https://sso.example.com", "audience": "evogate",
            "algorithms": [algorithm], keys: at, "tenant_claim": "team",
        }]);
        but(&rig, "auth.issuers", issuer)
    };
    let secret = "shared-3f9c1a7e5d2b8046c1e3f5a7b9d0c2e4";
    doctor(&rig, &issuer("hmac_secret", secret, "HS256"))
        .await
        .is("identity:corp", "ok");
    let file = rig.folder().join("jwks.json");
    let key = json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "1", "alg": "ES256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }] });
    std::fs::write(&file, key.to_string()).unwrap();
    let file = file.to_str().unwrap();
    doctor(&rig, &issuer("jwks_file", file, "ES256"))
        .await
        .is("identity:corp", "ok");
    std::fs::write(file, "no keys").unwrap();
    let (found, _) = doctor(&rig, &issuer("jwks_file", file, "ES256"))
        .await
        .is("settings", "bad");
    assert!(found.contains("jwks_file"), "{found}");
}

#[tokio::test]
async fn keys_are_fetched_from_an_identity_provider_and_looked_at() {
    let rig = Rig::start().await;
    let issuer = |keys: &str, at: String, algorithm: &str| {
        let issuer = json!([{
            "name": "corp", "issuer": Provider::ISSUER, "audience": "evogate",
            "algorithms": [algorithm], keys: at, "tenant_claim": "team",
        }]);
        but(&rig, "auth.issuers", issuer)
    };
    let keys = json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "1", "alg": "ES256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }] });
    let good = Provider::with(keys.to_string()).await;
    for (keys, at) in [("jwks_url", good.jwks()), ("discovery", good.discovery())] {
        let settings = issuer(keys, at, "ES256");
        let said = doctor(&rig, &settings).await;
        assert_eq!(said.code, Some(0), "{said:#?}");
        let (found, _) = said.is("identity:corp", "ok");
        assert!(found.contains("1 usable"), "{found}");
        let (code, _, row) = shown(&rig, &settings, "identity:corp").await;
        assert_eq!(code, Some(0));
        assert!(row.contains(&found), "{row}");
    }

    let empty = Provider::with("{\"keys\": []}").await;
    let page = Provider::with("<html>Sign in</html>").await;
    let broken = Provider::that_fails(StatusCode::INTERNAL_SERVER_ERROR).await;
    let nobody = "http://127.0.0.1:9".to_owned();
    for (keys, at, algorithm, what, remedy) in [
        (
            "jwks_url",
            good.jwks(),
            "RS256",
            "no key for RS256",
            "`algorithms`",
        ),
        (
            "jwks_url",
            empty.jwks(),
            "ES256",
            "no key for ES256",
            "`algorithms`",
        ),
        (
            "jwks_url",
            page.jwks(),
            "ES256",
            "not a JWK set",
            "`jwks_url`",
        ),
        ("jwks_url", broken.jwks(), "ES256", "500", "`jwks_url`"),
        ("jwks_url", good.old_jwks(), "ES256", "308", "`jwks_url`"),
        ("jwks_url", nobody.clone(), "ES256", "refused", "`jwks_url`"),
        ("discovery", nobody, "ES256", "refused", "`discovery`"),
    ] {
        let settings = issuer(keys, at, algorithm);
        is_bad(&rig, &settings, "identity:corp", what, remedy).await;
    }
}

#[tokio::test]
async fn a_collector_is_asked_whether_it_takes_spans() {
    let rig = Rig::start().await;
    let collector = Collector::start().await;
    let at = |url: String| {
        let mut settings = but(&rig, "telemetry.otlp_endpoint", url);
        settings.set("telemetry.otlp_headers", "x-key=the-collectors-key");
        settings
    };
    let settings = at(collector.url());
    let said = doctor(&rig, &settings).await;
    assert_eq!(said.code, Some(0), "{said:#?}");
    said.is("otlp", "ok");
    let (code, _, row) = shown(&rig, &settings, "otlp").await;
    assert_eq!(code, Some(0));
    assert!(row.contains("takes spans"), "{row}");
    // It got a batch without spans each time, and the key.
    assert_eq!((collector.batches(), collector.spans().len()), (2, 0));
    let headers = collector.headers();
    assert_eq!(headers.len(), 2);
    assert!(
        headers
            .iter()
            .all(|sent| sent["x-key"] == "the-collectors-key")
    );

    // OpenTelemetry's own variables are heeded like in a gateway: below the settings.
    let variables = [(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "x-key=another,x-team=video%20lab",
    )];
    doctor_among(&rig, &settings, &variables)
        .await
        .is("otlp", "ok");
    let sent = &collector.headers()[2];
    assert_eq!(sent["x-key"], "the-collectors-key");
    assert_eq!(sent["x-team"], "video lab");

    let fails = Collector::start().await;
    fails.fail();
    for (url, what, remedy) in [
        (fails.url(), "HTTP 503", "log"),
        (
            format!("{}/otlp", collector.url()),
            "HTTP 404",
            "before /v1/traces",
        ),
        ("http://127.0.0.1:9".to_owned(), "refused", "4318"),
    ] {
        let table = is_bad(&rig, &at(url), "otlp", what, remedy).await;
        assert!(!table.contains("the-collectors-key"), "{table}");
    }

    let hangs = Collector::start().await;
    hangs.hang();
    let (found, _) = doctor(&rig, &at(hangs.url())).await.is("otlp", "bad");
    assert!(found.contains("in time"), "it gives up: {found}");
}
