//! What `evogate dev` says once it is ready: to people, and to scripts in `dev.env`.

use std::fmt;
use std::path::PathBuf;

use super::settings::{Addresses, Secrets, url};
use crate::cli::quoted;

/// Everything that somebody needs to use a running one.
#[derive(Debug)]
pub(super) struct Welcome<'a> {
    pub(super) addresses: Addresses,
    pub(super) secrets: &'a Secrets,
    pub(super) env_file: PathBuf,
}

impl Welcome<'_> {
    /// The lines of `dev.env`.
    pub(super) fn variables(&self) -> String {
        let Addresses { api, ops, sim } = self.addresses;
        format!(
            "EVOLINK_BASE_URL={api}/v1\n\
             EVOLINK_API_KEY={demo_key}\n\
             EVOGATE_URL={api}\n\
             EVOGATE_OPS_URL={ops}\n\
             EVOGATE_ADMIN_KEY={admin_key}\n\
             EVOLINK_SIM_URL={sim}\n",
            api = url(api),
            ops = url(ops),
            sim = url(sim),
            demo_key = self.secrets.demo_key.expose(),
            admin_key = self.secrets.admin_key.expose(),
        )
    }
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Addresses { api, ops, sim } = self.addresses;
        let path = self.env_file.display().to_string();
        write!(
            out,
            r#"
Evogate is ready. Ctrl-C ends it; what it holds is kept for the next time.

  gateway        {api}    (tenant `demo`, 10 000 credits to start with)
  its docs       {api}/docs    (every route, to read and to try out)
  ops            {ops}    (/metrics, /healthz, /readyz)
  fake EvoLink   {sim}    (nothing costs anything)

Keys and addresses for another terminal:

  set -a; . {path}; set +a

A first video, and how it is doing (with the id from the answer):

  curl -s $EVOLINK_BASE_URL/videos/generations -H "Authorization: Bearer $EVOLINK_API_KEY" \
    -H "Content-Type: application/json" \
    -d '{{"model": "seedance-2.0", "prompt": "A paper boat on a calm lake at dawn"}}'

  curl -s $EVOLINK_BASE_URL/tasks/THE-ID -H "Authorization: Bearer $EVOLINK_API_KEY"
"#,
            api = url(api),
            ops = url(ops),
            sim = url(sim),
            path = quoted(&path),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn welcome(secrets: &Secrets) -> Welcome<'_> {
        Welcome {
            addresses: Addresses {
                api: "0.0.0.0:8080".parse().unwrap(),
                ops: "127.0.0.1:9090".parse().unwrap(),
                sim: "127.0.0.1:9100".parse().unwrap(),
            },
            secrets,
            env_file: "/tmp/my work/dev.env".into(),
        }
    }

    fn secrets() -> Secrets {
        Secrets {
            evolink_key: Secret::new("sk-sim-1"),
            admin_key: Secret::new("admin-1"),
            callbacks_secret: Secret::new("callbacks-1"),
            demo_key: Secret::new("sk-1"),
            pepper: Secret::new("pepper-1"),
            encryption_key: Secret::new("seal-1"),
        }
    }

    #[test]
    fn the_variables_are_a_line_each() {
        let secrets = secrets();
        let lines = welcome(&secrets).variables();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(
            lines,
            [
                "EVOLINK_BASE_URL=http://127.0.0.1:8080/v1",
                "EVOLINK_API_KEY=sk-1",
                "EVOGATE_URL=http://127.0.0.1:8080",
                "EVOGATE_OPS_URL=http://127.0.0.1:9090",
                "EVOGATE_ADMIN_KEY=admin-1",
                "EVOLINK_SIM_URL=http://127.0.0.1:9100",
            ]
        );
    }

    #[test]
    fn the_greeting_can_be_pasted_and_shows_no_key() {
        let secrets = secrets();
        let shown = welcome(&secrets).to_string();
        assert!(
            shown.contains("set -a; . '/tmp/my work/dev.env'; set +a"),
            "{shown}"
        );
        assert!(shown.contains(r#"{"model": "seedance-2.0", "#), "{shown}");
        for secret in ["sk-sim-1", "admin-1", "callbacks-1", "sk-1"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
