//! What goes wrong while a task is waited for.

use evolink_sim::Operation;
use rstest::rstest;
use serde_json::{Value, json};

use super::kit::Kit;

#[rstest]
#[case(json!({"http": 500}))]
#[case(json!({"http": 503, "retry_after": 0}))]
#[case(json!({"http": 429, "retry_after": 0}))]
#[case(json!({"html": 502}))]
#[case(json!({"drop_before": true}))]
#[case(json!({"garbage": true}))]
#[case(json!({"truncate": true}))]
#[tokio::test]
async fn a_read_that_fails_is_repeated(#[case] fault: Value) {
    let kit = Kit::new().await;
    kit.rule(json!({"match": {"operation": "read"}, "times": 3, "fault": fault}));
    let ran = kit.video(&["A cat #sim:seconds=0.05"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("trying again in"), "{ran:?}");
}

#[tokio::test]
async fn an_unknown_status_is_waited_through() {
    let kit = Kit::new().await;
    let fault = json!({"patch": {"status": "warming_up", "usage": null, "task_info": null}});
    kit.rule(json!({"match": {"operation": "read"}, "times": 2, "fault": fault}));
    let ran = kit.video(&["A cat #sim:seconds=0.05", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json(&kit)["credits"]["reserved"], 17.784);
}

#[tokio::test]
async fn a_task_that_is_not_there_ends_it() {
    let kit = Kit::new().await;
    let ran = kit.video(&["--resume=task-nobody-knows"]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("Task not found (404 task_not_found"),
        "{ran:?}"
    );
    assert_eq!(kit.asked(Operation::Read).len(), 1);
}

#[tokio::test]
async fn a_task_that_can_not_be_read_in_time_is_not_given_up() {
    let kit = Kit::new().await;
    kit.rule(json!({"match": {"operation": "read"}, "fault": {"http": 500}}));
    let ran = kit.video(&["A cat", "--timeout=200ms"]).await;
    assert_eq!(ran.code, 1);
    let id = kit.task();
    assert!(
        ran.err
            .contains(&format!("Nobody knows whether {id} is ready.")),
        "{ran:?}"
    );
    assert!(
        ran.err.contains(&format!("evogate video --resume {id}")),
        "{ran:?}"
    );
}
