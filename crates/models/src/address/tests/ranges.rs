//! Ranges of addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use rstest::rstest;

use super::super::ip::{METADATA_V4, METADATA_V6, SPECIAL_V4, SPECIAL_V6};
use super::*;

fn v4_between(first: Ipv4Addr, bits: u32) -> (u32, u32) {
    let first = first.to_bits();
    (first, first | u32::MAX.checked_shr(bits).unwrap_or(0))
}

fn v6_between(first: Ipv6Addr, bits: u32) -> (u128, u128) {
    let first = first.to_bits();
    (first, first | u128::MAX.checked_shr(bits).unwrap_or(0))
}

fn v4(bits: u32) -> IpAddr {
    Ipv4Addr::from_bits(bits).into()
}

fn v6(bits: u128) -> IpAddr {
    Ipv6Addr::from_bits(bits).into()
}

/// The ways to write an IPv4 address as IPv6 that reach the same machine.
fn disguises(bits: u32) -> [IpAddr; 2] {
    let low = u128::from(bits);
    [v6(0xffff << 32 | low), v6(low)]
}

/// Ways through a translating gateway or tunnel.
fn tunnels(bits: u32) -> [IpAddr; 3] {
    let low = u128::from(bits);
    [
        v6(0x64_ff9b << 96 | low),
        v6(0x64_ff9b_0001 << 80 | low),
        v6(0x2002 << 112 | low << 80),
    ]
}

/// Any address of one of the IPv4 ranges.
fn special_v4() -> impl Strategy<Value = u32> {
    let ranges: Vec<_> = SPECIAL_V4.into_iter().chain(METADATA_V4).collect();
    prop::sample::select(ranges).prop_flat_map(|(first, bits, _)| {
        let (first, last) = v4_between(first, bits);
        first..=last
    })
}

#[test]
fn both_ends_of_every_range_are_closed_and_what_lies_beyond_is_judged_by_itself() {
    for (first, bits, name) in SPECIAL_V4 {
        let (first, last) = v4_between(first, bits);
        for ip in [first, last] {
            assert_ne!(reach(v4(ip)), Reach::Public, "{name}: {}", v4(ip));
        }
    }
    for (first, bits, name) in SPECIAL_V6 {
        let (first, last) = v6_between(first, bits);
        for ip in [first, last] {
            assert_ne!(reach(v6(ip)), Reach::Public, "{name}: {}", v6(ip));
        }
    }
}

#[rstest]
// The neighbours of the IPv4 ranges.
#[case("1.0.0.0")]
#[case("9.255.255.255")]
#[case("11.0.0.0")]
#[case("100.63.255.255")]
#[case("100.128.0.0")]
#[case("126.255.255.255")]
#[case("128.0.0.0")]
#[case("169.253.255.255")]
#[case("169.255.0.0")]
#[case("172.15.255.255")]
#[case("172.32.0.0")]
#[case("191.255.255.255")]
#[case("192.0.1.0")]
#[case("192.0.3.0")]
#[case("192.88.98.255")]
#[case("192.88.100.0")]
#[case("192.167.255.255")]
#[case("192.169.0.0")]
#[case("198.17.255.255")]
#[case("198.20.0.0")]
#[case("198.51.99.255")]
#[case("198.51.101.0")]
#[case("203.0.112.255")]
#[case("203.0.114.0")]
#[case("223.255.255.255")]
#[case("168.63.129.15")]
#[case("168.63.129.17")]
// Of IPv6.
#[case("2000::")]
#[case("2001:200::")]
#[case("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff")]
#[case("2001:db9::")]
#[case("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
#[case("2003::")]
#[case("2606:4700:4700::1111")]
#[case("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
#[case("3fff:1000::")]
#[case("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
// IPv4 inside.
#[case("::ffff:8.8.8.8")]
#[case("::8.8.8.8")]
fn public_addresses_are_open(#[case] ip: IpAddr) {
    assert_eq!(reach(ip), Reach::Public);
    assert_eq!(closed().judge_ip("example.com", 443, ip), Ok(()));
}

#[rstest]
#[case("::", "unspecified")]
#[case("::1", "loopback")]
#[case("::2", "this network")]
#[case("::127.0.0.1", "loopback")]
#[case("::ffff:192.168.0.1", "private use")]
#[case("64:ff9b::8.8.8.8", "NAT64")]
#[case("64:ff9b:1::1", "NAT64")]
#[case("100::1", "discard")]
#[case("fc00::1", "unique local")]
#[case("fdff:ffff::1", "unique local")]
#[case("fe80::1", "link-local")]
#[case("febf::1", "link-local")]
#[case("fec0::1", "site-local")]
#[case("ff02::1", "multicast")]
#[case("2001::1", "protocol assignments")]
#[case("2001:1ff:ffff::", "protocol assignments")]
#[case("2002:808:808::1", "6to4")]
#[case("4000::1", "not global unicast")]
#[case("1fff:ffff::1", "not global unicast")]
#[case("5f00::1", "not global unicast")]
#[case("0.0.0.0", "this network")]
#[case("100.127.255.255", "shared by carriers")]
#[case("255.255.255.255", "reserved")]
fn special_addresses_are_named(#[case] ip: IpAddr, #[case] name: &str) {
    let Reach::Special(range) = reach(ip) else {
        panic!("{:?}", reach(ip))
    };
    assert!(range.starts_with(name), "{range}");
}

#[rstest]
#[case("169.254.169.254")]
#[case("169.254.170.2")]
#[case("169.254.170.23")]
#[case("169.254.0.23")]
#[case("168.63.129.16")]
#[case("100.100.100.200")]
#[case("192.0.0.192")]
#[case("fd00:ec2::254")]
#[case("fd00:ec2::23")]
#[case("fd20:ce::254")]
fn metadata_services_stay_closed_whatever_is_opened(#[case] ip: IpAddr) {
    let open = AddressPolicy {
        allow_networks: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
        allow_hosts: vec![pattern("vault.team.internal"), pattern(&ip.to_string())],
        allow_insecure_hosts: vec![pattern("vault.team.internal"), pattern(&ip.to_string())],
        ..AddressPolicy::default()
    };
    let mut forms = vec![ip];
    if let IpAddr::V4(ip) = ip {
        forms.extend(disguises(ip.to_bits()));
        forms.extend(tunnels(ip.to_bits()));
    }
    for ip in forms {
        assert_eq!(reach(ip), Reach::Metadata, "{ip}");
        assert!(
            open.judge_ip("vault.team.internal", 443, ip).is_err(),
            "{ip}"
        );
        let host = if ip.is_ipv6() {
            format!("[{ip}]")
        } else {
            ip.to_string()
        };
        assert!(open.judge_url(&format!("https://{host}/")).is_err(), "{ip}");
    }
}

proptest! {
    #[test]
    fn no_address_of_a_special_v4_range_is_public(bits in special_v4()) {
        for ip in [v4(bits)].into_iter().chain(disguises(bits)) {
            // `::1` and `::` are IPv6's own.
            prop_assert_ne!(reach(ip), Reach::Public, "{}", ip);
            prop_assert!(closed().judge_ip("example.com", 443, ip).is_err());
        }
    }

    #[test]
    fn disguised_addresses_are_judged_as_what_they_embed(bits in 2_u32..) {
        for ip in disguises(bits) {
            prop_assert_eq!(reach(ip), reach(v4(bits)));
        }
    }

    #[test]
    fn no_tunnel_is_public(bits: u32) {
        for ip in tunnels(bits) {
            prop_assert_ne!(reach(ip), Reach::Public, "{}", ip);
        }
    }

    #[test]
    fn no_address_of_a_special_v6_range_is_public(
        (bits, length) in prop::sample::select(SPECIAL_V6.to_vec()).prop_flat_map(|(first, bits, _)| {
            let (first, last) = v6_between(first, bits);
            (first..=last, Just(bits))
        })
    ) {
        prop_assert_ne!(reach(v6(bits)), Reach::Public, "/{}", length);
    }

    #[test]
    fn outside_2000_3_no_v6_address_is_public(bits: u128) {
        let ip = v6(bits);
        prop_assume!(bits >> 125 != 1 && bits >> 32 != 0 && bits >> 32 != 0xffff);
        prop_assert_ne!(reach(ip), Reach::Public, "{}", ip);
    }

    #[test]
    fn an_opened_network_opens_its_addresses_and_no_others(bits in special_v4(), length in 8..=32_u8) {
        let net = ipnet::Ipv4Net::new(Ipv4Addr::from_bits(bits), length).unwrap().trunc();
        let policy = AddressPolicy { allow_networks: vec![net.into()], ..AddressPolicy::default() };
        let metadata = reach(v4(bits)) == Reach::Metadata;
        for ip in [v4(bits)].into_iter().chain(disguises(bits).into_iter().filter(|_| bits > 1)) {
            prop_assert_eq!(policy.judge_ip("hooks.example.com", 443, ip).is_ok(), !metadata);
        }
        let beyond = u32::from(net.broadcast()).wrapping_add(1);
        let open = reach(v4(beyond)) == Reach::Public;
        prop_assert_eq!(policy.judge_ip("hooks.example.com", 443, v4(beyond)).is_ok(), open);
    }
}

#[test]
fn metadata_lists_hold_what_they_say() {
    assert_eq!(METADATA_V4.len() + METADATA_V6.len(), 9);
}
