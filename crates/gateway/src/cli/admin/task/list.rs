//! The newest tasks of all tenants. The gateway lists them by tenant, so all are gone through.

use clap::Args;
use clap::builder::PossibleValuesParser;
use evogate_models::TenantId;
use evogate_models::task::State;
use serde::Deserialize;

use super::Task;
use crate::cli::admin::Session;
use crate::cli::admin::api::Query;
use crate::cli::admin::money::amount;
use crate::cli::admin::pages::{Entry, Joined, Pages, read};
use crate::cli::admin::screen::{Screen, remark};
use crate::cli::admin::table::{Set, Table, or_nothing};
use crate::cli::admin::times::stamp;
use crate::cli::remote::Problem;

/// Which, and how many.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Only this tenant's.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Only those in this state.
    #[arg(long, value_parser = PossibleValuesParser::new(State::NAMES))]
    state: Option<String>,
    /// So many at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// All of them.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl List {
    pub(super) async fn run(self, session: &Session) -> Result<(), Problem> {
        let query = Query::default()
            .with("tenant", self.tenant.as_ref())
            .with("state", self.state.as_deref());
        let mut pages = Pages::new(&session.api, "/tasks", query, "after", None);
        let mut newest = Newest::of(if self.all { None } else { Some(self.limit) });
        while let Some(page) = pages.next().await? {
            newest.add(page)?;
        }
        let screen = &session.screen;
        if screen.json {
            let tasks = newest.tasks.into_iter().map(|(_, entry)| entry);
            return screen.print_joined(&Joined::of(Some(newest.seen), tasks.collect()));
        }
        let tasks: Result<Vec<Task>, Problem> =
            newest.tasks.iter().map(|(_, entry)| read(entry)).collect();
        let tasks = tasks?;
        screen.say(&table(&tasks, screen));
        let shown = u64::try_from(tasks.len()).unwrap_or(u64::MAX);
        if newest.seen > shown {
            remark(&format!(
                "the newest {shown} of {}; --all or --limit shows more",
                newest.seen
            ));
        }
        Ok(())
    }
}

/// The newest of many tasks that come by tenant.
#[derive(Debug)]
struct Newest {
    most: Option<usize>,
    /// With when they were made, the newest first.
    tasks: Vec<(i64, Entry)>,
    seen: u64,
}

#[derive(Deserialize)]
struct Made {
    created: i64,
}

impl Newest {
    fn of(most: Option<usize>) -> Self {
        Self {
            most,
            tasks: Vec::new(),
            seen: 0,
        }
    }

    fn add(&mut self, page: Vec<Entry>) -> Result<(), Problem> {
        self.seen = self
            .seen
            .saturating_add(u64::try_from(page.len()).unwrap_or(0));
        for entry in page {
            let Made { created } = read(&entry)?;
            self.tasks.push((created, entry));
        }
        self.tasks
            .sort_by_key(|(created, _)| std::cmp::Reverse(*created));
        self.tasks.truncate(self.most.unwrap_or(usize::MAX));
        Ok(())
    }
}

fn table(tasks: &[Task], screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("task", Set::Firm),
        ("tenant", Set::Firm),
        ("state", Set::Firm),
        ("model", Set::Firm),
        ("created", Set::Firm),
        ("held", Set::Right),
        ("charged", Set::Right),
        ("user", Set::Text),
    ]);
    for task in tasks {
        table.row([
            task.id.clone(),
            task.tenant.to_string(),
            task.state.clone(),
            task.model.clone(),
            stamp(task.created),
            amount(task.credits.held),
            amount(task.credits.charged),
            or_nothing(task.user.as_deref()).to_owned(),
        ]);
    }
    screen.show(&table)
}
