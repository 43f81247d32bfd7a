//! The answers that are not successes, each defined once. A row is made of the errors that handlers
//! answer with ([`ApiError`]'s own constructors), so its status, codes and examples are those of the
//! code. An open row is one where EvoLink's own code can come instead of ours.

use std::collections::BTreeMap;

use evogate_models::quota::{Denied, Period, RateState, Scope};
use evogate_models::{Credits, ErrorCode, Fault};
use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{
    AllOfBuilder, Content, ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder,
    example::ExampleBuilder,
};

use super::headers;
use crate::error::ApiError;

/// The request id of the examples.
const REQUEST_ID: &str = "01a208e2-1328-75ba-af10-66fbda8a14e0";

/// One row: an answer with its codes.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// The name of the component.
    pub name: &'static str,
    /// What it means, for people.
    pub description: &'static str,
    /// May EvoLink's own code come too?
    pub open: bool,
    /// The errors that are answered.
    pub errors: fn() -> Vec<ApiError>,
}

macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident $($open:ident)? = [$($error:expr),+ $(,)?];)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    row(stringify!($name)).map(Refusal::reference).into_iter().collect()
                }
            }
        )+

        /// Every row.
        pub const ALL: &[Refusal] = &[$(
            Refusal {
                name: stringify!($name),
                description: concat!($($doc),+),
                open: refusals!(@open $($open)?),
                errors: || vec![$($error),+],
            },
        )+];
    };
    (@open open) => { true };
    (@open) => { false };
}

refusals! {
    /// The body is not one JSON object, or a field has a value that is not allowed.
    InvalidBody = [invalid_json(), ApiError::invalid("name", "name must have 1 to 200 characters, none of them control")];
    /// A query parameter has a value that is not allowed.
    InvalidQuery = [ApiError::invalid("page_size", "page_size must be an integer between 1 and 100")];
    /// The request is not good: every fault is in `details`, the first one in `message`.
    InvalidGeneration = [duration(), invalid_json()];
    /// The request is not good, by the gateway's rules (every fault is in `details`) or by EvoLink's.
    InvalidSubmit open = [duration(), invalid_json()];
    /// The task has ended, or EvoLink does not cancel it.
    NotCancellable open = [ApiError::not_cancellable("completed")];
    /// No usable credential: none, an unknown, a deleted or an expired one, or one of another face.
    Unauthorized = [ApiError::unauthorized()];
    /// Credits do not cover the estimate: the balance, or a limit of a day, a week, a month or a key.
    /// `details` says which, and what is left.
    InsufficientCredits = [
        ApiError::insufficient_credits(credits("17.784"), credits("2.1")),
        denied(Denied::Window { scope: Scope::Tenant, period: Period::Day, available: credits("2.216") }),
    ];
    /// The credential is good, and not for this: it lacks the scope or the role.
    Forbidden = [ApiError::permission_denied("read")];
    /// The credential lacks the scope, or the tenant may not use the model, or is suspended.
    SubmitForbidden = [
        ApiError::permission_denied("generate"),
        denied(Denied::Model),
        ApiError::suspended(),
    ];
    /// The gateway does not offer the model; `GET /v1/models` lists those that it does.
    ModelNotFound = [ApiError::model_not_found("seedance-3.0")];
    /// The gateway, or EvoLink, does not offer the model.
    SubmitNotFound open = [ApiError::model_not_found("seedance-3.0")];
    /// The tenant has no such task. Another tenant's task gets the same answer.
    TaskNotFound = [ApiError::task_not_found()];
    /// The tenant, or EvoLink, has no such task.
    CancelNotFound open = [ApiError::task_not_found()];
    /// No such tenant.
    TenantNotFound = [ApiError::tenant_not_found()];
    /// No such tenant, or the tenant has no such task.
    TenantTaskNotFound = [ApiError::tenant_not_found(), ApiError::task_not_found(), ApiError::route_not_found()];
    /// No such tenant, or the tenant has no such key.
    TenantKeyNotFound = [ApiError::tenant_not_found(), ApiError::key_not_found(), ApiError::route_not_found()];
    /// No such key.
    KeyNotFound = [ApiError::key_not_found(), ApiError::route_not_found()];
    /// No task has this id.
    TaskIdNotFound = [ApiError::task_not_found(), ApiError::route_not_found()];
    /// The tenant has no such endpoint.
    EndpointNotFound = [ApiError::endpoint_not_found(), ApiError::route_not_found()];
    /// No such tenant, or the tenant has no such endpoint.
    TenantEndpointNotFound = [ApiError::tenant_not_found(), ApiError::endpoint_not_found(), ApiError::route_not_found()];
    /// The tenant has no such delivery.
    DeliveryNotFound = [ApiError::delivery_not_found(), ApiError::endpoint_not_found(), ApiError::route_not_found()];
    /// No such tenant, or the tenant has no such delivery.
    TenantDeliveryNotFound = [
        ApiError::tenant_not_found(), ApiError::delivery_not_found(), ApiError::endpoint_not_found(),
        ApiError::route_not_found(),
    ];
    /// The query names what is not there.
    FilterNotFound = [ApiError::tenant_not_found(), ApiError::endpoint_not_found(), ApiError::task_not_found()];
    /// The endpoint is disabled: nothing is sent to it.
    EndpointDisabled = [ApiError::endpoint_disabled()];
    /// The tenant has as many endpoints as it may have.
    TooManyEndpoints = [ApiError::too_many("There are 50 endpoints already")];
    /// The token in the path is not good, or there is no such file.
    RouteNotFound = [ApiError::route_not_found()];
    /// It exists already, with other properties.
    AlreadyExists = [ApiError::exists("The tenant studio")];
    /// The store has tenants, or an import broke off in it.
    StoreNotEmpty = [ApiError::store_not_empty("the store is not empty: it has tenants")];
    /// A line of the ledger can't be taken.
    InvalidLedger = [ApiError::ledger_refused(7, "the books of studio: granted is 1, the journal says 2", 0)];
    /// The task's outcome is known by now, or EvoLink's task does not fit it.
    NotDecided = [
        ApiError::not_unknown("completed"),
        ApiError::upstream_mismatch("EvoLink knows no such task"),
    ];
    /// The task has no result: not yet, or never.
    ResultNotReady = [ApiError::result_not_ready("processing")];
    /// EvoLink has deleted the result; it keeps results for 24 hours.
    ResultExpired = [ApiError::result_expired()];
    /// The body is larger than the gateway takes.
    TooLarge = [ApiError::too_large(1024 * 1024)];
    /// The body is larger than the gateway takes, or EvoLink finds a file too large.
    SubmitTooLarge open = [ApiError::too_large(1024 * 1024)];
    /// This `Idempotency-Key` was used with another request.
    KeyReused = [ApiError::idempotency_mismatch()];
    /// This `Idempotency-Key` was used with another request; or EvoLink's moderation rejects the content.
    SubmitRejected open = [
        ApiError::idempotency_mismatch(),
        evolinks(422, "content_policy_violation", "content_filtered", "Content rejected by safety filter"),
    ];
    /// Too many reads, too many requests at once, or too many bad credentials from this address.
    RateLimited = [ApiError::rate_limited(60)];
    /// The body came too slowly.
    BodyTimeout = [ApiError::body_timeout()];
    /// The gateway has as much to do as it can take.
    Overloaded = [ApiError::overloaded()];
    /// Too many submits or unfinished tasks, or EvoLink takes no more at the moment.
    SubmitLimited open = [
        submit_rate(), denied(Denied::InFlight { limit: 10 }), ApiError::upstream_share("upstream_in_flight", 1),
    ];
    /// Something broke in the gateway; its log has the cause under the request's id.
    Broken = [ApiError::broken()];
    /// The result's file can't be fetched at the moment.
    BadGateway = [ApiError::bad_gateway("The result can't be fetched from EvoLink at the moment")];
    /// The gateway's store is away at the moment, or the gateway has as much to do as it can take.
    StoreUnavailable = [ApiError::store_unavailable(), ApiError::overloaded()];
    /// The gateway's store, or the keys of the token's identity provider, are away at the moment; or the gateway
    /// has as much to do as it can take.
    Unavailable = [ApiError::store_unavailable(), ApiError::identity_unavailable(), ApiError::overloaded()];
    /// EvoLink, the gateway's store, or the keys of the token's identity provider, are away at the moment; or the
    /// gateway has as much to do as it can take. Nothing is held.
    SubmitUnavailable open = [
        ApiError::upstream_unavailable("EvoLink can't be reached at the moment; please retry", Some(5)),
        ApiError::store_unavailable(),
        ApiError::identity_unavailable(),
        ApiError::overloaded(),
    ];
    /// EvoLink or the gateway's store is away at the moment, or the gateway has as much to do as it can take.
    DecisionUnavailable = [
        ApiError::upstream_unavailable("EvoLink could not be asked; please retry", None),
        ApiError::store_unavailable(),
        ApiError::overloaded(),
    ];
}

fn invalid_json() -> ApiError {
    ApiError::faults(vec![Fault::json("The request body must be a JSON object")])
}

fn duration() -> ApiError {
    ApiError::faults(vec![
        Fault::parameter("duration", "duration must be between 4 and 15"),
        Fault::parameter("quality", "quality must be one of: 480p, 720p, 1080p"),
    ])
}

/// A refusal of EvoLink's, as it comes through.
fn evolinks(status: u16, kind: &str, code: &str, message: &str) -> ApiError {
    ApiError::refused(&evogate_models::Refusal {
        status,
        kind: kind.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        retry_after: None,
    })
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap_or_default()
}

fn denied(denied: Denied) -> ApiError {
    let resets = |_| Some("2026-11-24T00:00:00Z".to_owned());
    ApiError::denied(denied, credits("17.784"), resets)
}

fn submit_rate() -> ApiError {
    denied(Denied::Rate(RateState {
        limit: 5,
        remaining: 0,
        reset: 10_000,
        retry: 2_000,
    }))
}

fn row(name: &str) -> Option<&'static Refusal> {
    ALL.iter().find(|row| row.name == name)
}

impl Refusal {
    /// Its status, and a reference to the component.
    pub fn reference(&self) -> (String, RefOr<Response>) {
        let status = (self.errors)().first().map(|error| error.status().as_u16());
        let reference = Ref::from_response_name(self.name);
        (status.unwrap_or(500).to_string(), reference.into())
    }

    /// The component: the error's schema with the closed list of codes, an example of each, and the
    /// headers.
    pub fn component(&self) -> Response {
        let errors = (self.errors)();
        let mut content = self.schema(&errors);
        for error in &errors {
            let code = error.code();
            let body = serde_json::to_value(error.body(REQUEST_ID)).ok();
            let example = ExampleBuilder::new().summary(code).value(body).build();
            content.examples.insert(code.to_owned(), example.into());
        }
        let mut response = ResponseBuilder::new()
            .description(self.description.trim())
            .content("application/json", content)
            .build();
        if let Some(first) = errors.into_iter().next() {
            headers::of_refusal(&mut response, first.render(REQUEST_ID).headers());
        }
        response
    }

    fn schema(&self, errors: &[ApiError]) -> Content {
        let error = Ref::from_schema_name("Error");
        if self.open {
            return ContentBuilder::new().schema(Some(error)).build();
        }
        let mut codes: Vec<&str> = errors.iter().map(ApiError::code).collect();
        // A list of faults may begin with one of another code.
        if codes.contains(&ErrorCode::InvalidJson.as_str()) {
            codes.sort_unstable();
        }
        codes.dedup();
        let code = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(codes.iter().map(|code| json!(code))));
        let object = ObjectBuilder::new().property("code", code);
        let narrowed = ObjectBuilder::new().property("error", object);
        let both = AllOfBuilder::new().item(error).item(narrowed);
        ContentBuilder::new().schema(Some(both)).build()
    }
}
