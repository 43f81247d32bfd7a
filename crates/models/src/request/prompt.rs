//! The prompt: that it says something, that it is not absurdly long, and that its references to media
//! (`@Image1`) have something to refer to.

use std::borrow::Cow;
use std::collections::HashSet;

use super::fields::Reading;
use super::media::Urls;
use crate::catalogue::{Media, Model};

impl<'a> Reading<'_, 'a> {
    /// The prompt, for its references; also where it is too long.
    pub(super) fn prompt(&mut self, model: Option<&Model>) -> Option<Cow<'a, str>> {
        const FIELD: &str = "prompt";
        let rule = model.map(Model::prompt);
        let stand_in = rule.and_then(|rule| rule.optional_with.as_deref());
        let may_be_empty = stand_in.is_some_and(|field| self.given(field).is_some());
        if self.given(FIELD).is_none() {
            if !may_be_empty {
                self.fault(FIELD, "prompt cannot be empty");
            }
            return None;
        }
        let prompt = self.text(FIELD)?;
        if is_blank(&prompt) {
            if !may_be_empty {
                self.fault(FIELD, "prompt cannot be empty");
            }
            return None;
        }
        if prompt.contains('\0') {
            self.fault(FIELD, "prompt must not contain NUL characters");
        }
        if let Some(most) = rule
            .map(|rule| rule.max_bytes)
            .filter(|most| prompt.len() > *most)
        {
            self.fault(FIELD, format!("prompt is too long: at most {most} bytes"));
        }
        Some(prompt)
    }

    /// Notes references to media that are not there. A text that merely looks like a reference is
    /// none of ours, so this only speaks where such media are given or the model takes them.
    pub(super) fn references(&mut self, prompt: &str, given: [Urls; 3], model: Option<&Model>) {
        let mut told = HashSet::new();
        for reference in references(prompt) {
            let Some((media, urls)) = Media::ALL
                .into_iter()
                .zip(given)
                .find(|(media, _)| *media == reference.media)
            else {
                continue;
            };
            let Urls::Given(count) = urls else { continue };
            let taken = model.is_some_and(|model| model.media().of(media).max > 0);
            let there =
                usize::try_from(reference.number).is_ok_and(|number| (1..=count).contains(&number));
            if there || (count == 0 && !taken) || !told.insert((media, reference.number)) {
                continue;
            }
            let (text, field) = (reference.text, media.field());
            let message = match count {
                _ if reference.number == 0 => {
                    format!("prompt refers to {text}, but numbering starts at 1")
                }
                0 => format!("prompt refers to {text}, but there are no {field}"),
                1 => format!("prompt refers to {text}, but {field} has only 1 URL"),
                _ => format!("prompt refers to {text}, but {field} has only {count} URLs"),
            };
            self.fault("prompt", message);
        }
    }
}

/// A reference as it stands in the prompt.
struct Reference<'p> {
    text: Cow<'p, str>,
    media: Media,
    number: u64,
}

/// Finds `@Image1` and the like, in any case. Not in `me@image1.com` or `@image1.com` (an address), nor
/// in `@image1st` or `@image_1` (somebody's handle).
fn references(prompt: &str) -> impl Iterator<Item = Reference<'_>> {
    prompt.match_indices('@').filter_map(|(place, _)| {
        let before = prompt.get(..place)?.chars().next_back();
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || "._%+-@".contains(c)) {
            return None;
        }
        let rest = prompt.get(place.checked_add(1)?..)?;
        let media = (Media::ALL.into_iter()).find(|media| {
            let word = media.word();
            rest.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        })?;
        let rest = rest.get(media.word().len()..)?;
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = rest.split_at_checked(length)?;
        if digits.is_empty() || !ends_a_reference(after) {
            return None;
        }
        let end = place
            .checked_add(1 + media.word().len())?
            .checked_add(length.min(20))?;
        Some(Reference {
            text: Cow::Borrowed(prompt.get(place..end)?),
            media,
            // More digits than a number holds: certainly not there.
            number: digits.parse().unwrap_or(u64::MAX),
        })
    })
}

fn ends_a_reference(after: &str) -> bool {
    let mut chars = after.chars();
    match (chars.next(), chars.next()) {
        (Some(c), _) if c.is_ascii_alphanumeric() || c == '_' || c == '@' => false,
        (Some('.' | '-'), Some(c)) => !c.is_ascii_alphanumeric(),
        _ => true,
    }
}

/// Nothing to see: white space and characters without a shape.
fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// Unicode's characters that leave no mark on paper and that are not white space by its definition:
/// fillers, zero-width and formatting characters, variation selectors, tags.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
