//! `evogate tenant`.

use evogate_tests::{Caller as _, Tenant};

use crate::World;

#[tokio::test]
async fn a_tenant_is_made_found_renamed_suspended_and_resumed() {
    let world = World::start().await;
    let made = world
        .run_words(&["tenant", "create", "studio", "--name", "Film studio"])
        .await;
    assert_eq!(made.cells("tenant"), ["tenant", "studio"]);
    assert_eq!(made.cells("name"), ["name", "Film studio"]);
    assert_eq!(
        world.run("tenant create second --json").await.json()["name"],
        "second"
    );
    let list = world.run("tenant list").await;
    let head = [
        "TENANT",
        "NAME",
        "STATE",
        "AVAILABLE",
        "HELD",
        "SPENT",
        "GRANTED",
        "IN FLIGHT",
    ];
    assert_eq!(list.cells("TENANT"), head);
    let zero = "0.000";
    assert_eq!(
        list.cells("studio"),
        [
            "studio",
            "Film studio",
            "active",
            zero,
            zero,
            zero,
            zero,
            "0"
        ]
    );
    assert_eq!(list.cells("demo")[3], "10000.000");
    let found = world.run("tenant list --search FILM --json").await.json();
    assert_eq!(
        (&found["total"], found["data"].as_array().unwrap().len()),
        (&1.into(), 1)
    );
    assert_eq!(found["data"][0]["id"], "studio");
    let page = world.run("tenant list --page 3 --page-size 1").await;
    assert!(
        page.ok().ends_with("page 3 of 3, 3 tenants in all\n"),
        "{page:?}"
    );
    let page = world
        .run("tenant list --page 2 --page-size 2 --json")
        .await
        .json();
    assert_eq!(
        (&page["page"], &page["data"][0]["id"]),
        (&2.into(), &"studio".into())
    );

    let renamed = world
        .run_words(&["tenant", "rename", "studio", "The studio", "--json"])
        .await
        .json();
    assert_eq!(renamed["name"], "The studio");
    let suspended = world.run("tenant suspend demo --yes").await;
    assert_eq!(suspended.cells("state"), ["state", "suspended"]);
    let refused = world.dev.demo().submit(&Tenant::video("x")).await;
    refused.error(403, "tenant_suspended");
    assert_eq!(
        world.run("tenant resume demo --json").await.json()["suspended"],
        false
    );
    let answer = world.dev.admin().get("/admin/v1/tenants/demo").await;
    let shown = world.run("tenant show demo --json").await;
    assert_eq!(
        shown.ok().trim_end(),
        answer.text(),
        "what the gateway answered, to the letter"
    );
    world.dev.stop().await;
}

#[tokio::test]
async fn the_pages_of_a_long_list_are_joined() {
    let world = World::start().await;
    let admin = world.dev.admin();
    for number in 0..205 {
        let body = serde_json::json!({ "id": format!("t{number:03}") });
        admin.post("/admin/v1/tenants", &body).await.expect(201);
    }
    let list = world.run("tenant list --json").await.json();
    let data = list["data"].as_array().unwrap();
    assert_eq!((&list["total"], data.len()), (&206.into(), 206));
    let table = world.run("tenant list --search t2").await;
    assert_eq!(table.ok().lines().count(), 1 + 5);
    world.dev.stop().await;
}

#[tokio::test]
async fn without_a_terminal_nothing_is_asked_and_nothing_is_done() {
    let world = World::start().await;
    let key = world.run("key list demo --json").await.json()["data"][0]["id"].clone();
    let key = key.as_str().unwrap();
    for line in [
        "tenant suspend demo".to_owned(),
        format!("key delete demo {key}"),
        format!("key rotate demo {key} --overlap 0s"),
        format!("admin delete {key}"),
    ] {
        let ran = world.run(&line).await;
        assert!(ran.failed(2).contains("--yes"), "{ran:?}");
        assert_eq!(ran.out, "");
    }
    let trail = world.run("audit --json").await.json();
    let changes = trail["data"].as_array().unwrap().iter();
    assert!(
        changes.clone().all(|change| change["who"] == "evogate dev"),
        "{trail}"
    );
    world.dev.stop().await;
}
