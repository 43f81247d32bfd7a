//! Tenants' endpoints, their secrets, and reads of deliveries.

use evogate_models::delivery::{Delivery, Health, Queue};
use evogate_models::endpoint::{Endpoint, EndpointChange, MOST_ENDPOINTS, Rotation, rotate};
use evogate_models::event::{DeliveryId, Event, Target};
use evogate_models::{EndpointId, TaskId, TenantId, Timestamp};
use serde_json::{Value, json};

use super::Embedded;
use super::table::{AccountRecord, Read, Write, encode, get, unavailable};
use crate::audit::Actor;
use crate::error::{StoreError, TenantError, refusals_are_answers};
use crate::facts::endpoint_facts;
use crate::outbox::{Cursor, DeliveryFilter, onwards};
use crate::record::TenantView;

impl Embedded {
    pub(crate) async fn create_endpoint(
        &self,
        endpoint: Endpoint,
        by: &Actor,
    ) -> Result<(), TenantError> {
        let (by, now) = (by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.create_endpoint(&endpoint, &by, now)))
            .await?
    }

    pub(crate) async fn change_endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        change: EndpointChange,
        by: &Actor,
    ) -> Result<Endpoint, TenantError> {
        let (tenant, id, by, now) = (tenant.clone(), id.clone(), by.clone(), self.now());
        self.write(move |tables| {
            refusals_are_answers(tables.change_endpoint(&tenant, &id, &change, &by, now))
        })
        .await?
    }

    pub(crate) async fn delete_endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        by: &Actor,
    ) -> Result<(), TenantError> {
        let (tenant, id, by, now) = (tenant.clone(), id.clone(), by.clone(), self.now());
        self.write(move |tables| {
            refusals_are_answers(tables.delete_endpoint(&tenant, &id, &by, now))
        })
        .await?
    }

    pub(crate) async fn test_endpoint(
        &self,
        endpoint: &EndpointId,
        event: Event,
    ) -> Result<Delivery, TenantError> {
        let endpoint = endpoint.clone();
        self.write(move |tables| refusals_are_answers(tables.test_endpoint(&endpoint, &event)))
            .await?
    }

    pub(crate) async fn rotate_webhook_secret(
        &self,
        tenant: &TenantId,
        rotation: Rotation,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        let (tenant, by, now) = (tenant.clone(), by.clone(), self.now());
        self.write(move |tables| {
            refusals_are_answers(tables.rotate_webhook_secret(&tenant, &rotation, &by, now))
        })
        .await?
    }

    pub(crate) async fn endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
    ) -> Result<Option<Endpoint>, StoreError> {
        self.read(|tables| get(&tables.endpoints()?, (tenant.as_str(), id.as_str())))
    }

    pub(crate) async fn endpoints(&self, tenant: &TenantId) -> Result<Vec<Endpoint>, StoreError> {
        self.read(|tables| tables.endpoints_of(tenant))
    }

    pub(crate) async fn deliveries(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(|tables| tables.deliveries_of(tenant, task))
    }

    pub(crate) async fn delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Option<(Event, Delivery)>, StoreError> {
        self.read(|tables| {
            let key = (tenant.as_str(), id.event.as_str(), id.target.as_str());
            let delivery: Option<Delivery> = get(&tables.deliveries()?, key)?;
            let event: Option<Event> = get(&tables.events()?, (key.0, key.1))?;
            Ok(event.zip(delivery))
        })
    }

    pub(crate) async fn list_deliveries(
        &self,
        tenant: Option<&TenantId>,
        filter: DeliveryFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let tenant = tenant.cloned();
        self.read_long(move |tables| {
            let tenants = match tenant {
                Some(tenant) => vec![tenant],
                None => tables.tenant_ids()?,
            };
            let mut found = Vec::new();
            for (tenant, after) in onwards(tenants, after.as_ref()) {
                tables.list_deliveries(&tenant, &filter, after, limit, &mut found)?;
                if found.len() >= limit {
                    break;
                }
            }
            Ok(found)
        })
        .await
    }
}

impl Read {
    /// Adds a tenant's deliveries that `filter` shows, newest first, until there are `limit`.
    fn list_deliveries(
        &self,
        tenant: &TenantId,
        filter: &DeliveryFilter,
        after: Option<&Cursor>,
        limit: usize,
        found: &mut Vec<Delivery>,
    ) -> Result<(), StoreError> {
        let id = tenant.as_str();
        let from = filter.from.map_or(i64::MIN, Timestamp::millis);
        let to = filter.to.map_or(i64::MAX, Timestamp::millis);
        let end = match after {
            Some(cursor) if cursor.at.millis() < to => (
                id,
                cursor.at.millis(),
                cursor.id.event.as_str(),
                cursor.id.target.as_str(),
            ),
            _ => (id, to, "", ""),
        };
        if end.1 < from {
            return Ok(());
        }
        let (history, deliveries) = (self.history()?, self.deliveries()?);
        let rows = history
            .range((id, from, "", "")..end)
            .map_err(unavailable)?;
        for row in rows.rev() {
            if found.len() >= limit {
                break;
            }
            let key = row.map_err(unavailable)?.0;
            let (tenant, _, event, target) = key.value();
            let delivery: Option<Delivery> = get(&deliveries, (tenant, event, target))?;
            found.extend(delivery.filter(|delivery| filter.matches(delivery)));
        }
        Ok(())
    }
}

fn name(tenant: &TenantId, id: &EndpointId) -> String {
    format!("{tenant}/{id}")
}

impl Write<'_> {
    pub(super) fn put_endpoint(&mut self, endpoint: &Endpoint) -> Result<(), StoreError> {
        let bytes = encode(endpoint)?;
        self.endpoints
            .insert(
                (endpoint.tenant.as_str(), endpoint.id.as_str()),
                bytes.as_slice(),
            )
            .map_err(unavailable)?;
        Ok(())
    }

    fn existing_endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
    ) -> Result<Endpoint, TenantError> {
        self.existing(tenant)?;
        get(&self.endpoints, (tenant.as_str(), id.as_str()))?.ok_or(TenantError::NoEndpoint)
    }

    fn create_endpoint(
        &mut self,
        endpoint: &Endpoint,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), TenantError> {
        self.existing(&endpoint.tenant)?;
        let others = self.endpoints_of(&endpoint.tenant)?;
        if others.iter().any(|other| other.id == endpoint.id) {
            return Err(TenantError::Exists);
        }
        if others.len() >= MOST_ENDPOINTS {
            return Err(TenantError::TooMany);
        }
        self.put_endpoint(endpoint)?;
        let target = name(&endpoint.tenant, &endpoint.id);
        let facts = (Value::Null, endpoint_facts(endpoint));
        self.record(by, now, "endpoint.create", target, facts)?;
        Ok(())
    }

    fn change_endpoint(
        &mut self,
        tenant: &TenantId,
        id: &EndpointId,
        change: &EndpointChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Endpoint, TenantError> {
        let before = self.existing_endpoint(tenant, id)?;
        let endpoint = before.clone().changed(change, now);
        if endpoint == before {
            return Ok(endpoint);
        }
        self.put_endpoint(&endpoint)?;
        let closed = endpoint.disabled.is_some();
        let anew = endpoint.url != before.url || closed != before.disabled.is_some();
        if anew {
            // What was known is of another address, or of another time.
            self.open_queue(tenant, id, closed)?;
        }
        let action = if change.rotation.is_some() {
            "endpoint.rotate_secret"
        } else {
            "endpoint.change"
        };
        let facts = (endpoint_facts(&before), endpoint_facts(&endpoint));
        self.record(by, now, action, name(tenant, id), facts)?;
        Ok(endpoint)
    }

    /// Forgets what is known of an endpoint, and closes its queue or opens it.
    pub(super) fn open_queue(
        &mut self,
        tenant: &TenantId,
        id: &EndpointId,
        closed: bool,
    ) -> Result<(), StoreError> {
        let target = Target::Endpoint(id.clone());
        self.change_queue(tenant, &target, |_, queue| {
            let health = Health::default();
            *queue = Queue { health, closed };
            Ok(())
        })
    }

    fn delete_endpoint(
        &mut self,
        tenant: &TenantId,
        id: &EndpointId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), TenantError> {
        let endpoint = self.existing_endpoint(tenant, id)?;
        self.endpoints
            .remove((tenant.as_str(), id.as_str()))
            .map_err(unavailable)?;
        // What waits is claimed one by one, and given up.
        self.open_queue(tenant, id, false)?;
        let facts = (endpoint_facts(&endpoint), Value::Null);
        self.record(by, now, "endpoint.delete", name(tenant, id), facts)?;
        Ok(())
    }

    fn test_endpoint(&mut self, id: &EndpointId, event: &Event) -> Result<Delivery, TenantError> {
        let endpoint = self.existing_endpoint(&event.tenant, id)?;
        if endpoint.disabled.is_some() {
            return Err(TenantError::Disabled);
        }
        let target = Target::Endpoint(id.clone());
        self.tell(event, vec![target.clone()])?;
        Ok(Delivery::new(event, target))
    }

    /// The endpoint said that it is gone: it gets nothing any more, and the others are told.
    pub(super) fn disable(
        &mut self,
        tenant: &TenantId,
        target: &Target,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(endpoint) = self.endpoint_of(tenant, target)? else {
            return Ok(());
        };
        if endpoint.disabled.is_some() {
            return Ok(());
        }
        let change = EndpointChange {
            disabled: Some(Some(why.to_owned())),
            ..EndpointChange::default()
        };
        let endpoint = endpoint.changed(&change, now);
        self.put_endpoint(&endpoint)?;
        self.open_queue(tenant, &endpoint.id, true)?;
        let event = Event::endpoint_disabled(tenant, &endpoint.id, &endpoint.url, why, now);
        self.announce(&event)
    }

    fn rotate_webhook_secret(
        &mut self,
        id: &TenantId,
        rotation: &Rotation,
        by: &Actor,
        now: Timestamp,
    ) -> Result<TenantView, TenantError> {
        let mut tenant = self.existing(id)?;
        let before = json!({ "secrets": tenant.webhook_secrets.len() });
        rotate(&mut tenant.webhook_secrets, rotation, now);
        let after = json!({ "secrets": tenant.webhook_secrets.len() });
        self.put_tenant(&tenant)?;
        let action = "webhook_secret.rotate";
        self.record(by, now, action, id.to_string(), (before, after))?;
        let record: AccountRecord = self.account(id)?;
        Ok(record.view(tenant))
    }
}
