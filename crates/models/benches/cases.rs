//! What the benchmarks do: the rules that a submit, a read and a task's end run through, on values like those of
//! a busy day.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that can't begin has nothing better to do"
)]

use std::sync::OnceLock;

use evogate_models::account::Account;
use evogate_models::catalogue::Catalogue;
use evogate_models::journal::Posting;
use evogate_models::life::bind::{self, Found};
use evogate_models::life::submit::{self, Intent};
use evogate_models::life::{Books, Turn, news};
use evogate_models::quota::Windows;
use evogate_models::report::Report;
use evogate_models::request::{self, Generation};
use evogate_models::task::{Author, MediaKind, Spec, Task};
use evogate_models::{Credits, TaskId, Timestamp, view};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ESTIMATE: &str = "17.784";
const CALLBACK: &str =
    "https://evogate.example.com/callbacks/evolink/0123456789012345678901234567890123456789";

/// The built-in catalogue, read once.
pub(crate) fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| Catalogue::builtin().expect("the built-in catalogue"))
}

/// A submit's body, with a prompt of 200 bytes and a picture.
pub(crate) fn body() -> Vec<u8> {
    let prompt = "A paper boat on a calm lake at dawn, ".repeat(6);
    let prompt = prompt.get(..200).expect("so long a prompt");
    format!(
        r#"{{"model":"seedance-2.0","prompt":"{prompt}","duration":5,"quality":"720p","aspect_ratio":"16:9",
        "generate_audio":true,"image_urls":["https://images.example.com/boat.png"],
        "callback_url":"https://hooks.example.com/evolink"}}"#
    )
    .into_bytes()
}

/// Judges a submit, and makes what EvoLink gets of it.
pub(crate) fn submit_body(body: &[u8]) -> (Spec, Vec<u8>) {
    let judge = |_: &str| Ok(());
    let generation: Generation<'_> =
        request::validate(body, MediaKind::Video, catalogue(), &judge).expect("a good request");
    (generation.spec(), generation.upstream_body(Some(CALLBACK)))
}

/// EvoLink's task object, as an answer to a submit or a read.
pub(crate) fn answer(status: &str) -> Vec<u8> {
    format!(
        r#"{{"created":1800000000,"id":"task-unified-1800000000-abcd1234","model":"seedance-2.0",
        "object":"video.generation.task","progress":100,"results":["https://files.example.com/a.mp4"],
        "status":"{status}","task_info":{{"can_cancel":false,"estimated_time":132,"video_duration":5}},
        "type":"video","usage":{{"billing_rule":"per_second","credits_reserved":17.784,"credits_used":17.784,
        "user_group":"default"}}}}"#
    )
    .into_bytes()
}

/// Reads it.
pub(crate) fn report(answer: &[u8]) -> Report {
    Report::parse(answer).expect("a task object")
}

/// A tenant's account and a submit that asks for its hold.
pub(crate) fn intent() -> (Account, Intent) {
    let amount = Credits::whole(1_000);
    let account = Account::default()
        .post(&Posting::Granted { amount })
        .expect("a grant");
    let (spec, _) = submit_body(&body());
    let intent = Intent {
        id: TaskId::mint(NOW, 7),
        tenant: "studio".parse().expect("an id"),
        author: Author::default(),
        spec,
        estimate: ESTIMATE.parse().expect("an amount"),
        callback_url: Some("https://hooks.example.com/evolink".to_owned()),
        idempotency_key: None,
        fingerprint: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU".to_owned(),
        resend: None,
        send_within: 5_000,
        lease: 15_000,
        deadline: 26 * 3_600_000,
        windows: Windows::default(),
        trace: None,
    };
    (account, intent)
}

/// Takes the hold.
pub(crate) fn hold((account, intent): (Account, Intent)) -> Turn {
    submit::hold(account, false, intent, NOW).expect("a hold")
}

/// What a bind begins with.
pub(crate) fn held() -> (Books, Report) {
    (hold(intent()).books, report(&answer("pending")))
}

/// Binds.
pub(crate) fn bind((books, report): (Books, Report)) -> Turn {
    bind::bind(books, &report, Found::Answer, 60_000, NOW.plus(500)).expect("a bind")
}

/// What a task's end begins with.
pub(crate) fn running() -> (Books, Report) {
    (bind(held()).books, report(&answer("completed")))
}

/// Settles.
pub(crate) fn settle((books, report): (Books, Report)) -> Turn {
    news::news(books, &report, NOW.plus(60_000)).expect("news")
}

/// What a read shows.
pub(crate) fn finished() -> Task {
    settle(running()).books.task
}

/// Shows it.
pub(crate) fn render(task: &Task) -> String {
    view::render(task)
}
