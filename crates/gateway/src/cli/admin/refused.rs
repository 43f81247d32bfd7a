//! `evogate refused`: submits that were refused in the last seven days.

use clap::Args;
use evogate_models::TenantId;
use serde::Deserialize;

use super::api::Query;
use super::screen::Screen;
use super::table::{Set, Table, or_nothing};
use super::{Order, Session, help};
use crate::cli::remote::Problem;

#[derive(Debug, Args)]
#[command(after_help = help!(
    "evogate refused 01a208e2-1328-75ba-af10-66fbda8a14e0"
    "evogate refused --tenant studio --limit 200"
))]
pub(in crate::cli) struct Arguments {
    /// Everything about the one with this request id, which its sender finds in the answer.
    #[arg(value_name = "REQUEST-ID")]
    request_id: Option<String>,
    /// Only this tenant's.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// So many at most, the newest first; up to 10 000.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Deserialize)]
struct List {
    data: Vec<Refused>,
}

/// A refused submit as the gateway shows it.
#[derive(Debug, Deserialize)]
struct Refused {
    request_id: String,
    at: String,
    tenant: String,
    credential: String,
    user: Option<String>,
    route: String,
    status: u16,
    code: String,
    message: String,
    params: Vec<String>,
    prompt: Option<String>,
}

impl Order for Arguments {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let query = Query::default()
            .with("request_id", self.request_id.as_deref())
            .with("tenant", self.tenant.as_ref())
            .with("limit", Some(self.limit));
        let answer = session.api.ask("/refused", &query).await?;
        if let Some(id) = &self.request_id {
            let List { data } = answer.read()?;
            if data.is_empty() {
                let why = format_args!("no refused submit with the request id {id}");
                let problem = Problem::new("not_found", why);
                return Err(
                    problem.hint("They are kept for seven days; a refused key is in the log.")
                );
            }
            return session.screen.print(&answer, details);
        }
        session.screen.print(&answer, table)
    }
}

fn table(list: &List, screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("at", Set::Firm),
        ("tenant", Set::Firm),
        ("user", Set::Text),
        ("status", Set::Right),
        ("code", Set::Firm),
        ("message", Set::Text),
        ("request id", Set::Firm),
    ]);
    for refused in &list.data {
        table.row([
            refused.at.as_str(),
            &refused.tenant,
            or_nothing(refused.user.as_deref()),
            &refused.status.to_string(),
            &refused.code,
            &refused.message,
            &refused.request_id,
        ]);
    }
    screen.show(&table)
}

fn details(list: &List, screen: &Screen) -> String {
    let one = |refused: &Refused| {
        let mut table = Table::pairs();
        table.pair("request id", &refused.request_id);
        table.pair("at", &refused.at);
        table.pair("tenant", &refused.tenant);
        table.pair("credential", &refused.credential);
        table.pair_if("user", refused.user.as_deref());
        table.pair("route", &refused.route);
        table.pair("status", refused.status.to_string());
        table.pair("code", &refused.code);
        table.pair("message", &refused.message);
        table.pair("faulty fields", refused.params.join(" "));
        table.pair_if("prompt", refused.prompt.as_deref());
        screen.show(&table)
    };
    let all: Vec<String> = list.data.iter().map(one).collect();
    all.join("\n\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::admin::tests::people;

    fn list() -> Value {
        json!({"data": [{"at": "2026-11-26T00:49:44.532Z", "code": "invalid_parameter", "credential": "key_1",
            "message": "duration must be between 4 and 15", "params": ["duration"], "request_id": "01a21554",
            "route": "/v1/videos/generations", "status": 400, "tenant": "demo", "user": "ana"}]})
    }

    #[test]
    fn refused_submits_are_a_line_each() {
        insta::assert_snapshot!(people(list(), table), @r"
        AT                        TENANT  USER  STATUS  CODE               MESSAGE                            REQUEST ID
        2026-11-26T00:49:44.532Z  demo    ana      400  invalid_parameter  duration must be between 4 and 15  01a21554
        ");
    }

    #[test]
    fn one_is_shown_with_everything_that_is_known() {
        insta::assert_snapshot!(people(list(), details), @r"
        request id     01a21554
        at             2026-11-26T00:49:44.532Z
        tenant         demo
        credential     key_1
        user           ana
        route          /v1/videos/generations
        status         400
        code           invalid_parameter
        message        duration must be between 4 and 15
        faulty fields  duration
        ");
    }
}
