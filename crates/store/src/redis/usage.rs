//! Sums by day, and the users that were seen.

use std::collections::BTreeMap;

use evogate_models::{Credits, TenantId, Timestamp};

use super::key::BUCKET;
use super::pack::{Counted, corrupt, number, pack, unpack};
use super::reply::{text, texts};
use super::{CHUNK, Redis};
use crate::error::StoreError;
use crate::usage::{BETWEEN, Day, KEPT, SeenUser, Sums, UsageRow, day};

impl Redis {
    pub(crate) async fn usage(
        &self,
        tenant: Option<&TenantId>,
        from: Day,
        to: Day,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let tenants = match tenant {
            Some(tenant) => vec![tenant.clone()],
            None => self.tenant_ids().await?,
        };
        let from = from.max(day(self.now()).saturating_sub(KEPT));
        let mut rows = Vec::new();
        for tenant in &tenants {
            for ((day, name), sums) in self.sums(tenant, from, to).await? {
                let mut parts = name.splitn(3, BETWEEN).map(str::to_owned);
                let mut part = || parts.next().filter(|part| !part.is_empty());
                rows.push(UsageRow {
                    tenant: tenant.clone(),
                    day,
                    user: part(),
                    key: part(),
                    model: part().unwrap_or_default(),
                    sums,
                });
            }
        }
        Ok(rows)
    }

    /// A tenant's sums by day, and user, key and model.
    pub(super) async fn sums(
        &self,
        tenant: &TenantId,
        from: Day,
        to: Day,
    ) -> Result<BTreeMap<(Day, String), Sums>, StoreError> {
        let place = self.layout.tenant(tenant);
        // Nobody asks for the year 10 000, but a range without an end is asked for.
        let last = to.min(day(self.now()).saturating_add(BUCKET)) / BUCKET;
        let buckets: Vec<Day> = (from / BUCKET..=last).collect();
        let mut rows: Vec<(Day, String)> = Vec::new();
        for buckets in buckets.chunks(CHUNK) {
            let reads = buckets.iter().map(|bucket| {
                let mut read = redis::cmd("SMEMBERS");
                read.arg(place.day_rows(bucket.saturating_mul(BUCKET)));
                read
            });
            for names in self.all(reads.collect()).await? {
                for row in texts(names)? {
                    let row = text(row)?;
                    let wrong = || corrupt("the name of a sum");
                    let (day, _) = row.split_once(BETWEEN).ok_or_else(wrong)?;
                    let day: Day = day.parse().map_err(corrupt)?;
                    if (from..=to).contains(&day) {
                        rows.push((day, row));
                    }
                }
            }
        }
        let mut sums = BTreeMap::new();
        for rows in rows.chunks(CHUNK) {
            let mut read = redis::cmd("MGET");
            for (_, row) in rows {
                read.arg(place.day_row(row));
            }
            for ((day, row), packed) in rows.iter().zip(texts(self.link.command(read).await?)?) {
                let name = row.split_once(BETWEEN).map_or("", |(_, name)| name);
                // One that was swept meanwhile is none.
                if !packed.is_empty() {
                    sums.insert((*day, name.to_owned()), unpack_sums(&packed)?);
                }
            }
        }
        Ok(sums)
    }

    pub(crate) async fn users(&self, tenant: &TenantId) -> Result<Vec<SeenUser>, StoreError> {
        let mut users = Vec::new();
        for (name, counted) in self.counted(tenant).await? {
            let Some(user) = name.strip_prefix("u:") else {
                continue;
            };
            let [first, last, submitted] = counted.seen;
            users.push(SeenUser {
                user: user.to_owned(),
                first_seen: Timestamp::from_millis(first),
                last_seen: Timestamp::from_millis(last),
                submitted: submitted.unsigned_abs(),
            });
        }
        users.sort_unstable_by(|a, b| a.user.cmp(&b.user));
        Ok(users)
    }

    /// What is counted for a tenant's users and keys, by their names.
    pub(super) async fn counted(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(String, Counted)>, StoreError> {
        let place = self.layout.tenant(tenant);
        let mut read = redis::cmd("SMEMBERS");
        read.arg(place.counted_names());
        let names = texts(self.link.command(read).await?)?;
        let names: Vec<String> = names.into_iter().map(text).collect::<Result<_, _>>()?;
        let mut counted = Vec::with_capacity(names.len());
        for names in names.chunks(CHUNK) {
            let mut read = redis::cmd("MGET");
            for name in names {
                read.arg(place.counted(name));
            }
            for (name, packed) in names.iter().zip(texts(self.link.command(read).await?)?) {
                counted.push((name.clone(), Counted::unpack(&packed)?));
            }
        }
        Ok(counted)
    }
}

/// Sums as they are stored, and as `lua/apply.lua` counts them.
pub(super) fn pack_sums(sums: &Sums) -> Vec<u8> {
    pack(&[
        number(sums.submitted),
        number(sums.completed),
        number(sums.failed),
        number(sums.cancelled),
        sums.charged.micro(),
    ])
}

fn unpack_sums(packed: &[u8]) -> Result<Sums, StoreError> {
    let [submitted, completed, failed, cancelled, charged] = unpack::<5>(packed)?;
    Ok(Sums {
        submitted: submitted.unsigned_abs(),
        completed: completed.unsigned_abs(),
        failed: failed.unsigned_abs(),
        cancelled: cancelled.unsigned_abs(),
        charged: Credits::from_micro(charged).unwrap_or(Credits::MAX),
    })
}
