//! EvoLink by https, as it is in the world: with a certificate that is checked, by HTTP/2 or 1.1.

use evogate_tests::{Authority, Certificate, Rig, Tenant, Terminator, assert_books};

/// A gateway that knows `authority`, with the simulator behind `certificate`.
async fn behind(
    authority: &Authority,
    certificate: &Certificate,
    protocols: &[&str],
) -> (Rig, Terminator) {
    let bound = Terminator::start(certificate, protocols).await;
    let public = format!("--public-url={}", bound.url());
    let mut rig = Rig::builder().sim_argument(&public).start().await;
    let simulator = rig.sim.url.strip_prefix("http://").unwrap().parse();
    let terminator = bound.lead_to(simulator.unwrap());
    let file = authority.file().display().to_string();
    rig.gateway
        .environment
        .insert("SSL_CERT_FILE".to_owned(), file);
    let base = format!("{}/v1", terminator.url());
    rig.gateway
        .restart_with([("evolink.base_url", base.into())])
        .await;
    (rig, terminator)
}

#[tokio::test]
async fn tasks_live_over_tls_by_http_2_and_by_http_1() {
    for (protocols, agreed) in [
        (&["h2", "http/1.1"][..], "h2"),
        (&["http/1.1"], "http/1.1"),
        // A server that knows nothing of ALPN.
        (&[], ""),
    ] {
        let authority = Authority::new();
        let (rig, terminator) = behind(&authority, &authority.good(), protocols).await;
        for n in 0..5 {
            let id = rig.team.start(&format!("encrypted {n}.")).await;
            rig.team.ended_as(&id, "completed").await;
        }
        let spoken = terminator.spoken();
        assert!(!spoken.is_empty(), "nothing went by TLS");
        assert!(spoken.iter().all(|one| one == agreed), "{spoken:?}");
        if agreed == "h2" {
            // One connection for each thread that serves, and a few of the workers' are enough.
            assert!(spoken.len() < 10, "{spoken:?}");
        }
        assert_books(&rig.admin, &rig.sim).await;
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_good_is_not_trusted_with_the_key() {
    let (known, stranger) = (Authority::new(), Authority::new());
    for certificate in [known.expired(), known.of_another_host(), stranger.good()] {
        let (rig, terminator) = behind(&known, &certificate, &["h2", "http/1.1"]).await;
        let answer = rig.team.submit(&Tenant::video("for nobody")).await;
        answer.error(503, "upstream_unavailable");
        // It surely did not reach EvoLink.
        assert!(rig.sim.creates("for nobody").await.is_empty());
        assert_books(&rig.admin, &rig.sim).await;
        drop(terminator);
    }
}
