//! The admins' own keys, and what admins decide about tasks.

use evogate_models::{KeyId, TaskId, TenantId, Timestamp};
use redb::ReadableTable as _;
use serde_json::Value;

use super::Embedded;
use super::table::{Write, decode, encode, get, unavailable};
use crate::admin::AdminRecord;
use crate::audit::Actor;
use crate::command::{TaskCommand, TaskOutcome};
use crate::error::{StoreError, TenantError, TurnError, refusals_are_answers};
use crate::facts::{admin_facts, task_facts};

impl Embedded {
    pub(crate) async fn decide(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        command: TaskCommand,
        by: &Actor,
    ) -> Result<TaskOutcome, TurnError> {
        let (tenant, id, by, now) = (tenant.clone(), id.clone(), by.clone(), self.now());
        self.write(move |tables| {
            refusals_are_answers(tables.decide(&tenant, &id, &command, &by, now))
        })
        .await?
    }

    pub(crate) async fn add_admin(
        &self,
        admin: AdminRecord,
        by: &Actor,
    ) -> Result<(), TenantError> {
        let (by, now) = (by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.add_admin(&admin, &by, now)))
            .await?
    }

    pub(crate) async fn delete_admin(&self, id: &KeyId, by: &Actor) -> Result<(), TenantError> {
        let (id, by, now) = (id.clone(), by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.delete_admin(&id, &by, now)))
            .await?
    }

    pub(crate) async fn admins(&self) -> Result<Vec<AdminRecord>, StoreError> {
        self.read(|tables| {
            let mut admins = Vec::new();
            for row in tables.admins()?.iter().map_err(unavailable)? {
                admins.push(decode(row.map_err(unavailable)?.1.value())?);
            }
            Ok(admins)
        })
    }

    pub(crate) async fn admin_by_digest(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<AdminRecord>, StoreError> {
        self.read(|tables| {
            let digests = tables.admin_digests()?;
            let Some(id) = digests.get(digest.as_slice()).map_err(unavailable)? else {
                return Ok(None);
            };
            get(&tables.admins()?, id.value())
        })
    }
}

impl Write<'_> {
    fn decide(
        &mut self,
        tenant: &TenantId,
        id: &TaskId,
        command: &TaskCommand,
        by: &Actor,
        now: Timestamp,
    ) -> Result<TaskOutcome, TurnError> {
        let before = self.task(tenant, id)?.ok_or(TurnError::NoTask)?;
        let outcome = self.turn(tenant, id, command, now)?;
        let facts = (task_facts(&before), task_facts(&outcome.task));
        self.record(by, now, "unknown.decide", format!("{tenant}/{id}"), facts)?;
        Ok(outcome)
    }

    /// Names are unique: the audit trail has nothing else.
    fn is_admin(&self, name: &str) -> Result<bool, StoreError> {
        for row in self.admins.iter().map_err(unavailable)? {
            let admin: AdminRecord = decode(row.map_err(unavailable)?.1.value())?;
            if admin.name == name {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn add_admin(
        &mut self,
        admin: &AdminRecord,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), TenantError> {
        let digest = admin.digest.as_slice();
        let taken = self
            .admins
            .get(admin.id.as_str())
            .map_err(unavailable)?
            .is_some()
            || self
                .admin_digests
                .get(digest)
                .map_err(unavailable)?
                .is_some()
            || self.is_admin(&admin.name)?;
        if taken {
            return Err(TenantError::Exists);
        }
        let bytes = encode(admin)?;
        self.admins
            .insert(admin.id.as_str(), bytes.as_slice())
            .map_err(unavailable)?;
        self.admin_digests
            .insert(digest, admin.id.as_str())
            .map_err(unavailable)?;
        let facts = (Value::Null, admin_facts(admin));
        self.record(by, now, "admin.create", admin.id.to_string(), facts)?;
        Ok(())
    }

    fn delete_admin(&mut self, id: &KeyId, by: &Actor, now: Timestamp) -> Result<(), TenantError> {
        let admin: AdminRecord = get(&self.admins, id.as_str())?.ok_or(TenantError::NoKey)?;
        self.admins.remove(id.as_str()).map_err(unavailable)?;
        self.admin_digests
            .remove(admin.digest.as_slice())
            .map_err(unavailable)?;
        let facts = (admin_facts(&admin), Value::Null);
        self.record(by, now, "admin.delete", id.to_string(), facts)?;
        Ok(())
    }
}
