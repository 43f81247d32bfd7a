//! `evogate quota`: what a tenant may do. The gateway takes a quota as a whole; here only what is named is
//! changed.

mod change;
mod fields;
mod flags;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use evogate_models::TenantId;
use reqwest::Method;

pub(super) use fields::Quota;

use self::change::Change;
use self::flags::Flags;
use super::screen::Screen;
use super::table::{Set as Column, Table};
use super::{Order, Session, help};
use crate::cli::remote::Problem;

#[derive(Debug, Subcommand)]
#[command(after_help = help!(
    "evogate quota show studio"
    "evogate quota set studio --credits-per-day 300 --time-zone Europe/Berlin --max-tasks-in-flight 10"
    "evogate quota set studio --unset credits-per-day"
))]
pub(in crate::cli) enum Command {
    /// Show what a tenant may do.
    Show {
        /// The tenant.
        tenant: TenantId,
    },
    /// Change what is named, and leave the rest as it is.
    #[command(after_help = help!(
        "evogate quota set studio --credits-per-day 300 --per-user-credits-per-day 60"
        "evogate quota set studio --model 'seedance-2.0*' --max-duration 10 --max-quality 720p"
        "evogate quota set studio --unset max-duration,models"
        "evogate quota set studio --file quota.json --replace"
        "evogate quota show studio --json | jq '.submits_per_minute = 30' | evogate quota set studio --file -"
    ))]
    Set(Box<Set>),
}

/// What to change.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// The tenant.
    tenant: TenantId,
    #[command(flatten)]
    flags: Flags,
    /// No longer limit this; may be repeated. A name as in a quota, or as its flag.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = fields::parse)]
    unset: Vec<String>,
    /// Fields from a file with a JSON object, or from stdin (-). null unsets; flags count more.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Begin with a quota that limits nothing instead of the one that is set.
    #[arg(long)]
    replace: bool,
}

impl Order for Command {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let (api, screen) = (&session.api, &session.screen);
        match self {
            Self::Show { tenant } => {
                let answer = api.get(&format!("/tenants/{tenant}/quota")).await?;
                screen.print(&answer, |quota: &Quota, screen| table(quota, screen))
            }
            Self::Set(set) => {
                let change = set.change()?;
                let path = format!("/tenants/{}/quota", set.tenant);
                let before: Quota = api.get(&path).await?.read()?;
                let mut quota = if set.replace {
                    Quota::default()
                } else {
                    before.clone()
                };
                quota.take(change);
                let answer = api.change(Method::PUT, &path, &quota).await?;
                screen.print(&answer, |after: &Quota, screen| {
                    compared(&before, after, screen)
                })
            }
        }
    }
}

impl Set {
    /// Everything that is named, in the order in which it counts: the file, then the flags.
    fn change(&self) -> Result<Change, Problem> {
        let mut change = Change::default();
        if let Some(file) = &self.file {
            change.and(Change::read(file)?);
        }
        let flags = self.flags.change()?;
        let both = self.unset.iter().find(|field| flags.names(field));
        if let Some(field) = both {
            return Err(Problem::usage(format_args!(
                "{field} is both set and unset"
            )));
        }
        change.and(flags);
        for field in &self.unset {
            change.unset(field);
        }
        if change.is_empty() && !self.replace {
            let problem = Problem::usage("there is nothing to change");
            return Err(problem.hint("`evogate quota set --help` lists what can be set."));
        }
        Ok(change)
    }
}

fn table(quota: &Quota, screen: &Screen) -> String {
    let mut table = Table::new(&[("field", Column::Firm), ("value", Column::Text)]);
    for (name, value) in quota.fields() {
        table.row([name, value]);
    }
    screen.show(&table)
}

/// The quota, with what was different.
fn compared(before: &Quota, after: &Quota, screen: &Screen) -> String {
    if before == after {
        return format!("{}\n\nnothing changed", table(after, screen));
    }
    let mut table = Table::new(&[
        ("field", Column::Firm),
        ("value", Column::Text),
        ("was", Column::Text),
    ]);
    for (name, value) in after.fields() {
        let was = before.value(&name);
        let was = if was == value { String::from("=") } else { was };
        table.row([name, value, was]);
    }
    screen.show(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::admin::tests::screen;

    #[test]
    fn what_was_different_is_shown_beside_what_is() {
        let quota = |text| serde_json::from_str::<Quota>(text).unwrap();
        let before = quota(r#"{"unlimited":false,"credits_per_day":5.5,"models":["a"]}"#);
        let after = quota(r#"{"unlimited":false,"credits_per_day":300,"newer":{"x":1}}"#);
        let lines = compared(&before, &after, &screen());
        let changed: Vec<&str> = lines.lines().filter(|line| !line.ends_with('=')).collect();
        insta::assert_snapshot!(changed.join("\n"), @r"
        FIELD                       VALUE  WAS
        credits_per_day             300    5.5
        models                      -      a
        newer.x                     1      -
        ");
        assert!(compared(&after, &after, &screen()).ends_with("nothing changed"));
    }
}
