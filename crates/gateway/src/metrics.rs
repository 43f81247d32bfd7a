//! The names of the metrics.

/// Requests by route, method and status class.
pub const REQUESTS: &str = "evogate_http_requests_total";
/// Seconds from the request's head to the answer's head, by route and method.
pub const REQUEST_SECONDS: &str = "evogate_http_request_seconds";
/// Failed authentications, by the class of their reason.
pub const AUTH_FAILURES: &str = "evogate_auth_failures_total";
/// Questions for an identity provider's keys, by issuer and outcome (`taken`, `failed`).
pub const IDENTITY_KEYS: &str = "evogate_identity_keys_total";
/// Answers that the store could not give.
pub const STORE_ERRORS: &str = "evogate_store_errors_total";
/// What the store's set-up does not promise: on how many servers, by kind of gap. All 0: nothing that was
/// answered is lost.
pub const DURABILITY_GAP: &str = "evogate_store_durability_gap";
/// How often everything open was looked at, since the store had gone back in time.
pub const RECOVERIES: &str = "evogate_store_recoveries_total";
/// Tasks in EvoLink's list that nobody here owns, as counted at the last recovery.
pub const UNOWNED: &str = "evogate_upstream_tasks_unowned";
/// Submits by outcome.
pub const SUBMITS: &str = "evogate_submits_total";
/// Reads of tasks by source: cache, store, upstream.
pub const TASK_READS: &str = "evogate_task_reads_total";
/// EvoLink's callbacks by outcome.
pub const CALLBACKS: &str = "evogate_callbacks_total";
/// Tasks that ended, by state.
pub const TASKS_ENDED: &str = "evogate_tasks_ended_total";
/// Answers in which EvoLink refused our own account: an alarm.
pub const ACCOUNT_REFUSALS: &str = "evogate_upstream_account_refusals_total";
/// Tasks whose reserved credits were more than three times the estimate: an alarm.
pub const RESERVED_TOO_FAR: &str = "evogate_reserved_too_far_total";
/// Reads of tasks that EvoLink should have and answered with a 404: an alarm.
pub const TASKS_MISSING: &str = "evogate_upstream_tasks_missing_total";
/// Requests that ended in a panic: a bug each.
pub const PANICS: &str = "evogate_panics_total";
/// Attempts at webhooks, by `outcome`: `delivered`, `retry` (it will be sent again), `dead`.
pub const WEBHOOK_DELIVERIES: &str = "evogate_webhook_deliveries_total";
/// How long attempts at webhooks take, in seconds.
pub const WEBHOOK_SECONDS: &str = "evogate_webhook_delivery_seconds";
/// From the event to the beginning of a webhook's first attempt, in seconds.
pub const WEBHOOK_LAG_SECONDS: &str = "evogate_webhook_lag_seconds";
/// Webhooks that this replica is sending, by `lane`: `good` (to targets that take them), `suspect`.
pub const WEBHOOK_IN_FLIGHT: &str = "evogate_webhooks_in_flight";
/// Answers 410 for which an endpoint was disabled.
pub const WEBHOOK_ENDPOINTS_DISABLED: &str = "evogate_webhook_endpoints_disabled_total";
