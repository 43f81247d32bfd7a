//! JSON in which no name stands twice in one object. Of two values for one name, who signs and who checks
//! may see different ones (RFC 8725 §2.4), so there is nothing to choose between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The object that `text` is; `None` when it is none, or has a name twice, at whatever depth.
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    let mut reading = serde_json::Deserializer::from_slice(text);
    let value = Unique.deserialize(&mut reading).ok()?;
    reading.end().ok()?;
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_read_as_it_is() {
        let text =
            r#" {"a": [1, -2, 0.5, 18446744073709551615, "x\u0041", true, null, {"a": {}}]} "#;
        let read = object(text.as_bytes()).map(Value::Object);
        assert_eq!(
            read,
            Some(json!({"a": [1, -2, 0.5, u64::MAX, "xA", true, null, {"a": {}}]}))
        );
    }

    #[rstest]
    #[case::twice(r#"{"a":1,"a":1}"#)]
    #[case::twice_in_another_writing(r#"{"a":1,"\u0061":2}"#)]
    #[case::twice_further_in(r#"{"x":[{"a":1,"b":2,"a":3}]}"#)]
    #[case::a_list("[]")]
    #[case::a_text(r#""{}""#)]
    #[case::two(r"{}{}")]
    #[case::more(r"{} x")]
    #[case::cut_off(r#"{"a":1"#)]
    #[case::nothing("")]
    #[case::endless(r#"{"a":1e999}"#)]
    fn anything_else_is_nothing(#[case] text: &str) {
        assert_eq!(object(text.as_bytes()), None);
    }

    #[test]
    fn neither_foreign_encodings_nor_endless_nesting_are_json() {
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
        assert_eq!(object(b"\xef\xbb\xbf{}"), None);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(object(deep.as_bytes()), None);
    }
}
