//! The disk under the embedded store: may its folder be written to, and is there room?

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use super::Finding;
use crate::config::{Config, StoreUrl};

const CHECK: &str = "disk";
/// Below this little room is a warning, in bytes: weeks of tasks.
const LITTLE: u64 = 1 << 30;
/// Below this it is bad: nothing is taken any more when it is used up.
const LEAST: u64 = 100 << 20;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let StoreUrl::Embedded(path) = &config.store.url else {
        let found = "with Redis a gateway writes nothing to its own disk";
        return vec![Finding::off(CHECK, found)];
    };
    let path = path.clone();
    let looked = tokio::task::spawn_blocking(move || look(&path)).await;
    let failed = |error: &dyn std::fmt::Display| {
        Finding::bad(
            CHECK,
            error.to_string(),
            "report this: it is a fault of evogate's",
        )
    };
    vec![looked.unwrap_or_else(|error| failed(&error))]
}

fn look(file: &Path) -> Finding {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let shown = folder.display();
    if !folder.is_dir() {
        let to_do = "make the folder, owned by the user that evogate runs as";
        return Finding::bad(CHECK, format!("{shown} is no folder"), to_do);
    }
    let must_be_writable = if file.exists() {
        file
    } else {
        folder.as_path()
    };
    if access(must_be_writable, Access::READ_OK | Access::WRITE_OK).is_err() {
        let found = format!(
            "{} can't be written to by this user",
            must_be_writable.display()
        );
        return Finding::bad(CHECK, found, "let the user that evogate runs as own it");
    }
    match statvfs(&folder) {
        Ok(room) => judge(
            room.f_bavail.saturating_mul(room.f_frsize),
            &shown.to_string(),
        ),
        Err(error) => Finding::warning(
            CHECK,
            format!("{shown}: {error}"),
            "see what is wrong with the disk",
        ),
    }
}

fn judge(free: u64, folder: &str) -> Finding {
    let found = format!("{} MiB are free in {folder}", free >> 20);
    let to_do = "make room: when the disk is full, every submit is answered with 503";
    match free {
        ..LEAST => Finding::bad(CHECK, found, to_do),
        LEAST..LITTLE => Finding::warning(CHECK, found, to_do),
        LITTLE.. => Finding::ok(CHECK, found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn room_is_judged_by_how_long_it_lasts() {
        for (free, status) in [
            (LEAST - 1, Status::Bad),
            (LEAST, Status::Warning),
            (LITTLE, Status::Ok),
        ] {
            assert_eq!(judge(free, "/var").status, status, "{free}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_bad() {
        let folder = tempfile::tempdir().unwrap();
        let found = look(&folder.path().join("none/evogate.redb"));
        assert_eq!(found.status, Status::Bad);
        assert!(found.to_do.unwrap().starts_with("make the folder"));
        assert_ne!(
            look(&folder.path().join("evogate.redb")).status,
            Status::Bad
        );
    }
}
