//! Faults by words in a prompt, for clients that have nothing but a prompt: `#sim:http=503 #sim:retry-after=2`.

use serde_json::{Map, Number, Value};

use crate::fault::Fault;
use crate::refusal::{Refusal, invalid_parameter};

const MARK: &str = "#sim:";

/// The faults that a prompt asks for; `None` when it asks for none.
///
/// A word that is not in the vocabulary is a 400: a typing error must not look like good behaviour.
pub(crate) fn read(prompt: &str) -> Result<Option<Fault>, Refusal> {
    let mut fields = Map::new();
    for (start, _) in prompt.match_indices(MARK) {
        let rest = prompt.get(start + MARK.len()..).unwrap_or_default();
        let word = rest
            .split(|c: char| c.is_whitespace() || "\"'`,;)]".contains(c))
            .next()
            .unwrap_or_default()
            .trim_end_matches(['.', ':', '!', '?']);
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, literal(value)),
            None => (word, Value::Bool(true)),
        };
        fields.insert(name.replace('-', "_"), value);
    }
    if fields.is_empty() {
        return Ok(None);
    }
    serde_json::from_value(Value::Object(fields))
        .map(Some)
        .map_err(|error| invalid_parameter(format!("the prompt's #sim: words: {error}")))
}

fn literal(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text
            .parse::<Number>()
            .map_or_else(|_| Value::from(text), Value::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn words_are_found_anywhere_and_combined() {
        let fault = read("A cat (#sim:http=503), #sim:retry-after=2. #sim:drop-after-accept")
            .unwrap()
            .unwrap();
        assert_eq!(fault.http, Some(503));
        assert_eq!(fault.retry_after, Some(2));
        assert!(fault.drop_after_accept);
    }

    #[test]
    fn amounts_keep_their_decimals() {
        let fault = read("#sim:credits-used=12.5 #sim:reserve-factor=1.2")
            .unwrap()
            .unwrap();
        assert_eq!(fault.credits_used.unwrap().to_string(), "12.5");
        assert_eq!(fault.reserve_factor.unwrap().to_string(), "1.2");
    }

    #[test]
    fn an_unknown_word_is_refused() {
        assert!(read("#sim:dorp-before").is_err());
    }

    #[test]
    fn an_ordinary_prompt_asks_for_nothing() {
        assert_eq!(read("a red car at dawn").unwrap(), None);
    }
}
