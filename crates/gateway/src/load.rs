//! How much is under way at a time, and how much of it one tenant may have.
//!
//! Every kind of request has places of its own, so that submits that wait for EvoLink keep no cheap read
//! waiting, and neither keeps an admin or EvoLink's callbacks out. A request that finds no place is turned
//! away at once, before anything was done for it. Once its tenant is known, it also has to fit into that
//! tenant's part of the places: see `load/tenants.rs`.
//!
//! All of it is counted in memory, in this replica alone, without locks where a request passes.

mod tenants;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use http::Method;

use crate::config;
use crate::error::ApiError;
use crate::metrics::{BODY_BYTES, REQUESTS_IN_FLIGHT, REQUESTS_SHED};

pub use tenants::{TenantLoad, TenantPlace};

use tenants::Tenants;

/// A kind of request: what it needs of the gateway, and how long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything that is answered from here, or by one short read of EvoLink's.
    Read,
    /// Waits for EvoLink's answer.
    Submit,
    /// Streams a file for as long as the client takes.
    Download,
    /// EvoLink's own.
    Callback,
    /// Admins.
    Admin,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Submit,
        Self::Download,
        Self::Callback,
        Self::Admin,
    ];

    /// What kind of request this is.
    pub fn of(method: &Method, path: &str) -> Self {
        match path.as_bytes() {
            [b'/', b'v', b'1', b'/', ..] => {
                if *method == Method::POST && path.ends_with("/generations") {
                    Self::Submit
                } else if path.ends_with("/content") {
                    Self::Download
                } else {
                    Self::Read
                }
            }
            [b'/', b'a', b'd', b'm', b'i', b'n', b'/', ..] => Self::Admin,
            [b'/', b'c', b'a', b'l', b'l', b'b', b'a', b'c', b'k', ..] => Self::Callback,
            _ => Self::Read,
        }
    }

    /// As metrics show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Download => "download",
            Self::Callback => "callback",
            Self::Admin => "admin",
        }
    }
}

/// The places of one kind.
#[derive(Debug)]
struct Pool {
    limit: u32,
    taken: AtomicU32,
}

impl Pool {
    const fn new(limit: u32) -> Self {
        Self {
            limit,
            taken: AtomicU32::new(0),
        }
    }

    fn take(&self) -> bool {
        if self.taken.fetch_add(1, Ordering::AcqRel) < self.limit {
            return true;
        }
        self.give_back();
        false
    }

    fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }

    fn free(&self) -> u32 {
        self.limit
            .saturating_sub(self.taken.load(Ordering::Acquire))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Load {
    reads: Pool,
    submits: Pool,
    downloads: Pool,
    callbacks: Pool,
    admins: Pool,
    /// Bytes of tenants' bodies, and how many there may be.
    bodies: AtomicUsize,
    max_bodies: usize,
    tenants: Tenants,
}

/// A request's place. Dropped, it is free again.
#[derive(Debug)]
#[must_use = "a place that is dropped is free again"]
pub struct Place {
    load: Arc<Load>,
    kind: Kind,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.load.pool(self.kind).give_back();
    }
}

/// Room for a body. Dropped, it is free again.
#[derive(Debug, Default)]
pub struct Room(Option<(Arc<Load>, Arc<TenantLoad>, usize)>);

impl Room {
    /// Room for bodies of this tenant's; none is taken yet.
    pub fn of(load: &Arc<Load>, tenant: &Arc<TenantLoad>) -> Self {
        Self(Some((Arc::clone(load), Arc::clone(tenant), 0)))
    }

    /// Makes it larger by so many bytes, where there are so many left. One tenant gets no more of them than
    /// `tenants::fits` says.
    pub fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        let Some((load, tenant, taken)) = &mut self.0 else {
            return Ok(());
        };
        let all = load.bodies.fetch_add(bytes, Ordering::AcqRel);
        let own = tenant.bodies.fetch_add(bytes, Ordering::AcqRel);
        *taken = taken.saturating_add(bytes);
        let left = load.max_bodies.saturating_sub(all);
        // What does not fit is given back with the rest, when this is dropped.
        if bytes > left || !tenants::fits(own, left) {
            shed("bodies");
            return Err(ApiError::overloaded());
        }
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some((load, tenant, taken)) = &self.0 {
            load.bodies.fetch_sub(*taken, Ordering::AcqRel);
            tenant.bodies.fetch_sub(*taken, Ordering::AcqRel);
        }
    }
}

impl Load {
    /// Nothing is under way yet.
    pub fn new(config: &config::Server) -> Self {
        Self {
            reads: Pool::new(config.max_requests),
            submits: Pool::new(config.max_submits),
            downloads: Pool::new(config.max_downloads),
            callbacks: Pool::new(config.max_requests),
            admins: Pool::new(config.max_requests),
            bodies: AtomicUsize::new(0),
            max_bodies: config.max_bodies,
            tenants: Tenants::default(),
        }
    }

    /// A place for a request of this kind.
    pub fn enter(self: &Arc<Self>, kind: Kind) -> Result<Place, ApiError> {
        if self.pool(kind).take() {
            return Ok(Place {
                load: Arc::clone(self),
                kind,
            });
        }
        shed(kind.as_str());
        Err(ApiError::overloaded())
    }

    /// Sets the gauges.
    pub fn publish(&self) {
        for kind in Kind::ALL {
            let taken = self.pool(kind).taken.load(Ordering::Relaxed);
            REQUESTS_IN_FLIGHT.set([kind.as_str()], f64::from(taken));
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        let bodies = self.bodies.load(Ordering::Relaxed) as f64;
        BODY_BYTES.set([], bodies);
    }

    const fn pool(&self, kind: Kind) -> &Pool {
        match kind {
            Kind::Read => &self.reads,
            Kind::Submit => &self.submits,
            Kind::Download => &self.downloads,
            Kind::Callback => &self.callbacks,
            Kind::Admin => &self.admins,
        }
    }
}

/// Counts a request that was turned away, by what there was too much of.
pub fn shed(of: &'static str) {
    REQUESTS_SHED.one([of]);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn load(settings: &str) -> Arc<Load> {
        let settings = format!("evolink.api_key = 'sk-0123456789'\n{settings}");
        let (config, _) = config::Config::load_from_str(&settings).unwrap();
        Arc::new(Load::new(&config.server))
    }

    #[rstest]
    #[case("POST", "/v1/videos/generations", Kind::Submit)]
    #[case("GET", "/v1/videos/generations", Kind::Read)]
    #[case("POST", "/v1/videos/estimate", Kind::Read)]
    #[case("GET", "/v1/tasks/x/content", Kind::Download)]
    #[case("GET", "/v1/tasks/x", Kind::Read)]
    #[case("POST", "/callbacks/evolink/x", Kind::Callback)]
    #[case("GET", "/admin/v1/tenants", Kind::Admin)]
    #[case("GET", "/admin", Kind::Read)]
    #[case("GET", "/", Kind::Read)]
    fn a_request_is_of_a_kind(#[case] method: Method, #[case] path: &str, #[case] kind: Kind) {
        assert_eq!(Kind::of(&method, path), kind);
    }

    #[test]
    fn places_of_one_kind_keep_no_other_waiting_and_come_back() {
        let load = load("server.max_submits = 2\nserver.max_requests = 1");
        let submits = [Kind::Submit, Kind::Submit].map(|kind| load.enter(kind).unwrap());
        let refused = load.enter(Kind::Submit).unwrap_err();
        assert_eq!(
            (refused.status().as_u16(), refused.code()),
            (503, "overloaded")
        );
        for other in [Kind::Read, Kind::Callback, Kind::Admin, Kind::Download] {
            drop(load.enter(other).unwrap());
        }
        drop(submits);
        assert!(load.enter(Kind::Submit).is_ok());
    }

    #[test]
    fn bodies_have_a_bound_and_one_tenant_leaves_room_for_others() {
        let load = load("server.max_bodies = '64KiB'");
        let tenant = |id: &str| load.tenant(&id.parse().unwrap());
        let (noisy, quiet) = (tenant("noisy"), tenant("quiet"));
        let mut rooms = Vec::new();
        let refused = loop {
            let mut room = Room::of(&load, &noisy);
            match room.grow(1024) {
                Ok(()) => rooms.push(room),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.code(), "overloaded");
        assert!((50..64).contains(&rooms.len()), "{}", rooms.len());
        assert!(Room::of(&load, &quiet).grow(4096).is_ok());
        drop(rooms);
        assert!(Room::of(&load, &noisy).grow(32 * 1024).is_ok());
        assert_eq!(load.bodies.load(Ordering::Relaxed), 0);
    }
}
