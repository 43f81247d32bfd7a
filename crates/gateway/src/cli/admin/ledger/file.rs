//! The books on their way to a file and from one. Both ways every line is read as the import does it: a file
//! that was written is whole, and one that is not is never sent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use evogate_store::ledger::Counts;
use evogate_store::ledger::read::{Fault, Reader};
use futures::StreamExt as _;
use indicatif::ProgressBar;
use reqwest::Body;
use serde::{Deserialize, Serialize};
use tokio_util::io::ReaderStream;

use super::super::Session;
use super::super::screen::{Screen, remark};
use super::super::table::Table;
use crate::cli::remote::Problem;

/// How often somebody at a terminal is told.
const TOLD_AFTER: u64 = 1_000;

/// Saves what the gateway exports.
pub(super) async fn export(session: &Session, out: &Path) -> Result<(), Problem> {
    let stdout = out == Path::new("-");
    if stdout && io::stdout().is_terminal() {
        return Err(Problem::usage("say where to: --out FILE"));
    }
    let part = Part::new(out, stdout);
    let saved = save(session, &part).await;
    let counts = match saved {
        Ok(counts) => counts,
        Err(problem) => {
            part.remove();
            return Err(problem);
        }
    };
    part.keep()?;
    if stdout {
        remark(&format!(
            "{} tenants, {} tasks, {} entries",
            counts.tenants, counts.tasks, counts.entries
        ));
        return Ok(());
    }
    if session.screen.json {
        return session.screen.print_joined(&Exported {
            file: out.display().to_string(),
            counts,
        });
    }
    session
        .screen
        .say(&shown(&Summary::of(counts), &session.screen));
    Ok(())
}

async fn save(session: &Session, part: &Part) -> Result<Counts, Problem> {
    let mut response = session.api.open("/ledger/export").await?;
    let mut file = part.open()?;
    let mut reader = Reader::default();
    let bar = ProgressBar::new_spinner();
    let mut rest: Vec<u8> = Vec::new();
    while let Some(piece) = session.api.piece(&mut response).await? {
        file.write_all(&piece)
            .map_err(|error| part.failed(&error))?;
        let mut lines = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            rest.extend_from_slice(line);
            if lines.peek().is_some() {
                reader.line(&rest).map_err(|fault| broken(&fault))?;
                rest.clear();
                tell(&bar, reader.counts());
            }
        }
    }
    reader.end().map_err(|fault| broken(&fault))?;
    bar.finish_and_clear();
    file.flush().map_err(|error| part.failed(&error))?;
    Ok(reader.counts())
}

/// Sends a file that is whole.
pub(super) async fn import(session: &Session, path: &Path) -> Result<(), Problem> {
    let failed = |error: io::Error| unreadable(path, &error);
    let bytes = fs::metadata(path).map_err(failed)?.len();
    check(path)?;
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let bar = ProgressBar::new(bytes);
    let seen = bar.clone();
    let pieces = ReaderStream::new(file).inspect(move |piece| {
        let read = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        seen.inc(read);
    });
    let answer = session
        .api
        .send("/ledger/import", Body::wrap_stream(pieces))
        .await;
    bar.finish_and_clear();
    session.screen.print(&answer?, shown)
}

/// Reads the file as the import will.
fn check(path: &Path) -> Result<(), Problem> {
    let failed = |error: io::Error| unreadable(path, &error);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut reader = Reader::default();
    let bar = ProgressBar::new_spinner();
    let mut line = Vec::new();
    let refused = |fault: Fault| {
        let why = format_args!("{}: {fault}; nothing was sent", path.display());
        Problem::new("invalid_ledger", why)
    };
    while file.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        if !line.trim_ascii().is_empty() {
            reader.line(line.trim_ascii()).map_err(refused)?;
        }
        line.clear();
        tell(&bar, reader.counts());
    }
    bar.finish_and_clear();
    reader.end().map_err(refused)
}

fn tell(bar: &ProgressBar, counts: Counts) {
    if counts.lines.is_multiple_of(TOLD_AFTER) {
        bar.set_message(format!(
            "{} tenants, {} lines",
            counts.tenants, counts.lines
        ));
        bar.tick();
    }
}

fn broken(fault: &Fault) -> Problem {
    Problem::new(
        "export_broken",
        format_args!("the export is not whole: {fault}"),
    )
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new("not_read", format_args!("{}: {error}", path.display()))
}

/// What was exported, for scripts.
#[derive(Serialize)]
struct Exported {
    file: String,
    #[serde(flatten)]
    counts: Counts,
}

/// What people are told.
#[derive(Debug, Deserialize)]
struct Summary {
    tenants: u64,
    keys: u64,
    endpoints: u64,
    tasks: u64,
    entries: u64,
    admins: u64,
}

impl Summary {
    const fn of(counts: Counts) -> Self {
        Self {
            tenants: counts.tenants,
            keys: counts.keys,
            endpoints: counts.endpoints,
            tasks: counts.tasks,
            entries: counts.entries,
            admins: counts.admins,
        }
    }
}

fn shown(summary: &Summary, screen: &Screen) -> String {
    let mut table = Table::pairs();
    table.pair("tenants", summary.tenants.to_string());
    table.pair("keys", summary.keys.to_string());
    table.pair("endpoints", summary.endpoints.to_string());
    table.pair("tasks", summary.tasks.to_string());
    table.pair("journal entries", summary.entries.to_string());
    table.pair("admins", summary.admins.to_string());
    screen.show(&table)
}

/// Where an export is written until it is whole: a file beside the one that was asked for, which only its
/// owner may read.
struct Part {
    /// None for stdout.
    paths: Option<(PathBuf, PathBuf)>,
}

impl Part {
    fn new(out: &Path, stdout: bool) -> Self {
        let mut part = out.as_os_str().to_owned();
        part.push(".part");
        Self {
            paths: (!stdout).then(|| (part.into(), out.to_owned())),
        }
    }

    fn open(&self) -> Result<Box<dyn Write + Send>, Problem> {
        let Some((part, out)) = &self.paths else {
            return Ok(Box::new(io::stdout()));
        };
        if out.exists() {
            let why = format_args!("{} is there already", out.display());
            return Err(Problem::new("file_exists", why));
        }
        let mut file = OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600);
        let file = file.open(part).map_err(|error| self.failed(&error))?;
        Ok(Box::new(BufWriter::new(file)))
    }

    /// Gives the file its name.
    fn keep(&self) -> Result<(), Problem> {
        match &self.paths {
            Some((part, out)) => fs::rename(part, out).map_err(|error| self.failed(&error)),
            None => Ok(()),
        }
    }

    fn remove(&self) {
        if let Some((part, _)) = &self.paths {
            // There may be none yet.
            let _ = fs::remove_file(part);
        }
    }

    fn failed(&self, error: &io::Error) -> Problem {
        let name = self.paths.as_ref();
        let name = name.map_or("stdout".into(), |(part, _)| part.to_string_lossy());
        Problem::new("not_written", format_args!("{name}: {error}"))
    }
}
