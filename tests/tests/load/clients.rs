//! Clients by the hundred: their requests, how long each took, and what it was answered with.

use std::fs;
use std::time::{Duration, Instant};

use evogate_tests::{Caller, Gateway, Tenant};
use http::Method;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// How one request went.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// From the request to its whole answer.
    pub(crate) took: Duration,
    /// Its status; none where the connection broke, and why.
    pub(crate) status: Result<u16, String>,
}

impl Done {
    pub(crate) fn is(&self, status: u16) -> bool {
        self.status == Ok(status)
    }
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Submits a video.
    Submit,
    /// Reads the tenant's credits.
    Read,
}

/// Sends one request.
pub(crate) async fn ask(tenant: &Tenant, ask: Ask, number: usize) -> Done {
    let request = match ask {
        Ask::Submit => {
            let body = Tenant::video(&format!("load {number}"));
            tenant
                .request(Method::POST, "/v1/videos/generations")
                .json(&body)
        }
        Ask::Read => tenant.request(Method::GET, "/v1/credits"),
    };
    let began = Instant::now();
    let answer = tenant.try_send(request).await;
    Done {
        took: began.elapsed(),
        status: answer
            .map(|answer| answer.status)
            .map_err(|why| format!("{why:?}")),
    }
}

/// So many clients that send one request after the other until `over`; who is turned away waits `pause`.
pub(crate) async fn crowd(
    tenants: &[Tenant],
    clients: usize,
    what: impl Fn(usize) -> Ask + Copy + Send + 'static,
    pause: Duration,
    over: Instant,
) -> Vec<Done> {
    let mut crowd = JoinSet::new();
    for client in 0..clients {
        let tenant = tenants[client % tenants.len()].clone();
        crowd.spawn(async move {
            let mut done = Vec::new();
            let mut number = client;
            while Instant::now() < over {
                let one = ask(&tenant, what(number), number).await;
                if !one.is(200) {
                    tokio::time::sleep(pause).await;
                }
                done.push(one);
                number += clients;
            }
            done
        });
    }
    crowd.join_all().await.concat()
}

/// One request every `every`, whether the ones before are answered or not, until `over`.
pub(crate) async fn steady(
    tenant: &Tenant,
    what: Ask,
    every: Duration,
    over: Instant,
) -> Vec<Done> {
    let mut under_way = JoinSet::new();
    let mut tick = tokio::time::interval(every);
    let mut number = 0;
    while Instant::now() < over {
        tick.tick().await;
        let tenant = tenant.clone();
        under_way.spawn(async move { ask(&tenant, what, number).await });
        number += 1;
    }
    under_way.join_all().await
}

/// One request every `every`, but none before the last one is answered, until `over`.
pub(crate) async fn one_by_one(
    tenant: &Tenant,
    what: Ask,
    every: Duration,
    over: Instant,
) -> Vec<Done> {
    let mut done = Vec::new();
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < over {
        tick.tick().await;
        done.push(ask(tenant, what, done.len()).await);
    }
    done
}

/// The time within which so many hundredths were answered, in milliseconds.
pub(crate) fn quantile<'a>(done: impl IntoIterator<Item = &'a Done>, part: usize) -> f64 {
    let mut took: Vec<_> = done
        .into_iter()
        .map(|done| done.took.as_secs_f64() * 1e3)
        .collect();
    took.sort_by(f64::total_cmp);
    let at = (took.len() * part).div_ceil(100).saturating_sub(1);
    took.get(at).copied().unwrap_or(f64::NAN)
}

/// How many were answered with this status.
pub(crate) fn count(done: &[Done], status: u16) -> usize {
    done.iter().filter(|done| done.is(status)).count()
}

/// What broke, in words: at most a few.
pub(crate) fn broken(done: &[Done]) -> Vec<&str> {
    let broken = done.iter().filter_map(|done| done.status.as_ref().err());
    broken.map(String::as_str).take(5).collect()
}

/// What the gateway has in memory now, and had at most, in MiB.
pub(crate) fn memory(gateway: &Gateway) -> (usize, usize) {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.id())).expect("its status");
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
        kib.expect("a number") / 1024
    };
    (of("VmRSS:"), of("VmHWM:"))
}
