//! How long tasks usually take.

use std::sync::Arc;

/// When a task usually ends, counted from its submit, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Hardly ever sooner: the first read is worth while now.
    pub shortest: u32,
    /// Usually by now: reads may become rarer.
    pub longest: u32,
    /// What EvoLink shows as `estimated_time`; it runs high.
    pub estimate: u32,
}

/// The tutorial's example: 5 s at 720p.
impl Default for Times {
    fn default() -> Self {
        Self {
            shortest: 30,
            longest: 60,
            estimate: 132,
        }
    }
}

/// A row of a profile: what it is for, and the times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) up_to: Option<u32>,
    pub(super) quality: Option<Box<str>>,
    pub(super) times: Times,
}

/// Rows of which the first that fits counts; shared by the models that name it.
#[derive(Debug, Clone)]
pub(super) struct Profile(pub(super) Arc<[Row]>);

impl Profile {
    pub(super) fn of(&self, seconds: Option<u32>, quality: Option<&str>) -> Option<Times> {
        let fits = |row: &&Row| {
            let long_enough = row
                .up_to
                .is_none_or(|most| seconds.is_none_or(|s| s <= most));
            let same_quality = row.quality.is_none() || row.quality.as_deref() == quality;
            long_enough && same_quality
        };
        self.0.iter().find(fits).map(|row| row.times)
    }
}
