//! The client connects to judged addresses and to nothing else.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evogate_models::address::{AddressPolicy, Refused};
use futures::future::BoxFuture;
use reqwest::Method;
use reqwest::dns::Resolve as _;
use rstest::rstest;

use super::kit::{Receiver, Reply, pattern, soon};
use crate::webhooks::guard::{GuardError, GuardedClient, Waits, refusal};
use crate::webhooks::resolver::{JudgingResolver, Lookup};

const PUBLIC: &str = "93.184.215.14";
const METADATA: &str = "169.254.169.254";

/// Answers with what it was given, one answer after the other.
#[derive(Debug)]
struct Script(Mutex<VecDeque<Vec<IpAddr>>>);

impl Script {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = answers.iter().map(|answer| {
            let addresses = answer.iter().map(|text| text.parse().unwrap());
            addresses.collect()
        });
        Arc::new(Self(Mutex::new(parsed.collect())))
    }
}

impl Lookup for Script {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let answer = self.0.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| panic!("{host} was looked up once too often"));
        Box::pin(async { Ok(answer) })
    }
}

fn client(policy: AddressPolicy, answers: &[&[&str]]) -> GuardedClient {
    let waits = Waits {
        connect: Duration::from_secs(2),
        total: Some(Duration::from_secs(5)),
        silence: None,
    };
    GuardedClient::with_lookup(Arc::new(policy), waits, Vec::new(), Script::of(answers)).unwrap()
}

async fn get(client: &GuardedClient, url: &str) -> Result<u16, String> {
    let request = client
        .request(Method::GET, url)
        .map_err(|error| error.to_string())?;
    match soon(request.send()).await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(refusal(&error).expect("a refusal").to_string()),
    }
}

async fn resolve(resolver: &JudgingResolver) -> Result<Vec<SocketAddr>, String> {
    let found = resolver.resolve("hooks.example.com".parse().unwrap()).await;
    found
        .map(Iterator::collect)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_answer_is_judged_each_time() {
    let resolver = JudgingResolver {
        policy: Arc::default(),
        lookup: Script::of(&[
            &[PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c"],
            &["127.0.0.1"],
            &[PUBLIC, "10.0.0.1"],
            &["::ffff:10.0.0.1"],
            &[METADATA],
            &[],
        ]),
        port: 8443,
    };
    assert_eq!(
        resolve(&resolver).await.unwrap(),
        [
            SocketAddr::new(PUBLIC.parse().unwrap(), 8443),
            "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443"
                .parse()
                .unwrap()
        ]
    );
    for reason in [
        "the host hooks.example.com is 127.0.0.1, which is not a public address",
        "the host hooks.example.com is 10.0.0.1, which is not a public address",
        "the host hooks.example.com is 10.0.0.1, which is not a public address",
        "hooks.example.com is a metadata service",
        "the host hooks.example.com has no address",
    ] {
        let error = resolve(&resolver).await.unwrap_err();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_becomes_private_is_not_connected_to() {
    let answers: [&[&str]; 3] = [&["127.0.0.1"], &["::ffff:127.0.0.1"], &["10.0.0.1", "::1"]];
    let client = client(AddressPolicy::default(), &answers);
    for _ in answers {
        let error = get(&client, "https://hooks.example.com/")
            .await
            .unwrap_err();
        assert!(error.contains("which is not a public address"), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_is_rebound_between_two_requests_is_refused_at_the_second() {
    let mut receiver = Receiver::new(&[Reply::status(200)]).await;
    let port = receiver.address.port();
    // Loopback stands in for a public address here: ops opened it for this name.
    let policy = AddressPolicy {
        allow_insecure_hosts: vec![pattern("hooks.example.com")],
        ..AddressPolicy::default()
    };
    let answers: [&[&str]; 3] = [&["127.0.0.1"], &[METADATA], &["127.0.0.1", METADATA]];
    let client = client(policy, &answers);
    let url = format!("http://hooks.example.com:{port}/");

    assert_eq!(get(&client, &url).await, Ok(200));
    receiver.next().await;
    for _ in 0..2 {
        let error = get(&client, &url).await.unwrap_err();
        assert_eq!(error, "hooks.example.com is a metadata service");
    }
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn a_name_of_our_own_listener_is_refused_on_its_port_alone() {
    let mut own = Receiver::new(&[Reply::status(200)]).await;
    let other = Receiver::new(&[Reply::status(200)]).await;
    let policy = AddressPolicy {
        allow_insecure_hosts: vec![pattern("hooks.example.com")],
        own_addresses: vec![own.address],
        ..AddressPolicy::default()
    };
    let client = client(policy, &[&["127.0.0.1"], &["127.0.0.1"]]);
    let url = |port: u16| format!("http://hooks.example.com:{port}/");

    assert_eq!(get(&client, &url(other.address.port())).await, Ok(200));
    let error = get(&client, &url(own.address.port())).await.unwrap_err();
    assert_eq!(error, "hooks.example.com is this gateway itself");
    assert!(own.is_idle());
}

#[rstest]
#[case("https://127.0.0.1/")]
#[case("https://127.1/")]
#[case("https://2130706433/")]
#[case("https://0x7f000001/")]
#[case("https://0x7f.1/")]
#[case("https://①②⑦.0.0.1/")]
#[case("https://[::1]/")]
#[case("https://[::ffff:7f00:1]/")]
#[case("https://localhost./")]
#[case("https://10.1.2.3:8443/")]
#[case("https://169.254.169.254/")]
#[case("http://hooks.example.com/")]
#[tokio::test]
async fn what_is_written_into_the_url_is_judged_before_anything_is_asked(#[case] url: &str) {
    let refused = client(AddressPolicy::default(), &[]).request(Method::GET, url);
    assert!(
        matches!(refused, Err(GuardError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_port_that_nobody_opened_is_refused() {
    let refused = client(AddressPolicy::default(), &[])
        .request(Method::GET, "https://hooks.example.com:6379/")
        .unwrap_err();
    assert!(matches!(refused, GuardError::Refused(Refused::Port(6379))));
}
