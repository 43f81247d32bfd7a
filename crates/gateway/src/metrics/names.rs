//! Every metric: its name, kind, unit, labels, and what it tells. This list is what `/metrics` says of them and
//! what `docs/metrics.md` is made of; a metric that is not in it can't be counted.
//!
//! A new one needs a line here, `NAME.one([…])`, `.set` or `.record` where it happens, and
//! `cargo run -- metrics > docs/metrics.md`.

use evogate_store::{GapKind, OpenTasks, StoreError};

use super::handle::{Counters, Gauges, Histograms, Label, Listed, Values};
use crate::auth::Reason;

/// A part of the list.
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What holds for all of it; may be empty.
    pub about: &'static str,
    /// Its metrics.
    pub metrics: &'static [&'static dyn Listed],
}

/// All metrics.
pub fn all() -> impl Iterator<Item = &'static dyn Listed> {
    SECTIONS
        .iter()
        .flat_map(|section| section.metrics.iter().copied())
}

macro_rules! metrics {
    ($(
        $title:literal $about:literal {
            $($name:ident: $kind:ident<$n:literal> $(($buckets:ident))?
                $text:literal $unit:literal {$($label:ident: $values:expr),*} $help:literal;)*
        }
    )*) => {
        $($(
            #[doc = $help]
            pub static $name: $kind<$n> = $kind::new(
                $text,
                $unit,
                &[$(Label { name: stringify!($label), values: $values }),*],
                $help,
                metrics!(@buckets $($buckets)?),
            );
        )*)*

        /// All metrics, in sections.
        pub static SECTIONS: &[Section] = &[$(
            Section { title: $title, about: $about, metrics: &[$(&$name),*] },
        )*];
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { &$buckets };
}

/// HTTP methods, as a label.
pub const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other",
];
/// Classes of HTTP statuses, as a label.
pub const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// The route of a request that matches none.
pub const UNMATCHED: &str = "unmatched";

/// A request's fields and what else can be wrong with it.
const FIELDS: Values = Values::OneOf(&[
    "aspect_ratio",
    "audio_urls",
    "body",
    "callback_url",
    "duration",
    "generate_audio",
    "idempotency-key",
    "image_urls",
    "model",
    "n",
    "page",
    "page_size",
    "prompt",
    "quality",
    "status",
    "task_ids",
    "video_urls",
    "other",
]);
/// The calls of EvoLink's API.
const OPERATIONS: Values = Values::OneOf(&[
    "submit", "read", "cancel", "batch", "list", "credits", "models", "probe",
]);
#[expect(clippy::indexing_slicing, reason = "by who compiles this")]
const GAPS: [&str; GapKind::ALL.len()] = {
    let mut codes = [""; GapKind::ALL.len()];
    let mut n = 0;
    while n < codes.len() {
        codes[n] = GapKind::ALL[n].code();
        n += 1;
    }
    codes
};
/// The calls of the store.
const OPERATIONS_OF_STORE: &[&str] = evogate_store::OPERATIONS;
/// The pots of credits at EvoLink.
const POTS: Values = Values::OneOf(&["key", "account"]);
/// A tenant's id.
const TENANT: Values = Values::Any("a tenant, or `other`");
/// A model's name.
const MODEL: Values = Values::Any("a model of the catalogue, or `other`");

/// Seconds that clients wait.
const SECONDS: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Seconds that the store takes.
const STORE: [f64; 13] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
];
/// A price, divided by what was expected.
const RATIOS: [f64; 11] = [
    0.5, 0.75, 0.9, 0.95, 0.999, 1.001, 1.05, 1.1, 1.25, 1.5, 3.0,
];
/// Seconds that others take to answer: EvoLink, receivers of webhooks.
const AFAR: [f64; 12] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Seconds until something is begun, which may be hours.
const WAITS: [f64; 13] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0,
];
/// Seconds that a runtime is late.
const LATE: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

metrics! {
    "Requests" "Of every listener." {
        REQUESTS: Counters<3> "evogate_http_requests_total" ""
            { route: Values::Any("the route's template, or `unmatched`"), method: Values::OneOf(&METHODS), status: Values::OneOf(&STATUS_CLASSES) }
            "Requests that were answered, without those that found no place: of `evogate_http_requests_shed_total` only `bodies` and `tenant` are among them.";
        REQUEST_SECONDS: Histograms<3>(SECONDS) "evogate_http_request_seconds" "seconds"
            { route: Values::Any("the route's template, or `unmatched`"), method: Values::OneOf(&METHODS), status: Values::OneOf(&STATUS_CLASSES) }
            "From a request's head to its answer's head.";
        OPEN_CONNECTIONS: Gauges<1> "evogate_open_connections" ""
            { listener: Values::OneOf(&["api", "callbacks", "ops"]) }
            "Connections that are open.";
        CONNECTIONS_CUT: Counters<2> "evogate_http_connections_cut_total" ""
            { listener: Values::OneOf(&["api", "callbacks", "ops"]), reason: Values::OneOf(&["head_timeout", "idle_timeout", "write_timeout", "drain_timeout", "malformed", "flood"]) }
            "Connections that were cut: the head of a request did not come, the client did not go when it was told to, it took nothing of its answer, it was still there at the end of the drain, what it sent was not HTTP (`malformed`: HTTP/1.1 gets a bare 400, 414 or 431 before), or it was one of HTTP/2's known floods.";
        REQUESTS_IN_FLIGHT: Gauges<1> "evogate_http_requests_in_flight" ""
            { kind: Values::OneOf(&["read", "submit", "download", "callback", "admin"]) }
            "Requests of the api and callbacks listeners that are under way; each kind has a limit of its own.";
        REQUESTS_SHED: Counters<1> "evogate_http_requests_shed_total" ""
            { limit: Values::OneOf(&["read", "submit", "download", "callback", "admin", "connections", "bodies", "tenant"]) }
            "Requests that were turned away before anything was done for them, by what there was too much of: requests of that kind, connections of the listener, bytes of bodies, or requests of their tenant.";
        BODY_BYTES: Gauges<0> "evogate_http_body_bytes" "bytes" {}
            "Bodies of tenants' requests that are in memory.";
        AUTH_FAILURES: Counters<1> "evogate_auth_failures_total" ""
            { reason: Values::OneOf(Reason::NAMES) }
            "Failed authentications. `limited`: the address had failed too often, so nothing was looked at.";
        IDENTITY_KEYS: Counters<2> "evogate_identity_keys_total" ""
            { issuer: Values::Any("its name in the settings"), outcome: Values::OneOf(&["taken", "failed"]) }
            "Questions for an identity provider's keys.";
        RATE_LIMITED: Counters<1> "evogate_rate_limited_total" ""
            { scope: Values::OneOf(&["address", "tenant_reads", "tenant_submits", "tenant_in_flight", "tenant_requests", "upstream_share"]) }
            "Requests that were refused with a 429 of our own: an address that failed to authenticate too often; a tenant's reads or submits a minute, its unfinished tasks, or its requests at once; its share of EvoLink.";
        VALIDATION_FAILURES: Counters<1> "evogate_validation_failures_total" ""
            { field: FIELDS }
            "Faults that a 400 named, by the field at fault; a request may have several.";
        PANICS: Counters<0> "evogate_panics_total" "" {}
            "Requests that ended in a panic: a bug each.";
    }
    "The whole store" "Counted every `metrics.every`, by every replica alike: take the `max`. The gauges of tenants name the `metrics.tenants` largest." {
        CENSUS_TIME: Gauges<0> "evogate_census_timestamp_seconds" "seconds" {}
            "When these gauges were last counted, as Unix time. While the store is away they stay as they were.";
        TASKS: Gauges<1> "evogate_tasks" ""
            { state: Values::OneOf(&OpenTasks::STATES) }
            "Unfinished tasks, by state. Those that have ended are in `evogate_tasks_ended_total`.";
        OLDEST_UNFINISHED: Gauges<0> "evogate_oldest_unfinished_task_seconds" "seconds" {}
            "The age of the oldest unfinished task; 0 without one.";
        OLDEST_UNKNOWN: Gauges<0> "evogate_oldest_unknown_task_seconds" "seconds" {}
            "The age of the oldest task of which nobody knows whether EvoLink has it; 0 without one.";
        RESULTS_EXPIRING: Gauges<0> "evogate_results_expiring" "" {}
            "Completed tasks whose results EvoLink deletes in less than four hours, and nobody has them or knows: no client read the task or its content, no receiver took the event of its end or `task.expiring`.";
        GRANTED_CREDITS: Gauges<1> "evogate_granted_credits" "credits" { tenant: TENANT }
            "What was granted, ever.";
        AVAILABLE_CREDITS: Gauges<1> "evogate_available_credits" "credits" { tenant: TENANT }
            "What can be held for new tasks; below 0 only where a tenant is unlimited.";
        HELD_CREDITS: Gauges<1> "evogate_held_credits" "credits" { tenant: TENANT }
            "What is held for unfinished tasks.";
        SPENT_CREDITS: Gauges<1> "evogate_spent_credits" "credits" { tenant: TENANT }
            "What was charged, ever.";
        REFUNDED_CREDITS: Gauges<1> "evogate_refunded_credits" "credits" { tenant: TENANT }
            "What was given back of holds, ever: for tasks that failed or cost less than was held.";
        TENANT_TASKS: Gauges<1> "evogate_tenant_tasks" "" { tenant: TENANT }
            "Unfinished tasks.";
        PLATFORM_LOSS: Gauges<0> "evogate_platform_loss_credits" "credits" {}
            "What EvoLink bills beyond what tenants were charged.";
        LEDGER_VIOLATIONS: Gauges<0> "evogate_ledger_violations" "" {}
            "What is wrong with the books, as found by this replica's continuous check: journal against account and tasks, tenant after tenant. 0 is healthy.";
        WEBHOOK_BACKLOG: Gauges<0> "evogate_webhook_backlog" "" {}
            "Deliveries that are still to be made, those that wait for another attempt among them.";
        WEBHOOK_OLDEST: Gauges<0> "evogate_webhook_oldest_seconds" "seconds" {}
            "The age of the oldest event of those; 0 without one.";
        WEBHOOK_DEAD_LETTERS: Gauges<0> "evogate_webhook_dead_letters" "" {}
            "Deliveries that were given up and are kept to be sent again by hand.";
    }
    "Tasks" "" {
        SUBMITS: Counters<1> "evogate_submits_total" ""
            { outcome: Values::OneOf(&["accepted", "refused", "account_refused", "busy", "unsent", "unknown", "denied", "not_now", "replayed", "hung_up"]) }
            "Submits. `accepted`, `refused`, `account_refused` (EvoLink has something against our account) and `busy` are EvoLink's answers; `unsent`: nothing reached it; `unknown`: it may have it; `denied`: the tenant's quota; `not_now`: nothing is sent at the moment (breaker, no share of EvoLink, shutdown, a store that can lose something); `replayed`: the same request came before; `hung_up`: the client left without an answer (beside another outcome).";
        DENIED: Counters<1> "evogate_submits_denied_total" ""
            { limit: Values::OneOf(&["model", "duration", "quality", "rate", "in_flight", "balance", "key_cap", "tenant_window", "user_window", "key_window"]) }
            "Submits that a quota denied, by the limit that was met.";
        TASKS_ENDED: Counters<2> "evogate_tasks_ended_total" ""
            { state: Values::OneOf(&["completed", "failed", "cancelled", "rejected", "lost", "expired"]), model: MODEL }
            "Tasks that ended, by the state in which they did.";
        TASK_READS: Counters<1> "evogate_task_reads_total" ""
            { source: Values::OneOf(&["cache", "store", "upstream"]) }
            "Clients' reads of a task, by where the answer came from.";
    }
    "EvoLink" "" {
        UPSTREAM_REQUESTS: Counters<2> "evogate_upstream_requests_total" ""
            { operation: OPERATIONS, outcome: Values::OneOf(&["accepted", "refused", "account", "busy", "unknown", "not_sent", "too_late", "task", "not_found", "rate_limited", "ok", "failed", "alive", "dead"]) }
            "Calls of EvoLink's API. A submit ends as `accepted`, `refused`, `account`, `busy`, `unknown`, `not_sent` or `too_late`; a read as `task`, `not_found`, `rate_limited` or `failed`; a probe as `alive` or `dead`; the others as `ok` (a cancel: `accepted`, `refused`) or `failed`.";
        UPSTREAM_SECONDS: Histograms<1>(AFAR) "evogate_upstream_request_seconds" "seconds"
            { operation: OPERATIONS }
            "How long those calls took.";
        UPSTREAM_RETRIES: Counters<1> "evogate_upstream_retries_total" ""
            { reason: Values::OneOf(&["busy", "not_sent", "unknown", "failing"]) }
            "Calls that the budget below paid for, since they repeat one. A submit: EvoLink was busy (`busy`), it surely did not get the first one (`not_sent`), or the outcome is unknown and the idempotency key is sent again (`unknown`). `failing`: a worker's call while EvoLink answers no reads.";
        RETRY_BUDGET: Gauges<0> "evogate_upstream_retry_budget" "" {}
            "Calls that may still be made again: each call that a client caused earns a part of one (`evolink.retry_percent`), and up to 10 come back by themselves.";
        RETRIES_DENIED: Counters<0> "evogate_upstream_retries_denied_total" "" {}
            "How often a call was not made again, or not yet, because that budget was used up. A worker that waits for it asks every second.";
        UPSTREAM_IN_FLIGHT: Gauges<0> "evogate_upstream_submits_in_flight" "" {}
            "Submits that have a share of EvoLink: they are under way there, or about to be sent.";
        SHARE_REFUSALS: Counters<1> "evogate_upstream_share_refusals_total" ""
            { limit: Values::OneOf(&["in_flight", "rate"]) }
            "Submits that were refused because their tenant had its share of `evolink.max_in_flight`, or of `evolink.submits_per_minute`.";
        BREAKER_STATE: Gauges<0> "evogate_breaker_state" "" {}
            "Whether submits go through: 0 yes (closed), 1 one at a time (half-open), 2 no (open).";
        ACCOUNT_REFUSALS: Counters<1> "evogate_upstream_account_refusals_total" ""
            { status: Values::OneOf(&["401", "402", "403", "other"]) }
            "Answers in which EvoLink refused our own account.";
        CALLBACKS: Counters<1> "evogate_callbacks_total" ""
            { outcome: Values::OneOf(&["taken", "bad_token", "no_tenant", "not_stored"]) }
            "EvoLink's callbacks.";
        TASKS_MISSING: Counters<0> "evogate_upstream_tasks_missing_total" "" {}
            "Reads of tasks that EvoLink should have, and answered with a 404.";
        UNOWNED: Gauges<0> "evogate_upstream_tasks_unowned" "" {}
            "Tasks in EvoLink's list that nobody here owns, as counted at the last recovery.";
    }
    "Credits" "" {
        PRICE_RATIO: Histograms<1>(RATIOS) "evogate_price_ratio" ""
            { model: MODEL }
            "What EvoLink took for completed tasks, divided by what the catalogue estimated: 1 is no drift. `_sum` / `_count` is the mean.";
        LEDGER_CHECKS: Counters<1> "evogate_ledger_checks_total" ""
            { outcome: Values::OneOf(&["sound", "violated", "failed"]) }
            "Tenants whose books this replica's continuous check has looked at.";
        UPSTREAM_REMAINING: Gauges<1> "evogate_upstream_remaining_credits" "credits" { pot: POTS }
            "What is left at EvoLink, of our key and of the company's account, as EvoLink says it every `metrics.account_every`. Not shown where EvoLink does not say it.";
        UPSTREAM_USED: Gauges<1> "evogate_upstream_used_credits" "credits" { pot: POTS }
            "What was used there, also by others than this gateway.";
        UPSTREAM_DRIFT: Gauges<0> "evogate_upstream_drift_credits" "credits" {}
            "What was used there, less what our books say: `evogate_spent_credits` of all tenants and `evogate_platform_loss_credits`. What others use, and what EvoLink took before there was a gateway, makes it a constant; it should not grow.";
        RESERVED_TOO_FAR: Counters<0> "evogate_reserved_too_far_total" "" {}
            "Tasks for which EvoLink reserved more than three times the estimate, so that the hold stayed as it was.";
    }
    "Webhooks" "" {
        WEBHOOK_DELIVERIES: Counters<1> "evogate_webhook_deliveries_total" ""
            { outcome: Values::OneOf(&["delivered", "retry", "dead"]) }
            "Attempts at webhooks. `retry`: it will be sent again; `dead`: it was the last.";
        WEBHOOK_SECONDS: Histograms<0>(AFAR) "evogate_webhook_delivery_seconds" "seconds" {}
            "How long attempts took.";
        WEBHOOK_LAG_SECONDS: Histograms<0>(WAITS) "evogate_webhook_lag_seconds" "seconds" {}
            "From the event (a task's settlement) to the beginning of its first attempt.";
        WEBHOOK_IN_FLIGHT: Gauges<1> "evogate_webhooks_in_flight" ""
            { lane: Values::OneOf(&["good", "suspect"]) }
            "Webhooks that this replica is sending: to targets that take them, and to the others.";
        WEBHOOK_ENDPOINTS_DISABLED: Counters<0> "evogate_webhook_endpoints_disabled_total" "" {}
            "Endpoints that were disabled because they answered 410.";
    }
    "Store" "" {
        STORE_SECONDS: Histograms<1>(STORE) "evogate_store_seconds" "seconds"
            { operation: Values::OneOf(OPERATIONS_OF_STORE) }
            "How long calls of the store took, by what they do.";
        STORE_ERRORS: Counters<1> "evogate_store_errors_total" ""
            { kind: Values::OneOf(&StoreError::NAMES) }
            "Calls that the store failed: it can't be reached, it did not answer in time, Redis refused the call, or a record can't be read.";
        DURABILITY_GAP: Gauges<1> "evogate_store_durability_gap" ""
            { gap: Values::OneOf(&GAPS) }
            "What the store's set-up does not promise: on how many servers. All 0: nothing that was answered is lost. See [durability](durability.md).";
        RECOVERIES: Counters<0> "evogate_store_recoveries_total" "" {}
            "How often everything open was looked at, since the store had gone back in time.";
    }
    "Process" "" {
        BUILD_INFO: Gauges<2> "evogate_build_info" ""
            { version: Values::Any("of Evogate"), store: Values::OneOf(&["embedded", "redis"]) }
            "Always 1.";
        DRAIN_PHASE: Gauges<0> "evogate_drain_phase" "" {}
            "How far this replica is on its way out: 0 serving, 1 leaving (not ready, and serving), 2 closing, 3 ended.";
        EVENT_LOOP_LAG: Histograms<0>(LATE) "evogate_event_loop_lag_seconds" "seconds" {}
            "How late a task runs that is due, sampled by the gateway itself, four times a second on each thread that serves clients and once among the workers': what every request waits beside its own work. One or two milliseconds are the timer's own.";
        EVENT_LOOP_BUSY: Counters<0> "evogate_event_loop_busy_seconds_total" "seconds" {}
            "How long the event loop's threads were at work, all together.";
        EVENT_LOOP_THREADS: Gauges<0> "evogate_event_loop_threads" "" {}
            "The event loop's threads.";
        EVENT_LOOP_TASKS: Gauges<0> "evogate_event_loop_tasks" "" {}
            "What runs or waits on the event loop: requests, connections, workers.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use evogate_models::task::State;

    use super::super::handle::{Kind, Metric};
    use super::*;

    fn metrics() -> impl Iterator<Item = &'static Metric> {
        all().map(Listed::metric)
    }

    #[test]
    fn names_say_what_they_are() {
        let mut names = BTreeSet::new();
        for metric in metrics() {
            let name = metric.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.starts_with("evogate_"), "{name}");
            let counter = metric.kind == Kind::Counter;
            assert_eq!(counter, name.ends_with("_total"), "{name}");
            let stem = name.trim_end_matches("_total");
            assert!(stem.ends_with(metric.unit), "{name} is in {}", metric.unit);
            assert!(metric.help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn buckets_grow_and_only_histograms_have_some() {
        for metric in metrics() {
            let histogram = metric.kind == Kind::Histogram;
            assert_eq!(histogram, !metric.buckets.is_empty(), "{}", metric.name);
            assert!(metric.buckets.is_sorted(), "{}", metric.name);
        }
    }

    #[test]
    fn every_state_in_which_a_task_can_end_is_a_value() {
        let metric = TASKS_ENDED.metric();
        let Values::OneOf(states) = metric.labels[0].values else {
            panic!("not a list");
        };
        for state in states {
            assert!(State::NAMES.contains(state), "{state}");
        }
        assert_eq!(states.len(), 6);
    }
}
