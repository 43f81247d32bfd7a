//! The folder of `evogate dev`: one process at a time, and nobody else reads the keys in it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::cli::Failure;

/// An open folder, locked while this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be and takes it for this process. What the last run wrote for others is
    /// gone then: only a run that is ready says so.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let named = |error: io::Error| {
            Failure::new(format_args!("--data-dir: {}: {error}", path.display()))
        };
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(named)?;
        let path = fs::canonicalize(path).map_err(named)?;
        let lock = private()
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(named)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let shown = path.display();
                return Err(Failure::new(format_args!(
                    "--data-dir: {shown} is in use by another `evogate dev`; end that one, or choose \
                     another folder with --data-dir"
                )));
            }
            Err(TryLockError::Error(error)) => return Err(named(error)),
        }
        let folder = Self { path, _lock: lock };
        match fs::remove_file(folder.env_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(error)),
            _ => Ok(folder),
        }
    }

    /// What tells others how to reach this run.
    pub(super) fn env_file(&self) -> PathBuf {
        self.path.join("dev.env")
    }

    /// The embedded store's file.
    pub(super) fn store_file(&self) -> PathBuf {
        self.path.join("evogate.redb")
    }

    /// The fake EvoLink's memory.
    pub(super) fn sim_file(&self) -> PathBuf {
        self.path.join("evolink-sim.json")
    }

    /// The generated secrets.
    pub(super) fn secrets_file(&self) -> PathBuf {
        self.path.join("dev.toml")
    }

    /// Writes `dev.env` in one step.
    pub(super) fn write_env(&self, text: &str) -> Result<(), Failure> {
        self.replace(&self.env_file(), text)
    }

    /// Puts a file in place whole or not at all, readable by its owner only.
    pub(super) fn replace(&self, file: &Path, text: &str) -> Result<(), Failure> {
        let named = |error: io::Error| Failure::new(format_args!("{}: {error}", file.display()));
        let draft = self.path.join("draft");
        let mut out = private()
            .create(true)
            .truncate(true)
            .open(&draft)
            .map_err(named)?;
        out.write_all(text.as_bytes()).map_err(named)?;
        out.sync_all().map_err(named)?;
        fs::rename(&draft, file).map_err(named)
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_made_and_belongs_to_its_owner() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = Folder::open(&path).unwrap();
        folder.write_env("A=b\n").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&folder.env_file()), 0o600);
        assert_eq!(fs::read_to_string(folder.env_file()).unwrap(), "A=b\n");
    }

    #[test]
    fn a_folder_is_for_one_process_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        let failure = Folder::open(parent.path()).unwrap_err();
        assert!(failure.message.contains("in use"), "{}", failure.message);
        drop(folder);
        Folder::open(parent.path()).unwrap();
    }

    #[test]
    fn what_the_last_run_told_others_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        folder.write_env("A=b\n").unwrap();
        drop(folder);
        let folder = Folder::open(parent.path()).unwrap();
        assert!(!folder.env_file().exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_names_the_flag() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = Folder::open(&file.path().join("x")).unwrap_err();
        assert!(
            failure.message.contains("--data-dir"),
            "{}",
            failure.message
        );
        assert_eq!(failure.code, 1);
    }
}
