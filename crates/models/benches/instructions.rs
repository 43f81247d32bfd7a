//! How many instructions the rules are: numbers that no other load on the machine changes, so that CI can hold
//! on to them. Each benchmark names what it takes; more than 5 % above that fails. `benches/run` runs it.
//!
//! A rule that got cheaper gets its new number here, one that had to get dearer too, with the reason in the commit.
#![expect(
    missing_docs,
    reason = "what the attributes make is for this program alone"
)]

mod cases;

use std::hint::black_box;

use evogate_models::account::Account;
use evogate_models::life::submit::Intent;
use evogate_models::life::{Books, Turn};
use evogate_models::report::Report;
use evogate_models::task::{Spec, Task};
use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};

/// Not more than 5 % above so many instructions.
fn about(instructions: u64) -> LibraryBenchmarkConfig {
    let most = instructions + instructions / 20;
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, most)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

fn body() -> Vec<u8> {
    cases::catalogue();
    cases::body()
}

#[library_benchmark(config = about(46_776))]
#[bench::with_a_picture(setup = body)]
fn submit_body(body: Vec<u8>) -> (Spec, Vec<u8>) {
    black_box(cases::submit_body(&body))
}

#[library_benchmark(config = about(19_465))]
#[bench::of_an_end(args = ("completed",), setup = cases::answer)]
fn report(answer: Vec<u8>) -> Report {
    black_box(cases::report(&answer))
}

#[library_benchmark(config = about(1_056))]
#[bench::of_a_submit(setup = cases::intent)]
fn hold(intent: (Account, Intent)) -> Turn {
    black_box(cases::hold(intent))
}

#[library_benchmark(config = about(9_603))]
#[bench::to_an_answer(setup = cases::held)]
fn bind(held: (Books, Report)) -> Turn {
    black_box(cases::bind(held))
}

#[library_benchmark(config = about(9_781))]
#[bench::a_completed_task(setup = cases::running)]
fn settle(running: (Books, Report)) -> Turn {
    black_box(cases::settle(running))
}

#[library_benchmark(config = about(1_363))]
#[bench::a_finished_task(setup = cases::finished)]
fn render(task: Task) -> String {
    black_box(cases::render(&task))
}

library_benchmark_group!(
    name = rules,
    benchmarks = [submit_body, report, hold, bind, settle, render]
);
main!(library_benchmark_groups = rules);
