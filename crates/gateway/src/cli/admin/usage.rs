//! `evogate usage`: what was made and spent.

use std::collections::BTreeMap;

use clap::Args;
use clap::builder::PossibleValuesParser;
use evogate_models::credits::Decimal;
use evogate_models::{Credits, TenantId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::api::Query;
use super::money::amount;
use super::screen::Screen;
use super::table::{Set, Table};
use super::{Order, Session, help};
use crate::cli::remote::Problem;
use crate::csv;
use crate::usage::GROUPS;

/// What is counted, beside the credits.
const COUNTS: [&str; 4] = ["submitted", "completed", "failed", "cancelled"];
const CHARGED: &str = "credits_charged";

#[derive(Debug, Args)]
#[command(after_help = help!(
    "evogate usage --by tenant,model --from 2026-11-01 --to 2026-11-30"
    "evogate usage --tenant studio --by day,user --csv > studio.csv"
))]
pub(in crate::cli) struct Arguments {
    /// Of one tenant; by default of all.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// What the sums are for, in this order; may be repeated.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', default_value = "day",
        value_parser = PossibleValuesParser::new(GROUPS))]
    by: Vec<String>,
    /// The first day (UTC); by default 29 days before the last.
    #[arg(long, value_name = "DATE")]
    from: Option<jiff::civil::Date>,
    /// The last day (UTC); by default today.
    #[arg(long, value_name = "DATE")]
    to: Option<jiff::civil::Date>,
    /// As CSV, for a spreadsheet.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// A report as the gateway shows it.
#[derive(Debug, Deserialize)]
struct Report {
    from: String,
    to: String,
    data: Vec<BTreeMap<String, Box<RawValue>>>,
}

impl Order for Arguments {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let query = Query::default()
            .with("tenant", self.tenant.as_ref())
            .with("from", self.from)
            .with("to", self.to)
            .with("group_by", Some(self.by.join(",")));
        let answer = session.api.ask("/usage", &query).await?;
        if self.csv {
            return self.print_csv(&answer, &session.screen);
        }
        session
            .screen
            .print(&answer, |report, screen| self.table(report, screen))
    }
}

impl Arguments {
    fn print_csv(&self, answer: &Answer, screen: &Screen) -> Result<(), Problem> {
        let report: Report = answer.read()?;
        let columns = self
            .by
            .iter()
            .map(String::as_str)
            .chain(COUNTS)
            .chain([CHARGED]);
        let columns: Vec<&str> = columns.collect();
        screen.stream(&csv::line(columns.iter().copied()));
        for row in &report.data {
            let fields: Vec<String> = columns.iter().map(|column| text(row, column)).collect();
            if !screen.stream(&csv::line(fields.iter().map(String::as_str))) {
                break;
            }
        }
        Ok(())
    }

    fn table(&self, report: &Report, screen: &Screen) -> String {
        let columns = self.by.iter().map(|group| (group.as_str(), Set::Firm));
        let counts = COUNTS.map(|name| (name, Set::Right));
        let columns = columns.chain(counts).chain([("credits", Set::Right)]);
        let mut table = Table::new(&columns.collect::<Vec<_>>());
        let mut totals = [0_u64; COUNTS.len()];
        let mut charged = Vec::new();
        for row in &report.data {
            let groups = self.by.iter().map(|group| text(row, group));
            let counts = COUNTS.map(|name| text(row, name));
            for (total, count) in totals.iter_mut().zip(&counts) {
                *total = total.saturating_add(count.parse().unwrap_or(0));
            }
            let credits = text(row, CHARGED).parse::<Credits>().unwrap_or_default();
            charged.push(credits);
            table.row(groups.chain(counts).chain([amount(Decimal(credits))]));
        }
        if report.data.len() > 1 {
            let mut names = vec![String::from("total")];
            names.resize(self.by.len(), " ".to_owned());
            let total = charged.into_iter().sum::<Credits>();
            let totals = totals.map(|total| total.to_string());
            table.row(
                names
                    .into_iter()
                    .chain(totals)
                    .chain([amount(Decimal(total))]),
            );
        }
        format!("{}\n{} to {}", screen.show(&table), report.from, report.to)
    }
}

/// A field without its quotes; nothing where it is missing.
fn text(row: &BTreeMap<String, Box<RawValue>>, name: &str) -> String {
    let raw = row.get(name).map_or("", |raw| raw.get());
    serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::admin::Single;
    use crate::cli::admin::tests::people_of;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        usage: Single<Arguments>,
    }

    #[test]
    fn sums_have_a_total_that_is_exact() {
        let answer = r#"{"object":"usage","from":"2026-11-01","to":"2026-11-30","data":[
            {"tenant":"studio","model":"seedance-2.0","submitted":412,"completed":398,"failed":9,"cancelled":5,
                "credits_charged":7077.032},
            {"tenant":"demo","model":"","submitted":1,"completed":1,"failed":0,"cancelled":0,
                "credits_charged":0.000001}]}"#;
        let line = Line::parse_from(["usage", "--by", "tenant,model"]);
        let shown = people_of(answer, |report, screen| {
            line.usage.order.table(report, screen)
        });
        insta::assert_snapshot!(shown, @r"
        TENANT  MODEL         SUBMITTED  COMPLETED  FAILED  CANCELLED      CREDITS
        studio  seedance-2.0        412        398       9          5     7077.032
        demo    -                     1          1       0          0     0.000001
        total   -                   413        399       9          5  7077.032001
        2026-11-01 to 2026-11-30
        ");
    }

    #[test]
    fn what_it_can_be_grouped_by_is_what_the_gateway_knows() {
        assert!(Line::try_parse_from(["usage", "--by", "tenant,colour"]).is_err());
        assert!(Line::try_parse_from(["usage", "--from", "yesterday"]).is_err());
    }
}
