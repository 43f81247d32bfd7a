//! How long the rules take. `cargo bench -p evogate-models --bench rules`

mod cases;

use divan::Bencher;

fn main() {
    divan::main();
}

#[divan::bench]
fn submit_body(bencher: Bencher) {
    cases::catalogue();
    bencher
        .with_inputs(cases::body)
        .bench_refs(|body| cases::submit_body(body));
}

#[divan::bench]
fn report(bencher: Bencher) {
    let answer = || cases::answer("completed");
    bencher
        .with_inputs(answer)
        .bench_refs(|answer| cases::report(answer));
}

#[divan::bench]
fn hold(bencher: Bencher) {
    bencher.with_inputs(cases::intent).bench_values(cases::hold);
}

#[divan::bench]
fn bind(bencher: Bencher) {
    bencher.with_inputs(cases::held).bench_values(cases::bind);
}

#[divan::bench]
fn settle(bencher: Bencher) {
    bencher
        .with_inputs(cases::running)
        .bench_values(cases::settle);
}

#[divan::bench]
fn render(bencher: Bencher) {
    bencher
        .with_inputs(cases::finished)
        .bench_refs(|task| cases::render(task));
}
