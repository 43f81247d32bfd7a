//! The settings, which have been read: what is allowed in them and still worth a word, and the secrets that are
//! best set.

use super::Finding;
use crate::config::{Config, Problem, Warning};

/// Warnings that have a row of their own.
const PEPPER: &str = "auth.pepper";
const ENCRYPTION: &str = "webhooks.encryption_key";

pub(super) fn examine(config: &Config, warnings: &[Warning]) -> Vec<Finding> {
    let others = warnings
        .iter()
        .filter(|warning| ![PEPPER, ENCRYPTION].contains(&warning.key));
    let mut found: Vec<Finding> = others
        .map(|Warning { key, message }| {
            let to_do =
                format!("look at {key} in docs/configuration.md; leave it if it is meant so");
            Finding::warning("settings", format!("{key} {message}"), to_do)
        })
        .collect();
    if found.is_empty() {
        found.push(Finding::ok(
            "settings",
            "there is nothing to say about them",
        ));
    }
    found.push(secret(
        "pepper",
        PEPPER,
        config.auth.pepper.is_some(),
        warnings,
    ));
    let sealed = config.webhooks.encryption_key.is_some();
    found.push(secret("webhook_encryption", ENCRYPTION, sealed, warnings));
    found
}

impl Finding {
    /// What makes the settings wrong: nothing else can be checked then.
    pub(crate) fn of_problem(problem: &Problem) -> Self {
        let to_do = "correct it; `evogate check` judges the settings alone";
        Self::bad("settings", problem.to_string(), to_do)
    }
}

fn secret(check: &str, key: &str, is_set: bool, warnings: &[Warning]) -> Finding {
    let warning = warnings.iter().find(|warning| warning.key == key);
    match warning {
        None if is_set => Finding::ok(check, format!("{key} is set")),
        None => Finding::off(check, format!("{key} is not set")),
        Some(Warning { message, .. }) => {
            let to_do =
                "make one with `openssl rand -hex 32`, the same for every gateway, and keep it";
            Finding::warning(check, format!("{key} {message}"), to_do)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn rows(settings: &str) -> Vec<(String, Status)> {
        let settings = format!("evolink.api_key = 'sk-0123456789'\n{settings}");
        let (config, warnings) = Config::load_from_str(&settings).unwrap();
        let found = examine(&config, &warnings).into_iter();
        found
            .map(|finding| (finding.check, finding.status))
            .collect()
    }

    #[test]
    fn secrets_have_rows_of_their_own() {
        let found = rows("admin.bootstrap_key = 'admin-0123456789abcdef01'");
        assert!(
            found.contains(&("settings".to_owned(), Status::Warning)),
            "no public_url"
        );
        for check in ["pepper", "webhook_encryption"] {
            assert!(
                found.contains(&(check.to_owned(), Status::Warning)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn settings_without_a_risk_are_well() {
        let found = rows(&format!(
            "admin.bootstrap_key = 'admin-0123456789abcdef01'\nauth.pepper = '{SECRET}p'\n\
             webhooks.encryption_key = '{SECRET}w'\ncallbacks.secret = '{SECRET}c'\n\
             public_url = 'https://callbacks.example.com'\nlisten.callbacks = '127.0.0.1:8081'"
        ));
        let well = ["settings", "pepper", "webhook_encryption"];
        assert_eq!(found, well.map(|check| (check.to_owned(), Status::Ok)));
    }
}
