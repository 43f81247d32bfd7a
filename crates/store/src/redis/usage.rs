//! Sums by day, and the users that were seen.

use std::collections::BTreeMap;

use evogate_models::{Credits, TenantId, Timestamp};

use super::key::BUCKET;
use super::pack::{corrupt, unpack};
use super::reply::{pairs, text};
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
        let mut sums: BTreeMap<(Day, String), Sums> = BTreeMap::new();
        for buckets in buckets.chunks(CHUNK) {
            let reads = buckets.iter().map(|bucket| {
                let mut read = redis::cmd("HGETALL");
                read.arg(place.sums(bucket.saturating_mul(BUCKET)));
                read
            });
            for bucket in self.all(reads.collect()).await? {
                for (field, count) in pairs(bucket)? {
                    let field = text(field)?;
                    let wrong = || corrupt("the name of a sum");
                    let (name, what) = field.rsplit_once(BETWEEN).ok_or_else(wrong)?;
                    let (day, name) = name.split_once(BETWEEN).ok_or_else(wrong)?;
                    let day: Day = day.parse().map_err(corrupt)?;
                    if !(from..=to).contains(&day) {
                        continue;
                    }
                    let count: i64 = text(count)?.parse().map_err(corrupt)?;
                    let row = sums.entry((day, name.to_owned())).or_default();
                    let number = count.unsigned_abs();
                    match what {
                        "s" => row.submitted = number,
                        "c" => row.completed = number,
                        "f" => row.failed = number,
                        "x" => row.cancelled = number,
                        _ => row.charged = Credits::from_micro(count).unwrap_or(Credits::MAX),
                    }
                }
            }
        }
        Ok(sums)
    }

    pub(crate) async fn users(&self, tenant: &TenantId) -> Result<Vec<SeenUser>, StoreError> {
        let mut read = redis::cmd("HGETALL");
        read.arg(self.layout.tenant(tenant).users());
        let mut users = Vec::new();
        for (user, seen) in pairs(self.link.command(read).await?)? {
            let [first, last, submitted] = unpack::<3>(&seen)?;
            users.push(SeenUser {
                user: text(user)?,
                first_seen: Timestamp::from_millis(first),
                last_seen: Timestamp::from_millis(last),
                submitted: submitted.unsigned_abs(),
            });
        }
        users.sort_unstable_by(|a, b| a.user.cmp(&b.user));
        Ok(users)
    }
}
