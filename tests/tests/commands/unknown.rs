//! `evogate unknown`.

use evogate_tests::{Micro, Tenant, assert_books};

use crate::World;

/// Submits something whose outcome stays open.
async fn unknown(world: &World, prompt: &str) -> String {
    let demo = world.dev.demo();
    let task = demo.submit(&Tenant::video(prompt)).await.ok();
    let id = task["id"].as_str().unwrap();
    assert_eq!(demo.state(id).await, "unknown", "{prompt}");
    id.to_owned()
}

#[tokio::test]
async fn an_unknown_submit_is_given_up_by_somebody_who_says_so() {
    let world = World::start().await;
    assert_eq!(world.run("unknown list").await.ok(), "none\n");
    let id = unknown(&world, "gone #sim:http=500").await;
    let list = world.run("unknown list").await;
    assert_eq!(list.cells(&id)[1..4], ["demo", "seedance-2.0", "17.784"]);
    let json = world.run("unknown list --json").await.json();
    assert_eq!(
        (&json["total"], &json["data"][0]["id"]),
        (&1.into(), &id.as_str().into())
    );
    let show = world.run(&format!("unknown show {id}")).await;
    assert!(
        show.ok()
            .ends_with("nothing in EvoLink's own list could be it\n"),
        "{show:?}"
    );
    let asked = world.run(&format!("unknown lose {id}")).await;
    let said = asked.failed(2);
    assert!(
        said.contains("17.784 credits") && said.contains("--yes"),
        "{said}"
    );
    let given_up = world.run(&format!("unknown lose {id} --yes")).await;
    assert_eq!(given_up.cells("state"), ["state", "lost"]);
    assert_eq!(world.dev.admin().credits("demo", "held").await, Micro::ZERO);
    let again = world.run(&format!("unknown lose {id} --yes")).await;
    assert!(
        again.failed(1).contains("is not unknown, it is lost"),
        "{again:?}"
    );
    let show = world.run(&format!("unknown show {id}")).await;
    assert!(show.failed(1).contains("it is lost"), "{show:?}");
    assert_books(&world.dev.admin(), &world.dev.simulator()).await;
    world.dev.stop().await;
}

#[tokio::test]
async fn an_unknown_submit_is_bound_to_the_task_that_evolink_has() {
    let world = World::start().await;
    // Twice the same: neither can be matched by itself.
    let prompt = "twins #sim:drop-after-accept #sim:seconds=600 #sim:no-callback";
    let ids = [unknown(&world, prompt).await, unknown(&world, prompt).await];
    let show = world
        .run(&format!("unknown show {} --json", ids[0]))
        .await
        .json();
    let jobs = world.dev.simulator().jobs().await;
    let mut of_sim: Vec<&str> = jobs.iter().map(|job| job["id"].as_str().unwrap()).collect();
    let mut candidates: Vec<&str> = show["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|candidate| candidate["upstream_id"].as_str().unwrap())
        .collect();
    of_sim.sort_unstable();
    candidates.sort_unstable();
    assert_eq!(candidates, of_sim);
    let people = world.run(&format!("unknown show {}", ids[0])).await;
    assert!(
        candidates.iter().all(|id| people.ok().contains(id)),
        "{people:?}"
    );
    let wrong = format!(
        "unknown bind {} task-unified-1772203771-abcd1234 --yes",
        ids[0]
    );
    let wrong = world.run(&wrong).await;
    assert!(wrong.failed(1).contains("409 "), "{wrong:?}");
    for (id, upstream) in ids.iter().zip(&candidates) {
        let bound = world
            .run(&format!("unknown bind {id} {upstream} --yes --json"))
            .await
            .json();
        assert_eq!(
            (&bound["id"], &bound["tenant"]),
            (&id.as_str().into(), &"demo".into())
        );
    }
    assert_eq!(world.run("unknown list --json").await.json()["total"], 0);
    world.dev.stop().await;
}
