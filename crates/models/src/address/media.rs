//! URLs of reference media in a generation request. EvoLink fetches them, we never do, so the text is
//! all there is to judge.

use super::{Reach, Refused, host, literal, parse, reach};

/// Judges an entry of `image_urls` and the like: EvoLink must be able to fetch it from the public
/// internet, as written.
pub fn judge_media_url(text: &str) -> Result<(), Refused> {
    if text.trim().is_empty() {
        return Err(Refused::NotOnTheNet("it is empty"));
    }
    if let Some(why) = not_on_the_net(text) {
        return Err(Refused::NotOnTheNet(why));
    }
    if !text.is_ascii() {
        let why = "it contains characters that are not ASCII; percent-encode them";
        return Err(Refused::Characters(why));
    }
    let target = parse(text, "http:// or https://")?;
    match literal(&target.url) {
        None => host::judge(&target.host, false),
        Some(ip) => match reach(ip) {
            Reach::Public => Ok(()),
            Reach::Metadata => Err(Refused::Metadata(target.host)),
            Reach::Special(range) => Err(Refused::Address {
                host: target.host,
                ip,
                range,
            }),
        },
    }
}

/// What people paste instead of a URL.
fn not_on_the_net(text: &str) -> Option<&'static str> {
    let start = text.trim_start();
    let begins = |prefix: &str| {
        start
            .get(..prefix.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    if begins("data:") {
        return Some("data: URLs are not taken; upload the file and give its http(s) URL");
    }
    let drive = matches!(start.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let path = ["/", "./", "../", "~", "\\"]
        .iter()
        .any(|prefix| start.starts_with(prefix));
    if begins("file:") || drive || (path && !start.starts_with("//")) {
        return Some("a local file can't be reached; upload it and give its http(s) URL");
    }
    None
}
