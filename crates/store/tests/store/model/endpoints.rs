//! Endpoints.

use evogate_models::endpoint::EndpointChange;
use evogate_models::event::Target;
use evogate_models::{EndpointId, TenantId};
use evogate_store::TenantError;

use super::Model;
use super::outbox::{Endpoint, Known};
use crate::kit::step::Step;

impl Model {
    pub(super) fn endpoint(&mut self, step: &Step) -> Result<(), TenantError> {
        match step {
            Step::CreateEndpoint(made) => {
                if !self.tenants.contains_key(&made.tenant) {
                    return Err(TenantError::NoTenant);
                }
                let name = (made.tenant.clone(), made.id.clone());
                if self.webhooks.endpoints.contains_key(&name) {
                    return Err(TenantError::Exists);
                }
                let endpoint = Endpoint {
                    kinds: made.events.clone(),
                    url: made.url.clone(),
                    disabled: false,
                    secrets: 1,
                };
                self.webhooks.endpoints.insert(name, endpoint);
            }
            Step::ChangeEndpoint {
                tenant,
                endpoint,
                change,
            } => {
                let name = self.known_endpoint(tenant, endpoint)?;
                if !self.change_endpoint(&name, change) {
                    return Ok(());
                }
            }
            Step::DeleteEndpoint { tenant, endpoint } => {
                let name = self.known_endpoint(tenant, endpoint)?;
                self.webhooks.endpoints.remove(&name);
                self.anew(&name, false);
            }
            step => panic!("{step:?}"),
        }
        self.audited += 1;
        Ok(())
    }

    /// Answers whether anything changed.
    fn change_endpoint(&mut self, name: &(TenantId, EndpointId), change: &EndpointChange) -> bool {
        let endpoint = self.webhooks.endpoints.get_mut(name).unwrap();
        let kinds = change.events.as_ref().is_some_and(|k| *k != endpoint.kinds);
        let moved = change.url.as_ref().is_some_and(|url| *url != endpoint.url);
        let disabled = change.disabled.as_ref().map(Option::is_some);
        let switched = disabled.is_some_and(|disabled| disabled != endpoint.disabled);
        endpoint.kinds = change.events.clone().unwrap_or(endpoint.kinds.clone());
        endpoint.url = change.url.clone().unwrap_or(endpoint.url.clone());
        endpoint.disabled = disabled.unwrap_or(endpoint.disabled);
        endpoint.secrets += usize::from(change.rotation.is_some());
        let closed = endpoint.disabled;
        if moved || switched {
            self.anew(name, closed);
        }
        kinds || moved || switched || change.rotation.is_some()
    }

    /// Nothing is known of the endpoint any more.
    pub(super) fn anew(&mut self, name: &(TenantId, EndpointId), closed: bool) {
        let queue = (name.0.clone(), Target::Endpoint(name.1.clone()));
        let known = Known {
            closed,
            ..Known::default()
        };
        self.webhooks.known.insert(queue, known);
    }

    pub(super) fn known_endpoint(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
    ) -> Result<(TenantId, EndpointId), TenantError> {
        if !self.tenants.contains_key(tenant) {
            return Err(TenantError::NoTenant);
        }
        let name = (tenant.clone(), id.clone());
        let known = self.webhooks.endpoints.contains_key(&name);
        known.then_some(name).ok_or(TenantError::NoEndpoint)
    }

    pub(super) fn open_endpoint(&self, name: &(TenantId, EndpointId)) -> Result<(), TenantError> {
        let endpoint = self.webhooks.endpoints.get(name);
        match endpoint {
            None => Err(TenantError::NoEndpoint),
            Some(endpoint) if endpoint.disabled => Err(TenantError::Disabled),
            Some(_) => Ok(()),
        }
    }
}
