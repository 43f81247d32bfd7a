//! What was done: tasks, journal, usage, refused submits, the audit trail, the proof of the books.

use evogate_tests::{Caller as _, Tenant, assert_books};
use serde_json::{Value, json};

use crate::World;

#[tokio::test]
async fn tasks_of_all_tenants_are_listed_the_newest_first_and_told_step_by_step() {
    let world = World::start().await;
    let demo = world.dev.demo();
    let studio = world.dev.admin().tenant("studio", "100").await;
    let mut ids = Vec::new();
    for (tenant, prompt) in [
        (&studio, "one"),
        (&demo, "two #sim:fail=service_error"),
        (&studio, "three"),
    ] {
        let id = tenant.start(prompt).await;
        tenant.ended(&id).await;
        ids.push(id);
    }
    let list = world.run("task list").await;
    assert_eq!(list.ok().lines().count(), 1 + 3);
    assert_eq!(
        list.cells(&ids[0])[1..4],
        ["studio", "completed", "seedance-2.0"]
    );
    let failed = world.run("task list --state failed --json").await.json();
    assert_eq!(
        (&failed["total"], &failed["data"][0]["id"]),
        (&1.into(), &ids[1].as_str().into())
    );
    let newest = world.run("task list --limit 2 --json").await.json();
    let created = |task: &Value| task["created"].as_i64().unwrap();
    let tasks = newest["data"].as_array().unwrap();
    assert_eq!((tasks.len(), &newest["total"]), (2, &3.into()));
    assert!(created(&tasks[0]) >= created(&tasks[1]), "{newest}");
    let cut = world.run("task list --tenant studio --limit 1").await;
    assert_eq!(cut.code, Some(0));
    assert!(cut.err.contains("the newest 1 of 2"), "{cut:?}");
    assert_eq!(
        world.run("task list --all --json").await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert!(
        world
            .run("task list --state finished")
            .await
            .failed(2)
            .contains("completed")
    );

    let show = world.run(&format!("task show {}", ids[1])).await;
    assert_eq!(show.cells("tenant"), ["tenant", "demo"]);
    assert_eq!(show.cells("charged"), ["charged", "0.000"]);
    let json = world
        .run(&format!("task show {} --json", ids[1]))
        .await
        .json();
    assert_eq!(
        json["evolink_task_id"].as_str().unwrap().len(),
        ids[1].len()
    );
    let timeline = world.run(&format!("task timeline {}", ids[0])).await;
    for step in ["held", "bound", "settled", "ended"] {
        assert!(
            timeline.ok().contains(&format!("Z  {step} ")),
            "{step}: {timeline:?}"
        );
    }
    let json = world
        .run(&format!("task timeline {} --json", ids[0]))
        .await
        .json();
    assert_eq!(json["state"], "completed");
    let absent = world
        .run("task show task-unified-1772203771-abcd1234")
        .await;
    assert!(
        absent.failed(1).contains("404 task_not_found"),
        "{absent:?}"
    );
    assert!(
        world
            .run("task show nono")
            .await
            .failed(2)
            .contains("task-unified-")
    );
    assert_books(&world.dev.admin(), &world.dev.simulator()).await;
    world.dev.stop().await;
}

#[tokio::test]
async fn a_journal_is_the_same_in_every_form_and_usage_adds_it_up() {
    let world = World::start().await;
    let demo = world.dev.demo();
    for prompt in ["one", "two"] {
        let id = demo.start(prompt).await;
        demo.ended_as(&id, "completed").await;
    }
    let journal = world.run("journal demo --json").await.json();
    let entries = journal["data"].as_array().unwrap();
    assert_eq!((entries.len(), &journal["next"]), (5, &Value::Null));
    let ndjson = world.run("journal demo --ndjson").await;
    let lines = ndjson
        .ok()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(&lines.collect::<Vec<_>>(), entries);
    let csv = world.run("journal demo --csv").await;
    let answer = world
        .dev
        .admin()
        .get("/admin/v1/tenants/demo/journal?format=csv")
        .await;
    assert_eq!(csv.ok(), answer.text(), "the gateway's own CSV");
    let table = world.run("journal demo").await;
    assert_eq!(table.ok().lines().count(), 1 + 5);
    assert_eq!(table.cells("2")[2..6], ["held", "-17.784", "17.784", "-"]);
    let part = world
        .run("journal demo --after 1 --limit 2 --json")
        .await
        .json();
    assert_eq!(
        (&part["data"][0]["seq"], &part["next"]),
        (&2.into(), &3.into())
    );

    let usage = world.run("usage --by tenant,model").await;
    assert_eq!(
        usage.cells("demo"),
        ["demo", "seedance-2.0", "2", "2", "0", "0", "35.568"]
    );
    let json = world
        .run("usage --tenant demo --by user --json")
        .await
        .json();
    assert_eq!(json["data"][0]["submitted"], 2);
    let csv = world.run("usage --by key,day --csv").await;
    let answer = world
        .dev
        .admin()
        .get("/admin/v1/usage?group_by=key,day&format=csv")
        .await;
    assert_eq!(csv.ok(), answer.text(), "the gateway's own CSV");
    let wrong = world.run("usage --from 2026-11-23 --to 2026-11-01").await;
    assert!(
        wrong.failed(1).contains("from must not be after to"),
        "{wrong:?}"
    );
    let users = world.run("tenant users demo --json").await.json();
    assert_eq!(users["object"], "list");
    let proof = world.run("ledger verify").await;
    assert_eq!(proof.cells("violations"), ["violations", "0"]);
    let proof = world.run("ledger verify --json").await.json();
    assert_eq!(
        proof,
        json!({"tenants": 1, "violations": [], "platform_loss": 0})
    );
    world.dev.stop().await;
}

#[tokio::test]
async fn a_refused_submit_and_a_change_are_found_again() {
    let world = World::start().await;
    let mut body = Tenant::video("too long");
    body["duration"] = 99.into();
    let refused = world.dev.demo().submit(&body).await;
    let error = refused.error(400, "invalid_parameter");
    let id = error["request_id"].as_str().unwrap();
    let found = world.run(&format!("refused {id}")).await;
    assert_eq!(found.cells("faulty fields"), ["faulty fields", "duration"]);
    assert_eq!(
        world.run(&format!("refused {id} --json")).await.json()["data"][0]["request_id"],
        id
    );
    let list = world.run("refused --tenant demo --limit 5").await;
    assert!(list.ok().contains(id), "{list:?}");
    let absent = world
        .run("refused 01a208e2-1328-75ba-af10-66fbda8a14e0")
        .await;
    assert!(absent.failed(1).contains("no refused submit"), "{absent:?}");

    world.run("tenant suspend demo --yes").await.ok();
    world.run("quota set demo --credits-per-day 5").await.ok();
    let trail = world.run("audit --limit 2").await;
    assert_eq!(trail.ok().lines().count(), 1 + 2);
    assert!(trail.ok().contains("quota.credits_per_day: 5"), "{trail:?}");
    assert!(trail.ok().contains("suspended: false → true"), "{trail:?}");
    let page = world.run("audit --limit 1 --json").await.json();
    let older = world
        .run(&format!("audit --limit 1 --json --before {}", page["next"]))
        .await
        .json();
    assert_eq!(older["data"][0]["after"]["suspended"], true);
    world.dev.stop().await;
}
