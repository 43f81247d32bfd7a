//! How long is waited between two calls.

use std::time::Duration;

/// No wait between tries is longer, unless the other side asks for it.
const LONGEST: Duration = Duration::from_secs(15);

/// The waits of one run. Tests make them short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between two reads of a task, at most.
    pub(super) poll: Duration,
    /// Before the first repetition of something that failed; each further wait is twice as long.
    pub(super) retry: Duration,
}

impl Default for Pace {
    /// EvoLink tutorial: clients poll every 5–15 s. The gateway asks EvoLink every 5 s at most.
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(5),
            retry: Duration::from_secs(1),
        }
    }
}

impl Pace {
    /// The wait until the next read: a twentieth of the estimate, so that short tasks are not waited for in
    /// vain.
    pub(super) fn poll(&self, estimate: Option<Duration>) -> Duration {
        let shortest = self.poll.checked_div(5).unwrap_or_default();
        estimate
            .and_then(|estimate| estimate.checked_div(20))
            .map_or(self.poll, |part| part.clamp(shortest, self.poll))
    }

    /// The wait after so many failures in a row: as long as the other side asks for, if it does, but never
    /// none.
    pub(super) fn after(&self, failures: u32, asked: Option<Duration>) -> Duration {
        match asked {
            Some(asked) => asked.max(self.retry),
            None => self.backoff(failures),
        }
    }

    fn backoff(&self, failures: u32) -> Duration {
        let doubled = failures.saturating_sub(1).min(16);
        let factor = 1_u32.checked_shl(doubled).unwrap_or(u32::MAX);
        self.retry.saturating_mul(factor).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tasks_are_read_more_often() {
        let pace = Pace::default();
        let after = |estimate: u64| pace.poll(Some(Duration::from_secs(estimate)));
        assert_eq!(after(132), Duration::from_secs(5));
        assert_eq!(after(60), Duration::from_secs(3));
        assert_eq!(after(1), Duration::from_secs(1));
        assert_eq!(pace.poll(None), Duration::from_secs(5));
    }

    #[test]
    fn each_failure_doubles_the_wait_up_to_a_limit() {
        let pace = Pace::default();
        let waits = [1, 2, 3, 4, 9, u32::MAX].map(|failures| pace.after(failures, None).as_secs());
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
    }

    #[test]
    fn the_other_side_may_ask_for_more_time_but_not_for_none() {
        let pace = Pace::default();
        let after = |asked| pace.after(1, Some(Duration::from_secs(asked))).as_secs();
        assert_eq!([after(60), after(0)], [60, 1]);
    }
}
