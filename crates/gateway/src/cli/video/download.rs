//! The result, as a stream to a file: from where EvoLink has it, else through the gateway.

use std::io;
use std::path::PathBuf;

use evogate_models::UpstreamId;
use tokio::time::sleep;

use super::api::Api;
use super::console::Console;
use super::pace::Pace;
use super::part::Part;
use super::task::Task;
use crate::cli::remote::{CallError, Problem};
use crate::webhooks::guard::explain;

/// How often each way is tried.
const ROUNDS: u32 = 4;

/// A download.
pub(super) struct Download<'a> {
    pub(super) api: &'a Api,
    pub(super) console: &'a Console,
    pub(super) pace: Pace,
    /// Where the video goes.
    pub(super) out: PathBuf,
    /// Whether a file that is there is overwritten.
    pub(super) force: bool,
}

/// A way to a result.
enum Way<'a> {
    /// EvoLink's own address of it.
    Direct(&'a str),
    /// Through the gateway, for machines that can't reach EvoLink's files. EvoLink itself has no such route.
    Through(&'a UpstreamId),
}

/// Why one way did not lead to a file.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    /// The other side. Another way or another time may do.
    #[error(transparent)]
    There(#[from] CallError),
    /// This machine.
    #[error(transparent)]
    Here(#[from] io::Error),
}

impl Download<'_> {
    /// Saves the task's first result; answers its length. Dropped, it leaves no file behind.
    pub(super) async fn run(&self, task: &Task) -> Result<u64, Problem> {
        let direct = task.result.as_deref().map(Way::Direct);
        let ways: Vec<_> = direct.into_iter().chain([Way::Through(&task.id)]).collect();
        let mut round = 1;
        loop {
            let mut words = Vec::new();
            let mut hope = false;
            for way in &ways {
                let error = match self.save(way).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(Stuck::Here(error)) => return Err(self.not_written(&error)),
                    Err(Stuck::There(error)) => error,
                };
                hope |= match &error {
                    CallError::Refused(refusal) => refusal.is_temporary(),
                    CallError::Unclear { .. } => true,
                };
                words.push(match way {
                    Way::Direct(_) => format!("from EvoLink's files: {error}"),
                    Way::Through(_) => format!("through the gateway: {error}"),
                });
            }
            let why = format!("the video can't be downloaded\n  {}", words.join("\n  "));
            if !hope || round >= ROUNDS {
                return Err(Problem::new("download_failed", why));
            }
            let wait = self.pace.after(round, None);
            round += 1;
            self.console.trouble(&why, wait);
            sleep(wait).await;
        }
    }

    async fn save(&self, way: &Way<'_>) -> Result<u64, Stuck> {
        let unclear = |why: String| CallError::Unclear { why, sent: true };
        let mut response = match way {
            Way::Direct(url) => self.api.file(url).await?,
            Way::Through(id) => self.api.content(id).await?,
        };
        let mut part = Part::create(&self.out)?;
        self.console.download(response.content_length());
        let broken = |error: reqwest::Error| unclear(explain(&error));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            part.write(&chunk).await?;
            self.console.downloaded(part.bytes());
        }
        if part.bytes() == 0 {
            return Err(unclear("the file is empty".to_owned()).into());
        }
        Ok(part.finish(&self.out, self.force).await?)
    }

    fn not_written(&self, error: &io::Error) -> Problem {
        let shown = self.out.display();
        if error.kind() == io::ErrorKind::AlreadyExists {
            let why = format!("{shown} is there already, and was not before");
            return Problem::new("file_exists", why);
        }
        Problem::new("not_written", format_args!("{shown}: {error}"))
    }
}
