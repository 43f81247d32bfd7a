//! `refused`: what is kept of submits that were refused.

use super::reader::Reader;

/// `refused`: beside who, when, where and why, which are always kept.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// The prompt too?
    pub keep_prompts: bool,
}

impl Refused {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let keep_prompts = from.required("refused.keep_prompts")?;
        Some(Self { keep_prompts })
    }
}
