//! Downloads of results: small real media files, by range if asked.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE};

use crate::answer::Answer;
use crate::call::Call;
use crate::catalogue::Kind;
use crate::clock::millis;
use crate::refusal::{Refusal, not_found, range_not_satisfiable};
use crate::task::Verdict;

static VIDEO: &[u8] = include_bytes!("../../assets/result.mp4");
static IMAGE: &[u8] = include_bytes!("../../assets/result.png");
static AUDIO: &[u8] = include_bytes!("../../assets/result.mp3");

/// `GET /files/<task>.mp4`: there from completion until the URL's life is over.
pub(crate) fn result(call: &Call, name: &str) -> Result<Answer, Refusal> {
    let gone = || not_found("File not found");
    let now = call.app.clock.now();
    let id = call.route.task_id().ok_or_else(gone)?;
    let world = call.app.world();
    let task = world
        .task(id)
        .filter(|task| task.result_name() == name)
        .ok_or_else(gone)?;
    let alive = task.end.as_ref().is_some_and(|end| {
        end.verdict == Verdict::Completed
            && now < end.at.saturating_add(millis(call.app.config.result_ttl))
    });
    if !alive {
        return Err(gone());
    }
    let (content_type, bytes) = match task.kind {
        Kind::Video => ("video/mp4", VIDEO),
        Kind::Image => ("image/png", IMAGE),
        Kind::Audio => ("audio/mpeg", AUDIO),
    };
    let id = task.id.clone();
    drop(world);
    Ok(ranged(call, content_type, Bytes::from_static(bytes))?.about(&id))
}

/// The whole of it, or the one range that was asked for (RFC 9110 §14).
pub(crate) fn ranged(call: &Call, content_type: &str, bytes: Bytes) -> Result<Answer, Refusal> {
    let whole = bytes.len();
    let range = call.header("range").and_then(parse);
    let answer = match range {
        None => Answer::new(StatusCode::OK, content_type, bytes),
        Some(range) => {
            let (first, last) = range.within(whole).ok_or_else(range_not_satisfiable)?;
            let part = bytes.slice(first..=last);
            Answer::new(StatusCode::PARTIAL_CONTENT, content_type, part)
                .with_header(CONTENT_RANGE, &format!("bytes {first}-{last}/{whole}"))
        }
    };
    Ok(answer.with_header(ACCEPT_RANGES, "bytes"))
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    From(usize, Option<usize>),
    Last(usize),
}

/// Anything but one range of bytes is ignored, as the RFC allows.
fn parse(header: &str) -> Option<Range> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        return Some(Range::Last(last.parse().ok()?));
    }
    let end = if last.is_empty() {
        None
    } else {
        Some(last.parse().ok()?)
    };
    Some(Range::From(first.parse().ok()?, end))
}

impl Range {
    /// The first and the last byte that exist.
    fn within(&self, whole: usize) -> Option<(usize, usize)> {
        let end = whole.checked_sub(1)?;
        match *self {
            Self::From(first, last) => {
                let last = last.unwrap_or(end).min(end);
                (first <= last).then_some((first, last))
            }
            Self::Last(0) => None,
            Self::Last(count) => Some((whole.saturating_sub(count), end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Range, parse};

    #[test]
    fn ranges_are_read_and_clamped() {
        let within = |header: &str| parse(header).and_then(|range| range.within(10));
        assert_eq!(within("bytes=0-3"), Some((0, 3)));
        assert_eq!(within("bytes=4-"), Some((4, 9)));
        assert_eq!(within("bytes=4-99"), Some((4, 9)));
        assert_eq!(within("bytes=-3"), Some((7, 9)));
        assert_eq!(within("bytes=-99"), Some((0, 9)));
        assert_eq!(within("bytes=10-"), None);
        assert_eq!(within("bytes=5-4"), None);
        assert_eq!(parse("bytes=0-1,3-4"), None);
        assert_eq!(parse("lines=0-1"), None);
        assert_eq!(parse("bytes=-3"), Some(Range::Last(3)));
    }
}
