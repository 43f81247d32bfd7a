//! The tenants as they were a moment ago: whether they are there, and what they may do. What is known is
//! never older than [`TRUSTED`], whatever the store does; what a submit may do is checked once more in the
//! step that takes its hold.

use std::sync::Arc;

use evogate_models::{Millis, TenantId, Timestamp};
use evogate_store::{Store, StoreError, Tenant};
use moka::sync::Cache;

/// How long a tenant that was there is not asked for again, in milliseconds.
const REMEMBERED: Millis = 1_000;
/// How long it counts as there while the store does not answer.
const TRUSTED: Millis = 2_000;
/// Tenants that are remembered.
const MOST: u64 = 10_000;

/// Each tenant as it was last seen in the store, and when.
#[derive(Debug)]
pub(super) struct KnownTenants(Cache<TenantId, (Timestamp, Arc<Tenant>)>);

impl Default for KnownTenants {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl KnownTenants {
    /// The tenant, if there is one. One that there is not is asked for each time.
    pub(super) async fn get(
        &self,
        store: &Store,
        id: &TenantId,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        let ask = async || Ok(store.tenant(id).await?.map(|view| view.tenant));
        self.recall(id, || store.now(), ask).await
    }

    /// What is known of the tenant at `now`, or else what the store answers when it is asked.
    async fn recall(
        &self,
        id: &TenantId,
        now: impl Fn() -> Timestamp,
        ask: impl AsyncFnOnce() -> Result<Option<Tenant>, StoreError>,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        let asked = now();
        let known = self.0.get(id);
        let within = |now: Timestamp, limit| {
            let seen = known
                .as_ref()
                .filter(|(seen, _)| (0..limit).contains(&now.since(*seen)));
            seen.map(|(_, tenant)| Arc::clone(tenant))
        };
        if let Some(tenant) = within(asked, REMEMBERED) {
            return Ok(Some(tenant));
        }
        match ask().await {
            Ok(Some(tenant)) => {
                let tenant = Arc::new(tenant);
                self.0.insert(id.clone(), (asked, Arc::clone(&tenant)));
                Ok(Some(tenant))
            }
            Ok(None) => {
                self.0.invalidate(id);
                Ok(None)
            }
            Err(error) => match within(now(), TRUSTED) {
                Some(tenant) => {
                    tracing::warn!(tenant = %id, %error, "the store failed; the tenant was there just now");
                    Ok(Some(tenant))
                }
                None => Err(error),
            },
        }
    }

    /// Forgets a tenant that turned out to have changed.
    pub(super) fn forget(&self, id: &TenantId) {
        self.0.invalidate(id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    use super::*;

    /// A store that answers what it is told to, and takes its time.
    #[derive(Default)]
    struct Scene {
        known: KnownTenants,
        now: AtomicI64,
        takes: AtomicI64,
        asked: AtomicU32,
    }

    impl Scene {
        fn wait(&self, millis: i64) {
            self.now.fetch_add(millis, Ordering::SeqCst);
        }

        async fn get(
            &self,
            answer: Result<Option<&str>, StoreError>,
        ) -> Result<Option<String>, StoreError> {
            let now = || Timestamp::from_millis(self.now.load(Ordering::SeqCst));
            let ask = async || {
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.wait(self.takes.load(Ordering::SeqCst));
                let tenant = |name: &str| Tenant::new(id(), name.to_owned(), now(), Vec::new());
                answer.map(|name| name.map(tenant))
            };
            let found = self.known.recall(&id(), now, ask).await?;
            Ok(found.map(|tenant| tenant.name.clone()))
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::SeqCst)
        }
    }

    fn id() -> TenantId {
        "video".parse().unwrap()
    }

    fn away() -> Result<Option<&'static str>, StoreError> {
        Err(StoreError::Unavailable("away".to_owned()))
    }

    #[tokio::test]
    async fn a_tenant_is_asked_for_again_after_a_second() {
        let scene = Scene::default();
        assert_eq!(scene.get(Ok(Some("old"))).await.unwrap().unwrap(), "old");
        scene.wait(999);
        assert_eq!(scene.get(Ok(Some("new"))).await.unwrap().unwrap(), "old");
        assert_eq!(scene.asked(), 1);
        scene.wait(1);
        assert_eq!(scene.get(Ok(Some("new"))).await.unwrap().unwrap(), "new");
        assert_eq!(scene.asked(), 2);
    }

    #[tokio::test]
    async fn while_the_store_is_away_a_tenant_is_trusted_for_two_seconds_and_no_longer() {
        let scene = Scene::default();
        scene.get(Ok(Some("video"))).await.unwrap();
        scene.wait(1_999);
        assert_eq!(scene.get(away()).await.unwrap().unwrap(), "video");
        scene.wait(1);
        assert!(scene.get(away()).await.is_err());
    }

    #[tokio::test]
    async fn a_store_that_fails_slowly_does_not_lengthen_the_trust() {
        let scene = Scene::default();
        scene.get(Ok(Some("video"))).await.unwrap();
        scene.wait(1_500);
        scene.takes.store(500, Ordering::SeqCst);
        assert!(scene.get(away()).await.is_err());
    }

    #[tokio::test]
    async fn an_answer_is_as_old_as_its_question() {
        let scene = Scene::default();
        scene.takes.store(900, Ordering::SeqCst);
        scene.get(Ok(Some("old"))).await.unwrap();
        scene.wait(100);
        assert_eq!(scene.get(Ok(Some("new"))).await.unwrap().unwrap(), "new");
    }

    #[tokio::test]
    async fn a_tenant_that_is_gone_is_gone_and_one_that_appears_is_there() {
        let scene = Scene::default();
        assert_eq!(scene.get(Ok(None)).await.unwrap(), None);
        assert!(scene.get(Ok(Some("video"))).await.unwrap().is_some());
        scene.wait(1_000);
        assert_eq!(scene.get(Ok(None)).await.unwrap(), None);
        assert!(scene.get(away()).await.is_err());
        assert_eq!(scene.asked(), 4);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_makes_nothing_trusted() {
        let scene = Scene::default();
        scene.get(Ok(Some("video"))).await.unwrap();
        scene.wait(-1);
        assert!(scene.get(away()).await.is_err());
    }
}
