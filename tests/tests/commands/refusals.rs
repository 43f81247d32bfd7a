//! What people and scripts are told when something goes wrong.

use serde_json::Value;

use crate::World;

#[tokio::test]
async fn what_is_missing_is_named_and_nothing_is_sent() {
    let world = World::start().await;
    for (name, flag) in [
        ("EVOGATE_URL", "--url"),
        ("EVOGATE_ADMIN_KEY", "--admin-key"),
    ] {
        let ran = world
            .run_with(&["tenant", "list"], &[(name, " ")], "")
            .await;
        let said = ran.failed(2);
        assert!(said.contains(name) && said.contains(flag), "{said}");
    }
    let flags = [
        "--url",
        world.dev.variable("EVOGATE_URL"),
        "--admin-key",
        world.dev.variable("EVOGATE_ADMIN_KEY"),
    ];
    let nothing = [("EVOGATE_URL", ""), ("EVOGATE_ADMIN_KEY", "")];
    for place in [1, 2] {
        let mut words = vec!["tenant", "list"];
        words.splice(place..place, flags);
        world.run_with(&words, &nothing, "").await.ok();
    }
    let base = world.dev.variable("EVOLINK_BASE_URL");
    world
        .run_words(&["tenant", "list", "--url", base])
        .await
        .ok();
    for url in ["nowhere", "ftp://127.0.0.1", "http://u:hidden@127.0.0.1"] {
        let ran = world.run_words(&["tenant", "list", "--url", url]).await;
        assert!(!ran.failed(2).contains("hidden"), "{ran:?}");
    }
    world.dev.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status_code_and_request_and_in_json_too() {
    let world = World::start().await;
    for (line, status, code) in [
        ("tenant show nobody", 404, "tenant_not_found"),
        ("tenant create demo", 409, "already_exists"),
        (
            "tenant list --page 1 --page-size 201",
            400,
            "invalid_parameter",
        ),
        (
            "key create demo --expires-in 20000d",
            400,
            "invalid_parameter",
        ),
    ] {
        let ran = world.run(line).await;
        let said = ran.failed(1);
        assert!(
            said.contains(&format!("({status} {code}, request id ")),
            "{said}"
        );
        assert_eq!(ran.out, "");
        let ran = world.run(&format!("{line} --json")).await;
        ran.failed(1);
        let error = serde_json::from_str::<Value>(&ran.out).unwrap()["error"].take();
        assert_eq!(
            (&error["http_status"], &error["code"]),
            (&status.into(), &code.into())
        );
        let id = error["request_id"].as_str().unwrap();
        assert!(ran.err.contains(id), "{ran:?}");
    }
    let wrong = world
        .run_with(
            &["tenant", "list"],
            &[("EVOGATE_ADMIN_KEY", "admin-of-nobody")],
            "",
        )
        .await;
    let said = wrong.failed(1);
    assert!(
        said.contains("401 unauthorized") && said.contains("EVOGATE_ADMIN_KEY"),
        "{said}"
    );
    assert!(!said.contains("admin-of-nobody"), "{said}");
    let tenants = [("EVOGATE_ADMIN_KEY", world.dev.variable("EVOLINK_API_KEY"))];
    world
        .run_with(&["tenant", "list"], &tenants, "")
        .await
        .failed(1);
    world.dev.stop().await;
}

#[tokio::test]
async fn a_gateway_that_is_not_there_or_is_none_is_told() {
    let world = World::start().await;
    let ran = world
        .run("tenant list --json --url http://127.0.0.1:9")
        .await;
    assert!(
        ran.failed(1).contains("Is the gateway running there?"),
        "{ran:?}"
    );
    let error: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(error["error"]["code"], "unreachable");
    let ops = world.dev.variable("EVOGATE_OPS_URL");
    let ran = world.run_words(&["tenant", "list", "--url", ops]).await;
    let said = ran.failed(1);
    assert!(said.contains("404 route_not_found"), "{said}");
    assert!(said.contains("Is this the gateway's address"), "{said}");
    world.dev.stop().await;
}
