//! Callbacks: the task object, sent unsigned to the task's `callback_url` once it has ended.
//!
//! EvoLink tutorial: a 2xx within 10 s is a delivery; otherwise three retries after 1, 2 and 4 s, then
//! it gives up for good.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::app::App;
use crate::fault::Faults;
use crate::journal::CallbackEntry;
use crate::route::Operation;
use crate::rules::Question;
use crate::task::Task;
use crate::view::TaskObject;

/// A client that goes where it is told and nowhere else.
pub(crate) fn client(timeout: Duration) -> Option<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(timeout)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
        .inspect_err(|error| tracing::warn!(%error, "no callback can be sent"))
        .ok()
}

/// Sends the callbacks of tasks that have ended, in the background.
pub(crate) fn send_all(app: &Arc<App>, ended: &[Task]) {
    for task in ended {
        drop(send(app, task));
    }
}

/// Sends the callbacks of one task in the background. Resolves when the first attempt has been answered or has
/// failed; at once when there is nothing to send.
pub(crate) fn send(app: &Arc<App>, task: &Task) -> oneshot::Receiver<()> {
    let (first_done, done) = oneshot::channel();
    let Some(url) = task.callback_url.clone() else {
        return done;
    };
    let faults = app.faults_by_rule(&Question {
        method: "POST",
        path: &url,
        operation: Operation::Callback,
        prompt: Some(&task.prompt),
    });
    if task.quirks.no_callback || faults.any(|fault| fault.no_callback) {
        return done;
    }
    let copies = faults
        .first(|fault| fault.duplicate_callbacks)
        .or(task.quirks.duplicate_callbacks)
        .unwrap_or(1);
    let body = body(app, task, &faults);
    let mut first_done = Some(first_done);
    for _ in 0..copies {
        let delivery = Delivery {
            app: Arc::clone(app),
            task_id: task.id.clone(),
            url: url.clone(),
            body: body.clone(),
            delay: faults
                .first(|fault| fault.delay)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        };
        app.background.spawn(delivery.run(first_done.take()));
    }
    done
}

fn body(app: &App, task: &Task, faults: &Faults) -> Bytes {
    if let Some(raw) = faults.first(|fault| fault.body.clone()) {
        return raw.into();
    }
    Answer::json(&TaskObject::new(task, app.clock.now(), &app.base_url)).body
}

struct Delivery {
    app: Arc<App>,
    task_id: String,
    url: String,
    body: Bytes,
    delay: Option<Duration>,
}

impl Delivery {
    async fn run(self, mut first_done: Option<oneshot::Sender<()>>) {
        if let Some(delay) = self.delay
            && !self.app.background.pause(delay).await
        {
            return;
        }
        let mut waits = self.app.config.callback_backoff.iter();
        for attempt in 1.. {
            let outcome = tokio::select! {
                outcome = self.post() => outcome,
                () = self.app.background.stopping() => return,
            };
            let delivered = matches!(outcome, Ok(status) if (200..300).contains(&status));
            self.record(attempt, outcome);
            drop(first_done.take());
            if delivered {
                return;
            }
            match waits.next() {
                Some(wait) if self.app.background.pause(*wait).await => {}
                _ => return,
            }
        }
    }

    async fn post(&self) -> Result<u16, String> {
        let client = self
            .app
            .callback_client()
            .ok_or("no HTTP client could be built")?;
        let answer = client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .body(self.body.clone())
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        // Reading the answer to its end lets the connection be used again.
        drop(answer.bytes().await);
        Ok(status)
    }

    fn record(&self, attempt: u32, outcome: Result<u16, String>) {
        let (status, error) = match outcome {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        };
        self.app.journal().callback(CallbackEntry {
            n: 0,
            at_ms: self.app.clock.now(),
            task_id: self.task_id.clone(),
            url: self.url.clone(),
            attempt,
            status,
            error,
        });
    }
}
