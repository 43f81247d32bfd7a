//! What a client may ask for: the validation of a generation request.
//!
//! The body is taken apart once, over borrowed text; every fault is found before anything is
//! answered. What EvoLink gets is the client's own object, field by field as it was written: unknown
//! fields too, no default filled in, only `callback_url` replaced by ours.
//!
//! `null` counts as "not given". Nobody outside knows what EvoLink makes of a `null`; it is passed on
//! as it is.

mod fields;
mod json;
mod media;
mod prompt;
mod task_ids;

use serde_json::value::RawValue;

pub use task_ids::TaskIds;

use self::fields::{Reading, shown};
use self::json::Object;
use crate::catalogue::{Catalogue, Media, Model, Order};
use crate::task::{MediaKind, Spec};
use crate::{Credits, Fault};

/// The longest `callback_url`, in characters (EvoLink's limit).
pub const MAX_CALLBACK_URL: usize = crate::address::MAX_URL;

/// At most so many faults are listed: more only come from a body that means harm.
pub const MAX_FAULTS: usize = 100;

/// A judge of `callback_url`: `Err` is the reason, a clause for the caller.
pub type JudgeCallback<'j> = &'j dyn Fn(&str) -> Result<(), String>;

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// What the client did wrong, never empty: first the JSON itself, then field by field in the
    /// order of EvoLink's documentation, then what the fields say of each other, last `callback_url`.
    Faults(Vec<Fault>),
    /// The catalogue has no such model. What the other fields should be is then unknown, so they are
    /// not judged.
    ModelNotFound {
        /// The model asked for, cut short and free of control characters.
        model: String,
    },
}

/// A request that was found good, with what the gateway needs of it. Defaults are the model's.
#[derive(Debug, Clone)]
pub struct Generation<'a> {
    /// The model.
    pub model: &'a Model,
    /// Seconds, where the model has a length.
    pub duration: Option<u32>,
    /// The quality, where the model has qualities.
    pub quality: Option<&'a str>,
    /// The aspect ratio, where the model has aspect ratios.
    pub aspect_ratio: Option<&'a str>,
    /// With a sound track (default: yes).
    pub generate_audio: bool,
    /// How many results are asked for.
    pub outputs: u32,
    /// How many `image_urls`.
    pub images: usize,
    /// How many `video_urls`.
    pub videos: usize,
    /// How many `audio_urls`.
    pub audios: usize,
    /// The client's own callback, which EvoLink never sees.
    pub callback_url: Option<String>,
    /// What it is expected to cost: the amount to hold.
    pub estimate: Credits,
    /// What EvoLink would show as `estimated_time`, in seconds.
    pub estimated_time: u32,
    fields: Object<'a>,
}

/// Judges the body of a generation request for the endpoint of `kind`.
pub fn validate<'a>(
    body: &'a [u8],
    kind: MediaKind,
    catalogue: &'a Catalogue,
    judge_callback: JudgeCallback<'_>,
) -> Result<Generation<'a>, Rejection> {
    let (object, duplicates) =
        json::object(body).map_err(|fault| Rejection::Faults(vec![fault]))?;
    let mut reading = Reading::new(&object, duplicates);

    let name = reading.model();
    let model = match &name {
        None => None,
        Some(name) => match catalogue.model(name) {
            Some(model) => reading.of_kind(model, kind),
            None if reading.is_clean() => {
                let model = shown(name);
                return Err(Rejection::ModelNotFound { model });
            }
            None => None,
        },
    };

    let prompt = reading.prompt(model);
    let duration = reading.duration(model);
    let quality = reading.choice("quality", model, Model::qualities);
    let aspect_ratio = reading.choice("aspect_ratio", model, Model::aspect_ratios);
    let generate_audio = reading.boolean("generate_audio");
    let outputs = reading.outputs(model);
    let [images, videos, audios] = Media::ALL.map(|media| reading.urls(media, model));
    reading.pictures([images, videos, audios], model);
    if let Some(prompt) = &prompt {
        reading.references(prompt, [images, videos, audios], model);
    }
    let callback_url = reading.callback_url(judge_callback);

    let faults = reading.into_faults();
    let (Some(model), true) = (model, faults.is_empty()) else {
        return Err(Rejection::Faults(faults));
    };
    let order = Order {
        seconds: duration,
        quality,
        outputs: outputs.unwrap_or(1),
        audio: generate_audio.unwrap_or(true),
        reference_video: videos.given() > 0,
    };
    Ok(Generation {
        model,
        duration: duration.or_else(|| Some(model.durations()?.default())),
        quality: quality.or_else(|| Some(model.qualities()?.default())),
        aspect_ratio: aspect_ratio.or_else(|| Some(model.aspect_ratios()?.default())),
        generate_audio: order.audio,
        outputs: order.outputs,
        images: images.given(),
        videos: videos.given(),
        audios: audios.given(),
        callback_url,
        estimate: model.estimate(&order),
        estimated_time: model.estimated_time(duration, quality),
        fields: object,
    })
}

impl Generation<'_> {
    /// The body for EvoLink: the client's fields in the client's order, each value byte for byte,
    /// without the client's `callback_url`, and last `callback_url` where there is one of ours.
    pub fn upstream_body(&self, callback_url: Option<&str>) -> Vec<u8> {
        let size = self
            .fields
            .iter()
            .map(|(key, value)| key.len() + value.get().len() + 6);
        let ours = callback_url.map_or(0, |url| url.len() + 32);
        let mut body = Vec::with_capacity(size.sum::<usize>() + ours);
        body.push(b'{');
        let theirs = self.fields.iter().filter(|(key, _)| key != "callback_url");
        for (key, value) in theirs {
            push_field(&mut body, key, value.get());
        }
        if let Some(url) = callback_url {
            push_field(&mut body, "callback_url", &quoted(url));
        }
        body.push(b'}');
        body
    }

    /// What the task keeps of the request.
    pub fn spec(&self) -> Spec {
        let times = self.model.times(self.duration, self.quality);
        Spec {
            kind: self.model.kind(),
            model: self.model.name().to_owned(),
            duration: self.duration,
            quality: self.quality.map(str::to_owned),
            estimated_time: times.estimate,
            shortest: times.shortest,
            longest: times.longest,
            billing_rule: self.model.pricing().rule().as_str().to_owned(),
        }
    }

    /// The client's value of a field, as it was written.
    pub fn field(&self, name: &str) -> Option<&RawValue> {
        self.fields.get(name)
    }
}

fn push_field(body: &mut Vec<u8>, key: &str, value: &str) {
    if body.len() > 1 {
        body.push(b',');
    }
    body.extend_from_slice(quoted(key).as_bytes());
    body.push(b':');
    body.extend_from_slice(value.as_bytes());
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
