//! Each gap is seen on a server that has it, and none on one that keeps the promise.

use evogate_redis_kit::{Cluster, Fsync, Options, SentinelGroup, Server};

use super::super::link::{Link, LinkOptions};
use super::*;

fn link(url: &str) -> Link {
    let options = LinkOptions::new(std::time::Duration::from_millis(800));
    Link::open(&url.parse().expect("a URL"), &options).expect("a link")
}

async fn codes(link: &Link, wait_aof: bool) -> Vec<&'static str> {
    let durability = check(link, wait_aof).await;
    let codes = durability.gaps.iter().map(|gap| gap.kind.code()).collect();
    for gap in &durability.gaps {
        assert!(
            !gap.seen.is_empty() && gap.to_string().ends_with('.'),
            "{gap}"
        );
    }
    codes
}

#[tokio::test]
async fn an_append_only_file_that_is_always_written_through_has_no_gap() {
    let server = Server::start();
    let durability = check(&link(&server.url()), false).await;
    assert_eq!(durability.gaps, []);
    assert!(durability.is_guaranteed());
}

/// What ops are told to run, with its user.
#[tokio::test]
async fn the_configuration_that_ships_has_no_gap_and_its_user_can_do_everything() {
    let shipped = include_str!("../../../../../deploy/redis.conf");
    let mut options = Options::default();
    for line in shipped.lines() {
        let place = ["port ", "bind "].iter().any(|name| line.starts_with(name));
        if !line.starts_with('#') && !line.is_empty() && !place {
            options = options.directive(line);
        }
    }
    let user = shipped
        .lines()
        .find_map(|line| line.strip_prefix("#   user evogate on >PASSWORD "))
        .expect("the user in the comment");
    let server = Server::with(options.user("evogate", "pass", user));
    let link = link(&server.url());
    assert_eq!(check(&link, false).await.gaps, []);
    for command in [
        "SET {eg:1}x 1",
        "GET {eg:1}x",
        "SCAN 0",
        "TIME",
        "ROLE",
        "PUBLISH eg:due 1",
    ] {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap_or_default());
        asked.arg(words.collect::<Vec<_>>());
        let answer = link.command(asked).await;
        assert!(answer.is_ok(), "{command}: {answer:?}");
    }
    let refused = link.command(redis::cmd("FLUSHALL")).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn each_setting_that_loses_something_is_a_gap_as_soon_as_it_is_made() {
    let server = Server::start();
    let link = link(&server.url());
    let none: &[&str] = &[];
    for (name, bad, good, gap) in [
        ("appendonly", "no", "yes", "aof_off"),
        ("appendfsync", "everysec", "always", "fsync_late"),
        ("appendfsync", "no", "always", "fsync_late"),
        ("no-appendfsync-on-rewrite", "yes", "no", "fsync_paused"),
    ] {
        server.command::<()>(&["CONFIG", "SET", name, bad]);
        assert_eq!(codes(&link, false).await, [gap], "{name} {bad}");
        server.command::<()>(&["CONFIG", "SET", name, good]);
        assert_eq!(codes(&link, false).await, none, "{name} {good}");
    }
    // Throwing keys away needs a limit to do it at.
    server.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert_eq!(codes(&link, false).await, none);
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "100mb"]);
    assert_eq!(codes(&link, false).await, ["eviction"]);
    server.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    assert_eq!(codes(&link, false).await, none);
    server.command::<()>(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let durability = check(&link, false).await;
    assert_eq!(durability.gaps[0].kind, GapKind::MemoryLow);
    assert!(durability.is_guaranteed(), "a warning, and no loss");
    server.command::<()>(&["REPLICAOF", "127.0.0.1", "1"]);
    assert!(codes(&link, false).await.contains(&"not_primary"));
}

#[tokio::test]
async fn waiting_for_the_disk_closes_the_gap_of_a_late_one_where_the_server_can() {
    let late = Options::default().fsync(Fsync::EverySecond);
    for options in [late.clone(), late.newest()] {
        let server = Server::with(options);
        let link = link(&server.url());
        assert_eq!(codes(&link, false).await, ["fsync_late"]);
        let waiting = codes(&link, true).await;
        if server.knows("WAITAOF") {
            assert!(waiting.is_empty(), "{waiting:?}");
        } else {
            assert_eq!(waiting, ["wait_aof_unsupported", "fsync_late"]);
        }
    }
}

#[tokio::test]
async fn what_a_user_may_not_ask_is_not_taken_for_good() {
    let rules = "~* +@read +@write +@scripting +ping +info";
    let server = Server::with(Options::default().user("few", "pass", rules));
    let few = check(&link(&server.url()), false).await;
    assert_eq!(few.gaps.len(), 1);
    assert_eq!(few.gaps[0].kind, GapKind::Unverified);
    assert!(few.gaps[0].seen.contains("CONFIG GET"), "{}", few.gaps[0]);
    assert!(!few.is_guaranteed());
    let rules = "~* +@read +@write +@scripting +ping";
    let server = Server::with(Options::default().user("none", "pass", rules));
    let none = check(&link(&server.url()), false).await;
    assert_eq!(none.gaps.len(), 1);
    assert!(none.gaps[0].seen.contains("INFO"), "{}", none.gaps[0]);
    assert!(!none.is_guaranteed());
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_and_one_that_is_back_is_read_again() {
    let mut server = Server::start();
    let link = link(&server.url());
    assert!(check(&link, false).await.is_guaranteed());
    server.kill();
    assert_eq!(codes(&link, false).await, ["unreachable"]);
    server.start_again();
    link.ready().await.ok();
    while codes(&link, false).await == ["unreachable"] {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(check(&link, false).await.is_guaranteed());
}

#[tokio::test]
async fn where_a_replica_takes_over_by_itself_that_is_a_gap() {
    let mut group = SentinelGroup::start();
    let link = link(&group.url());
    assert_eq!(codes(&link, false).await, ["async_failover"]);
    group.servers[1].kill();
    let left = || {
        let info: String = group.servers[0].command(&["INFO", "replication"]);
        info.contains("connected_slaves:0").then_some(())
    };
    evogate_redis_kit::until("the replica is seen to be gone", left);
    assert_eq!(codes(&link, false).await, ["no_replica", "async_failover"]);
}

#[tokio::test]
async fn each_primary_of_a_cluster_is_asked() {
    let cluster = Cluster::start();
    let link = link(&cluster.url());
    assert_eq!(codes(&link, false).await, ["async_failover"]);
    let lax = &cluster.servers[1];
    lax.command::<()>(&["CONFIG", "SET", "appendfsync", "everysec"]);
    let durability = check(&link, false).await;
    assert_eq!(durability.gaps.len(), 2);
    assert_eq!(durability.gaps[0].kind, GapKind::FsyncLate);
    let port = lax.port().to_string();
    let server = durability.gaps[0].server.clone().unwrap_or_default();
    assert!(server.ends_with(&port), "{server}");
}
