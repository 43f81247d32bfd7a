//! What a metric is, and how it is counted at the cost of a few atomic operations: the handle of each series
//! is looked up once, at its first use, and kept in a place that the values of its labels lead to.

use std::sync::OnceLock;

use ::metrics as facade;
use facade::{Key, Recorder as _};

use super::recorder::recorder;

/// What `/metrics` and `docs/metrics.md` say of a metric.
#[derive(Debug)]
pub struct Metric {
    /// The name, with the prefix `evogate_`; counters end in `_total`, and others in their unit, if any.
    pub name: &'static str,
    /// What its numbers are.
    pub kind: Kind,
    /// In what it is measured.
    pub unit: &'static str,
    /// Its labels.
    pub labels: &'static [Label],
    /// What it tells.
    pub help: &'static str,
    /// The upper bounds of a histogram's buckets; none for the other kinds.
    pub buckets: &'static [f64],
}

/// What the numbers of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They only grow, from 0 at the process's start.
    Counter,
    /// How it is now.
    Gauge,
    /// How many fell into which bucket, and their sum.
    Histogram,
}

impl Kind {
    /// As Prometheus names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label, which has few values: never a task, a key, a user or a URL.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it can be.
    pub values: Values,
}

/// The values of a label.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// These. Where `other` is among them, it stands for all that are not.
    OneOf(&'static [&'static str]),
    /// What this describes, bounded by whoever counts.
    Any(&'static str),
}

impl Label {
    /// Where a value has its place; all places for none.
    fn place(&self, value: &str) -> Option<usize> {
        let Values::OneOf(values) = self.values else {
            return None;
        };
        let place = |wanted: &str| values.iter().position(|known| *known == wanted);
        place(value).or_else(|| place("other"))
    }

    const fn places(&self) -> usize {
        match self.values {
            Values::OneOf(values) => values.len(),
            Values::Any(_) => 0,
        }
    }
}

/// A kind of series in the exporter.
pub trait Handle: Send + Sync + 'static {
    /// Which kind.
    const KIND: Kind;
    /// The series of that name and those labels.
    fn register(key: &Key, metadata: &facade::Metadata<'_>) -> Self;
}

impl Handle for facade::Counter {
    const KIND: Kind = Kind::Counter;

    fn register(key: &Key, metadata: &facade::Metadata<'_>) -> Self {
        recorder().register_counter(key, metadata)
    }
}

impl Handle for facade::Gauge {
    const KIND: Kind = Kind::Gauge;

    fn register(key: &Key, metadata: &facade::Metadata<'_>) -> Self {
        recorder().register_gauge(key, metadata)
    }
}

impl Handle for facade::Histogram {
    const KIND: Kind = Kind::Histogram;

    fn register(key: &Key, metadata: &facade::Metadata<'_>) -> Self {
        recorder().register_histogram(key, metadata)
    }
}

/// A metric with the handles of its series; `N` labels.
#[derive(Debug)]
pub struct Family<H, const N: usize> {
    metric: Metric,
    series: OnceLock<Box<[OnceLock<H>]>>,
}

/// Counters with `N` labels.
pub type Counters<const N: usize> = Family<facade::Counter, N>;
/// Gauges with `N` labels.
pub type Gauges<const N: usize> = Family<facade::Gauge, N>;
/// Histograms with `N` labels.
pub type Histograms<const N: usize> = Family<facade::Histogram, N>;

impl<H: Handle, const N: usize> Family<H, N> {
    /// Nothing is registered yet.
    pub(super) const fn new(
        name: &'static str,
        unit: &'static str,
        labels: &'static [Label; N],
        help: &'static str,
        buckets: &'static [f64],
    ) -> Self {
        Self {
            metric: Metric {
                name,
                kind: H::KIND,
                unit,
                labels,
                help,
                buckets,
            },
            series: OnceLock::new(),
        }
    }

    /// The handle of one series, for who keeps it: its values are bounded by the caller.
    pub fn handle(&self, values: [&str; N]) -> H {
        let labels = self.metric.labels.iter().zip(values);
        let labels = labels.map(|(label, value)| facade::Label::new(label.name, value.to_owned()));
        let key = Key::from_parts(self.metric.name, labels.collect::<Vec<_>>());
        let level = facade::Level::INFO;
        H::register(&key, &facade::Metadata::new("evogate", level, None))
    }

    /// Uses one series.
    fn with(&self, values: [&str; N], used: impl FnOnce(&H)) {
        let places = self.metric.labels.iter().zip(values);
        let place = places.clone().try_fold(0_usize, |before, (label, value)| {
            let own = label.place(value)?;
            before.checked_mul(label.places())?.checked_add(own)
        });
        let Some(place) = place else {
            debug_assert!(
                self.is_open(),
                "{}: {values:?} is not in the list",
                self.metric.name
            );
            return used(&self.handle(values));
        };
        if let Some(series) = self.series().get(place) {
            used(series.get_or_init(|| {
                let mut own = values;
                for (value, (label, given)) in own.iter_mut().zip(places) {
                    if let Values::OneOf(known) = label.values {
                        *value = if known.contains(&given) {
                            given
                        } else {
                            "other"
                        };
                    }
                }
                self.handle(own)
            }));
        }
    }

    fn series(&self) -> &[OnceLock<H>] {
        self.series.get_or_init(|| {
            let places = self.metric.labels.iter().map(Label::places);
            (0..places.product()).map(|_| OnceLock::new()).collect()
        })
    }

    /// Has it a label whose values nobody can list?
    fn is_open(&self) -> bool {
        let open = |label: &Label| matches!(label.values, Values::Any(_));
        self.metric.labels.iter().any(open)
    }
}

impl<H: Handle> Family<H, 1> {
    /// Uses the series of the value that has this place in the list of its label.
    pub fn at(&self, place: usize, used: impl FnOnce(&H)) {
        let Some(Label {
            values: Values::OneOf(values),
            ..
        }) = self.metric.labels.first()
        else {
            return;
        };
        if let (Some(series), Some(value)) = (self.series().get(place), values.get(place)) {
            used(series.get_or_init(|| self.handle([value])));
        }
    }
}

impl<const N: usize> Counters<N> {
    /// Counts one.
    pub fn one(&self, values: [&str; N]) {
        self.add(values, 1);
    }

    /// Counts so many.
    pub fn add(&self, values: [&str; N], count: u64) {
        self.with(values, |counter| counter.increment(count));
    }
}

impl<const N: usize> Gauges<N> {
    /// Says how it is.
    pub fn set(&self, values: [&str; N], value: f64) {
        self.with(values, |gauge| gauge.set(value));
    }

    /// Changes it by so much.
    pub fn change(&self, values: [&str; N], by: f64) {
        self.with(values, |gauge| gauge.increment(by));
    }
}

impl<const N: usize> Histograms<N> {
    /// Takes a value.
    pub fn record(&self, values: [&str; N], value: f64) {
        self.with(values, |histogram| histogram.record(value));
    }
}

/// A metric in the list of all.
pub trait Listed: Sync {
    /// What it is.
    fn metric(&self) -> &Metric;
    /// Shows the series that can be shown before anything has happened: counters at 0, so that the first
    /// event is a rise that can be seen.
    fn show(&self);
}

/// The most series that a counter begins with.
const AT_FIRST: usize = 40;

impl<H: Handle, const N: usize> Listed for Family<H, N> {
    fn metric(&self) -> &Metric {
        &self.metric
    }

    fn show(&self) {
        let metric = &self.metric;
        if metric.kind != Kind::Counter || self.is_open() || self.series().len() > AT_FIRST {
            return;
        }
        for place in 0..self.series().len() {
            let (mut rest, mut values) = (place, [""; N]);
            for (value, label) in values.iter_mut().zip(metric.labels).rev() {
                if let Values::OneOf(known) = label.values {
                    let own = rest.checked_rem(known.len()).and_then(|own| known.get(own));
                    *value = own.copied().unwrap_or_default();
                    rest = rest.checked_div(known.len()).unwrap_or(0);
                }
            }
            self.with(values, |_| ());
        }
    }
}
