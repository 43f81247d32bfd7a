//! What becomes of a task when somebody ends the wait.

use evolink_sim::Operation;
use serde_json::json;

use super::kit::{Kit, Somebody};
use crate::cli::signals::Stop;
use crate::cli::video::person::Wish;

const ENDLESS: &str = "A cat #sim:never-finish";

#[tokio::test]
async fn a_yes_cancels_the_task() {
    let kit = Kit::new().await;
    let person = Somebody::who_says(&[Wish::Cancel])
        .stops(Stop::Interrupt, kit.when_asked(Operation::Read, 1));
    let ran = kit.video_for(person, &[ENDLESS, "--json"]).await;
    assert_eq!(ran.code, 130, "{ran:?}");
    insta::assert_json_snapshot!(ran.json(&kit), @r#"
    {
      "bytes": null,
      "credits": {
        "remaining": 1000000,
        "reserved": 17.784,
        "used": 0
      },
      "error": {
        "code": "request_cancelled",
        "http_status": null,
        "message": "the task was cancelled",
        "request_id": null
      },
      "file": null,
      "id": "TASK",
      "resume": null,
      "status": "cancelled",
      "url": null
    }
    "#);
    assert!(ran.err.contains("Cancel the task?"), "{ran:?}");
    assert_eq!(kit.sim.account().tasks.cancelled, 1);
}

#[tokio::test]
async fn a_no_leaves_it_running_and_says_how_to_come_back() {
    let kit = Kit::new().await;
    let person = Somebody::who_says(&[Wish::Leave])
        .stops(Stop::Interrupt, kit.when_asked(Operation::Read, 1));
    let ran = kit.video_for(person, &[ENDLESS]).await;
    assert_eq!(ran.code, 130, "{ran:?}");
    let command = format!("evogate video --resume {} --out ", kit.task());
    assert!(ran.err.contains(&command), "{ran:?}");
    assert!(kit.asked(Operation::Cancel).is_empty());
}

#[tokio::test]
async fn somebody_who_waits_on_gets_the_video() {
    let kit = Kit::new().await;
    let person =
        Somebody::who_says(&[Wish::Wait]).stops(Stop::Interrupt, kit.when_said("submitted"));
    let ran = kit.video_for(person, &["A cat #sim:seconds=0.2"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(kit.files(), ["x.mp4"]);
}

#[tokio::test]
async fn without_a_terminal_nobody_is_asked() {
    let kit = Kit::new().await;
    let person = Somebody::nobody().stops(Stop::Interrupt, kit.when_said("submitted"));
    let ran = kit.video_for(person, &[ENDLESS]).await;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(!ran.err.contains("Cancel"), "{ran:?}");
    assert!(
        ran.err.contains(&format!("{} goes on", kit.task())),
        "{ran:?}"
    );
}

#[tokio::test]
async fn there_is_no_time_for_questions_when_the_process_is_terminated() {
    let kit = Kit::new().await;
    let person = Somebody::who_says(&[]).stops(Stop::Terminate, kit.when_said("submitted"));
    let ran = kit.video_for(person, &[ENDLESS, "--json"]).await;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert_eq!(ran.json(&kit)["error"]["code"], "interrupted");
}

#[tokio::test]
async fn a_submit_that_is_on_its_way_is_not_given_up_at_once() {
    let kit = Kit::new().await;
    kit.rule(json!({"match": {"operation": "create"}, "fault": {"delay": 0.3}}));
    let person = Somebody::who_says(&[Wish::Leave])
        .stops(Stop::Interrupt, kit.when_asked(Operation::Create, 1));
    let ran = kit.video_for(person, &[ENDLESS]).await;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(
        ran.out.contains(&format!("{} submitted", kit.task())),
        "{ran:?}"
    );
    assert!(ran.err.contains("one moment"), "{ran:?}");
}

#[tokio::test]
async fn a_submit_that_is_given_up_all_the_same_has_an_unknown_outcome() {
    let kit = Kit::new().await;
    kit.rule(json!({"match": {"operation": "create"}, "fault": {"hang": true}}));
    let person = Somebody::who_says(&[])
        .stops(Stop::Interrupt, kit.when_asked(Operation::Create, 1))
        .stops(Stop::Interrupt, kit.when_said("one moment"));
    let ran = kit.video_for(person, &[ENDLESS, "--json"]).await;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert_eq!(ran.json(&kit)["error"]["code"], "submit_outcome_unknown");
}

#[tokio::test]
async fn between_two_tries_nothing_is_under_way() {
    let kit = Kit::new().await;
    let person = Somebody::who_says(&[]).stops(Stop::Interrupt, kit.when_said("trying again"));
    let ran = kit.video_for(person, &["A cat #sim:http=429"]).await;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(
        ran.err
            .ends_with("evogate: interrupted; nothing was submitted\n"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_task_that_can_not_be_cancelled_is_waited_for() {
    let kit = Kit::new().await;
    let person =
        Somebody::who_says(&[Wish::Cancel]).stops(Stop::Interrupt, kit.when_said("submitted"));
    let ran = kit
        .video_for(person, &["A cat #sim:no-cancel #sim:seconds=0.2"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("It can't be cancelled: "), "{ran:?}");
    assert_eq!(kit.files(), ["x.mp4"]);
}

/// EvoLink's 200 to a cancel is not a verdict.
#[tokio::test]
async fn a_cancel_without_effect_is_waited_for_and_can_be_left() {
    let kit = Kit::new().await;
    let person = Somebody::who_says(&[Wish::Cancel])
        .stops(Stop::Interrupt, kit.when_said("submitted"))
        .stops(Stop::Interrupt, kit.when_said("was asked to cancel it"));
    let ran = kit
        .video_for(person, &["A cat #sim:never-finish #sim:cancel-ignored"])
        .await;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.err.contains("goes on"), "{ran:?}");
    assert_eq!(kit.asked(Operation::Cancel).len(), 1);
}

#[tokio::test]
async fn a_download_that_is_ended_leaves_nothing_behind() {
    let kit = Kit::new().await;
    kit.rule(json!({"match": {"operation": "download"}, "fault": {"hang": true}}));
    let person =
        Somebody::who_says(&[]).stops(Stop::Interrupt, kit.when_asked(Operation::Download, 1));
    let ran = kit
        .video_for(person, &["A cat #sim:seconds=0.05", "--json"])
        .await;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert_eq!(ran.json(&kit)["status"], "completed");
    assert!(kit.files().is_empty());
}
