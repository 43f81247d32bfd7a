//! Credits as whole micro-credits: one EvoLink credit is 1 000 000 of them.
//!
//! Amounts come from JSON as decimals (`17.784`) and leave as decimals; in between there is only an
//! integer, checked at every step. No float ever holds an amount. Totals stay below 2^53, so that
//! Redis's Lua numbers (doubles) hold every amount exactly.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Micro-credits in one credit.
const MICRO: i64 = 1_000_000;
/// Digits behind the decimal point that a micro-credit can hold.
const SCALE: usize = 6;

/// An amount of credits, in integer micro-credits. May be negative: an unlimited tenant's balance
/// has no floor.
///
/// Stored (serde) as the integer; on the wire use [`Decimal`].
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    Encode,
    Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Credits(#[n(0)] i64);

impl Credits {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount: 2^53 − 1 micro-credits, about nine billion credits.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// From micro-credits; `None` outside ±[`Credits::MAX`].
    pub const fn from_micro(micro: i64) -> Option<Self> {
        if micro > Self::MAX.0 || micro < -Self::MAX.0 {
            return None;
        }
        Some(Self(micro))
    }

    /// In micro-credits.
    pub const fn micro(self) -> i64 {
        self.0
    }

    /// Whole credits; for constants and tests.
    pub const fn whole(credits: u32) -> Self {
        // u32::MAX credits are 4.3e15 micro-credits, below 2^53.
        Self((credits as i64) * MICRO)
    }

    /// The sum, or `None` when it leaves the range.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Self::from_micro(sum),
            None => None,
        }
    }

    /// The difference, or `None` when it leaves the range.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Self::from_micro(difference),
            None => None,
        }
    }

    /// The amount `count` times, or `None` when it leaves the range.
    pub const fn checked_mul(self, count: i64) -> Option<Self> {
        match self.0.checked_mul(count) {
            Some(product) => Self::from_micro(product),
            None => None,
        }
    }

    /// `self − other`, at least zero.
    #[must_use]
    pub fn saturating_less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }

    /// Below zero?
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Exactly zero?
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCreditsError {
    /// Not a decimal number.
    #[error("not a decimal number of credits")]
    NotANumber,
    /// More than six digits behind the point that are not zero.
    #[error("finer than a micro-credit (six digits behind the point)")]
    TooFine,
    /// Outside ±2^53 micro-credits.
    #[error("more credits than can be counted (9007199254)")]
    TooLarge,
}

/// A JSON number: its digits, with the point at `point` places from the left.
struct Scanned {
    negative: bool,
    digits: String,
    point: i64,
}

/// Splits JSON's number grammar (RFC 8259 §6) into sign, digits and the place of the point.
fn scan(text: &str) -> Option<Scanned> {
    let (negative, rest) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || digits.len() > 64 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i64::try_from(whole.len())
        .ok()?
        .checked_add(i64::from(exponent))?;
    Some(Scanned {
        negative,
        digits,
        point,
    })
}

impl FromStr for Credits {
    type Err = ParseCreditsError;

    /// Reads a decimal, as JSON writes numbers (`17.784`, `2`, `1e1`), without going through a float.
    fn from_str(text: &str) -> Result<Self, ParseCreditsError> {
        let Scanned {
            negative,
            digits,
            point,
        } = scan(text).ok_or(ParseCreditsError::NotANumber)?;
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(Self::ZERO);
        }
        // The last digit that counts stands `SCALE` places right of the point.
        let scale = i64::try_from(SCALE).unwrap_or(i64::MAX);
        let keep = point
            .checked_add(scale)
            .ok_or(ParseCreditsError::TooLarge)?;
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let (kept, zeros) = if keep >= length {
            (digits.as_str(), keep.saturating_sub(length))
        } else {
            let cut = usize::try_from(keep.max(0)).unwrap_or(0);
            let (kept, finer) = digits
                .split_at_checked(cut)
                .ok_or(ParseCreditsError::NotANumber)?;
            if keep < 0 || finer.bytes().any(|byte| byte != b'0') {
                return Err(ParseCreditsError::TooFine);
            }
            (kept, 0)
        };
        let zeros = usize::try_from(zeros).unwrap_or(usize::MAX);
        if zeros > 20 {
            return Err(ParseCreditsError::TooLarge);
        }
        let magnitude = format!("0{kept}{}", "0".repeat(zeros));
        let magnitude = magnitude
            .parse::<i64>()
            .map_err(|_| ParseCreditsError::TooLarge)?;
        let micro = if negative {
            magnitude.checked_neg()
        } else {
            Some(magnitude)
        };
        micro
            .and_then(Self::from_micro)
            .ok_or(ParseCreditsError::TooLarge)
    }
}

/// As EvoLink's messages write amounts: at least three digits behind the point (`2.100`), six where
/// they are needed.
impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, whole, micro) = self.parts();
        let fraction = format!("{micro:06}");
        let shown = match fraction.strip_suffix("000") {
            Some(short) => short,
            None => fraction.trim_end_matches('0'),
        };
        write!(f, "{sign}{whole}.{shown}")
    }
}

impl Credits {
    fn parts(self) -> (&'static str, u64, u64) {
        let magnitude = self.0.unsigned_abs();
        let scale = MICRO.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        (sign, magnitude / scale, magnitude % scale)
    }

    /// The shortest decimal, as JSON shows it: `17.784`, `10000`.
    pub fn to_decimal(self) -> String {
        let (sign, whole, micro) = self.parts();
        if micro == 0 {
            return format!("{sign}{whole}");
        }
        let fraction = format!("{micro:06}");
        format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

/// Adds up; an overflow saturates at [`Credits::MAX`], which no sum of a real ledger reaches.
impl Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, |total, next| {
            total.checked_add(next).unwrap_or(Self::MAX)
        })
    }
}

/// An amount on the wire: a JSON number with exactly the amount's decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Decimal(pub Credits);

impl From<Credits> for Decimal {
    fn from(credits: Credits) -> Self {
        Self(credits)
    }
}

impl PartialSchema for Decimal {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .description(Some(
                "An amount of credits: a JSON number with at most six digits behind the point. \
                 Read it as a decimal, not as a binary float, where sums must be exact.",
            ))
            .minimum(Some(-9_007_199_254.0))
            .maximum(Some(9_007_199_254.0))
            .examples([serde_json::json!(17.784)])
            .into()
    }
}

impl ToSchema for Decimal {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Credits")
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.to_decimal()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().parse().map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("17.784", 17_784_000)]
    #[case("0", 0)]
    #[case("-0.0", 0)]
    #[case("1e1", 10_000_000)]
    #[case("1.5E-3", 1_500)]
    #[case("0.000001", 1)]
    #[case("0.0000010", 1)]
    #[case("-2.1", -2_100_000)]
    #[case("9007199254.740991", 9_007_199_254_740_991)]
    fn a_json_number_is_read_exactly(#[case] text: &str, #[case] micro: i64) {
        assert_eq!(text.parse::<Credits>().unwrap().micro(), micro);
    }

    #[rstest]
    #[case("", ParseCreditsError::NotANumber)]
    #[case("1.", ParseCreditsError::NotANumber)]
    #[case(".5", ParseCreditsError::NotANumber)]
    #[case("NaN", ParseCreditsError::NotANumber)]
    #[case("\"5\"", ParseCreditsError::NotANumber)]
    #[case("+1", ParseCreditsError::NotANumber)]
    #[case("0.0000001", ParseCreditsError::TooFine)]
    #[case("1e-9", ParseCreditsError::TooFine)]
    #[case("9007199254.740992", ParseCreditsError::TooLarge)]
    #[case("1e30", ParseCreditsError::TooLarge)]
    #[case("1e2147483647", ParseCreditsError::TooLarge)]
    fn what_is_no_amount_is_refused(#[case] text: &str, #[case] error: ParseCreditsError) {
        assert_eq!(text.parse::<Credits>(), Err(error));
    }

    #[test]
    fn messages_show_three_digits_as_evolink_does() {
        assert_eq!("2.1".parse::<Credits>().unwrap().to_string(), "2.100");
        assert_eq!("17.784".parse::<Credits>().unwrap().to_string(), "17.784");
        assert_eq!("17.7845".parse::<Credits>().unwrap().to_string(), "17.7845");
    }

    proptest! {
        #[test]
        fn every_amount_survives_the_wire(micro in -Credits::MAX.0..=Credits::MAX.0) {
            let credits = Credits::from_micro(micro).unwrap();
            let json = serde_json::to_string(&Decimal(credits)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Decimal>(&json).unwrap().0, credits);
            prop_assert_eq!(credits.to_string().parse::<Credits>().unwrap(), credits);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Credits>();
        }
    }
}
