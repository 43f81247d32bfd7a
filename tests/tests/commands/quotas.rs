//! `evogate quota`.

use std::fs;

use serde_json::{Value, json};

use crate::World;

/// The fields that limit something.
fn limits(quota: &Value) -> Value {
    let mut quota = quota.clone();
    for within in ["per_user", "per_key"] {
        quota[within]
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
    }
    let idle = [
        Value::Null,
        json!([]),
        json!({}),
        json!(false),
        json!("UTC"),
    ];
    quota
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !idle.contains(value));
    quota
}

#[tokio::test]
async fn a_set_changes_what_is_named_and_nothing_else() {
    let world = World::start().await;
    let first = "quota set demo --credits-per-day 300 --per-user-credits-per-day 60.5 --model a*,b --unlimited";
    let set = world.run(first).await;
    assert_eq!(set.cells("FIELD"), ["FIELD", "VALUE", "WAS"]);
    assert_eq!(
        set.cells("credits_per_day"),
        ["credits_per_day", "300", "-"]
    );
    assert_eq!(
        set.cells("credits_per_week"),
        ["credits_per_week", "-", "="]
    );
    let second = "quota set demo --max-duration 10 --unset models,per-user-credits-per-day --unlimited=false --json";
    let quota = world.run(second).await.json();
    assert_eq!(
        limits(&quota),
        json!({"credits_per_day": 300, "max_duration": 10})
    );
    let shown = world.run("quota show demo").await;
    assert_eq!(shown.cells("max_duration"), ["max_duration", "10"]);
    assert_eq!(world.run("quota show demo --json").await.json(), quota);
    let again = world.run("quota set demo --max-duration 10").await;
    assert!(again.ok().ends_with("nothing changed\n"), "{again:?}");
    world.dev.stop().await;
}

#[tokio::test]
async fn a_file_or_stdin_says_more_than_flags_do_and_can_be_the_whole_quota() {
    let world = World::start().await;
    world
        .run("quota set demo --credits-per-day 300 --per-user-credits-per-day 60")
        .await
        .ok();
    let file = world.dev.folder().join("quota.json");
    fs::write(
        &file,
        r#"{"per_user": null, "per_key": {"credits_per_week": 7.000001}, "submit_burst": 2}"#,
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let words = [
        "quota",
        "set",
        "demo",
        "--file",
        file,
        "--submits-per-minute",
        "9",
        "--json",
    ];
    let quota = world.run_words(&words).await.json();
    let merged = json!({"credits_per_day": 300, "per_key": {"credits_per_week": 7.000_001},
        "submit_burst": 2, "submits_per_minute": 9});
    assert_eq!(limits(&quota), merged);
    let words = ["quota", "set", "demo", "--file", "-", "--replace", "--json"];
    let ran = world
        .run_with(&words, &[], r#"{"max_quality": "720p"}"#)
        .await;
    assert_eq!(limits(&ran.json()), json!({"max_quality": "720p"}));

    let ran = world
        .run_with(&["quota", "set", "demo", "--file", "-"], &[], "[1]")
        .await;
    assert!(ran.failed(2).contains("a quota, a JSON object"), "{ran:?}");
    let ran = world
        .run_with(
            &["quota", "set", "demo", "--file", "-"],
            &[],
            r#"{"nono": 1}"#,
        )
        .await;
    assert!(ran.failed(1).contains("unknown field `nono`"), "{ran:?}");
    let ran = world
        .run("quota set demo --credits-per-day 1 --unset credits_per_day")
        .await;
    assert!(ran.failed(2).contains("both set and unset"), "{ran:?}");
    assert!(
        world
            .run("quota set demo")
            .await
            .failed(2)
            .contains("nothing to change")
    );
    let ran = world
        .run("quota set demo --time-zone Moon --credits-per-day=-1")
        .await;
    let said = ran.failed(1);
    assert!(
        said.contains("credits_per_day") && said.contains("also: time_zone"),
        "{said}"
    );
    assert_eq!(
        limits(&world.run("quota show demo --json").await.json()),
        json!({"max_quality": "720p"})
    );
    world.dev.stop().await;
}
