//! A file that is not whole yet, beside the one that it becomes. Dropped before that, it is gone.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// `x.mp4.part`, while it is written.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    bytes: u64,
    kept: bool,
}

impl Part {
    /// Begins the file that becomes `out`. What a killed process left is overwritten, what another one is
    /// writing is not.
    pub(super) fn create(out: &Path) -> io::Result<Self> {
        let mut path = OsString::from(out);
        path.push(".part");
        let path = PathBuf::from(path);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                let why = format!("{} is being written by another process", path.display());
                io::Error::new(io::ErrorKind::ResourceBusy, why)
            }
            TryLockError::Error(error) => error,
        })?;
        file.set_len(0)?;
        Ok(Self {
            path,
            file: File::from_std(file),
            bytes: 0,
            kept: false,
        })
    }

    /// Appends.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(more);
        Ok(())
    }

    /// How much there is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// It is whole: gives it its name. Without `force` nothing is overwritten.
    pub(super) async fn finish(mut self, out: &Path, force: bool) -> io::Result<u64> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        if force {
            fs::rename(&self.path, out)?;
        } else {
            place(&self.path, out)?;
        }
        self.kept = true;
        Ok(self.bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // There is nobody left to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Renames, unless there is a file of that name. A second link says so without a gap between look and deed;
/// some file systems have none.
fn place(part: &Path, out: &Path) -> io::Result<()> {
    match fs::hard_link(part, out) {
        Ok(()) => fs::remove_file(part),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if out.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(part, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_file_gets_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("x.mp4");
        fs::write(
            folder.path().join("x.mp4.part"),
            "left by a process that was killed",
        )
        .unwrap();
        let mut part = Part::create(&out).unwrap();
        part.write(b"new").await.unwrap();
        assert_eq!(names(folder.path()), ["x.mp4.part"]);
        assert_eq!(part.finish(&out, false).await.unwrap(), 3);
        assert_eq!(names(folder.path()), ["x.mp4"]);
        assert_eq!(fs::read(&out).unwrap(), b"new");
    }

    #[tokio::test]
    async fn only_force_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("x.mp4");
        fs::write(&out, "old").unwrap();
        let part = Part::create(&out).unwrap();
        let error = part.finish(&out, false).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&out).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["x.mp4"]);
        let part = Part::create(&out).unwrap();
        part.finish(&out, true).await.unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"");
    }

    #[tokio::test]
    async fn two_processes_do_not_write_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("x.mp4");
        let first = Part::create(&out).unwrap();
        let error = Part::create(&out).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        drop(first);
        assert!(names(folder.path()).is_empty());
    }
}
