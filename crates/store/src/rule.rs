//! What is the same for every engine: which rule of `evogate_models::life` a command stands for, and what
//! follows from a task for the sets and lists that it is in.

use evogate_models::Timestamp;
use evogate_models::life::{Books, LifeError, Turn, bind, deadline, news, results, submit};
use evogate_models::note::Step;
use evogate_models::task::Task;

use crate::command::TaskCommand;

/// What the rule answered.
pub(crate) struct Ruled {
    /// What is to be stored.
    pub(crate) turn: Turn,
    /// For [`TaskCommand::WantCancel`]: what is to be done about it.
    pub(crate) cancel: Option<news::Cancel>,
}

/// Asks the rule for `command`.
pub(crate) fn apply(
    books: Books,
    command: &TaskCommand,
    now: Timestamp,
) -> Result<Ruled, LifeError> {
    let turn = match command {
        TaskCommand::Renew {
            fence,
            send_within,
            lease,
        } => submit::renew(books, *fence, *send_within, *lease, now)?,
        TaskCommand::Queue {
            fence,
            until,
            why,
            lease,
        } => submit::queue(books, *fence, *until, why.clone(), *lease, now)?,
        TaskCommand::Refuse {
            refusal,
            temporary,
            told,
        } => submit::refuse(books, refusal.clone(), *temporary, *told, now)?,
        TaskCommand::Unknown { fence, why, until } => {
            submit::unknown(books, *fence, why.clone(), *until, now)?
        }
        TaskCommand::Bind {
            report,
            found,
            window,
        } => bind::bind(books, report, *found, *window, now)?,
        TaskCommand::News { report } => news::news(books, report, now)?,
        TaskCommand::InVain { fence, why } => news::in_vain(books, *fence, why.clone(), now)?,
        TaskCommand::HandBack { fence } => news::hand_back(books, *fence, now)?,
        TaskCommand::Callback {
            upstream,
            refresh_after,
        } => news::callback(books, upstream.clone(), *refresh_after, now),
        TaskCommand::WantCancel => {
            let (turn, cancel) = news::want_cancel(books, now)?;
            return Ok(Ruled {
                turn,
                cancel: Some(cancel),
            });
        }
        TaskCommand::CancelSent { answer } => news::cancel_sent(books, answer.clone(), now),
        TaskCommand::LeaseRanOut { unknown_deadline } => {
            deadline::lease_ran_out(books, *unknown_deadline, now)?
        }
        TaskCommand::Lose => deadline::lose(books, now)?,
        TaskCommand::Expire => deadline::expire(books, now)?,
        TaskCommand::HungUp => submit::hung_up(books, now),
        TaskCommand::Fetched => results::fetched(books, now),
        TaskCommand::Expiring { delivered } => results::expiring(books, *delivered, now)?,
    };
    Ok(Ruled { turn, cancel: None })
}

/// May EvoLink have it without our knowing which of its tasks it is? Ended ones that are still due are
/// looked for on behalf of the platform's books.
pub(crate) fn is_unbound(task: &Task) -> bool {
    task.upstream.is_none() && (!task.state.is_ended() || task.due.is_some())
}

/// A step that may come many times, and of which a long timeline keeps no more: a task that EvoLink keeps
/// failing to read or to cancel must not fill the store.
pub(crate) const fn is_again(step: &Step) -> bool {
    matches!(
        step,
        Step::Read { .. } | Step::ReadFailed { .. } | Step::CancelSent { .. }
    )
}
