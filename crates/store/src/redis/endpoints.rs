//! Tenants' endpoints. Who is told of an event is decided here, from the endpoints as they were seen last;
//! the account counts their changes, and a script that finds another count writes nothing.

use std::sync::Arc;

use evogate_models::delivery::Delivery;
use evogate_models::endpoint::{Endpoint, EndpointChange, MOST_ENDPOINTS};
use evogate_models::event::{Event, EventKind, Target};
use evogate_models::{EndpointId, TenantId};
use serde_json::Value as Json;

use super::Redis;
use super::audit::entry;
use super::pack::{decode, encode, pack};
use super::plan::Arguments;
use super::reply::{maybe, pairs};
use super::script;
use super::turn::Facts;
use crate::audit::Actor;
use crate::error::{StoreError, TenantError};
use crate::facts::endpoint_facts;

/// How often a change is made anew because somebody else changed the same.
const TRIES: u32 = 50;

/// A tenant's endpoints, and how often they were changed.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    pub(super) version: i64,
    pub(super) list: Vec<Endpoint>,
}

impl Endpoints {
    /// The ids of those that get events of a kind.
    pub(super) fn subscribers(&self, kind: EventKind) -> Vec<&str> {
        let takers = self.list.iter().filter(|endpoint| endpoint.takes(kind));
        takers.map(|endpoint| endpoint.id.as_str()).collect()
    }

    /// Who is told of an event.
    pub(super) fn targets(&self, event: &Event) -> Vec<Target> {
        let takers = self
            .list
            .iter()
            .filter(|endpoint| endpoint.takes(event.kind));
        let endpoints = takers.map(|endpoint| Target::Endpoint(endpoint.id.clone()));
        endpoints.chain(event.callback()).collect()
    }

    fn find(&self, id: &EndpointId) -> Option<&Endpoint> {
        self.list.iter().find(|endpoint| endpoint.id == *id)
    }
}

/// Targets as scripts take them apart.
pub(super) fn joined(targets: &[Target]) -> Vec<u8> {
    let names: Vec<&str> = targets.iter().map(Target::as_str).collect();
    names.join(",").into_bytes()
}

/// A change of one endpoint, or an event for some, on its way into the store.
#[derive(Default)]
struct Change<'a> {
    /// The endpoint, and what it is from now on; none inside takes it away.
    endpoint: Option<(&'a EndpointId, Option<&'a Endpoint>)>,
    fate: Fate,
    audit: Option<(&'a str, Facts)>,
    event: Option<(&'a Event, Vec<Target>)>,
}

/// What becomes of the endpoint's queue.
#[derive(Debug, Clone, Copy, Default)]
enum Fate {
    /// It goes on.
    #[default]
    GoesOn = 0,
    /// What was known is of another address, or of another time.
    Anew = 1,
    /// The same, and what waits goes on waiting.
    Closed = 2,
}

impl Redis {
    /// A tenant's endpoints as they were seen last; none for a tenant never looked at.
    pub(super) fn known_endpoints(&self, tenant: &TenantId) -> Arc<Endpoints> {
        self.subscriptions.get(tenant).unwrap_or_default()
    }

    /// A tenant's endpoints as they are. The count is read first, so that it is never newer than they are.
    pub(super) async fn read_endpoints(
        &self,
        tenant: &TenantId,
    ) -> Result<Arc<Endpoints>, StoreError> {
        let version = self
            .account(tenant)
            .await?
            .map_or(0, |account| account.endpoints);
        let mut read = redis::cmd("HGETALL");
        read.arg(self.layout.tenant(tenant).endpoints());
        let records = pairs(self.link.command(read).await?)?;
        let list = records.iter().map(|(_, record)| decode(record));
        let mut list = list.collect::<Result<Vec<Endpoint>, _>>()?;
        list.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let endpoints = Arc::new(Endpoints { version, list });
        self.subscriptions
            .insert(tenant.clone(), Arc::clone(&endpoints));
        Ok(endpoints)
    }

    /// Makes a change, if the endpoints still are those that it was made from. `false`: look again.
    async fn put_endpoint(
        &self,
        tenant: &TenantId,
        known: &Endpoints,
        by: &Actor,
        change: Change<'_>,
    ) -> Result<bool, TenantError> {
        let place = self.layout.tenant(tenant);
        let now = self.now();
        let (id, record) = match change.endpoint {
            Some((id, record)) => (id.as_str(), record.map(encode).transpose()?),
            None => ("", None),
        };
        let audit = change
            .audit
            .map(|(action, facts)| entry(by, now, action, format!("{tenant}/{id}"), facts));
        let at = change.event.as_ref().map_or(now, |(event, _)| event.at);
        let mut args = vec![
            pack(&[
                now.millis(),
                i64::from(place.shard.0),
                known.version,
                change.fate as i64,
                at.millis(),
            ]),
            tenant.as_str().into(),
            id.into(),
            record.unwrap_or_default(),
            audit.transpose()?.unwrap_or_default(),
        ];
        if let Some((event, targets)) = change.event {
            args.push(event.id.as_str().into());
            args.push(encode(event)?);
            args.push(joined(&targets));
            for target in targets {
                args.push(encode(&Delivery::new(event, target))?);
            }
        } else {
            args.extend([Vec::new(), Vec::new(), Vec::new()]);
        }
        let call = Arguments {
            keys: vec![
                place.account(),
                place.endpoints(),
                place.shard.prefix(),
                place.shard.sequence(),
                place.shard.audit(),
            ],
            args,
        };
        // What was changed by a call that was not answered is found when it is looked at again.
        let value = self
            .link
            .script(&script::CHANGE_ENDPOINT, &call.keys, &call.args)
            .await?;
        self.subscriptions.invalidate(tenant);
        match super::reply::Reply::read(value)?.word.as_str() {
            "OK" => Ok(true),
            "NO_TENANT" => Err(TenantError::NoTenant),
            _ => Ok(false),
        }
    }

    /// The endpoints of a tenant that is there.
    async fn endpoints_of(&self, tenant: &TenantId) -> Result<Arc<Endpoints>, TenantError> {
        if self.account(tenant).await?.is_none() {
            return Err(TenantError::NoTenant);
        }
        Ok(self.read_endpoints(tenant).await?)
    }

    pub(crate) async fn create_endpoint(
        &self,
        endpoint: Endpoint,
        by: &Actor,
    ) -> Result<(), TenantError> {
        let tenant = &endpoint.tenant;
        for _ in 0..TRIES {
            let known = self.endpoints_of(tenant).await?;
            if known.find(&endpoint.id).is_some() {
                return Err(TenantError::Exists);
            }
            if known.list.len() >= MOST_ENDPOINTS {
                return Err(TenantError::TooMany);
            }
            let change = Change {
                endpoint: Some((&endpoint.id, Some(&endpoint))),
                audit: Some(("endpoint.create", (Json::Null, endpoint_facts(&endpoint)))),
                ..Change::default()
            };
            if self.put_endpoint(tenant, &known, by, change).await? {
                return Ok(());
            }
        }
        Err(restless(tenant))
    }

    pub(crate) async fn change_endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        change: EndpointChange,
        by: &Actor,
    ) -> Result<Endpoint, TenantError> {
        for _ in 0..TRIES {
            let known = self.endpoints_of(tenant).await?;
            let before = known.find(id).ok_or(TenantError::NoEndpoint)?;
            let endpoint = before.clone().changed(&change, self.now());
            if endpoint == *before {
                return Ok(endpoint);
            }
            let closed = endpoint.disabled.is_some();
            let anew = endpoint.url != before.url || closed != before.disabled.is_some();
            let action = if change.rotation.is_some() {
                "endpoint.rotate_secret"
            } else {
                "endpoint.change"
            };
            let made = Change {
                endpoint: Some((id, Some(&endpoint))),
                fate: match (anew, closed) {
                    (false, _) => Fate::GoesOn,
                    (true, false) => Fate::Anew,
                    (true, true) => Fate::Closed,
                },
                audit: Some((action, (endpoint_facts(before), endpoint_facts(&endpoint)))),
                event: None,
            };
            if self.put_endpoint(tenant, &known, by, made).await? {
                // What waited for it may be due now.
                self.wake_for(tenant);
                return Ok(endpoint);
            }
        }
        Err(restless(tenant))
    }

    pub(crate) async fn delete_endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        by: &Actor,
    ) -> Result<(), TenantError> {
        for _ in 0..TRIES {
            let known = self.endpoints_of(tenant).await?;
            let endpoint = known.find(id).ok_or(TenantError::NoEndpoint)?;
            let change = Change {
                endpoint: Some((id, None)),
                // What waits is claimed one by one, and given up.
                fate: Fate::Anew,
                audit: Some(("endpoint.delete", (endpoint_facts(endpoint), Json::Null))),
                event: None,
            };
            if self.put_endpoint(tenant, &known, by, change).await? {
                self.wake_for(tenant);
                return Ok(());
            }
        }
        Err(restless(tenant))
    }

    pub(crate) async fn test_endpoint(
        &self,
        id: &EndpointId,
        event: Event,
    ) -> Result<Delivery, TenantError> {
        let tenant = &event.tenant;
        for _ in 0..TRIES {
            let known = self.endpoints_of(tenant).await?;
            let endpoint = known.find(id).ok_or(TenantError::NoEndpoint)?;
            if endpoint.disabled.is_some() {
                return Err(TenantError::Disabled);
            }
            let target = Target::Endpoint(id.clone());
            let change = Change {
                event: Some((&event, vec![target.clone()])),
                ..Change::default()
            };
            if self
                .put_endpoint(tenant, &known, &Actor::default(), change)
                .await?
            {
                self.wake_for(tenant);
                return Ok(Delivery::new(&event, target));
            }
        }
        Err(restless(tenant))
    }

    /// The endpoint said that it is gone: it gets nothing any more, and the others are told.
    pub(super) async fn disable(
        &self,
        tenant: &TenantId,
        target: &Target,
        why: &str,
    ) -> Result<(), TenantError> {
        let Some(id) = target.endpoint() else {
            return Ok(());
        };
        for _ in 0..TRIES {
            let known = self.endpoints_of(tenant).await?;
            let Some(before) = known.find(id) else {
                return Ok(());
            };
            if before.disabled.is_some() {
                return Ok(());
            }
            let now = self.now();
            let change = EndpointChange {
                disabled: Some(Some(why.to_owned())),
                ..EndpointChange::default()
            };
            let endpoint = before.clone().changed(&change, now);
            let event = Event::endpoint_disabled(tenant, id, &endpoint.url, why, now);
            // The others: it is disabled by then.
            let mut targets = known.targets(&event);
            targets.retain(|other| other != target);
            let change = Change {
                endpoint: Some((id, Some(&endpoint))),
                fate: Fate::Closed,
                audit: None,
                event: (!targets.is_empty()).then_some((&event, targets)),
            };
            if self
                .put_endpoint(tenant, &known, &Actor::default(), change)
                .await?
            {
                self.wake_for(tenant);
                return Ok(());
            }
        }
        Err(restless(tenant))
    }

    pub(crate) async fn endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut read = redis::cmd("HGET");
        read.arg(self.layout.tenant(tenant).endpoints())
            .arg(id.as_str());
        let record = maybe(self.link.command(read).await?)?;
        record.map(|record| decode(&record)).transpose()
    }

    pub(crate) async fn endpoints(&self, tenant: &TenantId) -> Result<Vec<Endpoint>, StoreError> {
        Ok(self.read_endpoints(tenant).await?.list.clone())
    }
}

fn restless(tenant: &TenantId) -> TenantError {
    StoreError::Unavailable(format!("the endpoints of {tenant} do not stand still")).into()
}
