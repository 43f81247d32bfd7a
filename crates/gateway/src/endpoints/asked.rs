//! What callers send about endpoints, and what is wrong with it.

use evogate_models::Fault;
use evogate_models::event::EventKind;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::openapi::schemas;
use crate::state::Gateway;

/// An endpoint to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://hooks.example.com/evogate", "events": ["task.completed", "task.failed"]}))]
pub(crate) struct NewEndpoint {
    /// Where its events are sent: https, unless ops opened the host otherwise.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 2048)]
    pub(super) url: Option<String>,
    /// The kinds of events that it gets; all of them where none is named.
    #[schema(value_type = Option<Vec<schemas::EventName>>)]
    pub(super) events: Option<Vec<String>>,
    /// For people.
    #[schema(value_type = Option<schemas::ShortText>)]
    pub(super) description: Option<String>,
}

/// A change of an endpoint; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointPatch {
    /// What waits for it goes to the new address.
    #[schema(min_length = 1, max_length = 2048)]
    pub(super) url: Option<String>,
    /// The kinds of events that it gets; all of them where none is named.
    #[schema(value_type = Option<Vec<schemas::EventName>>)]
    pub(super) events: Option<Vec<String>>,
    /// For people; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<schemas::ShortText>)]
    #[expect(
        clippy::option_option,
        reason = "an absent field and a null are different things"
    )]
    pub(super) description: Option<Option<String>>,
    /// A disabled endpoint is told of nothing new; what waits for it waits until it is enabled.
    pub(super) enabled: Option<bool>,
}

/// A field that is there, `null` included.
#[expect(
    clippy::option_option,
    reason = "an absent field and a null are different things"
)]
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A new secret that signs webhooks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretRotation {
    /// Seconds for which the old secret still signs beside the new one, up to 30 days.
    #[schema(maximum = 2_592_000, default = 86_400)]
    pub(super) overlap: Option<u32>,
}

pub(super) fn url(gateway: &Gateway, url: &str) -> Result<String, Fault> {
    match gateway.targets.judge_url(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(refused) => Err(Fault::parameter("url", format!("Invalid url: {refused}"))),
    }
}

pub(super) fn events(names: &[String]) -> Result<Vec<EventKind>, Fault> {
    let mut events = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let param = format!("events[{at}]");
        let unknown = evogate_models::event::UnknownEvent;
        let kind = name.parse::<EventKind>();
        match kind.ok().filter(|kind| kind.is_subscribable()) {
            Some(kind) if events.contains(&kind) => {}
            Some(kind) => events.push(kind),
            None => {
                return Err(Fault::parameter(
                    param.clone(),
                    format!("{param} {unknown}"),
                ));
            }
        }
    }
    Ok(events)
}

pub(super) fn first(faults: Vec<Fault>) -> Result<(), ApiError> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(ApiError::faults(faults))
    }
}

/// Takes what is good, and notes what is not.
pub(super) fn take<T>(result: Option<Result<T, Fault>>, faults: &mut Vec<Fault>) -> Option<T> {
    match result? {
        Ok(value) => Some(value),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}
