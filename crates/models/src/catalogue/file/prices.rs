//! Prices, from text to amounts that can be counted.

use super::{PriceEntry, Wrong, wrong};
use crate::Credits;
use crate::catalogue::price::{BillingRule, Order, Prices, Pricing};
use crate::catalogue::{Choice, Model};

/// What an entry says of prices.
pub(super) struct PriceParts {
    pub(super) billing: String,
    pub(super) price: Option<PriceEntry>,
    pub(super) without_audio: Option<PriceEntry>,
    pub(super) reference_video_seconds: Option<u32>,
    pub(super) approximate: Vec<Box<str>>,
    pub(super) assumed: bool,
    pub(super) ceiling: Option<String>,
}

/// Reads a model's prices.
pub(super) fn pricing(parts: PriceParts, qualities: Option<&Choice>) -> Result<Pricing, Wrong> {
    let known = BillingRule::ALL
        .into_iter()
        .find(|rule| rule.as_str() == parts.billing);
    let Some(rule) = known else {
        let known = BillingRule::ALL.map(BillingRule::as_str).join(", ");
        return wrong("billing", format!("must be one of: {known}"));
    };
    let Some(price) = parts.price else {
        return wrong("price", "is missing");
    };
    let ceiling = parts
        .ceiling
        .map(|text| amount("ceiling", &text))
        .transpose()?;
    if ceiling.is_none() && (parts.assumed || rule.needs_ceiling()) {
        return wrong(
            "ceiling",
            "is missing: an assumed price and a price by token need one",
        );
    }
    let reference_video_seconds = parts.reference_video_seconds.unwrap_or(0);
    if reference_video_seconds > 0 && rule != BillingRule::PerSecond {
        return wrong(
            "reference_video_seconds",
            "goes with billing \"per_second\" only",
        );
    }
    let approximate = parts.approximate;
    if let Some(odd) = (approximate.iter())
        .find(|quality| qualities.is_none_or(|known| known.get(quality).is_none()))
    {
        return wrong(
            "approximate",
            format!("has `{odd}`, which is not one of `qualities`"),
        );
    }
    let without_audio = parts.without_audio;
    Ok(Pricing {
        rule,
        prices: prices("price", price, qualities)?,
        without_audio: without_audio
            .map(|entry| prices("price_without_audio", entry, qualities))
            .transpose()?,
        reference_video_seconds,
        approximate,
        assumed: parts.assumed,
        ceiling,
    })
}

fn prices(
    key: &'static str,
    entry: PriceEntry,
    qualities: Option<&Choice>,
) -> Result<Prices, Wrong> {
    let mut by_quality = match entry {
        PriceEntry::Same(text) => return amount(key, &text).map(Prices::Same),
        PriceEntry::ByQuality(table) => table,
    };
    let Some(qualities) = qualities else {
        return wrong(key, "goes by quality, but the model has no `qualities`");
    };
    let mut listed = Vec::new();
    for quality in qualities.values() {
        let Some(text) = by_quality.remove(quality) else {
            return wrong(key, format!("has none for the quality `{quality}`"));
        };
        listed.push((quality.into(), amount(key, &text)?));
    }
    match by_quality.pop_first() {
        Some((odd, _)) => wrong(key, format!("has `{odd}`, which is not one of `qualities`")),
        None => Ok(Prices::ByQuality(listed)),
    }
}

fn amount(key: &'static str, text: &str) -> Result<Credits, Wrong> {
    match text.parse::<Credits>() {
        Ok(credits) if credits > Credits::ZERO => Ok(credits),
        Ok(_) => wrong(key, format!("must be above 0, not `{text}`")),
        Err(error) => wrong(key, format!("has `{text}`: {error}")),
    }
}

/// The dearest request of the model has a price that can be counted and is below the ceiling.
pub(super) fn priced(model: &Model) -> Result<(), Wrong> {
    let longest = model.durations().map(|durations| durations.span().1);
    if longest.is_none() && model.pricing.rule().needs_seconds() {
        return wrong(
            "billing",
            "goes by length, but the model has no `durations`",
        );
    }
    let qualities: Vec<Option<&str>> = match model.qualities() {
        Some(choice) => choice.values().map(Some).collect(),
        None => vec![None],
    };
    for quality in qualities {
        for audio in [true, false] {
            let order = Order {
                seconds: longest,
                quality,
                outputs: model.outputs().unwrap_or(1),
                audio,
                reference_video: model.media().videos.max > 0,
            };
            let Some(cost) = model.pricing.estimate(&order) else {
                return wrong("price", "makes the dearest request too dear to be counted");
            };
            if model
                .pricing
                .ceiling()
                .is_some_and(|ceiling| cost > ceiling)
            {
                return wrong("ceiling", format!("is below the dearest request's {cost}"));
            }
        }
    }
    Ok(())
}
