//! A flag for every field of a quota.

use clap::Args;
use evogate_models::Credits;
use evogate_models::credits::Decimal;

use super::change::Change;
use crate::cli::remote::Problem;

/// What is said by flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Flags {
    /// The balance has no floor; =false: it has one again.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    unlimited: Option<bool>,
    /// Credits in a day, from midnight to midnight.
    #[arg(long, value_name = "CREDITS")]
    credits_per_day: Option<Credits>,
    /// Credits in a week, from Monday to Monday.
    #[arg(long, value_name = "CREDITS")]
    credits_per_week: Option<Credits>,
    /// Credits in a calendar month.
    #[arg(long, value_name = "CREDITS")]
    credits_per_month: Option<Credits>,
    /// Credits in a day, for each of its users.
    #[arg(long, value_name = "CREDITS")]
    per_user_credits_per_day: Option<Credits>,
    /// Credits in a week, for each of its users.
    #[arg(long, value_name = "CREDITS")]
    per_user_credits_per_week: Option<Credits>,
    /// Credits in a month, for each of its users.
    #[arg(long, value_name = "CREDITS")]
    per_user_credits_per_month: Option<Credits>,
    /// Credits in a day, for each of its keys.
    #[arg(long, value_name = "CREDITS")]
    per_key_credits_per_day: Option<Credits>,
    /// Credits in a week, for each of its keys.
    #[arg(long, value_name = "CREDITS")]
    per_key_credits_per_week: Option<Credits>,
    /// Credits in a month, for each of its keys.
    #[arg(long, value_name = "CREDITS")]
    per_key_credits_per_month: Option<Credits>,
    /// Where days, weeks and months begin, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Unfinished tasks at a time; 0 pauses.
    #[arg(long, value_name = "N")]
    max_tasks_in_flight: Option<u32>,
    /// Submits in a minute, at an even pace.
    #[arg(long, value_name = "N")]
    submits_per_minute: Option<u32>,
    /// How many of them may come at once; a minute's worth unless set.
    #[arg(long, value_name = "N")]
    submit_burst: Option<u32>,
    /// Reads in a minute, of each replica.
    #[arg(long, value_name = "N")]
    reads_per_minute: Option<u32>,
    /// A model that it may use, or a pattern with *; may be repeated, and replaces the list.
    #[arg(long = "model", value_name = "PATTERN", value_delimiter = ',')]
    models: Vec<String>,
    /// The longest video.
    #[arg(long, value_name = "SECONDS")]
    max_duration: Option<u32>,
    /// The best quality: 480p, 720p, 1080p or 4k.
    #[arg(long, value_name = "QUALITY")]
    max_quality: Option<String>,
    /// The balance below which credits are low. Nothing is refused by it.
    #[arg(long, value_name = "CREDITS")]
    low_credit_threshold: Option<Credits>,
}

impl Flags {
    /// The fields that they name.
    pub(super) fn change(&self) -> Result<Change, Problem> {
        let mut change = Change::default();
        let models = Some(&self.models).filter(|models| !models.is_empty());
        let amounts = [
            ("credits_per_day", self.credits_per_day),
            ("credits_per_week", self.credits_per_week),
            ("credits_per_month", self.credits_per_month),
            ("per_user.credits_per_day", self.per_user_credits_per_day),
            ("per_user.credits_per_week", self.per_user_credits_per_week),
            (
                "per_user.credits_per_month",
                self.per_user_credits_per_month,
            ),
            ("per_key.credits_per_day", self.per_key_credits_per_day),
            ("per_key.credits_per_week", self.per_key_credits_per_week),
            ("per_key.credits_per_month", self.per_key_credits_per_month),
            ("low_credit_threshold", self.low_credit_threshold),
        ];
        for (name, amount) in amounts {
            change.set_if(name, amount.map(Decimal))?;
        }
        let counts = [
            ("max_tasks_in_flight", self.max_tasks_in_flight),
            ("submits_per_minute", self.submits_per_minute),
            ("submit_burst", self.submit_burst),
            ("reads_per_minute", self.reads_per_minute),
            ("max_duration", self.max_duration),
        ];
        for (name, count) in counts {
            change.set_if(name, count)?;
        }
        change.set_if("unlimited", self.unlimited)?;
        change.set_if("time_zone", self.time_zone.as_ref())?;
        change.set_if("max_quality", self.max_quality.as_ref())?;
        change.set_if("models", models)?;
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};

    use super::super::fields::NAMES;
    use super::*;

    fn parse(flags: &[&str]) -> Flags {
        use clap::FromArgMatches as _;
        let command = Flags::augment_args(Command::new("set"));
        let matches = command
            .try_get_matches_from(["set"].iter().chain(flags))
            .unwrap();
        Flags::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn every_field_has_its_flag() {
        let command = Flags::augment_args(Command::new("set"));
        let flags: Vec<&str> = command
            .get_arguments()
            .filter_map(|flag| flag.get_long())
            .collect();
        assert_eq!(flags.len(), NAMES.len());
        for name in NAMES {
            let flag = name.replace(['_', '.'], "-");
            let flag = if flag == "models" { "model" } else { &flag };
            assert!(flags.contains(&flag), "--{flag}");
            let value = match name {
                "unlimited" => format!("--{flag}=true"),
                _ => format!("--{flag}=7"),
            };
            assert!(
                parse(&[&value]).change().unwrap().names(name),
                "--{flag} is {name}"
            );
        }
    }

    #[test]
    fn a_flag_that_is_not_given_names_nothing() {
        assert!(parse(&[]).change().unwrap().is_empty());
        let change = parse(&["--unlimited", "--model", "a,b", "--model", "c"])
            .change()
            .unwrap();
        let fields: Vec<_> = change.into_fields().collect();
        let text = |at: usize| fields[at].1.as_ref().unwrap().get();
        assert_eq!((text(0), text(1)), (r#"["a","b","c"]"#, "true"));
    }
}
