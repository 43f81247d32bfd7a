//! From the start of the process until it says that it is ready.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use evogate_tests::redis::{Fsync, Options as Redis, Server};
use evogate_tests::{ADMIN_KEY, CALLBACKS_SECRET, EVOLINK_KEY, Process, Settings, binary};

use crate::Options;
use crate::nginx::free_address;
use crate::report::{Aim, Line};

/// Longer than this is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn measure(options: &Options) -> Vec<Line> {
    let redis = Server::with(Redis::default().fsync(Fsync::EverySecond).on_port());
    let took = (0..options.rounds).map(|_| start(&redis)).collect();
    vec![Line::new(
        "start to ready on Redis",
        "ms",
        took,
        Aim::AtMost(150.0),
    )]
}

fn start(redis: &Server) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let ops = free_address();
    let mut settings = Settings::default();
    for (key, value) in [
        ("listen.api", "127.0.0.1:0".to_owned()),
        ("listen.ops", ops.to_string()),
        ("public_url", "http://127.0.0.1:9".to_owned()),
        ("callbacks.secret", CALLBACKS_SECRET.to_owned()),
        ("evolink.base_url", "http://127.0.0.1:10/v1".to_owned()),
        ("evolink.api_key", EVOLINK_KEY.to_owned()),
        ("admin.bootstrap_key", ADMIN_KEY.to_owned()),
        ("store.url", redis.url()),
    ] {
        settings.set(key, value);
    }
    let file = folder.path().join("evogate.toml");
    std::fs::write(&file, settings.toml()).expect("a settings file");
    let mut command = Process::command(&binary("evogate"));
    command.args(["serve", "--config"]).arg(&file);
    let began = Instant::now();
    let mut process = Process::start("evogate", command, folder.path());
    while !is_ready(ops) {
        assert!(began.elapsed() < PATIENCE, "not ready: {}", process.log());
        assert!(process.has_ended().is_none(), "it ended: {}", process.log());
        std::thread::sleep(Duration::from_millis(1));
    }
    began.elapsed().as_secs_f64() * 1e3
}

fn is_ready(ops: SocketAddr) -> bool {
    let asked = || {
        let mut stream = TcpStream::connect(ops)?;
        write!(
            stream,
            "GET /readyz HTTP/1.1\r\nHost: {ops}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
