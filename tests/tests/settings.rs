//! Settings: `serve` and `check` name what is wrong with them before anything starts.

use std::fs;
use std::process::Output;
use std::time::Duration;

use evogate_tests::{EVOLINK_KEY, Process, Rig, assert_books, binary};

/// Runs `evogate COMMAND --config FILE` with these settings to its end.
async fn judge(
    command: &str,
    settings: &str,
    environment: &[(&str, &str)],
) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evogate.toml");
    fs::write(&file, settings).unwrap();
    let mut run = Process::command(&binary("evogate"));
    run.args([command, "--config"])
        .arg(&file)
        .current_dir(folder.path());
    run.envs(environment.iter().copied());
    let mut run = tokio::process::Command::from(run);
    let output = run.kill_on_drop(true).output();
    let output: Output = tokio::time::timeout(Duration::from_secs(20), output)
        .await
        .unwrap_or_else(|_| panic!("it runs with these settings:\n{settings}"))
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

const GOOD: &str = "evolink.api_key = \"sk-0123456789\"\nlisten.api = \"127.0.0.1:0\"\nlisten.ops = \"127.0.0.1:0\"\n";

#[tokio::test]
async fn wrong_settings_are_named_with_exit_code_2_and_nothing_listens() {
    let rows = [
        ("", "evolink.api_key"),
        ("evolink.api_key = \"\"", "evolink.api_key"),
        ("evolink.api_key = \"   \"", "evolink.api_key"),
        ("evolink.api_key = \"short\"", "evolink.api_key"),
        (
            "evolink.base_url = \"http://api.evolink.ai/v1\"",
            "evolink.base_url",
        ),
        ("evolink.base_url = \"not a url\"", "evolink.base_url"),
        ("evolink.timeout = \"soon\"", "evolink.timeout"),
        ("evolink.timeout = 60", "evolink.timeout"),
        ("evolink.timout = \"60s\"", "evolink.timout"),
        ("submit.answer_within = \"0s\"", "submit.answer_within"),
        ("listen.api = \"everywhere\"", "listen.api"),
        (
            "listen.ops = \"127.0.0.1:7\"\nlisten.api = \"127.0.0.1:7\"",
            "listen.ops",
        ),
        ("admin.bootstrap_key = \"tooshort\"", "admin.bootstrap_key"),
        ("admin.bootstrap_key = \"\"", "admin.bootstrap_key"),
        ("public_url = \"https://example.com\"", "callbacks.secret"),
        (
            "callbacks.secret = \"\"\npublic_url = \"https://example.com\"",
            "callbacks.secret",
        ),
        (
            "callbacks.secret = \"0123456789\"\npublic_url = \"https://example.com\"",
            "callbacks.secret",
        ),
        ("public_url = \"http://example.com\"", "public_url"),
        ("store.url = \"mysql://localhost\"", "store.url"),
        ("catalogue = \"/no/such/file.toml\"", "catalogue"),
        ("nonsense = 1", "nonsense"),
        ("this is no toml", "evogate.toml"),
    ];
    for (line, key) in rows {
        let mut settings = line.to_owned() + "\n";
        for good in GOOD.lines() {
            let name = good.split(' ').next().unwrap();
            if !line.is_empty() && !settings.contains(name) && !line.contains("no toml") {
                settings += good;
                settings.push('\n');
            }
        }
        for command in ["serve", "check"] {
            let (code, said) = judge(command, &settings, &[]).await;
            assert_eq!(code, Some(2), "{command} with {settings:?}: {said}");
            assert!(said.contains(key), "{command} with {settings:?}: {said}");
            assert!(!said.contains("listening"), "{said}");
        }
    }
}

#[tokio::test]
async fn every_fault_of_the_settings_is_told_at_once_and_no_secret_is_quoted() {
    let settings = "evolink.api_key = 5\nadmin.bootstrap_key = \"hunter2\"\nevolink.timeout = \"x\"\nwat = 1\n";
    let (code, said) = judge("check", settings, &[]).await;
    assert_eq!(code, Some(2));
    for key in [
        "evolink.api_key",
        "admin.bootstrap_key",
        "evolink.timeout",
        "wat",
    ] {
        assert!(said.contains(key), "{key} is missing in {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    let (code, said) = judge("check", GOOD, &[("EVOGATE__EVOLINK__TIMEOUT", "never")]).await;
    assert_eq!(code, Some(2));
    assert!(
        said.contains("evolink.timeout") && said.contains("EVOGATE__EVOLINK__TIMEOUT"),
        "{said}"
    );
}

#[tokio::test]
async fn good_settings_are_found_good_and_risks_are_named() {
    let (code, said) = judge("check", GOOD, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("public_url"),
        "polling alone is worth a word: {said}"
    );
    let exposed = "public_url = \"https://gate.example.com\"\ncallbacks.secret = \"f0c2b6a1d94e4c35a77188e2b05d13c9\"\n";
    let (code, said) = judge("check", &format!("{exposed}{GOOD}"), &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("listen.callbacks"), "{said}");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let settings = GOOD.replacen("127.0.0.1:0", &address, 1);
    let (code, said) = judge("serve", &settings, &[]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("listen.api") && said.contains(&address),
        "{said}"
    );
}

#[tokio::test]
async fn spaces_and_line_ends_around_evolinks_key_are_cut_off() {
    let rig = Rig::builder()
        .set("evolink.api_key", format!("  {EVOLINK_KEY}\n"))
        .start()
        .await;
    let id = rig.team.start("the key fits").await;
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}
