//! More than there is room for: at EvoLink, and here.

use std::time::Duration;

use evogate_tests::{Caller as _, Dev, Rig, Tenant, assert_books, until};
use futures::future::join_all;
use serde_json::json;
use tokio::task::JoinSet;

/// Submits so many at once; how many were taken, and the others' answers.
async fn at_once(
    team: &Tenant,
    count: usize,
    what: &str,
) -> (Vec<String>, Vec<evogate_tests::Answer>) {
    let bodies: Vec<_> = (0..count)
        .map(|n| Tenant::video(&format!("{what} {n}")))
        .collect();
    let answers = join_all(bodies.iter().map(|body| team.submit(body))).await;
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    let id = |answer: evogate_tests::Answer| answer.ok()["id"].as_str().unwrap().to_owned();
    (taken.into_iter().map(id).collect(), refused)
}

#[tokio::test]
async fn beyond_max_in_flight_nothing_is_held_and_known_keys_are_answered() {
    let rig = Rig::builder().set("evolink.max_in_flight", 2).start().await;
    let known = Tenant::video("known already");
    let first = rig
        .team
        .submit_with_key("a-known-key-01", &known)
        .await
        .ok();
    let id = first["id"].as_str().unwrap();
    rig.team.ended_as(id, "completed").await;
    rig.sim
        .rule(json!({ "operation": "create" }), json!({ "delay": 3.0 }))
        .await;
    let (team, other) = (rig.team.clone(), rig.team.clone());
    let mut under_way = JoinSet::new();
    under_way.spawn(async move { at_once(&team, 2, "slow").await });
    until("two are at EvoLink", async || {
        (rig.sim.creates("slow").await.len() == 2).then_some(())
    })
    .await;
    let held = rig.admin.credits("team", "held").await;
    let (taken, refused) = at_once(&other, 5, "too much").await;
    assert_eq!((taken.len(), refused.len()), (0, 5));
    for answer in refused {
        let error = answer.error(429, "rate_limit_exceeded");
        assert_eq!(error["details"]["limit"], "upstream_in_flight");
    }
    assert_eq!(
        rig.admin.credits("team", "held").await,
        held,
        "nothing is held"
    );
    assert_eq!(
        rig.sim.creates("too much").await.len(),
        0,
        "nothing is sent"
    );
    let replay = rig.team.submit_with_key("a-known-key-01", &known).await;
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
    assert_eq!(replay.ok()["id"], first["id"]);
    let refusals = rig
        .gateway
        .metric("evogate_upstream_share_refusals_total", &["in_flight"])
        .await;
    assert!(refusals >= 5.0, "{refusals}");
    let (slow, _) = under_way.join_next().await.unwrap().unwrap();
    rig.sim.behave().await;
    assert_eq!(slow.len(), 2);
    // The places are free again.
    let (taken, _) = at_once(&rig.team, 2, "again").await;
    assert_eq!(taken.len(), 2);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_tenant_that_wants_everything_leaves_another_one_its_share() {
    let rig = Rig::builder().set("evolink.max_in_flight", 8).start().await;
    let quiet = rig.admin.tenant("quiet", "1000").await;
    let noisy = rig.admin.tenant("noisy", "100000").await;
    rig.sim
        .rule(json!({ "operation": "create" }), json!({ "delay": 0.2 }))
        .await;
    // Eight times as many clients as there are places, without a pause.
    let mut crowd = JoinSet::new();
    for n in 0..64 {
        let team = noisy.clone();
        crowd.spawn(async move {
            let mut refused = 0_u32;
            for round in 0..40 {
                let body = Tenant::video(&format!("noise {n} {round}"));
                let answer = team.submit(&body).await;
                if answer.status != 200 {
                    answer.error(429, "rate_limit_exceeded");
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            refused
        });
    }
    until("the noisy one is refused", async || {
        let refused = rig
            .gateway
            .metric("evogate_upstream_share_refusals_total", &[])
            .await;
        (refused > 0.0).then_some(())
    })
    .await;
    for n in 0..10 {
        quiet
            .submit(&Tenant::video(&format!("quiet {n}")))
            .await
            .ok();
    }
    let refused: u32 = crowd.join_all().await.into_iter().sum();
    assert!(refused > 100, "{refused}");
    rig.sim.behave().await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn so_many_submits_a_minute_go_to_evolink() {
    let rig = Rig::builder()
        .set("evolink.submits_per_minute", 50)
        .start()
        .await;
    // A tenth at once, the others one by one.
    let (taken, refused) = at_once(&rig.team, 20, "a burst").await;
    assert!((5..=7).contains(&taken.len()), "{}", taken.len());
    let error = refused[0].error(429, "rate_limit_exceeded");
    assert_eq!(error["details"]["limit"], "upstream_submits_per_minute");
    assert_eq!(rig.sim.creates("a burst").await.len(), taken.len());
    until("the next one is taken", async || {
        let next = rig.team.submit(&Tenant::video("later")).await;
        (next.status == 200).then_some(())
    })
    .await;
    assert_books(&rig.admin, &rig.sim).await;
}

/// What clients asked for, and what EvoLink got, of one kind.
fn is_amplified(asked: usize, called: usize) -> bool {
    // The reserve of ten, and what fills it up in a slow minute.
    called * 10 > asked * 11 + 10 * (10 + 20)
}

/// The calls that were made again for this reason.
async fn retries(rig: &Rig, reason: &str) -> usize {
    let name = "evogate_upstream_retries_total";
    let count = rig.gateway.metric(name, &[reason]).await;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count"
    )]
    let count = count as usize;
    count
}

#[tokio::test]
async fn an_evolink_that_is_busy_gets_hardly_more_calls_than_clients_cause() {
    const ASKED: usize = 300;
    let rig = Rig::start().await;
    let team = rig.admin.tenant("busy", "100000").await;
    // A refusal that is waited out and tried again, up to twice, as long as the budget lasts.
    let busy = json!({ "http": 503, "retry_after": 1 });
    rig.sim.rule(json!({ "operation": "create" }), busy).await;
    for round in 0..6 {
        let (taken, refused) = at_once(&team, ASKED / 6, &format!("busy {round}")).await;
        assert_eq!(taken.len(), 0);
        for answer in refused {
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(answer.header("retry-after").is_some());
        }
    }
    let called = rig.sim.requests("create").await.len();
    assert!(called > ASKED, "some are tried again");
    let again = retries(&rig, "busy").await;
    assert_eq!(again, called - ASKED, "each is counted");
    assert!(
        !is_amplified(ASKED, called),
        "{called} calls for {ASKED} requests"
    );
    let denied = rig
        .gateway
        .metric("evogate_upstream_retries_denied_total", &[])
        .await;
    assert!(denied > 0.0);
    rig.sim.behave().await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn an_evolink_that_fails_everything_gets_hardly_more_calls_than_clients_cause() {
    const TASKS: usize = 40;
    let rig = Rig::builder()
        .without_callbacks()
        .sim_speed(1.0)
        .set("submit.unknown_deadline", "10s")
        .set("submit.breaker_unknowns", 1000)
        .start()
        .await;
    let team = rig.admin.tenant("failing", "100000").await;
    let (ids, _) = at_once(&team, TASKS, "made before").await;
    assert_eq!(ids.len(), TASKS);
    let before = rig.sim.journal().await["requests"]
        .as_array()
        .map_or(0, Vec::len);
    for operation in [
        "create", "read", "list", "batch", "cancel", "credits", "models",
    ] {
        rig.sim
            .rule(json!({ "operation": operation }), json!({ "http": 500 }))
            .await;
    }
    let mut asked = 0;
    for round in 0..8 {
        let reads = ids.iter().map(|id| team.task(id));
        asked += join_all(reads).await.len();
        let (_, refused) = at_once(&team, 10, &format!("lost {round}")).await;
        assert!(refused.is_empty(), "their outcome is not known");
        asked += 10;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let after = rig.sim.journal().await["requests"]
        .as_array()
        .map_or(0, Vec::len);
    let called = after - before;
    assert!(
        !is_amplified(asked, called),
        "{called} calls for {asked} requests"
    );
    until("workers ask on, within the budget", async || {
        (retries(&rig, "failing").await > 0).then_some(())
    })
    .await;
    rig.sim.behave().await;
    rig.sim.advance(3600).await;
    for id in &ids {
        team.ended_as(id, "completed").await;
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_slow_body_is_told_so_and_a_crowd_of_requests_is_turned_away_in_our_shape() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let rig = Rig::builder()
        .set("server.max_submits", 1)
        .set("server.body_timeout", "3s")
        .start()
        .await;
    let mut slow = tokio::net::TcpStream::connect(rig.gateway.api())
        .await
        .unwrap();
    let head = format!(
        "POST /v1/videos/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-length: 500\r\n\r\n{{\"model\":",
        rig.team.key
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    until("it has the only place", async || {
        let submits = rig
            .gateway
            .metric("evogate_http_requests_in_flight", &["submit"])
            .await;
        (submits > 0.0).then_some(())
    })
    .await;
    let refused = rig.team.submit(&Tenant::video("no room")).await;
    refused.error(503, "overloaded");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
    let shed = rig
        .gateway
        .metric("evogate_http_requests_shed_total", &["submit"])
        .await;
    assert!(shed >= 1.0);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_process_that_may_open_no_more_files_goes_on_when_it_may_again() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::with_few_files(&folder.path().join("data"), 100).await;
    let ops = dev.ops();
    let address = ops.base().trim_start_matches("http://").to_owned();
    assert!(
        dev.log().contains("fewer connections"),
        "its listeners have bounds"
    );
    let mut many = Vec::new();
    for _ in 0..150 {
        // The kernel takes them, whether anybody accepts them or not.
        many.push(tokio::net::TcpStream::connect(&address).await.unwrap());
    }
    until("it can accept no more", async || {
        dev.log()
            .contains("connections can't be accepted")
            .then_some(())
    })
    .await;
    drop(many);
    until("it answers again", async || {
        let answer = ops
            .try_send(ops.request(http::Method::GET, "/healthz"))
            .await;
        answer.ok().filter(|answer| answer.status == 200)
    })
    .await;
    dev.stop().await;
}
