//! A model as `GET /v1/models` shows it, under the names of the catalogue's keys.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{Choice, Count, Media, Model, Prices};
use crate::credits::Decimal;

/// What a tenant may know of a model. EvoLink's own list has only `id`; the rest is ours.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub struct ModelDescription<'a> {
    id: &'a str,
    object: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    durations: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qualities: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratios: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_aspect_ratio: Option<&'a str>,
    outputs: u32,
    media: MediaDescription,
    needs_picture: bool,
    prompt_bytes: usize,
    pricing: PricingDescription<'a>,
}

/// Under the names of the request's fields.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelMedia)]
#[expect(clippy::struct_field_names, reason = "the fields are the request's")]
struct MediaDescription {
    image_urls: CountDescription,
    video_urls: CountDescription,
    audio_urls: CountDescription,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelMediaCount)]
struct CountDescription {
    min: usize,
    max: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelPricing)]
struct PricingDescription<'a> {
    billing_rule: &'static str,
    #[schema(value_type = BTreeMap<String, Decimal>)]
    credits: PricesDescription<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Decimal>>)]
    credits_without_audio: Option<PricesDescription<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_video_seconds: Option<u32>,
    /// Qualities whose price is not to the digit.
    approximate: Vec<&'a str>,
    /// No price is public; `ceiling` is the most that a request is held for.
    assumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling: Option<Decimal>,
}

/// By quality; a price for all of them is under `any`.
#[derive(Debug)]
struct PricesDescription<'a>(&'a Prices);

impl Serialize for PricesDescription<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Prices::Same(price) => map.serialize_entry("any", &Decimal(*price))?,
            Prices::ByQuality(prices) => {
                for (quality, price) in prices {
                    map.serialize_entry(quality, &Decimal(*price))?;
                }
            }
        }
        map.end()
    }
}

impl<'a> ModelDescription<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        let pricing = model.pricing();
        let extra = pricing.reference_video_seconds();
        let count = |media: Media| {
            let Count { min, max } = model.media().of(media);
            CountDescription { min, max }
        };
        let values = |choice: &'a Choice| choice.values().collect();
        Self {
            id: model.name(),
            object: "model",
            kind: model.kind().as_str(),
            durations: model.durations().map(super::Durations::list),
            default_duration: model.durations().map(super::Durations::default),
            qualities: model.qualities().map(values),
            default_quality: model.qualities().map(Choice::default),
            aspect_ratios: model.aspect_ratios().map(values),
            default_aspect_ratio: model.aspect_ratios().map(Choice::default),
            outputs: model.outputs().unwrap_or(1),
            media: MediaDescription {
                image_urls: count(Media::Image),
                video_urls: count(Media::Video),
                audio_urls: count(Media::Audio),
            },
            needs_picture: model.media().needs_picture,
            prompt_bytes: model.prompt().max_bytes,
            pricing: PricingDescription {
                billing_rule: pricing.rule().as_str(),
                credits: PricesDescription(pricing.prices(true)),
                credits_without_audio: pricing.without_audio().map(PricesDescription),
                reference_video_seconds: (extra > 0).then_some(extra),
                approximate: pricing.approximate().collect(),
                assumed: pricing.assumed(),
                ceiling: pricing.ceiling().map(Decimal),
            },
        }
    }
}
