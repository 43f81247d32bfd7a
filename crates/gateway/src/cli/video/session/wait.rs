//! The wait for a task's end, and what becomes of the task when somebody ends the wait.

use std::time::Duration;

use evogate_models::UpstreamId;
use tokio::time::sleep;

use super::{Race, Session};
use crate::cli::remote::{CallError, Problem};
use crate::cli::signals::Stop;
use crate::cli::video::api::Api;
use crate::cli::video::console::Console;
use crate::cli::video::feed::Feed;
use crate::cli::video::pace::Pace;
use crate::cli::video::person::{Person, Wish};
use crate::cli::video::task::Task;

/// How often a cancel is tried with somebody who is not there.
const TRIES: u32 = 4;
const QUESTION: &str =
    "Cancel the task?  y: cancel it  n: leave it running  w: go on waiting  [y/N/w] ";

impl<P: Person> Session<'_, P> {
    /// Follows a task to its end. `seen`: as it was just now. `stop`: somebody already wants to end it.
    pub(super) async fn wait(
        &mut self,
        id: &UpstreamId,
        seen: Option<&Task>,
        mut stop: Option<Stop>,
    ) -> Result<Task, Problem> {
        let mut feed = Feed::new(self.api, self.console, id.clone(), self.pace);
        let mut last = seen.cloned();
        if let Some(task) = seen {
            if task.status.is_terminal() {
                return Ok(task.clone());
            }
            feed.saw(task);
        }
        loop {
            let news = match stop.take() {
                Some(stop) => Race::Stopped(stop),
                None => self.race(feed.next()).await,
            };
            match news {
                Race::Done(Ok(task)) => {
                    self.saw(&task);
                    if task.status.is_terminal() {
                        return Ok(task);
                    }
                    last = Some(task);
                }
                Race::Done(Err(refusal)) if refusal.status == 404 => return Err(refusal.into()),
                Race::Done(Err(refusal)) => return Err(self.later(refusal.into(), id)),
                Race::TimedOut => {
                    let why = match feed.trouble() {
                        Some(trouble) => format!("{trouble}\nNobody knows whether {id} is ready."),
                        None => format!("{id} is not ready in time; it goes on"),
                    };
                    return Err(self.later(Problem::new("timed_out", why), id));
                }
                Race::Stopped(Stop::Interrupt) if self.person.is_there() && !self.cancelling => {
                    match self.ask().await {
                        Wish::Wait => {
                            if let Some(task) = &last {
                                self.console.task(task);
                            }
                        }
                        Wish::Leave => return Err(self.left(id)),
                        Wish::Cancel => {
                            if let Some(task) = self.cancel(id).await? {
                                return Ok(task);
                            }
                        }
                    }
                }
                Race::Stopped(_) => return Err(self.left(id)),
            }
        }
    }

    fn saw(&mut self, task: &Task) {
        if let Some(created) = task.created {
            let age = self.clock.now().since(created);
            let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
            self.console.begin(age);
        }
        self.summary.saw(task);
        self.console.task(task);
    }

    async fn ask(&mut self) -> Wish {
        loop {
            self.console.ask(QUESTION);
            if let Some(wish) = self.person.wish().await {
                return wish;
            }
        }
    }

    /// Cancels the task. Answers it if that ended it; otherwise it is waited for on.
    async fn cancel(&mut self, id: &UpstreamId) -> Result<Option<Task>, Problem> {
        let (api, console, pace) = (self.api, self.console, self.pace);
        match self.race(cancel(api, console, pace, id)).await {
            Race::Done(Ok(task)) => {
                self.cancelling = true;
                let ended = task.filter(|task| task.status.is_terminal());
                match &ended {
                    Some(task) => self.summary.saw(task),
                    None => console.warn("EvoLink was asked to cancel it; waiting until it is."),
                }
                Ok(ended)
            }
            Race::Done(Err(error)) => {
                console.warn(&format!(
                    "It can't be cancelled: {error}\nWaiting for the video."
                ));
                Ok(None)
            }
            Race::Stopped(_) | Race::TimedOut => Err(self.left(id)),
        }
    }

    fn left(&mut self, id: &UpstreamId) -> Problem {
        let problem = Problem::interrupted(format_args!("interrupted; {id} goes on"));
        self.later(problem, id)
    }
}

/// Asking twice does no harm, so whatever may pass is tried again.
async fn cancel(
    api: &Api,
    console: &Console,
    pace: Pace,
    id: &UpstreamId,
) -> Result<Option<Task>, CallError> {
    let mut failures = 0;
    loop {
        let error = match api.cancel(id).await {
            Ok(task) => return Ok(task),
            Err(error) => error,
        };
        failures += 1;
        let asked = match &error {
            CallError::Refused(refusal) if !refusal.is_temporary() => return Err(error),
            CallError::Refused(refusal) => refusal.wait,
            CallError::Unclear { .. } => None,
        };
        if failures >= TRIES {
            return Err(error);
        }
        let wait = pace.after(failures, asked);
        console.trouble(&error, wait);
        sleep(wait).await;
    }
}
