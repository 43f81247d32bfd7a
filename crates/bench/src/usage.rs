//! What a process uses, by the system's own accounting.

use std::fs;
use std::time::Duration;

/// Linux counts the CPU time of a process in hundredths of a second (`USER_HZ`), on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time that a process has used so far, all threads, ended ones too.
pub(crate) fn cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    // The name may hold anything; what counts begins after its bracket, with the third field.
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u32>().expect("ticks"))
        .sum();
    TICK * ticks
}

/// The memory that a process has in use, in bytes.
pub(crate) fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .expect("its resident size")
        * 1024
}
