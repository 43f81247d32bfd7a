//! An identity provider on loopback: its keys, its metadata, and the address that its keys were at before.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use crate::spawn;

/// See the module. Ends with the test's runtime.
#[derive(Debug)]
pub struct Provider {
    url: String,
}

impl Provider {
    /// What its metadata say that it is.
    pub const ISSUER: &str = "https://sso.example.com";

    /// Starts one whose keys are this text.
    pub async fn with(keys: impl Into<String>) -> Self {
        Self::start(StatusCode::OK, keys.into()).await
    }

    /// Starts one that answers this when it is asked for its keys.
    pub async fn that_fails(status: StatusCode) -> Self {
        Self::start(status, String::new()).await
    }

    async fn start(status: StatusCode, keys: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let metadata =
            json!({ "issuer": Self::ISSUER, "jwks_uri": format!("{url}/jwks") }).to_string();
        let router = Router::new()
            .route("/jwks", get(async move || (status, keys)))
            .route(
                "/.well-known/openid-configuration",
                get(async move || metadata),
            )
            .route("/old", get(async || Redirect::permanent("/jwks")));
        spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url }
    }

    /// Where its keys are, for `jwks_url`.
    pub fn jwks(&self) -> String {
        format!("{}/jwks", self.url)
    }

    /// Where they were once: it leads to where they are.
    pub fn old_jwks(&self) -> String {
        format!("{}/old", self.url)
    }

    /// Its own address, for `discovery`.
    pub fn discovery(&self) -> String {
        self.url.clone()
    }
}
