//! What rounds showed, and how it is told.

use std::fmt::Write as _;

/// What one round showed.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// From settlement to arrival in milliseconds, sorted.
    took: Vec<f64>,
    /// Accepted, and never delivered.
    pub(crate) lost: usize,
    /// Deliveries beyond the first, under the same id.
    again: usize,
}

/// Above the rows.
pub(crate) const HEAD: &str = "\
| hang | delivered | p50 ms | p95 ms | p99 ms | longest ms | lost | again, same id |
|---|---|---|---|---|---|---|---|";

impl Figures {
    pub(crate) fn new(mut took: Vec<f64>, lost: usize, again: usize) -> Self {
        took.sort_by(f64::total_cmp);
        Self { took, lost, again }
    }

    fn quantile(&self, percent: usize) -> f64 {
        let last = self.took.len().saturating_sub(1);
        let at = (self.took.len() * percent / 100).min(last);
        self.took.get(at).copied().unwrap_or(f64::NAN)
    }

    /// As a row of the table.
    pub(crate) fn row(&self, hung: usize) -> String {
        format!(
            "| {hung} | {} | {:.1} | {:.1} | {:.1} | {:.0} | {} | {} |",
            self.took.len(),
            self.quantile(50),
            self.quantile(95),
            self.quantile(99),
            self.quantile(100),
            self.lost,
            self.again,
        )
    }
}

/// The median of the rounds, and their lowest and highest.
fn middle(rounds: &[Figures], percent: usize) -> (f64, f64, f64) {
    let mut all: Vec<f64> = rounds.iter().map(|round| round.quantile(percent)).collect();
    all.sort_by(f64::total_cmp);
    let at = |n: usize| all.get(n).copied().unwrap_or(f64::NAN);
    (at(all.len() / 2), at(0), at(all.len().saturating_sub(1)))
}

/// The medians of rounds without and with endpoints that hang, with their spread, beside each other.
pub(crate) fn summary(without: &[Figures], with: &[Figures]) -> String {
    let mut text =
        "| median (lowest–highest) | none hang | they hang | ratio |\n|---|---|---|---|".to_owned();
    for percent in [50, 95, 99] {
        let (without, with) = (middle(without, percent), middle(with, percent));
        let shown =
            |(median, low, high): (f64, f64, f64)| format!("{median:.1} ms ({low:.1}–{high:.1})");
        let _ = write!(
            text,
            "\n| p{percent} | {} | {} | {:.2} |",
            shown(without),
            shown(with),
            with.0 / without.0
        );
    }
    text
}
