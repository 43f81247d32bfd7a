//! Redis URLs: what each form means, and what is said about wrong ones.

use super::*;

fn url(text: &str) -> RedisUrl {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> RedisUrlError {
    match text.parse::<RedisUrl>() {
        Ok(url) => panic!("{text} is read as {url}"),
        Err(error) => error,
    }
}

fn at(host: &str, port: u16) -> Address {
    Address {
        host: host.to_owned(),
        port,
    }
}

#[test]
fn one_server_is_read_with_its_defaults() {
    let url = url("redis://cache");
    assert_eq!(url.place, Place::Server(at("cache", 6379)));
    assert!(!url.encrypted);
    assert_eq!(url.database, 0);
    assert_eq!(url.login, Login::default());
}

#[test]
fn one_server_is_read_with_everything() {
    let url = url("rediss://evogate:p%40ss@[::1]:7000/3?ca=/etc/ca.pem&cert=/c.pem&key=/k.pem");
    assert_eq!(url.place, Place::Server(at("::1", 7000)));
    assert!(url.encrypted);
    assert_eq!(url.login.user.as_deref(), Some("evogate"));
    assert_eq!(url.login.password.as_deref(), Some("p@ss"));
    assert_eq!(url.database, 3);
    assert_eq!(url.files.ca, Some("/etc/ca.pem".into()));
    assert_eq!(url.files.certificate, Some("/c.pem".into()));
    assert_eq!(url.files.key, Some("/k.pem".into()));
}

#[test]
fn a_password_with_a_bare_slash_is_read_as_it_was_meant() {
    let url = url("redis://:ab/c+d=@cache:1/2");
    assert_eq!(url.login.user, None);
    assert_eq!(url.login.password.as_deref(), Some("ab/c+d="));
    assert_eq!(url.place, Place::Server(at("cache", 1)));
    assert_eq!(url.database, 2);
}

#[test]
fn a_socket_is_read_in_every_spelling() {
    for text in [
        "unix:///run/r.sock",
        "unix:/run/r.sock",
        "redis+unix:///run/r.sock",
    ] {
        assert_eq!(url(text).place, Place::Socket("/run/r.sock".into()));
    }
    let url = url("redis+unix://u:p@/run/r@1.sock?db=2");
    assert_eq!(url.place, Place::Socket("/run/r@1.sock".into()));
    assert_eq!(url.login.user.as_deref(), Some("u"));
    assert_eq!(url.database, 2);
}

#[test]
fn sentinels_are_read_with_the_name_of_the_primary() {
    let url = url("redis+sentinel://u:p@a,b:1/main/4?sentinel_password=s");
    let Place::Sentinel { sentinels, primary } = &url.place else {
        panic!("{url}");
    };
    assert_eq!(sentinels, &[at("a", 26379), at("b", 1)]);
    assert_eq!(primary, "main");
    assert_eq!(url.database, 4);
    assert_eq!(url.sentinel_login.password.as_deref(), Some("s"));
    assert!(
        "rediss+sentinel://a/main"
            .parse()
            .is_ok_and(|url: RedisUrl| url.encrypted)
    );
}

#[test]
fn a_cluster_is_read_with_its_first_servers() {
    let url = url("redis+cluster://a:7000,b:7001/");
    assert_eq!(
        url.place,
        Place::Cluster(vec![at("a", 7000), at("b", 7001)])
    );
}

#[test]
fn wrong_urls_are_refused_with_the_reason() {
    use RedisUrlError as E;
    for (text, error) in [
        ("", E::Scheme),
        ("cache:6379", E::Scheme),
        ("http://cache", E::Scheme),
        ("redis:cache", E::Slashes),
        ("redis://", E::NoHost),
        ("redis://:6379", E::NoHost),
        ("redis://a b", E::Host),
        ("redis://a:0", E::Port),
        ("redis://a:70000", E::Port),
        ("redis://a:x", E::Port),
        ("redis://a,b", E::SeveralHosts),
        ("redis://a/x", E::Database),
        ("redis://a/-1", E::Database),
        ("redis://secret@a", E::NoPassword),
        ("redis://u:@a", E::NoPassword),
        ("redis://u:%zz@a", E::Encoding),
        ("redis://u:p#q@a", E::Fragment),
        ("redis://u:p?q@a", E::Port),
        ("redis://a?ca=/x", E::NotEncrypted),
        ("rediss://a?cert=/x", E::HalfCertificate),
        ("unix://", E::NoSocket),
        ("unix://r.sock", E::NoSocket),
        ("redis+sentinel://a", E::NoPrimary),
        ("redis+sentinel://a/main/x", E::Database),
        ("redis+sentinel://a/m?sentinel_user=u", E::NoPassword),
        ("redis+cluster://a/1", E::ClusterDatabase),
    ] {
        assert_eq!(refused(text), error, "{text}");
    }
    let parameter = refused("redis://a?timeout=3").to_string();
    assert!(parameter.contains("ca, cert, key"), "{parameter}");
}

#[test]
fn no_print_and_no_reason_shows_a_password() {
    for text in [
        "redis://u:hunter2@a",
        "rediss://:hunter2@a",
        "redis+unix://u:hunter2@/r.sock",
        "redis+sentinel://u:hunter2@a/main?sentinel_user=x&sentinel_password=hunter2",
        "redis+cluster://u:hunter2@a,b",
    ] {
        let url = url(text);
        assert!(!format!("{url} {url:?} {:#?}", url.clone()).contains("hunter2"));
    }
    for text in [
        "redis://hunter2@a",
        "redis://u:hunter2@a:x",
        "redis://u:hunter2@",
        "redis://u:hunter2?@a",
        "redis://u:1234?hunter2@a",
        "redis+sentinel://u:hunter2@a",
    ] {
        let error = refused(text);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
    }
}

#[test]
fn a_password_that_travels_as_it_is_is_told() {
    for (text, bare) in [
        ("redis://:p@10.0.0.1", true),
        ("redis+sentinel://:p@localhost,redis-1/main", true),
        ("redis+sentinel://10.0.0.1/main?sentinel_password=p", true),
        ("rediss://:p@10.0.0.1", false),
        ("redis://10.0.0.1", false),
        ("redis://:p@127.0.0.1", false),
        ("redis+cluster://:p@localhost,[::1]", false),
        ("redis+unix://u:p@/r.sock", false),
    ] {
        assert_eq!(url(text).bares_password(), bare, "{text}");
    }
}

#[test]
fn files_of_the_settings_are_used_where_the_url_names_none() {
    let files = TlsFiles {
        ca: Some("/ca".into()),
        certificate: Some("/cert".into()),
        key: Some("/key".into()),
    };
    let url = url("rediss://a?ca=/own").with_files(files);
    assert_eq!(url.files.ca, Some("/own".into()));
    assert_eq!(url.files.certificate, Some("/cert".into()));
}
