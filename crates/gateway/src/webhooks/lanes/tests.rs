use super::lane::{HOLD_OFF, HOLD_OFF_AT_MOST, QUEUE, WINDOW};
use super::slots::{FAILING, SLOTS, SUSPECTS, SUSPECTS_OF_A_HOST};
use super::*;

const TOOK: Duration = Duration::from_millis(50);

/// Lanes of numbers, on a clock of their own.
struct Test {
    lanes: Lanes<usize>,
    now: Instant,
    count: usize,
}

impl Test {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            lanes: Lanes::new(now),
            now,
            count: 0,
        }
    }

    fn offer(&mut self, url: &str) -> Place<usize> {
        self.count += 1;
        self.lanes.offer(Endpoint::of(url), self.count, self.now)
    }

    fn start(&mut self, url: &str) -> Ticket {
        match self.offer(url) {
            Place::Start(ticket, _) => ticket,
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, ticket: Ticket, outcome: Outcome) -> Freed<usize> {
        self.lanes.done(ticket, outcome, TOOK, self.now)
    }

    /// How many more may be sent to `url`.
    fn starts(&mut self, url: &str) -> Vec<Ticket> {
        let mut started = Vec::new();
        while let Place::Start(ticket, _) = self.offer(url) {
            started.push(ticket);
        }
        started
    }

    /// Lets `url` show that it takes deliveries.
    fn prove(&mut self, url: &str) {
        for _ in 0..3 {
            let ticket = self.start(url);
            self.done(ticket, Outcome::Taken);
        }
    }
}

#[test]
fn an_endpoint_is_its_url_without_the_query() {
    let lane = |url: &str| Endpoint::of(url).lane.to_string();
    assert_eq!(
        lane("https://Example.com:443/a/b?c#d"),
        "https://example.com/a/b"
    );
    assert_eq!(
        lane("https://example.com:8443/a"),
        "https://example.com:8443/a"
    );
    assert_eq!(lane("no url"), "no url");
}

#[test]
fn a_window_opens_with_success_and_closes_with_failure() {
    let url = "https://a.example.com/";
    let mut test = Test::new();
    let first = test.starts(url);
    assert_eq!(first.len(), 1);
    let mut tickets: Vec<_> = first;
    // What was offered in vain waits, and goes first.
    for window in [2, 4, WINDOW, WINDOW] {
        let freed = test.done(tickets.pop().unwrap(), Outcome::Taken);
        tickets.extend(freed.start.into_iter().map(|(ticket, _)| ticket));
        tickets.extend(test.starts(url));
        assert_eq!(tickets.len(), window);
    }
    // One probe is left once everything under way has failed.
    for ticket in tickets {
        test.done(ticket, Outcome::Failed);
    }
    assert_eq!(test.starts(url).len(), 1);
}

#[test]
fn nobody_waits_for_an_endpoint_that_fails() {
    let url = "https://a.example.com/";
    let mut test = Test::new();
    let ticket = test.start(url);
    assert!(matches!(test.offer(url), Place::Waits));
    assert!(matches!(test.offer(url), Place::Waits));
    let freed = test.done(ticket, Outcome::Failed);
    assert_eq!(freed.start.len(), 0);
    let later: Vec<_> = freed.later.iter().map(|(item, _)| *item).collect();
    assert_eq!(later, [2, 3]);
    let _probe = test.start(url);
    assert!(matches!(test.offer(url), Place::Later(..)));
}

#[test]
fn what_finds_no_room_comes_back_one_by_one() {
    let url = "https://a.example.com/";
    let mut test = Test::new();
    let ticket = test.start(url);
    test.done(ticket, Outcome::Failed);
    let _probe = test.start(url);
    let mut waits = Vec::new();
    for _ in 0..1000 {
        match test.offer(url) {
            Place::Later(_, wait) => waits.push(wait),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits[0], HOLD_OFF);
    assert!(waits.is_sorted());
    assert!(waits[10] > waits[9]);
    assert_eq!(*waits.last().unwrap(), HOLD_OFF_AT_MOST);
}

#[test]
fn endpoints_that_fail_or_are_unknown_leave_room_for_good_ones() {
    let mut test = Test::new();
    test.prove("https://good.example.com/");
    let mut failing = Vec::new();
    for n in 0..=FAILING {
        let url = format!("https://failing{n}.example.com/");
        let ticket = test.start(&url);
        test.done(ticket, Outcome::Failed);
        match test.offer(&url) {
            Place::Start(ticket, _) => failing.push(ticket),
            other => assert!(matches!(other, Place::Later(..)), "{other:?}"),
        }
    }
    assert_eq!(failing.len(), FAILING);
    let mut unproven = Vec::new();
    for n in 0..SUSPECTS {
        let url = format!("https://unproven{n}.example.com/");
        unproven.extend(test.starts(&url));
    }
    assert_eq!(unproven.len(), SUSPECTS - FAILING);
    assert!(!test.lanes.is_full());
    assert_eq!(test.starts("https://good.example.com/").len(), WINDOW);

    // A slot that becomes free goes to one that waited for it, in another lane.
    let freed = test.done(failing.pop().unwrap(), Outcome::Failed);
    assert_eq!(freed.start.len(), 1);
}

#[test]
fn a_host_with_many_paths_is_one_suspect() {
    let mut test = Test::new();
    let mut started = 0;
    for n in 0..100 {
        started += test.starts(&format!("https://a.example.com/{n}")).len();
    }
    assert_eq!(started, SUSPECTS_OF_A_HOST);
}

#[test]
fn when_all_slots_are_taken_nothing_starts() {
    let mut test = Test::new();
    let mut tickets = Vec::new();
    for n in 0..SLOTS {
        let url = format!("https://good{n}.example.com/");
        test.prove(&url);
        tickets.push(test.start(&url));
        assert_eq!(test.lanes.is_full(), n + 1 == SLOTS);
    }
    assert!(matches!(
        test.offer("https://good0.example.com/"),
        Place::Waits
    ));
    let freed = test.done(tickets.pop().unwrap(), Outcome::Taken);
    assert_eq!(freed.start.len(), 1);
    assert!(test.lanes.is_full());
}

#[test]
fn a_queue_has_an_end_and_can_be_taken_out() {
    let url = "https://a.example.com/";
    let mut test = Test::new();
    let _ticket = test.start(url);
    for _ in 0..QUEUE {
        assert!(matches!(test.offer(url), Place::Waits));
    }
    assert!(matches!(test.offer(url), Place::Later(..)));
    assert_eq!(test.lanes.drain().len(), QUEUE);
    assert!(matches!(test.offer(url), Place::Waits));
}

#[test]
fn endpoints_that_are_not_used_are_forgotten() {
    let mut test = Test::new();
    for n in 0..MANY_LANES {
        let ticket = test.start(&format!("https://a{n}.example.com/"));
        test.done(ticket, Outcome::Taken);
    }
    let busy = test.start("https://a1.example.com/");
    test.now += FORGOTTEN_AFTER;
    test.start("https://new.example.com/");
    assert_eq!(test.lanes.by_endpoint.len(), 2);
    test.done(busy, Outcome::Taken);
}
