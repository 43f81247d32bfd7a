//! The company's own account at EvoLink, beside our ledger.

use super::names::{UPSTREAM_DRIFT, UPSTREAM_REMAINING, UPSTREAM_USED};
use super::whole::credits;
use crate::evolink::Pot;
use crate::state::Gateway;

/// Asks until the shutdown, now and then. Not every installation of EvoLink answers; then nothing is shown.
pub async fn run(gateway: Gateway) {
    loop {
        tokio::select! {
            () = gateway.background.stopping() => return,
            () = tokio::time::sleep(gateway.config.metrics.account_every) => {}
        }
        match gateway.evolink.credits().await {
            Ok(account) => {
                show("key", account.token);
                show("account", account.user);
                if let Some(used) = account.token.used.or(account.user.used) {
                    compare(&gateway, credits(used)).await;
                }
            }
            Err(failure) => tracing::debug!(%failure, "EvoLink does not tell our account"),
        }
    }
}

fn show(pot: &str, of: Pot) {
    if let Some(remaining) = of.remaining {
        UPSTREAM_REMAINING.set([pot], credits(remaining));
    }
    if let Some(used) = of.used {
        UPSTREAM_USED.set([pot], credits(used));
    }
}

/// What EvoLink has taken, less what our books say that it has.
async fn compare(gateway: &Gateway, used: f64) {
    match gateway.store.census().await {
        Ok(census) => UPSTREAM_DRIFT.set([], used - super::whole::billed(&census)),
        Err(error) => tracing::warn!(%error, "the store could not be counted"),
    }
}
