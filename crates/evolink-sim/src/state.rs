//! The state file: what lets a simulator go on where it was after a restart.
//!
//! One JSON record a line. A change is appended before it is answered, so that a process that is killed loses
//! nothing that it has promised; at the start, at the end and when the file has grown it is rewritten whole, to a
//! temporary file that then takes its place. There is no fsync: a machine that loses power may lose some seconds.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::files::StoredFile;
use crate::money::Micro;
use crate::task::Task;
use crate::totals::Totals;

/// So many lines more than needed are tolerated before the file is rewritten.
const SLACK: usize = 10_000;

/// One line. A later record about the same thing replaces an earlier one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record<'a> {
    Task(Cow<'a, Task>),
    /// What the tasks that are no longer remembered have added to the sums.
    Past(Totals),
    /// A grant made by a test, which outweighs the configured one.
    Granted(Micro),
    /// How far the clock is ahead of the wall clock.
    Ahead(Millis),
    File(Cow<'a, StoredFile>),
    FileGone(Cow<'a, str>),
}

#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    lines: usize,
}

impl StateFile {
    /// Opens or creates the file and reads what it holds.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<Record<'static>>)> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let records = match fs::read_to_string(path) {
            Ok(text) => parse(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let open = Open {
            file: append_to(path)?,
            lines: records.len(),
        };
        let state = Self {
            path: path.to_owned(),
            open: Mutex::new(open),
        };
        Ok((state, records))
    }

    /// Where the contents of uploaded files are.
    pub(crate) fn content_folder(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".files");
        name.into()
    }

    /// Adds a record. A fake that cannot write goes on without.
    pub(crate) fn append(&self, record: &Record<'_>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let written = line(record).and_then(|line| open.file.write_all(&line));
        open.lines = open.lines.saturating_add(1);
        if let Err(error) = written {
            tracing::error!(%error, path = %self.path.display(), "the state file cannot be written");
        }
    }

    /// Whether the file holds much more than so many records that still mean something.
    pub(crate) fn has_outgrown(&self, needed: usize) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.lines > needed.saturating_mul(2).saturating_add(SLACK)
    }

    /// Writes the file anew with these records alone. Who calls this must keep others from appending.
    pub(crate) fn rewrite<'a>(&self, records: impl Iterator<Item = Record<'a>>) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = self.path.with_extension("tmp");
        let mut writer = BufWriter::new(File::create(&temporary)?);
        let mut lines = 0;
        for record in records {
            writer.write_all(&line(&record)?)?;
            lines += 1;
        }
        writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        fs::rename(&temporary, &self.path)?;
        *open = Open {
            file: append_to(&self.path)?,
            lines,
        };
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn line(record: &Record<'_>) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

/// A last line without its end was being written when the process was killed, and was promised to nobody.
fn parse(text: &str) -> io::Result<Vec<Record<'static>>> {
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).map_err(io::Error::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Record, StateFile};

    #[test]
    fn a_line_that_was_cut_by_a_kill_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        std::fs::write(&path, "{\"ahead\":5}\n{\"ahe").unwrap();
        let (_, records) = StateFile::open(&path).unwrap();
        assert!(matches!(records.as_slice(), [Record::Ahead(5)]));
    }

    #[test]
    fn a_rewritten_file_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (state, _) = StateFile::open(&path).unwrap();
        state.append(&Record::Ahead(1));
        state.rewrite([Record::Ahead(2)].into_iter()).unwrap();
        state.append(&Record::Ahead(3));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"ahead\":2}\n{\"ahead\":3}\n");
    }
}
