//! Host names, judged by their text.

use super::Refused;

/// The last labels of names that mean something else, or nothing, outside a network.
const PRIVATE_SUFFIXES: [(&str, &str); 16] = [
    ("localhost", "it is the machine itself (RFC 6761)"),
    ("local", "it is a name of the local network (RFC 6762)"),
    ("localdomain", "it is a name of the local network"),
    ("home.arpa", "it is a name of the local network (RFC 8375)"),
    ("internal", "it is a private name (ICANN's .internal)"),
    ("intranet", "it is a private name"),
    ("private", "it is a private name"),
    ("corp", "it is a private name"),
    ("home", "it is a private name"),
    ("lan", "it is a private name"),
    ("svc", "it is a cluster's private name"),
    ("kubernetes", "it is a cluster's private name"),
    ("in-addr.arpa", "it is no host"),
    ("ip6.arpa", "it is no host"),
    ("invalid", "it is reserved (RFC 6761)"),
    ("onion", "it is not on the public internet (RFC 7686)"),
];

/// Names of clouds' metadata services (Google, AWS, Tencent, Azure, Equinix).
const METADATA: [&str; 8] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
    "metadata.azure.internal",
    "metadata.platformequinix.com",
];

/// Lower case, without the dot of a fully qualified name.
pub(super) fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Judges a name in normal form. `opened`: ops named it, so it may be private.
pub(super) fn judge(name: &str, opened: bool) -> Result<(), Refused> {
    let refused = |why| {
        Err(Refused::Name {
            host: name.to_owned(),
            why,
        })
    };
    if METADATA.iter().any(|metadata| under(name, metadata)) {
        return Err(Refused::Metadata(name.to_owned()));
    }
    if name.split('.').any(str::is_empty) {
        return refused("it has an empty label");
    }
    if opened {
        return Ok(());
    }
    if let Some((_, why)) = PRIVATE_SUFFIXES
        .iter()
        .find(|(suffix, _)| under(name, suffix))
    {
        return refused(why);
    }
    if !name.contains('.') {
        return refused("it is a single word, which only a private network can resolve");
    }
    Ok(())
}

/// The name itself or one below it.
pub(super) fn under(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
