//! The one step before a byte goes to EvoLink. The script says yes or no; why it is a no is told by the
//! rule itself, on the numbers that the script looked at.

use evogate_models::account::Account;
use evogate_models::life::submit::{HoldError, Intent, hold};
use evogate_models::quota::{Demand, Limits, Period, Quota, RateState, admit};
use evogate_models::task::Author;
use evogate_models::{Credits, KeyId, TenantId, Timestamp};

use super::Redis;
use super::pack::{self, AccountRecord, Stored, corrupt, pack, unpack};
use super::plan::{Arguments, Plan, Remember};
use super::reply::{Reply, maybe, texts};
use super::script;
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
            let plan = Plan {
                before: None,
                version: -1,
                turn: &turn,
                now,
                valid_for: self.valid_for(),
                operation,
                remember: Remember::New,
                claims: None,
                audit: None,
                endpoints: &self.known_endpoints(id),
            };
            let mut call = plan.call(self.layout)?;
            self.admission(&mut call, &submit, &tenant);
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
                    let account = AccountRecord::unpack(&reply.bytes()?)?;
                    let rate = rate_shown(&tenant.quota, reply.number()?, now);
                    if falls_low(
                        &tenant.quota,
                        account.account.available,
                        turn.books.task.hold,
                    ) {
                        self.wake_for(id);
                    }
                    let task = turn.books.task;
                    self.remember(Stored {
                        task: task.clone(),
                        version,
                    });
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
        let field = |kind: char, name: Option<&str>| {
            name.map_or_else(String::new, |name| format!("{kind}:{name}"))
        };
        let key = author.key.as_ref().map(KeyId::as_str);
        let mut books = redis::cmd("MGET");
        books.arg(place.record()).arg(place.account());
        let mut counted = redis::cmd("HMGET");
        counted.arg(place.usage());
        counted
            .arg(field('u', author.user.as_deref()))
            .arg(field('k', key));
        let mut known = redis::cmd("HGET");
        known.arg(place.keys()).arg(key.unwrap_or_default());
        let answers = self.all(vec![books, counted, known]).await?;
        let [books, counted, known] =
            <[redis::Value; 3]>::try_from(answers).map_err(|_| corrupt("an answer too few"))?;
        let (mut books, mut counted) = (texts(books)?.into_iter(), texts(counted)?.into_iter());
        let next = |of: &mut std::vec::IntoIter<Vec<u8>>| of.next().unwrap_or_default();
        let (tenant, account) = (next(&mut books), next(&mut books));
        if tenant.is_empty() {
            return Ok(None);
        }
        let (user, of_key) = (next(&mut counted), next(&mut counted));
        let account = AccountRecord::unpack(&account)?;
        let known = maybe(known)?.map(|key| pack::decode(&key)).transpose()?;
        Ok(Some(Prospect {
            tenant: self.learn(pack::decode(&tenant)?),
            account: account.account,
            in_flight: account.in_flight,
            rate: account.rate,
            usage: account.usage,
            user: author
                .user
                .as_ref()
                .map(|_| pack::usage(&user))
                .transpose()?,
            key: match key {
                Some(_) => Some((known, pack::usage(&of_key)?)),
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
                let stored = Stored::unpack(&reply.bytes()?)?;
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

    /// The keys and arguments that `lua/submit.lua` has beyond those of a turn.
    fn admission(&self, call: &mut Arguments, submit: &Submit, tenant: &Tenant) {
        let (intent, quota) = (&submit.intent, &tenant.quota);
        let place = self.layout.tenant(&intent.tenant);
        call.keys.push(place.record());
        call.keys.push(place.tasks());
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
        call.args.push(pack(&numbers));
        let key = intent.author.key.as_ref();
        call.args
            .push(key.map_or_else(Vec::new, |key| format!("v:{key}").into_bytes()));
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
    let user = pack::usage(&reply.bytes()?)?;
    let key = pack::usage(&reply.bytes()?)?;
    let validity = reply.bytes()?;
    let cap = match unpack::<2>(&validity) {
        Ok([_, cap]) if cap != -1 => Credits::from_micro(cap),
        _ => None,
    };
    let demand = Demand {
        amount: intent.estimate,
        model: &intent.spec.model,
        duration: intent.spec.duration,
        quality: intent.spec.quality.as_deref(),
        starts: intent.windows.at(now),
        in_flight: record.in_flight,
        rate: record.rate,
        tenant: record.usage,
        user: intent.author.user.as_ref().map(|_| user),
        key: intent.author.key.as_ref().map(|_| (key, cap)),
    };
    match admit(quota, &record.account, &demand, now) {
        Err(denied) => Ok(SubmitError::Denied {
            denied,
            required: intent.estimate,
        }),
        Ok(_) => Err(corrupt("the script refuses what the rule admits")),
    }
}
