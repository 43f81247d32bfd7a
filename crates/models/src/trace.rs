//! W3C Trace Context's `traceparent` (<https://www.w3.org/TR/trace-context/>): which trace something belongs
//! to, and which span of that trace it was caused by.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The length of a `traceparent` of version 00; later versions may only add to it.
const LENGTH: usize = 55;
/// The caller records the trace.
const SAMPLED: u8 = 1;
/// The flags that have a meaning today: sampled, and that the trace's id is random.
const KNOWN: u8 = SAMPLED | 2;

/// A trace, and a span of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    parent: u64,
    flags: u8,
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a traceparent of W3C Trace Context")]
pub struct InvalidTraceParent;

impl TraceParent {
    /// None where an id is zero: those stand for no trace and no span.
    pub fn new(trace: u128, parent: u64, sampled: bool) -> Option<Self> {
        let flags = if sampled { SAMPLED } else { 0 };
        (trace != 0 && parent != 0).then_some(Self {
            trace,
            parent,
            flags,
        })
    }

    /// A trace that begins here. The ids should be random; zeros, which stand for nothing, become ones.
    pub const fn begin(trace: u128, parent: u64, sampled: bool) -> Self {
        Self {
            trace: if trace == 0 { 1 } else { trace },
            parent: if parent == 0 { 1 } else { parent },
            flags: if sampled { SAMPLED } else { 0 },
        }
    }

    /// Another span of the same trace.
    #[must_use]
    pub const fn at(self, parent: u64) -> Self {
        Self {
            parent: if parent == 0 { 1 } else { parent },
            ..self
        }
    }

    /// The trace's id.
    pub const fn trace(self) -> u128 {
        self.trace
    }

    /// The span's id.
    pub const fn parent(self) -> u64 {
        self.parent
    }

    /// As few bytes: the trace's id, the span's, the flags.
    pub fn to_bytes(self) -> [u8; 25] {
        let mut bytes = [0; 25];
        let (ids, flags) = bytes.split_at_mut(24);
        let (trace, parent) = ids.split_at_mut(16);
        trace.copy_from_slice(&self.trace.to_be_bytes());
        parent.copy_from_slice(&self.parent.to_be_bytes());
        flags.fill(self.flags);
        bytes
    }

    /// What [`TraceParent::to_bytes`] made; none where an id is zero.
    pub fn from_bytes(bytes: [u8; 25]) -> Option<Self> {
        let (trace, rest) = bytes.split_first_chunk()?;
        let (parent, flags) = rest.split_first_chunk()?;
        let parsed = Self {
            trace: u128::from_be_bytes(*trace),
            parent: u64::from_be_bytes(*parent),
            flags: flags.first()? & KNOWN,
        };
        (parsed.trace != 0 && parsed.parent != 0).then_some(parsed)
    }

    /// Does its caller record the trace?
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace,
            parent,
            flags,
        } = self;
        write!(f, "00-{trace:032x}-{parent:016x}-{flags:02x}")
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let known = text.get(..LENGTH).ok_or(InvalidTraceParent)?;
        let mut parts = known.split('-');
        let mut hex = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length);
            let part =
                part.filter(|part| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
            u128::from_str_radix(part?, 16).ok()
        };
        let (version, trace, parent, flags) = (hex(2), hex(32), hex(16), hex(2));
        let added = text.get(LENGTH..).unwrap_or_default();
        let whole = match version {
            None | Some(0xff) => false,
            Some(0) => added.is_empty(),
            Some(_) => added.is_empty() || added.starts_with('-'),
        };
        let number = |part: Option<u128>| part.ok_or(InvalidTraceParent);
        let parent = u64::try_from(number(parent)?).map_err(|_| InvalidTraceParent)?;
        let flags = u8::try_from(number(flags)?).map_err(|_| InvalidTraceParent)?;
        let parsed = Self::new(number(trace)?, parent, false).ok_or(InvalidTraceParent)?;
        if !whole {
            return Err(InvalidTraceParent);
        }
        Ok(Self {
            flags: flags & KNOWN,
            ..parsed
        })
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceParent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_good_one_is_read_and_written_as_it_is() {
        let parsed: TraceParent = GOOD.parse().unwrap();
        assert_eq!(parsed.to_string(), GOOD);
        assert!(parsed.is_sampled());
        assert_eq!(parsed.trace(), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(parsed.parent(), 0xb7ad_6b71_6920_3331);
        assert_eq!(serde_json::to_value(parsed).unwrap(), GOOD);
        let read: TraceParent = serde_json::from_value(GOOD.into()).unwrap();
        assert_eq!(read, parsed);
    }

    #[test]
    fn its_bytes_are_read_as_it_was() {
        let parsed: TraceParent = GOOD.parse().unwrap();
        assert_eq!(TraceParent::from_bytes(parsed.to_bytes()), Some(parsed));
        assert_eq!(TraceParent::from_bytes([0; 25]), None);
    }

    #[test]
    fn later_versions_are_read_as_far_as_they_are_known_and_flags_likewise() {
        let later = GOOD.replacen("00", "cc", 1);
        for text in [later.clone(), format!("{later}-what-comes")] {
            assert_eq!(text.parse::<TraceParent>().unwrap().to_string(), GOOD);
        }
        let flags = GOOD.replace("-01", "-ff");
        assert_eq!(
            flags.parse::<TraceParent>().unwrap().to_string(),
            GOOD.replace("-01", "-03")
        );
    }

    #[test]
    fn what_is_malformed_is_none() {
        let zero_trace = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let zero_parent = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
        let malformed = [
            String::new(),
            "00".to_owned(),
            zero_trace.to_owned(),
            zero_parent.to_owned(),
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            format!("{GOOD}-more"),
            format!("{GOOD}0"),
            GOOD.replacen("00", "cc", 1) + "x",
            GOOD.replace('-', "_"),
            GOOD.replacen("0a", "+a", 1),
            GOOD.replacen("0a", "é", 1),
        ];
        for text in malformed {
            assert_eq!(
                text.parse::<TraceParent>(),
                Err(InvalidTraceParent),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = text.parse::<TraceParent>();
        }

        #[test]
        fn what_is_written_is_read(trace in 1_u128.., parent in 1_u64.., sampled: bool) {
            let made = TraceParent::new(trace, parent, sampled).unwrap();
            prop_assert_eq!(made.to_string().parse(), Ok(made));
        }
    }
}
