//! The yardstick: nginx with one worker that forwards to the fake EvoLink, by connections that are kept on
//! both sides and without an access log.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use evogate_tests::{Process, until};
use tempfile::TempDir;

/// A running nginx.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one in front of `upstream`.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let path = folder.path().display();
        // One process that is the worker itself, so that its CPU time is all that there is.
        let configuration = format!(
            "daemon off; master_process off; worker_processes 1; pid {path}/pid; error_log {path}/error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;
  uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;
  upstream evolink {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {address}; keepalive_requests 1000000000;
    location / {{ proxy_pass http://evolink; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}
  }}
}}
"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).expect("a configuration");
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).arg("-p").arg(folder.path());
        let mut process = Process::start("nginx", command, folder.path());
        until("nginx listens", async || {
            assert!(
                process.has_ended().is_none(),
                "nginx ended: {}",
                process.log()
            );
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Self {
            address,
            process,
            _folder: folder,
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

/// A loopback address that is free at this moment.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    listener.local_addr().expect("an address")
}
