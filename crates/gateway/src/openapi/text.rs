//! The document's longer texts.

/// What the document is about.
pub(super) const ABOUT: &str = "\
The company-owned gateway in front of EvoLink. It speaks EvoLink's interface: a program that was written for \
EvoLink works after its base URL (`https://…/v1`) and its key were changed.

**Credentials.** A tenant's key (`sk-evogate-…`) or a token of the company's identity provider, as \
`Authorization: Bearer …` or `x-api-key`. A key has scopes; each route names the one that it needs. Admins have \
keys of their own for `/admin/v1`; neither kind is good for the other's routes.

**Errors** are EvoLink's: `{\"error\": {\"message\", \"type\", \"code\", \"param\"?, \"details\"?, \
\"request_id\"}}`, always JSON, on every path. Decide by the HTTP status and `code`. Each response lists the \
codes that it can have; where EvoLink itself refuses a submit, its own code comes as it is. A path that does not \
exist is 404 `route_not_found`; a method that a path does not take is 405 `method_not_allowed` with `Allow`. \
`Retry-After` is on every 429 and 503.

**Requests.** A client may send `x-request-id` (1 to 128 letters, digits, `-`, `_`, `.`) and W3C `traceparent`; \
the id comes back in `x-request-id` of every answer, and the trace in its `traceparent`: yours, or where yours \
is missing or malformed, a new one. Both go on to EvoLink; a trace of yours also comes with the task's webhooks. Amounts of credits are JSON numbers with at most six digits \
behind the point; in headers they are texts. Unknown query parameters are ignored; unknown fields of a \
generation pass to EvoLink; unknown fields of an admin's body are a 400.

**Models** are data: what a model takes and costs is in `GET /v1/models`, not in this document.";

/// What groups the routes.
pub(super) const TAGS: &[(&str, &str)] = &[
    ("Generations", "Submit a task, or ask what it would cost."),
    ("Tasks", "Read and cancel tasks, and fetch their results."),
    ("Account", "The tenant's own credits, models and usage."),
    (
        "Webhooks",
        "Where events are sent, how they are signed, and what became of each.",
    ),
    ("Keys", "A tenant's own keys, for its `tenant_admin`."),
    ("Admin: tenants", "Tenants, their quotas and their credits."),
    ("Admin: keys", "The keys of any tenant."),
    (
        "Admin: webhooks",
        "The endpoints and deliveries of any tenant, dead letters among them.",
    ),
    (
        "Admin: reports",
        "Usage, tasks, journals and refusals across tenants.",
    ),
    (
        "Admin: unknown submits",
        "Submits whose outcome at EvoLink is not known.",
    ),
    (
        "Admin: admins",
        "The admins' own keys, and who changed what.",
    ),
    ("Callbacks", "What EvoLink calls."),
    ("Ops", "What ops call, on a listener of its own."),
    ("Docs", "This document."),
];

/// The tenant's key as a bearer.
pub(super) const KEY: &str = "A tenant's key (`sk-evogate-…`) or a token of the company's identity provider. \
                       Its scopes say what it may do.";
/// The tenant's key in its own header.
pub(super) const KEY_HEADER: &str =
    "The same in a header of its own; `Authorization` counts where both are there.";
/// The admin's key as a bearer.
pub(super) const ADMIN_KEY: &str = "An admin's key (`admin-…`). A viewer's is good for GET only.";
/// The admin's key in its own header.
pub(super) const ADMIN_KEY_HEADER: &str = "An admin's key in a header of its own.";
