//! `POST /v1/{videos,images,audios}/generations`.

use std::sync::Arc;

use hyper::header::HeaderName;

use crate::answer::Answer;
use crate::call::Call;
use crate::callbacks;
use crate::catalogue::Kind;
use crate::clock::SECOND;
use crate::fault::Faults;
use crate::refusal::{Refusal, invalid_parameter};
use crate::request::{self, UrlRules};
use crate::task::{Birth, Task};
use crate::view::TaskObject;
use crate::world::Replay;

pub(crate) async fn create(call: &Call, kind: Kind, faults: &Faults) -> Result<Answer, Refusal> {
    let app = &call.app;
    let body = call
        .json
        .as_ref()
        .ok_or_else(|| invalid_parameter("request body is not valid JSON"))?;
    let generation = request::read(
        kind,
        body,
        &UrlRules {
            local_callbacks: app.config.allow_local_callbacks,
            own_base: &app.base_url,
        },
    )?;
    let fingerprint = call.fingerprint();
    let key = call.idempotency_key();
    if app.config.honours_idempotency
        && let Some(key) = key
    {
        if !is_well_formed(key) {
            return Err(invalid_parameter(
                "Idempotency-Key must be 16 to 96 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
            ));
        }
        if let Replay::Known(task) = app.world().replay(key, fingerprint)? {
            let header = HeaderName::from_static("idempotency-replayed");
            return Ok(show(call, &task).with_header(header, "true"));
        }
    }
    let now = app.clock.now();
    let birth = Birth {
        id: mint(call, now / SECOND),
        now,
        speed: app.config.speed,
        instant: app.config.instant,
        idempotency_key: key.map(str::to_owned),
        fingerprint,
    };
    let task = Task::new(generation, faults, birth);
    let answer = show(call, &task);
    let ended = accept(call, task)?;
    if let Some(task) = ended {
        let first_attempt = callbacks::send(app, &task);
        if faults.any(|fault| fault.callback_before_answer) {
            // An error only means that there was nothing to send.
            drop(first_attempt.await);
        }
    }
    Ok(answer)
}

/// Takes the task on; one that needs no time at all has ended by then, and is answered.
fn accept(call: &Call, task: Task) -> Result<Option<Task>, Refusal> {
    let (id, now) = (task.id.clone(), task.created);
    let at_once = task.plan.finishes && task.plan.total == 0;
    let (due, verdict) = (task.due(), task.own_verdict());
    let mut world = call.app.world();
    world.accept(task)?;
    if at_once {
        return Ok(world.end(&id, now, verdict));
    }
    if due.is_some() && world.next_due() == due {
        call.app.wake();
    }
    Ok(None)
}

/// The task as it is when it has just been accepted, whatever happens to it before the answer arrives.
fn show(call: &Call, task: &Task) -> Answer {
    let born = task.at_birth();
    Answer::json(&TaskObject::new(&born, task.created, &call.app.base_url)).about(&task.id)
}

/// EvoLink's format: `task-unified-<unix seconds>-<8 of a-z0-9>`.
fn mint(call: &Call, seconds: u64) -> String {
    let app = Arc::clone(&call.app);
    loop {
        let id = format!("task-unified-{seconds}-{}", app.random.letters(8));
        if !app.world().knows(&id) {
            return id;
        }
    }
}

fn is_well_formed(key: &str) -> bool {
    (16..=96).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
