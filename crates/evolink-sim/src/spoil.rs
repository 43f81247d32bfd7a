//! What faults make of an answer: another one in its place, other headers, changed members.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::App;
use crate::fault::Faults;
use crate::refusal;

/// The answer that faults put in the place of the real one.
pub(crate) fn replacement(app: &App, faults: &Faults) -> Option<Answer> {
    if let Some(body) = faults.first(|fault| fault.body.clone()) {
        return Some(Answer::new(StatusCode::OK, "application/json", body.into()));
    }
    if let Some(code) = faults.first(|fault| fault.html) {
        let status = status(code);
        let page = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
             <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        return Some(Answer::new(status, "text/html", page.into()));
    }
    let code = faults.first(|fault| fault.http)?;
    let mut refusal = refusal::usual(status(code), &app.random.letters(20));
    if let Some(message) = faults.first(|fault| fault.message.clone()) {
        refusal.message = message;
    }
    if let Some(kind) = faults.first(|fault| fault.kind.clone()) {
        refusal.kind = kind;
    }
    if let Some(code) = faults.first(|fault| fault.code.clone()) {
        refusal.code = Some(code);
    }
    Some(refusal.into())
}

/// Status and headers on whatever is answered.
pub(crate) fn dress(answer: &mut Answer, faults: &Faults) {
    if let Some(code) = faults.first(|fault| fault.status) {
        answer.status = status(code);
    }
    if let Some(seconds) = faults.first(|fault| fault.retry_after) {
        answer
            .headers
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    for (name, value) in faults.iter().flat_map(|fault| &fault.headers) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            answer.headers.insert(name, value);
        }
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Merges changes into an answer that is JSON.
pub(crate) fn patch(answer: &mut Answer, changes: &Value) {
    if let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) {
        merge(&mut body, changes);
        answer.body = body.to_string().into();
    }
}

/// RFC 7396.
fn merge(target: &mut Value, changes: &Value) {
    let Value::Object(changes) = changes else {
        target.clone_from(changes);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.as_str()).or_insert(Value::Null), change);
        }
    }
}
