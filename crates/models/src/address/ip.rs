//! IP addresses, by what they are for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whom an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The public internet.
    Public,
    /// A cloud's metadata service, which hands out credentials: nothing opens it.
    Metadata,
    /// A special range, closed unless ops open it; its name and source.
    Special(&'static str),
}

/// A range of addresses: the first, and how many of its bits count.
type Range4 = (Ipv4Addr, u32, &'static str);
type Range6 = (Ipv6Addr, u32, &'static str);

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u32, name: &'static str) -> Range4 {
    (Ipv4Addr::new(a, b, c, d), bits, name)
}

const fn v6(first: [u16; 3], bits: u32, name: &'static str) -> Range6 {
    let [a, b, c] = first;
    (Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits, name)
}

/// The IANA special-purpose registry of IPv4 (RFC 6890 and what was added since), and multicast.
pub(super) const SPECIAL_V4: [Range4; 16] = [
    v4(0, 0, 0, 0, 8, "this network (RFC 791)"),
    v4(10, 0, 0, 0, 8, "private use (RFC 1918)"),
    v4(100, 64, 0, 0, 10, "shared by carriers (RFC 6598)"),
    v4(127, 0, 0, 0, 8, "loopback (RFC 1122)"),
    v4(169, 254, 0, 0, 16, "link-local (RFC 3927)"),
    v4(172, 16, 0, 0, 12, "private use (RFC 1918)"),
    v4(192, 0, 0, 0, 24, "protocol assignments (RFC 6890)"),
    v4(192, 0, 2, 0, 24, "documentation (RFC 5737)"),
    v4(192, 88, 99, 0, 24, "6to4 relays (RFC 7526)"),
    v4(192, 168, 0, 0, 16, "private use (RFC 1918)"),
    v4(198, 18, 0, 0, 15, "benchmarking (RFC 2544)"),
    v4(198, 51, 100, 0, 24, "documentation (RFC 5737)"),
    v4(203, 0, 113, 0, 24, "documentation (RFC 5737)"),
    v4(224, 0, 0, 0, 4, "multicast (RFC 5771)"),
    v4(240, 0, 0, 0, 4, "reserved (RFC 1112)"),
    v4(255, 255, 255, 255, 32, "broadcast (RFC 919)"),
];

/// What is taken out of `2000::/3`, the only range that is global unicast.
pub(super) const SPECIAL_V6: [Range6; 4] = [
    v6([0x2001, 0, 0], 23, "protocol assignments (RFC 2928)"),
    v6([0x2001, 0xdb8, 0], 32, "documentation (RFC 3849)"),
    v6([0x2002, 0, 0], 16, "6to4 (RFC 3056)"),
    v6([0x3fff, 0, 0], 20, "documentation (RFC 9637)"),
];

/// Metadata services: the link-local blocks that clouds use for them (AWS, Google, Azure, Oracle and
/// others at 169.254.169.0/24; AWS containers at 169.254.170.0/24; Tencent), Azure's wire server,
/// Alibaba, Oracle.
pub(super) const METADATA_V4: [Range4; 6] = [
    v4(169, 254, 169, 0, 24, "metadata"),
    v4(169, 254, 170, 0, 24, "metadata"),
    v4(169, 254, 0, 23, 32, "metadata"),
    v4(168, 63, 129, 16, 32, "metadata"),
    v4(100, 100, 100, 200, 32, "metadata"),
    v4(192, 0, 0, 192, 32, "metadata"),
];

/// AWS (instances, containers) and Google.
pub(super) const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Whom the address reaches. IPv4 inside IPv6 (mapped, compatible) is judged as what it embeds.
pub fn reach(ip: IpAddr) -> Reach {
    match canonical(ip) {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

/// IPv4-mapped (`::ffff:a.b.c.d`) and IPv4-compatible (`::a.b.c.d`) addresses as IPv4; the others,
/// `::` and `::1` too, as they are.
pub fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    if v6.is_unspecified() || v6.is_loopback() {
        return ip;
    }
    v6.to_ipv4().map_or(ip, IpAddr::V4)
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    let within = |(first, bits, _): &&Range4| {
        let shift = 32_u32.saturating_sub(*bits);
        (ip.to_bits() ^ first.to_bits())
            .checked_shr(shift)
            .unwrap_or(0)
            == 0
    };
    if METADATA_V4.iter().any(|range| within(&range)) {
        return Reach::Metadata;
    }
    match SPECIAL_V4.iter().find(within) {
        Some((_, _, name)) => Reach::Special(name),
        None => Reach::Public,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    // A gateway that translates would carry these to the IPv4 address inside.
    let inside = embedded(ip);
    if METADATA_V6.contains(&ip) || inside.is_some_and(|v4| reach_v4(v4) == Reach::Metadata) {
        return Reach::Metadata;
    }
    if ip.is_loopback() {
        return Reach::Special("loopback (RFC 4291)");
    }
    if ip.is_unspecified() {
        return Reach::Special("unspecified (RFC 4291)");
    }
    if ip.to_bits() >> 125 != 1 {
        return Reach::Special(other_v6(ip));
    }
    let within = |(first, bits, _): &&Range6| {
        let shift = 128_u32.saturating_sub(*bits);
        (ip.to_bits() ^ first.to_bits())
            .checked_shr(shift)
            .unwrap_or(0)
            == 0
    };
    match SPECIAL_V6.iter().find(within) {
        Some((_, _, name)) => Reach::Special(name),
        None => Reach::Public,
    }
}

/// The IPv4 address inside addresses of NAT64 (RFC 6052, RFC 8215) and `6to4` (RFC 3056).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => {
            Some(pair(high, low))
        }
        [0x2002, high, low, ..] => Some(pair(high, low)),
        _ => None,
    }
}

/// The names of what lies outside `2000::/3`.
fn other_v6(ip: Ipv6Addr) -> &'static str {
    match ip.segments() {
        [0x64, 0xff9b, ..] => "NAT64 (RFC 6052, RFC 8215)",
        [0x100, 0, 0, ..] => "discard (RFC 6666)",
        [0xfc00..=0xfdff, ..] => "unique local (RFC 4193)",
        [0xfe80..=0xfebf, ..] => "link-local (RFC 4291)",
        [0xfec0..=0xfeff, ..] => "site-local (RFC 3879)",
        [0xff00..=0xffff, ..] => "multicast (RFC 4291)",
        _ => "not global unicast (RFC 4291)",
    }
}
