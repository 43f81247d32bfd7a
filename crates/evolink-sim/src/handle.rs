//! The way of one request: authenticate, gather faults, do the work, spoil the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::json;

use crate::answer::{Answer, Body};
use crate::app::App;
use crate::call::{Call, Note, hash};
use crate::fault::Faults;
use crate::refusal::{self, Refusal};
use crate::route::{Operation, Route};
use crate::routes;
use crate::rules::Question;
use crate::spoil::{dress, patch, replacement};
use crate::words;

const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// 100 MB as base64, with room for the JSON around it.
const UPLOAD_LIMIT: usize = 140 * 1024 * 1024;

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(crate) struct Severed;

impl fmt::Display for Severed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without an answer, as told")
    }
}

impl std::error::Error for Severed {}

/// What becomes of a request.
enum Outcome {
    Whole(Answer),
    Truncated(Answer),
    Severed,
}

/// Answers one request.
pub(crate) async fn respond(
    app: Arc<App>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Severed> {
    let (parts, body) = request.into_parts();
    let route = Route::of(&parts.method, parts.uri.path());
    let limit = match route.operation() {
        Operation::Files => UPLOAD_LIMIT,
        _ => BODY_LIMIT,
    };
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(Answer::from(refusal::too_large()).into_response());
        }
        Err(_) => return Err(Severed),
    };
    app.settle();
    let call = Call::new(app, route, parts, body);
    if let Route::Control(path) = &call.route {
        let answer = routes::control::answer(&call, path).unwrap_or_else(Answer::from);
        return Ok(answer.into_response());
    }
    let authorised = call.is_authorised();
    let note = Note::of(&call, authorised);
    let outcome = if call.route.needs_key() && !authorised {
        let request_id = call.app.random.letters(20);
        Outcome::Whole(refusal::invalid_token(&request_id).into())
    } else {
        handle(&call, &note).await
    };
    match outcome {
        Outcome::Whole(answer) => {
            note.task(answer.task_id.as_deref());
            note.end(Some(answer.status.as_u16()));
            Ok(answer.into_response())
        }
        Outcome::Truncated(answer) => {
            note.end(Some(answer.status.as_u16()));
            Ok(answer.into_truncated())
        }
        Outcome::Severed => {
            note.end(None);
            Err(Severed)
        }
    }
}

async fn handle(call: &Call, note: &Note) -> Outcome {
    let faults = match gather(call) {
        Ok(faults) => faults,
        Err(refusal) => return Outcome::Whole(refusal.into()),
    };
    if faults.is_empty() {
        let answer = routes::dispatch(call, &faults).await;
        return Outcome::Whole(answer.unwrap_or_else(Answer::from));
    }
    note.faults(&faults);
    if let Some(outcome) = before(call, &faults).await {
        return outcome;
    }
    match routes::dispatch(call, &faults).await {
        Ok(answer) => {
            note.task(answer.task_id.as_deref());
            after(call, &faults, answer).await
        }
        // Nothing was accepted, so nothing can go wrong after it was.
        Err(refusal) if call.operation == Operation::Create => Outcome::Whole(refusal.into()),
        Err(refusal) => after(call, &faults, refusal.into()).await,
    }
}

/// The faults in the prompt's words, then those of the rules.
fn gather(call: &Call) -> Result<Faults, Refusal> {
    let prompt = call.prompt();
    let mut faults = Faults::default();
    if call.operation == Operation::Create
        && let Some(prompt) = &prompt
        && let Some(fault) = words::read(prompt)?
        && !is_replay(call)
        && fault.times.is_none_or(|times| {
            let prompt = hash(prompt.as_bytes());
            call.app.rules().prompt_acts(prompt, times)
        })
    {
        faults.add(fault);
    }
    let by_rule = call.app.faults_by_rule(&Question {
        method: call.parts.method.as_str(),
        path: call.path(),
        operation: call.operation,
        prompt: prompt.as_deref(),
    });
    for fault in by_rule.iter() {
        faults.add(fault.clone());
    }
    Ok(faults)
}

/// A prompt's words act when its task is made. If they acted on the replay too, a client could never
/// find out what became of the create that was spoiled.
fn is_replay(call: &Call) -> bool {
    call.app.config.honours_idempotency
        && call
            .idempotency_key()
            .is_some_and(|key| call.app.world().has_key(key))
}

/// The faults that act before anything is accepted.
async fn before(call: &Call, faults: &Faults) -> Option<Outcome> {
    if !pause(call, faults.first(|fault| fault.delay_before)).await
        || faults.any(|fault| fault.drop_before)
    {
        return Some(Outcome::Severed);
    }
    if faults.any(|fault| fault.hang_before) {
        return Some(hang(call).await);
    }
    if faults.any(|fault| fault.accept) {
        return None;
    }
    let mut answer = replacement(&call.app, faults)?;
    dress(&mut answer, faults);
    if !pause(call, faults.first(|fault| fault.delay)).await {
        return Some(Outcome::Severed);
    }
    Some(if faults.any(|fault| fault.truncate) {
        Outcome::Truncated(answer)
    } else {
        Outcome::Whole(answer)
    })
}

/// The faults that act on the answer, when the work is done.
async fn after(call: &Call, faults: &Faults, mut answer: Answer) -> Outcome {
    if let Some(other) = replacement(&call.app, faults) {
        answer = other;
    }
    if faults.any(|fault| fault.no_id) {
        patch(&mut answer, &json!({"id": null}));
    }
    if let Some(changes) = faults.first(|fault| fault.patch.as_ref()) {
        patch(&mut answer, changes);
    }
    if faults.any(|fault| fault.garbage) {
        answer.body = Bytes::from_static(b"\x1b[2J this is { no JSON at all");
    }
    dress(&mut answer, faults);
    if !pause(call, faults.first(|fault| fault.delay)).await {
        return Outcome::Severed;
    }
    if faults.any(|fault| fault.hang) {
        return hang(call).await;
    }
    if faults.any(|fault| fault.drop_after_accept) {
        return Outcome::Severed;
    }
    if faults.any(|fault| fault.truncate) {
        return Outcome::Truncated(answer);
    }
    Outcome::Whole(answer)
}

/// False when the simulator ends meanwhile.
async fn pause(call: &Call, seconds: Option<f64>) -> bool {
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        None => true,
        Some(length) => call.app.background.pause(length).await,
    }
}

async fn hang(call: &Call) -> Outcome {
    call.app.background.pause(call.app.config.hang_limit).await;
    Outcome::Severed
}
