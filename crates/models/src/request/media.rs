//! `image_urls`, `video_urls`, `audio_urls`: how many, and whether EvoLink could fetch them.

use serde_json::value::RawValue;

use super::fields::{Reading, kind_of, text};
use crate::address::judge_media_url;
use crate::catalogue::{Count, Media, Model};

/// What a request gives of one kind of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urls {
    /// So many; 0 also when the field is not there.
    Given(usize),
    /// The field is no array.
    Wrong,
}

impl Urls {
    pub(super) fn given(self) -> usize {
        match self {
            Self::Given(count) => count,
            Self::Wrong => 0,
        }
    }
}

impl Reading<'_, '_> {
    /// Counts and judges the URLs of one kind.
    pub(super) fn urls(&mut self, media: Media, model: Option<&Model>) -> Urls {
        let field = media.field();
        let entries = match self.given(field) {
            None => Vec::new(),
            Some(value) => {
                let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else {
                    let kind = kind_of(value);
                    let message = format!("{field} must be an array of URLs, not {kind}");
                    self.fault(field, message);
                    return Urls::Wrong;
                };
                entries
            }
        };
        if let Some(model) = model {
            self.count(media, entries.len(), model);
        }
        for (index, entry) in entries.iter().enumerate() {
            let verdict = match text(entry) {
                None => Err(format!("must be a string, not {}", kind_of(entry))),
                Some(url) => {
                    judge_media_url(&url).map_err(|refused| format!("is not allowed: {refused}"))
                }
            };
            if let Err(reason) = verdict {
                let param = format!("{field}[{index}]");
                let message = format!("{param} {reason}");
                self.fault(param, message);
            }
        }
        Urls::Given(entries.len())
    }

    fn count(&mut self, media: Media, given: usize, model: &Model) {
        let (field, name) = (media.field(), model.name());
        let Count { min, max } = model.media().of(media);
        let message = if given > 0 && max == 0 {
            format!("{field} is not supported by {name}")
        } else if given > max {
            format!("{field} can have at most {max} for {name}, not {given}")
        } else if given < min {
            format!("{field} must have at least {min} for {name}")
        } else {
            return;
        };
        self.fault(field, message);
    }

    /// Audio alone is not enough for any model, and some models need a picture.
    pub(super) fn pictures(&mut self, given: [Urls; 3], model: Option<&Model>) {
        let [Urls::Given(images), Urls::Given(videos), audios] = given else {
            return;
        };
        if images > 0 || videos > 0 {
            return;
        }
        // Where audio is not taken at all, that has been said.
        let takes_audio = model.is_none_or(|model| model.media().audios.max > 0);
        if audios.given() > 0 && takes_audio {
            let message = "audio_urls alone is not enough: give image_urls or video_urls too";
            self.fault("audio_urls", message);
        } else if let Some(model) = model.filter(|model| model.media().needs_picture) {
            let message = format!(
                "{} needs at least one of image_urls or video_urls",
                model.name()
            );
            self.fault("image_urls", message);
        }
    }
}
