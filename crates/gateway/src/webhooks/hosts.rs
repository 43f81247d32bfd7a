//! The part of all room that one host's targets may use while they have not shown that they answer: many
//! callback URLs are used once, each is a target of its own, and a host that hangs must not take the room
//! of other hosts' targets with hundreds of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::{Position, Url};

/// Deliveries under way to the unproven targets of one host.
pub(super) const OF_A_HOST: usize = 16;
/// The same for a host whose last answer was a good one.
pub(super) const OF_A_GOOD_HOST: usize = 128;
/// The least and the most that a delivery which found no room is put off.
const LEAST: Duration = Duration::from_millis(250);
const MOST: Duration = Duration::from_mins(1);
/// Between two that were put off: about what a hung host needs for one, with as many at a time as it may.
const PACE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Host {
    under_way: usize,
    good: bool,
    /// Until when its time is given away to deliveries that found no room.
    booked: Instant,
}

/// The hosts of deliveries under way to unproven targets.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<Arc<str>, Host>);

/// The host and port of a URL.
pub(super) fn host(url: &str) -> Arc<str> {
    match Url::parse(url) {
        Ok(url) => url[Position::BeforeHost..Position::AfterPort].into(),
        Err(_) => "".into(),
    }
}

impl Hosts {
    /// Lets one more be sent to the host, or says how long it should stay away. Each gets the time at
    /// which it would be its turn, so that they come back one by one.
    pub(super) fn admit(&mut self, host: &Arc<str>, now: Instant) -> Result<(), Duration> {
        let known = self.0.entry(Arc::clone(host)).or_insert(Host {
            under_way: 0,
            good: false,
            booked: now,
        });
        let most = if known.good {
            OF_A_GOOD_HOST
        } else {
            OF_A_HOST
        };
        if known.under_way < most {
            known.under_way = known.under_way.saturating_add(1);
            return Ok(());
        }
        let pace = if known.good { LEAST / 16 } else { PACE };
        known.booked = (known.booked + pace).clamp(now + LEAST, now + MOST);
        Err(known.booked.duration_since(now))
    }

    /// One that was sent to the host has ended.
    pub(super) fn done(&mut self, host: &Arc<str>, good: bool) {
        let Some(known) = self.0.get_mut(host) else {
            return;
        };
        known.under_way = known.under_way.saturating_sub(1);
        known.good = good;
        if known.under_way == 0 {
            self.0.remove(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_its_name_and_port_whatever_the_path() {
        assert_eq!(&*host("https://a.example.com/x?y"), "a.example.com");
        assert_eq!(&*host("http://a.example.com:81/"), "a.example.com:81");
        assert_eq!(&*host("nothing of the kind"), "");
    }

    #[test]
    fn a_host_gets_a_part_of_the_room_and_more_once_it_answers() {
        let now = Instant::now();
        let (mut hosts, one, other) = (Hosts::default(), host("https://a/"), host("https://b/"));
        let count = |hosts: &mut Hosts| {
            (0..1_000)
                .take_while(|_| hosts.admit(&one, now).is_ok())
                .count()
        };
        assert_eq!(count(&mut hosts), OF_A_HOST);
        assert!(hosts.admit(&other, now).is_ok());
        hosts.done(&one, true);
        assert_eq!(count(&mut hosts), OF_A_GOOD_HOST - OF_A_HOST + 1);
        hosts.done(&one, false);
        assert!(hosts.admit(&one, now).is_err());
    }

    #[test]
    fn those_that_find_no_room_come_back_one_by_one_and_within_a_minute() {
        let now = Instant::now();
        let (mut hosts, one) = (Hosts::default(), host("https://a/"));
        while hosts.admit(&one, now).is_ok() {}
        let waits: Vec<_> = (0..100)
            .filter_map(|_| hosts.admit(&one, now).err())
            .collect();
        assert!(waits.is_sorted() && waits[0] < waits[9]);
        assert_eq!(waits.last(), Some(&MOST));
    }

    #[test]
    fn hosts_with_nothing_under_way_are_forgotten() {
        let now = Instant::now();
        let mut hosts = Hosts::default();
        for n in 0..100 {
            let host = host(&format!("https://a{n}/"));
            hosts.admit(&host, now).unwrap();
            hosts.done(&host, false);
        }
        assert!(hosts.0.is_empty());
    }
}
