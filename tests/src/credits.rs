//! Amounts as the tests count them: whole micro-credits, read from JSON without a float.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

use serde_json::Value;

/// Millionths of a credit. Its own few lines on purpose: a mistake in the gateway's arithmetic must not
/// be shared by what checks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micro(pub i64);

impl Micro {
    /// No credits.
    pub const ZERO: Self = Self(0);

    /// Reads a JSON number, such as `17.784`.
    #[track_caller]
    pub fn of(value: &Value) -> Self {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            other => panic!("not an amount: {other}"),
        };
        Self::parse(&text)
    }

    /// Reads a decimal, such as `17.784`.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        assert!(fraction.len() <= 6, "finer than a micro-credit: {text}");
        let number: i64 = format!("{whole}{fraction:0<6}")
            .parse()
            .unwrap_or_else(|_| panic!("not an amount: {text}"));
        Self(sign * number)
    }
}

impl Add for Micro {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Micro {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Micro {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Micro {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (self.0.abs() / 1_000_000, self.0.abs() % 1_000_000);
        write!(out, "{sign}{whole}.{fraction:06}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(Micro::of(&json!(17.784)), Micro(17_784_000));
        assert_eq!(Micro::of(&json!(20)), Micro(20_000_000));
        assert_eq!(Micro::parse("0.000001"), Micro(1));
        assert_eq!(Micro::parse("-2.5"), Micro(-2_500_000));
        assert_eq!(Micro(-2_500_000).to_string(), "-2.500000");
    }
}
