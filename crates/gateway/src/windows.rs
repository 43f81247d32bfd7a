//! Calendar windows in a tenant's time zone: when this day, week and month began, and when the next
//! ones do. The store compares; only the gateway knows calendars.

use evogate_models::Timestamp;
use evogate_models::quota::{Period, Windows};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ZonedDateTime};

/// The time zone of that IANA name, if there is one.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// The windows around `now`. A day in which clocks change is 23 or 25 hours long, and where midnight
/// is skipped it begins with the first moment that there is.
pub fn windows(now: Timestamp, zone: &TimeZone) -> Windows {
    Windows(Period::ALL.map(|period| {
        let start = start(now, zone, period);
        let next = next(start, zone, period);
        (start, next)
    }))
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<ZonedDateTime> {
    let at = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
    Some(at.to_zoned_datetime(zone.clone()))
}

/// The first moment of a date.
fn begin(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let begin = date
        .to_zoned_datetime(zone.clone())
        .ok()?
        .start_of_day()
        .ok()?;
    Some(Timestamp::from_millis(begin.timestamp().as_millisecond()))
}

fn start(now: Timestamp, zone: &TimeZone, period: Period) -> Timestamp {
    let start = zoned(now, zone).and_then(|now| {
        let date = now.date();
        let first = match period {
            Period::Day => date,
            Period::Week => {
                let since = date.weekday().since(jiff::civil::Weekday::Monday);
                date.checked_sub(Span::new().days(since)).ok()?
            }
            Period::Month => date.first_of_month(),
        };
        begin(first, zone)
    });
    // Only for times outside the years that a calendar knows.
    start.unwrap_or(now)
}

fn next(start: Timestamp, zone: &TimeZone, period: Period) -> Timestamp {
    let span = match period {
        Period::Day => Span::new().days(1),
        Period::Week => Span::new().weeks(1),
        Period::Month => Span::new().months(1),
    };
    let next =
        zoned(start, zone).and_then(|start| begin(start.date().checked_add(span).ok()?, zone));
    next.unwrap_or(Timestamp::from_millis(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[rstest]
    // The clocks go forward on 29 March 2026 at 2:00, and back on 25 October at 3:00.
    #[case(
        "Europe/Berlin",
        "2026-03-29T10:00:00Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T22:00:00Z"
    )]
    #[case(
        "Europe/Berlin",
        "2026-10-25T22:59:59Z",
        "2026-10-24T22:00:00Z",
        "2026-10-25T23:00:00Z"
    )]
    // Midnight itself was skipped: the day began at 1:00.
    #[case(
        "America/Sao_Paulo",
        "2018-11-04T12:00:00Z",
        "2018-11-04T03:00:00Z",
        "2018-11-05T02:00:00Z"
    )]
    #[case(
        "Asia/Kathmandu",
        "2026-01-01T00:00:00Z",
        "2025-12-31T18:15:00Z",
        "2026-01-01T18:15:00Z"
    )]
    fn a_day_begins_at_its_first_moment(
        #[case] zone: &str,
        #[case] now: &str,
        #[case] start: &str,
        #[case] next: &str,
    ) {
        let Windows([day, _, _]) = windows(at(now), &time_zone(zone).unwrap());
        assert_eq!(day, (at(start), at(next)));
    }

    #[rstest]
    #[case(
        "2026-03-01T12:00:00Z",
        "2026-02-23T00:00:00Z",
        "2026-03-01T00:00:00Z",
        "2026-04-01T00:00:00Z"
    )]
    #[case(
        "2026-12-31T23:59:59Z",
        "2026-12-28T00:00:00Z",
        "2026-12-01T00:00:00Z",
        "2027-01-01T00:00:00Z"
    )]
    #[case(
        "2028-02-29T00:00:00Z",
        "2028-02-28T00:00:00Z",
        "2028-02-01T00:00:00Z",
        "2028-03-01T00:00:00Z"
    )]
    fn weeks_begin_on_monday_and_months_on_the_first(
        #[case] now: &str,
        #[case] week: &str,
        #[case] month: &str,
        #[case] next_month: &str,
    ) {
        let Windows([_, (monday, _), first]) = windows(at(now), &TimeZone::UTC);
        assert_eq!(monday, at(week));
        assert_eq!(first, (at(month), at(next_month)));
    }

    #[test]
    fn a_name_that_is_no_zone_is_none() {
        assert!(time_zone("Mars/Olympus").is_none());
    }

    proptest! {
        #[test]
        fn now_is_in_its_window_and_the_windows_join(
            millis in 0..4_000_000_000_000_i64,
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe",
                "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca",
            ]),
        ) {
            let (now, zone) = (Timestamp::from_millis(millis), time_zone(zone).unwrap());
            let Windows(all) = windows(now, &zone);
            for ((start, next), period) in all.into_iter().zip(Period::ALL) {
                prop_assert!(start <= now && now < next, "{:?}", period);
                prop_assert_eq!(super::start(next, &zone, period), next);
                prop_assert_eq!(super::start(next.plus(-1), &zone, period), start);
            }
        }
    }
}
