//! The command line: `dev` needs nothing and keeps everything, and an end waits for those who wait for an
//! answer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use evogate_tests::{Caller as _, Dev, Micro, Process, Rig, Tenant, assert_books, binary, until};

#[tokio::test]
async fn dev_is_ready_quickly_and_says_how_to_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let began = Instant::now();
    let dev = Dev::start(&data, &["--sim-speed", "100"]).await;
    // A second is promised for the release profile; this is the other one, on a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let names: Vec<&str> = dev.variables().keys().map(String::as_str).collect();
    let mut expected = [
        "EVOLINK_BASE_URL",
        "EVOLINK_API_KEY",
        "EVOGATE_URL",
        "EVOGATE_OPS_URL",
        "EVOGATE_ADMIN_KEY",
        "EVOLINK_SIM_URL",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(
        dev.variable("EVOLINK_BASE_URL"),
        format!("{}/v1", dev.variable("EVOGATE_URL"))
    );
    assert!(dev.variable("EVOLINK_API_KEY").starts_with("sk-"));
    let mode = fs::metadata(data.join("dev.env"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "it has keys in it");
    assert!(!dev.log().contains(dev.variable("EVOGATE_ADMIN_KEY")));
    assert_eq!(
        dev.admin().credits("demo", "granted").await,
        Micro::parse("10000")
    );
    assert_eq!(dev.ops().get("/readyz").await.status, 200);
    assert_eq!(dev.ops().get("/healthz").await.status, 200);
    let demo = dev.demo();
    let id = demo.start("the first video").await;
    demo.ended_as(&id, "completed").await;
    assert_eq!(
        demo.get(&format!("/v1/tasks/{id}/content")).await.status,
        200
    );
    assert_books(&dev.admin(), &dev.simulator()).await;
    dev.stop().await;
}

#[tokio::test]
async fn dev_keeps_everything_across_restarts_also_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data, &["--sim-speed", "100"]).await;
    let done = dev.demo().start("kept").await;
    let ended = dev.demo().ended_as(&done, "completed").await;
    let open = dev.demo().start("under way #sim:seconds=3").await;
    let spent = dev.admin().credits("demo", "spent").await;
    let keys = ["EVOLINK_API_KEY", "EVOGATE_ADMIN_KEY"].map(|name| dev.variable(name).to_owned());
    // Dropped: killed where it stands.
    drop(dev);
    let dev = Dev::start(&data, &["--sim-speed", "100"]).await;
    assert_eq!(
        keys,
        ["EVOLINK_API_KEY", "EVOGATE_ADMIN_KEY"].map(|name| dev.variable(name))
    );
    assert_eq!(
        dev.admin().credits("demo", "granted").await,
        Micro::parse("10000")
    );
    assert!(dev.admin().credits("demo", "spent").await >= spent);
    let mut again = dev.demo().task(&done).await;
    // The simulator's address is another one by now; ours is the same record.
    assert_eq!(again["results"], ended["results"]);
    again["id"].take();
    dev.demo().ended_as(&open, "completed").await;
    assert_books(&dev.admin(), &dev.simulator()).await;
    dev.stop().await;
}

#[tokio::test]
async fn two_dev_gateways_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data, &[]).await;
    let mut second = Process::command(&binary("evogate"));
    second.args([
        "dev",
        "--api",
        "127.0.0.1:0",
        "--ops",
        "127.0.0.1:0",
        "--sim",
        "127.0.0.1:0",
    ]);
    second.arg("--data-dir").arg(&data);
    let output = tokio::process::Command::from(second)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(data.to_str().unwrap()), "{said}");
    dev.stop().await;
}

#[tokio::test]
async fn dev_cannot_be_led_to_the_real_evolink_by_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("EVOGATE__EVOLINK__BASE_URL", "https://api.evolink.ai/v1"),
        ("EVOGATE__EVOLINK__API_KEY", "sk-the-real-one"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
    ];
    let dev = Dev::start_with(
        &folder.path().join("d"),
        &["--sim-speed", "100"],
        &environment,
    )
    .await;
    let id = dev.demo().start("stays here").await;
    dev.demo().ended_as(&id, "completed").await;
    assert_eq!(dev.simulator().creates("stays here").await.len(), 1);
    dev.stop().await;
}

#[tokio::test]
async fn sigterm_ends_it_when_those_who_wait_have_their_answers() {
    let mut rig = Rig::start().await;
    let direct = rig.team.at(&rig.gateway.direct_url());
    let body = Tenant::video("the last one #sim:delay=2");
    let submitting = direct.submit(&body);
    let ending = async {
        until("EvoLink was asked", async || {
            (rig.sim.creates("the last one").await.len() == 1).then_some(())
        })
        .await;
        rig.gateway.terminate();
    };
    let (answer, ()) = tokio::join!(submitting, ending);
    let id = answer.ok()["id"].as_str().unwrap().to_owned();
    let status = rig.gateway.ended().await;
    assert!(status.success(), "{status}");
    rig.gateway.restart().await;
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let mut rig = Rig::start().await;
    let host = rig.gateway.direct_url().replace("http://", "");
    let idle = tokio::net::TcpStream::connect(&host).await.unwrap();
    rig.team
        .at(&rig.gateway.direct_url())
        .get("/v1/credits")
        .await
        .ok();
    let began = Instant::now();
    rig.gateway.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    drop(idle);
}
