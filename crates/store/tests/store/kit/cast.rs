//! Turns random commands into steps, by what earlier answers told: the tasks that there are, their
//! last fences, the deliveries that were claimed.

mod turn;
pub(crate) mod webhooks;

use std::collections::BTreeMap;

use evogate_models::account::Account;
use evogate_models::credits::Decimal;
use evogate_models::delivery::Claim;
use evogate_models::life::submit::{Intent, hold};
use evogate_models::quota::{self, Quota, Windows};
use evogate_models::task::Task;
use evogate_models::{Credits, KeyId, TaskId, TenantId, Timestamp, TraceParent};
use evogate_store::{Grant, KeyChange, KeyRecord, Submit, TenantChange};

use super::command::{Command, Fence, Limits, Pick, Request, TENANTS};
use super::step::{Answer, Step};
use super::{START, UNKNOWN, intent, tenant};

/// What a caller of the store remembers.
#[derive(Default)]
pub(crate) struct Cast {
    /// The tasks, in the order in which they were heard of.
    order: Vec<(TenantId, TaskId)>,
    tasks: BTreeMap<(TenantId, TaskId), Task>,
    deliveries: Vec<Claim>,
    minted: u32,
    tests: u32,
}

impl Cast {
    /// The step that `command` is now; none when it needs something that is not there yet.
    pub(crate) fn step(&mut self, command: Command, now: Timestamp) -> Option<Step> {
        Some(match command {
            Command::CreateTenant(_)
            | Command::ChangeTenant { .. }
            | Command::Grant { .. }
            | Command::AddKey { .. }
            | Command::RotateKey { .. }
            | Command::DeleteKey { .. } => by_admin(&command, now)?,
            Command::Submit(request) => self.submit(&request, now)?,
            Command::Turn {
                task,
                foreign,
                fitting,
                step,
            } => {
                let task = self.pick(task)?;
                let command = turn::command(&task, step, fitting, now);
                let tenant = if foreign {
                    stranger(&task.tenant)
                } else {
                    task.tenant
                };
                Step::Turn {
                    tenant,
                    task: task.id,
                    command,
                }
            }
            Command::Restore {
                known,
                tenant,
                key,
                callback,
            } => {
                let until = now.plus(UNKNOWN);
                let task = match known {
                    Some(pick) => self.pick(pick)?,
                    None => self.forgotten(tenant, key, callback, now),
                };
                Step::Restore {
                    task: Box::new(task),
                    until,
                }
            }
            Command::ClaimDue { limit, lease } => Step::ClaimDue { limit, lease },
            Command::Webhook(command) => self.webhook(command, now)?,
            Command::Sweep => Step::Sweep,
            Command::Wait(span) => Step::Wait(span),
            Command::Restart => Step::Restart,
        })
    }

    /// Remembers what an answer told.
    pub(crate) fn heard(&mut self, answer: &Answer) {
        match answer {
            Answer::Submit(Ok(submitted)) => self.know(&submitted.task),
            Answer::Turn(Ok(outcome)) => self.know(&outcome.task),
            Answer::Restored(Ok(task)) => self.know(task),
            Answer::Claimed(tasks) => tasks.iter().for_each(|task| self.know(task)),
            Answer::Deliveries(claims) => {
                let claimed = claims.deliveries.iter();
                self.deliveries
                    .extend(claimed.map(|claimed| claimed.delivery.claim()));
            }
            Answer::Delivery(Ok(delivery)) => self.deliveries.push(delivery.claim()),
            _ => {}
        }
    }

    fn know(&mut self, task: &Task) {
        let key = (task.tenant.clone(), task.id.clone());
        if self.tasks.insert(key.clone(), task.clone()).is_none() {
            self.order.push(key);
        }
    }

    fn pick(&self, Pick(pick): Pick) -> Option<Task> {
        let back = usize::from(pick).checked_rem(self.order.len())?;
        let key = self.order.iter().rev().nth(back)?;
        self.tasks.get(key).cloned()
    }

    /// What a gateway asks for in the name of a tenant.
    fn intent(&mut self, tenant: u8, key: Option<u8>, callback: bool, now: Timestamp) -> Intent {
        self.minted += 1;
        Intent {
            id: TaskId::mint(now, u128::from(self.minted)),
            tenant: named(tenant),
            idempotency_key: key.map(|key| format!("key {key}")),
            callback_url: callback.then(|| "https://receiver.example/".to_owned()),
            windows: windows(now),
            trace: TraceParent::new(self.minted.into(), u64::from(callback), true),
            ..intent(0, "forgotten")
        }
    }

    fn submit(&mut self, request: &Request, now: Timestamp) -> Option<Step> {
        let mut intent = self.intent(request.tenant, request.key, request.callback, now);
        intent.fingerprint = format!("body {}", request.body);
        intent.estimate = micro(request.micro);
        intent.author.user = request.user.map(|user| format!("user {user}"));
        intent.author.key = request.with.map(key_id);
        if let Some(pick) = request.id_of {
            intent.id = self.pick(pick)?.id;
        }
        let policy = request.stale.then_some(0);
        let may_create = request.may_create;
        Some(Step::Submit(Box::new(Submit {
            intent,
            policy,
            may_create,
        })))
    }

    /// A task that the store does not have, as a submitter remembers it.
    fn forgotten(&mut self, tenant: u8, key: Option<u8>, callback: bool, now: Timestamp) -> Task {
        let intent = self.intent(tenant, key, callback, now);
        hold(Account::default(), true, intent, now)
            .unwrap()
            .books
            .task
    }
}

fn by_admin(command: &Command, now: Timestamp) -> Option<Step> {
    Some(match command.clone() {
        Command::CreateTenant(number) => {
            Step::CreateTenant(Box::new(tenant(TENANTS[usize::from(number)])))
        }
        Command::ChangeTenant {
            tenant,
            suspended,
            limits,
        } => {
            let quota = limits.map(quota);
            let change = Box::new(TenantChange {
                name: None,
                suspended,
                quota,
            });
            Step::ChangeTenant {
                tenant: named(tenant),
                change,
            }
        }
        Command::Grant {
            tenant,
            micro: amount,
            key,
        } => Step::Grant(Grant {
            tenant: named(tenant),
            amount: micro(amount),
            note: None,
            idempotency_key: key.map(|key| format!("grant {key}")),
        }),
        Command::AddKey {
            tenant,
            key,
            digest,
            cap,
            lives,
        } => {
            let (id, tenant) = (key_id(key), named(tenant));
            let mut key = KeyRecord::new(id, tenant, "a key".to_owned(), START, [digest; 32]);
            key.credit_cap = cap.map(micro);
            key.expires = lives.map(|lives| now.plus(lives));
            Step::AddKey(key)
        }
        Command::RotateKey {
            tenant,
            key,
            digest,
            overlap,
        } => {
            let change = KeyChange::Rotate {
                digest: [digest; 32],
                until: now.plus(overlap),
            };
            Step::ChangeKey {
                tenant: named(tenant),
                key: key_id(key),
                change,
            }
        }
        Command::DeleteKey { tenant, key } => Step::DeleteKey {
            tenant: named(tenant),
            key: key_id(key),
        },
        _ => return None,
    })
}

fn named(tenant: u8) -> TenantId {
    TENANTS[usize::from(tenant)].parse().unwrap()
}

/// Another tenant than this one.
fn stranger(tenant: &TenantId) -> TenantId {
    named(u8::from(tenant.as_str() == TENANTS[0]))
}

fn key_id(key: u8) -> KeyId {
    KeyId::mint(u128::from(key))
}

fn micro(micro: i64) -> Credits {
    Credits::from_micro(micro).unwrap()
}

fn fence(fence: Fence, last: u64) -> u64 {
    match fence {
        Fence::Last => last,
        Fence::Older => last.saturating_sub(1),
        Fence::Newer => last + 1,
    }
}

/// Days, weeks of seven days and months of thirty.
fn windows(now: Timestamp) -> Windows {
    Windows([1, 7, 30].map(|days| {
        let length = days * 86_400_000;
        let start = now.millis() / length * length;
        (
            Timestamp::from_millis(start),
            Timestamp::from_millis(start + length),
        )
    }))
}

fn quota(limits: Limits) -> Quota {
    let sum = |limit: Option<i64>| limit.map(|limit| Decimal(micro(limit)));
    let per_day = |limit| quota::Limits {
        credits_per_day: sum(limit),
        ..quota::Limits::default()
    };
    Quota {
        unlimited: limits.unlimited,
        max_tasks_in_flight: limits.in_flight,
        credits_per_day: sum(limits.per_day),
        credits_per_week: sum(limits.per_week),
        per_user: per_day(limits.user_per_day),
        per_key: per_day(limits.key_per_day),
        low_credit_threshold: sum(limits.low),
        ..Quota::default()
    }
}
