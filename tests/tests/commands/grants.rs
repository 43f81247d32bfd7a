//! `evogate grant`.

use std::net::SocketAddr;

use evogate_tests::{Micro, Proxy, Way, assert_ledger, until};

use crate::World;

#[tokio::test]
async fn credits_are_given_and_taken_back_with_a_note_and_under_one_key_once() {
    let world = World::start().await;
    let granted = world.run("grant demo 500.000001 --note November").await;
    assert_eq!(granted.cells("granted"), ["granted", "10500.000001"]);
    let taken = world
        .run("grant demo -0.000001 --note rounding --json")
        .await
        .json();
    assert_eq!(
        Micro::of(&taken["credits"]["granted"]),
        Micro::parse("10500")
    );
    let once = "grant demo 20 --note once --idempotency-key 2026-11";
    world.run(once).await.ok();
    let again = world.run(once).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.err.contains("granted before"), "{again:?}");
    assert!(again.out.contains("10520.000"), "{again:?}");
    let other = world
        .run("grant demo 21 --note once --idempotency-key 2026-11")
        .await;
    assert!(
        other.failed(1).contains("422 idempotency_mismatch"),
        "{other:?}"
    );
    let more = world.run("grant demo -10520.1 --note more").await;
    assert!(more.failed(1).contains("10520.000 available"), "{more:?}");
    assert!(world.run("grant demo 1").await.failed(2).contains("--note"));
    let journal = world.run("journal demo --json").await.json();
    let notes: Vec<_> = journal["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["note"])
        .collect();
    assert_eq!(notes[1..], ["November", "rounding", "once"]);
    assert_ledger(&world.dev.admin()).await;
    world.dev.stop().await;
}

#[tokio::test]
async fn a_grant_whose_answer_is_lost_is_granted_once() {
    let world = World::start().await;
    let proxy = Proxy::start().await;
    let gateway = world
        .dev
        .variable("EVOGATE_URL")
        .strip_prefix("http://")
        .unwrap();
    proxy.lead_to(Some(gateway.parse::<SocketAddr>().unwrap()));
    proxy.go(Way::CutAnswer(0)).await;
    let url = proxy.url();
    let words = [
        "grant", "demo", "500", "--note", "November", "--json", "--url", &url,
    ];
    let healing = async {
        until("it was granted", async || {
            let granted = world.dev.admin().credits("demo", "granted").await;
            (granted == Micro::parse("10500")).then_some(())
        })
        .await;
        proxy.go(Way::Through).await;
    };
    let (ran, ()) = tokio::join!(world.run_words(&words), healing);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        world.dev.admin().credits("demo", "granted").await,
        Micro::parse("10500")
    );

    proxy.go(Way::CutAnswer(0)).await;
    let ran = world.run_words(&words).await;
    let error: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(error["error"]["code"], "grant_outcome_unknown");
    let said = ran.failed(1);
    let again = said
        .lines()
        .last()
        .unwrap()
        .trim()
        .strip_prefix("evogate ")
        .unwrap();
    let again = world.run(again).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.err.contains("granted before"), "{again:?}");
    assert_eq!(
        world.dev.admin().credits("demo", "granted").await,
        Micro::parse("11000")
    );
    world.dev.stop().await;
}
