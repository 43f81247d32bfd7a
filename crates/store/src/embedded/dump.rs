//! Reads every table whole, on one snapshot.

use std::borrow::Borrow;
use std::fmt::Display;
use std::str::FromStr;

use evogate_models::Timestamp;
use evogate_models::event::DeliveryId;
use redb::{ReadOnlyTable, ReadableTable as _};
use serde::de::DeserializeOwned;

use super::Embedded;
use super::queues::lane;
use super::table::{AccountRecord, Bytes, LOSS_KEY, Owned, Read, Timed, decode, unavailable};
use crate::dump::Dump;
use crate::error::StoreError;
use crate::outbox::Cursor;

impl Embedded {
    pub(crate) async fn dump(&self) -> Result<Dump, StoreError> {
        self.read_long(dump).await
    }
}

fn dump(tables: &Read) -> Result<Dump, StoreError> {
    let mut dump = Dump::default();
    for row in tables.tenants()?.iter().map_err(unavailable)? {
        let (id, bytes) = row.map_err(unavailable)?;
        dump.tenants
            .insert(parse(id.value())?, decode(bytes.value())?);
    }
    for row in tables.accounts()?.iter().map_err(unavailable)? {
        let (id, bytes) = row.map_err(unavailable)?;
        let AccountRecord {
            account,
            seq,
            in_flight,
            rate,
            usage,
            departed,
            low,
            open: _,
            refunded: _,
        } = decode(bytes.value())?;
        dump.departed.insert(parse(id.value())?, departed);
        dump.accounts.insert(parse(id.value())?, (account, seq));
        let counters = (in_flight, rate, usage);
        dump.counters.insert(parse(id.value())?, counters);
        if low {
            dump.low.insert(parse(id.value())?);
        }
    }
    for row in tables.journal()?.iter().map_err(unavailable)? {
        let (key, bytes) = row.map_err(unavailable)?;
        let entries = dump.journal.entry(parse(key.value().0)?).or_default();
        entries.push(decode(bytes.value())?);
    }
    for row in tables.openings()?.iter().map_err(unavailable)? {
        let (id, bytes) = row.map_err(unavailable)?;
        dump.openings
            .insert(parse(id.value())?, decode(bytes.value())?);
    }
    for row in tables.notes()?.iter().map_err(unavailable)? {
        let (key, bytes) = row.map_err(unavailable)?;
        let (tenant, task, _) = key.value();
        let notes = dump.notes.entry((parse(tenant)?, parse(task)?));
        notes.or_default().push(decode(bytes.value())?);
    }
    for row in tables.digests()?.iter().map_err(unavailable)? {
        let (digest, owner) = row.map_err(unavailable)?;
        let (tenant, key) = owner.value();
        let owner = (parse(tenant)?, parse(key)?);
        dump.digests.insert(digest.value().to_vec(), owner);
    }
    for row in tables.upstreams()?.iter().map_err(unavailable)? {
        let (upstream, owner) = row.map_err(unavailable)?;
        let (tenant, task) = owner.value();
        let owner = (parse(tenant)?, parse(task)?);
        dump.upstreams.insert(parse(upstream.value())?, owner);
    }
    for row in tables.unbound()?.iter().map_err(unavailable)? {
        let key = row.map_err(unavailable)?.0;
        let (tenant, task) = key.value();
        dump.unbound.insert((parse(tenant)?, parse(task)?));
    }
    books(tables, &mut dump)?;
    dump.keys = records(&tables.keys()?)?;
    dump.usage = records(&tables.usage()?)?;
    dump.users = records(&tables.users()?)?;
    dump.grants = records(&tables.grants()?)?;
    dump.tasks = records(&tables.tasks()?)?;
    dump.idempotency = records(&tables.idempotency()?)?;
    dump.repeats = records(&tables.repeats()?)?;
    webhooks(tables, &mut dump)?;
    dump.due = times(&tables.due()?)?;
    let loss = tables.meta()?.get(LOSS_KEY).map_err(unavailable)?;
    dump.platform_loss = loss.map_or(0, |loss| loss.value());
    Ok(dump)
}

/// Events, deliveries and queues.
fn webhooks(tables: &Read, dump: &mut Dump) -> Result<(), StoreError> {
    dump.endpoints = records(&tables.endpoints()?)?;
    dump.events = records(&tables.events()?)?;
    dump.queues = records(&tables.queues()?)?;
    for row in tables.deliveries()?.iter().map_err(unavailable)? {
        let (key, bytes) = row.map_err(unavailable)?;
        let (tenant, event, target) = key.value();
        let (event, target) = (parse(event)?, parse(target)?);
        let key = (parse(tenant)?, DeliveryId { event, target });
        dump.deliveries.insert(key, decode(bytes.value())?);
    }
    for row in tables.outbox()?.iter().map_err(unavailable)? {
        let key = row.map_err(unavailable)?.0;
        let (number, at, tenant, target) = key.value();
        let at = Timestamp::from_millis(at);
        dump.outbox
            .insert((lane(number), at, parse(tenant)?, parse(target)?));
    }
    for row in tables.history()?.iter().map_err(unavailable)? {
        let key = row.map_err(unavailable)?.0;
        let (tenant, at, event, target) = key.value();
        let (event, target) = (parse(event)?, parse(target)?);
        dump.history.insert(Cursor {
            tenant: parse(tenant)?,
            at: Timestamp::from_millis(at),
            id: DeliveryId { event, target },
        });
    }
    Ok(())
}

/// What is kept for admins.
fn books(tables: &Read, dump: &mut Dump) -> Result<(), StoreError> {
    for row in tables.daily()?.iter().map_err(unavailable)? {
        let (key, bytes) = row.map_err(unavailable)?;
        let (tenant, day, name) = key.value();
        let key = (parse(tenant)?, day, name.to_owned());
        dump.daily.insert(key, decode(bytes.value())?);
    }
    for row in tables.admins()?.iter().map_err(unavailable)? {
        let (id, bytes) = row.map_err(unavailable)?;
        dump.admins
            .insert(parse(id.value())?, decode(bytes.value())?);
    }
    for row in tables.admin_digests()?.iter().map_err(unavailable)? {
        let (digest, id) = row.map_err(unavailable)?;
        dump.admin_digests
            .insert(digest.value().to_vec(), parse(id.value())?);
    }
    for row in tables.audit()?.iter().map_err(unavailable)? {
        dump.audit
            .push(decode(row.map_err(unavailable)?.1.value())?);
    }
    for row in tables.refused()?.iter().map_err(unavailable)? {
        dump.refused
            .push(decode(row.map_err(unavailable)?.1.value())?);
    }
    Ok(())
}

/// A table of tenants' records.
fn records<C, T, N, R>(table: &ReadOnlyTable<Owned, Bytes>) -> Result<C, StoreError>
where
    C: Default + Extend<((T, N), R)>,
    T: FromStr<Err: Display>,
    N: FromStr<Err: Display>,
    R: DeserializeOwned,
{
    let mut records = C::default();
    for row in table.iter().map_err(unavailable)? {
        let (key, bytes) = row.map_err(unavailable)?;
        let (tenant, name) = key.value();
        let key = (parse(tenant)?, parse(name)?);
        records.extend([(key, decode(bytes.value())?)]);
    }
    Ok(records)
}

/// A table of due work.
fn times<C, T, N>(table: &ReadOnlyTable<Timed, ()>) -> Result<C, StoreError>
where
    C: Default + Extend<(Timestamp, T, N)>,
    T: FromStr<Err: Display>,
    N: FromStr<Err: Display>,
{
    let mut times = C::default();
    for row in table.iter().map_err(unavailable)? {
        let key = row.map_err(unavailable)?.0;
        let (at, tenant, name) = key.value();
        let at = Timestamp::from_millis(at);
        times.extend([(at, parse(tenant)?, parse(name)?)]);
    }
    Ok(times)
}

fn parse<T: FromStr<Err: Display>>(text: impl Borrow<str>) -> Result<T, StoreError> {
    let parsed = text.borrow().parse();
    parsed.map_err(|error: T::Err| StoreError::Corrupt(error.to_string()))
}
