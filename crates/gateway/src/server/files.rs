//! How many files this process may have open: each connection is one, and so is each to EvoLink, to the store
//! and to receivers of webhooks. A listener that took more connections than that would fail at all of them.

use std::fs;

/// What is needed beside connections of clients and of ours for them.
const REST: u32 = 256;

/// Connections that one listener may take of `wanted`: for each, one more on our side has to be possible.
pub(crate) fn connections(wanted: u32) -> u32 {
    // Only Linux tells it like this; elsewhere the settings are believed.
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(files) = open_files(&limits) else {
        return wanted;
    };
    let most = files.saturating_sub(REST) / 2;
    if most >= wanted {
        return wanted;
    }
    tracing::warn!(
        files,
        max_connections = most.max(1),
        "server.max_connections is {wanted}, but this process may not open so many files: fewer connections \
         are taken; raise its limit (LimitNOFILE, ulimit -n)"
    );
    most.max(1)
}

/// The soft limit in Linux's table of a process's limits.
fn open_files(limits: &str) -> Option<u32> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => None,
        number => number
            .parse::<u64>()
            .ok()
            .map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first_number() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
             Max processes             47826                47826                processes \n\
             Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files(&limits.replace("1024  ", "unlimited")), None);
        assert_eq!(open_files(""), None);
    }
}
