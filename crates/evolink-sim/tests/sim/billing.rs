//! Money: exact prices, reservations, refunds, and a balance that always adds up.

use evolink_sim::{Account, Micro, SimConfig};
use serde_json::json;

use crate::kit::{Kit, video};

fn assert_adds_up(account: &Account) {
    let sum = account.remaining.micros() + account.reserved.micros() + account.billed.micros();
    assert_eq!(account.granted.micros(), sum);
}

fn amounts(account: &Account) -> [String; 3] {
    assert_adds_up(account);
    [account.remaining, account.reserved, account.billed].map(|amount| amount.to_string())
}

async fn rich(credits: &str) -> Kit {
    Kit::with(SimConfig {
        credits: credits.parse().unwrap(),
        ..SimConfig::default()
    })
    .await
}

#[tokio::test]
async fn prices_are_exact_per_second() {
    let kit = Kit::new().await;
    for (duration, quality, price) in [
        (5, "720p", "17.784"),
        (4, "720p", "14.2272"),
        (15, "720p", "53.352"),
        (5, "480p", "10"),
        (15, "1080p", "82.992"),
    ] {
        let mut body = video("a cat");
        body["duration"] = json!(duration);
        body["quality"] = json!(quality);
        let request = kit
            .ask(reqwest::Method::POST, "/v1/videos/generations")
            .json(&body);
        let text = request.send().await.unwrap().text().await.unwrap();
        let exact = format!("\"credits_reserved\":{price},");
        assert!(text.contains(&exact), "{text}");
    }
}

#[tokio::test]
async fn credits_are_held_at_accept_and_billed_on_completion() {
    let kit = rich("100").await;
    kit.create("a cat").await;
    assert_eq!(amounts(&kit.sim.account()), ["82.216", "17.784", "0"]);
    kit.pass(60);
    assert_eq!(amounts(&kit.sim.account()), ["82.216", "0", "17.784"]);
}

#[tokio::test]
async fn failed_and_cancelled_tasks_cost_nothing() {
    let kit = rich("100").await;
    kit.create("a cat #sim:fail=service_error").await;
    let id = kit.create("a cat").await;
    kit.post(&format!("/v1/tasks/{id}/cancel"), json!({})).await;
    kit.pass(60);
    let account = kit.sim.account();
    assert_eq!(amounts(&account), ["100", "0", "0"]);
    assert_eq!((account.tasks.failed, account.tasks.cancelled), (1, 1));
}

#[tokio::test]
async fn what_was_reserved_beyond_credits_used_is_given_back() {
    let kit = rich("100").await;
    let id = kit.create("a cat #sim:credits-used=12.5").await;
    assert_eq!(kit.read(&id).await["usage"].get("credits_used"), None);
    kit.pass(60);
    assert_eq!(kit.read(&id).await["usage"]["credits_used"], 12.5);
    assert_eq!(amounts(&kit.sim.account()), ["87.5", "0", "12.5"]);
}

#[tokio::test]
async fn the_reservation_can_differ_from_the_price() {
    let kit = rich("100").await;
    let id = kit.create("a cat #sim:reserve-factor=1.2").await;
    let task = kit.read(&id).await;
    assert_eq!(task["usage"]["credits_reserved"], 21.3408);
    assert_eq!(amounts(&kit.sim.account()), ["78.6592", "21.3408", "0"]);
}

#[tokio::test]
async fn without_the_credits_nothing_is_accepted() {
    let kit = rich("19.884").await;
    kit.create("a cat").await;
    let (status, error) = kit.post("/v1/videos/generations", video("a cat")).await;
    assert_eq!(status, 402);
    assert_eq!(
        error,
        json!({"error": {
            "message": "Insufficient credits. Required: 17.784, Available: 2.100",
            "type": "insufficient_quota_error",
        }})
    );
    assert_eq!(kit.sim.account().tasks.total, 1);
}

#[tokio::test]
async fn the_credits_route_shows_what_is_left_and_what_was_used() {
    let kit = rich("100").await;
    kit.create("a cat").await;
    kit.pass(60);
    let (status, credits) = kit.get("/v1/credits").await;
    assert_eq!(status, 200);
    assert_eq!(
        credits,
        json!({"success": true, "message": "", "data": {
            "token": {"remaining_credits": 82.216, "used_credits": 17.784, "unlimited_credits": false},
            "user": {"remaining_credits": 82.216, "used_credits": 17.784},
        }})
    );
}

#[tokio::test]
async fn the_account_lists_every_job_and_sums_them() {
    let kit = Kit::new().await;
    let done = kit.create("a cat").await;
    kit.pass(60);
    let open = kit.create("a dog").await;
    let (_, account) = kit.get("/_sim/account").await;
    assert_eq!(account["billed"], 17.784);
    assert_eq!(account["reserved"], 17.784);
    assert_eq!(
        account["tasks"],
        json!({"total": 2, "pending": 1, "processing": 0, "completed": 1, "failed": 0, "cancelled": 0})
    );
    let jobs = account["jobs"].as_array().unwrap();
    assert_eq!(
        (&jobs[0]["id"], &jobs[1]["id"]),
        (&json!(done), &json!(open))
    );
    assert_eq!(jobs[0]["credits_billed"], 17.784);
    assert_eq!(jobs[1]["credits_billed"], json!(null));
    assert_eq!(jobs[1]["prompt"], "a dog");
    let (_, short) = kit.get("/_sim/account?jobs=false").await;
    assert_eq!(short.get("jobs"), None);
}

#[tokio::test]
async fn tasks_beyond_the_limit_leave_the_list_but_not_the_sums() {
    let kit = Kit::with(SimConfig {
        task_limit: 2,
        instant: true,
        ..SimConfig::default()
    })
    .await;
    for _ in 0..5 {
        kit.create("a cat").await;
    }
    let account = kit.sim.account();
    assert_eq!(account.jobs.as_ref().unwrap().len(), 2);
    assert_eq!(account.tasks.completed, 5);
    assert_eq!(account.billed, "88.92".parse::<Micro>().unwrap());
    assert_adds_up(&account);
}
