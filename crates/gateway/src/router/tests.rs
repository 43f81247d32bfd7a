//! Who may call what: every route of the list with every kind of credential.

mod store_away;

use std::collections::BTreeSet;

use axum::http::Method;
use evogate_models::KeyId;
use evogate_store::{
    Actor, AdminRecord, KeyRecord, Random as _, Role, Scope, SystemRandom, Tenant,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{API, CALLBACKS, Needs, OPS, Route};
use crate::app::Server;
use crate::auth::{Peppers, mint_admin_key, mint_key};
use crate::config::Config;
use crate::listeners::Listeners;

const BOOTSTRAP: &str = "admin-5d1f60d2c94b4f7aa3d5";

/// A gateway with two tenants and two admins. EvoLink is nowhere: no call here gets so far.
struct World {
    server: Server,
    url: String,
    ops: String,
    http: reqwest::Client,
    /// The key that paths name.
    key: KeyId,
    viewer: String,
    /// The admin that paths name.
    admin: KeyId,
    /// A tenant's keys, one for each scope alone.
    of_scope: Vec<(Scope, String)>,
    expired: String,
    /// Another tenant's key, good for everything.
    foreign: String,
    _folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "store.url = 'embedded:{}'\nevolink.api_key = 'sk-upstream-7h3c0mp4ny5k3y'\n\
             evolink.base_url = 'http://127.0.0.1:9/v1'\nshutdown.drain_pause = '0s'\nadmin.bootstrap_key = '{BOOTSTRAP}'\n\
             auth.failures_per_minute = 10000",
            folder.path().join("store.redb").display()
        );
        let (config, _) = Config::load_from_str(&settings).unwrap();
        let port = || TcpListener::bind("127.0.0.1:0");
        let (api, ops) = (port().await.unwrap(), port().await.unwrap());
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let (api_url, ops_url) = (url(&api), url(&ops));
        let listeners = Listeners {
            api,
            callbacks: None,
            ops,
        };
        let server = Server::start(config, listeners).await.unwrap();
        for id in ["team", "other"] {
            let secret = vec![7; 32];
            let tenant = Tenant::new(
                id.parse().unwrap(),
                id.to_owned(),
                server.store().now(),
                secret,
            );
            let by = Actor::local("test");
            server.store().create_tenant(tenant, &by).await.unwrap();
        }
        let mut of_scope = Vec::new();
        for scope in Scope::ALL {
            of_scope.push((scope, key(&server, "team", &[scope], false).await.1));
        }
        let (_, viewer) = self::viewer(&server, "a viewer").await;
        Self {
            key: key(&server, "team", &Scope::ALL, false).await.0,
            expired: key(&server, "team", &Scope::ALL, true).await.1,
            foreign: key(&server, "other", &Scope::ALL, false).await.1,
            viewer,
            admin: self::viewer(&server, "another").await.0,
            of_scope,
            server,
            url: api_url,
            ops: ops_url,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            _folder: folder,
        }
    }

    fn path(&self, route: &Route) -> String {
        let admins = route.path.starts_with("/admin/v1/admins/");
        let tasks = route.path.starts_with("/v1/tasks/");
        let task = "task-unified-1772203771-abcd1234";
        let id = match (admins, tasks) {
            (true, _) => self.admin.as_str(),
            (_, true) => task,
            _ => "team",
        };
        let path = route.path.replace("{id}", id).replace("{task}", task);
        path.replace("{key}", self.key.as_str())
            .replace("{endpoint}", "ep_0a1b2c3d4e5f6071")
            .replace("{delivery}", "msg_test-abc.ep_0a1b2c3d4e5f6071")
            .replace("{token}", "junk")
    }

    async fn call(&self, route: &Route, credential: Option<&str>) -> (u16, String) {
        let method: Method = route.method.parse().unwrap();
        let base = if OPS.iter().any(|ops| ops.path == route.path) {
            &self.ops
        } else {
            &self.url
        };
        let mut request = self
            .http
            .request(method, format!("{base}{}", self.path(route)))
            .header("x-request-id", "the-same");
        if let Some(credential) = credential {
            request = request.bearer_auth(credential);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The credential that a route asks for.
    fn right(&self, route: &Route) -> Option<&str> {
        match route.needs {
            Needs::Nothing => None,
            Needs::Tenant(needed) => {
                let mut keys = self.of_scope.iter();
                keys.find(|(scope, _)| *scope == needed)
                    .map(|(_, key)| key.as_str())
            }
            Needs::Viewer => Some(&self.viewer),
            Needs::Admin => Some(BOOTSTRAP),
        }
    }
}

/// Those of the defaults: none.
fn peppers() -> Peppers {
    let (config, _) = Config::load_from_str("evolink.api_key = 'sk-0123456789'").unwrap();
    Peppers::new(&config.auth)
}

async fn key(server: &Server, tenant: &str, scopes: &[Scope], expired: bool) -> (KeyId, String) {
    let (id, secret) = (KeyId::mint(SystemRandom.bits()), mint_key(&SystemRandom));
    let (tenant, now) = (tenant.parse().unwrap(), server.store().now());
    let mut record = KeyRecord::new(
        id.clone(),
        tenant,
        "key".into(),
        now,
        peppers().digest(&secret),
    );
    record.scopes = scopes.to_vec();
    record.expires = expired.then(|| now.plus(-1));
    let by = Actor::local("test");
    server.store().add_key(record, &by).await.unwrap();
    (id, secret)
}

async fn viewer(server: &Server, name: &str) -> (KeyId, String) {
    let (id, secret) = (
        KeyId::mint(SystemRandom.bits()),
        mint_admin_key(&SystemRandom),
    );
    let record = AdminRecord {
        id: id.clone(),
        name: name.into(),
        role: Role::Viewer,
        created: server.store().now(),
        digest: peppers().admin_digest(&secret),
    };
    let by = Actor::local("test");
    server.store().add_admin(record, &by).await.unwrap();
    (id, secret)
}

/// A tenant's admin manages its webhooks and sees its usage, whatever else it may do.
fn is_as_good(scope: Scope, route: &Route) -> bool {
    let managed = route.needs == Needs::Tenant(Scope::Webhooks) || route.path == "/v1/usage";
    managed && scope == Scope::TenantAdmin
}

fn protected() -> impl Iterator<Item = &'static Route> {
    API.iter().filter(|route| route.needs != Needs::Nothing)
}

fn assert_error(answer: &(u16, String), status: u16, code: &str, what: &str) {
    assert_eq!(answer.0, status, "{what}: {}", answer.1);
    let body: Value = serde_json::from_str(&answer.1).unwrap();
    assert_eq!(body["error"]["code"], code, "{what}");
}

#[tokio::test]
async fn every_route_refuses_every_credential_that_is_not_for_it_with_one_and_the_same_answer() {
    let world = World::start().await;
    let mut answers = BTreeSet::new();
    for route in protected() {
        let tenants = world
            .of_scope
            .iter()
            .map(|(_, key)| ("a tenant's", key.as_str()));
        let admins = [
            ("an admin's", BOOTSTRAP),
            ("a viewer's", world.viewer.as_str()),
        ];
        let other_face: Vec<_> = match route.needs {
            Needs::Tenant(_) => admins.to_vec(),
            _ => tenants.collect(),
        };
        let strangers = [
            ("an unknown", "sk-evogate-nobody-has-this-key-at-all0"),
            ("an expired", world.expired.as_str()),
            ("EvoLink's", "sk-upstream-7h3c0mp4ny5k3y"),
        ];
        let what = format!("{} {}", route.method, route.path);
        let answer = world.call(route, None).await;
        assert_error(&answer, 401, "unauthorized", &what);
        answers.insert(answer.1);
        for (whose, credential) in strangers.into_iter().chain(other_face) {
            let answer = world.call(route, Some(credential)).await;
            assert_error(
                &answer,
                401,
                "unauthorized",
                &format!("{what} with {whose} key"),
            );
            answers.insert(answer.1);
        }
    }
    assert_eq!(answers.len(), 1, "they tell apart: {answers:#?}");
}

#[tokio::test]
async fn a_credential_without_the_scope_or_the_role_is_a_403_that_names_it() {
    let world = World::start().await;
    for route in protected() {
        let (lacking, name): (Vec<&str>, &str) = match route.needs {
            Needs::Tenant(needed) => {
                let others = world
                    .of_scope
                    .iter()
                    .filter(|(scope, _)| *scope != needed && !is_as_good(*scope, route));
                (
                    others.map(|(_, key)| key.as_str()).collect(),
                    needed.as_str(),
                )
            }
            Needs::Admin => (vec![&world.viewer], "admin"),
            Needs::Viewer | Needs::Nothing => continue,
        };
        for credential in lacking {
            let answer = world.call(route, Some(credential)).await;
            let what = format!("{} {}", route.method, route.path);
            assert_error(&answer, 403, "permission_denied", &what);
            assert!(answer.1.contains(&format!("`{name}`")), "{}", answer.1);
        }
    }
    let audit = world.server.store().audit(None, 100).await.unwrap();
    assert!(
        audit.iter().all(|entry| entry.actor.who == "test"),
        "{audit:?}"
    );
}

#[tokio::test]
async fn another_tenants_good_key_sees_and_changes_nothing_of_this_one() {
    let world = World::start().await;
    for route in API
        .iter()
        .filter(|route| matches!(route.needs, Needs::Tenant(_)))
    {
        let (status, body) = world.call(route, Some(&world.foreign)).await;
        let what = format!("{} {}: {status} {body}", route.method, route.path);
        if route.path.contains('{') {
            assert_eq!(status, 404, "{what}");
        }
        assert!(status < 500, "{what}");
        assert!(
            !body.contains("team") && !body.contains(world.key.as_str()),
            "{what}"
        );
    }
    let team = "team".parse().unwrap();
    let keys = world.server.store().keys(&team).await.unwrap();
    assert_eq!(keys.len(), Scope::ALL.len() + 2);
}

#[tokio::test]
async fn the_credential_that_a_route_asks_for_is_enough() {
    let world = World::start().await;
    for route in API.iter().chain(OPS).chain(CALLBACKS) {
        let (status, body) = world.call(route, world.right(route)).await;
        let what = format!("{} {}: {status} {body}", route.method, route.path);
        assert!(!matches!(status, 401 | 403 | 405) && status < 500, "{what}");
    }
}

#[tokio::test]
async fn the_ops_routes_are_not_on_the_public_listener_nor_the_others_on_theirs() {
    let world = World::start().await;
    for (base, routes) in [
        (&world.url, OPS),
        (&world.ops, API),
        (&world.ops, CALLBACKS),
    ] {
        for route in routes {
            let method: Method = route.method.parse().unwrap();
            let url = format!("{base}{}", world.path(route));
            let request = world.http.request(method, url).bearer_auth(BOOTSTRAP);
            let status = request.send().await.unwrap().status();
            assert_eq!(status.as_u16(), 404, "{} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn a_tenants_admin_manages_its_webhooks_and_sees_its_usage() {
    let world = World::start().await;
    let mut keys = world.of_scope.iter();
    let (_, boss) = keys
        .find(|(scope, _)| *scope == Scope::TenantAdmin)
        .unwrap();
    let managed: Vec<_> = API
        .iter()
        .filter(|route| is_as_good(Scope::TenantAdmin, route))
        .collect();
    assert!(managed.len() >= 2, "{managed:?}");
    for route in managed {
        let (status, body) = world.call(route, Some(boss)).await;
        let what = format!("{} {}: {status} {body}", route.method, route.path);
        assert!(!matches!(status, 401 | 403) && status < 500, "{what}");
    }
}
