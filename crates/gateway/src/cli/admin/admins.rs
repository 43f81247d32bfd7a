//! `evogate admin`: the admins' own keys.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use evogate_models::KeyId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::confirm::Consent;
use super::minted::{Print, unknown};
use super::screen::Screen;
use super::table::{Set, Table};
use super::times::{both, stamp};
use super::{Order, Session, help};
use crate::cli::remote::Problem;

#[derive(Debug, Subcommand)]
#[command(after_help = help!(
    "evogate admin create 'Ada Byron' --role admin"
    "evogate admin list"
    "evogate admin delete key_8e0dk2p5m1vq9s3x"
))]
pub(in crate::cli) enum Command {
    /// Give somebody an admin's key of their own. It is shown this once.
    Create {
        /// Who it is; it is in the audit trail.
        name: String,
        /// A viewer looks, an admin changes things.
        #[arg(long, value_parser = PossibleValuesParser::new(["admin", "viewer"]))]
        role: String,
        #[command(flatten)]
        print: Print,
    },
    /// List the admins, without their keys.
    List,
    /// Make an admin's key worthless at once.
    Delete {
        /// Its id.
        id: KeyId,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Order for Command {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let (api, screen) = (&session.api, &session.screen);
        match self {
            Self::Create { name, role, print } => {
                let new = json!({ "name": name, "role": role });
                let made = api.changed(Method::POST, "/admins", &new).await;
                let answer = made.map_err(|error| unknown(error, "evogate admin list"))?;
                print.print(&answer, screen, details)
            }
            Self::List => {
                let answer = api.get("/admins").await?;
                screen.print(&answer, table)
            }
            Self::Delete { id, consent } => {
                consent
                    .to(&format!("Make the admin's key {id} worthless"))
                    .await?;
                let answer = api
                    .change(Method::DELETE, &format!("/admins/{id}"), &json!({}))
                    .await?;
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

#[derive(Debug, Deserialize)]
struct Admins {
    data: Vec<Admin>,
}

#[derive(Debug, Deserialize)]
struct Admin {
    id: String,
    name: String,
    role: String,
    created: i64,
}

fn table(admins: &Admins, screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("id", Set::Firm),
        ("name", Set::Text),
        ("role", Set::Firm),
        ("created", Set::Firm),
    ]);
    for admin in &admins.data {
        table.row([&admin.id, &admin.name, &admin.role, &stamp(admin.created)]);
    }
    screen.show(&table)
}

fn details(admin: &Admin, screen: &Screen) -> Table {
    let mut table = Table::pairs();
    table.pair("id", &admin.id);
    table.pair("name", &admin.name);
    table.pair("role", &admin.role);
    table.pair("created", both(admin.created, screen.now));
    table
}
