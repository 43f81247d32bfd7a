//! `evogate grant`: gives a tenant credits, or takes some back.

use std::time::Duration;

use clap::Args;
use evogate_models::credits::Decimal;
use evogate_models::{Credits, TenantId};
use evogate_store::SystemRandom;
use serde::Serialize;
use tokio::time::sleep;

use super::answer::{Answer, explained};
use super::screen::remark;
use super::{Order, Session, help, tenant};
use crate::cli::quoted;
use crate::cli::remote::{CallError, Problem, idempotency_key};

/// How often it is tried when nobody knows what became of the try before.
const TRIES: u32 = 3;
/// The wait before the next try where the gateway asks for none.
const PAUSE: Duration = Duration::from_secs(1);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
#[command(after_help = help!(
    "evogate grant studio 500 --note November"
    "evogate grant studio -120.5 --note 'moved to another team'"
    "evogate grant studio 500 --note November --idempotency-key 2026-11"
))]
pub(in crate::cli) struct Arguments {
    /// Who gets them.
    tenant: TenantId,
    /// Credits, with up to six decimals. A negative amount takes back what is available, and never more.
    #[arg(value_name = "AMOUNT", allow_negative_numbers = true)]
    amount: Credits,
    /// Why; it is in the journal for ever.
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// The same key grants once, however often it is sent; by default a new one.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    credits: Decimal,
    note: &'a str,
}

impl Order for Arguments {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let key = self.idempotency_key.as_deref();
        let key = idempotency_key(key, "evogate-grant", &SystemRandom)?;
        let answer = self.granted(session, &key).await?;
        if answer.replayed {
            remark("It had been granted before with this key: nothing was added.");
        }
        tenant::shown(&answer, &session.screen)
    }
}

impl Arguments {
    /// Tries with one key until it is known what became of it.
    async fn granted(&self, session: &Session, key: &str) -> Result<Answer, Problem> {
        let path = format!("/tenants/{}/grants", self.tenant);
        let body = Body {
            credits: Decimal(self.amount),
            note: &self.note,
        };
        let mut tries = 1;
        let mut doubt = false;
        loop {
            let error = match session.api.once(&path, key, &body).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = match &error {
                CallError::Refused(refusal) if !refusal.is_temporary() => {
                    return Err(explained(error));
                }
                CallError::Refused(refusal) => refusal.wait,
                CallError::Unclear { .. } => None,
            };
            doubt |= is_in_doubt(&error);
            if !doubt {
                return Err(explained(error));
            }
            if tries == TRIES {
                return Err(self.unknown(error, key));
            }
            tries += 1;
            sleep(wait.unwrap_or(PAUSE).min(LONGEST)).await;
        }
    }

    fn unknown(&self, error: CallError, key: &str) -> Problem {
        let why = Problem::from(error);
        why.coded("grant_outcome_unknown").hint(format_args!(
            "Nobody knows whether it was granted. The same command with its key grants once:\n  \
             evogate grant {} {} --note {} --idempotency-key {}",
            self.tenant,
            self.amount.to_decimal(),
            quoted(&self.note),
            quoted(key),
        ))
    }
}

/// May the gateway have done it all the same? A 429 and a refusal to begin say that it did not.
fn is_in_doubt(error: &CallError) -> bool {
    match error {
        CallError::Unclear { sent, .. } => *sent,
        CallError::Refused(refusal) => refusal.status != 429,
    }
}
