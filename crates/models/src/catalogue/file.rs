//! From the text of a catalogue to checked models.
//!
//! Each model's table is read on its own, so that every error can name the model.

mod prices;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use self::prices::{PriceParts, priced, pricing};
use super::times::{Profile, Row, Times};
use super::{CatalogueError, Choice, Count, Durations, MediaLimits, Model, PromptRule};
use crate::task::MediaKind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    times: BTreeMap<String, Vec<RowEntry>>,
    #[serde(default)]
    model: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowEntry {
    up_to: Option<u32>,
    quality: Option<Box<str>>,
    shortest: u32,
    longest: u32,
    estimate: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Box<str>,
    kind: MediaKind,
    durations: Option<DurationsEntry>,
    default_duration: Option<u32>,
    qualities: Option<Vec<Box<str>>>,
    default_quality: Option<Box<str>>,
    aspect_ratios: Option<Vec<Box<str>>>,
    default_aspect_ratio: Option<Box<str>>,
    outputs: Option<u32>,
    images: Option<CountEntry>,
    videos: Option<CountEntry>,
    audios: Option<CountEntry>,
    #[serde(default)]
    needs_picture: bool,
    prompt_bytes: usize,
    prompt_optional_with: Option<Box<str>>,
    billing: String,
    price: Option<PriceEntry>,
    price_without_audio: Option<PriceEntry>,
    reference_video_seconds: Option<u32>,
    #[serde(default)]
    approximate: Vec<Box<str>>,
    #[serde(default)]
    assumed: bool,
    ceiling: Option<String>,
    times: String,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "must be { from = 4, to = 15 } or a list like [4, 8, 12]"
)]
enum DurationsEntry {
    // First, since a list of two could be read as a span.
    OneOf(Vec<u32>),
    Between(Span),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    from: u32,
    to: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct CountEntry {
    #[serde(default)]
    min: usize,
    max: usize,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "must be text like \"3.5568\", or text for each quality like { 720p = \"3.5568\" }"
)]
enum PriceEntry {
    Same(String),
    ByQuality(BTreeMap<Box<str>, String>),
}

/// Reads and checks every model, in the order of the file.
pub(super) fn parse(text: &str) -> Result<Vec<Model>, CatalogueError> {
    let file: File =
        toml::from_str(text).map_err(|error| CatalogueError::File(one_line(&error)))?;
    if file.model.is_empty() {
        return Err(CatalogueError::File("has no [[model]]".to_owned()));
    }
    let mut profiles = BTreeMap::new();
    for (name, rows) in file.times {
        let profile = profile(rows)
            .map_err(|reason| CatalogueError::File(format!("`times.{name}` {reason}")))?;
        profiles.insert(name, profile);
    }
    let model = |(place, table): (usize, toml::Table)| {
        let name = match table.get("name") {
            Some(toml::Value::String(name)) => name.clone(),
            _ => format!("number {}", place.saturating_add(1)),
        };
        let entry = Entry::deserialize(table).map_err(|error| CatalogueError::Model {
            model: name.clone(),
            key: None,
            reason: one_line(&error),
        })?;
        build(entry, &profiles)
            .map_err(|Wrong(key, reason)| CatalogueError::model(&name, key, reason))
    };
    file.model.into_iter().enumerate().map(model).collect()
}

fn one_line(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

fn profile(rows: Vec<RowEntry>) -> Result<Profile, String> {
    let row = |row: RowEntry| {
        if row.shortest == 0 || row.shortest > row.longest || row.estimate == 0 {
            return Err("needs 0 < shortest <= longest and 0 < estimate in every row".to_owned());
        }
        Ok(Row {
            up_to: row.up_to,
            quality: row.quality,
            times: Times {
                shortest: row.shortest,
                longest: row.longest,
                estimate: row.estimate,
            },
        })
    };
    let rows: Vec<Row> = rows.into_iter().map(row).collect::<Result<_, _>>()?;
    let fits_all = |row: &Row| row.up_to.is_none() && row.quality.is_none();
    match rows.split_last() {
        // So that every length and quality has its times.
        Some((last, others)) if fits_all(last) && !others.iter().any(fits_all) => {
            Ok(Profile(rows.into()))
        }
        _ => Err("must end with its only row that has neither `up_to` nor `quality`".to_owned()),
    }
}

/// What is wrong, and with which key.
struct Wrong(&'static str, String);

fn wrong<T>(key: &'static str, reason: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong(key, reason.into()))
}

fn build(entry: Entry, profiles: &BTreeMap<String, Profile>) -> Result<Model, Wrong> {
    let named = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    if !named(&entry.name) || entry.name.len() > 128 {
        return wrong("name", "must be 1 to 128 visible ASCII characters");
    }
    let Some(times) = profiles.get(&entry.times) else {
        return wrong(
            "times",
            format!("names no profile of [times]: `{}`", entry.times),
        );
    };
    if entry.prompt_bytes == 0 {
        return wrong("prompt_bytes", "must be above 0");
    }
    if entry.outputs == Some(0) {
        return wrong("outputs", "must be above 0");
    }
    let durations = durations(entry.durations, entry.default_duration)?;
    let qualities = choice(
        ["qualities", "default_quality"],
        entry.qualities,
        entry.default_quality,
    )?;
    let aspect_ratios = choice(
        ["aspect_ratios", "default_aspect_ratio"],
        entry.aspect_ratios,
        entry.default_aspect_ratio,
    )?;
    let media = MediaLimits {
        images: count("images", entry.images)?,
        videos: count("videos", entry.videos)?,
        audios: count("audios", entry.audios)?,
        needs_picture: entry.needs_picture,
    };
    if media.needs_picture && media.images.max == 0 && media.videos.max == 0 {
        return wrong(
            "needs_picture",
            "contradicts `images` and `videos`: it takes neither",
        );
    }
    if media.audios.min > 0 && media.images.max == 0 && media.videos.max == 0 {
        return wrong("audios", "can't be needed: audio alone is never enough");
    }
    let model = Model {
        pricing: pricing(
            PriceParts {
                billing: entry.billing,
                price: entry.price,
                without_audio: entry.price_without_audio,
                reference_video_seconds: entry.reference_video_seconds,
                approximate: entry.approximate,
                assumed: entry.assumed,
                ceiling: entry.ceiling,
            },
            qualities.as_ref(),
        )?,
        name: entry.name,
        kind: entry.kind,
        durations,
        qualities,
        aspect_ratios,
        outputs: entry.outputs,
        media,
        prompt: PromptRule {
            max_bytes: entry.prompt_bytes,
            optional_with: entry.prompt_optional_with,
        },
        times: Profile(Arc::clone(&times.0)),
    };
    priced(&model)?;
    Ok(model)
}

fn durations(
    entry: Option<DurationsEntry>,
    default: Option<u32>,
) -> Result<Option<Durations>, Wrong> {
    let built = match (entry, default) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return wrong("default_duration", "has no `durations` beside it"),
        (Some(_), None) => return wrong("default_duration", "is missing"),
        (Some(DurationsEntry::Between(span)), Some(default)) => {
            Durations::between(span.from, span.to, default)
        }
        (Some(DurationsEntry::OneOf(list)), Some(default)) => Durations::one_of(list, default),
    };
    built.map(Some).map_err(|reason| Wrong("durations", reason))
}

fn choice(
    [key, default_key]: [&'static str; 2],
    values: Option<Vec<Box<str>>>,
    default: Option<Box<str>>,
) -> Result<Option<Choice>, Wrong> {
    match (values, default) {
        (None, None) => Ok(None),
        (None, Some(_)) => wrong(default_key, format!("has no `{key}` beside it")),
        (Some(_), None) => wrong(default_key, "is missing"),
        (Some(values), Some(default)) => Choice::new(values, default)
            .map(Some)
            .map_err(|reason| Wrong(key, reason)),
    }
}

fn count(key: &'static str, entry: Option<CountEntry>) -> Result<Count, Wrong> {
    match entry {
        None => Ok(Count::default()),
        Some(CountEntry { min, max }) if max > 0 && min <= max => Ok(Count { min, max }),
        Some(_) => wrong(
            key,
            "needs min <= max and max above 0; leave it out where none is taken",
        ),
    }
}
