//! Thousands of clients that send their requests byte by byte, beside one that does not.

use std::time::{Duration, Instant};

use evogate_tests::{Gateway, Rig, Tenant, assert_books, until_within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::clients::{Ask, Done, broken, count, memory, quantile, steady};
use super::set;

/// A client that never comes to the end of its head, or of its body. Answers when it was hung up on.
async fn slow(gateway: std::net::SocketAddr, key: String, body: bool) -> bool {
    let Ok(mut tcp) = TcpStream::connect(gateway).await else {
        return false;
    };
    let line = "POST /v1/videos/generations HTTP/1.1\r\nhost: x\r\n";
    let head = if body {
        format!("{line}authorization: Bearer {key}\r\ncontent-length: 100000\r\n\r\n")
    } else {
        line.to_owned()
    };
    if tcp.write_all(head.as_bytes()).await.is_err() {
        return true;
    }
    let (mut read, mut write) = tcp.into_split();
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if write.write_all(b"x").await.is_err() {
                return;
            }
        }
    };
    let ended = async {
        let mut rest = Vec::new();
        let _ = read.read_to_end(&mut rest).await;
    };
    tokio::select! {
        () = dripping => {}
        () = ended => {}
    }
    true
}

async fn connections(gateway: &Gateway) -> f64 {
    gateway.metric("evogate_open_connections", &["api"]).await
}

/// What a good client saw without them and beside them, and the gateway's memory before and at most.
struct Seen {
    without: Vec<Done>,
    beside: Vec<Done>,
    memory: (usize, usize),
}

/// `patience` is how long the gateway waits for a head and a body: longer than it takes all of them to come.
async fn slowloris(count: usize, length: Duration, patience: &str) -> Seen {
    let rig = Rig::builder()
        .set("server.head_timeout", patience)
        .set("server.body_timeout", patience)
        .start()
        .await;
    let good = rig.team.at(&rig.gateway.direct_url());
    let attackers = rig.admin.tenant("attackers", "1").await;
    let every = Duration::from_millis(10);
    let without = steady(&good, Ask::Read, every, Instant::now() + length).await;
    let (before, _) = memory(&rig.gateway);
    let mut crowd = JoinSet::new();
    for n in 0..count {
        // One in ten has a whole head, a good key, and a body that does not end.
        crowd.spawn(slow(rig.gateway.api(), attackers.key.clone(), n % 10 == 0));
    }
    let most = f64::from(u32::try_from(count).expect("so many"));
    until_within(Duration::from_mins(1), "they are all there", async || {
        (connections(&rig.gateway).await >= most * 0.95).then_some(())
    })
    .await;
    let beside = steady(&good, Ask::Read, every, Instant::now() + length).await;
    let (_, highest) = memory(&rig.gateway);
    let ended = crowd.join_all().await;
    assert!(
        ended.iter().all(|hung_up| *hung_up),
        "each of them was let in, and hung up on"
    );
    until_within(Duration::from_mins(1), "none is left", async || {
        (connections(&rig.gateway).await < 50.0).then_some(())
    })
    .await;
    rig.team
        .submit(&Tenant::video("business as usual"))
        .await
        .ok();
    assert_books(&rig.admin, &rig.sim).await;
    Seen {
        without,
        beside,
        memory: (before, highest),
    }
}

fn report(attackers: usize, seen: &Seen) {
    println!("| | requests | p50 ms | p99 ms |\n|---|---|---|---|");
    for (name, done) in [("alone", &seen.without), ("beside", &seen.beside)] {
        println!(
            "| {name} | {} | {:.2} | {:.2} |",
            done.len(),
            quantile(done, 50),
            quantile(done, 99)
        );
    }
    let (before, highest) = seen.memory;
    println!("{attackers} slow connections: {before} MiB before, {highest} MiB at most");
    for done in [&seen.without, &seen.beside] {
        assert_eq!(broken(done), Vec::<&str>::new());
        assert_eq!(count(done, 200), done.len());
    }
    // A connection that waits costs some kilobytes, whatever it sends.
    assert!(
        highest < before + 32 + attackers / 16,
        "{before} MiB, then {highest} MiB"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_harm_nobody() {
    let attackers = set("EVOGATE_LOAD_ATTACKERS", 500);
    let seen = slowloris(attackers, Duration::from_secs(2), "5s").await;
    report(attackers, &seen);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn five_thousand_slow_clients_harm_nobody() {
    let attackers = set("EVOGATE_LOAD_ATTACKERS", 5_000);
    let length = set("EVOGATE_LOAD_SECONDS", 10);
    let length = Duration::from_secs(u64::try_from(length).expect("so long"));
    let seen = slowloris(attackers, length, "20s").await;
    report(attackers, &seen);
}
