//! What the store's set-up can lose: looked at when the gateway starts, when a connection to the store is
//! made, and every minute. The log says what changed; `/readyz` and a metric say how it is.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use evogate_store::{Durability, Gap, GapKind, Store};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::background::Background;
use crate::metrics::DURABILITY_GAP;

/// Between two looks when nothing happens, and while the store does not answer.
const EVERY: Duration = Duration::from_mins(1);
const SOON: Duration = Duration::from_secs(5);
/// Several connections are made one after the other, and one look is enough for all.
const TOGETHER: Duration = Duration::from_millis(200);

/// What is known of the store's durability.
#[derive(Debug)]
pub struct Watch {
    last: ArcSwap<Durability>,
    required: bool,
}

impl Watch {
    /// Begins with what was seen at the start. `required`: a gap is no mere remark.
    pub fn new(first: Durability, required: bool) -> Self {
        show(&first);
        for gap in &first.gaps {
            report(gap);
        }
        Self {
            last: ArcSwap::from_pointee(first),
            required,
        }
    }

    /// What was seen last.
    pub fn last(&self) -> Arc<Durability> {
        self.last.load_full()
    }

    /// Whether new submits may be taken: not where durability is required and not there.
    pub fn admits(&self) -> bool {
        !self.required || self.last.load().is_guaranteed()
    }

    /// Looks again and again, until the gateway ends. An engine without connections does not change.
    pub async fn run(self: Arc<Self>, store: Store, background: Background) {
        let Some(mut connections) = store.connections() else {
            return;
        };
        // What answers now is what all that answers later is compared with.
        look_back(&store, &self.last()).await;
        loop {
            let unreachable = |gap: &Gap| gap.kind == GapKind::Unreachable;
            let pause = if self.last().gaps.iter().any(unreachable) {
                SOON
            } else {
                EVERY
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = changed(&mut connections) => sleep(TOGETHER).await,
                () = background.stopping() => return,
            }
            connections.mark_unchanged();
            let now = store.durability().await;
            look_back(&store, &now).await;
            self.learn(now);
        }
    }

    /// Takes what was seen now, and says what is different.
    fn learn(&self, now: Durability) {
        show(&now);
        let before = self.last.swap(Arc::new(now));
        let now = self.last();
        for gap in &now.gaps {
            if !before.gaps.iter().any(|known| same(known, gap)) {
                report(gap);
            }
        }
        for gap in &before.gaps {
            if !now.gaps.iter().any(|still| same(still, gap)) {
                tracing::info!(
                    gap = gap.kind.code(),
                    server = gap.server,
                    "closed: {}",
                    gap.seen
                );
            }
        }
    }
}

async fn look_back(store: &Store, now: &Durability) {
    if let Err(error) = store.look_back(now).await {
        tracing::debug!(%error, "the store's past could not be looked at");
    }
}

/// The same gap on the same server, whatever the numbers in its words.
fn same(one: &Gap, other: &Gap) -> bool {
    one.kind == other.kind && one.server == other.server
}

async fn changed(connections: &mut watch::Receiver<u64>) {
    if connections.changed().await.is_err() {
        // The store is closed, and so is this gateway, soon.
        std::future::pending::<()>().await;
    }
}

fn report(gap: &Gap) {
    let (code, server) = (gap.kind.code(), gap.server.as_deref());
    if gap.kind.loses() {
        tracing::warn!(
            gap = code,
            server,
            "the store does not promise durability: {gap}"
        );
    } else {
        tracing::warn!(gap = code, server, "about the store: {gap}");
    }
}

fn show(durability: &Durability) {
    for kind in GapKind::ALL {
        let gaps = durability.gaps.iter().filter(|gap| gap.kind == kind);
        let count = u32::try_from(gaps.count()).unwrap_or(u32::MAX);
        DURABILITY_GAP.set([kind.code()], f64::from(count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(kinds: &[GapKind]) -> Durability {
        let gap = |kind: &GapKind| Gap {
            kind: *kind,
            server: Some("10.0.0.1:6379".to_owned()),
            seen: "seen".to_owned(),
        };
        Durability {
            gaps: kinds.iter().map(gap).collect(),
            ..Durability::default()
        }
    }

    #[test]
    fn only_a_gap_that_loses_something_stops_submits_and_only_where_that_is_required() {
        for (kinds, required, admits) in [
            (&[][..], true, true),
            (&[GapKind::FsyncLate][..], false, true),
            (&[GapKind::FsyncLate][..], true, false),
            (&[GapKind::Unverified][..], true, false),
            (&[GapKind::MemoryLow, GapKind::NoReplica][..], true, true),
        ] {
            let watch = Watch::new(with(kinds), required);
            assert_eq!(watch.admits(), admits, "{kinds:?} {required}");
        }
    }

    #[test]
    fn what_was_seen_last_counts() {
        let watch = Watch::new(with(&[]), true);
        watch.learn(with(&[GapKind::AofOff]));
        assert!(!watch.admits());
        assert_eq!(watch.last().gaps.len(), 1);
        watch.learn(with(&[]));
        assert!(watch.admits());
    }
}
