//! Gauges of the whole store, which every replica shows alike: one census for all of them, now and then.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use evogate_models::{Credits, Timestamp};
use evogate_store::{Census, OpenTasks, TenantSums};

use super::handle::{Gauges, Listed};
use super::names::{
    AVAILABLE_CREDITS, CENSUS_TIME, GRANTED_CREDITS, HELD_CREDITS, OLDEST_UNFINISHED,
    OLDEST_UNKNOWN, PLATFORM_LOSS, REFUNDED_CREDITS, RESULTS_EXPIRING, SPENT_CREDITS, TASKS,
    TENANT_TASKS, WEBHOOK_BACKLOG, WEBHOOK_DEAD_LETTERS, WEBHOOK_OLDEST,
};
use crate::state::Gateway;

/// What is shown of a tenant.
type Value = fn(&TenantSums) -> f64;

/// What is shown of tenants. Which of them are named changes, and a series of one that is not named any more
/// must go; so these are written here, and not kept by the exporter.
static TENANTS: LazyLock<ArcSwap<String>> = LazyLock::new(ArcSwap::default);

/// The gauges of tenants, as Prometheus reads them.
pub(super) fn tenants() -> Arc<String> {
    TENANTS.load_full()
}

/// Shows censuses until the shutdown.
pub async fn run(gateway: Gateway) {
    let settings = &gateway.config.metrics;
    let mut tick = tokio::time::interval(settings.every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = gateway.background.stopping() => return,
            _ = tick.tick() => {}
        }
        match gateway.store.census().await {
            Ok(census) => {
                show(&census, gateway.store.now());
                TENANTS.store(Arc::new(text(&census.tenants, settings.tenants)));
                gateway.ledger.learn(&census);
            }
            // The gauges stay as they are, and say how old they are.
            Err(error) => tracing::warn!(%error, "the store could not be counted"),
        }
    }
}

fn show(census: &Census, now: Timestamp) {
    CENSUS_TIME.set([], seconds(now.millis()));
    let open = census.open();
    for (state, count) in OpenTasks::STATES.into_iter().zip(open.0) {
        TASKS.set([state], f64::from(count));
    }
    let age = |since: Option<Timestamp>| since.map_or(0.0, |since| seconds(now.since(since)));
    OLDEST_UNFINISHED.set([], age(census.oldest_unfinished));
    OLDEST_UNKNOWN.set([], age(census.oldest_unknown));
    WEBHOOK_OLDEST.set([], age(census.oldest_delivery));
    WEBHOOK_BACKLOG.set([], count(census.deliveries));
    WEBHOOK_DEAD_LETTERS.set([], count(census.dead));
    RESULTS_EXPIRING.set([], count(census.expiring));
    PLATFORM_LOSS.set([], micro(census.platform_loss));
}

/// The gauges of the `most` tenants that were granted, spent and hold most, and of the others together.
fn text(tenants: &[TenantSums], most: usize) -> String {
    let weight = |sums: &&TenantSums| {
        let account = &sums.account;
        let spent = account.spent.micro().saturating_add(account.held.micro());
        (
            Reverse(spent),
            Reverse(account.granted),
            sums.tenant.clone(),
        )
    };
    let mut ranked: Vec<&TenantSums> = tenants.iter().collect();
    ranked.sort_by_cached_key(weight);
    let (named, others) = ranked.split_at(most.min(ranked.len()));
    let mut out = String::new();
    let sums: [(&Gauges<1>, Value); 6] = [
        (&GRANTED_CREDITS, |sums| credits(sums.account.granted)),
        (&AVAILABLE_CREDITS, |sums| credits(sums.account.available)),
        (&HELD_CREDITS, |sums| credits(sums.account.held)),
        (&SPENT_CREDITS, |sums| credits(sums.account.spent)),
        (&REFUNDED_CREDITS, |sums| credits(sums.refunded)),
        (&TENANT_TASKS, |sums| {
            sums.open.0.into_iter().map(f64::from).sum()
        }),
    ];
    for (gauge, value) in sums {
        let metric = gauge.metric();
        let (name, help) = (metric.name, metric.help);
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        // A tenant's id is of letters, digits, `-` and `_`: nothing in it needs escaping.
        for sums in named {
            let _ = writeln!(out, "{name}{{tenant=\"{}\"}} {}", sums.tenant, value(sums));
        }
        if !others.is_empty() {
            let all: f64 = others.iter().map(|sums| value(sums)).sum();
            let _ = writeln!(out, "{name}{{tenant=\"other\"}} {all}");
        }
        out.push('\n');
    }
    out
}

/// What the books say that EvoLink has taken: from the tenants, and from the platform.
pub(super) fn billed(census: &Census) -> f64 {
    let spent = census.tenants.iter().map(|sums| sums.account.spent.micro());
    let all = spent.fold(census.platform_loss, i64::saturating_add);
    micro(all)
}

/// Credits with their decimals, as exactly as a float has them.
pub(super) fn credits(credits: Credits) -> f64 {
    micro(credits.micro())
}

#[expect(clippy::cast_precision_loss, reason = "a metric")]
fn micro(credits: i64) -> f64 {
    credits as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a metric")]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a metric")]
fn count(of: u64) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests {
    use evogate_models::account::Account;

    use super::*;

    fn sums(id: &str, granted: u32, spent: u32) -> TenantSums {
        let [granted, spent] = [granted, spent].map(Credits::whole);
        TenantSums {
            tenant: id.parse().unwrap(),
            account: Account {
                granted,
                available: granted.checked_sub(spent).unwrap(),
                held: Credits::ZERO,
                spent,
            },
            refunded: Credits::ZERO,
            open: OpenTasks([0, 1, 0, 2, 0]),
        }
    }

    fn named(text: &str, metric: &str) -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with(metric));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn the_largest_tenants_are_named_and_the_rest_is_one_series() {
        let tenants = [
            sums("idle", 5, 0),
            sums("big", 100, 60),
            sums("small", 900, 7),
            sums("new", 1, 0),
        ];
        let text = text(&tenants, 2);
        assert_eq!(
            named(&text, "evogate_spent_credits{"),
            [
                r#"evogate_spent_credits{tenant="big"} 60"#,
                r#"evogate_spent_credits{tenant="small"} 7"#,
                r#"evogate_spent_credits{tenant="other"} 0"#,
            ]
        );
        let granted = named(&text, "evogate_granted_credits{");
        assert_eq!(granted[2], r#"evogate_granted_credits{tenant="other"} 6"#);
        let tasks = named(&text, "evogate_tenant_tasks{");
        assert_eq!(tasks[2], r#"evogate_tenant_tasks{tenant="other"} 6"#);
    }

    #[test]
    fn ten_thousand_tenants_are_as_many_series_as_the_setting_allows() {
        let tenants: Vec<_> = (0..10_000)
            .map(|n| sums(&format!("t{n}"), n, n / 2))
            .collect();
        let text = text(&tenants, 50);
        assert_eq!(named(&text, "evogate_held_credits{").len(), 51);
        assert_eq!(
            text.lines().filter(|line| line.contains('{')).count(),
            6 * 51
        );
    }
}
