//! `evogate task`: the tasks of all tenants.

mod list;
mod timeline;

use clap::Subcommand;
use evogate_models::{TaskId, TenantId};
use serde::Deserialize;

use self::list::List;

use super::api::Api;
use super::money::{TaskCredits, amount};
use super::screen::Screen;
use super::table::Table;
use super::times::both;
use super::{Order, Session, help};
use crate::cli::remote::Problem;

#[derive(Debug, Subcommand)]
#[command(after_help = help!(
    "evogate task list --state unknown"
    "evogate task list --tenant studio --limit 200"
    "evogate task show task-unified-1795654184-bfbj884x"
    "evogate task timeline task-unified-1795654184-bfbj884x"
))]
pub(in crate::cli) enum Command {
    /// List tasks, the newest first.
    List(List),
    /// Show one task, whichever tenant's it is.
    Show {
        /// The task's id.
        task: TaskId,
    },
    /// Tell every step of one task: holds, calls, answers, deliveries, credits.
    Timeline {
        /// The task's id.
        task: TaskId,
    },
}

/// A task as the gateway shows it to admins.
#[derive(Debug, Deserialize)]
pub(super) struct Task {
    id: String,
    pub(super) tenant: TenantId,
    pub(super) state: String,
    model: String,
    created: i64,
    ended: Option<i64>,
    key: Option<String>,
    user: Option<String>,
    evolink_task_id: Option<String>,
    pub(super) credits: TaskCredits,
}

/// Finds a task, whichever tenant's it is.
pub(super) async fn find(api: &Api, task: &TaskId) -> Result<Task, Problem> {
    api.get(&format!("/tasks/{task}")).await?.read()
}

impl Order for Command {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let (api, screen) = (&session.api, &session.screen);
        match self {
            Self::List(list) => list.run(session).await,
            Self::Show { task } => {
                let answer = api.get(&format!("/tasks/{task}")).await?;
                screen.print(&answer, details)
            }
            Self::Timeline { task } => {
                let tenant = find(api, &task).await?.tenant;
                let path = format!("/tenants/{tenant}/tasks/{task}/timeline");
                screen.print(&api.get(&path).await?, timeline::shown)
            }
        }
    }
}

fn details(task: &Task, screen: &Screen) -> String {
    let mut table = Table::pairs();
    table.pair("task", &task.id);
    table.pair("tenant", task.tenant.as_str());
    table.pair("state", &task.state);
    table.pair("model", &task.model);
    table.pair("created", both(task.created, screen.now));
    table.pair_if("ended", task.ended.map(|ended| both(ended, screen.now)));
    table.pair_if("user", task.user.as_deref());
    table.pair_if("key", task.key.as_deref());
    table.pair_if("EvoLink's task", task.evolink_task_id.as_deref());
    table.pair("estimated", amount(task.credits.estimated));
    table.pair("held", amount(task.credits.held));
    table.pair("charged", amount(task.credits.charged));
    screen.show(&table)
}
