//! Takes tenants of an import in. All that is a tenant's own is written first, where nothing leads to it
//! yet; the account comes last, by a script, and makes the tenant be there. When its tasks are due is
//! written after that, so that no worker finds a task without an account.

use evogate_models::Credits;
use evogate_models::delivery::Queue;
use evogate_models::event::Target;
use evogate_models::task::Task;
use redis::Cmd;
use serde_json::Value as Json;

use super::audit::entry;
use super::key::{Admins, Place, digest, importing, upstream};
use super::pack::{encode, flags, number, or_none, pack, pack_queue, pack_usage, state, threshold};
use super::plan::{Arguments, second};
use super::reply::{maybe, number as int};
use super::{CHUNK, Redis, script};
use crate::audit::Actor;
use crate::error::{ImportError, StoreError};
use crate::facts::tenant_facts;
use crate::ledger::{DaySums, TaskRecord, TenantBooks};
use crate::rule::is_unbound;

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
            .arg(place.usage())
            .arg(place.users())
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
        let cap = key.credit_cap.map_or(-1, Credits::micro);
        let field = format!("v:{}", key.id).into_bytes();
        let validity = pack(&[or_none(key.expires), cap]);
        batch.put("HSET", &[place.usage(), field, validity]);
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
            let mut entry = entry.clone();
            // Its place in the list says it.
            entry.seq = 0;
            args.push(encode(&entry)?);
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
    for counted in &books.usage {
        let name = counted.name.clone().into_bytes();
        batch.put("HSET", &[place.usage(), name, pack_usage(&counted.usage)]);
    }
    for sums in &books.days {
        day(batch, place, sums);
    }
    for seen in &books.users {
        let user = seen.user.clone().into_bytes();
        let (first, last) = (seen.first_seen.millis(), seen.last_seen.millis());
        let seen = pack(&[first, last, number(seen.submitted)]);
        batch.put("HSET", &[place.users(), user, seen]);
    }
    Ok(())
}

fn day(batch: &mut Batch, place: Place<'_>, of: &DaySums) {
    let sums = of.sums;
    let mut args = vec![place.sums(of.day)];
    for (what, count) in [
        ('s', number(sums.submitted)),
        ('c', number(sums.completed)),
        ('f', number(sums.failed)),
        ('x', number(sums.cancelled)),
        ('m', sums.charged.micro()),
    ] {
        if count != 0 {
            args.push(format!("{}\u{1f}{}\u{1f}{what}", of.day, of.name).into_bytes());
            args.push(count.to_string().into_bytes());
        }
    }
    if args.len() > 1 {
        batch.put("HSET", &args);
    }
}

fn task(
    batch: &mut Batch,
    place: Place<'_>,
    record: &TaskRecord,
    version: i64,
) -> Result<(), StoreError> {
    let task = &record.task;
    let (lease_fence, lease_until) = task.lease.map_or((-1, -1), |lease| {
        (number(lease.fence), lease.until.millis())
    });
    let mut stored = pack(&[
        version,
        0,
        or_none(task.due),
        number(task.fence),
        lease_fence,
        lease_until,
        or_none(task.refreshed),
        -1,
        state(task),
    ]);
    stored.extend(encode(task)?);
    batch.put_new(place.task(&task.id), stored);
    let rest = task.id.as_str().rsplit('-').next().unwrap_or_default();
    let second = second(task).to_string().into_bytes();
    batch.put("ZADD", &[place.index(), second, rest.as_bytes().to_vec()]);
    if !record.notes.is_empty() {
        let mut args = vec![place.notes(&task.id)];
        for note in &record.notes {
            args.push(encode(note)?);
        }
        batch.put("RPUSH", &args);
    }
    if let Some(id) = &task.upstream {
        batch.put_new(upstream(id), place.owner(&task.id));
    }
    if let (Some(key), Some(kept)) = (&task.idempotency_key, &record.idempotency) {
        let mut value = pack(&[or_none(kept.until)]);
        value.extend_from_slice(kept.task.as_str().as_bytes());
        value.extend_from_slice(kept.fingerprint.as_bytes());
        let mut args = vec![place.idempotency(key), value];
        if let Some(until) = kept.until {
            let until = until.millis().saturating_add(KEPT_ON);
            args.extend([b"PXAT".to_vec(), until.to_string().into_bytes()]);
        }
        batch.put("SET", &args);
    }
    Ok(())
}

fn due(batch: &mut Batch, place: Place<'_>, task: &Task) {
    let Some(due) = task.due else { return };
    let mut member = place.member(&task.id);
    member.push(if is_unbound(task) { b'u' } else { b'b' });
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
    packed
}
