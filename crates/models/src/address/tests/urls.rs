//! URLs in all their spellings.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

#[rstest]
#[case("https://hooks.example.com", "hooks.example.com", 443)]
#[case("https://hooks.example.com./x", "hooks.example.com", 443)]
#[case("HTTPS://Hooks.Example.Com:8443/x?y=z#f", "hooks.example.com", 8443)]
#[case("https://bücher.example.com/ü", "xn--bcher-kva.example.com", 443)]
#[case("https://93.184.215.14/", "93.184.215.14", 443)]
#[case("https://[2606:4700:4700::1111]/", "2606:4700:4700::1111", 443)]
#[case("https://example.com/@user", "example.com", 443)]
#[case("https://my_host.example.com/", "my_host.example.com", 443)]
fn a_public_https_url_is_taken(#[case] url: &str, #[case] host: &str, #[case] port: u16) {
    let target = closed().judge_url(url).unwrap();
    assert_eq!((target.host.as_str(), target.port), (host, port));
}

/// Every spelling of a place that is not public: for webhooks and for media alike.
#[rstest]
#[case::loopback("//127.0.0.1/", "loopback")]
#[case::other_loopback("//127.255.255.254/", "loopback")]
#[case::short("//127.1/", "loopback")]
#[case::shorter("//127.0.1/", "loopback")]
#[case::decimal("//2130706433/", "loopback")]
#[case::hex("//0x7f.1/", "loopback")]
#[case::long_hex("//0x7f000001/", "loopback")]
#[case::octal("//0177.0.0.1/", "loopback")]
#[case::mixed("//0x7f.0.0.01/", "loopback")]
#[case::trailing_dot("//127.0.0.1./", "loopback")]
#[case::encoded("//%31%32%37.0.0.1/", "loopback")]
#[case::zero("//0/", "this network")]
#[case::zeros("//0.0.0.0/", "this network")]
#[case::ten("//10.0.0.1/", "private use")]
#[case::ten_short("//10.1/", "private use")]
#[case::ten_decimal("//167772161/", "private use")]
#[case::home("//192.168.1.1/", "private use")]
#[case::docker("//172.17.0.1/", "private use")]
#[case::carrier("//100.64.0.1/", "shared by carriers")]
#[case::link_local("//169.254.1.1/", "link-local")]
#[case::broadcast("//255.255.255.255/", "reserved")]
#[case::multicast("//224.0.0.1/", "multicast")]
#[case::documentation("//192.0.2.1/", "documentation")]
#[case::v6_loopback("//[::1]/", "loopback")]
#[case::v6_loopback_long("//[0:0:0:0:0:0:0:1]/", "loopback")]
#[case::v6_unspecified("//[::]/", "unspecified")]
#[case::mapped("//[::ffff:7f00:1]/", "loopback")]
#[case::mapped_dotted("//[::ffff:127.0.0.1]/", "loopback")]
#[case::compatible("//[::127.0.0.1]/", "loopback")]
#[case::nat64("//[64:ff9b::127.0.0.1]/", "NAT64")]
#[case::six_to_four("//[2002:7f00:1::]/", "6to4")]
#[case::unique_local("//[fd00::1]/", "unique local")]
#[case::v6_link_local("//[fe80::1]/", "link-local")]
#[case::localhost("//localhost/", "not public")]
#[case::localhost_dot("//localhost./", "not public")]
#[case::localhost_case("//LocalHost/", "not public")]
#[case::localhost_encoded("//%6cocalhost/", "not public")]
#[case::below_localhost("//a.localhost/", "not public")]
#[case::local("//printer.local/", "not public")]
#[case::localdomain("//localhost.localdomain/", "not public")]
#[case::internal("//api.internal/", "not public")]
#[case::internal_dot("//api.internal./", "not public")]
#[case::home_arpa("//nas.home.arpa/", "not public")]
#[case::lan("//nas.lan/", "not public")]
#[case::corp("//wiki.corp/", "not public")]
#[case::cluster("//redis.prod.svc.cluster.local/", "not public")]
#[case::service("//redis.prod.svc/", "not public")]
#[case::single("//redis/", "single word")]
#[case::single_dot("//redis./", "single word")]
#[case::two_dots("//example..com/", "empty label")]
#[case::last_two_dots("//example.com../", "empty label")]
#[case::metadata("//169.254.169.254/latest/meta-data/", "metadata service")]
#[case::metadata_decimal("//2852039166/", "metadata service")]
#[case::metadata_mapped("//[::ffff:169.254.169.254]/", "metadata service")]
#[case::metadata_v6("//[fd00:ec2::254]/", "metadata service")]
#[case::azure("//168.63.129.16/", "metadata service")]
#[case::alibaba("//100.100.100.200/", "metadata service")]
#[case::google("//metadata.google.internal/", "metadata service")]
#[case::google_dot("//Metadata.Google.Internal./", "metadata service")]
#[case::google_short("//metadata/", "metadata service")]
#[case::tencent("//metadata.tencentyun.com/", "metadata service")]
#[case::user("//user@example.com/", "user name")]
#[case::password("//user:pw@example.com/", "user name")]
#[case::empty_user("//@example.com/", "user name")]
#[case::empty_both("//:@example.com/", "user name")]
#[case::disguised("//example.com@127.0.0.1/", "user name")]
#[case::no_host("///path", "no host")]
#[case::no_host_at_all("//", "not a valid URL")]
#[case::question("//?x", "not a valid URL")]
#[case::bad_v4("//1.2.3.256/", "not a valid URL")]
#[case::bad_v6("//[::1/", "not a valid URL")]
#[case::bad_port("//example.com:99999/", "not a valid URL")]
#[case::space("//example.com/a b", "spaces")]
#[case::tab("//exa\tmple.com/", "spaces")]
#[case::newline("//127.0.0.1\n.example.com/", "spaces")]
#[case::nul("//example.com/\0", "spaces")]
#[case::trailing_space("//example.com/ ", "spaces")]
#[case::backslash("//example.com\\@127.0.0.1/", "backslash")]
#[case::backslashes("\\\\127.0.0.1\\x", "backslash")]
#[case::no_slashes("example.com/", "must begin with")]
#[case::one_slash("/example.com/", "must begin with")]
fn what_is_not_public_is_refused_in_every_spelling(#[case] rest: &str, #[case] told: &str) {
    let url = format!("https:{rest}");
    let webhook = refused(&closed(), &url);
    assert!(webhook.contains(told), "{webhook}");
    for scheme in ["http", "https", "HTTPS"] {
        let media = judge_media_url(&format!("{scheme}:{rest}"))
            .unwrap_err()
            .to_string();
        assert!(media.contains(told), "{media}");
    }
}

/// Digits and dots that Unicode folds into plain ones.
#[rstest]
#[case("①②⑦.0.0.1", "loopback")]
#[case("127。0。0。1", "loopback")]
#[case("\u{ff11}\u{ff12}\u{ff17}.0.0.1", "loopback")]
#[case("ⓛocalhost", "not public")]
#[case("\u{ff4c}ocalhost", "not public")]
#[case("met\u{ad}adata.google.internal", "metadata service")]
fn folded_hosts_are_judged_as_what_they_become(#[case] host: &str, #[case] told: &str) {
    let webhook = refused(&closed(), &format!("https://{host}/"));
    assert!(webhook.contains(told), "{webhook}");
    let media = judge_media_url(&format!("https://{host}/"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        media,
        "it contains characters that are not ASCII; percent-encode them"
    );
}

#[rstest]
#[case(
    "https://example.com:80/",
    "the port 80 is not allowed; use 443 or 8443"
)]
#[case(
    "https://example.com:22/",
    "the port 22 is not allowed; use 443 or 8443"
)]
#[case("https://example.com:0/", "the port 0 is not allowed; use 443 or 8443")]
#[case("http://example.com/", "it must begin with https://")]
#[case("ftp://example.com/", "it must begin with https://")]
#[case("javascript:alert(1)", "it must begin with https://")]
#[case("", "it must begin with https://")]
fn webhooks_use_https_on_its_usual_ports(#[case] url: &str, #[case] told: &str) {
    assert_eq!(refused(&closed(), url), told);
}

#[test]
fn a_url_has_at_most_2048_characters() {
    let url = |length: usize| format!("https://example.com/{}", "ü".repeat(length - 20));
    closed().judge_url(&url(2048)).unwrap();
    assert_eq!(
        refused(&closed(), &url(2049)),
        "a URL may have at most 2048 characters"
    );
}

#[rstest]
#[case("https://example.com/a.png")]
#[case("http://example.com:8080/a.png")]
#[case("https://cdn.example.com/a%20b.png?sig=%2B%2F&x=1#top")]
#[case("http://93.184.215.14/a.png")]
#[case("https://example.com/~user/C:/a.png")]
#[case("https://example.com/localhost/127.0.0.1")]
fn public_media_urls_are_taken(#[case] url: &str) {
    judge_media_url(url).unwrap();
}

#[rstest]
#[case("", "it is empty")]
#[case("  ", "it is empty")]
#[case("cat.png", "it must begin with http:// or https://")]
#[case("example.com/cat.png", "it must begin with http:// or https://")]
#[case("//example.com/cat.png", "it must begin with http:// or https://")]
#[case("ftp://example.com/cat.png", "it must begin with http:// or https://")]
#[case("s3://bucket/cat.png", "it must begin with http:// or https://")]
#[case("blob:https://example.com/1", "it must begin with http:// or https://")]
#[case(
    "https://example.com/my cat.png",
    "it must not contain spaces or control characters; percent-encode them"
)]
#[case(
    " https://example.com/cat.png",
    "it must not contain spaces or control characters; percent-encode them"
)]
#[case(
    "https://example.com/кот.png",
    "it contains characters that are not ASCII; percent-encode them"
)]
#[case(
    "data:image/png;base64,AAAA",
    "data: URLs are not taken; upload the file and give its http(s) URL"
)]
#[case(
    "DATA:image/png;base64,AAAA",
    "data: URLs are not taken; upload the file and give its http(s) URL"
)]
#[case(
    "/home/me/cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
#[case(
    "./cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
#[case(
    "../cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
#[case(
    "~/cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
#[case(
    r"C:\Users\me\cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
#[case(
    "c:/Users/me/cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
#[case(
    r"\\server\share\cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
#[case(
    "file:///home/me/cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
#[case(
    "File:/home/me/cat.png",
    "a local file can't be reached; upload it and give its http(s) URL"
)]
fn what_people_paste_instead_of_a_media_url_is_named(#[case] url: &str, #[case] told: &str) {
    assert_eq!(judge_media_url(url).unwrap_err().to_string(), told);
}

#[test]
fn a_refusal_shows_the_host_and_what_it_is() {
    let policy = closed();
    assert_eq!(
        refused(&policy, "https://2130706433/"),
        "the host 127.0.0.1 is not a public address: loopback (RFC 1122)"
    );
    let resolved = policy.judge_ip("hooks.example.com", 443, "10.0.0.1".parse().unwrap());
    assert_eq!(
        resolved.unwrap_err().to_string(),
        "the host hooks.example.com is 10.0.0.1, which is not a public address: private use (RFC 1918)"
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String, host in "[a-z0-9.:@%\\[\\]-]{0,40}") {
        let _ = closed().judge_url(&text);
        let _ = judge_media_url(&text);
        let _ = closed().judge_url(&format!("https://{host}/"));
        let _ = judge_media_url(&format!("http://{host}"));
        let _ = text.parse::<HostPattern>();
        let _ = host.parse::<HostPattern>();
    }

    /// What is taken never has an address that is not public, whatever the spelling.
    #[test]
    fn no_spelling_of_a_number_slips_through(bits: u32, style in 0..6_u8) {
        let [a, b, c, d] = bits.to_be_bytes();
        let host = match style {
            0 => format!("{a}.{b}.{c}.{d}"),
            1 => format!("{bits}"),
            2 => format!("0x{bits:x}"),
            3 => format!("0{bits:o}"),
            4 => format!("{a}.{}", bits & 0xff_ffff),
            _ => format!("0x{a:x}.0{b:o}.{}", bits & 0xffff),
        };
        let ip = IpAddr::from(bits.to_be_bytes());
        let public = reach(ip) == Reach::Public;
        prop_assert_eq!(judge_media_url(&format!("http://{host}/")).is_ok(), public, "{}", host);
        prop_assert_eq!(closed().judge_url(&format!("https://{host}/")).is_ok(), public, "{}", host);
    }
}
