//! Takes tenants of an import in. All that is a tenant's own is written first, where nothing leads to it
//! yet; the account comes last, by a script, and makes the tenant be there. When its tasks are due is
//! written after that, so that no worker finds a task without an account.

use std::collections::BTreeMap;

use evogate_models::Credits;
use evogate_models::delivery::Queue;
use evogate_models::event::Target;
use evogate_models::life::results::run_out;
use evogate_models::task::Task;
use redis::Cmd;
use serde_json::Value as Json;

use super::audit::entry;
use super::journal::{pack_entry, pack_notes};
use super::key::{Admins, Place, digest, importing, upstream};
use super::pack::{
    Counted, encode, flags, number, or_none, pack, pack_queue, pack_usage, threshold,
};
use super::plan::{Arguments, UNKNOWN, ended, letter, open_state};
use super::reply::{maybe, number as int};
use super::stored::{pack_lead, whole};
use super::usage::pack_sums;
use super::{CHUNK, Redis, script};
use crate::audit::Actor;
use crate::error::{ImportError, StoreError};
use crate::facts::tenant_facts;
use crate::ledger::{TaskRecord, TenantBooks};
use crate::usage::BETWEEN;

/// How long what is forgotten at a time is kept on, in milliseconds, as `keep_until` in `lua/apply.lua`.
const KEPT_ON: i64 = 86_400_000;

/// Commands on their way. One that answers nothing (`SET … NX`) found something there.
#[derive(Default)]
struct Batch(Vec<Cmd>);

impl Batch {
    /// Writes what must be new.
    fn put_new(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.put("SET", &[key, value, b"NX".to_vec()]);
    }

    fn put(&mut self, command: &str, args: &[Vec<u8>]) {
        let mut command = redis::cmd(command);
        command.arg(args);
        self.0.push(command);
    }
}

impl Redis {
    pub(crate) async fn note_audit(
        &self,
        by: &Actor,
        action: &'static str,
        target: String,
        facts: Json,
    ) -> Result<(), StoreError> {
        self.audited(by, action, target, facts, false).await
    }

    async fn audited(
        &self,
        by: &Actor,
        action: &'static str,
        target: String,
        facts: Json,
        unmark: bool,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let call = Arguments {
            keys: vec![Admins::audit(), Admins::sequence(), importing()],
            args: vec![
                pack(&[
                    now.millis(),
                    i64::from(self.layout.shards),
                    i64::from(unmark),
                ]),
                entry(by, now, action, target, (Json::Null, facts))?,
            ],
        };
        self.run(&script::NOTE_AUDIT, &call).await.map(drop)
    }

    pub(crate) async fn may_import(&self) -> Result<(), ImportError> {
        let mut read = redis::cmd("GET");
        read.arg(importing());
        if maybe(self.link.command(read).await?)?.is_some() {
            return Err(ImportError::BrokenOff);
        }
        if self.tenant_ids().await?.is_empty() {
            return Ok(());
        }
        Err(ImportError::NotEmpty)
    }

    pub(crate) async fn begin_import(&self) -> Result<(), ImportError> {
        self.may_import().await?;
        let mut mark = redis::cmd("SET");
        mark.arg(importing()).arg(self.now().millis()).arg("NX");
        if maybe(self.link.command(mark).await?)?.is_none() {
            return Err(ImportError::BrokenOff);
        }
        Ok(())
    }

    pub(crate) async fn end_import(&self, by: &Actor, facts: Json) -> Result<(), StoreError> {
        self.audited(by, "ledger.import", "ledger".to_owned(), facts, true)
            .await
    }

    pub(crate) async fn import_tenant(
        &self,
        books: TenantBooks,
        by: &Actor,
    ) -> Result<(), ImportError> {
        let id = &books.tenant.id;
        let place = self.layout.tenant(id);
        self.nothing_there(place).await?;
        let mut count = redis::cmd("INCR");
        count.arg(place.shard.sequence());
        let version = int(self.link.command(count).await?)?;
        let mut batch = Batch::default();
        access(&mut batch, place, &books)?;
        journal(&mut batch, place, &books)?;
        counters(&mut batch, place, &books)?;
        for record in books.tasks.values() {
            task(&mut batch, place, record, version)?;
            self.write_some(&mut batch, CHUNK).await?;
        }
        self.write_some(&mut batch, 1).await?;
        let now = self.now();
        let facts = (Json::Null, tenant_facts(&books.tenant));
        let account = account(&books);
        let call = Arguments {
            keys: vec![
                place.account(),
                place.record(),
                place.shard.tenants(),
                place.shard.audit(),
                place.shard.sequence(),
            ],
            args: vec![
                pack(&[now.millis(), i64::from(place.shard.0)]),
                id.as_str().into(),
                encode(&books.tenant)?,
                account.clone(),
                entry(by, now, "tenant.import", id.to_string(), facts)?,
            ],
        };
        let (mut reply, again) = self.run_twice(&script::IMPORT_TENANT, &call).await?;
        // One that is there may be our own, whose answer was lost.
        if reply.word != "OK" && !(again && reply.bytes()? == account) {
            return Err(there());
        }
        for record in books.tasks.values() {
            due(&mut batch, place, &record.task);
            self.write_some(&mut batch, CHUNK).await?;
        }
        self.write_some(&mut batch, 1).await
    }

    /// An import never adds to what is there, not even to remains.
    async fn nothing_there(&self, place: Place<'_>) -> Result<(), ImportError> {
        let mut look = redis::cmd("EXISTS");
        look.arg(place.account())
            .arg(place.record())
            .arg(place.journal())
            .arg(place.opening())
            .arg(place.index())
            .arg(place.keys())
            .arg(place.endpoints())
            .arg(place.counted_names())
            .arg(place.grants());
        if int(self.link.command(look).await?)? == 0 {
            return Ok(());
        }
        Err(there())
    }

    /// Sends what is there, once it is as much as `least`.
    async fn write_some(&self, batch: &mut Batch, least: usize) -> Result<(), ImportError> {
        if batch.0.len() < least {
            return Ok(());
        }
        let mut commands = std::mem::take(&mut batch.0);
        while !commands.is_empty() {
            let rest = commands.split_off(commands.len().min(CHUNK));
            for answer in self.all(commands).await? {
                if answer == redis::Value::Nil {
                    return Err(ImportError::Taken(
                        "a key, or a task of EvoLink's, is another's".to_owned(),
                    ));
                }
            }
            commands = rest;
        }
        Ok(())
    }
}

fn there() -> ImportError {
    ImportError::Taken("it, or something of it, is there already".to_owned())
}

/// Keys and endpoints.
fn access(batch: &mut Batch, place: Place<'_>, books: &TenantBooks) -> Result<(), StoreError> {
    for key in &books.keys {
        for secret in &key.secrets {
            let owner = format!("{}/{}", key.tenant, key.id).into_bytes();
            batch.put_new(digest(&secret.digest), owner);
        }
        let id = key.id.as_str().as_bytes().to_vec();
        batch.put("HSET", &[place.keys(), id, encode(key)?]);
    }
    for endpoint in &books.endpoints {
        let id = endpoint.id.as_str().as_bytes().to_vec();
        batch.put("HSET", &[place.endpoints(), id, encode(endpoint)?]);
        if endpoint.disabled.is_some() {
            let target = Target::Endpoint(endpoint.id.clone());
            let queue = Queue {
                closed: true,
                ..Queue::default()
            };
            batch.put_new(place.queue(&target), pack_queue(&queue));
        }
    }
    Ok(())
}

fn journal(batch: &mut Batch, place: Place<'_>, books: &TenantBooks) -> Result<(), StoreError> {
    if let Some(opening) = &books.opening {
        batch.put_new(place.opening(), encode(opening)?);
    }
    for entries in books.entries.chunks(CHUNK) {
        let mut args = vec![place.journal()];
        for entry in entries {
            args.push(pack_entry(entry)?);
        }
        batch.put("RPUSH", &args);
    }
    Ok(())
}

/// What is counted beside the account.
fn counters(batch: &mut Batch, place: Place<'_>, books: &TenantBooks) -> Result<(), StoreError> {
    for grant in &books.grants {
        let key = grant.key.clone().into_bytes();
        batch.put("HSET", &[place.grants(), key, encode(&grant.grant)?]);
    }
    for (name, counted) in counted(books) {
        batch.put("SET", &[place.counted(&name), counted.pack()]);
        batch.put("SADD", &[place.counted_names(), name.into_bytes()]);
    }
    for of in &books.days {
        let row = format!("{}{BETWEEN}{}", of.day, of.name);
        batch.put("SET", &[place.day_row(&row), pack_sums(&of.sums)]);
        batch.put("SADD", &[place.day_rows(of.day), row.into_bytes()]);
    }
    Ok(())
}

/// What is counted for users and keys: usages, when users were seen, until when keys are valid.
fn counted(books: &TenantBooks) -> BTreeMap<String, Counted> {
    let none = Counted {
        usage: None,
        valid: None,
        seen: [0; 3],
    };
    let mut all: BTreeMap<String, Counted> = BTreeMap::new();
    for counted in &books.usage {
        let entry = all.entry(counted.name.clone()).or_insert(none);
        entry.usage = Some(counted.usage);
    }
    for seen in &books.users {
        let (first, last) = (seen.first_seen.millis(), seen.last_seen.millis());
        let entry = all.entry(format!("u:{}", seen.user)).or_insert(none);
        entry.seen = [first, last, number(seen.submitted)];
    }
    for key in &books.keys {
        let cap = key.credit_cap.map_or(-1, Credits::micro);
        let entry = all.entry(format!("k:{}", key.id)).or_insert(none);
        entry.valid = Some([or_none(key.expires), cap]);
    }
    all
}

fn task(
    batch: &mut Batch,
    place: Place<'_>,
    record: &TaskRecord,
    version: i64,
) -> Result<(), StoreError> {
    let task = &record.task;
    let notes = pack_notes(&task.id, &record.notes)?;
    batch.put_new(place.task(&task.id), whole(task, version, &notes)?);
    let short = task.id.short().into_bytes();
    let (second, letters) = short
        .split_at_checked(10)
        .unwrap_or((short.as_slice(), &[]));
    batch.put("ZADD", &[place.index(), second.into(), letters.into()]);
    if let Some(id) = &task.upstream {
        batch.put_new(upstream(id), place.owner(&task.id));
    }
    if let (Some(key), Some(kept)) = (&task.idempotency_key, &record.idempotency) {
        let mut args = vec![place.idempotency(key), pack_lead(kept.until, &kept.task)];
        if let Some(until) = kept.until {
            let until = until.millis().saturating_add(KEPT_ON);
            args.extend([b"PXAT".to_vec(), until.to_string().into_bytes()]);
        }
        batch.put("SET", &args);
    }
    Ok(())
}

/// The sets in which a task is besides its tenant's: those of the due, of the unfinished by age, and of those
/// whose results run out. Whether they do is taken from the task, also where it comes from a version that did
/// not note that a receiver had taken them: then it is counted for the hours until they are gone.
fn due(batch: &mut Batch, place: Place<'_>, task: &Task) {
    let (open, created) = (open_state(task), task.created.millis().to_string());
    let sets = [(open != 0, "open"), (open == UNKNOWN, "unknown")];
    for (_, set) in sets.into_iter().filter(|(is_in, _)| *is_in) {
        let (set, created) = (place.shard.aged(set), created.clone().into_bytes());
        batch.put("ZADD", &[set, created, place.owner(&task.id)]);
    }
    if run_out(task) {
        let (set, ended) = (place.shard.aged("expiring"), ended(task).to_string());
        batch.put("ZADD", &[set, ended.into_bytes(), place.owner(&task.id)]);
    }
    let Some(due) = task.due else { return };
    let mut member = place.owner(&task.id);
    member.extend(u8::try_from(letter(task)).ok());
    let due = due.millis().to_string().into_bytes();
    batch.put("ZADD", &[place.shard.due(), due, member]);
}

/// In the order of `lua/lib.lua`.
fn account(books: &TenantBooks) -> Vec<u8> {
    let (tenant, standing) = (&books.tenant, &books.standing);
    let departed = standing.departed;
    let loss = books
        .tasks
        .values()
        .fold(departed.loss.micro(), |sum, record| {
            sum.saturating_add(record.task.loss().micro())
        });
    let account = standing.account;
    let mut packed = pack(&[
        number(tenant.version),
        flags(tenant),
        account.granted.micro(),
        account.available.micro(),
        account.held.micro(),
        account.spent.micro(),
        loss,
        number(standing.seq),
        i64::from(books.in_flight()),
        standing.rate.0,
    ]);
    packed.extend(pack_usage(&standing.usage));
    let folded = books.opening.as_ref().map_or(0, |opening| opening.seq);
    packed.extend(pack(&[
        number(folded),
        i64::from(standing.low),
        number(books.endpoints.len() as u64),
        number(departed.tasks),
        departed.charged.micro(),
        departed.loss.micro(),
        departed.through,
        threshold(tenant),
    ]));
    packed.extend(pack(&books.open_tasks().0.map(i64::from)));
    packed.extend(pack(&[standing.refunded.micro()]));
    packed
}
