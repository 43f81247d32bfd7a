//! What admins change: tenants, grants, keys. Each change is one entry of the audit trail.

use evogate_models::account::LedgerError;
use evogate_models::{KeyId, TenantId, Timestamp};
use evogate_store::{
    Grant, KeyChange, KeyRecord, Tenant as Made, TenantChange, TenantError, TenantView,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{Judged, Key, Model, Tenant};
use crate::kit::step::{Answer, Step};

impl Model {
    pub(super) fn judge_admin(&mut self, step: &Step, answer: &Answer) -> Judged {
        match (step, answer) {
            (Step::CreateTenant(made), Answer::Tenant(answer)) => {
                let expected = self.create(made);
                self.same_view(&made.id, &expected, answer.as_deref())
            }
            (Step::ChangeTenant { tenant, change }, Answer::Tenant(answer)) => {
                let expected = self.change(tenant, change);
                self.same_view(tenant, &expected, answer.as_deref())
            }
            (Step::Grant(grant), Answer::Granted(answer)) => {
                let expected = self.grant(grant);
                if let (Ok(expected), Ok((_, replay))) = (&expected, answer) {
                    prop_assert_eq!(expected, replay);
                }
                let view = answer.as_ref().map(|(view, _)| &**view);
                self.same_view(&grant.tenant, &expected.map(|_| ()), view)
            }
            (Step::AddKey(key), Answer::Key(answer)) => {
                same_key(&self.add_key(key), answer.as_ref())
            }
            (
                Step::ChangeKey {
                    tenant,
                    key,
                    change,
                },
                Answer::Key(answer),
            ) => {
                let name = (tenant.clone(), key.clone());
                same_key(&self.change_key(&name, change), answer.as_ref())
            }
            (Step::DeleteKey { tenant, key }, Answer::Key(answer)) => {
                let name = (tenant.clone(), key.clone());
                same_key(&self.delete_key(&name), answer.as_ref())
            }
            _ => Err(TestCaseError::fail(format!("{answer:?} to {step:?}"))),
        }
    }

    fn create(&mut self, made: &Made) -> Result<(), TenantError> {
        if self.tenants.contains_key(&made.id) {
            return Err(TenantError::Exists);
        }
        let tenant = Tenant {
            quota: made.quota.clone(),
            ..Tenant::default()
        };
        self.tenants.insert(made.id.clone(), tenant);
        self.audited += 1;
        Ok(())
    }

    fn change(&mut self, id: &TenantId, change: &TenantChange) -> Result<(), TenantError> {
        let tenant = self.tenants.get_mut(id).ok_or(TenantError::NoTenant)?;
        let before = (tenant.suspended, tenant.quota.clone());
        tenant.suspended = change.suspended.unwrap_or(tenant.suspended);
        if let Some(quota) = &change.quota {
            tenant.quota = quota.clone();
        }
        self.audited += usize::from(before != (tenant.suspended, tenant.quota.clone()));
        Ok(())
    }

    /// Answers whether it was granted before.
    fn grant(&mut self, grant: &Grant) -> Result<bool, TenantError> {
        let (id, micro) = (&grant.tenant, grant.amount.micro());
        let available = self.available(id);
        let tenant = self.tenants.get_mut(id).ok_or(TenantError::NoTenant)?;
        let key = grant.idempotency_key.clone().map(|key| (id.clone(), key));
        if let Some(known) = key.as_ref().and_then(|key| self.grants.get(key)) {
            return if *known == micro {
                Ok(true)
            } else {
                Err(TenantError::KeyMismatch)
            };
        }
        if micro < 0 && !tenant.quota.unlimited && available + micro < 0 {
            return Err(LedgerError::Impossible.into());
        }
        tenant.granted += micro;
        self.grants.extend(key.map(|key| (key, micro)));
        self.audited += 1;
        Ok(false)
    }

    fn add_key(&mut self, key: &KeyRecord) -> Result<(), TenantError> {
        if !self.tenants.contains_key(&key.tenant) {
            return Err(TenantError::NoTenant);
        }
        let name = (key.tenant.clone(), key.id.clone());
        let digests = key.secrets.iter().map(|secret| secret.digest);
        let taken = digests
            .clone()
            .any(|digest| self.digests.contains_key(&digest));
        if taken || self.credentials.contains_key(&name) {
            return Err(TenantError::Exists);
        }
        self.digests
            .extend(digests.clone().map(|digest| (digest, name.clone())));
        let known = Key {
            expires: key.expires,
            cap: key.credit_cap.map(evogate_models::Credits::micro),
            secrets: digests.map(|digest| (digest, None)).collect(),
        };
        self.credentials.insert(name, known);
        self.audited += 1;
        Ok(())
    }

    fn known_key(&self, name: &(TenantId, KeyId)) -> Result<(), TenantError> {
        if !self.tenants.contains_key(&name.0) {
            return Err(TenantError::NoTenant);
        }
        self.credentials
            .get(name)
            .map(|_| ())
            .ok_or(TenantError::NoKey)
    }

    fn change_key(
        &mut self,
        name: &(TenantId, KeyId),
        change: &KeyChange,
    ) -> Result<(), TenantError> {
        self.known_key(name)?;
        let KeyChange::Rotate { digest, until } = change else {
            return Ok(());
        };
        if self.digests.contains_key(digest) {
            return Err(TenantError::Exists);
        }
        let (now, key) = (self.now, self.credentials.get_mut(name).unwrap());
        for (_, ends) in &mut key.secrets {
            *ends = Some(ends.map_or(*until, |ends| ends.min(*until)));
        }
        key.secrets.push((*digest, None));
        let over = |ends: Option<Timestamp>| ends.is_some_and(|ends| ends <= now);
        for (digest, _) in key.secrets.iter().filter(|(_, ends)| over(*ends)) {
            self.digests.remove(digest);
        }
        key.secrets.retain(|(_, ends)| !over(*ends));
        self.digests.insert(*digest, name.clone());
        self.audited += 1;
        Ok(())
    }

    fn delete_key(&mut self, name: &(TenantId, KeyId)) -> Result<(), TenantError> {
        self.known_key(name)?;
        self.credentials.remove(name);
        self.digests.retain(|_, owner| owner != name);
        self.audited += 1;
        Ok(())
    }

    /// Is the answer a tenant as it should be?
    fn same_view(
        &self,
        id: &TenantId,
        expected: &Result<(), TenantError>,
        answer: Result<&TenantView, &TenantError>,
    ) -> Judged {
        match (expected, answer) {
            (Ok(()), Ok(view)) => {
                prop_assert_eq!(&view.tenant.id, id);
                self.check_account(id, &view.account)
            }
            (Err(expected), Err(error)) => {
                // Which rule of the ledger it was is for people.
                let ledger = |error: &TenantError| matches!(error, TenantError::Ledger(_));
                let both = ledger(expected) && ledger(error);
                prop_assert!(both || expected == error, "{expected:?}, not {error:?}");
                Ok(())
            }
            (expected, answer) => Err(TestCaseError::fail(format!("{expected:?}, not {answer:?}"))),
        }
    }
}

fn same_key(
    expected: &Result<(), TenantError>,
    answer: Result<&Option<KeyRecord>, &TenantError>,
) -> Judged {
    prop_assert_eq!(expected.as_ref().err(), answer.err());
    Ok(())
}
