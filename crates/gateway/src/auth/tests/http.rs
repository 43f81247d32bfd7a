//! The same over real sockets: what clients see, and what they don't.

use std::net::SocketAddr;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::kit::{SECRET, Signer};
use crate::app::Server;
use crate::background::Background;
use crate::config::Config;
use crate::listeners::Listeners;

/// The key that opens the admin routes.
const ADMIN: &str = "admin-0f1e2d3c4b5a69788796";

/// A running gateway with the tenant `video`, which trusts tokens under a shared secret.
struct Gateway {
    api: SocketAddr,
    ops: SocketAddr,
    client: Client,
    stop: CancellationToken,
    running: JoinHandle<()>,
    _folder: TempDir,
}

impl Gateway {
    async fn start(settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = format!(
            "evolink.api_key = 'sk-0123456789'
            evolink.base_url = 'http://127.0.0.1:1/v1'
            shutdown.drain_pause = '0s'
            store.url = 'embedded:{}'
            admin.bootstrap_key = '{ADMIN}'
            {settings}
            [[auth.issuers]]
            name = 'shared'
            issuer = 'shared'
            audience = 'evogate'
            algorithms = 'HS256'
            hmac_secret = '{SECRET}'
            tenant_claim = 'tenant'
            scopes_claim = 'scope'",
            folder.path().join("store.redb").display()
        );
        let (config, _) = Config::load_from_str(&settings).unwrap();
        let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listeners = Listeners {
            api: bind().await,
            callbacks: None,
            ops: bind().await,
        };
        let (api, ops) = (
            listeners.api.local_addr().unwrap(),
            listeners.ops.local_addr().unwrap(),
        );
        let server = Server::start(config, listeners).await.unwrap();
        let stop = CancellationToken::new();
        let running = Background::default().spawn(server.run(stop.clone()));
        let gateway = Self {
            api,
            ops,
            client: Client::builder()
                .tls_certs_only([])
                .no_proxy()
                .build()
                .unwrap(),
            stop,
            running,
            _folder: folder,
        };
        let tenant = gateway.client.post(gateway.url("/admin/v1/tenants"));
        let tenant = tenant.bearer_auth(ADMIN).json(&json!({ "id": "video" }));
        assert_eq!(tenant.send().await.unwrap().status(), 201);
        gateway
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    async fn bad(&self) -> Response {
        self.get("/v1/credits")
            .bearer_auth("sk-bad")
            .send()
            .await
            .unwrap()
    }

    async fn mint_key(&self) -> String {
        let keys = self.client.post(self.url("/admin/v1/tenants/video/keys"));
        let made = keys
            .bearer_auth(ADMIN)
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        let made: Value = made.json().await.unwrap();
        made["key"].as_str().unwrap().to_owned()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// A token for the tenant `video` with these scopes.
fn token(scope: &str) -> String {
    let exp = jiff::Timestamp::now().as_second() + 300;
    let claims = json!({
        "iss": "shared", "aud": "evogate", "exp": exp, "sub": "alice", "tenant": "video",
        "scope": scope,
    });
    Signer::secret(SECRET).token("HS256", json!({ "alg": "HS256" }), claims)
}

#[tokio::test]
async fn a_token_opens_what_its_scopes_are_for_and_nothing_else() {
    let gateway = Gateway::start("").await;
    let absent = "/v1/tasks/task-unified-1772203771-yf1dxogh";
    for (method, path, scope, allowed) in [
        ("GET", "/v1/credits".to_owned(), "read", 200),
        ("GET", "/v1/models".to_owned(), "read", 200),
        ("GET", "/v1/tasks".to_owned(), "read", 200),
        ("GET", absent.to_owned(), "read", 404),
        ("GET", format!("{absent}/timeline"), "read", 404),
        ("GET", format!("{absent}/content"), "read", 404),
        ("POST", "/v1/tasks/batch".to_owned(), "read", 400),
        ("POST", format!("{absent}/cancel"), "generate", 404),
        ("POST", "/v1/videos/generations".to_owned(), "generate", 400),
        ("POST", "/v1/videos/estimate".to_owned(), "generate", 400),
        ("GET", "/v1/webhooks/secret".to_owned(), "webhooks", 200),
    ] {
        for given in ["read", "generate", "webhooks", "tenant_admin", ""] {
            let method = method.parse().unwrap();
            let request = gateway.client.request(method, gateway.url(&path));
            let answer = request.bearer_auth(token(given)).send().await.unwrap();
            // A tenant's admin manages its webhooks too.
            let good = given == scope || (given, scope) == ("tenant_admin", "webhooks");
            let expected = if good { allowed } else { 403 };
            assert_eq!(answer.status(), expected, "{path} with {given:?}");
            if !good {
                let body: Value = answer.json().await.unwrap();
                assert_eq!(body["error"]["code"], "permission_denied");
                assert_eq!(body["error"]["type"], "permission_error");
            }
        }
        let no_tenants = gateway
            .get("/admin/v1/tenants")
            .bearer_auth(token("tenant_admin"));
        assert_eq!(no_tenants.send().await.unwrap().status(), 401);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_key_that_was_minted_without_a_word_about_scopes_reads_and_manages_nothing() {
    let gateway = Gateway::start("").await;
    let key = gateway.mint_key().await;
    for (path, status) in [
        ("/v1/credits", 200),
        ("/v1/tasks", 200),
        ("/v1/webhooks/secret", 403),
        ("/v1/keys", 403),
    ] {
        let request = gateway.get(path).header("x-api-key", &key);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn every_failure_gets_the_same_answer_but_for_its_id() {
    let gateway = Gateway::start("").await;
    let mut seen = Vec::new();
    let foreign = Signer::secret("x".repeat(32));
    let signed_by_another = foreign.token("HS256", json!({ "alg": "HS256" }), "{}");
    for credential in [
        None,
        Some("sk-bad"),
        Some("a.b.c"),
        Some(&*signed_by_another),
    ] {
        let mut request = gateway.get("/v1/credits").header("x-request-id", "same");
        if let Some(credential) = credential {
            request = request.bearer_auth(credential);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        seen.push(answer.text().await.unwrap());
    }
    seen.dedup();
    assert_eq!(
        seen,
        [
            r#"{"error":{"message":"Invalid token (request id: same)","type":"authentication_error","code":"unauthorized","request_id":"same"}}"#
        ]
    );
    let metrics = gateway
        .client
        .get(format!("http://{}/metrics", gateway.ops));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    for reason in ["no_credential", "unknown_key", "malformed"] {
        let line = format!("evogate_auth_failures_total{{reason=\"{reason}\"}}");
        assert!(metrics.contains(&line), "{metrics}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn an_address_that_fails_too_often_waits_and_good_credentials_do_not() {
    let gateway = Gateway::start("auth.failures_per_minute = 3").await;
    let key = gateway.mint_key().await;
    let good = || gateway.get("/v1/credits").bearer_auth(&key).send();
    for _ in 0..20 {
        assert_eq!(good().await.unwrap().status(), 200);
    }
    for _ in 0..3 {
        assert_eq!(gateway.bad().await.status(), 401);
    }
    let limited = gateway.bad().await;
    assert_eq!(limited.status(), 429);
    let wait = limited.headers()["retry-after"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!((1..=20).contains(&wait.parse::<u32>().unwrap()), "{wait}");
    let body: Value = limited.json().await.unwrap();
    let error = &body["error"];
    assert_eq!(error["type"], "rate_limit_error");
    assert_eq!(error["code"], "rate_limit_exceeded");
    assert_eq!(
        error["message"],
        format!("Rate limit exceeded. Please retry after {wait} seconds.")
    );
    // It was good before, so it is good now; one that nobody has seen yet waits with the others.
    assert_eq!(good().await.unwrap().status(), 200);
    let unseen = gateway.get("/v1/credits").bearer_auth(token("read"));
    assert_eq!(unseen.send().await.unwrap().status(), 429);
    let nothing = gateway.get("/v1/credits").send().await.unwrap();
    assert_eq!(nothing.status(), 429);
    // What needs no credential is not concerned.
    assert_eq!(gateway.get("/nowhere").send().await.unwrap().status(), 404);
    gateway.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_names_who_fails_and_nobody_else_does() {
    for (trusted, status) in [("['127.0.0.0/8']", 401), ("[]", 429)] {
        let settings = format!("auth.failures_per_minute = 1\nlisten.trusted_proxies = {trusted}");
        let gateway = Gateway::start(&settings).await;
        let from = async |address: &str| {
            let bad = gateway.get("/v1/credits").bearer_auth("sk-bad");
            let bad = bad.header("x-forwarded-for", address).send().await;
            bad.unwrap().status().as_u16()
        };
        assert_eq!(from("198.51.100.1").await, 401);
        // Another client: only if the proxy is believed.
        assert_eq!(from("198.51.100.2").await, status);
        // The same one, whatever it puts in front.
        assert_eq!(from("203.0.113.9, 198.51.100.1").await, 429);
        gateway.stop().await;
    }
}
