//! The watch over one connection: it ends with its client, with its patience, or with the gateway.

use std::error::Error;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;

use super::Door;
use super::pulse::{Due, Pulse};
use crate::drain::Phase;
use crate::metrics::CONNECTIONS_CUT;

/// How long a connection that was told to go in order may take for it while nothing is under way.
const GOING: Duration = Duration::from_secs(5);

/// Why the watch looks up.
enum Event<T> {
    /// The connection has ended.
    Over(T),
    /// Something may be due.
    Look,
}

/// Serves the connection to its end.
pub(super) async fn watch<C>(connection: C, pulse: &Pulse, door: &Door)
where
    C: GracefulConnection<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let mut connection = pin!(connection);
    let mut alarm = pin!(tokio::time::sleep_until(pulse.instant(0)));
    // When it was told to go, and when it is to be told because its door has closed.
    let (mut told, mut tell) = (None, None);
    loop {
        let mut draining = pin!(door.drain.changed());
        let mut crowding = pin!(door.crowd.changed());
        let phase = door.drain.phase();
        let tight = door.crowd.is_tight();
        let now = pulse.now();
        if phase == Phase::Ended && door.closes_at < Phase::Ended {
            return cut(door, "drain_timeout");
        }
        if phase >= door.closes_at && told.is_none() {
            // Whoever is idle may be about to send a request, and would not know whether it was taken.
            let waits = !pulse.is_open() && !pulse.is_http2();
            let at = *tell.get_or_insert(if waits {
                now.saturating_add(millis(door.linger))
            } else {
                now
            });
            if now >= at {
                connection.as_mut().graceful_shutdown();
                told = Some(now);
            }
        }
        let mut next = match pulse.due(&door.settings, tight, now) {
            Due::Cut(why) => return cut(door, why),
            Due::Farewell if told.is_none() => {
                connection.as_mut().graceful_shutdown();
                told = Some(now);
                now.saturating_add(millis(GOING))
            }
            Due::Farewell if told.is_some_and(|at| now >= at.saturating_add(millis(GOING))) => {
                return cut(door, "idle_timeout");
            }
            Due::Farewell => now.saturating_add(millis(GOING)),
            Due::Not(until) => until,
        };
        if let Some(tell) = tell.filter(|_| told.is_none()) {
            next = next.min(tell);
        }
        alarm.as_mut().reset(pulse.instant(next));
        // The first look registers with both; later ones are for the alarm and the connection alone, for
        // registering takes a lock that all connections share.
        let mut registered = false;
        let event = poll_fn(|context| {
            if let Poll::Ready(over) = connection.as_mut().poll(context) {
                return Poll::Ready(Event::Over(over));
            }
            // What the connection has just done may be due before the alarm is.
            let sooner = match pulse.due(&door.settings, tight, now) {
                Due::Not(until) => until < next,
                Due::Cut(_) => true,
                Due::Farewell => false,
            };
            if sooner || alarm.as_mut().poll(context).is_ready() {
                return Poll::Ready(Event::Look);
            }
            if !registered || phase != door.drain.phase() || tight != door.crowd.is_tight() {
                registered = true;
                let drained = draining.as_mut().poll(context).is_ready();
                if drained | crowding.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Event::Look);
                }
            }
            Poll::Pending
        });
        match event.await {
            Event::Over(Ok(())) => return,
            Event::Over(Err(error)) => {
                let error: Box<dyn Error + Send + Sync> = error.into();
                tracing::debug!(listener = door.name, %error, "a connection ended badly");
                if let Some(why) = fault(error.as_ref()) {
                    cut(door, why);
                }
                return;
            }
            Event::Look => {}
        }
    }
}

/// What a client did that HTTP does not allow, if that is why its connection ended. It was answered, if at all,
/// before anything here saw a request.
fn fault(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_parse() {
        return Some("malformed");
    }
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    // One that came from the client is its own way to go.
    if !(error.is_go_away() && error.is_library()) {
        return None;
    }
    match error.reason() {
        Some(h2::Reason::ENHANCE_YOUR_CALM) => Some("flood"),
        _ => Some("malformed"),
    }
}

fn cut(door: &Door, why: &'static str) {
    CONNECTIONS_CUT.one([door.name, why]);
    tracing::debug!(listener = door.name, why, "a connection was cut");
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
