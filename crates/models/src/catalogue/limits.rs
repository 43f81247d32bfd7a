//! What a model accepts.

use std::fmt;

/// The lengths that may be asked for, in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    allowed: Allowed,
    default: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    Between(u32, u32),
    OneOf(Vec<u32>),
}

impl Durations {
    /// Every whole second between two; why not, otherwise.
    pub(super) fn between(from: u32, to: u32, default: u32) -> Result<Self, String> {
        if from == 0 || from > to {
            return Err(format!(
                "from {from} to {to} is no span of whole seconds above 0"
            ));
        }
        Self::checked(Allowed::Between(from, to), default)
    }

    /// The listed lengths only; why not, otherwise.
    pub(super) fn one_of(seconds: Vec<u32>, default: u32) -> Result<Self, String> {
        let ascending = seconds
            .iter()
            .zip(seconds.iter().skip(1))
            .all(|(a, b)| a < b);
        if !ascending || seconds.first().is_none_or(|first| *first == 0) {
            return Err("must list seconds above 0, in ascending order".to_owned());
        }
        Self::checked(Allowed::OneOf(seconds), default)
    }

    fn checked(allowed: Allowed, default: u32) -> Result<Self, String> {
        let durations = Self { allowed, default };
        if durations.allows(default) {
            Ok(durations)
        } else {
            Err(format!("do not allow the default, {default}"))
        }
    }

    /// Whether a request may ask for it.
    pub fn allows(&self, seconds: u32) -> bool {
        match &self.allowed {
            Allowed::Between(from, to) => (*from..=*to).contains(&seconds),
            Allowed::OneOf(list) => list.contains(&seconds),
        }
    }

    /// What EvoLink makes when the request does not say.
    pub fn default(&self) -> u32 {
        self.default
    }

    /// The shortest and the longest.
    pub fn span(&self) -> (u32, u32) {
        match &self.allowed {
            Allowed::Between(from, to) => (*from, *to),
            Allowed::OneOf(list) => (
                list.first().copied().unwrap_or_default(),
                list.last().copied().unwrap_or_default(),
            ),
        }
    }

    /// Each length, ascending.
    pub fn list(&self) -> Vec<u32> {
        match &self.allowed {
            Allowed::Between(from, to) => (*from..=*to).collect(),
            Allowed::OneOf(list) => list.clone(),
        }
    }
}

/// As EvoLink's messages say it: `between 4 and 15`, `one of: 4, 8, 12`.
impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.allowed {
            Allowed::Between(from, to) => write!(f, "between {from} and {to}"),
            Allowed::OneOf(list) => {
                let list: Vec<String> = list.iter().map(u32::to_string).collect();
                write!(f, "one of: {}", list.join(", "))
            }
        }
    }
}

/// The values that a text field may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    values: Vec<Box<str>>,
    default: Box<str>,
}

impl Choice {
    pub(super) fn new(values: Vec<Box<str>>, default: Box<str>) -> Result<Self, String> {
        let plain = |value: &str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
        if let Some(odd) = values.iter().find(|value| !plain(value)) {
            return Err(format!("has {odd:?}, which is no plain word"));
        }
        if let Some((_, twice)) = (values.iter().enumerate())
            .find(|(place, value)| values.iter().take(*place).any(|other| other == *value))
        {
            return Err(format!("has `{twice}` twice"));
        }
        if !values.contains(&default) {
            return Err(format!("does not have the default, `{default}`"));
        }
        Ok(Self { values, default })
    }

    /// The catalogue's own copy of `text`, if it is one of the values.
    pub fn get(&self, text: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|value| &***value == text)
            .map(|value| &**value)
    }

    /// What EvoLink takes when the request does not say.
    pub fn default(&self) -> &str {
        &self.default
    }

    /// The values, in the order of the catalogue.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| &**value)
    }
}

/// As EvoLink's messages say it: `one of: 480p, 720p, 1080p`.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of: {}", self.values.join(", "))
    }
}

/// A kind of media that a request may refer to by URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Media {
    /// `image_urls`, `@Image1`
    Image,
    /// `video_urls`, `@Video1`
    Video,
    /// `audio_urls`, `@Audio1`
    Audio,
}

impl Media {
    /// In the order of EvoLink's documentation.
    pub const ALL: [Self; 3] = [Self::Image, Self::Video, Self::Audio];

    /// The request's field.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Image => "image_urls",
            Self::Video => "video_urls",
            Self::Audio => "audio_urls",
        }
    }

    /// The word of its references in the prompt, in lower case: `@Image1` is an `image`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

/// How many URLs of one kind a request may have. All zero: the model takes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// At least.
    pub min: usize,
    /// At most.
    pub max: usize,
}

/// How many media URLs a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaLimits {
    /// `image_urls`
    pub images: Count,
    /// `video_urls`
    pub videos: Count,
    /// `audio_urls`
    pub audios: Count,
    /// At least one image or video must be given.
    pub needs_picture: bool,
}

impl MediaLimits {
    /// The limits of one kind.
    pub const fn of(&self, media: Media) -> Count {
        match media {
            Media::Image => self.images,
            Media::Video => self.videos,
            Media::Audio => self.audios,
        }
    }
}

/// What a model's prompt must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptRule {
    /// At most this long, in bytes of UTF-8.
    pub max_bytes: usize,
    /// A field that stands in for it: where this is given, the prompt may be empty.
    pub optional_with: Option<Box<str>>,
}
