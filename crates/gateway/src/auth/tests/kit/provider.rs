//! An identity provider on this machine, which counts how often it is asked.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

type Answer = Arc<Mutex<ResponseTemplate>>;

pub(in super::super) struct Provider {
    server: MockServer,
    keys: Answer,
    metadata: Answer,
}

struct Answers {
    keys: Answer,
    metadata: Answer,
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        match request.url.path() {
            "/certs" => self.keys.lock().unwrap().clone(),
            "/.well-known/openid-configuration" => self.metadata.lock().unwrap().clone(),
            "/elsewhere" => ResponseTemplate::new(200).set_body_json(super::corp_keys()),
            _ => ResponseTemplate::new(404),
        }
    }
}

impl Provider {
    /// A provider with these keys.
    pub(in super::super) async fn new(keys: &Value) -> Self {
        let keys = Arc::new(Mutex::new(ResponseTemplate::new(200).set_body_json(keys)));
        let metadata = Arc::new(Mutex::new(ResponseTemplate::new(404)));
        let answers = Answers {
            keys: Arc::clone(&keys),
            metadata: Arc::clone(&metadata),
        };
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(answers)
            .mount(&server)
            .await;
        Self {
            server,
            keys,
            metadata,
        }
    }

    /// The address of something that it has.
    pub(in super::super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.uri())
    }

    /// The setting that names its keys.
    pub(in super::super) fn jwks_url(&self) -> String {
        format!("jwks_url = '{}'", self.url("/certs"))
    }

    /// It has other keys from now on.
    pub(in super::super) fn rotate(&self, keys: &Value) {
        self.answer(ResponseTemplate::new(200).set_body_json(keys));
    }

    /// It answers so from now on, when it is asked for keys.
    pub(in super::super) fn answer(&self, answer: ResponseTemplate) {
        *self.keys.lock().unwrap() = answer;
    }

    /// Its metadata.
    pub(in super::super) fn describe(&self, metadata: &Value) {
        *self.metadata.lock().unwrap() = ResponseTemplate::new(200).set_body_json(metadata);
    }

    /// How often it was asked for keys.
    pub(in super::super) async fn asked(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        let keys = requests
            .iter()
            .filter(|request| request.url.path() == "/certs");
        keys.count()
    }
}
