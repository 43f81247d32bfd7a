//! EvoLink's task object, byte for byte, in a third of its size: most of it is the same in every task. So it
//! is compressed (LZ4) with a dictionary of what such objects say, the task's own id included.

use std::borrow::Cow;

use evogate_models::TaskId;
use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};
use minicbor::data::Type;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::error::StoreError;
use crate::redis::pack::corrupt;

/// What task objects say (EvoLink tutorial), what is most usual last. What is written with one dictionary
/// can be read with that one alone: a change of it is a change of the record's format.
const USUAL: &str = concat!(
    r#""suggestion":""error":{"code":"content_policy_violation","message":"","type":"task_error"},"#,
    r#""result_data":[{"url":"https://"video_duration":"duration":"cost":{"credits":"#,
    r#""object":"image.generation.task","object":"audio.generation.task","type":"image","type":"audio","#,
    r#""status":"failed","status":"cancelled","billing_rule":"per_call","per_token","#,
    r#""model":"seedance-2.0-fast-text-to-video","model":"seedance-2.0-image-to-video","reference-to-video","#,
    r#""model":"seedance-1.5-pro","sora-2-preview","veo-3.1-generate-preview","kling-"#,
    r#","results":[".mp4"],"progress":100,"results":["https://files.evolink.ai/","status":"completed","#,
    r#""task_info":{"can_cancel":false},"credits_used":,"usage":{"billing_rule":"per_second","#,
    r#""created":,"model":"seedance-2.0","object":"video.generation.task","progress":0,"status":"pending","#,
    r#""status":"processing","task_info":{"can_cancel":true,"estimated_time":132},"type":"video","#,
    r#""task_info":{"can_cancel":false,"estimated_time":132},"type":"video","#,
    r#""usage":{"billing_rule":"per_second","credits_reserved":17.784,"user_group":"default"}}"#,
    r#"{"created":"#
);

/// An object on its way into a record: as it is, or compressed.
pub(super) enum Body<'a> {
    Text(Cow<'a, str>),
    Packed(Cow<'a, [u8]>),
}

fn dictionary(id: &TaskId) -> Vec<u8> {
    format!("{USUAL}\"id\":\"{id}\",\"model\":\"seedance-2.0\",\"object\":").into_bytes()
}

/// Packs an object of this task, where that makes it smaller.
pub(super) fn pack<'a>(id: &TaskId, text: &'a str) -> Body<'a> {
    let packed = compress_prepend_size_with_dict(text.as_bytes(), &dictionary(id));
    if packed.len() < text.len() {
        Body::Packed(Cow::Owned(packed))
    } else {
        Body::Text(Cow::Borrowed(text))
    }
}

pub(super) fn unpack(id: &TaskId, body: Body<'_>) -> Result<String, StoreError> {
    match body {
        Body::Text(text) => Ok(text.into_owned()),
        Body::Packed(packed) => {
            let bytes = decompress_size_prepended_with_dict(&packed, &dictionary(id));
            String::from_utf8(bytes.map_err(corrupt)?).map_err(corrupt)
        }
    }
}

impl<C> Encode<C> for Body<'_> {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Text(text) => encoder.str(text)?.ok(),
            Self::Packed(packed) => encoder.bytes(packed)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Body<'_> {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if decoder.datatype()? == Type::Bytes {
            let packed = decoder.bytes()?;
            Ok(Self::Packed(packed.to_vec().into()))
        } else {
            let text = decoder.str()?;
            Ok(Self::Text(text.to_owned().into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use evogate_models::Timestamp;
    use proptest::prelude::*;

    use super::*;

    /// The object of the tutorial, as a task of ours shows it.
    fn object(id: &TaskId, status: &str, more: &str) -> String {
        format!(
            r#"{{"created":1772203771,"id":"{id}","model":"seedance-2.0","object":"video.generation.task","progress":0,{more}"status":"{status}","task_info":{{"can_cancel":true,"estimated_time":132}},"type":"video","usage":{{"billing_rule":"per_second","credits_reserved":17.784,"user_group":"default"}}}}"#
        )
    }

    #[test]
    fn an_object_takes_a_third_of_its_size_and_comes_back() {
        let id = TaskId::mint(Timestamp::from_seconds(1_800_000_000), 7);
        let results =
            r#""results":["https://files.evolink.ai/3c9f1fd1b8c24f1c9d5a6b0f2f7d9e11.mp4"],"#;
        for (status, more) in [("pending", ""), ("processing", ""), ("completed", results)] {
            let text = object(&id, status, more);
            let Body::Packed(packed) = pack(&id, &text) else {
                panic!("{text} is not packed");
            };
            assert!(
                packed.len() * 3 < text.len(),
                "{} of {}",
                packed.len(),
                text.len()
            );
            assert_eq!(unpack(&id, Body::Packed(packed)).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn any_object_comes_back(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just(r#"{"id":"task-unified-1800000000-00abcdef","model":"seedance-2.0","#.to_owned()),
                    Just(r#""status":"completed","results":["https://files.evolink.ai/"#.to_owned()),
                    Just(r#""usage":{"billing_rule":"per_second","credits_reserved":17.784"#.to_owned()),
                    ".{0,60}",
                ],
                0..8
            ),
            random: u128
        ) {
            let id = TaskId::mint(Timestamp::from_seconds(1_800_000_000), random);
            let text = parts.concat();
            prop_assert_eq!(unpack(&id, pack(&id, &text)).unwrap(), text);
        }
    }
}
