//! The commands of admins: tenants, quotas, credits, keys and what was done with them, on a running gateway
//! through its admin routes.
//!
//! What must hold: people get tables and scripts (`--json`) get what the gateway answered; a grant is granted
//! once however often it is tried; what can't be undone is done only by somebody who said so; a secret is
//! printed once, where it was asked for, and the admin's own key nowhere.

mod access;
mod admins;
mod answer;
mod api;
mod audit;
mod confirm;
mod diff;
mod grant;
mod journal;
mod key;
mod ledger;
mod minted;
mod money;
mod pages;
mod quota;
mod refused;
mod screen;
mod table;
mod task;
mod tenant;
#[cfg(test)]
mod tests;
mod times;
mod unknown;
mod usage;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use evogate_store::{Clock, SystemClock};

use super::remote::Problem;
use super::{Failure, environment};
use crate::secret::Secret;
use access::Access;
use api::Api;
use screen::Screen;
pub(super) use table::{Set, Table};

/// What all of them end their help with.
macro_rules! help {
    ($($line:literal)*) => {
        concat!(
            "Examples:\n",
            $("  ", $line, "\n",)*
            "\nExit codes: 0 done; 1 it failed or was refused; 2 wrong usage; 130 not wanted after all."
        )
    };
}
use help;

/// What an admin does.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tenants: make, list, show, rename, suspend and resume them.
    Tenant(Group<tenant::Command>),
    /// What a tenant may do.
    Quota(Group<quota::Command>),
    /// Give a tenant credits, or take some back.
    Grant(Single<grant::Arguments>),
    /// A tenant's keys.
    Key(Group<key::Command>),
    /// What was made and spent, by day, tenant, user, key or model.
    Usage(Single<usage::Arguments>),
    /// Every change of a tenant's credits, in order.
    Journal(Single<journal::Arguments>),
    /// Tasks of all tenants.
    Task(Group<task::Command>),
    /// Submits whose outcome nobody knows, and what became of them.
    Unknown(Group<unknown::Command>),
    /// Submits that were refused in the last seven days.
    Refused(Single<refused::Arguments>),
    /// Who changed what.
    Audit(Single<audit::Arguments>),
    /// The proof of the books.
    Ledger(Group<ledger::Command>),
    /// The admins' own keys.
    Admin(Group<admins::Command>),
}

/// Something that is done.
trait Order {
    /// Does it, and prints what came of it.
    async fn run(self, session: &Session) -> Result<(), Problem>;
}

/// A command with commands of its own.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Group<C: Subcommand> {
    #[command(subcommand)]
    order: C,
    #[command(flatten)]
    options: Options,
}

/// A command that stands alone.
#[derive(Debug, Args)]
pub(super) struct Single<A: Args> {
    #[command(flatten)]
    order: A,
    #[command(flatten)]
    options: Options,
}

/// Which gateway, and how its answer is shown.
#[derive(Debug, Args)]
struct Options {
    /// The gateway; by default `$EVOGATE_URL`.
    #[arg(long, value_name = "URL", global = true, help_heading = "Gateway")]
    url: Option<String>,
    /// An admin's key; by default `$EVOGATE_ADMIN_KEY`, which others on this machine can't see.
    #[arg(long, value_name = "KEY", global = true, help_heading = "Gateway",
        value_parser = StringValueParser::new().map(Secret::new))]
    admin_key: Option<Secret>,
    /// For scripts: what the gateway answered, on stdout; pages are joined.
    #[arg(long, global = true, help_heading = "Gateway")]
    json: bool,
}

/// A gateway, and somebody who reads what it says.
#[derive(Debug)]
struct Session {
    api: Api,
    screen: Screen,
}

/// Does what was asked.
pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Tenant(group) => work(group.order, group.options).await,
        Command::Quota(group) => work(group.order, group.options).await,
        Command::Grant(single) => work(single.order, single.options).await,
        Command::Key(group) => work(group.order, group.options).await,
        Command::Usage(single) => work(single.order, single.options).await,
        Command::Journal(single) => work(single.order, single.options).await,
        Command::Task(group) => work(group.order, group.options).await,
        Command::Unknown(group) => work(group.order, group.options).await,
        Command::Refused(single) => work(single.order, single.options).await,
        Command::Audit(single) => work(single.order, single.options).await,
        Command::Ledger(group) => work(group.order, group.options).await,
        Command::Admin(group) => work(group.order, group.options).await,
    }
}

async fn work(order: impl Order, options: Options) -> Result<(), Failure> {
    let screen = Screen::standard(options.json, SystemClock.now());
    let access = Access::of(
        options.url.as_deref(),
        options.admin_key.as_ref(),
        environment(),
    );
    let api = access.and_then(|access| Api::new(&access));
    match api {
        Ok(api) => {
            let session = Session { api, screen };
            let done = order.run(&session).await;
            done.map_err(|problem| session.screen.failed(problem))
        }
        Err(problem) => Err(screen.failed(problem)),
    }
}
