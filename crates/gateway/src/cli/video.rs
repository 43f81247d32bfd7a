//! `evogate video`: makes one video and waits for it: submits, shows how far it is, downloads.
//!
//! What must hold: a task that was made is never lost, so its id is printed as soon as it is known, and
//! whatever ends the wait early says how to fetch the video later; nothing that may be paid for is sent twice
//! to somebody who would make it twice; the key is printed nowhere.

mod api;
mod arguments;
mod console;
mod download;
mod feed;
mod pace;
mod part;
mod person;
mod progress;
mod session;
mod submission;
mod summary;
mod task;
#[cfg(test)]
mod tests;

pub(super) use arguments::Arguments;

use evogate_store::{SystemClock, SystemRandom};

use super::remote::Problem;
use super::signals::Signals;
use super::{Failure, environment};
use api::{Access, Api};
use arguments::Order;
use console::Console;
use pace::Pace;
use person::{AtTerminal, Person};
use session::Session;
use summary::Summary;

/// Makes the video.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let console = Console::standard(arguments.json);
    let person = AtTerminal::new(Signals::listen()?);
    let work = Work {
        arguments,
        environment: environment(),
        pace: Pace::default(),
    };
    work.run(&console, person).await
}

/// One run, with everything that it takes from outside.
struct Work<E> {
    arguments: Arguments,
    environment: E,
    pace: Pace,
}

impl<E: Iterator<Item = (String, String)>> Work<E> {
    /// Does it, and says how it ended: in one JSON object if that is asked for.
    async fn run(self, console: &Console, person: impl Person) -> Result<(), Failure> {
        let mut summary = Summary::default();
        let done = self.work(console, person, &mut summary).await;
        console.clear();
        if let Err(problem) = &done {
            summary.failed(problem);
        }
        console.answer(&summary);
        done.map_err(Failure::from)
    }

    async fn work(
        self,
        console: &Console,
        person: impl Person,
        summary: &mut Summary,
    ) -> Result<(), Problem> {
        let (base_url, key) = (&self.arguments.base_url, &self.arguments.api_key);
        let access = Access::of(base_url.as_deref(), key.as_ref(), self.environment)?;
        let order = Order::of(self.arguments, &access, &SystemRandom)?;
        let session = Session {
            api: &Api::new(&access)?,
            order: &order,
            console,
            person,
            clock: &SystemClock,
            pace: self.pace,
            deadline: order.deadline(),
            summary,
            cancelling: false,
        };
        session.run().await
    }
}
