//! A generation request, read and judged as EvoLink does: the first fault found is the answer.

use serde_json::{Map, Value};
use url::{Host, Url};

use crate::catalogue::{self, Kind, Lengths, Model, Price};
use crate::money::Micro;
use crate::refusal::{Refusal, invalid_parameter, model_not_found};

const CALLBACK_URL_LIMIT: usize = 2048;
const MEDIA_FIELDS: [&str; 3] = ["image_urls", "video_urls", "audio_urls"];

/// A request that EvoLink would accept, if the credits suffice.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    pub(crate) model: &'static Model,
    pub(crate) model_name: String,
    pub(crate) prompt: String,
    pub(crate) seconds: u32,
    pub(crate) quality: String,
    pub(crate) price: Micro,
    pub(crate) callback_url: Option<String>,
}

/// Which addresses are taken.
pub(crate) struct UrlRules<'a> {
    pub(crate) local_callbacks: bool,
    /// Uploads to the simulator are addressed under this base, loopback or not.
    pub(crate) own_base: &'a str,
}

/// The prompt of a body, whatever else is wrong with it.
pub(crate) fn prompt_of(body: &Value) -> Option<&str> {
    body.get("prompt").and_then(Value::as_str)
}

pub(crate) fn read(kind: Kind, body: &Value, urls: &UrlRules<'_>) -> Result<Generation, Refusal> {
    let fields = body
        .as_object()
        .ok_or_else(|| invalid_parameter("request body must be a JSON object"))?;
    let model_name = text(fields, "model")?
        .filter(|name| !name.is_empty())
        .ok_or_else(|| invalid_parameter("model cannot be empty"))?;
    let model = catalogue::find(kind, model_name).ok_or_else(|| model_not_found(model_name))?;
    let prompt = text(fields, "prompt")?
        .filter(|prompt| !prompt.trim().is_empty())
        .ok_or_else(|| invalid_parameter("prompt cannot be empty"))?;
    let seconds = seconds(model, fields.get("duration"))?;
    let (quality, price) = quality(model, text(fields, "quality")?, seconds)?;
    if let Some(ratio) = text(fields, "aspect_ratio")?
        && !model.ratios.is_empty()
        && !model.ratios.contains(&ratio)
    {
        return Err(one_of("aspect_ratio", model.ratios.iter().copied()));
    }
    if present(fields, "generate_audio").is_some_and(|value| !value.is_boolean()) {
        return Err(invalid_parameter("generate_audio must be a boolean"));
    }
    for (name, limit) in MEDIA_FIELDS.into_iter().zip(model.references) {
        references(model_name, name, limit, fields, urls)?;
    }
    let callback_url = text(fields, "callback_url")?;
    if let Some(target) = callback_url {
        callback(target, urls)?;
    }
    Ok(Generation {
        model,
        model_name: model_name.to_owned(),
        prompt: prompt.to_owned(),
        seconds,
        quality: quality.to_owned(),
        price,
        callback_url: callback_url.map(str::to_owned),
    })
}

fn present<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match present(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid_parameter(format!("{name} must be a string"))),
    }
}

fn seconds(model: &Model, value: Option<&Value>) -> Result<u32, Refusal> {
    let value = match value {
        None | Some(Value::Null) => return Ok(model.default_seconds()),
        Some(value) => value,
    };
    let asked = value
        .as_u64()
        .and_then(|seconds| u32::try_from(seconds).ok());
    let (fits, message) = match model.lengths {
        Lengths::Range(least, most) => (
            asked.is_some_and(|seconds| (least..=most).contains(&seconds)),
            format!("duration must be between {least} and {most}"),
        ),
        Lengths::OneOf(choices) => (
            asked.is_some_and(|seconds| choices.contains(&seconds)),
            format!("duration must be one of: {}", list(choices.iter())),
        ),
        Lengths::Free => (asked.is_some(), "duration must be an integer".to_owned()),
    };
    asked
        .filter(|_| fits)
        .ok_or_else(|| invalid_parameter(message))
}

fn quality<'a>(
    model: &Model,
    asked: Option<&'a str>,
    seconds: u32,
) -> Result<(&'a str, Micro), Refusal> {
    let quality = asked.unwrap_or("720p");
    match (model.price(seconds, quality), model.price) {
        (Some(price), _) => Ok((quality, price)),
        (None, Price::PerSecond(table)) => Err(one_of("quality", table.iter().map(|row| row.0))),
        (None, Price::PerCall(_)) => Err(invalid_parameter("quality is not supported")),
    }
}

fn references(
    model: &str,
    name: &str,
    limit: usize,
    fields: &Map<String, Value>,
    urls: &UrlRules<'_>,
) -> Result<(), Refusal> {
    let Some(value) = present(fields, name) else {
        return Ok(());
    };
    let Some(items) = value.as_array() else {
        return Err(invalid_parameter(format!("{name} must be an array")));
    };
    if items.is_empty() {
        return Ok(());
    }
    if limit == 0 {
        return Err(invalid_parameter(format!(
            "{name} is not supported by model {model}"
        )));
    }
    if items.len() > limit {
        return Err(invalid_parameter(format!(
            "{name} must contain at most {limit} item{}",
            if limit == 1 { "" } else { "s" }
        )));
    }
    for item in items {
        let address = item.as_str().unwrap_or_default();
        if !address.starts_with(urls.own_base) && !is_public(address) {
            return Err(invalid_parameter(format!(
                "{name} must contain publicly accessible http(s) URLs"
            )));
        }
    }
    Ok(())
}

fn callback(target: &str, urls: &UrlRules<'_>) -> Result<(), Refusal> {
    if target.len() > CALLBACK_URL_LIMIT {
        return Err(invalid_parameter(format!(
            "callback_url must be at most {CALLBACK_URL_LIMIT} characters"
        )));
    }
    let parsed =
        Url::parse(target).map_err(|_| invalid_parameter("callback_url is not a valid URL"))?;
    if urls.local_callbacks {
        return if matches!(parsed.scheme(), "http" | "https") {
            Ok(())
        } else {
            Err(invalid_parameter("callback_url must use http or https"))
        };
    }
    if parsed.scheme() != "https" {
        return Err(invalid_parameter("callback_url must use https"));
    }
    if is_public(target) {
        Ok(())
    } else {
        Err(invalid_parameter(
            "callback_url must not point to a private host",
        ))
    }
}

/// Judges the text of an address alone; nothing is looked up.
fn is_public(address: &str) -> bool {
    if !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let Ok(parsed) = Url::parse(address) else {
        return false;
    };
    if !matches!(parsed.scheme(), "http" | "https") {
        return false;
    }
    match parsed.host() {
        None => false,
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.contains('.')
                && ![".local", ".internal", ".localhost", ".lan"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix))
        }
        Some(Host::Ipv4(ip)) => {
            !(ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast())
        }
        Some(Host::Ipv6(ip)) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some())
        }
    }
}

fn one_of<'a>(field: &str, choices: impl Iterator<Item = &'a str>) -> Refusal {
    invalid_parameter(format!("{field} must be one of: {}", list(choices)))
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}
