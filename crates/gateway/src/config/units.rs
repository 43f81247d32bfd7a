//! Durations (`20s`, `1h30m`) and sizes (`64KiB`), as people write them and as they are shown again.

use std::fmt::Write;
use std::time::Duration;

/// Milliseconds of each unit, largest first: a compound is written in this order.
const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByteSize(u64);

impl ByteSize {
    /// From a number of bytes.
    pub(super) const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// As the type that buffers are measured in.
    pub(super) fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Reads `500ms`, `20s`, `30m`, `26h`, `1d`, or several of them with the larger unit first: `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration; write 500ms, 20s, 30m, 26h or 1d");
    let mut rest = text;
    let mut units = TIME_UNITS.as_slice();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, unit, after) = next_amount(rest).ok_or_else(wrong)?;
        let index = units.iter().position(|(name, _)| *name == unit);
        let index = index.ok_or_else(wrong)?;
        let (_, millis) = units.get(index).ok_or_else(wrong)?;
        total = number
            .checked_mul(*millis)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| format!("`{text}` is too long"))?;
        units = units.get(index.saturating_add(1)..).unwrap_or_default();
        rest = after;
    }
    if text.is_empty() {
        return Err("is empty; write a duration such as 20s".into());
    }
    Ok(Duration::from_millis(total))
}

/// The shortest text that [`parse_duration`] reads as the same span, in whole milliseconds.
pub(super) fn show_duration(span: Duration) -> String {
    let mut rest = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in TIME_UNITS {
        let count = rest.checked_div(millis).unwrap_or_default();
        rest = rest.checked_rem(millis).unwrap_or_default();
        if count > 0 {
            // Writing to a `String` does not fail.
            let _ = write!(text, "{count}{unit}");
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Reads `512B`, `64KiB`, `1MiB` or `2GiB`.
pub(super) fn parse_size(text: &str) -> Result<ByteSize, String> {
    let wrong = || format!("`{text}` is not a size; write 512B, 64KiB, 1MiB or 2GiB");
    if text.is_empty() {
        return Err("is empty; write a size such as 1MiB".into());
    }
    let (number, unit, rest) = next_amount(text).ok_or_else(wrong)?;
    let known = SIZE_UNITS.iter().find(|(name, _)| *name == unit);
    let (_, factor) = known.filter(|_| rest.is_empty()).ok_or_else(wrong)?;
    let bytes = number.checked_mul(*factor);
    bytes
        .map(ByteSize)
        .ok_or_else(|| format!("`{text}` is too large"))
}

/// The size in its largest whole unit.
pub(super) fn show_size(size: ByteSize) -> String {
    let whole = |unit: u64| size.0 >= unit && size.0.is_multiple_of(unit);
    SIZE_UNITS
        .iter()
        .find(|(_, unit)| whole(*unit))
        .and_then(|(name, unit)| Some(format!("{}{name}", size.0.checked_div(*unit)?)))
        .unwrap_or_else(|| format!("{}B", size.0))
}

/// Splits `30m15s` into 30, `m` and `15s`.
fn next_amount(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at_checked(digits)?;
    let end = rest.find(|c: char| c.is_ascii_digit());
    let (unit, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    Some((number.parse().ok()?, unit, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("500ms", 500)]
    #[case("0s", 0)]
    #[case("20s", 20_000)]
    #[case("30m", 1_800_000)]
    #[case("26h", 93_600_000)]
    #[case("1d", 86_400_000)]
    #[case("1h30m", 5_400_000)]
    #[case("1d2h3m4s5ms", 93_784_005)]
    fn a_duration_is_numbers_with_units(#[case] text: &str, #[case] millis: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
    }

    #[rstest]
    #[case("")]
    #[case("20")]
    #[case("s")]
    #[case("-1s")]
    #[case("1.5s")]
    #[case("20 s")]
    #[case("20S")]
    #[case("20sec")]
    #[case("1m1h")]
    #[case("1s1s")]
    #[case("99999999999999999999s")]
    #[case("18446744073709551615d")]
    #[case("２０s")]
    fn anything_else_is_no_duration(#[case] text: &str) {
        assert!(parse_duration(text).is_err());
    }

    #[rstest]
    #[case("512B", 512)]
    #[case("64KiB", 65_536)]
    #[case("1MiB", 1_048_576)]
    #[case("2GiB", 2_147_483_648)]
    fn a_size_is_a_number_with_a_unit(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(parse_size(text), Ok(ByteSize(bytes)));
    }

    #[rstest]
    #[case("")]
    #[case("1024")]
    #[case("1MB")]
    #[case("1mib")]
    #[case("1.5MiB")]
    #[case("1MiB1KiB")]
    #[case("99999999999999GiB")]
    fn anything_else_is_no_size(#[case] text: &str) {
        assert!(parse_size(text).is_err());
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_as_itself(millis: u64) {
            let span = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&show_duration(span)), Ok(span));
        }

        #[test]
        fn a_shown_size_reads_as_itself(bytes: u64) {
            prop_assert_eq!(parse_size(&show_size(ByteSize(bytes))), Ok(ByteSize(bytes)));
        }

        #[test]
        fn no_text_makes_the_parsers_fall_over(text in ".{0,40}") {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
        }
    }
}
