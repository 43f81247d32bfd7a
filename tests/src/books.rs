//! The comparison at the end of a test: what the simulator bills against what the tenants paid.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::callers::{Admin, Caller};
use crate::credits::Micro;
use crate::simulator::Simulator;
use crate::wait::until_within;

/// The sums that must agree.
#[derive(Debug, PartialEq, Eq)]
struct Books {
    /// What the simulator bills.
    billed: Micro,
    /// What it holds for tasks that have not ended.
    reserved: Micro,
    /// What the tenants paid.
    spent: Micro,
    /// What is held of theirs.
    held: Micro,
    /// What the platform pays.
    loss: Micro,
}

impl Books {
    async fn read(admin: &Admin, sim: &Simulator) -> Self {
        let account = sim.account().await;
        let tenants = admin.get("/admin/v1/tenants").await.ok();
        let sum = |which: &str| -> Micro {
            let all = tenants["data"].as_array().expect("tenants");
            all.iter()
                .map(|tenant| Micro::of(&tenant["credits"][which]))
                .sum()
        };
        Self {
            billed: Micro::of(&account["billed"]),
            reserved: Micro::of(&account["reserved"]),
            spent: sum("spent"),
            held: sum("held"),
            loss: platform_loss(admin).await,
        }
    }

    fn agree(&self) -> bool {
        self.billed == self.spent + self.loss
            && self.reserved == Micro::ZERO
            && self.held == Micro::ZERO
    }
}

/// What the platform pays: what EvoLink bills beyond what the tenants paid.
pub async fn platform_loss(admin: &Admin) -> Micro {
    Micro::of(&admin.verify().await["platform_loss"])
}

/// How long the dust may take to settle where nothing slows it down on purpose.
const USUAL: Duration = Duration::from_secs(30);

/// Waits until the simulator's bill is what the tenants spent and the platform lost, and nothing is
/// held; then the ledger must be in order, and nothing may have been submitted twice.
pub async fn assert_books(admin: &Admin, sim: &Simulator) {
    assert_books_within(USUAL, admin, sim).await;
}

/// The same where the dust takes longer to settle.
pub async fn assert_books_within(limit: Duration, admin: &Admin, sim: &Simulator) {
    settle_books(limit, admin, sim).await;
    assert_ledger(admin).await;
    let twice = submitted_twice(sim).await;
    assert!(
        twice.is_empty(),
        "submitted again although the outcome was not known: {twice:#?}"
    );
}

/// The ledger must be in order: its journal rebuilds every account, and every account adds up.
pub async fn assert_ledger(admin: &Admin) {
    let verified = admin.verify().await;
    assert_eq!(
        verified["violations"],
        Value::Array(Vec::new()),
        "{verified}"
    );
    let tenants = admin.get("/admin/v1/tenants").await.ok();
    for tenant in tenants["data"].as_array().expect("tenants") {
        let amount = |which: &str| Micro::of(&tenant["credits"][which]);
        assert_eq!(
            amount("granted"),
            amount("available") + amount("held") + amount("spent"),
            "{tenant}"
        );
    }
}

/// The first half of [`assert_books`].
pub async fn settle_books(limit: Duration, admin: &Admin, sim: &Simulator) {
    let mut last = None;
    let what = "the bill is what was spent and lost, and nothing is held";
    until_within(limit, what, async || {
        let books = Books::read(admin, sim).await;
        let agree = books.agree();
        if last.as_ref() != Some(&books) {
            // The last of these lines explains a failure.
            eprintln!("{books:?}");
            last = Some(books);
        }
        agree.then_some(())
    })
    .await;
}

/// The submits that were sent again after an answer that left their outcome open, and the tasks of
/// ours that were accepted more than once. By the idempotency key, which is our task's id.
pub async fn submitted_twice(sim: &Simulator) -> Vec<String> {
    let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for create in sim.requests("create").await {
        if let Some(key) = create["idempotency_key"].as_str() {
            by_key.entry(key.to_owned()).or_default().push(create);
        }
    }
    let mut twice = Vec::new();
    for (key, creates) in by_key {
        // Only 429 and 503 in EvoLink's own words promise that nothing was accepted and that a later
        // try may be. What the fault `accept` denied was accepted all the same.
        let open = |create: &&Value| {
            let busy = matches!(create["status"].as_u64(), Some(429 | 503));
            let accepted = !create["task_id"].is_null();
            !busy || accepted
        };
        let all_but_last = creates
            .get(..creates.len().saturating_sub(1))
            .unwrap_or_default();
        if all_but_last.iter().any(|create| open(&create)) {
            twice.push(format!("{key}: {creates:#?}"));
        }
    }
    for (key, jobs) in sim.jobs_by_key().await {
        if jobs.len() > 1 {
            twice.push(format!("{key} was accepted {} times", jobs.len()));
        }
    }
    twice
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::simulator::SimulatorProcess;

    /// Submits to the simulator itself, as a gateway would.
    async fn submit(sim: &Simulator, key: &str, prompt: &str) {
        let request = sim.request(http::Method::POST, "/v1/videos/generations");
        let request = request
            .bearer_auth("sk-test")
            .header("idempotency-key", key);
        let body = json!({ "model": "seedance-2.0", "prompt": prompt });
        let _ = sim.try_send(request.json(&body)).await;
    }

    #[tokio::test]
    async fn what_was_submitted_twice_is_found_and_a_busy_upstream_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let process = SimulatorProcess::start(folder.path(), "sk-test", &[]).await;
        let sim = &process.simulator;
        submit(
            sim,
            "tried-until-it-was-taken",
            "a #sim:http=429 #sim:times=2",
        )
        .await;
        submit(
            sim,
            "tried-until-it-was-taken",
            "a #sim:http=429 #sim:times=2",
        )
        .await;
        submit(
            sim,
            "tried-until-it-was-taken",
            "a #sim:http=429 #sim:times=2",
        )
        .await;
        assert_eq!(submitted_twice(sim).await, Vec::<String>::new());
        submit(
            sim,
            "after-an-open-outcome",
            "b #sim:drop-before #sim:times=1",
        )
        .await;
        submit(
            sim,
            "after-an-open-outcome",
            "b #sim:drop-before #sim:times=1",
        )
        .await;
        assert_eq!(submitted_twice(sim).await.len(), 1);
        submit(sim, "accepted-twice", "c").await;
        submit(sim, "accepted-twice", "c").await;
        let twice = submitted_twice(sim).await;
        assert!(
            twice
                .iter()
                .any(|found| found == "accepted-twice was accepted 2 times"),
            "{twice:?}"
        );
    }
}
