//! The one step before a byte goes to EvoLink: repeats found, everything checked, the hold taken.

use evogate_models::idempotency::{self, KeyRecord, RepeatRecord, Verdict};
use evogate_models::life::submit::hold;
use evogate_models::quota::Usage;
use evogate_models::task::{Author, State, Task};
use evogate_models::{TenantId, Timestamp};
use redb::ReadableTable as _;

use super::Embedded;
use super::table::{AccountRecord, Bytes, Owned, Write, encode, get, unavailable};
use crate::command::{Submit, Submitted};
use crate::error::{StoreError, SubmitError, refusals_are_answers};
use crate::prospect::Prospect;
use crate::record::Tenant;

impl Embedded {
    pub(crate) async fn submit(&self, submit: Submit) -> Result<Submitted, SubmitError> {
        let now = self.now();
        self.write(move |tables| refusals_are_answers(tables.submit(&submit, now)))
            .await?
    }

    pub(crate) async fn prospect(
        &self,
        tenant: &TenantId,
        author: &Author,
    ) -> Result<Option<Prospect>, StoreError> {
        self.read(|tables| {
            let Some(known) = get(&tables.tenants()?, tenant.as_str())? else {
                return Ok(None);
            };
            let record: Option<AccountRecord> = get(&tables.accounts()?, tenant.as_str())?;
            let (usage, keys) = (tables.usage()?, tables.keys()?);
            prospect(known, &record.unwrap_or_default(), author, &usage, &keys).map(Some)
        })
    }
}

/// What a submit by `author` meets.
fn prospect(
    tenant: Tenant,
    record: &AccountRecord,
    author: &Author,
    usage: &impl redb::ReadableTable<Owned, Bytes>,
    keys: &impl redb::ReadableTable<Owned, Bytes>,
) -> Result<Prospect, StoreError> {
    let name = tenant.id.as_str();
    let counted = |row: String| -> Result<Usage, StoreError> {
        Ok(get(usage, (name, row.as_str()))?.unwrap_or_default())
    };
    let user = author.user.as_deref();
    let user = user.map(|user| counted(format!("u:{user}"))).transpose()?;
    let key = match &author.key {
        None => None,
        Some(id) => Some((get(keys, (name, id.as_str()))?, counted(format!("k:{id}"))?)),
    };
    Ok(Prospect {
        account: record.account,
        in_flight: record.in_flight,
        rate: record.rate,
        usage: record.usage,
        user,
        key,
        tenant,
    })
}

impl Write<'_> {
    fn submit(&mut self, submit: &Submit, now: Timestamp) -> Result<Submitted, SubmitError> {
        let intent = &submit.intent;
        let tenant: Tenant =
            get(&self.tenants, intent.tenant.as_str())?.ok_or(SubmitError::NoTenant)?;
        if let Some(mut task) = self.repeated(submit, now)? {
            if !task.state.is_ended() && !task.told {
                let before = task.clone();
                task.told = true;
                self.put_task(Some(&before), &task)?;
            }
            let account = self.account(&intent.tenant)?.account;
            return Ok(Submitted {
                task,
                replay: true,
                account,
                rate: None,
            });
        }
        if tenant.suspended {
            return Err(SubmitError::Suspended);
        }
        if !submit.may_create {
            return Err(SubmitError::NotNow);
        }
        if submit
            .policy
            .is_some_and(|version| version != tenant.version)
        {
            return Err(SubmitError::StalePolicy);
        }
        let mut record = self.account(&intent.tenant)?;
        if record.departed.used_up(&intent.id) || self.task(&intent.tenant, &intent.id)?.is_some() {
            return Err(SubmitError::Exists(intent.id.clone()));
        }
        let unlimited = tenant.quota.unlimited;
        let prospect = prospect(tenant, &record, &intent.author, &self.usage, &self.keys)?;
        let admission = prospect.judge(&intent.spec, intent.estimate, &intent.windows, now)?;
        record.rate = admission.rate;
        let turn = hold(record.account, unlimited, intent.clone(), now)?;
        self.remember(&turn.books.task)?;
        let account = turn.books.account;
        let task = self.store_turn(None, record, turn)?;
        Ok(Submitted {
            task,
            replay: false,
            account,
            rate: admission.shown,
        })
    }

    /// The task that the same request made before, if it leads there.
    fn repeated(&self, submit: &Submit, now: Timestamp) -> Result<Option<Task>, SubmitError> {
        let intent = &submit.intent;
        let tenant = intent.tenant.as_str();
        if let Some(key) = &intent.idempotency_key {
            let record: Option<KeyRecord> = get(&self.idempotency, (tenant, key.as_str()))?;
            return match idempotency::judge(record.as_ref(), &intent.fingerprint, now) {
                Verdict::Fresh => Ok(None),
                Verdict::Mismatch => Err(SubmitError::KeyMismatch),
                // A record that leads nowhere is no reason to refuse: the task has left the store.
                Verdict::Replay(id) => Ok(self.task(&intent.tenant, &id)?),
            };
        }
        let record: Option<RepeatRecord> =
            get(&self.repeats, (tenant, intent.fingerprint.as_str()))?;
        let Some(record) = record else {
            return Ok(None);
        };
        let task = self.task(&intent.tenant, &record.task)?;
        Ok(task.filter(|task| {
            let silent = task.lease.is_none_or(|lease| lease.until <= now);
            match task.state {
                // A refusal that nobody has read is no reason not to try again.
                State::Rejected { .. } => false,
                // It was not sent and never will be: the next sweep gives it back.
                State::Queued { .. } if silent => false,
                State::Submitting { .. } if silent => true,
                _ => record.until.is_some_and(|until| now <= until),
            }
        }))
    }

    /// Lets the client's key find a task again whose record was made again; a key that leads to
    /// another task by now stays as it is.
    pub(super) fn remember_again(&mut self, task: &Task) -> Result<(), StoreError> {
        let Some(key) = &task.idempotency_key else {
            return Ok(());
        };
        let key = (task.tenant.as_str(), key.as_str());
        if self.idempotency.get(key).map_err(unavailable)?.is_none() {
            self.remember(task)?;
        }
        Ok(())
    }

    /// Lets the same request find the new task.
    fn remember(&mut self, task: &Task) -> Result<(), StoreError> {
        let tenant = task.tenant.as_str();
        if let Some(key) = &task.idempotency_key {
            let record = KeyRecord {
                fingerprint: task.fingerprint.clone(),
                task: task.id.clone(),
                until: None,
            };
            let bytes = encode(&record)?;
            self.idempotency
                .insert((tenant, key.as_str()), bytes.as_slice())
                .map_err(unavailable)?;
            return Ok(());
        }
        let bytes = encode(&RepeatRecord {
            task: task.id.clone(),
            until: None,
        })?;
        self.repeats
            .insert((tenant, task.fingerprint.as_str()), bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }
}
