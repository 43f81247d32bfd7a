//! Ids in the store's binary records: those of tasks, EvoLink's as well as ours, as eleven bytes; all others
//! as text.

use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::encode::{self, Write};
use minicbor::{Decoder, Encoder};

/// What EvoLink's ids of tasks begin with, and ours.
const TASK: &str = "task-unified-";

pub(super) fn write<W: Write>(
    id: &str,
    encoder: &mut Encoder<W>,
) -> Result<(), encode::Error<W::Error>> {
    match pack(id) {
        Some(bytes) => encoder.bytes(&bytes)?.ok(),
        None => encoder.str(id)?.ok(),
    }
}

pub(super) fn read(decoder: &mut Decoder<'_>) -> Result<String, Error> {
    if decoder.datatype()? == Type::Bytes {
        let bytes = decoder.bytes()?;
        return unpack(bytes).ok_or_else(|| Error::message("no packed id"));
    }
    decoder.str().map(str::to_owned)
}

/// Five bytes of seconds, six of the letters; none for an id that does not look like a task's.
fn pack(id: &str) -> Option<[u8; 11]> {
    let (seconds, letters) = id.strip_prefix(TASK)?.split_once('-')?;
    let digits = seconds.len() == 10 && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let lower = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    if !digits || letters.len() != 8 || !letters.bytes().all(lower) {
        return None;
    }
    let seconds: u64 = seconds.parse().ok()?;
    let letters = u64::from_str_radix(letters, 36).ok()?;
    let mut bytes = [0; 11];
    let (first, last) = bytes.split_at_mut(5);
    first.copy_from_slice(seconds.to_be_bytes().get(3..)?);
    last.copy_from_slice(letters.to_be_bytes().get(2..)?);
    Some(bytes)
}

fn unpack(bytes: &[u8]) -> Option<String> {
    let (seconds, letters) = bytes.split_at_checked(5)?;
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u64, |n, byte| (n << 8) | u64::from(*byte))
    };
    if letters.len() != 6 {
        return None;
    }
    let (seconds, mut rest) = (number(seconds), number(letters));
    let mut text = [b'0'; 8];
    for letter in text.iter_mut().rev() {
        *letter = u8::try_from(char::from_digit(u32::try_from(rest % 36).ok()?, 36)?).ok()?;
        rest /= 36;
    }
    let letters = std::str::from_utf8(&text).ok()?;
    Some(format!("{TASK}{seconds:010}-{letters}"))
}

#[cfg(test)]
mod tests {
    use crate::{KeyId, TaskId, Timestamp, UpstreamId};
    use proptest::prelude::*;

    fn size_and_back<T>(id: &T) -> (usize, T)
    where
        T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>,
    {
        let bytes = minicbor::to_vec(id).unwrap();
        (bytes.len(), minicbor::decode(&bytes).unwrap())
    }

    proptest! {
        #[test]
        fn a_task_takes_eleven_bytes(millis in 0..20_000_000_000_000_i64, random: u128) {
            let id = TaskId::mint(Timestamp::from_millis(millis), random);
            prop_assert_eq!(size_and_back(&id), (12, id.clone()));
            let upstream: UpstreamId = id.as_str().parse().unwrap();
            prop_assert_eq!(size_and_back(&upstream), (12, upstream.clone()));
        }

        #[test]
        fn any_id_comes_back(text in "(task-unified-[0-9]{9,11}-[a-zA-Z0-9]{7,9}|[a-z0-9]{1,20})", random: u128) {
            let id: UpstreamId = text.parse().unwrap();
            prop_assert_eq!(size_and_back(&id).1, id);
            let key = KeyId::mint(random);
            prop_assert_eq!(size_and_back(&key).1, key);
        }
    }
}
