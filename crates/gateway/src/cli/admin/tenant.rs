//! `evogate tenant`: teams with credits of their own.

mod users;
mod view;

use clap::Subcommand;
use evogate_models::TenantId;
use reqwest::Method;
use serde_json::json;

use self::view::{Page, Tenant, details, table};

use super::answer::Answer;
use super::api::Query;
use super::confirm::Consent;
use super::pages::{Joined, all_numbered};
use super::screen::Screen;
use super::{Order, Session, help};
use crate::cli::remote::Problem;

#[derive(Debug, Subcommand)]
#[command(after_help = help!(
    "evogate tenant create studio --name 'Film studio'"
    "evogate tenant list --search film"
    "evogate tenant suspend studio"
    "evogate tenant show studio --json | jq .credits"
))]
pub(in crate::cli) enum Command {
    /// Make a tenant. It has no credits and no keys yet.
    #[command(after_help = help!(
        "evogate tenant create studio --name 'Film studio'"
        "evogate grant studio 500 --note November"
        "evogate key create studio --name 'batch jobs'"
    ))]
    Create {
        /// Part of every key of its in the store, and never changed: a-z, 0-9, - and _.
        id: TenantId,
        /// For people; by default its id.
        #[arg(long)]
        name: Option<String>,
    },
    /// List the tenants, with their credits.
    #[command(after_help = help!(
        "evogate tenant list"
        "evogate tenant list --search film --page 2 --page-size 20"
    ))]
    List {
        /// Only those with this text in their id or name.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// One page alone, from 1; by default all of them.
        #[arg(long, value_name = "N")]
        page: Option<u32>,
        /// How many are on a page, at most 200.
        #[arg(long, value_name = "N", requires = "page")]
        page_size: Option<u32>,
    },
    /// Show one tenant: its credits, and what limits it.
    Show {
        /// The tenant.
        id: TenantId,
    },
    /// Give it another name. Its id stays.
    Rename {
        /// The tenant.
        id: TenantId,
        /// The new name.
        name: String,
    },
    /// Keep it from submitting. It still reads, and what it has under way is finished and paid.
    Suspend {
        /// The tenant.
        id: TenantId,
        #[command(flatten)]
        consent: Consent,
    },
    /// Let it submit again.
    Resume {
        /// The tenant.
        id: TenantId,
    },
    /// List the users that were seen in its submits.
    Users {
        /// The tenant.
        id: TenantId,
    },
}

impl Order for Command {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let (api, screen) = (&session.api, &session.screen);
        let answer = match self {
            Self::List {
                search,
                page,
                page_size,
            } => {
                let query = Query::default().with("search", search);
                if page.is_none() {
                    return listed(screen, &all_numbered(api, "/tenants", query).await?);
                }
                let query = query.with("page", page).with("page_size", page_size);
                let answer = api.ask("/tenants", &query).await?;
                return screen.print(&answer, Page::shown);
            }
            Self::Users { id } => {
                let answer = api.get(&format!("/tenants/{id}/users")).await?;
                return screen.print(&answer, users::table);
            }
            Self::Create { id, name } => {
                let new = match name {
                    Some(name) => json!({ "id": id, "name": name }),
                    None => json!({ "id": id }),
                };
                api.change(Method::POST, "/tenants", &new).await?
            }
            Self::Show { id } => api.get(&format!("/tenants/{id}")).await?,
            Self::Rename { id, name } => {
                let change = json!({ "name": name });
                api.change(Method::PATCH, &format!("/tenants/{id}"), &change)
                    .await?
            }
            Self::Suspend { id, consent } => {
                consent
                    .to(&format!("Keep {id} from submitting anything"))
                    .await?;
                suspend(session, &id, "suspend").await?
            }
            Self::Resume { id } => suspend(session, &id, "resume").await?,
        };
        shown(&answer, screen)
    }
}

async fn suspend(session: &Session, id: &TenantId, what: &str) -> Result<Answer, Problem> {
    let path = format!("/tenants/{id}/{what}");
    session.api.change(Method::POST, &path, &json!({})).await
}

fn listed(screen: &Screen, list: &Joined) -> Result<(), Problem> {
    if screen.json {
        return screen.print_joined(list);
    }
    let tenants: Vec<Tenant> = list.read()?;
    screen.say(&table(&tenants, screen));
    Ok(())
}

/// Everything about one.
pub(super) fn shown(answer: &Answer, screen: &Screen) -> Result<(), Problem> {
    screen.print(answer, details)
}
