//! `evogate unknown`: submits whose outcome nobody knows. They keep their holds until they are found, or
//! somebody decides.

mod view;

use clap::Subcommand;
use evogate_models::{TaskId, UpstreamId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use self::view::{Unknown, decided, details, table};
use super::confirm::Consent;
use super::money::amount;
use super::pages::{Entry, read};
use super::screen::remark;
use super::task::{Task, find};
use super::{Order, Session, help};
use crate::cli::remote::{Problem, clean};

#[derive(Debug, Subcommand)]
#[command(after_help = help!(
    "evogate unknown list"
    "evogate unknown show task-unified-1795654184-bfbj884x"
    "evogate unknown bind task-unified-1795654184-bfbj884x task-unified-1795654183-o8632e0n"
    "evogate unknown lose task-unified-1795654184-bfbj884x"
))]
pub(in crate::cli) enum Command {
    /// List them, with what could be theirs in EvoLink's own list.
    List,
    /// Show one, with what could be its in EvoLink's own list.
    Show {
        /// The task's id.
        task: TaskId,
    },
    /// Decide that it is this task of EvoLink's. EvoLink is asked first, and it must fit.
    Bind {
        /// The task's id.
        task: TaskId,
        /// EvoLink's id, as `show` lists it.
        evolink_task: UpstreamId,
        #[command(flatten)]
        consent: Consent,
    },
    /// Decide that EvoLink does not have it: it fails, and its credits are given back.
    #[command(visible_alias = "lost")]
    Lose {
        /// The task's id.
        task: TaskId,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Deserialize)]
struct List {
    data: Vec<Entry>,
    candidates_error: Option<String>,
}

impl Order for Command {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        match self {
            Self::List => list(session).await,
            Self::Show { task } => show(session, &task).await,
            Self::Bind {
                task,
                evolink_task,
                consent,
            } => {
                let found = undecided(session, &task).await?;
                let what = format!(
                    "Let {task} of {} be EvoLink's {evolink_task}, for ever",
                    found.tenant
                );
                consent.to(&what).await?;
                let decision = json!({
                    "decision": "bind",
                    "tenant": found.tenant,
                    "upstream_id": evolink_task,
                });
                decide(session, &task, &decision).await
            }
            Self::Lose { task, consent } => {
                let found = undecided(session, &task).await?;
                let what = format!(
                    "Give up {task} of {} as lost, for ever, and give back its {} credits",
                    found.tenant,
                    amount(found.credits.held)
                );
                consent.to(&what).await?;
                let decision = json!({ "decision": "lost", "tenant": found.tenant });
                decide(session, &task, &decision).await
            }
        }
    }
}

async fn list(session: &Session) -> Result<(), Problem> {
    let screen = &session.screen;
    let answer = session.api.get("/unknown").await?;
    if !screen.json {
        let List {
            data,
            candidates_error,
        } = answer.read()?;
        let unknown: Result<Vec<Unknown>, Problem> = data.iter().map(read).collect();
        screen.say(&table(&unknown?, screen));
        if let Some(error) = candidates_error {
            remark(&format!(
                "EvoLink's own list could not be read: {}",
                clean(&error)
            ));
        }
        return Ok(());
    }
    screen.say(answer.text());
    Ok(())
}

async fn show(session: &Session, task: &TaskId) -> Result<(), Problem> {
    let screen = &session.screen;
    let list: List = session.api.get("/unknown").await?.read()?;
    for entry in &list.data {
        let unknown: Unknown = read(entry)?;
        if unknown.id == task.as_str() {
            if screen.json {
                screen.say(entry.get());
            } else {
                screen.say(&details(&unknown, screen));
            }
            return Ok(());
        }
    }
    let state = find(&session.api, task).await?.state;
    Err(not_unknown(task, &state))
}

/// The task that somebody wants to decide about.
async fn undecided(session: &Session, task: &TaskId) -> Result<Task, Problem> {
    let found = find(&session.api, task).await?;
    if found.state == "unknown" {
        Ok(found)
    } else {
        Err(not_unknown(task, &found.state))
    }
}

fn not_unknown(task: &TaskId, state: &str) -> Problem {
    let why = format_args!("{task} is not unknown, it is {state}");
    let problem = Problem::new("task_not_unknown", why);
    problem.hint(format_args!(
        "`evogate task timeline {task}` tells how it came to that."
    ))
}

async fn decide(session: &Session, task: &TaskId, decision: &Value) -> Result<(), Problem> {
    let path = format!("/unknown/{task}");
    let answer = session.api.change(Method::POST, &path, decision).await?;
    session.screen.print(&answer, decided)
}
