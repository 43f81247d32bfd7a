//! A tenant that sends a hundred times as much as the others: what the others notice of it.

use std::time::{Duration, Instant};

use evogate_tests::{Rig, Tenant, assert_books_within};
use futures::future::join_all;
use serde_json::json;

use super::clients::{Ask, Done, broken, count, one_by_one, quantile, steady};
use super::set;

/// Beside a noisy tenant that sends `times` as much, the quiet ones' requests and its own.
struct Seen {
    times: u32,
    submits: Vec<Done>,
    reads: Vec<Done>,
    noise: Vec<Done>,
}

/// How a quiet tenant sends its submits.
#[derive(Clone, Copy)]
enum Quiet {
    /// At their time, whatever became of the one before: what time each takes can be judged.
    Steadily,
    /// One after the other: it never wants more than one place, however slow the machine is.
    OneByOne,
}

/// Ten tenants, each with a submit and some reads a second, and one more with `times` as many of both.
async fn beside(
    rig: &Rig,
    tenants: &[Tenant],
    times: u32,
    submits: Quiet,
    every: Duration,
    length: Duration,
) -> Seen {
    let (loud, quiet) = tenants.split_first().expect("tenants");
    let over = Instant::now() + length;
    let of = |tenant: &Tenant, ask, every: Duration| {
        let tenant = tenant.clone();
        async move { steady(&tenant, ask, every, over).await }
    };
    let submits = join_all(quiet.iter().map(|tenant| async move {
        match submits {
            Quiet::Steadily => steady(tenant, Ask::Submit, every, over).await,
            Quiet::OneByOne => one_by_one(tenant, Ask::Submit, every, over).await,
        }
    }));
    let reads = join_all(quiet.iter().map(|tenant| of(tenant, Ask::Read, every / 4)));
    let noise = async {
        let submits = of(loud, Ask::Submit, every / times);
        let reads = of(loud, Ask::Read, every / 4 / times);
        let (mut submits, reads) = tokio::join!(submits, reads);
        submits.extend(reads);
        submits
    };
    let (submits, reads, own) = tokio::join!(submits, reads, noise);
    let refusals = rig
        .gateway
        .metric("evogate_upstream_share_refusals_total", &[])
        .await;
    println!("at {times} times: {refusals} submits refused for want of a share so far");
    Seen {
        times,
        submits: submits.concat(),
        reads: reads.concat(),
        noise: own,
    }
}

async fn noisy(quiet: usize, submits: Quiet, every: Duration, length: Duration) -> Vec<Seen> {
    let rig = Rig::builder()
        .sim_argument("--instant")
        .without_callbacks()
        // Thousands of tasks are settled afterwards.
        .set("evolink.batch_reads", true)
        .set("evolink.reads_per_second", 1000)
        .set("evolink.max_in_flight", quiet + 6)
        .start()
        .await;
    rig.sim
        .rule(json!({ "operation": "create" }), json!({ "delay": 0.2 }))
        .await;
    let mut tenants = Vec::new();
    for n in 0..=quiet {
        let tenant = rig.admin.tenant(&format!("load-{n}"), "10000000").await;
        tenants.push(tenant.at(&rig.gateway.direct_url()));
    }
    // Connections are made and everybody is known.
    beside(&rig, &tenants, 1, submits, every, Duration::from_secs(1)).await;
    let once = beside(&rig, &tenants, 1, submits, every, length).await;
    let often = beside(&rig, &tenants, 100, submits, every, length).await;
    rig.sim.behave().await;
    assert_books_within(Duration::from_mins(3), &rig.admin, &rig.sim).await;
    vec![once, often]
}

fn report(seen: &[Seen]) -> (f64, f64) {
    println!(
        "| the noisy one sends | submits p50 | p99 ms | reads p50 | p99 ms | of the noise refused |"
    );
    println!("|---|---|---|---|---|---|");
    let mut p99 = Vec::new();
    for run in seen {
        let (submits, reads) = (quantile(&run.submits, 99), quantile(&run.reads, 99));
        println!(
            "| {} times as much | {:.1} | {submits:.1} | {:.2} | {reads:.2} | {} of {} |",
            run.times,
            quantile(&run.submits, 50),
            quantile(&run.reads, 50),
            count(&run.noise, 429),
            run.noise.len(),
        );
        for done in [&run.submits, &run.reads] {
            assert_eq!(broken(done), Vec::<&str>::new());
            let refused: Vec<_> = done.iter().filter(|done| !done.is(200)).take(5).collect();
            assert!(refused.is_empty(), "no quiet one is refused: {refused:?}");
        }
        p99.push((submits, reads));
    }
    let [(submits, reads), (noisy_submits, noisy_reads)] = p99[..] else {
        panic!("two runs");
    };
    let ratios = (noisy_submits / submits, noisy_reads / reads);
    println!(
        "p99 beside the noisy one: {:.2} times for submits, {:.2} for reads",
        ratios.0, ratios.1
    );
    ratios
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_tenants_are_never_refused_beside_a_noisy_one() {
    let quiet = set("EVOGATE_LOAD_QUIET", 4);
    let every = Duration::from_secs(1);
    report(&noisy(quiet, Quiet::OneByOne, every, Duration::from_secs(4)).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn quiet_tenants_hardly_notice_a_noisy_one() {
    let quiet = set("EVOGATE_LOAD_QUIET", 10);
    let length = set("EVOGATE_LOAD_SECONDS", 20);
    let length = Duration::from_secs(u64::try_from(length).expect("so long"));
    let every = Duration::from_millis(500);
    let (submits, reads) = report(&noisy(quiet, Quiet::Steadily, every, length).await);
    assert!(submits <= 1.2, "submits: {submits}");
    assert!(reads <= 1.2, "reads: {reads}");
}
