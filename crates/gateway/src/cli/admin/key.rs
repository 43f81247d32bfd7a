//! `evogate key`: a tenant's keys.

mod view;

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use evogate_models::credits::Decimal;
use evogate_models::{Credits, KeyId, TenantId};
use evogate_store::Scope;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::view::{details, table};
use super::confirm::Consent;
use super::minted::{Print, unknown};
use super::{Order, Session, help};
use crate::cli::remote::Problem;
use crate::config::parse_duration;

#[derive(Debug, Subcommand)]
#[command(after_help = help!(
    "evogate key create studio --name 'batch jobs' --scope generate --scope read --expires-in 90d"
    "KEY=$(evogate key create studio --quiet)"
    "evogate key rotate studio key_nkyep221rc58vpp0 --overlap 1d"
    "evogate key delete studio key_nkyep221rc58vpp0"
))]
pub(in crate::cli) enum Command {
    /// Make a key. It is shown this once.
    #[command(after_help = help!(
        "evogate key create studio --name 'batch jobs' --user render-farm --expires-in 90d"
        "evogate key create studio --scope read"
        "KEY=$(evogate key create studio --credit-cap 250 --quiet)"
    ))]
    Create {
        /// Whose it is.
        tenant: TenantId,
        #[command(flatten)]
        new: New,
        #[command(flatten)]
        print: Print,
    },
    /// List a tenant's keys, without their secrets.
    List {
        /// Whose it is.
        tenant: TenantId,
    },
    /// Give a key a new secret. The old one counts for a while, so that it can be replaced everywhere.
    #[command(after_help = help!(
        "evogate key rotate studio key_nkyep221rc58vpp0"
        "KEY=$(evogate key rotate studio key_nkyep221rc58vpp0 --overlap 1d --quiet)"
        "evogate key rotate studio key_nkyep221rc58vpp0 --overlap 0s --yes"
    ))]
    Rotate {
        /// Whose it is.
        tenant: TenantId,
        /// The key's id.
        key: KeyId,
        /// For how long the old secret still counts, at most 30d; 0s: no longer.
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
        overlap: Duration,
        #[command(flatten)]
        print: Print,
        #[command(flatten)]
        consent: Consent,
    },
    /// Delete a key: it is worth nothing from now on.
    Delete {
        /// Whose it is.
        tenant: TenantId,
        /// The key's id.
        key: KeyId,
        #[command(flatten)]
        consent: Consent,
    },
}

/// What the key is like. Also the body of the request: what is not said is left to the gateway.
#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct New {
    /// For people.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whom it stands for: its submits count as this user's.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// What it may do; may be repeated. generate and read unless said.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Scope::ALL.map(Scope::as_str)))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    /// When it ends, such as 90d; never unless said.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    #[serde(serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    expires_in: Option<Duration>,
    /// The most that may ever be spent and held with it.
    #[arg(long, value_name = "CREDITS")]
    #[serde(serialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    credit_cap: Option<Credits>,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn seconds<S: serde::Serializer>(span: &Option<Duration>, into: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs()).serialize(into)
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn decimal<S: serde::Serializer>(credits: &Option<Credits>, into: S) -> Result<S::Ok, S::Error> {
    credits.map(Decimal).serialize(into)
}

impl Order for Command {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let (api, screen) = (&session.api, &session.screen);
        match self {
            Self::Create { tenant, new, print } => {
                let made = api
                    .changed(Method::POST, &format!("/tenants/{tenant}/keys"), &new)
                    .await;
                let look = format!("evogate key list {tenant}");
                let answer = made.map_err(|error| unknown(error, &look))?;
                print.print(&answer, screen, details)
            }
            Self::List { tenant } => {
                let answer = api.get(&format!("/tenants/{tenant}/keys")).await?;
                screen.print(&answer, table)
            }
            Self::Rotate {
                tenant,
                key,
                overlap,
                print,
                consent,
            } => {
                if overlap.is_zero() {
                    let what = format!("Make {key}'s old secret worthless at once");
                    consent.to(&what).await?;
                }
                let path = format!("/tenants/{tenant}/keys/{key}/rotate");
                let body = json!({ "overlap": overlap.as_secs() });
                let made = api.changed(Method::POST, &path, &body).await;
                let look = format!("evogate key list {tenant}");
                let answer = made.map_err(|error| unknown(error, &look))?;
                print.print(&answer, screen, details)
            }
            Self::Delete {
                tenant,
                key,
                consent,
            } => {
                consent
                    .to(&format!(
                        "Delete {key} of {tenant}, so that whoever uses it gets 401"
                    ))
                    .await?;
                let path = format!("/tenants/{tenant}/keys/{key}");
                let answer = api.change(Method::DELETE, &path, &json!({})).await?;
                screen.print(&answer, |deleted: &Deleted, _| {
                    format!("{} is deleted", deleted.id)
                })
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Deleted {
    id: String,
}
