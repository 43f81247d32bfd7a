//! What a request is expected to cost.
//!
//! Integers only: a price is in micro-credits, and where a division is needed (`per_hour`) the
//! estimate is rounded up to the next micro-credit.

use crate::Credits;

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BillingRule {
    /// A second of the result.
    PerSecond,
    /// An hour of the result.
    PerHour,
    /// A result, however long.
    PerCall,
    /// An image.
    PerImage,
    /// A token; how many is only known afterwards.
    PerToken,
    /// A thousand tokens; how many is only known afterwards.
    Per1k,
}

impl BillingRule {
    /// Every rule.
    pub const ALL: [Self; 6] = [
        Self::PerSecond,
        Self::PerHour,
        Self::PerCall,
        Self::PerImage,
        Self::PerToken,
        Self::Per1k,
    ];

    /// As EvoLink's `usage.billing_rule` and price lists say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerSecond => "per_second",
            Self::PerHour => "per_hour",
            Self::PerCall => "per_call",
            Self::PerImage => "per_image",
            Self::PerToken => "per_token",
            Self::Per1k => "per_1k",
        }
    }

    /// Whether the price depends on the length.
    pub const fn needs_seconds(self) -> bool {
        matches!(self, Self::PerSecond | Self::PerHour)
    }

    /// Whether only a ceiling can be held, since the quantity is not known beforehand.
    pub const fn needs_ceiling(self) -> bool {
        matches!(self, Self::PerToken | Self::Per1k)
    }
}

/// What a request's price depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order<'a> {
    /// The length, in seconds.
    pub seconds: Option<u32>,
    /// The quality.
    pub quality: Option<&'a str>,
    /// How many results.
    pub outputs: u32,
    /// With a sound track.
    pub audio: bool,
    /// With reference video.
    pub reference_video: bool,
}

/// One result as a request that says nothing gets it: with sound, without reference video.
impl Default for Order<'_> {
    fn default() -> Self {
        Self {
            seconds: None,
            quality: None,
            outputs: 1,
            audio: true,
            reference_video: false,
        }
    }
}

/// Credits per unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prices {
    /// The same at every quality.
    Same(Credits),
    /// By quality, in the order of the model's qualities.
    ByQuality(Vec<(Box<str>, Credits)>),
}

impl Prices {
    /// The price at a quality; `None` when there is none.
    pub fn of(&self, quality: Option<&str>) -> Option<Credits> {
        match self {
            Self::Same(price) => Some(*price),
            Self::ByQuality(prices) => {
                let quality = quality?;
                (prices.iter())
                    .find(|(name, _)| &**name == quality)
                    .map(|(_, price)| *price)
            }
        }
    }
}

/// A model's prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pricing {
    pub(super) rule: BillingRule,
    pub(super) prices: Prices,
    pub(super) without_audio: Option<Prices>,
    pub(super) reference_video_seconds: u32,
    pub(super) approximate: Vec<Box<str>>,
    pub(super) assumed: bool,
    pub(super) ceiling: Option<Credits>,
}

impl Pricing {
    /// What the prices are for.
    pub fn rule(&self) -> BillingRule {
        self.rule
    }

    /// Credits per unit, with or without a sound track.
    pub fn prices(&self, audio: bool) -> &Prices {
        match &self.without_audio {
            Some(prices) if !audio => prices,
            _ => &self.prices,
        }
    }

    /// Credits per unit without a sound track, where that is another price.
    pub fn without_audio(&self) -> Option<&Prices> {
        self.without_audio.as_ref()
    }

    /// Seconds that are billed on top when reference video is used.
    pub fn reference_video_seconds(&self) -> u32 {
        self.reference_video_seconds
    }

    /// Qualities whose price is not to the digit.
    pub fn approximate(&self) -> impl ExactSizeIterator<Item = &str> {
        self.approximate.iter().map(|quality| &**quality)
    }

    /// No price is public that was checked against a bill.
    pub fn assumed(&self) -> bool {
        self.assumed
    }

    /// The most that one request is held for, where the price is assumed.
    pub fn ceiling(&self) -> Option<Credits> {
        self.ceiling
    }

    /// What the order is expected to cost; `None` when it has no price or one that can't be counted.
    pub(super) fn estimate(&self, order: &Order<'_>) -> Option<Credits> {
        if self.rule.needs_ceiling() {
            return self.ceiling;
        }
        let price = self.prices(order.audio).of(order.quality)?;
        let extra = if order.reference_video {
            self.reference_video_seconds
        } else {
            0
        };
        let seconds = || i64::from(order.seconds?).checked_add(i64::from(extra));
        let one = match self.rule {
            BillingRule::PerSecond => price.checked_mul(seconds()?)?,
            BillingRule::PerHour => {
                let total = price.micro().checked_mul(seconds()?)?;
                Credits::from_micro(total.checked_add(3599)? / 3600)?
            }
            _ => price,
        };
        one.checked_mul(i64::from(order.outputs))
    }
}
