//! Requests, by route, method and class of status. A request costs one look at its route's name and a few
//! atomic operations.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use ::metrics::{Counter, Histogram};
use http::{Method, StatusCode};

use super::names::{
    METHODS, REQUEST_SECONDS, REQUESTS, STATUS_CLASSES, UNMATCHED, VALIDATION_FAILURES,
};
use crate::error::ApiError;
use crate::router;

/// One route's series, by method and class of status.
#[derive(Default)]
struct Route([[OnceLock<(Counter, Histogram)>; STATUS_CLASSES.len()]; METHODS.len()]);

static ROUTES: LazyLock<HashMap<&'static str, Route>> = LazyLock::new(|| {
    let lists = [router::API, router::CALLBACKS, router::OPS];
    let paths = lists.into_iter().flatten().map(|route| route.path);
    let names = paths.chain([UNMATCHED]);
    names.map(|name| (name, Route::default())).collect()
});

/// Counts a request and how long its answer took. `route` is its template; none where none matches.
pub fn answered(route: Option<&str>, method: &Method, status: StatusCode, took: Duration) {
    let known = route.and_then(|route| ROUTES.get_key_value(route));
    let Some((name, series)) = known.or_else(|| ROUTES.get_key_value(UNMATCHED)) else {
        return;
    };
    let method = self::method(method);
    let class = class(status);
    let by_class = series.0.get(method).and_then(|classes| classes.get(class));
    let (Some(series), Some(method), Some(class)) =
        (by_class, METHODS.get(method), STATUS_CLASSES.get(class))
    else {
        return;
    };
    let (count, seconds) = series.get_or_init(|| {
        let labels = [*name, *method, *class];
        (REQUESTS.handle(labels), REQUEST_SECONDS.handle(labels))
    });
    count.increment(1);
    seconds.record(took.as_secs_f64());
}

/// Counts the faults that a refusal names, by field.
pub fn faults(error: &ApiError) {
    if error.status() == StatusCode::BAD_REQUEST {
        for param in error.params() {
            // `image_urls[2]` is about `image_urls`.
            let field = param.split(['[', '.']).next().unwrap_or_default();
            VALIDATION_FAILURES.one([field]);
        }
    }
}

/// The place of a method in [`METHODS`].
fn method(method: &Method) -> usize {
    let known = METHODS.iter().position(|known| *known == method.as_str());
    known.unwrap_or(METHODS.len() - 1)
}

/// The place of a status's class in [`STATUS_CLASSES`].
fn class(status: StatusCode) -> usize {
    match status.as_u16() / 100 {
        0..=2 => 0,
        3 => 1,
        4 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_statuses_have_their_places_and_what_is_strange_has_one() {
        assert_eq!(METHODS[method(&Method::GET)], "GET");
        let strange = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(METHODS[method(&strange)], "other");
        for (status, place) in [(200, "2xx"), (304, "3xx"), (429, "4xx"), (503, "5xx")] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(STATUS_CLASSES[class(status)], place);
        }
    }
}
