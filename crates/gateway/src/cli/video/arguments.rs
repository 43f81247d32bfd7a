//! The command line of `evogate video`, and the order that it makes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{StringValueParser, TypedValueParser};
use evogate_models::UpstreamId;
use evogate_store::Random;
use serde::Serialize;
use tokio::time::Instant;

use super::api::Access;
use crate::cli::quoted;
use crate::cli::remote::{Problem, idempotency_key};
use crate::config::parse_duration;
use crate::secret::Secret;

/// No wait is longer. EvoLink forgets a task after a day.
const LONGEST: Duration = Duration::from_hours(48);

/// What to make, and where to put it.
#[derive(Debug, Args)]
#[command(
    override_usage = "evogate video <PROMPT> [OPTIONS]\n       evogate video --resume <TASK> [OPTIONS]",
    after_help = "Ctrl-C while the video is being made asks whether to cancel it.\n\n\
        Exit codes: 0 the video is there; 1 it failed; 2 wrong usage; 130 interrupted."
)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    request: Request,
    /// Wait for a task that was submitted before, and download its video.
    #[arg(long, value_name = "TASK")]
    resume: Option<UpstreamId>,
    /// Where the video goes; by default `TASK.mp4` in this folder.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Overwrite the file if it is there already.
    #[arg(long)]
    force: bool,
    /// For scripts: one JSON object on stdout at the end, everything else on stderr.
    #[arg(long)]
    pub(super) json: bool,
    /// How long to wait in all, such as 90s or 2h; the task goes on after that.
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = parse_duration)]
    timeout: Duration,
    /// The gateway, or EvoLink itself; by default `$EVOLINK_BASE_URL`.
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<String>,
    /// The key for it; by default `$EVOLINK_API_KEY`, which others on this machine can't see.
    #[arg(long, value_name = "KEY", value_parser = StringValueParser::new().map(Secret::new))]
    pub(super) api_key: Option<Secret>,
    /// A gateway makes one video for one key, however often it is asked; by default a new one.
    #[arg(long, value_name = "KEY", conflicts_with = "resume")]
    idempotency_key: Option<String>,
}

/// What to make. Also the body of the request: what is not said is left to the model's defaults.
#[derive(Debug, Clone, Args, Serialize)]
#[group(conflicts_with = "resume", multiple = true)]
pub(super) struct Request {
    /// What it shows.
    #[arg(required_unless_present = "resume")]
    prompt: Option<String>,
    /// The model that makes it; GET /v1/models lists them.
    #[arg(long, value_name = "NAME", default_value = "seedance-2.0")]
    model: String,
    /// How long it is.
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u32>,
    /// Such as 480p, 720p or 1080p.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<String>,
    /// Such as 16:9, 9:16, 1:1, 4:3, 3:4 or 21:9.
    #[arg(long, value_name = "RATIO")]
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<String>,
    /// Make it without sound.
    #[arg(long = "no-audio")]
    #[serde(
        rename = "generate_audio",
        serialize_with = "negated",
        skip_serializing_if = "is_false"
    )]
    silent: bool,
    /// An image, in the prompt @Image1, @Image2, …; may be repeated.
    #[arg(long = "image", value_name = "URL")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_urls: Vec<String>,
    /// A video, in the prompt @Video1, …; may be repeated.
    #[arg(long = "video", value_name = "URL")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    video_urls: Vec<String>,
    /// A sound, in the prompt @Audio1, …; may be repeated.
    #[arg(long = "audio", value_name = "URL")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audio_urls: Vec<String>,
    /// Where the finished task is sent.
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn negated<S: serde::Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!value)
}

/// What is to be done. Whatever can be known to go wrong was checked before anything is paid for.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) what: What,
    pub(super) force: bool,
    pub(super) timeout: Duration,
    out: Option<PathBuf>,
    base_url: Option<String>,
}

/// A new video, or one that was begun.
#[derive(Debug)]
pub(super) enum What {
    Make { request: Box<Request>, key: String },
    Resume(UpstreamId),
}

impl Order {
    pub(super) fn of(
        arguments: Arguments,
        access: &Access,
        random: &dyn Random,
    ) -> Result<Self, Problem> {
        let what = match arguments.resume {
            Some(id) => What::Resume(id),
            None => What::Make {
                key: idempotency_key(
                    arguments.idempotency_key.as_deref(),
                    "evogate-video",
                    random,
                )?,
                request: Box::new(arguments.request),
            },
        };
        let order = Self {
            what,
            force: arguments.force,
            timeout: arguments.timeout.min(LONGEST),
            out: arguments.out,
            base_url: access.chosen().map(str::to_owned),
        };
        let out = match &order.what {
            What::Resume(id) => Some(order.out(id)),
            What::Make { .. } => order.out.clone(),
        };
        out.map_or(Ok(()), |out| order.may_write(&out))?;
        Ok(order)
    }

    /// When nobody waits any more.
    pub(super) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout).unwrap_or(now)
    }

    /// Where the video of this task goes.
    pub(super) fn out(&self, id: &UpstreamId) -> PathBuf {
        self.out
            .clone()
            .unwrap_or_else(|| format!("{id}.mp4").into())
    }

    fn may_write(&self, out: &Path) -> Result<(), Problem> {
        let shown = out.display();
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Problem::usage(format_args!(
                "{shown}: its folder is not there"
            )));
        }
        if out.is_dir() {
            return Err(Problem::usage(format_args!(
                "{shown} is a folder, not a file"
            )));
        }
        if !self.force && out.symlink_metadata().is_ok() {
            let problem = Problem::usage(format_args!("{shown} is there already"));
            return Err(problem.hint("Choose another --out, or overwrite it with --force."));
        }
        Ok(())
    }

    /// The command that waits for this task again.
    pub(super) fn resume(&self, id: &UpstreamId) -> String {
        let mut command = format!("evogate video --resume {id}");
        let options = [
            ("--base-url", self.base_url.clone()),
            (
                "--out",
                self.out.as_ref().map(|out| out.display().to_string()),
            ),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                command = format!("{command} {name} {}", quoted(&value));
            }
        }
        if self.force {
            command.push_str(" --force");
        }
        command
    }
}
