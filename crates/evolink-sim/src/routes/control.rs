//! `/_sim`: what a test asks the simulator for behind EvoLink's back. No key is needed.

use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::control;
use crate::control::Forced;
use crate::journal::JournalFilter;
use crate::money::Micro;
use crate::refusal::{Refusal, invalid_parameter, not_found, task_not_found};
use crate::route::Operation;
use crate::rules::Rule;

pub(crate) fn answer(call: &Call, path: &[String]) -> Result<Answer, Refusal> {
    let app = &call.app;
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    match (call.parts.method.as_str(), segments.as_slice()) {
        ("GET", ["health"]) => Ok(Answer::json(&json!({"ok": true}))),
        ("GET", ["rules"]) => Ok(Answer::json(&json!({"rules": app.rules().all()}))),
        ("POST", ["rules"]) => {
            let new: NewRules = body(call)?;
            let ids = control::add_rules(app, new.rules);
            Ok(Answer::json(&json!({"rules": ids})))
        }
        ("DELETE", ["rules"]) => {
            app.rules().clear();
            Ok(done())
        }
        ("DELETE", ["rules", id]) => {
            let removed = id.parse().is_ok_and(|id| app.rules().remove(id));
            removed
                .then(done)
                .ok_or_else(|| not_found("Rule not found"))
        }
        ("GET", ["journal"]) => Ok(Answer::json(&app.journal().page(filter(call)?))),
        ("DELETE", ["journal"]) => {
            app.journal().clear();
            Ok(done())
        }
        ("GET", ["account"]) => {
            let with_jobs = call.query("jobs") != Some("false");
            Ok(Answer::json(&account(call, with_jobs)))
        }
        ("POST", ["account"]) => {
            let change: AccountChange = body(call)?;
            app.world().grant(change.granted);
            Ok(Answer::json(&account(call, false)))
        }
        ("POST", ["tasks", id]) => {
            let forced: Forced = body(call)?;
            let task = control::force(app, id, forced)?;
            Ok(Answer::json(&task))
        }
        ("POST", ["forget", id]) => {
            let known = control::forget(app, id);
            known.then(done).ok_or_else(task_not_found)
        }
        ("POST", ["time", "advance"]) => {
            let by: Advance = body(call)?;
            let now = control::advance(app, by.seconds)?;
            Ok(Answer::json(&json!({"now_ms": now})))
        }
        _ => Err(not_found("Not found")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRules {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    granted: Micro,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    serde_json::from_slice(&call.body).map_err(|error| invalid_parameter(error.to_string()))
}

fn done() -> Answer {
    let mut answer = Answer::json(&json!({"ok": true}));
    answer.status = StatusCode::OK;
    answer
}

fn account(call: &Call, with_jobs: bool) -> Account {
    Account::of(&call.app.world(), call.app.clock.now(), with_jobs)
}

fn filter(call: &Call) -> Result<JournalFilter, Refusal> {
    let operation: Option<Operation> = match call.query("operation") {
        None => None,
        Some(name) => Some(
            serde_json::from_value(Value::from(name))
                .map_err(|error| invalid_parameter(error.to_string()))?,
        ),
    };
    let since = match call.query("since") {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| invalid_parameter("since must be a number"))?,
    };
    Ok(JournalFilter { operation, since })
}
