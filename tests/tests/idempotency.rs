//! One wish, one task: by the client's idempotency key, and without one after a broken connection.

use std::time::{Duration, Instant};

use evogate_tests::{Micro, Rig, Tenant, assert_books, until};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Submits, and closes the connection once EvoLink has the request but has not answered it.
async fn submit_and_hang_up(rig: &Rig, tenant: &Tenant, body: &Value) {
    let host = rig.gateway.direct_url().replace("http://", "");
    let before = rig.sim.requests("create").await.len();
    let mut connection = TcpStream::connect(&host).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "POST /v1/videos/generations HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        tenant.key,
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    until("EvoLink was asked", async || {
        (rig.sim.requests("create").await.len() > before).then_some(())
    })
    .await;
    let noticed = rig
        .gateway
        .metric("evogate_submits_total", &["hung_up"])
        .await;
    drop(connection);
    until("the gateway has noticed", async || {
        let now = rig
            .gateway
            .metric("evogate_submits_total", &["hung_up"])
            .await;
        (now > noticed).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_leads_to_the_same_task_also_after_its_end_and_a_restart() {
    let mut rig = Rig::start().await;
    let body = Tenant::video("once");
    let first = rig.team.submit_with_key("order-4711", &body).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let id = first.ok()["id"].as_str().unwrap().to_owned();
    let again = rig.team.submit_with_key("order-4711", &body).await;
    assert_eq!(again.ok()["id"], id.as_str());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let ended = rig.team.ended_as(&id, "completed").await;
    rig.gateway.stop().await;
    rig.gateway.restart().await;
    assert_eq!(
        rig.team.submit_with_key("order-4711", &body).await.ok(),
        ended
    );
    assert_eq!(rig.sim.creates("once").await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_key_with_another_body_is_a_422_and_another_tenants_key_is_its_own() {
    let rig = Rig::start().await;
    let other = rig.admin.tenant("other", "100").await;
    let id = rig
        .team
        .submit_with_key("same-key", &Tenant::video("one"))
        .await
        .ok()["id"]
        .clone();
    let another = rig
        .team
        .submit_with_key("same-key", &Tenant::video("two"))
        .await;
    another.error(422, "idempotency_mismatch");
    assert!(rig.sim.creates("two").await.is_empty());
    let theirs = other
        .submit_with_key("same-key", &Tenant::video("one"))
        .await
        .ok();
    assert_ne!(theirs["id"], id);
    for (tenant, id) in [(&rig.team, id), (&other, theirs["id"].clone())] {
        tenant.ended_as(id.as_str().unwrap(), "completed").await;
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_key_in_progress_is_answered_with_the_same_task() {
    let rig = Rig::start().await;
    let body = Tenant::video("in progress #sim:delay=2");
    let all = (0..6).map(|_| rig.team.submit_with_key("in-progress", &body));
    let answers = futures::future::join_all(all).await;
    let ids: Vec<Value> = answers
        .iter()
        .map(|answer| answer.ok()["id"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(rig.sim.creates("in progress").await.len(), 1);
    rig.team
        .ended_as(ids[0].as_str().unwrap(), "completed")
        .await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_temporary_refusal_frees_the_key_and_a_final_one_is_repeated() {
    let rig = Rig::start().await;
    let busy = Tenant::video("busy #sim:http=503 #sim:times=1");
    assert_eq!(
        rig.team.submit_with_key("free-again", &busy).await.status,
        503
    );
    let id = rig.team.submit_with_key("free-again", &busy).await.ok()["id"].clone();
    let refused = Tenant::video("refused #sim:http=422");
    let first = rig.team.submit_with_key("refused-key", &refused).await;
    let mut first = first.error(422, "content_filtered");
    let mut again = rig
        .team
        .submit_with_key("refused-key", &refused)
        .await
        .error(422, "content_filtered");
    for error in [&mut first, &mut again] {
        error.as_object_mut().unwrap().remove("request_id");
    }
    assert_eq!(first, again);
    assert_eq!(rig.sim.creates("refused").await.len(), 1);
    rig.team.ended_as(id.as_str().unwrap(), "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn an_unusable_key_is_a_400() {
    let rig = Rig::start().await;
    for key in ["", "with space inside", &"k".repeat(256), "schlüssel"] {
        let answer = rig.team.submit_with_key(key, &Tenant::video("no")).await;
        answer.error(400, "invalid_parameter");
    }
    assert!(rig.sim.requests("create").await.is_empty());
}

#[tokio::test]
async fn without_a_key_identical_submits_are_separate() {
    let rig = Rig::start().await;
    let one = rig.team.start("twice on purpose").await;
    let two = rig.team.start("twice on purpose").await;
    assert_ne!(one, two);
    for id in [one, two] {
        rig.team.ended_as(&id, "completed").await;
    }
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("35.568")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_client_that_hung_up_and_asks_again_gets_the_same_task_without_a_key() {
    let rig = Rig::start().await;
    let body = Tenant::video("cut off #sim:delay=2 #sim:seconds=3");
    submit_and_hang_up(&rig, &rig.team, &body).await;
    let again = rig.team.submit(&body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let id = again.ok()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        rig.sim.creates("cut off").await.len(),
        1,
        "bookkeeping went on, nothing was sent twice"
    );
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn another_body_or_another_credential_is_no_repeat() {
    let rig = Rig::start().await;
    let body = Tenant::video("mine #sim:delay=1");
    submit_and_hang_up(&rig, &rig.team, &body).await;
    let colleague = rig.admin.key_of("team").await;
    let colleague = Tenant::known("team", &colleague, &rig.gateway.url());
    let mut longer = body.clone();
    longer["duration"] = 6.into();
    for (tenant, body) in [(&colleague, &body), (&rig.team, &longer)] {
        let answer = tenant.submit(body).await;
        assert_eq!(answer.header("idempotency-replayed"), None);
        answer.ok();
    }
    assert_eq!(rig.sim.creates("mine").await.len(), 3);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn after_answer_within_the_client_has_its_task_and_the_submit_goes_on() {
    let rig = Rig::builder()
        .set("submit.answer_within", "500ms")
        .start()
        .await;
    let began = Instant::now();
    let task = rig
        .team
        .submit(&Tenant::video("slow #sim:delay=3"))
        .await
        .ok();
    assert!(
        began.elapsed() < Duration::from_millis(2500),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(task["status"], "pending");
    let id = task["id"].as_str().unwrap();
    assert_eq!(rig.team.state(id).await, "submitting");
    rig.team.ended_as(id, "completed").await;
    assert_eq!(rig.sim.creates("slow").await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_request_that_breaks_off_in_its_body_holds_and_sends_nothing() {
    let rig = Rig::start().await;
    let host = rig.gateway.direct_url().replace("http://", "");
    let body = Tenant::video("half a body").to_string();
    let head = format!(
        "POST /v1/videos/generations HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        rig.team.key,
        body.len() + 10
    );
    let mut connection = TcpStream::connect(&host).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(body.as_bytes()).await.unwrap();
    drop(connection);
    // One that is whole comes after it, and is the only one.
    let id = rig.team.start("a whole body").await;
    rig.team.ended_as(&id, "completed").await;
    assert_eq!(rig.sim.requests("create").await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
}
