//! What the store can lose is told to ops.

use evogate_tests::{Caller, Rig};
use serde_json::json;

#[tokio::test]
async fn the_embedded_store_loses_nothing_and_says_so() {
    let rig = Rig::builder()
        .set("store.require_durable", true)
        .start()
        .await;
    let ready = rig.gateway.ops().get("/readyz").await.ok();
    assert_eq!(ready["durable"], true);
    assert_eq!(ready["durability_gaps"], json!([]));
    let metrics = rig.gateway.ops().get("/metrics").await;
    let metrics = metrics.text();
    for gap in ["aof_off", "fsync_late", "unreachable"] {
        let line = format!("evogate_store_durability_gap{{gap=\"{gap}\"}} 0");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}
