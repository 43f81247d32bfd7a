//! `evogate key` and `evogate admin`.

use evogate_tests::{Caller as _, Micro, Tenant};
use serde_json::json;

use crate::World;

#[tokio::test]
async fn a_key_is_shown_once_and_alone_where_that_is_asked_for() {
    let world = World::start().await;
    let url = world.dev.variable("EVOGATE_URL");
    let made = world
        .run_words(&[
            "key",
            "create",
            "demo",
            "--name",
            "batch jobs",
            "--user",
            "ana",
            "--scope",
            "read,generate",
            "--expires-in",
            "90d",
            "--credit-cap",
            "17.784",
        ])
        .await;
    assert_eq!(made.cells("scopes"), ["scopes", "read generate"]);
    let expires = made.cells("expires")[1];
    assert!(
        expires.ends_with("(in 90 d)") || expires.ends_with("(in 89 d)"),
        "{expires}"
    );
    let secret = made.ok().lines().last().unwrap();
    let team = Tenant::known("demo", secret, url);
    let id = team.start("one").await;
    team.ended_as(&id, "completed").await;
    team.submit(&Tenant::video("two"))
        .await
        .error(402, "quota_exceeded");

    let quiet = world.run("key create demo --scope read --quiet").await;
    let reader = Tenant::known("demo", quiet.ok().trim_end(), url);
    reader.get("/v1/credits").await.ok();
    let json = world.run("key create demo --json").await.json();
    assert_eq!(json["scopes"], json!(["generate", "read"]));
    assert!(json["key"].as_str().unwrap().starts_with("sk-"), "{json}");
    let list = world.run("key list demo").await;
    assert_eq!(list.ok().lines().count(), 1 + 4);
    assert!(!list.out.contains("sk-"), "{list:?}");
    let key = list
        .ok()
        .lines()
        .find(|line| line.contains("batch jobs"))
        .unwrap();
    assert!(key.contains("ana") && key.contains("17.784"), "{key}");
    let ran = world.run("key create demo --quiet --json").await;
    assert!(ran.failed(2).contains("--json"), "{ran:?}");
    assert!(
        world
            .run("key create demo --scope everything")
            .await
            .failed(2)
            .contains("tenant_admin")
    );
    world.dev.stop().await;
}

#[tokio::test]
async fn a_key_is_rotated_with_an_overlap_and_deleted() {
    let world = World::start().await;
    let url = world.dev.variable("EVOGATE_URL");
    let made = world.run("key create demo --json").await.json();
    let id = made["id"].as_str().unwrap();
    let first = Tenant::known("demo", made["key"].as_str().unwrap(), url);
    let rotated = world
        .run(&format!("key rotate demo {id} --overlap 1d"))
        .await;
    assert_eq!(
        rotated.cells("old secret"),
        ["old secret", "counts for 24 h more"]
    );
    first.get("/v1/credits").await.ok();
    let last = world
        .run(&format!("key rotate demo {id} --overlap 0s --yes --quiet"))
        .await;
    let last = Tenant::known("demo", last.ok().trim_end(), url);
    last.get("/v1/credits").await.ok();
    let deleted = world.run(&format!("key delete demo {id} --yes")).await;
    assert_eq!(deleted.ok(), format!("{id} is deleted\n"));
    last.get("/v1/credits").await.error(401, "unauthorized");
    let gone = world.run(&format!("key delete demo {id} --yes")).await;
    assert!(gone.failed(1).contains("404 key_not_found"), "{gone:?}");
    let gone = world.run("key list nobody").await;
    assert!(gone.failed(1).contains("404 tenant_not_found"), "{gone:?}");
    world.dev.stop().await;
}

#[tokio::test]
async fn an_admin_has_a_key_and_a_viewer_only_looks() {
    let world = World::start().await;
    let viewer = world
        .run_words(&[
            "admin",
            "create",
            "Ada Byron",
            "--role",
            "viewer",
            "--quiet",
        ])
        .await;
    let viewer = viewer.ok().trim_end().to_owned();
    let list = world.run("admin list").await;
    assert!(
        list.ok().contains("Ada Byron") && !list.out.contains(&viewer),
        "{list:?}"
    );
    let id = world.run("admin list --json").await.json()["data"][0]["id"].clone();
    let as_viewer = [("EVOGATE_ADMIN_KEY", viewer.as_str())];
    let looks = world
        .run_with(&["tenant", "list", "--json"], &as_viewer, "")
        .await;
    assert_eq!(looks.json()["total"], 1);
    let words = ["grant", "demo", "1", "--note", "x"];
    let refused = world.run_with(&words, &as_viewer, "").await;
    let said = refused.failed(1);
    assert!(
        said.contains("403 permission_denied") && said.contains("viewer"),
        "{said}"
    );
    assert_eq!(
        world.dev.admin().credits("demo", "granted").await,
        Micro::parse("10000")
    );
    let id = id.as_str().unwrap();
    let deleted = world
        .run(&format!("admin delete {id} --yes --json"))
        .await
        .json();
    assert_eq!(
        deleted,
        json!({"object": "admin", "id": id, "deleted": true})
    );
    let gone = world.run_with(&["tenant", "list"], &as_viewer, "").await;
    assert!(gone.failed(1).contains("401 unauthorized"), "{gone:?}");
    world.dev.stop().await;
}
