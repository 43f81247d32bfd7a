//! How far it is: a bar where somebody watches, else a line now and then.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use evogate_models::report::Status;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tokio::time::Instant;

use super::console::Console;
use super::task::{Task, name};

/// How often a bar is drawn anew, so that its time moves.
const TICK: Duration = Duration::from_millis(200);
/// A line tells of so many percent more.
const STEP: u8 = 20;
/// A line is written at least this often.
const QUIET: Duration = Duration::from_mins(1);

/// What is on show.
#[derive(Debug, Default)]
pub(super) struct Stage {
    bar: Option<(Scene, ProgressBar)>,
    /// Is there a line under the bar that tells of a trouble?
    troubled: bool,
    /// When the work began: before this process did, for a task that is taken up again.
    began: Option<Instant>,
    /// What the last line said, and when.
    line: Option<(Status, u8, Instant)>,
}

/// What a bar is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    Submitting,
    /// A task, with EvoLink's guess of how long it takes.
    Task(Option<Duration>),
    /// A download, and whether its length is known.
    Download(bool),
}

impl Scene {
    fn template(self, troubled: bool) -> String {
        let line = match self {
            Self::Submitting => "{spinner:.cyan} submitting  {time}",
            Self::Task(_) => "{prefix:10} {bar:24.cyan/238} {pos:>3}%  {time}",
            Self::Download(true) => {
                "download   {bar:24.cyan/238} {percent:>3}%  {bytes} of {total_bytes}"
            }
            Self::Download(false) => "{spinner:.cyan} download  {bytes}",
        };
        let trouble = if troubled { "\n{wide_msg:.yellow}" } else { "" };
        format!("{line}{trouble}")
    }

    fn style(self, troubled: bool) -> ProgressStyle {
        let estimate = match self {
            Self::Task(estimate) => estimate,
            Self::Submitting | Self::Download(_) => None,
        };
        let time = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{}", time(state.elapsed(), estimate));
        };
        // The templates are ours, and a test reads each.
        ProgressStyle::with_template(&self.template(troubled))
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─")
            .with_key("time", time)
    }
}

impl Stage {
    /// Writes lines without tearing the bar.
    pub(super) fn beside(&self, write: impl FnOnce()) {
        match &self.bar {
            Some((_, bar)) => bar.suspend(write),
            None => write(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// The bar for this scene, drawn from now on.
    fn bar(&mut self, scene: Scene) -> ProgressBar {
        if let Some((current, bar)) = &self.bar
            && *current == scene
        {
            return bar.clone();
        }
        self.clear();
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr())
            .with_style(scene.style(false))
            .with_elapsed(self.elapsed());
        bar.enable_steady_tick(TICK);
        self.bar = Some((scene, bar.clone()));
        bar
    }

    /// A line under the bar, or none.
    fn trouble(&mut self, text: Option<String>) {
        let Some((scene, bar)) = &self.bar else {
            return;
        };
        if self.troubled != text.is_some() {
            self.troubled = text.is_some();
            bar.set_style(scene.style(self.troubled));
        }
        bar.set_message(text.unwrap_or_default());
    }

    fn clear(&mut self) {
        self.troubled = false;
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Is there something that the last line did not say?
    fn is_news(&mut self, task: &Task) -> bool {
        let now = Instant::now();
        let news = self.line.is_none_or(|(status, progress, at)| {
            status != task.status
                || task.progress >= progress.saturating_add(STEP)
                || now.duration_since(at) >= QUIET
        });
        if news {
            self.line = Some((task.status, task.progress, now));
        }
        news
    }
}

impl Console {
    /// The work began so long ago. Only the first word on it counts.
    pub(super) fn begin(&self, ago: Duration) {
        let now = Instant::now();
        let began = now.checked_sub(ago).unwrap_or(now);
        self.stage().began.get_or_insert(began);
    }

    /// How long it has been.
    pub(super) fn elapsed(&self) -> Duration {
        self.stage().elapsed()
    }

    /// The submit is under way.
    pub(super) fn submitting(&self) {
        if self.bars {
            let mut stage = self.stage();
            stage.bar(Scene::Submitting);
            stage.trouble(None);
        }
    }

    /// The task is so far.
    pub(super) fn task(&self, task: &Task) {
        let mut stage = self.stage();
        if self.bars {
            let bar = stage.bar(Scene::Task(task.estimate));
            bar.set_prefix(name(task.status));
            bar.set_position(task.progress.into());
            stage.trouble(None);
        } else if stage.is_news(task) {
            let line = line(task, stage.elapsed());
            drop(stage);
            self.warn(&line);
        }
    }

    /// A call did not go well, and is made again after `wait`.
    pub(super) fn trouble(&self, why: &dyn fmt::Display, wait: Duration) {
        let text = format!("trying again in {}: {why}", seconds(wait));
        if self.bars {
            // There is one line for it.
            self.stage().trouble(Some(text.replace('\n', " ")));
        } else {
            self.warn(&text);
        }
    }

    /// A download began.
    pub(super) fn download(&self, length: Option<u64>) {
        if self.bars {
            let mut stage = self.stage();
            let bar = stage.bar(Scene::Download(length.is_some()));
            bar.set_position(0);
            if let Some(length) = length {
                bar.set_length(length);
            }
            stage.trouble(None);
        }
    }

    /// So many bytes of it are here.
    pub(super) fn downloaded(&self, bytes: u64) {
        if let Some((Scene::Download(_), bar)) = &self.stage().bar {
            bar.set_position(bytes);
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.stage().clear();
    }
}

/// A task in words.
fn line(task: &Task, elapsed: Duration) -> String {
    let (id, status) = (&task.id, name(task.status));
    if task.status.is_terminal() {
        return format!("{id}: {status} after {}", clock(elapsed));
    }
    let time = time(elapsed, task.estimate);
    format!("{id}: {status}, {} %, {time}", task.progress)
}

/// `0:23 of up to 2:12`: EvoLink's guess is two to three times too long.
fn time(elapsed: Duration, estimate: Option<Duration>) -> String {
    let shown = clock(elapsed);
    match estimate {
        Some(estimate) if elapsed <= estimate => format!("{shown} of up to {}", clock(estimate)),
        Some(_) => format!("{shown}, longer than expected"),
        None => shown,
    }
}

/// Minutes and seconds, and hours if there are any.
pub(super) fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A short wait in words.
fn seconds(span: Duration) -> Cow<'static, str> {
    match span.as_secs() {
        0 => "a moment".into(),
        seconds => format!("{seconds} s").into(),
    }
}

/// A file's size, for people.
pub(super) fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_an_upper_limit_and_gives_way() {
        let at = |seconds| time(Duration::from_secs(seconds), Some(Duration::from_secs(132)));
        assert_eq!(at(23), "0:23 of up to 2:12");
        assert_eq!(at(133), "2:13, longer than expected");
        assert_eq!(time(Duration::from_secs(3725), None), "1:02:05");
    }

    #[test]
    fn every_template_is_one() {
        let scenes = [
            Scene::Submitting,
            Scene::Task(None),
            Scene::Download(true),
            Scene::Download(false),
        ];
        for (scene, troubled) in scenes.into_iter().zip([true, false, true, false]) {
            let template = scene.template(troubled);
            assert!(
                ProgressStyle::with_template(&template).is_ok(),
                "{template}"
            );
        }
    }
}
