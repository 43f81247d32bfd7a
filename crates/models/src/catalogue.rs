//! The models that tenants may ask for: limits, prices and usual times, as data.
//!
//! The data is `config/catalogue.toml`, compiled in, or a file of the admin's that replaces it. What
//! is read here has been checked as a whole: a [`Model`] has no default outside its own limits, a
//! price for each of its qualities, and a usual time for everything that can be asked of it.

mod describe;
mod file;
mod limits;
mod price;
mod times;

use std::collections::HashMap;

pub use describe::ModelDescription;
pub use limits::{Choice, Count, Durations, Media, MediaLimits, PromptRule};
pub use price::{BillingRule, Order, Prices, Pricing};
pub use times::Times;

use crate::Credits;
use crate::task::MediaKind;

/// The catalogue that is compiled in, as text.
pub const BUILTIN: &str = include_str!("../../../config/catalogue.toml");

/// Every model, in the order of its file.
#[derive(Debug, Clone)]
pub struct Catalogue {
    models: Vec<Model>,
    index: HashMap<Box<str>, usize>,
}

impl Catalogue {
    /// Reads and checks a catalogue; `config/catalogue.toml` explains the keys.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let models = file::parse(text)?;
        let mut index = HashMap::with_capacity(models.len());
        for (place, model) in models.iter().enumerate() {
            if index.insert(model.name.clone(), place).is_some() {
                return Err(CatalogueError::model(&model.name, "name", "is used twice"));
            }
        }
        Ok(Self { models, index })
    }

    /// The catalogue that is compiled in.
    pub fn builtin() -> Result<Self, CatalogueError> {
        Self::parse(BUILTIN)
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.get(*self.index.get(name)?)
    }

    /// All models, in the order of the file.
    pub fn models(&self) -> impl ExactSizeIterator<Item = &Model> {
        self.models.iter()
    }
}

/// One model. See `config/catalogue.toml` for what each property means.
#[derive(Debug, Clone)]
pub struct Model {
    name: Box<str>,
    kind: MediaKind,
    durations: Option<Durations>,
    qualities: Option<Choice>,
    aspect_ratios: Option<Choice>,
    outputs: Option<u32>,
    media: MediaLimits,
    prompt: PromptRule,
    pricing: Pricing,
    times: times::Profile,
}

impl Model {
    /// EvoLink's name of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it makes, which is also the endpoint that takes it.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The lengths that may be asked for, in seconds; `None` where it has no length.
    pub fn durations(&self) -> Option<&Durations> {
        self.durations.as_ref()
    }

    /// The values of `quality`; `None` where the field is passed on unread.
    pub fn qualities(&self) -> Option<&Choice> {
        self.qualities.as_ref()
    }

    /// The values of `aspect_ratio`; `None` where the field is passed on unread.
    pub fn aspect_ratios(&self) -> Option<&Choice> {
        self.aspect_ratios.as_ref()
    }

    /// The most results that `n` may ask for; `None` where `n` is passed on unread.
    pub fn outputs(&self) -> Option<u32> {
        self.outputs
    }

    /// How many media URLs it takes.
    pub fn media(&self) -> &MediaLimits {
        &self.media
    }

    /// What its prompt must be.
    pub fn prompt(&self) -> &PromptRule {
        &self.prompt
    }

    /// What it costs.
    pub fn pricing(&self) -> &Pricing {
        &self.pricing
    }

    /// Whether its price is assumed: EvoLink publishes none that was checked against a bill.
    pub fn assumed(&self) -> bool {
        self.pricing.assumed()
    }

    /// Credits per unit of its billing rule, at this quality (its default where `None`).
    pub fn price(&self, quality: Option<&str>) -> Option<Credits> {
        let quality = quality.or_else(|| Some(self.qualities()?.default()));
        self.pricing.prices(true).of(quality)
    }

    /// What one request is expected to cost, rounded up to a micro-credit: the amount that is held.
    /// What is left open in the order counts as the model's default.
    pub fn estimate(&self, order: &Order<'_>) -> Credits {
        let order = self.completed(order);
        // The parser has priced the dearest request of every model, so this always has an answer.
        self.pricing.estimate(&order).unwrap_or(Credits::MAX)
    }

    /// When such a task usually ends.
    pub fn times(&self, seconds: Option<u32>, quality: Option<&str>) -> Times {
        let order = self.completed(&Order {
            seconds,
            quality,
            ..Order::default()
        });
        self.times
            .of(order.seconds, order.quality)
            .unwrap_or_default()
    }

    /// What EvoLink shows as `estimated_time`, in seconds.
    pub fn estimated_time(&self, seconds: Option<u32>, quality: Option<&str>) -> u32 {
        self.times(seconds, quality).estimate
    }

    /// The shortest and the longest usual time of such a task, in seconds.
    pub fn expected_seconds(&self, seconds: Option<u32>, quality: Option<&str>) -> (u32, u32) {
        let times = self.times(seconds, quality);
        (times.shortest, times.longest)
    }

    /// The model as `GET /v1/models` shows it.
    pub fn describe(&self) -> ModelDescription<'_> {
        ModelDescription::of(self)
    }

    fn completed<'a>(&'a self, order: &Order<'a>) -> Order<'a> {
        Order {
            seconds: order.seconds.or_else(|| Some(self.durations()?.default())),
            quality: order.quality.or_else(|| Some(self.qualities()?.default())),
            ..*order
        }
    }
}

/// What is wrong with a catalogue: which model, which key, why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// Not TOML, or not of the catalogue's form above the models.
    #[error("the catalogue: {0}")]
    File(String),
    /// A model's entry.
    #[error("the catalogue: model `{model}`: {}{reason}", key.as_deref().map(|key| format!("`{key}` ")).unwrap_or_default())]
    Model {
        /// The model's name, or its place in the file where it has none.
        model: String,
        /// The key, where the mistake is one key's.
        key: Option<String>,
        /// What is wrong with it.
        reason: String,
    },
}

impl CatalogueError {
    fn model(model: &str, key: &str, reason: impl Into<String>) -> Self {
        Self::Model {
            model: model.to_owned(),
            key: Some(key.to_owned()),
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests;
