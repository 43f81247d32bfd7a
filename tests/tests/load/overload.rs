//! Ten times as many clients as there is room for: what gets done must not become less.

use std::time::{Duration, Instant};

use evogate_tests::{Rig, Tenant, assert_books_within};
use serde_json::json;

use super::clients::{Ask, Done, broken, count, crowd, memory, quantile};
use super::set;

/// What so many clients got done.
struct Seen {
    clients: usize,
    done: Vec<Done>,
    seconds: f64,
    /// The gateway's memory at most so far, in MiB.
    memory: usize,
}

impl Seen {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn goodput(&self) -> f64 {
        count(&self.done, 200) as f64 / self.seconds
    }
}

/// Submits from more and more clients, the last ten times as many as there are places at EvoLink.
async fn overload(places: usize, length: Duration) -> Vec<Seen> {
    let rig = Rig::builder()
        .sim_speed(1000.0)
        .sim_argument("--instant")
        .without_callbacks()
        // Thousands of tasks are settled afterwards.
        .set("evolink.batch_reads", true)
        .set("evolink.reads_per_second", 1000)
        .set("evolink.max_in_flight", places)
        .set("submit.breaker_unanswered", 100_000)
        .start()
        .await;
    // What EvoLink takes for a submit: so many places are so many submits a second.
    rig.sim
        .rule(json!({ "operation": "create" }), json!({ "delay": 0.4 }))
        .await;
    let mut tenants: Vec<Tenant> = Vec::new();
    for n in 0..8 {
        let tenant = rig.admin.tenant(&format!("load-{n}"), "10000000").await;
        tenants.push(tenant.at(&rig.gateway.direct_url()));
    }
    let mut seen = Vec::new();
    for clients in [places / 2, places, places * 2, places * 10] {
        let began = Instant::now();
        // Who is refused comes again as soon as `Retry-After` says.
        let pause = Duration::from_secs(1);
        let done = crowd(&tenants, clients, |_| Ask::Submit, pause, began + length).await;
        seen.push(Seen {
            clients,
            done,
            seconds: began.elapsed().as_secs_f64(),
            memory: memory(&rig.gateway).1,
        });
    }
    rig.sim.behave().await;
    assert_books_within(Duration::from_mins(3), &rig.admin, &rig.sim).await;
    seen
}

fn report(seen: &[Seen]) -> f64 {
    println!("| clients | 200 a second | 429 | others | p50 ms | p99 ms | memory MiB |");
    println!("|---|---|---|---|---|---|---|");
    for run in seen {
        let good: Vec<_> = run.done.iter().filter(|done| done.is(200)).collect();
        let refused = count(&run.done, 429);
        println!(
            "| {} | {:.0} | {refused} | {} | {:.0} | {:.0} | {} |",
            run.clients,
            run.goodput(),
            run.done.len() - good.len() - refused,
            quantile(good.iter().copied(), 50),
            quantile(good.iter().copied(), 99),
            run.memory,
        );
        assert_eq!(broken(&run.done), Vec::<&str>::new());
        assert_eq!(
            good.len() + refused,
            run.done.len(),
            "an answer is a 200 or a 429"
        );
    }
    let peak = seen.iter().map(Seen::goodput).fold(0.0, f64::max);
    let last = seen.last().expect("runs");
    let part = last.goodput() / peak;
    println!("ten times too many: {:.1} % of the peak", part * 100.0);
    assert!(last.memory < 512, "{} MiB", last.memory);
    part
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_too_many_clients_are_served_or_told_when_to_come_back() {
    let places = set("EVOGATE_LOAD_PLACES", 16);
    report(&overload(places, Duration::from_secs(3)).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn ten_times_too_many_clients_leave_the_goodput_as_it_is() {
    let places = set("EVOGATE_LOAD_PLACES", 128);
    let length = set("EVOGATE_LOAD_SECONDS", 15);
    let length = Duration::from_secs(u64::try_from(length).expect("so long"));
    let part = report(&overload(places, length).await);
    assert!(part >= 0.9, "{part}");
}
