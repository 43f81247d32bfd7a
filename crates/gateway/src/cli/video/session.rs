//! One run from the submit to the file.

mod wait;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use evogate_models::UpstreamId;
use evogate_models::report::Status;
use evogate_store::Clock;
use tokio::time::{Instant, sleep_until};

use super::api::Api;
use super::arguments::{Order, Request, What};
use super::console::Console;
use super::download::Download;
use super::pace::Pace;
use super::person::Person;
use super::progress::{clock, size};
use super::submission::Submission;
use super::summary::Summary;
use super::task::Task;
use crate::cli::remote::Problem;
use crate::cli::signals::Stop;

/// How long the credits may take to be shown. They are not what somebody waits for.
const BALANCE: Duration = Duration::from_secs(5);

/// A run, with everybody who takes part in it.
pub(super) struct Session<'a, P> {
    pub(super) api: &'a Api,
    pub(super) order: &'a Order,
    pub(super) console: &'a Console,
    pub(super) person: P,
    pub(super) clock: &'a dyn Clock,
    pub(super) pace: Pace,
    pub(super) deadline: Instant,
    pub(super) summary: &'a mut Summary,
    /// Did somebody here ask for it to be cancelled?
    pub(super) cancelling: bool,
}

/// What came first.
enum Race<T> {
    Done(T),
    Stopped(Stop),
    TimedOut,
}

impl<P: Person> Session<'_, P> {
    /// Makes the video, or takes up its task.
    pub(super) async fn run(mut self) -> Result<(), Problem> {
        let order = self.order;
        let task = match &order.what {
            What::Make { request, key } => {
                self.console.begin(Duration::ZERO);
                let (task, stop) = self.submit(request, key).await?;
                self.wait(&task.id, Some(&task), stop).await?
            }
            What::Resume(id) => {
                self.summary.named(id);
                self.wait(id, None, None).await?
            }
        };
        self.console.clear();
        match task.status {
            Status::Completed => self.save(&task).await,
            _ => Err(self.without_video(&task).await),
        }
    }

    /// Lets the work go on until it is done, somebody ends it, or time is up. What is dropped then must do no
    /// harm.
    async fn race<T>(&mut self, work: impl Future<Output = T>) -> Race<T> {
        tokio::select! {
            done = work => Race::Done(done),
            stop = self.person.stop() => Race::Stopped(stop),
            () = sleep_until(self.deadline) => Race::TimedOut,
        }
    }

    /// Submits the video. A Ctrl-C while it is on its way is kept until the task's id is known.
    async fn submit(
        &mut self,
        request: &Request,
        key: &str,
    ) -> Result<(Task, Option<Stop>), Problem> {
        let (api, console) = (self.api, self.console);
        let submission = Submission::new(api, console, (request, key), self.pace, self.deadline);
        let mut work = pin!(submission.run());
        let mut kept = None;
        console.submitting();
        loop {
            match self.race(work.as_mut()).await {
                Race::Done(task) => {
                    let task = task?;
                    self.submitted(&task);
                    return Ok((task, kept));
                }
                Race::Stopped(_) if !submission.in_doubt() => {
                    return Err(Problem::interrupted("interrupted; nothing was submitted"));
                }
                Race::Stopped(Stop::Interrupt) if kept.is_none() => {
                    kept = Some(Stop::Interrupt);
                    console
                        .warn("The video is being submitted; one moment, so that it isn't lost.");
                }
                Race::Stopped(_) => {
                    let why = "interrupted while the video was being submitted";
                    return Err(submission.outcome_unknown(why).wanted());
                }
                Race::TimedOut if submission.in_doubt() => {
                    return Err(submission.outcome_unknown("the submit was not answered in time"));
                }
                Race::TimedOut => {
                    return Err(Problem::new(
                        "timed_out",
                        "nothing could be submitted in time",
                    ));
                }
            }
        }
    }

    fn submitted(&mut self, task: &Task) {
        let reserved = task
            .reserved
            .map(|credits| format!(", {credits} credits reserved"));
        let line = format!("{} submitted{}", task.id, reserved.unwrap_or_default());
        self.console.tell(&line);
        self.summary.saw(task);
        self.console.task(task);
    }

    /// Downloads what was made.
    async fn save(&mut self, task: &Task) -> Result<(), Problem> {
        // Of a task that is taken up again nobody knows when it ended.
        let took = match self.order.what {
            What::Make { .. } => format!(" after {}", clock(self.console.elapsed())),
            What::Resume(_) => String::new(),
        };
        let download = Download {
            api: self.api,
            console: self.console,
            pace: self.pace,
            out: self.order.out(&task.id),
            force: self.order.force,
        };
        let bytes = match self.race(download.run(task)).await {
            Race::Done(Ok(bytes)) => bytes,
            Race::Done(Err(problem)) => return Err(self.later(problem, &task.id)),
            Race::Stopped(_) => {
                let problem = Problem::interrupted("interrupted; the video is ready");
                return Err(self.later(problem, &task.id));
            }
            Race::TimedOut => {
                let problem = Problem::new("timed_out", "the download took too long");
                return Err(self.later(problem, &task.id));
            }
        };
        self.summary.saved(&download.out, bytes);
        self.ask_for_balance().await;
        self.console.clear();
        let money = self.summary.money();
        self.console.tell(&format!(
            "saved {} ({}){took}{}",
            download.out.display(),
            size(bytes),
            money.map(|money| format!("; {money}")).unwrap_or_default(),
        ));
        Ok(())
    }

    /// Why there is none.
    async fn without_video(&mut self, task: &Task) -> Problem {
        self.ask_for_balance().await;
        let money = self.summary.money();
        let money = money.map(|money| format!("; {money}")).unwrap_or_default();
        let id = &task.id;
        match &task.fault {
            Some(fault) if task.status == Status::Failed => {
                let why = format_args!("{id} failed: {} ({}){money}", fault.message, fault.code);
                Problem::new(fault.code.clone(), &fault.message).shown(why)
            }
            _ if task.status == Status::Failed => {
                let why = format_args!("{id} failed, and nobody says why{money}");
                Problem::new("unknown_error", "no reason was given").shown(why)
            }
            _ => {
                let why = format_args!("{id} was cancelled{money}");
                let problem =
                    Problem::new("request_cancelled", "the task was cancelled").shown(why);
                if self.cancelling {
                    problem.wanted()
                } else {
                    problem
                }
            }
        }
    }

    async fn ask_for_balance(&mut self) {
        let api = self.api;
        if let Race::Done(Ok(balance)) = self.race(api.balance(BALANCE)).await {
            self.summary.remaining(balance.remaining);
        }
    }

    /// With how to fetch the video another time.
    fn later(&mut self, problem: Problem, id: &UpstreamId) -> Problem {
        let command = self.order.resume(id);
        self.summary.resume(&command);
        problem.hint(format!(
            "To fetch the video later (EvoLink keeps it for 24 hours):\n  {command}"
        ))
    }
}
