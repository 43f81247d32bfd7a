//! The sockets that a gateway listens on: bound before anything else starts, so that a taken port is
//! found while there is nothing to undo, and so that others can hand in ports of their own.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::Listen;

/// The bound sockets.
#[derive(Debug)]
pub struct Listeners {
    /// Tenant and admin routes.
    pub api: TcpListener,
    /// EvoLink's callbacks, where they have a socket of their own.
    pub callbacks: Option<TcpListener>,
    /// Metrics and health.
    pub ops: TcpListener,
}

impl Listeners {
    /// Binds what the settings name.
    pub async fn bind(listen: &Listen) -> Result<Self, BindError> {
        let api = bind("listen.api", listen.api).await?;
        let callbacks = match listen.callbacks {
            Some(address) => Some(bind("listen.callbacks", address).await?),
            None => None,
        };
        let ops = bind("listen.ops", listen.ops).await?;
        Ok(Self {
            api,
            callbacks,
            ops,
        })
    }
}

/// Binds one socket; `name` is the key or the flag that gave its address.
pub async fn bind(name: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| BindError::new(name, address, error))
}

/// A socket that can't be had.
#[derive(Debug)]
pub struct BindError {
    name: &'static str,
    address: SocketAddr,
    error: io::Error,
}

impl BindError {
    /// What went wrong when somebody tried to listen on the `address` that `name` gave.
    pub fn new(name: &'static str, address: SocketAddr, error: io::Error) -> Self {
        Self {
            name,
            address,
            error,
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            address,
            error,
        } = self;
        write!(out, "{name}: can't listen on {address}: ")?;
        match error.kind() {
            io::ErrorKind::AddrInUse => write!(
                out,
                "another program does already; end that one, or choose another port with {name}"
            ),
            io::ErrorKind::AddrNotAvailable => {
                out.write_str("this machine does not have that address")
            }
            io::ErrorKind::PermissionDenied => {
                out.write_str("not permitted (ports below 1024 need a privilege)")
            }
            _ => write!(out, "{error}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_who_asked_for_it() {
        let taken = bind("--ops", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = taken.local_addr().unwrap();
        let shown = bind("--api", address).await.unwrap_err().to_string();
        assert!(shown.starts_with(&format!(
            "--api: can't listen on {address}: another program"
        )));
        assert!(shown.ends_with("another port with --api"), "{shown}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_named() {
        let error = bind("listen.ops", "192.0.2.1:9090".parse().unwrap())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("does not have that address"),
            "{error}"
        );
    }
}
