//! `evogate video`: one video from the command line, and never a task that is made and forgotten.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use evogate_tests::{Micro, Process, Rig, assert_books, binary, until};
use serde_json::Value;

/// The command, with the rig's gateway as its EvoLink.
fn video(rig: &Rig, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Process::command(&binary("evogate"));
    command
        .arg("video")
        .args(arguments)
        .current_dir(folder)
        .env("EVOLINK_BASE_URL", format!("{}/v1", rig.gateway.url()))
        .env("EVOLINK_API_KEY", &rig.team.key);
    command
}

/// Runs it to its end: the exit code, the one JSON object on stdout, and what people see.
async fn run(command: Command) -> (Option<i32>, Value, String) {
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output();
    let Output {
        status,
        stdout,
        stderr,
    } = tokio::time::timeout(Duration::from_mins(1), output)
        .await
        .expect("it ends")
        .unwrap();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    let answer = serde_json::from_slice(&stdout)
        .unwrap_or_else(|why| panic!("{why}: {}\n{said}", String::from_utf8_lossy(&stdout)));
    (status.code(), answer, said)
}

#[tokio::test]
async fn a_prompt_becomes_a_file_and_its_price_is_told() {
    let rig = Rig::builder().sim_speed(50.0).start().await;
    let folder = rig.folder();
    let arguments = [
        "a lighthouse",
        "--quality",
        "480p",
        "--duration",
        "4",
        "--out",
        "x.mp4",
        "--json",
    ];
    let (code, answer, said) = run(video(&rig, folder, &arguments)).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(answer["status"], "completed");
    assert_eq!(Micro::of(&answer["credits"]["used"]), Micro::parse("8"));
    assert_eq!(
        Micro::of(&answer["credits"]["remaining"]),
        Micro::parse("992")
    );
    let file = std::fs::read(folder.join("x.mp4")).unwrap();
    assert_eq!(&file[4..8], b"ftyp", "an MP4");
    assert!(!said.contains(&rig.team.key), "the key is printed nowhere");
    let (code, _, said) = run(video(&rig, folder, &arguments)).await;
    assert_ne!(code, Some(0), "a file that is there is not overwritten");
    assert!(said.contains("x.mp4"), "{said}");
    assert_eq!(
        rig.sim.creates("a lighthouse").await.len(),
        1,
        "and nothing is paid for it"
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_failure_is_told_with_evolinks_reason_and_exit_code_1() {
    let rig = Rig::builder().sim_speed(50.0).start().await;
    let prompt = "forbidden #sim:fail=content_policy_violation";
    let (code, answer, said) = run(video(&rig, rig.folder(), &[prompt, "--json"])).await;
    assert_eq!(code, Some(1));
    assert_eq!(answer["error"]["code"], "content_policy_violation");
    assert!(said.contains("nothing was charged"), "{said}");
    let (code, answer, _) = run(video(
        &rig,
        rig.folder(),
        &["x", "--duration", "99", "--json"],
    ))
    .await;
    assert_eq!(code, Some(1));
    assert_eq!(
        answer["error"]["message"],
        "duration must be between 4 and 15"
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_gateway_that_dies_meanwhile_costs_neither_the_video_nor_a_second_one() {
    let mut rig = Rig::builder().sim_speed(50.0).start().await;
    let arguments = ["unshaken #sim:seconds=4", "--out", "y.mp4", "--json"];
    let command = video(&rig, rig.folder(), &arguments);
    let making = run(command);
    let dying = async {
        until("it was submitted", async || {
            (rig.sim.creates("unshaken").await.len() == 1).then_some(())
        })
        .await;
        rig.gateway.kill();
        rig.gateway.restart().await;
    };
    let ((code, answer, said), ()) = tokio::join!(making, dying);
    assert_eq!(code, Some(0), "{answer}\n{said}");
    assert_eq!(rig.sim.jobs().await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn ctrl_c_without_a_terminal_leaves_the_task_and_says_how_to_fetch_it() {
    let rig = Rig::builder().sim_speed(50.0).start().await;
    let command = video(&rig, rig.folder(), &["interrupted #sim:seconds=3"]);
    let mut making = Process::start("video", command, rig.folder());
    let submitted = |log: &str| log.contains("submitted").then_some(());
    making.says("that it was submitted", 0, submitted).await;
    making.interrupt();
    let status = making.ended().await;
    assert_eq!(status.code(), Some(130), "{}", making.log());
    let log = making.log();
    let resume = log
        .split("--resume ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let id = resume.unwrap_or_else(|| panic!("how to go on: {log}"));
    rig.team.ended_as(id, "completed").await;
    let arguments = ["--resume", id, "--out", "later.mp4", "--json"];
    let (code, answer, said) = run(video(&rig, rig.folder(), &arguments)).await;
    assert_eq!((code, &answer["id"]), (Some(0), &Value::from(id)), "{said}");
    assert!(rig.folder().join("later.mp4").exists());
    assert_eq!(rig.sim.creates("interrupted").await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_and_the_exit_code_is_2() {
    let rig = Rig::start().await;
    let mut command = video(&rig, rig.folder(), &["a cat", "--json"]);
    command.env_remove("EVOLINK_API_KEY");
    let (code, _, said) = run(command).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("EVOLINK_API_KEY"), "{said}");
    assert!(rig.sim.requests("create").await.is_empty());
}
