//! What a row needs, started: a Redis, the fake EvoLink, gateways, nginx.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use evogate_tests::redis::{Fsync, Options};
use evogate_tests::{Rig, RigBuilder, Tenant};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::drive::{NUMBER, Target};
use crate::nginx::Nginx;

pub(crate) use evogate_tests::use_binaries;

/// Shared by the gateway and the identity provider that signs the tokens here.
const TOKEN_SECRET: &str = "0f4d2b6a8c1e3957d0b2f4a6c8e1357924680ace";

/// More than can be spent here.
const CREDITS: &str = "1000000000";

/// A running set.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    /// In front of the same fake EvoLink.
    pub(crate) nginx: Nginx,
    /// Has credits without end, as far as a row can tell.
    pub(crate) tenant: Tenant,
}

/// A gateway with its defaults, and Redis as the deployment has it but for `fsync`.
pub(crate) fn on_redis(fsync: Fsync) -> RigBuilder {
    common().on(Options::default().fsync(fsync).on_port())
}

/// A gateway with its defaults, on the embedded store.
pub(crate) fn on_embedded() -> RigBuilder {
    common()
}

fn common() -> RigBuilder {
    let issuer = json!([{
        "name": "bench",
        "issuer": "https://sso.example.com",
        "audience": "evogate",
        "algorithms": ["HS256"],
        "hmac_secret": TOKEN_SECRET,
        "tenant_claim": "org",
    }]);
    Rig::builder()
        .set("reads.refresh_after", "5s")
        .set("auth.issuers", issuer)
        .sim_argument("--instant")
        .sim_argument(&format!("--credits={CREDITS}"))
}

impl Stage {
    /// Starts it, with nginx beside it.
    pub(crate) async fn set(builder: RigBuilder) -> Self {
        let rig = builder.start().await;
        let nginx = Nginx::start(address(&rig.sim.url)).await;
        let tenant = rig.admin.tenant("bench", CREDITS).await;
        Self { rig, nginx, tenant }
    }

    /// The gateway itself, with nothing in between.
    pub(crate) fn gateway(&self) -> SocketAddr {
        address(&self.rig.gateway.direct_url())
    }

    /// The fake EvoLink itself.
    pub(crate) fn sim(&self) -> SocketAddr {
        address(&self.rig.sim.url)
    }

    /// Makes a task; its id, and the one that EvoLink knows it by.
    pub(crate) async fn task(&self, prompt: &str) -> (String, String) {
        let answer = self.tenant.submit(&Tenant::video(prompt)).await;
        let id = answer.ok()["id"].as_str().expect("an id").to_owned();
        let upstream = answer.header("x-evolink-task-id").expect("EvoLink's id");
        (id, upstream.to_owned())
    }

    /// Submits to `address`, with the credential that counts there.
    pub(crate) fn submit(&self, address: SocketAddr) -> Target {
        let credential = if address == self.gateway() {
            &self.tenant.key
        } else {
            evogate_tests::EVOLINK_KEY
        };
        let body = Tenant::video(&open_prompt()).to_string();
        Target::post(address, "/v1/videos/generations", credential, &body)
    }

    /// Reads the task of this id from `address`.
    pub(crate) fn read(address: SocketAddr, id: &str, credential: &str) -> Target {
        Target::get(address, &format!("/v1/tasks/{id}"), credential)
    }
}

/// A prompt of 200 bytes, for a task that does not end and is not called back for: what follows a submit is
/// not part of its cost.
pub(crate) fn open_prompt() -> String {
    format!(
        "{:<200}",
        format!("A paper boat on a calm lake at dawn, {NUMBER} #sim:never-finish #sim:no-callback")
    )
    .replace("  ", " ~")
}

/// A token of a user of the tenant's.
pub(crate) fn token(tenant: &Tenant) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = encode(&json!({
        "iss": "https://sso.example.com", "aud": "evogate", "sub": "ada", "org": tenant.id,
        "exp": in_a_day(),
    }));
    let message = format!("{header}.{claims}");
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN_SECRET.as_bytes()).expect("a secret");
    mac.update(message.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{message}.{signature}")
}

/// In Unix seconds.
fn in_a_day() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the token is for a gateway with the system's clock"
    )]
    let now = SystemTime::now();
    let passed = now
        .duration_since(UNIX_EPOCH)
        .expect("a clock that was set");
    passed.as_secs() + 24 * 3600
}

pub(crate) fn address(url: &str) -> SocketAddr {
    let address = url.strip_prefix("http://").and_then(|url| url.parse().ok());
    address.expect("an address")
}
