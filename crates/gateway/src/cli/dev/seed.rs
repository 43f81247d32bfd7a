//! The tenant that a new folder starts with.

use evogate_models::{Credits, KeyId, TenantId};
use evogate_store::{Actor, Grant, KeyRecord, Random, Store, SystemRandom, Tenant};

use super::settings::Secrets;
use crate::auth::Peppers;
use crate::cli::Failure;
use crate::webhooks::Vault;

/// Its id, and its name.
const DEMO: &str = "demo";

/// What it may spend.
const CREDITS: Credits = Credits::whole(10_000);

/// Makes the demo tenant with its credits and its key, as far as they are missing.
pub(super) async fn demo(
    store: &Store,
    vault: &Vault,
    peppers: &Peppers,
    secrets: &Secrets,
) -> Result<(), Failure> {
    let id: TenantId = DEMO.parse().map_err(Failure::new)?;
    let granted = match store.tenant(&id).await.map_err(Failure::new)? {
        Some(view) => view.account.granted,
        None => make_tenant(store, vault, &id).await?,
    };
    let by = Actor::local("evogate dev");
    // A start that was cut off between the two steps is completed by the next one.
    if granted.is_zero() {
        let grant = Grant {
            tenant: id.clone(),
            amount: CREDITS,
            note: Some("first start of `evogate dev`".into()),
            idempotency_key: Some("first-start".into()),
        };
        store.grant(grant, &by).await.map_err(Failure::new)?;
    }
    let key = secrets.demo_key.expose();
    let known = peppers.find_key(store, key).await.map_err(Failure::new)?;
    if known.is_none() {
        let digest = peppers.digest(key);
        let key_id = KeyId::mint(SystemRandom.bits());
        let key = KeyRecord::new(key_id, id, "dev.env".into(), store.now(), digest);
        store.add_key(key, &by).await.map_err(Failure::new)?;
    }
    Ok(())
}

async fn make_tenant(store: &Store, vault: &Vault, id: &TenantId) -> Result<Credits, Failure> {
    let (secret, _) = vault.make(id).map_err(Failure::new)?;
    let tenant = Tenant::new(id.clone(), DEMO.into(), store.now(), secret);
    let by = Actor::local("evogate dev");
    let view = store
        .create_tenant(tenant, &by)
        .await
        .map_err(Failure::new)?;
    Ok(view.account.granted)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use evogate_store::SystemClock;

    use super::*;
    use crate::cli::dev::folder::Folder;
    use crate::config::Config;

    #[tokio::test]
    async fn the_demo_tenant_is_made_once_and_keeps_its_key() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        let secrets = Secrets::of(&folder).unwrap();
        let vault = Vault::new(None, &[], Arc::new(SystemRandom));
        let store = Store::embedded(&folder.store_file(), 1 << 20, Arc::new(SystemClock)).unwrap();
        let (config, _) = Config::load_from_str(
            "evolink.api_key = 'sk-0123456789'\nauth.pepper = '0f1e2d3c4b5a69788796a5b4c3d2e1f0'",
        )
        .unwrap();
        let peppers = Peppers::new(&config.auth);
        demo(&store, &vault, &peppers, &secrets).await.unwrap();
        demo(&store, &vault, &peppers, &secrets).await.unwrap();
        let id: TenantId = DEMO.parse().unwrap();
        let view = store.tenant(&id).await.unwrap().unwrap();
        assert_eq!(view.account.granted, CREDITS);
        assert_eq!(store.keys(&id).await.unwrap().len(), 1);
        store.close().await;
    }
}
