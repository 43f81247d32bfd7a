//! Times as people read them: RFC 3339 in UTC, and how long ago.

use std::time::Duration;

use evogate_models::Timestamp;

use super::table::NOTHING;

/// The units of a distance in time, in seconds, each up to the next.
const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];

/// `2026-11-26T00:46:08Z`; no time is a dash.
pub(super) fn stamp(seconds: impl Into<Option<i64>>) -> String {
    let at = seconds
        .into()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or_else(|| NOTHING.to_owned(), |at| at.to_string())
}

/// `3 min ago`, `in 5 h`, `now`; no time is a dash.
pub(super) fn distance(seconds: impl Into<Option<i64>>, now: Timestamp) -> String {
    let Some(seconds) = seconds.into() else {
        return NOTHING.to_owned();
    };
    let away = seconds.saturating_sub(now.seconds());
    if away == 0 {
        return "now".to_owned();
    }
    let span = span(Duration::from_secs(away.unsigned_abs()));
    if away < 0 {
        format!("{span} ago")
    } else {
        format!("in {span}")
    }
}

/// `2026-11-26T00:46:08Z (3 min ago)`; no time is a dash.
pub(super) fn both(seconds: impl Into<Option<i64>>, now: Timestamp) -> String {
    match seconds.into() {
        Some(seconds) => format!("{} ({})", stamp(seconds), distance(seconds, now)),
        None => NOTHING.to_owned(),
    }
}

/// `90 s`, `3 min`, `47 h`, `12 d`: in the largest unit of which there are two or more.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (size, unit) = UNITS
        .into_iter()
        .find(|(size, _)| seconds >= size.saturating_mul(2))
        .unwrap_or((1, "s"));
    format!("{} {unit}", seconds.checked_div(size).unwrap_or(seconds))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "now")]
    #[case(-1, "1 s ago")]
    #[case(-119, "119 s ago")]
    #[case(-120, "2 min ago")]
    #[case(3 * 3600, "in 3 h")]
    #[case(47 * 3600, "in 47 h")]
    #[case(-90 * 86_400, "90 d ago")]
    fn a_distance_is_told_in_one_unit(#[case] away: i64, #[case] told: &str) {
        let now = Timestamp::from_seconds(1_795_000_000);
        assert_eq!(distance(1_795_000_000 + away, now), told);
    }

    #[test]
    fn a_time_is_in_utc_and_none_is_a_dash() {
        assert_eq!(stamp(1_795_653_968), "2026-11-26T00:46:08Z");
        assert_eq!(stamp(None), "-");
        assert_eq!(stamp(i64::MAX), "-");
        let now = Timestamp::from_seconds(1_795_653_968);
        assert_eq!(both(1_795_653_788, now), "2026-11-26T00:43:08Z (3 min ago)");
    }
}
