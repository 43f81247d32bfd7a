//! The table: what was measured, what was aimed at, and whether it was met.

use std::fmt;

/// What was aimed at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
    /// Nothing: it is there for comparison.
    None,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// What.
    pub(crate) what: String,
    /// In what.
    pub(crate) unit: &'static str,
    /// Each measurement.
    pub(crate) values: Vec<f64>,
    pub(crate) aim: Aim,
}

impl Line {
    /// What was measured, with its aim.
    pub(crate) fn new(
        what: impl Into<String>,
        unit: &'static str,
        values: Vec<f64>,
        aim: Aim,
    ) -> Self {
        let mut values = values;
        values.sort_by(f64::total_cmp);
        Self {
            what: what.into(),
            unit,
            values,
            aim,
        }
    }

    /// The measurement in the middle.
    pub(crate) fn median(&self) -> f64 {
        let middle = self.values.len() / 2;
        match (self.values.get(middle), self.values.len() % 2) {
            (Some(upper), 0) => f64::midpoint(self.values[middle - 1], *upper),
            (Some(value), _) => *value,
            (None, _) => f64::NAN,
        }
    }

    /// Was the aim met?
    pub(crate) fn met(&self) -> Option<bool> {
        match self.aim {
            Aim::AtMost(most) => Some(self.median() <= most),
            Aim::AtLeast(least) => Some(self.median() >= least),
            Aim::None => None,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what, unit, values, ..
        } = self;
        let aim = match self.aim {
            Aim::AtMost(most) => format!("≤ {most} {unit}"),
            Aim::AtLeast(least) => format!("≥ {least} {unit}"),
            Aim::None => String::new(),
        };
        let spread = match (values.first(), values.last()) {
            (Some(least), Some(most)) if values.len() > 1 => {
                format!("{} … {}", Number(*least), Number(*most))
            }
            _ => String::new(),
        };
        let met = match self.met() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let median = Number(self.median());
        write!(
            out,
            "| {what} | {} | {median} {unit} | {spread} | {met} |",
            aim.trim_end()
        )
    }
}

/// A number with three digits that count.
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = match self.0.abs() {
            100.0.. => 0,
            10.0.. => 1,
            _ => 2,
        };
        write!(out, "{:.decimals$}", self.0)
    }
}

/// All lines, in order. Shown as a table in Markdown.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Line>);

impl Report {
    pub(crate) fn extend(&mut self, lines: Vec<Line>) {
        for line in &lines {
            eprintln!("   {line}");
        }
        self.0.extend(lines);
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("| what | target | measured | spread | met |\n|---|---|---|---|---|\n")?;
        self.0.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_counts_and_the_spread_is_shown() {
        let line = Line::new("a", "ms", vec![3.0, 1.0, 2.5], Aim::AtMost(2.5));
        assert_eq!(
            line.to_string(),
            "| a | ≤ 2.5 ms | 2.50 ms | 1.00 … 3.00 | yes |"
        );
        let even = Line::new("a", "", vec![4.0, 1.0, 2.0, 3.0], Aim::AtLeast(2.6));
        assert_eq!(even.met(), Some(false));
        assert!(Line::new("a", "", vec![], Aim::AtMost(1.0)).met() == Some(false));
    }
}
