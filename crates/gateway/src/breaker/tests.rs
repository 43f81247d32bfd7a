//! The breaker on a clock that is moved by hand.

use evogate_models::Timestamp;
use evogate_store::clock::ManualClock;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::config::Config;

/// Opens on 3 unknowns in a row, or on more than 2 that wait; cools down for 100 ms.
fn config(base: &str) -> Config {
    let text = format!(
        "evolink.api_key = 'sk-0123456789abcdef'\nevolink.base_url = '{base}'\n\
         submit.breaker_unknowns = 3\nsubmit.breaker_unanswered = 2\nsubmit.breaker_cooldown = '100ms'\n"
    );
    Config::load_from_str(&text).unwrap().0
}

fn breaker() -> (Arc<Breaker>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_772_203_771)));
    let config = config("http://127.0.0.1:9");
    let breaker = Breaker::new(&config.submit, clock.clone());
    (Arc::new(breaker), clock)
}

fn open() -> (Arc<Breaker>, Arc<ManualClock>) {
    let (breaker, clock) = breaker();
    for _ in 0..3 {
        breaker.permit().unwrap().unknown();
    }
    assert_eq!(breaker.state(), State::Open);
    (breaker, clock)
}

fn half_open() -> Arc<Breaker> {
    let (breaker, _) = open();
    breaker.probed(true);
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker
}

#[test]
fn unknown_outcomes_in_a_row_open_it() {
    let (breaker, _) = breaker();
    breaker.permit().unwrap().unknown();
    breaker.permit().unwrap().unknown();
    assert_eq!(breaker.state(), State::Closed);
    breaker.permit().unwrap().unknown();
    assert_eq!(breaker.state(), State::Open);
    assert!(breaker.permit().is_err());
}

#[test]
fn a_definite_answer_breaks_the_row_and_a_submit_that_was_not_sent_does_not() {
    let (breaker, _) = breaker();
    breaker.permit().unwrap().unknown();
    breaker.permit().unwrap().unknown();
    breaker.permit().unwrap().definite();
    breaker.permit().unwrap().unknown();
    breaker.permit().unwrap().unknown();
    drop(breaker.permit().unwrap());
    assert_eq!(breaker.state(), State::Closed);
    breaker.permit().unwrap().unknown();
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn too_many_submits_that_wait_for_long_open_it() {
    let (breaker, clock) = breaker();
    let waiting: Vec<_> = (0..3).map(|_| breaker.permit().unwrap()).collect();
    clock.advance(4999);
    let _young = breaker.permit().unwrap();
    clock.advance(1);
    assert!(breaker.permit().is_err());
    assert_eq!(breaker.state(), State::Open);
    drop(waiting);
}

#[test]
fn submits_that_were_answered_do_not_wait() {
    let (breaker, clock) = breaker();
    let _slow: Vec<_> = (0..2).map(|_| breaker.permit().unwrap()).collect();
    for _ in 0..10 {
        breaker.permit().unwrap().definite();
    }
    clock.advance(60_000);
    drop(breaker.permit().unwrap());
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn an_open_one_says_when_to_come_back_and_never_at_once() {
    let (breaker, clock) = open();
    let wait = breaker.permit().unwrap_err().retry_after;
    assert_eq!(wait, Duration::from_secs(1));
    clock.advance(100_000);
    let wait = breaker.permit().unwrap_err().retry_after;
    assert_eq!(wait, Duration::from_secs(1));
}

#[test]
fn only_a_probe_that_is_answered_half_opens_it() {
    let (breaker, clock) = open();
    clock.advance(100_000);
    breaker.probed(false);
    assert_eq!(breaker.state(), State::Open);
    breaker.probed(true);
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn a_half_open_one_lets_one_trial_through_at_a_time() {
    let breaker = half_open();
    let trial = breaker.permit().unwrap();
    assert!(breaker.permit().is_err());
    // It was not sent: the next one is the trial.
    drop(trial);
    let _trial = breaker.permit().unwrap();
    assert!(breaker.permit().is_err());
}

#[test]
fn a_trial_with_a_definite_answer_closes_it() {
    let breaker = half_open();
    breaker.permit().unwrap().definite();
    assert_eq!(breaker.state(), State::Closed);
    // The row begins anew.
    breaker.permit().unwrap().unknown();
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_trial_with_an_unknown_outcome_opens_it_again() {
    let breaker = half_open();
    breaker.permit().unwrap().unknown();
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn what_was_sent_into_an_outage_says_nothing_of_the_time_after_it() {
    let (breaker, clock) = breaker();
    let mut old: Vec<_> = (0..7).map(|_| breaker.permit().unwrap()).collect();
    for permit in old.drain(..3) {
        permit.unknown();
    }
    breaker.probed(true);
    let trial = breaker.permit().unwrap();
    old.pop().unwrap().definite();
    assert_eq!(breaker.state(), State::HalfOpen);
    trial.definite();
    clock.advance(60_000);
    for permit in old {
        permit.unknown();
    }
    drop(breaker.permit().unwrap());
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn it_probes_while_it_is_open_until_evolink_answers() {
    let server = MockServer::start().await;
    let dead = ResponseTemplate::new(502);
    Mock::given(any())
        .respond_with(dead)
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(404).set_body_json(serde_json::json!({})))
        .mount(&server)
        .await;
    let config = config(&format!("{}/v1", server.uri()));
    let (breaker, clock) = open();
    let evolink = EvoLink::new(&config.evolink, clock).unwrap();
    let half_opened = async {
        while breaker.state() == State::Open {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = Arc::clone(&breaker).run(evolink, Background::default()) => panic!("it ended"),
        () = half_opened => {}
    }
    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn probing_ends_with_the_shutdown() {
    let (breaker, clock) = open();
    let evolink = EvoLink::new(&config("http://127.0.0.1:9").evolink, clock).unwrap();
    let background = Background::default();
    background.stop();
    breaker.run(evolink, background).await;
}
