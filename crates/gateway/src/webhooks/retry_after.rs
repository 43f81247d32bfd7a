//! What a receiver's `Retry-After` asks for.

use evogate_models::{Millis, Timestamp};

/// The wait from `now` on: seconds, or a date (RFC 9110 §10.2.3).
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Millis> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(i64::from(seconds).saturating_mul(1000));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    let wait = Timestamp::from_millis(date.as_millisecond()).since(now);
    Some(wait.max(0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_772_203_771);

    #[rstest]
    #[case("120", Some(120))]
    #[case(" 7 ", Some(7))]
    #[case("Fri, 27 Feb 2026 14:50:31 GMT", Some(60))]
    #[case("Fri, 27 Feb 2026 14:00:00 GMT", Some(0))]
    #[case("soon", None)]
    #[case("-1", None)]
    #[case("", None)]
    fn both_forms_of_retry_after_are_read(#[case] value: &str, #[case] seconds: Option<i64>) {
        assert_eq!(
            retry_after(value, NOW),
            seconds.map(|seconds| seconds * 1000)
        );
    }
}
