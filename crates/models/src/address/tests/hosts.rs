//! Patterns of hosts, and what ops open and close with them.

use rstest::rstest;

use super::*;

#[rstest]
#[case("hooks.team.internal", "hooks.team.internal", 443, true)]
#[case("HOOKS.Team.Internal.", "hooks.team.internal", 443, true)]
#[case("hooks.team.internal", "Hooks.Team.Internal.", 443, true)]
#[case("hooks.team.internal", "x.hooks.team.internal", 443, false)]
#[case("hooks.team.internal:8080", "hooks.team.internal", 8080, true)]
#[case("hooks.team.internal:8080", "hooks.team.internal", 443, false)]
#[case("*.team.internal", "a.b.team.internal", 443, true)]
#[case("*.team.internal", "team.internal", 443, false)]
#[case("*.team.internal", "xteam.internal", 443, false)]
#[case("*.team.internal:8443", "a.team.internal", 443, false)]
#[case("localhost", "localhost", 9, true)]
#[case("bücher.internal", "xn--bcher-kva.internal", 443, true)]
#[case("127.0.0.1", "127.0.0.1", 9, true)]
#[case("127.1", "127.0.0.1", 9, true)]
#[case("127.0.0.1:80", "127.0.0.1", 81, false)]
#[case("127.0.0.1", "::ffff:127.0.0.1", 9, true)]
#[case("127.0.0.1", "127.0.0.2", 9, false)]
#[case("::1", "::1", 9, true)]
#[case("[::1]", "::1", 9, true)]
#[case("[::1]:9", "::1", 9, true)]
#[case("[::1]:9", "::1", 10, false)]
#[case("fd00::1", "fd00:0:0:0:0:0:0:1", 9, true)]
fn a_pattern_means_hosts_and_ports(
    #[case] text: &str,
    #[case] host: &str,
    #[case] port: u16,
    #[case] matches: bool,
) {
    assert_eq!(pattern(text).matches(host, port), matches);
}

#[rstest]
#[case("")]
#[case("*")]
#[case("*.")]
#[case("*.*.com")]
#[case("a.*.com")]
#[case("a..b")]
#[case("a b")]
#[case("https://a.com")]
#[case("a.com/x")]
#[case("user@a.com")]
#[case("a.com:")]
#[case("a.com:http")]
#[case("a.com:65536")]
#[case("*.127.0.0.1")]
#[case("10.0.0.0/8")]
fn what_is_no_host_is_no_pattern(#[case] text: &str) {
    let error = text.parse::<HostPattern>().unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("`{text}` is not a host")),
        "{error}"
    );
}

#[rstest]
#[case("*.team.internal:8443")]
#[case("hooks.team.internal")]
#[case("10.1.2.3:80")]
#[case("[fd00::1]:80")]
#[case("fd00::1")]
fn a_pattern_prints_as_it_is_written(#[case] text: &str) {
    assert_eq!(pattern(text).to_string(), text);
}

#[test]
fn a_pattern_is_read_from_a_configuration() {
    let hosts: Vec<HostPattern> = serde_json::from_str(r#"["localhost","[::1]:9"]"#).unwrap();
    assert_eq!(hosts, [pattern("localhost"), pattern("[::1]:9")]);
    let error = serde_json::from_str::<HostPattern>(r#""*""#)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`*` is not a host"), "{error}");
}

#[test]
fn a_named_host_may_be_private_on_any_port_but_not_plain() {
    let policy = AddressPolicy {
        allow_hosts: vec![pattern("*.team.internal"), pattern("queue")],
        ..AddressPolicy::default()
    };
    for url in [
        "https://hooks.team.internal/",
        "https://hooks.team.internal:9443/x",
        "https://queue:1/",
    ] {
        let target = policy.judge_url(url).unwrap();
        let private = "10.9.8.7".parse().unwrap();
        assert_eq!(policy.judge_ip(&target.host, target.port, private), Ok(()));
    }
    assert_eq!(
        refused(&policy, "http://hooks.team.internal/"),
        "it must begin with https://"
    );
    assert!(policy.judge_url("https://team.internal/").is_err());
    let private = "10.9.8.7".parse().unwrap();
    assert!(
        policy.judge_ip("hooks.example.com", 443, private).is_err(),
        "another name's answer"
    );
}

#[test]
fn development_allows_plain_loopback_by_name() {
    let policy = AddressPolicy {
        allow_insecure_hosts: vec![pattern("localhost"), pattern("127.0.0.1"), pattern("[::1]")],
        ..AddressPolicy::default()
    };
    for url in [
        "http://localhost:9000/hook",
        "http://127.0.0.1:9000",
        "http://[::1]:9000/",
        "http://2130706433/",
    ] {
        policy.judge_url(url).unwrap();
    }
    assert_eq!(
        policy.judge_ip("localhost", 9000, "127.0.0.1".parse().unwrap()),
        Ok(())
    );
    assert!(policy.judge_url("http://127.0.0.2:9000").is_err());
    assert!(policy.judge_url("http://example.com/").is_err());
}

#[test]
fn an_opened_network_opens_addresses_and_what_public_names_resolve_to() {
    let policy = AddressPolicy {
        allow_networks: vec![
            "10.20.0.0/16".parse().unwrap(),
            "fd12::/16".parse().unwrap(),
        ],
        ..AddressPolicy::default()
    };
    for url in [
        "https://10.20.1.1:9443/",
        "https://[fd12::5]/",
        "https://[::ffff:10.20.1.1]/",
    ] {
        policy.judge_url(url).unwrap();
    }
    assert!(policy.judge_url("https://10.21.1.1/").is_err());
    assert_eq!(
        policy.judge_ip("hooks.example.com", 443, "10.20.1.1".parse().unwrap()),
        Ok(())
    );
    assert!(
        policy.judge_url("https://hooks.internal/").is_err(),
        "names are opened by name"
    );
}

#[test]
fn the_gateway_itself_stays_closed_whatever_is_opened() {
    let policy = AddressPolicy {
        allow_insecure_hosts: vec![pattern("127.0.0.1"), pattern("localhost"), pattern("[::1]")],
        allow_hosts: vec![pattern("*.example.com")],
        allow_networks: vec!["0.0.0.0/0".parse().unwrap()],
        own_hosts: vec![pattern("evogate.example.com")],
        own_addresses: vec![
            "127.0.0.1:8080".parse().unwrap(),
            "0.0.0.0:9090".parse().unwrap(),
        ],
    };
    for url in [
        "https://evogate.example.com/admin/v1/tenants",
        "https://EVOGATE.example.com.:8443/",
        "http://127.0.0.1:8080/admin/v1/tenants",
        "http://127.1:8080/",
        "http://127.0.0.1:9090/metrics",
        "http://127.0.0.5:9090/metrics",
        "http://[::1]:9090/metrics",
        "http://[::ffff:127.0.0.1]:8080/",
    ] {
        assert!(
            refused(&policy, url).ends_with("is this gateway itself") || url.contains(".5:"),
            "{url}"
        );
    }
    let judge = |ip: &str, port| policy.judge_ip("localhost", port, ip.parse().unwrap());
    assert_eq!(
        judge("127.0.0.1", 8080),
        Err(Refused::Own("localhost".to_owned()))
    );
    assert_eq!(
        judge("0.0.0.0", 8080),
        Err(Refused::Own("localhost".to_owned()))
    );
    assert_eq!(
        judge("127.0.0.9", 9090),
        Err(Refused::Own("localhost".to_owned()))
    );
    assert_eq!(
        judge("127.0.0.1", 8081),
        Ok(()),
        "another program on this machine"
    );
}
