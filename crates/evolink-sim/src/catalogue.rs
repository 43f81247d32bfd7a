//! The models that the fake EvoLink knows, with their limits and prices, as one table.
//!
//! The two models of EvoLink's tutorial are exact. Of the others only names and rough limits are public;
//! their prices are made up, which is fine for a fake: the truth for one task is what it answers.

use serde::{Deserialize, Serialize};

use crate::money::Micro;

/// What a task makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Video,
    Image,
    Audio,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Image => "image",
            Self::Audio => "audio",
        }
    }
}

/// Which lengths a model can make, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lengths {
    Range(u32, u32),
    OneOf(&'static [u32]),
    /// The field means nothing to this model.
    Free,
}

/// What one task costs, in millionths of a credit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Price {
    /// A second, by quality; the qualities named here are the ones that the model has.
    PerSecond(&'static [(&'static str, i64)]),
    PerCall(i64),
}

/// One family of models with the same limits and prices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    /// The models' names.
    pub(crate) names: &'static [&'static str],
    pub(crate) kind: Kind,
    pub(crate) lengths: Lengths,
    pub(crate) price: Price,
    pub(crate) ratios: &'static [&'static str],
    /// How many image, video and audio references one request may have.
    pub(crate) references: [usize; 3],
}

impl Model {
    pub(crate) fn default_seconds(&self) -> u32 {
        match self.lengths {
            Lengths::Range(least, most) => DEFAULT_SECONDS.clamp(least, most),
            Lengths::OneOf(choices) => choices.first().copied().unwrap_or(DEFAULT_SECONDS),
            Lengths::Free => DEFAULT_SECONDS,
        }
    }

    /// What a task of this length and quality costs; `None` when the model lacks the quality.
    pub(crate) fn price(&self, seconds: u32, quality: &str) -> Option<Micro> {
        match self.price {
            Price::PerCall(micros) => Some(Micro::from_micros(micros)),
            Price::PerSecond(table) => table
                .iter()
                .find(|(name, _)| *name == quality)
                .map(|(_, micros)| Micro::from_micros(*micros).times(seconds)),
        }
    }

    pub(crate) const fn billing_rule(&self) -> &'static str {
        match self.price {
            Price::PerSecond(_) => "per_second",
            Price::PerCall(_) => "per_call",
        }
    }
}

/// The model of this name, if it makes this kind of thing.
pub(crate) fn find(kind: Kind, name: &str) -> Option<&'static Model> {
    MODELS
        .iter()
        .find(|model| model.kind == kind && model.names.contains(&name))
}

/// Every model's name, in the order of the table.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().flat_map(|model| model.names.iter().copied())
}

const DEFAULT_SECONDS: u32 = 5;

const TUTORIAL_RATIOS: &[&str] = &["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"];
const ALL_RATIOS: &[&str] = &["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive"];

/// EvoLink tutorial: 5 s at 720p were billed as 17.784. 480p and 1080p fit its rounded table (10 credits
/// and 28 for 5 s, 30 and 83 for 15 s).
const SEEDANCE: Price = Price::PerSecond(&[
    ("480p", 2_000_000),
    ("720p", 3_556_800),
    ("1080p", 5_532_800),
]);
const SEEDANCE_FAST: Price = Price::PerSecond(&[("480p", 1_200_000), ("720p", 2_134_000)]);
const SEEDANCE_MINI: Price = Price::PerSecond(&[("480p", 800_000), ("720p", 1_422_700)]);
const WITH_4K: Price = Price::PerSecond(&[
    ("480p", 2_500_000),
    ("720p", 4_000_000),
    ("1080p", 6_000_000),
    ("4k", 12_000_000),
]);
const PLAIN: Price = Price::PerSecond(&[("720p", 4_000_000), ("1080p", 6_000_000)]);

static MODELS: &[Model] = &[
    Model {
        names: &["seedance-2.0"],
        kind: Kind::Video,
        lengths: Lengths::Range(4, 15),
        price: SEEDANCE,
        ratios: TUTORIAL_RATIOS,
        references: [9, 3, 3],
    },
    Model {
        names: &["seedance-1.5-pro"],
        kind: Kind::Video,
        lengths: Lengths::Range(4, 15),
        price: SEEDANCE,
        ratios: TUTORIAL_RATIOS,
        references: [1, 0, 0],
    },
    Model {
        names: &[
            "seedance-2.0-text-to-video",
            "seedance-2.0-image-to-video",
            "seedance-2.0-reference-to-video",
        ],
        kind: Kind::Video,
        lengths: Lengths::Range(4, 15),
        price: SEEDANCE,
        ratios: ALL_RATIOS,
        references: [9, 3, 3],
    },
    Model {
        names: &[
            "seedance-2.0-fast-text-to-video",
            "seedance-2.0-fast-image-to-video",
            "seedance-2.0-fast-reference-to-video",
        ],
        kind: Kind::Video,
        lengths: Lengths::Range(4, 15),
        price: SEEDANCE_FAST,
        ratios: ALL_RATIOS,
        references: [9, 3, 3],
    },
    Model {
        names: &[
            "seedance-2.0-mini-text-to-video",
            "seedance-2.0-mini-image-to-video",
            "seedance-2.0-mini-reference-to-video",
        ],
        kind: Kind::Video,
        lengths: Lengths::Range(4, 15),
        price: SEEDANCE_MINI,
        ratios: ALL_RATIOS,
        references: [9, 3, 3],
    },
    Model {
        names: &[
            "seedance-2.5-text-to-video",
            "seedance-2.5-image-to-video",
            "seedance-2.5-reference-to-video",
        ],
        kind: Kind::Video,
        lengths: Lengths::Range(4, 30),
        price: WITH_4K,
        ratios: ALL_RATIOS,
        references: [9, 3, 3],
    },
    Model {
        names: &[
            "kling-o1-text-to-video",
            "kling-o1-image-to-video",
            "kling-o1-reference-to-video",
            "kling-o1-video-edit",
            "kling-o1-video-edit-fast",
            "kling-o3-text-to-video",
            "kling-o3-image-to-video",
            "kling-o3-reference-to-video",
            "kling-o3-video-edit",
            "kling-v3-text-to-video",
            "kling-v3-image-to-video",
        ],
        kind: Kind::Video,
        lengths: Lengths::Range(3, 15),
        price: WITH_4K,
        ratios: ALL_RATIOS,
        references: [9, 3, 0],
    },
    Model {
        names: &["sora-2-preview", "sora-2-pro-preview"],
        kind: Kind::Video,
        lengths: Lengths::OneOf(&[4, 8, 12]),
        price: PLAIN,
        ratios: ALL_RATIOS,
        references: [1, 0, 0],
    },
    Model {
        names: &["veo-3.1-generate-preview", "veo-3.1-fast-generate-preview"],
        kind: Kind::Video,
        lengths: Lengths::OneOf(&[4, 6, 8]),
        price: WITH_4K,
        ratios: ALL_RATIOS,
        references: [3, 0, 0],
    },
    Model {
        names: &[
            "gpt-image-1.5",
            "gpt-image-1.5-lite",
            "gemini-3-pro-image-preview",
            "doubao-seedream-4.5",
            "nano-banana-2-lite",
        ],
        kind: Kind::Image,
        lengths: Lengths::Free,
        price: Price::PerCall(1_600_000),
        ratios: &[],
        references: [14, 0, 0],
    },
    Model {
        names: &["suno-v4", "suno-v4.5", "suno-v5"],
        kind: Kind::Audio,
        lengths: Lengths::Free,
        price: Price::PerCall(9_000_000),
        ratios: &[],
        references: [0, 0, 0],
    },
];

#[cfg(test)]
mod tests {
    use super::{Kind, find};

    #[test]
    fn five_seconds_at_720p_cost_what_the_tutorial_was_billed() {
        let model = find(Kind::Video, "seedance-2.0").unwrap();
        assert_eq!(model.price(5, "720p").unwrap().to_string(), "17.784");
    }

    #[test]
    fn the_other_qualities_round_to_the_tutorials_table() {
        let model = find(Kind::Video, "seedance-2.0").unwrap();
        let rounded = |seconds, quality| {
            (model.price(seconds, quality).unwrap().micros() + 500_000) / 1_000_000
        };
        assert_eq!([4, 5, 10, 15].map(|s| rounded(s, "480p")), [8, 10, 20, 30]);
        assert_eq!([4, 5, 10, 15].map(|s| rounded(s, "720p")), [14, 18, 36, 53]);
        assert_eq!(
            [4, 5, 10, 15].map(|s| rounded(s, "1080p")),
            [22, 28, 55, 83]
        );
    }
}
