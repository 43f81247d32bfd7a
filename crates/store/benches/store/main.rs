//! What the store costs: Redis's CPU for a submit, its memory for a task, how both grow with what is in the
//! store; and how many durable submits a second the embedded engine takes.
//!
//! ```sh
//! cargo bench -p evogate-store --bench store
//! cargo bench -p evogate-store --bench store -- cpu
//! EVOGATE_BENCH_TASKS=1000000 cargo bench -p evogate-store --bench store -- growth
//! ```
//!
//! The parts are `cpu`, `memory`, `growth` and `embedded`; without one named, all. Redis runs on servers of
//! the benchmark's own (`redis-server` on the path, or `EVOGATE_TEST_REDIS_SERVER`), over a socket, with 32
//! connections that have one call each on its way. CPU is what the server counts for its main thread, so that
//! the other processes of the machine disturb it little; what is printed is the median of the rounds.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark ends where something goes wrong, and prints numbers for people"
)]

mod load;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use evogate_redis_kit::{Fsync, Options, Server};
use evogate_store::{Store, SystemClock};

use load::{CONNECTIONS, Load};

/// Tasks of a round.
const ROUND: usize = 4_000;
const ROUNDS: usize = 5;
/// Tasks whose memory is counted.
const KEPT: usize = 10_000;

#[tokio::main]
async fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let runs = |part: &str| {
        let mut parts = asked.iter().filter(|arg| !arg.starts_with('-')).peekable();
        parts.peek().is_none() || parts.any(|arg| arg == part)
    };
    if runs("cpu") {
        cpu().await;
    }
    if runs("memory") {
        memory().await;
    }
    if runs("growth") {
        growth().await;
    }
    if runs("embedded") {
        embedded().await;
    }
}

fn server(fsync: Fsync) -> Server {
    Server::with(Options::default().fsync(fsync))
}

/// The server's CPU for a submit: the hold, and the bind.
async fn cpu() {
    println!("CPU of Redis, µs for one submit, {CONNECTIONS} connections");
    println!("| append-only file | hold | bind | both | inside of the scripts |");
    println!("|---|---|---|---|---|");
    for (name, fsync) in [("none", Fsync::NoAof), ("every second", Fsync::EverySecond)] {
        let server = server(fsync);
        let mut load = Load::on(&server, 16).await;
        load.tenants(100).await;
        load.submit(ROUND / 4).await;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let before = Used::of(&server);
            let tasks = load.hold(ROUND).await;
            let held = Used::of(&server);
            load.bind(&tasks).await;
            let bound = Used::of(&server);
            let (first, second) = (held.since(&before), bound.since(&held));
            rounds.push([
                first.cpu,
                second.cpu,
                first.cpu + second.cpu,
                first.scripts + second.scripts,
            ]);
        }
        let each = |n: usize| {
            let of_round = rounds.iter().map(|round| round[n] / ROUND as f64);
            median(of_round.collect())
        };
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} | {:.1} |",
            each(0),
            each(1),
            each(2),
            each(3)
        );
        if fsync == Fsync::NoAof {
            commands(&server, &mut load).await;
        }
    }
    println!();
}

/// Which commands a submit comes to.
async fn commands(server: &Server, load: &mut Load) {
    let before = Used::of(server).calls;
    load.submit(1_000).await;
    let mut counts: Vec<String> = Vec::new();
    for (name, calls) in Used::of(server).calls {
        let more = calls - before.get(&name).copied().unwrap_or(0.0);
        if more >= 100.0 {
            counts.push(format!("{name} {:.1}", more / 1_000.0));
        }
    }
    println!("(commands of a submit: {})", counts.join(", "));
}

/// The server's memory for a task: open and bound, then finished.
async fn memory() {
    let server = server(Fsync::NoAof);
    let mut load = Load::on(&server, 16).await;
    // So that each has more tasks than a small index takes.
    load.tenants(10).await;
    load.submit(100).await;
    let empty = used_memory(&server);
    let tasks = load.submit(KEPT).await;
    let open = used_memory(&server);
    let of_open = parts(&server);
    load.finish(&tasks).await;
    let finished = used_memory(&server);
    let of_finished = parts(&server);
    let each = |bytes: f64| (bytes - empty) / KEPT as f64;
    println!("Memory of Redis, bytes for one task, {KEPT} tasks of 10 tenants, 16 shards");
    println!("| | in all | by keys |");
    println!("|---|---|---|");
    println!("| open and bound | {:.0} | {of_open} |", each(open));
    println!(
        "| finished just now | {:.0} | {of_finished} |",
        each(finished)
    );
    println!();
}

/// The memory of each kind of key, for a task.
fn parts(server: &Server) -> String {
    let sums: Vec<String> = server.command(&["EVAL", PARTS, "0"]);
    let parts = sums.chunks(2).filter_map(|part| {
        let bytes = part[1].parse::<f64>().unwrap() / KEPT as f64;
        (bytes >= 1.0).then(|| format!("{} {bytes:.0}", part[0]))
    });
    parts.collect::<Vec<_>>().join(", ")
}

const PARTS: &str = "local sums, answer = {}, {} \
    for _, key in ipairs(redis.call('KEYS', '*')) do \
        local kind = string.match(key, '^{[^}]*}:(%w+)') or string.match(key, '^%w+:%w+') or key \
        sums[kind] = (sums[kind] or 0) + redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0') \
    end \
    for kind, bytes in pairs(sums) do answer[#answer + 1] = kind answer[#answer + 1] = tostring(bytes) end \
    return answer";

/// What a submit, a read and a worker's idle pass cost with much in the store, to what they cost with little.
async fn growth() {
    let many = std::env::var("EVOGATE_BENCH_TASKS")
        .map_or(200_000, |tasks| tasks.parse().expect("a number"));
    let server = server(Fsync::NoAof);
    let mut load = Load::on(&server, 16).await;
    load.tenants(10).await;
    load.submit(1_000).await;
    let few = costs(&server, &mut load).await;
    load.tenants(10_000).await;
    load.submit(many).await;
    let much = costs(&server, &mut load).await;
    println!("CPU of Redis, µs, with 1 000 tasks of 10 tenants and with {many} of 10 000");
    println!("| | few | many | ratio |");
    println!("|---|---|---|---|");
    for (n, name) in ["submit", "read", "idle pass"].iter().enumerate() {
        println!(
            "| {name} | {:.1} | {:.1} | {:.2} |",
            few[n],
            much[n],
            much[n] / few[n]
        );
    }
}

async fn costs(server: &Server, load: &mut Load) -> [f64; 3] {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        // So little that few tasks stay few.
        let count = 400;
        let before = Used::of(server);
        let tasks = load.submit(count).await;
        let submitted = Used::of(server);
        for _ in 0..10 {
            load.read(count).await;
        }
        let read = Used::of(server);
        load.idle(count).await;
        let idle = Used::of(server);
        load.remember(tasks);
        rounds.push([
            submitted.since(&before).cpu / count as f64,
            read.since(&submitted).cpu / count as f64 / 10.0,
            idle.since(&read).cpu / count as f64,
        ]);
    }
    [0, 1, 2].map(|n| median(rounds.iter().map(|round| round[n]).collect()))
}

/// Durable submits a second.
async fn embedded() {
    println!(
        "The embedded store, submits (hold and bind, each on the disk before it is answered) a second"
    );
    println!("| at the same time | submits a second |");
    println!("|---|---|");
    for together in [1, 32, 256] {
        let folder = tempfile::tempdir_in(".").unwrap();
        let file = folder.path().join("store.redb");
        let store = Store::embedded(&file, 64 << 20, Arc::new(SystemClock)).unwrap();
        let mut load = Load::of(vec![store.clone(); together]);
        load.tenants(10).await;
        let count = 50 * together;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            load.submit(count).await;
            rounds.push(count as f64 / begun.elapsed().as_secs_f64());
        }
        println!("| {together} | {:.0} |", median(rounds));
        store.close().await;
    }
    println!();
}

/// What a server has used so far.
struct Used {
    /// Microseconds of its main thread.
    cpu: f64,
    /// Microseconds inside of scripts.
    scripts: f64,
    /// Calls of each command.
    calls: BTreeMap<String, f64>,
}

impl Used {
    fn of(server: &Server) -> Self {
        let info: String = server.command(&["INFO", "everything"]);
        let number = |name: &str| -> f64 {
            let line = info
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|value| value.trim().parse().ok())
                .expect("a number of INFO's")
        };
        let cpu = number("used_cpu_user_main_thread") + number("used_cpu_sys_main_thread");
        let mut used = Self {
            cpu: cpu * 1e6,
            scripts: 0.0,
            calls: BTreeMap::new(),
        };
        for line in info.lines() {
            let Some((name, rest)) = line
                .strip_prefix("cmdstat_")
                .and_then(|line| line.split_once(':'))
            else {
                continue;
            };
            let value = |name: &str| -> f64 {
                let mut fields = rest.split(',').filter_map(|field| field.split_once('='));
                fields
                    .find(|(field, _)| *field == name)
                    .map_or(0.0, |(_, value)| value.parse().unwrap())
            };
            if name == "evalsha" {
                used.scripts = value("usec");
            }
            used.calls.insert(name.to_owned(), value("calls"));
        }
        used
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            cpu: self.cpu - before.cpu,
            scripts: self.scripts - before.scripts,
            calls: self.calls.clone(),
        }
    }
}

fn used_memory(server: &Server) -> f64 {
    let info: String = server.command(&["INFO", "memory"]);
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok())
        .expect("used_memory")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
