//! The submit: the one call that costs something, so it is repeated only where that can't make a second video.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::api::Api;
use super::arguments::Request;
use super::console::Console;
use super::pace::Pace;
use super::task::Task;
use crate::cli::remote::{CallError, Problem};

/// How often it is tried with somebody who is not there, or not for us. Not counted: a 429, which says when to
/// come back.
const TRIES: u32 = 6;
/// How long the credits may take to be shown.
const BALANCE: Duration = Duration::from_secs(10);

/// A video that is to be made.
pub(super) struct Submission<'a> {
    pub(super) api: &'a Api,
    pub(super) console: &'a Console,
    pub(super) request: &'a Request,
    /// Sent as `Idempotency-Key`.
    pub(super) key: &'a str,
    pub(super) pace: Pace,
    pub(super) deadline: Instant,
    /// May a task have been made that we know nothing of?
    doubt: AtomicBool,
}

/// What an answer means for another try.
enum Verdict {
    /// Nothing was made, and another try has a chance.
    Later {
        wait: Option<Duration>,
        counts: bool,
    },
    /// Nobody knows whether something was made.
    Unknown,
    /// No.
    Final,
}

impl Verdict {
    fn of(error: &CallError) -> Self {
        match error {
            CallError::Unclear { sent: false, .. } => Self::Later {
                wait: None,
                counts: true,
            },
            CallError::Unclear { sent: true, .. } => Self::Unknown,
            CallError::Refused(refusal) => match refusal.status {
                status @ (429 | 503) => Self::Later {
                    wait: refusal.wait,
                    counts: status == 503,
                },
                _ if refusal.is_temporary() || refusal.code == "paid_outcome_unknown" => {
                    Self::Unknown
                }
                _ => Self::Final,
            },
        }
    }
}

impl<'a> Submission<'a> {
    pub(super) fn new(
        api: &'a Api,
        console: &'a Console,
        (request, key): (&'a Request, &'a str),
        pace: Pace,
        deadline: Instant,
    ) -> Self {
        Self {
            api,
            console,
            request,
            key,
            pace,
            deadline,
            doubt: AtomicBool::new(false),
        }
    }

    /// May a task have been made that we know nothing of? To be asked when the submit is given up.
    pub(super) fn in_doubt(&self) -> bool {
        self.doubt.load(Ordering::Relaxed)
    }

    /// Submits until there is a task, or no hope.
    pub(super) async fn run(&self) -> Result<Task, Problem> {
        let mut tries = 0;
        let mut unknown = false;
        loop {
            // Given up from here on, nobody knows what became of it.
            self.doubt.store(true, Ordering::Relaxed);
            let error = match self.api.submit(self.request, self.key).await {
                Ok(task) => return Ok(task),
                Err(error) => error,
            };
            let (wait, counts) = match Verdict::of(&error) {
                Verdict::Later { wait, counts } => (wait, counts),
                Verdict::Unknown => {
                    unknown = true;
                    (None, true)
                }
                // Also the last word about earlier tries with the same key.
                Verdict::Final => return Err(error.into()),
            };
            self.doubt.store(unknown, Ordering::Relaxed);
            tries = if counts { tries + 1 } else { tries };
            let wait = self.pace.after(tries, wait);
            let hopeless = tries >= TRIES || Instant::now() + wait >= self.deadline;
            if unknown && (hopeless || !self.may_repeat().await) {
                return Err(self.outcome_unknown(error));
            }
            if hopeless {
                return Err(error.into());
            }
            self.console.trouble(&error, wait);
            sleep(wait).await;
            self.console.submitting();
        }
    }

    /// Is it a gateway, which makes one video for one key? EvoLink's tutorial knows no such key, so with
    /// EvoLink itself another try could make and bill another video.
    async fn may_repeat(&self) -> bool {
        for failures in 1..=TRIES {
            match self.api.balance(BALANCE).await {
                Ok(balance) => return balance.of_gateway,
                Err(CallError::Refused(refusal)) if !refusal.is_temporary() => return false,
                Err(error) => {
                    let wait = self.pace.after(failures, None);
                    self.console.trouble(&error, wait);
                    sleep(wait).await;
                }
            }
        }
        false
    }

    /// Why it ended, when nobody knows whether a video is being made.
    pub(super) fn outcome_unknown(&self, why: impl fmt::Display) -> Problem {
        let message = format!("{why}\nNobody knows whether a video is being made now.");
        let problem = Problem::new("submit_outcome_unknown", message);
        problem.hint(format!(
            "It is not submitted again: that could be paid for twice. With a gateway the same command with\n  \
             --idempotency-key {}\nfinds it, or makes it once.",
            self.key
        ))
    }
}
