//! What one connection is doing, as far as its time-outs need to know. The socket, the requests and the watch
//! over them share it; everything is an atomic, so that a request costs a few additions.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::config;

/// While there are too many connections, what an idle one and a head get at most.
const TIGHT_IDLE: Duration = Duration::from_secs(1);
const TIGHT_HEAD: Duration = Duration::from_secs(3);

/// Moments are milliseconds since the connection began, and 0 is never.
type Moment = u64;

#[derive(Debug)]
pub(super) struct Pulse {
    began: Instant,
    http2: AtomicBool,
    /// Requests whose answers are not over.
    open: AtomicU32,
    /// Those of them that wait for us, not for the client.
    busy: AtomicU32,
    /// Since when a head has been coming.
    head_since: AtomicU64,
    /// Since when the socket has taken nothing.
    blocked_since: AtomicU64,
    /// When a request last began or ended, or a part of an answer was taken.
    moved: AtomicU64,
}

/// What the watch has to do, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before that moment.
    Not(Moment),
    /// It is idle: it may go in order.
    Farewell,
    /// Its client is too slow.
    Cut(&'static str),
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            http2: AtomicBool::new(false),
            open: AtomicU32::new(0),
            busy: AtomicU32::new(0),
            // From its first moment on the first head is awaited.
            head_since: AtomicU64::new(1),
            blocked_since: AtomicU64::new(0),
            moved: AtomicU64::new(1),
        }
    }

    pub(super) fn now(&self) -> Moment {
        let passed = self.began.elapsed().as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX).max(1)
    }

    pub(super) fn instant(&self, at: Moment) -> tokio::time::Instant {
        // A moment so far away that it can't be reckoned is not waited for.
        let at = self.began.checked_add(Duration::from_millis(at));
        at.map_or_else(tokio::time::Instant::now, Into::into)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    /// Is a request under way?
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Relaxed) > 0
    }

    /// It began as HTTP/2 does: bytes that come between requests are no heads.
    pub(super) fn speaks_http2(&self) {
        self.http2.store(true, Relaxed);
        self.head_since.store(0, Relaxed);
        self.moved.store(self.now(), Relaxed);
    }

    /// Bytes came.
    pub(super) fn heard(&self) {
        let awaited = self.open.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0;
        if awaited && !self.is_http2() {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    /// The socket took bytes, or did not.
    pub(super) fn wrote(&self, taken: bool) {
        let blocked = self.blocked_since.load(Relaxed) != 0;
        if taken && blocked {
            self.blocked_since.store(0, Relaxed);
        } else if !taken && !blocked {
            self.blocked_since.store(self.now(), Relaxed);
        }
    }

    /// A request has come.
    pub(super) fn begin(&self) {
        self.head_since.store(0, Relaxed);
        self.open.fetch_add(1, Relaxed);
        self.busy.fetch_add(1, Relaxed);
    }

    /// A request's answer is over, or given up.
    pub(super) fn end(&self) {
        self.moved.store(self.now(), Relaxed);
        self.open.fetch_sub(1, Relaxed);
    }

    /// A request waits for us, or for its client again.
    pub(super) fn wait_for_us(&self, yes: bool) {
        if yes {
            self.busy.fetch_add(1, Relaxed);
        } else {
            self.moved.store(self.now(), Relaxed);
            self.busy.fetch_sub(1, Relaxed);
        }
    }

    /// A part of an answer was taken.
    pub(super) fn gave(&self) {
        self.moved.store(self.now(), Relaxed);
    }

    /// What is due at `now`.
    pub(super) fn due(&self, waits: &config::Server, tight: bool, now: Moment) -> Due {
        let after = |since: Moment, wait: Duration| {
            let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            since.saturating_add(wait)
        };
        let blocked = self.blocked_since.load(Relaxed);
        let write_by = match blocked {
            0 => Moment::MAX,
            since => after(since, waits.write_timeout),
        };
        if now >= write_by {
            return Due::Cut("write_timeout");
        }
        let moved = self.moved.load(Relaxed);
        if self.is_open() {
            if self.busy.load(Relaxed) > 0 {
                // It is our turn; how long that takes is bounded elsewhere.
                return Due::Not(write_by.min(after(now, waits.write_timeout)));
            }
            // HTTP/2 clients that give no credit leave the socket open and take nothing all the same.
            let by = after(moved, waits.write_timeout);
            return if now >= by {
                Due::Cut("write_timeout")
            } else {
                Due::Not(write_by.min(by))
            };
        }
        let by = match self.head_since.load(Relaxed) {
            0 => {
                let idle = waits.idle_timeout;
                let by = after(moved, if tight { idle.min(TIGHT_IDLE) } else { idle });
                if now >= by {
                    return Due::Farewell;
                }
                by
            }
            since => {
                let head = waits.head_timeout;
                let by = after(since, if tight { head.min(TIGHT_HEAD) } else { head });
                if now >= by {
                    return Due::Cut("head_timeout");
                }
                by
            }
        };
        Due::Not(write_by.min(by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits() -> config::Server {
        let settings = "evolink.api_key = 'sk-0123456789'\nserver.head_timeout = '1s'\n\
             server.idle_timeout = '10s'\nserver.write_timeout = '5s'";
        config::Config::load_from_str(settings).unwrap().0.server
    }

    #[test]
    fn a_connection_that_says_nothing_and_one_that_says_half_a_head_are_cut() {
        let (pulse, waits) = (Pulse::new(), waits());
        assert_eq!(pulse.due(&waits, false, 500), Due::Not(1001));
        assert_eq!(pulse.due(&waits, false, 1001), Due::Cut("head_timeout"));
        pulse.begin();
        pulse.wait_for_us(false);
        pulse.end();
        let moved = pulse.moved.load(Relaxed);
        assert_eq!(pulse.due(&waits, false, moved), Due::Not(moved + 10_000));
        assert_eq!(pulse.due(&waits, false, moved + 10_000), Due::Farewell);
        pulse.heard();
        let now = pulse.now();
        assert_eq!(
            pulse.due(&waits, false, now + 1_000),
            Due::Cut("head_timeout")
        );
    }

    #[test]
    fn a_request_takes_its_time_and_a_client_that_takes_no_answer_does_not() {
        let (pulse, waits) = (Pulse::new(), waits());
        pulse.begin();
        assert!(matches!(pulse.due(&waits, true, 3_600_000), Due::Not(_)));
        pulse.wait_for_us(false);
        let now = pulse.now();
        assert!(matches!(pulse.due(&waits, false, now), Due::Not(_)));
        assert_eq!(
            pulse.due(&waits, false, now + 5_001),
            Due::Cut("write_timeout")
        );
        pulse.wait_for_us(true);
        pulse.wrote(false);
        assert!(matches!(pulse.due(&waits, false, now), Due::Not(_)));
        assert_eq!(
            pulse.due(&waits, false, now + 6_000),
            Due::Cut("write_timeout")
        );
        pulse.wrote(true);
        assert!(matches!(pulse.due(&waits, false, now + 6_000), Due::Not(_)));
    }

    #[test]
    fn an_idle_http2_connection_is_no_slow_head_and_goes_sooner_in_a_crowd() {
        let (pulse, waits) = (Pulse::new(), waits());
        pulse.speaks_http2();
        pulse.heard();
        assert!(matches!(pulse.due(&waits, false, 5_000), Due::Not(_)));
        assert_eq!(pulse.due(&waits, true, 5_000), Due::Farewell);
        assert_eq!(pulse.due(&waits, false, 11_000), Due::Farewell);
    }
}
