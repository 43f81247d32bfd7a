//! Runs in which nothing is in the way, and refusals.

use evolink_sim::{Micro, Operation};
use serde_json::json;

use super::kit::{KEY, Kit, Somebody};

const QUICK: &str = "A paper boat #sim:seconds=0.05";

#[tokio::test]
async fn a_video_is_submitted_waited_for_and_saved() {
    let kit = Kit::new().await;
    let ran = kit.video(&[QUICK]).await;
    let (id, out) = (kit.task(), kit.path("x.mp4"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let [first, last] = ran.out.lines().collect::<Vec<_>>()[..] else {
        panic!("{ran:?}");
    };
    assert_eq!(first, format!("{id} submitted, 17.784 credits reserved"));
    let saved = format!("saved {} (9.05 KiB) after 0:00", out.display());
    assert_eq!(
        last,
        format!("{saved}; 17.784 credits used, 999982.216 left")
    );
    assert!(ran.err.contains(&format!("{id}: completed")), "{ran:?}");
    assert_eq!(std::fs::read(out).unwrap().len(), 9266);
    assert_eq!(kit.files(), ["x.mp4"]);
}

#[tokio::test]
async fn what_is_not_said_is_left_to_the_other_side() {
    let kit = Kit::new().await;
    kit.video(&[QUICK]).await;
    let create = &kit.asked(Operation::Create)[0];
    insta::assert_json_snapshot!(create.body, @r#"
    {
      "model": "seedance-2.0",
      "prompt": "A paper boat #sim:seconds=0.05"
    }
    "#);
}

#[tokio::test]
async fn every_flag_is_a_field_of_the_request() {
    let kit = Kit::new().await;
    let ran = kit
        .video(&[
            QUICK,
            "--model=seedance-2.0-reference-to-video",
            "--duration=4",
            "--quality=480p",
            "--aspect-ratio=9:16",
            "--no-audio",
            "--image=https://files.example/a.png",
            "--image=https://files.example/b.png",
            "--video=https://files.example/c.mp4",
            "--audio=https://files.example/d.mp3",
            "--callback-url=https://hooks.example/evogate",
            "--idempotency-key=a-key-of-mine-0001",
        ])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let create = &kit.asked(Operation::Create)[0];
    assert_eq!(
        create.idempotency_key.as_deref(),
        Some("a-key-of-mine-0001")
    );
    insta::assert_json_snapshot!(create.body, @r#"
    {
      "aspect_ratio": "9:16",
      "audio_urls": [
        "https://files.example/d.mp3"
      ],
      "callback_url": "https://hooks.example/evogate",
      "duration": 4,
      "generate_audio": false,
      "image_urls": [
        "https://files.example/a.png",
        "https://files.example/b.png"
      ],
      "model": "seedance-2.0-reference-to-video",
      "prompt": "A paper boat #sim:seconds=0.05",
      "quality": "480p",
      "video_urls": [
        "https://files.example/c.mp4"
      ]
    }
    "#);
}

#[tokio::test]
async fn a_script_gets_one_json_object() {
    let kit = Kit::new().await;
    let ran = kit.video(&[QUICK, "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains(&format!("{} submitted", kit.task())),
        "{ran:?}"
    );
    insta::assert_json_snapshot!(ran.json(&kit), @r#"
    {
      "bytes": 9266,
      "credits": {
        "remaining": 999982.216,
        "reserved": 17.784,
        "used": 17.784
      },
      "error": null,
      "file": "FOLDER/x.mp4",
      "id": "TASK",
      "resume": null,
      "status": "completed",
      "url": "SIM/files/TASK.mp4"
    }
    "#);
}

#[tokio::test]
async fn a_failed_task_says_why_and_costs_nothing() {
    let kit = Kit::new().await;
    let prompt = format!("{QUICK} #sim:fail=content_policy_violation");
    let ran = kit.video(&[&prompt]).await;
    assert_eq!(ran.code, 1);
    let last = ran.err.lines().last().unwrap();
    assert_eq!(
        last,
        format!(
            "evogate: {} failed: Content rejected by safety filter (content_policy_violation); \
             nothing was charged, 1000000.000 left",
            kit.task()
        )
    );
    assert!(kit.files().is_empty());
}

#[tokio::test]
async fn a_script_is_told_of_a_failed_task_in_json() {
    let kit = Kit::new().await;
    let prompt = format!("{QUICK} #sim:fail=content_policy_violation");
    let ran = kit.video(&[&prompt, "--json"]).await;
    assert_eq!(ran.code, 1);
    insta::assert_json_snapshot!(ran.json(&kit), @r#"
    {
      "bytes": null,
      "credits": {
        "remaining": 1000000,
        "reserved": 17.784,
        "used": 0
      },
      "error": {
        "code": "content_policy_violation",
        "http_status": null,
        "message": "Content rejected by safety filter",
        "request_id": null
      },
      "file": null,
      "id": "TASK",
      "resume": null,
      "status": "failed",
      "url": null
    }
    "#);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_code() {
    let kit = Kit::new().await;
    kit.sim.grant("2.1".parse::<Micro>().unwrap());
    let ran = kit.video(&[QUICK]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.err,
        "evogate: Insufficient credits. Required: 17.784, Available: 2.100 \
         (402 insufficient_quota_error)\n"
    );
    let ran = kit.video(&[QUICK, "--json"]).await;
    assert_eq!(ran.code, 1);
    insta::assert_json_snapshot!(ran.json(&kit), @r#"
    {
      "bytes": null,
      "credits": {
        "remaining": null,
        "reserved": null,
        "used": null
      },
      "error": {
        "code": "insufficient_quota_error",
        "http_status": 402,
        "message": "Insufficient credits. Required: 17.784, Available: 2.100",
        "request_id": null
      },
      "file": null,
      "id": null,
      "resume": null,
      "status": null,
      "url": null
    }
    "#);
    assert_eq!(kit.asked(Operation::Create).len(), 2);
}

#[tokio::test]
async fn a_wrong_key_is_not_repeated_in_the_message() {
    let kit = Kit::new().await;
    let ran = kit.video(&[QUICK, "--api-key=sk-another-0123456789"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("Invalid token"), "{ran:?}");
    assert!(!ran.err.contains("sk-another"), "{ran:?}");
}

#[tokio::test]
async fn a_task_is_taken_up_again_by_its_id() {
    let kit = Kit::new().await;
    let ran = kit
        .video(&["A cat #sim:never-finish", "--json", "--timeout=100ms"])
        .await;
    assert_eq!(ran.code, 1);
    insta::assert_json_snapshot!(ran.json(&kit), @r#"
    {
      "bytes": null,
      "credits": {
        "remaining": null,
        "reserved": 17.784,
        "used": null
      },
      "error": {
        "code": "timed_out",
        "http_status": null,
        "message": "TASK is not ready in time; it goes on",
        "request_id": null
      },
      "file": null,
      "id": "TASK",
      "resume": "evogate video --resume TASK --out FOLDER/x.mp4",
      "status": "pending",
      "url": null
    }
    "#);
    let completed = serde_json::from_value(json!({"status": "completed"})).unwrap();
    kit.sim.force(&kit.task(), completed);
    let ran = kit.video(&["--resume", &kit.task(), "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(kit.files(), ["x.mp4"]);
    assert_eq!(kit.tasks(), 1);
}

#[tokio::test]
async fn a_file_is_not_overwritten_and_nothing_is_paid_for_then() {
    let kit = Kit::new().await;
    std::fs::write(kit.path("x.mp4"), "mine").unwrap();
    let ran = kit.video(&[QUICK]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--force"), "{ran:?}");
    assert_eq!(kit.tasks(), 0);
    assert_eq!(std::fs::read(kit.path("x.mp4")).unwrap(), b"mine");

    let ran = kit.video(&[QUICK, "--force"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(std::fs::read(kit.path("x.mp4")).unwrap().len(), 9266);
}

#[tokio::test]
async fn wrong_usage_is_in_the_json_too() {
    let kit = Kit::new().await;
    let ran = kit.video(&[QUICK, "--json", "--base-url=nowhere"]).await;
    assert_eq!(ran.code, 2);
    assert_eq!(ran.json(&kit)["error"]["code"], "usage");
}

#[tokio::test]
async fn the_command_to_resume_can_be_pasted() {
    let kit = Kit::new().await;
    let (base, key) = (
        format!("--base-url={}/v1/", kit.sim.url()),
        format!("--api-key={KEY}"),
    );
    let ran = kit
        .video_at(
            "http://other.example",
            Somebody::nobody(),
            &[
                "A cat #sim:never-finish",
                "--json",
                "--timeout=100ms",
                &base,
                &key,
            ],
        )
        .await;
    assert_eq!(
        ran.json(&kit)["resume"],
        "evogate video --resume TASK --base-url SIM/v1 --out FOLDER/x.mp4"
    );
}
