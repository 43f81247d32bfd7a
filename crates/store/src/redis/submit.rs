//! The one step before a byte goes to EvoLink. The script says yes or no; why it is a no is told by the
//! rule itself, on the numbers that the script looked at.

use evogate_models::account::Account;
use evogate_models::life::submit::{HoldError, Intent, hold};
use evogate_models::quota::{Demand, Limits, Period, Quota, RateState, Usage, admit};
use evogate_models::task::Author;
use evogate_models::{Credits, KeyId, TaskId, TenantId, Timestamp};

use super::Redis;
use super::pack::{self, AccountRecord, Counted, corrupt, pack};
use super::plan::{Plan, Remember};
use super::reply::{Reply, maybe, text, texts};
use super::script;
use super::stored::{Stored, packed_fingerprint};
use super::turn::ledger;
use crate::command::{Submit, Submitted};
use crate::error::{StoreError, SubmitError};
use crate::prospect::Prospect;
use crate::record::Tenant;

/// How often a submit is made anew: the tenant was changed, or the call came too late.
const TRIES: u32 = 5;

impl Redis {
    pub(crate) async fn submit(&self, submit: Submit) -> Result<Submitted, SubmitError> {
        let operation = self.operation();
        let id = &submit.intent.tenant;
        let mut tenant = match self.policies.get(id) {
            Some(tenant) => tenant,
            None => self.policy(id).await?.ok_or(SubmitError::NoTenant)?,
        };
        for _ in 0..TRIES {
            let now = self.now();
            // The rule of holds, without the balance: that is the script's to look at.
            let turn = hold(Account::default(), true, submit.intent.clone(), now)?;
            let mut plan = Plan::new(self, None, &turn, now, operation);
            plan.remember = Remember::New;
            let mut call = plan.call(self.layout.tenant(id))?;
            call.args.push(admission(&submit, &tenant));
            call.args
                .push(packed_fingerprint(&submit.intent.fingerprint)?);
            let shard = self.layout.of(id);
            let seen = self.past.seen(shard);
            let (mut reply, again) = self.run_twice(&script::SUBMIT, &call).await?;
            match reply.word.as_str() {
                "OK" => {
                    let version = reply.number()?;
                    // The answer to a repeat may be that of the first time.
                    if !again {
                        self.past.got(shard, seen, version);
                    }
                    let rate = rate_shown(&tenant.quota, reply.number()?, now);
                    let account = AccountRecord::unpack(&reply.bytes()?)?;
                    if falls_low(
                        &tenant.quota,
                        account.account.available,
                        turn.books.task.hold,
                    ) {
                        self.wake_for(id);
                    }
                    let task = turn.books.task;
                    self.remember(&task, version);
                    return Ok(Submitted {
                        task,
                        replay: false,
                        account: account.account,
                        rate,
                    });
                }
                "LATE" => self.heard_time(reply.number()?),
                "ENDPOINTS" => drop(self.read_endpoints(id).await?),
                "POLICY" => {
                    tenant = self.learn(pack::decode(&reply.bytes()?)?);
                    if submit.policy.is_some_and(|seen| seen != tenant.version) {
                        return Err(SubmitError::StalePolicy);
                    }
                }
                _ => return self.not_taken(reply, &submit, &tenant, now).await,
            }
        }
        Err(StoreError::Unavailable("the hold is not taken in time".to_owned()).into())
    }

    pub(crate) async fn prospect(
        &self,
        id: &TenantId,
        author: &Author,
    ) -> Result<Option<Prospect>, StoreError> {
        let place = self.layout.tenant(id);
        let key = author.key.as_ref().map(KeyId::as_str);
        let counted = |kind: char, name: Option<&str>| {
            place.counted(&format!("{kind}:{}", name.unwrap_or_default()))
        };
        let mut books = redis::cmd("MGET");
        books
            .arg(place.record())
            .arg(place.account())
            .arg(counted('u', author.user.as_deref()))
            .arg(counted('k', key));
        let mut known = redis::cmd("HGET");
        known.arg(place.keys()).arg(key.unwrap_or_default());
        let answers = self.all(vec![books, known]).await?;
        let [books, known] =
            <[redis::Value; 2]>::try_from(answers).map_err(|_| corrupt("an answer too few"))?;
        let [tenant, account, user, of_key] =
            <[Vec<u8>; 4]>::try_from(texts(books)?).map_err(|_| corrupt("an answer too few"))?;
        if tenant.is_empty() {
            return Ok(None);
        }
        let usage = |counted: &[u8]| -> Result<Usage, StoreError> {
            Ok(Counted::unpack(counted)?.usage.unwrap_or_default())
        };
        let account = AccountRecord::unpack(&account)?;
        let known = maybe(known)?.map(|key| pack::decode(&key)).transpose()?;
        Ok(Some(Prospect {
            tenant: self.learn(pack::decode(&tenant)?),
            account: account.account,
            in_flight: account.in_flight,
            rate: account.rate,
            usage: account.usage,
            user: author.user.as_ref().map(|_| usage(&user)).transpose()?,
            key: match key {
                Some(_) => Some((known, usage(&of_key)?)),
                None => None,
            },
        }))
    }

    async fn not_taken(
        &self,
        mut reply: Reply,
        submit: &Submit,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<Submitted, SubmitError> {
        Err(match reply.word.as_str() {
            "REPLAY" => {
                let id = TaskId::from_short(&text(reply.bytes()?)?).map_err(corrupt)?;
                let stored = Stored::unpack(&tenant.id, &id, &reply.bytes()?)?;
                let account = AccountRecord::unpack(&reply.bytes()?)?.account;
                // Somebody was given the task: from now on its end is an event.
                let task = self.amend(stored, |task| {
                    let tell = !task.state.is_ended() && !task.told;
                    task.told |= tell;
                    tell
                });
                return Ok(Submitted {
                    task: task.await?,
                    replay: true,
                    account,
                    rate: None,
                });
            }
            "NO_TENANT" => SubmitError::NoTenant,
            "SUSPENDED" => SubmitError::Suspended,
            "MISMATCH" => SubmitError::KeyMismatch,
            "NOT_NOW" => SubmitError::NotNow,
            "EXISTS" => SubmitError::Exists(submit.intent.id.clone()),
            "NO_KEY" => SubmitError::NoKey,
            "DENIED" => why_denied(&mut reply, &submit.intent, &tenant.quota, now)?,
            other => match ledger(other) {
                Some(error) => HoldError::Ledger(error).into(),
                None => reply.unexpected().into(),
            },
        })
    }

    /// A tenant as it is now, remembered for the next submits.
    pub(super) async fn policy(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.layout.tenant(id).record());
        let record = maybe(self.link.command(get).await?)?;
        let tenant = record.map(|record| pack::decode(&record)).transpose()?;
        Ok(tenant.map(|tenant| self.learn(tenant)))
    }

    fn learn(&self, tenant: Tenant) -> Tenant {
        self.policies.insert(tenant.id.clone(), tenant.clone());
        tenant
    }
}

/// The numbers that `lua/submit.lua` has beyond those of a turn.
fn admission(submit: &Submit, tenant: &Tenant) -> Vec<u8> {
    let (intent, quota) = (&submit.intent, &tenant.quota);
    let ruled_out = !quota.allows_model(&intent.spec.model)
        || !quota.allows_duration(intent.spec.duration)
        || !quota.allows_quality(intent.spec.quality.as_deref());
    let count = |limit: Option<u32>| limit.map_or(-1, i64::from);
    let burst = quota.submit_burst.or(quota.submits_per_minute);
    // Compared with what the caller looked at, where that is another.
    let seen = submit.policy.unwrap_or(tenant.version);
    let policy = if seen == tenant.version {
        pack::number(seen)
    } else {
        -1
    };
    let mut numbers = vec![
        i64::from(submit.may_create),
        policy,
        i64::from(ruled_out),
        i64::from(quota.unlimited),
        count(quota.submits_per_minute),
        count(burst),
        count(quota.max_tasks_in_flight),
        intent.estimate.micro(),
    ];
    for limits in [quota.tenant(), quota.per_user, quota.per_key] {
        numbers.extend(credits(&limits));
    }
    pack(&numbers)
}

fn credits(limits: &Limits) -> [i64; 3] {
    Period::ALL.map(|period| limits.of(period).map_or(-1, Credits::micro))
}

/// May the tenant have been told of a low balance in this step?
fn falls_low(quota: &Quota, available: Credits, taken: Credits) -> bool {
    let before = available.checked_add(taken).unwrap_or(Credits::MAX);
    let threshold = quota.low_credit_threshold.map(|threshold| threshold.0);
    threshold.is_some_and(|threshold| available < threshold && before >= threshold)
}

/// What the client is told of its rate, which stood at `before`.
fn rate_shown(quota: &Quota, before: i64, now: Timestamp) -> Option<RateState> {
    let per_minute = quota.submits_per_minute?;
    let burst = quota.submit_burst.unwrap_or(per_minute);
    let passed = evogate_models::quota::Rate(before).pass(per_minute, burst, now);
    passed.ok().map(|(_, state)| state)
}

/// Asks the rule with the numbers that the script looked at.
fn why_denied(
    reply: &mut Reply,
    intent: &Intent,
    quota: &Quota,
    now: Timestamp,
) -> Result<SubmitError, StoreError> {
    let record = AccountRecord::unpack(&reply.bytes()?)?;
    let user = Counted::unpack(&reply.bytes()?)?;
    let key = Counted::unpack(&reply.bytes()?)?;
    let cap = key.valid.filter(|[_, cap]| *cap != -1);
    let cap = cap.and_then(|[_, cap]| Credits::from_micro(cap));
    let usage = |counted: Counted| counted.usage.unwrap_or_default();
    let demand = Demand {
        amount: intent.estimate,
        model: &intent.spec.model,
        duration: intent.spec.duration,
        quality: intent.spec.quality.as_deref(),
        starts: intent.windows.at(now),
        in_flight: record.in_flight,
        rate: record.rate,
        tenant: record.usage,
        user: intent.author.user.as_ref().map(|_| usage(user)),
        key: intent.author.key.as_ref().map(|_| (usage(key), cap)),
    };
    match admit(quota, &record.account, &demand, now) {
        Err(denied) => Ok(SubmitError::Denied {
            denied,
            required: intent.estimate,
        }),
        Ok(_) => Err(corrupt("the script refuses what the rule admits")),
    }
}
