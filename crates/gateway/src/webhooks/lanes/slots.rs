//! How many deliveries are under way in all, and the part of them that unknown endpoints may use.

use std::collections::HashMap;
use std::sync::Arc;

use super::lane::Standing;
use super::{Endpoint, Ticket};

/// All deliveries under way. Each has a socket, and a connection's buffers.
pub(super) const SLOTS: usize = 512;
/// Of these, for endpoints of which nothing is known and for those that fail.
pub(super) const SUSPECTS: usize = 384;
/// Of these, for endpoints that fail.
pub(super) const FAILING: usize = 128;
/// Of these, for one host's endpoints that have not shown that they answer: many callback URLs are used
/// once, so a hung host does not show in their lanes.
pub(super) const SUSPECTS_OF_A_HOST: usize = 16;

/// The slots that are taken.
#[derive(Debug, Default)]
pub(super) struct Slots {
    all: usize,
    suspects: usize,
    failing: usize,
    hosts: HashMap<Arc<str>, usize>,
}

impl Slots {
    pub(super) fn are_all_taken(&self) -> bool {
        self.all >= SLOTS
    }

    /// Is there one for an endpoint of this standing?
    pub(super) fn are_free(&self, endpoint: &Endpoint, standing: Standing) -> bool {
        let suspect = || {
            let of_host = self.hosts.get(&endpoint.host).copied().unwrap_or(0);
            self.suspects < SUSPECTS && of_host < SUSPECTS_OF_A_HOST
        };
        !self.are_all_taken()
            && match standing {
                Standing::Good => true,
                Standing::Unproven => suspect(),
                Standing::Failing => self.failing < FAILING && suspect(),
            }
    }

    pub(super) fn take(&mut self, ticket: &Ticket) {
        self.all = self.all.saturating_add(1);
        if ticket.standing == Standing::Good {
            return;
        }
        self.suspects = self.suspects.saturating_add(1);
        if ticket.standing == Standing::Failing {
            self.failing = self.failing.saturating_add(1);
        }
        let host = Arc::clone(&ticket.endpoint.host);
        let of_host = self.hosts.entry(host).or_default();
        *of_host = of_host.saturating_add(1);
    }

    /// The endpoint of a ticket whose slot is free again.
    pub(super) fn give_back(&mut self, ticket: Ticket) -> Endpoint {
        let Ticket { endpoint, standing } = ticket;
        self.all = self.all.saturating_sub(1);
        if standing == Standing::Good {
            return endpoint;
        }
        self.suspects = self.suspects.saturating_sub(1);
        if standing == Standing::Failing {
            self.failing = self.failing.saturating_sub(1);
        }
        if let Some(of_host) = self.hosts.get_mut(&endpoint.host) {
            *of_host = of_host.saturating_sub(1);
            if *of_host == 0 {
                self.hosts.remove(&endpoint.host);
            }
        }
        endpoint
    }
}
