//! How long EvoLink asks to wait.

use std::time::Duration;

use evogate_models::Timestamp;
use http::StatusCode;
use http::header::HeaderValue;
use jiff::fmt::rfc2822;

/// What EvoLink's error table says for a 429 without a number.
const RATE_LIMITED: Duration = Duration::from_mins(1);
/// What EvoLink's error table says for a 503.
const UNAVAILABLE: Duration = Duration::from_secs(30);
/// No honest wait is longer.
const LONGEST: Duration = Duration::from_hours(24);

/// A time to wait before another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

impl Wait {
    /// `Retry-After`, else the seconds in the message, else EvoLink's usual wait for the status.
    pub(crate) fn read(
        status: StatusCode,
        header: Option<&HeaderValue>,
        message: &str,
        now: Timestamp,
    ) -> Self {
        let usual = if status == StatusCode::TOO_MANY_REQUESTS {
            RATE_LIMITED
        } else {
            UNAVAILABLE
        };
        let asked = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value.trim(), now))
            .or_else(|| in_words(message));
        Self(asked.unwrap_or(usual).min(LONGEST))
    }

    /// In whole seconds, rounded up.
    pub(super) fn seconds(self) -> u32 {
        let whole = self.0.as_secs();
        let seconds = if self.0.subsec_nanos() > 0 {
            whole.saturating_add(1)
        } else {
            whole
        };
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

/// Seconds or an HTTP date (RFC 9110 §10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(LONGEST, Duration::from_secs));
    }
    let at = rfc2822::parse(value).ok()?.timestamp().as_millisecond();
    let left = Timestamp::from_millis(at).since(now).max(0);
    Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
}

/// The seconds in "Please retry after 60 seconds.".
fn in_words(message: &str) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    let (_, rest) = message.split_once("retry after ")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, unit) = rest.split_at_checked(end)?;
    if !unit.trim_start().starts_with('s') {
        return None;
    }
    digits.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// 2026-02-27 09:49:31 UTC.
    const NOW: Timestamp = Timestamp::from_seconds(1_772_185_771);

    fn read(header: Option<&str>, message: &str) -> u64 {
        let header = header.map(|value| HeaderValue::from_str(value).unwrap());
        let status = StatusCode::TOO_MANY_REQUESTS;
        Wait::read(status, header.as_ref(), message, NOW)
            .0
            .as_secs()
    }

    #[rstest]
    #[case("0", 0)]
    #[case(" 12 ", 12)]
    #[case("Fri, 27 Feb 2026 09:50:01 GMT", 30)]
    #[case("Fri, 27 Feb 2026 09:00:00 GMT", 0)]
    #[case("99999999999999999999999999", 86_400)]
    #[case("-5", 60)]
    #[case("1.5", 60)]
    #[case("soon", 60)]
    #[case("", 60)]
    fn the_header_is_seconds_or_a_date(#[case] header: &str, #[case] seconds: u64) {
        assert_eq!(read(Some(header), ""), seconds);
    }

    #[rstest]
    #[case("Rate limit exceeded. Please retry after 45 seconds.", 45)]
    #[case("10 requests per 90 seconds; RETRY AFTER 1 second", 1)]
    #[case("retry after 20s", 20)]
    #[case("retry after 20", 60)]
    #[case("retry after 2 minutes", 60)]
    #[case("retry after a while", 60)]
    #[case("retry after ", 60)]
    fn the_message_is_read_where_it_speaks_of_seconds(#[case] message: &str, #[case] seconds: u64) {
        assert_eq!(read(None, message), seconds);
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(Wait(Duration::from_millis(1)).seconds(), 1);
        assert_eq!(Wait(Duration::from_secs(2)).seconds(), 2);
        assert_eq!(Wait(Duration::MAX).seconds(), u32::MAX);
    }

    proptest! {
        #[test]
        fn no_text_panics(header in "[ -~]*", message: String) {
            let wait = read(Some(&header), &message);
            prop_assert!(wait <= LONGEST.as_secs());
        }
    }
}
