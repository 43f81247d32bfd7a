//! The fields of a request, read one by one. Each reader notes what is wrong and gives the value only
//! when it is good.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::json::Object;
use super::{MAX_CALLBACK_URL, MAX_FAULTS};
use crate::Fault;
use crate::catalogue::{Choice, Model};
use crate::task::MediaKind;

/// The body while it is read: its fields, and the faults so far.
pub(super) struct Reading<'o, 'a> {
    object: &'o Object<'a>,
    faults: Vec<Fault>,
}

impl<'o, 'a> Reading<'o, 'a> {
    pub(super) fn new(object: &'o Object<'a>, faults: Vec<Fault>) -> Self {
        Self { object, faults }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn into_faults(mut self) -> Vec<Fault> {
        self.faults.truncate(MAX_FAULTS);
        self.faults
    }

    pub(super) fn fault(&mut self, param: impl Into<String>, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault::parameter(param, message));
        }
    }

    /// The field's raw value; `null` is as good as not given.
    pub(super) fn given(&self, field: &str) -> Option<&'a RawValue> {
        self.object.get(field).filter(|value| value.get() != "null")
    }

    /// A text, decoded. Notes another type.
    pub(super) fn text(&mut self, field: &str) -> Option<Cow<'a, str>> {
        let value = self.given(field)?;
        let text = text(value);
        if text.is_none() {
            let kind = kind_of(value);
            self.fault(field, format!("{field} must be a string, not {kind}"));
        }
        text
    }

    pub(super) fn model(&mut self) -> Option<Cow<'a, str>> {
        if self.given("model").is_none() {
            self.fault("model", "model is required");
            return None;
        }
        let name = self.text("model")?;
        if name.trim().is_empty() {
            self.fault("model", "model cannot be empty");
            return None;
        }
        Some(name)
    }

    /// The model, if this endpoint takes it.
    pub(super) fn of_kind<'c>(&mut self, model: &'c Model, kind: MediaKind) -> Option<&'c Model> {
        if model.kind() == kind {
            return Some(model);
        }
        let (name, own) = (model.name(), model.kind());
        let article = if own == MediaKind::Video { "a" } else { "an" };
        self.fault(
            "model",
            format!(
                "{name} is {article} {} model: send it to /v1{}, not to /v1{}",
                own.as_str(),
                own.path(),
                kind.path()
            ),
        );
        None
    }

    /// Seconds. `None`: not given, or wrong.
    pub(super) fn duration(&mut self, model: Option<&Model>) -> Option<u32> {
        let value = self.given("duration")?;
        // A model without a length: EvoLink's business.
        let durations = match model {
            Some(model) => Some(model.durations()?),
            None => None,
        };
        let rule = durations.map(ToString::to_string);
        let must_be = |what: &str| match &rule {
            Some(rule) => format!("duration must be {rule}{what}"),
            None => format!("duration must be a whole number of seconds{what}"),
        };
        let wrong = match integer(value) {
            Ok(seconds) if durations.is_none_or(|allowed| allowed.allows(seconds)) => {
                return Some(seconds);
            }
            Ok(_) => must_be(""),
            Err(NotAnInteger::Negative) => must_be(": it cannot be negative"),
            Err(NotAnInteger::TooLarge) => must_be(": the number is too large"),
            Err(NotAnInteger::Other(why)) => format!("duration must be an integer, {why}"),
        };
        self.fault("duration", wrong);
        None
    }

    /// How many results. `None`: not given, not known to the model, or wrong.
    pub(super) fn outputs(&mut self, model: Option<&Model>) -> Option<u32> {
        let most = model?.outputs()?;
        let value = self.given("n")?;
        match integer(value) {
            Ok(count) if (1..=most).contains(&count) => return Some(count),
            Err(NotAnInteger::Other(why)) => {
                self.fault("n", format!("n must be an integer, {why}"));
            }
            _ => self.fault("n", format!("n must be between 1 and {most}")),
        }
        None
    }

    /// One of the values that the catalogue has for this field of the model.
    pub(super) fn choice<'c>(
        &mut self,
        field: &str,
        model: Option<&'c Model>,
        choice: fn(&'c Model) -> Option<&'c Choice>,
    ) -> Option<&'c str> {
        let Some(model) = model else {
            // Its type can be judged all the same.
            self.text(field);
            return None;
        };
        // A field that the model's entry does not know is passed on unread.
        let choice = choice(model)?;
        let text = self.text(field)?;
        let value = choice.get(&text);
        if value.is_none() {
            self.fault(field, format!("{field} must be {choice}"));
        }
        value
    }

    pub(super) fn boolean(&mut self, field: &str) -> Option<bool> {
        let value = self.given(field)?;
        match value.get() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                let kind = kind_of(value);
                self.fault(field, format!("{field} must be true or false, not {kind}"));
                None
            }
        }
    }

    pub(super) fn callback_url(
        &mut self,
        judge: &dyn Fn(&str) -> Result<(), String>,
    ) -> Option<String> {
        const FIELD: &str = "callback_url";
        let url = self.text(FIELD)?;
        let verdict = if url.is_empty() {
            Err("it is empty".to_owned())
        } else if url.chars().count() > MAX_CALLBACK_URL {
            Err(format!("it may have at most {MAX_CALLBACK_URL} characters"))
        } else {
            judge(&url)
        };
        match verdict {
            Ok(()) => Some(url.into_owned()),
            Err(reason) => {
                self.fault(FIELD, format!("{FIELD} is not allowed: {reason}"));
                None
            }
        }
    }
}

/// Why a JSON value is no integer that can be used.
pub(super) enum NotAnInteger {
    Negative,
    TooLarge,
    /// Why, as the rest of a sentence.
    Other(String),
}

/// Reads an integer literal: digits and nothing else.
pub(super) fn integer(value: &RawValue) -> Result<u32, NotAnInteger> {
    let text = value.get();
    let (negative, digits) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match digits.parse() {
            _ if negative => Err(NotAnInteger::Negative),
            Ok(number) => Ok(number),
            Err(_) => Err(NotAnInteger::TooLarge),
        };
    }
    let why = if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        format!("not {}", kind_of(value))
    } else if digits.contains('.') {
        format!("without a decimal point: {}", shown(text))
    } else {
        format!("without an exponent: {}", shown(text))
    };
    Err(NotAnInteger::Other(why))
}

/// A JSON string, decoded; `None` for anything else.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let raw = value.get();
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// What a value is, with its article.
pub(super) fn kind_of(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A client's own text for a message: cut short, control characters made visible.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 64;
    let mut short: String = text.chars().take(MOST).flat_map(plain).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

fn plain(c: char) -> impl Iterator<Item = char> {
    let odd = c.is_control() || super::prompt::is_invisible(c);
    let escaped = odd.then(|| c.escape_unicode());
    let itself = (!odd).then_some(c);
    escaped.into_iter().flatten().chain(itself)
}
