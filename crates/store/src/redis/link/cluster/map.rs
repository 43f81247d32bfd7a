//! What a Cluster looks like.

use std::collections::HashMap;

use redis::Value;
use redis::cluster_routing::Slot;

use super::super::super::url::Address;

/// The servers and their slots, as last seen.
#[derive(Clone, Default)]
pub(super) struct Map {
    pub(super) slots: HashMap<Slot, Address>,
    pub(super) primaries: Vec<Address>,
    pub(super) replicas: Vec<Address>,
}

impl Map {
    /// Reads the answer of `CLUSTER SLOTS`: first slot, last slot, primary, replicas.
    pub(super) fn read(ranges: &[Value], answering: &str) -> Option<Self> {
        let mut map = Self::default();
        for range in ranges {
            let Value::Array(range) = range else { continue };
            let [Value::Int(first), Value::Int(last), primary, replicas @ ..] = range.as_slice()
            else {
                continue;
            };
            let Some(primary) = place(primary, answering) else {
                continue;
            };
            for slot in *first..=*last {
                let slot = u16::try_from(slot).ok().and_then(Slot::new)?;
                map.slots.insert(slot, primary.clone());
            }
            if !map.primaries.contains(&primary) {
                map.primaries.push(primary);
            }
            map.replicas.extend(
                replicas
                    .iter()
                    .filter_map(|replica| place(replica, answering)),
            );
        }
        (!map.primaries.is_empty()).then_some(map)
    }
}

/// A server in the answer of `CLUSTER SLOTS`. No name means the one that answers, `?` that it is unknown.
fn place(server: &Value, answering: &str) -> Option<Address> {
    let Value::Array(server) = server else {
        return None;
    };
    let [host, Value::Int(port), ..] = server.as_slice() else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) if host == b"?" => return None,
        Value::BulkString(host) if !host.is_empty() => String::from_utf8_lossy(host).into_owned(),
        Value::BulkString(_) | Value::Nil => answering.to_owned(),
        _ => return None,
    };
    Some(Address {
        host,
        port: u16::try_from(*port).ok()?,
    })
}
