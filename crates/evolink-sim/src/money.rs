//! Credits as integer millionths.
//!
//! EvoLink bills fractions of a credit (17.784 for five seconds). The simulator's bill is compared to
//! the last digit with what others booked, so no amount here ever passes through a float on its way out.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

const MICROS_PER_CREDIT: i64 = 1_000_000;

/// An amount of credits, in millionths of a credit.
///
/// Arithmetic saturates: a fake must not panic on an absurd price. In JSON it is an exact decimal number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micro(i64);

impl Micro {
    /// No credits.
    pub const ZERO: Self = Self(0);

    /// So many whole credits.
    pub const fn from_credits(credits: i64) -> Self {
        Self(credits.saturating_mul(MICROS_PER_CREDIT))
    }

    /// So many millionths of a credit.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The amount in millionths of a credit.
    pub const fn micros(self) -> i64 {
        self.0
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    pub(crate) fn times(self, count: u32) -> Self {
        Self(self.0.saturating_mul(i64::from(count)))
    }

    /// The amount multiplied by a decimal factor, which is itself written as an amount (1.2 is 1 200 000).
    pub(crate) fn scaled(self, factor: Self) -> Self {
        let product = i128::from(self.0) * i128::from(factor.0) / i128::from(MICROS_PER_CREDIT);
        Self(i64::try_from(product).unwrap_or(i64::MAX))
    }

    /// Three decimals, as EvoLink writes amounts in its message about insufficient credits.
    pub(crate) fn three_decimals(self) -> String {
        let thousandths = self.0.unsigned_abs().saturating_add(500) / 1000;
        let sign = if self.0 < 0 && thousandths > 0 {
            "-"
        } else {
            ""
        };
        format!("{sign}{}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}

impl fmt::Display for Micro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.unsigned_abs();
        let unit = MICROS_PER_CREDIT.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (micros / unit, micros % unit);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:06}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// The text is not a decimal number with at most six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAmount;

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount is a decimal number with at most six decimals")
    }
}

impl std::error::Error for NotAnAmount {}

impl FromStr for Micro {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 6 || !only_digits(whole) || !only_digits(fraction) {
            return Err(NotAnAmount);
        }
        let micros: i64 = format!("{whole}{fraction:0<6}")
            .parse()
            .map_err(|_| NotAnAmount)?;
        Ok(Self(if negative { -micros } else { micros }))
    }
}

impl Serialize for Micro {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Micro {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Micro;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of credits with at most six decimals")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Micro, E> {
        Ok(Micro::from_credits(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Micro, E> {
        i64::try_from(value)
            .map(Micro::from_credits)
            .map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Micro, E> {
        // The shortest text that reads back as this float is the decimal that was written, up to 15 digits.
        value.to_string().parse().map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Micro, E> {
        value.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Micro;

    #[test]
    fn amounts_are_written_and_read_exactly() {
        for text in ["0", "17.784", "-0.000001", "999999999.999999", "12.5"] {
            let amount: Micro = text.parse().unwrap();
            assert_eq!(amount.to_string(), text);
            assert_eq!(serde_json::to_string(&amount).unwrap(), text);
            assert_eq!(serde_json::from_str::<Micro>(text).unwrap(), amount);
        }
    }

    #[test]
    fn what_is_not_a_decimal_is_refused() {
        for text in ["", ".5", "1.0000001", "1e3", "NaN", "--1", "1.2.3"] {
            assert!(text.parse::<Micro>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_insufficient_credits_message_has_three_decimals() {
        assert_eq!(Micro::from_micros(2_100_000).three_decimals(), "2.100");
        assert_eq!(Micro::from_micros(14_227_200).three_decimals(), "14.227");
        assert_eq!(Micro::from_micros(-2_100_000).three_decimals(), "-2.100");
    }
}
