//! A census of all shards: one call, or in a cluster one for each.

use evogate_models::{Credits, Timestamp};

use super::Redis;
use super::key::Shard;
use super::link::Call;
use super::pack::{AccountRecord, corrupt, unpack};
use super::reply::{text, texts};
use super::script;
use crate::census::{Census, TenantSums, gone_by};
use crate::error::StoreError;

impl Redis {
    pub(crate) async fn census(&self) -> Result<Census, StoreError> {
        let mut census = Census::default();
        let args = vec![gone_by(self.now()).millis().to_string().into_bytes()];
        let keys: Vec<Vec<u8>> = self.layout.all().map(Shard::tenants).collect();
        if self.link.is_cluster() {
            let alone = |key| Call::Script(&script::CENSUS, vec![key].into(), (&args).into());
            let asked = keys.into_iter().map(alone).collect();
            for answer in self.link.pipeline(asked).await {
                add(&mut census, texts(answer?)?)?;
            }
        } else {
            let answer = self.link.script(&script::CENSUS, &keys, &args).await?;
            add(&mut census, texts(answer)?)?;
        }
        census.tenants.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        Ok(census)
    }
}

/// Adds what shards answered.
fn add(census: &mut Census, parts: Vec<Vec<u8>>) -> Result<(), StoreError> {
    let mut parts = parts.into_iter();
    while let Some(sums) = parts.next() {
        let [
            tenants,
            unfinished,
            unknown,
            deliveries,
            delivery,
            dead,
            expiring,
        ] = unpack::<7>(&sums)?;
        older(&mut census.oldest_unfinished, unfinished);
        older(&mut census.oldest_unknown, unknown);
        older(&mut census.oldest_delivery, delivery);
        census.deliveries = census.deliveries.saturating_add(deliveries.unsigned_abs());
        census.dead = census.dead.saturating_add(dead.unsigned_abs());
        census.expiring = census.expiring.saturating_add(expiring.unsigned_abs());
        for _ in 0..tenants {
            let (Some(id), Some(account)) = (parts.next(), parts.next()) else {
                return Err(corrupt("half a census"));
            };
            let record = AccountRecord::unpack(&account)?;
            census.platform_loss = census.platform_loss.saturating_add(record.loss);
            census.tenants.push(TenantSums {
                tenant: text(id)?.parse().map_err(corrupt)?,
                account: record.account,
                refunded: Credits::from_micro(record.refunded).unwrap_or(Credits::MAX),
                open: record.open,
            });
        }
    }
    Ok(())
}

/// The older of two, of which either may be none.
fn older(oldest: &mut Option<Timestamp>, other: i64) {
    if other != -1 {
        let other = Timestamp::from_millis(other);
        *oldest = Some(oldest.map_or(other, |known| known.min(other)));
    }
}
