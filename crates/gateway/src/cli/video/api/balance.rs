//! The answer of `GET /v1/credits`.

use evogate_models::Credits;
use evogate_models::credits::Decimal;
use serde::Deserialize;

/// What there is to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::video) struct Balance {
    /// `None` where there is no limit, or none is said.
    pub(in crate::cli::video) remaining: Option<Credits>,
    /// Whether a gateway of ours said so: it has a field that EvoLink has not.
    pub(in crate::cli::video) of_gateway: bool,
}

#[derive(Deserialize)]
struct Body {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    token: Pot,
    #[serde(default)]
    user: Pot,
}

#[derive(Deserialize, Default)]
struct Pot {
    #[serde(rename = "remaining_credits")]
    remaining: Option<Decimal>,
    #[serde(rename = "unlimited_credits")]
    unlimited: Option<bool>,
    #[serde(rename = "held_credits")]
    held: Option<Decimal>,
}

impl Balance {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let Data { token, user } = serde_json::from_slice::<Body>(body).ok()?.data;
        let limited = token.unlimited != Some(true);
        // A key without a limit of its own spends what the account has.
        let remaining = token.remaining.filter(|_| limited);
        let gateway = user.held.is_some();
        let account = user.remaining.filter(|_| limited || !gateway);
        Some(Self {
            remaining: remaining.or(account).map(|Decimal(credits)| credits),
            of_gateway: gateway,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(token: &str, user: &str) -> (Option<String>, bool) {
        let body = format!(r#"{{"success":true,"data":{{"token":{token},"user":{user}}}}}"#);
        let balance = Balance::parse(body.as_bytes()).unwrap();
        (
            balance.remaining.map(Credits::to_decimal),
            balance.of_gateway,
        )
    }

    #[test]
    fn the_keys_own_limit_counts_then_the_accounts() {
        let limited = r#"{"remaining_credits":2.5,"unlimited_credits":false}"#;
        let unlimited = r#"{"remaining_credits":0,"unlimited_credits":true}"#;
        let user = r#"{"remaining_credits":10}"#;
        assert_eq!(parse(limited, user), (Some("2.5".into()), false));
        assert_eq!(parse(unlimited, user), (Some("10".into()), false));
        assert_eq!(parse("{}", "{}"), (None, false));
    }

    #[test]
    fn a_gateway_is_known_by_what_it_holds() {
        let limited = r#"{"remaining_credits":2.5,"unlimited_credits":false}"#;
        let unlimited = r#"{"remaining_credits":-3,"unlimited_credits":true}"#;
        let user = r#"{"remaining_credits":-3,"held_credits":0}"#;
        assert_eq!(parse(limited, user), (Some("2.5".into()), true));
        assert_eq!(parse(unlimited, user), (None, true));
    }
}
