//! What is published is heard, again after each break.

use std::time::Duration;

use evogate_redis_kit::{Cluster, SentinelGroup, Server};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::kit::{count_until_it_works, link};

/// The next message that is not empty: before the server that is asked first has it, a publish may be lost.
async fn hears(heard: &mut mpsc::Receiver<Vec<u8>>, publish: impl Fn()) {
    for _ in 0..100 {
        publish();
        match timeout(Duration::from_millis(100), heard.recv()).await {
            Ok(Some(message)) if message == b"wake" => return,
            Ok(Some(message)) => assert!(message.is_empty(), "{message:?}"),
            Ok(None) => panic!("the link is closed"),
            Err(_) => {}
        }
    }
    panic!("nothing was heard");
}

async fn begins(heard: &mut mpsc::Receiver<Vec<u8>>) {
    loop {
        let message = timeout(Duration::from_secs(20), heard.recv()).await;
        if message.expect("in time").expect("an open link").is_empty() {
            return;
        }
    }
}

fn publish(server: &Server) {
    let _ = server.try_command::<i64>(&["PUBLISH", "eg:due", "wake"]);
}

#[tokio::test]
async fn a_message_is_heard_and_after_a_restart_it_is_said_that_some_were_missed() {
    let mut server = Server::start();
    let link = link(&server.url());
    let mut heard = link.listen("eg:due");
    begins(&mut heard).await;
    hears(&mut heard, || publish(&server)).await;
    server.kill();
    server.start_again();
    begins(&mut heard).await;
    hears(&mut heard, || publish(&server)).await;
}

#[tokio::test]
async fn it_is_heard_at_the_new_primary_of_a_sentinel_group() {
    let mut group = SentinelGroup::start();
    let link = link(&group.url());
    let mut heard = link.listen("eg:due");
    begins(&mut heard).await;
    hears(&mut heard, || publish(&group.servers[0])).await;
    group.servers[0].kill();
    count_until_it_works(&link, "{eg:1}n").await;
    begins(&mut heard).await;
    hears(&mut heard, || publish(&group.servers[1])).await;
}

#[tokio::test]
async fn it_is_heard_wherever_in_a_cluster_it_is_published() {
    let mut cluster = Cluster::start();
    let link = link(&cluster.url());
    let mut heard = link.listen("eg:due");
    begins(&mut heard).await;
    for server in &cluster.servers[..3] {
        hears(&mut heard, || publish(server)).await;
    }
    cluster.servers[0].kill();
    cluster.servers[1].kill();
    hears(&mut heard, || publish(&cluster.servers[2])).await;
}
