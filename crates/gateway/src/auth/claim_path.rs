//! Where in a token a claim is.

use std::fmt;

use serde_json::{Map, Value};

/// The names that lead to a claim, from the outside in.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// From a text such as `org.id`: `id` within `org`. A URL is one name, for that is how providers
    /// keep the claims of others apart: `https://example.com/tenant`. `None`: a name is empty.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Self::of(vec![text.to_owned()]);
        }
        Self::of(text.split('.').map(str::to_owned).collect())
    }

    /// From the names one by one, for names with dots of their own.
    pub fn of(names: Vec<String>) -> Option<Self> {
        let sound = !names.is_empty() && names.iter().all(|name| !name.is_empty());
        sound.then_some(Self(names))
    }

    /// The claim that the path leads to.
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, name| {
            value.as_object()?.get(name)
        })
    }
}

impl fmt::Debug for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &ClaimPath) -> Option<Value> {
        let claims = json!({
            "sub": "alice",
            "org": { "id": "video", "a.b": "dotted" },
            "org.id": "not this one",
            "list": [{ "id": "nor this" }],
            "https://example.com/tenant": "namespaced",
        });
        path.find(claims.as_object().unwrap()).cloned()
    }

    #[test]
    fn a_path_leads_through_objects() {
        let at = |text| found(&ClaimPath::parse(text).unwrap());
        assert_eq!(at("sub"), Some(json!("alice")));
        assert_eq!(at("org.id"), Some(json!("video")));
        assert_eq!(at("https://example.com/tenant"), Some(json!("namespaced")));
        for absent in ["org.name", "sub.id", "list.id", "list.0.id", "x.y.z"] {
            assert_eq!(at(absent), None, "{absent}");
        }
    }

    #[test]
    fn names_with_dots_are_given_one_by_one() {
        let path = ClaimPath::of(vec!["org".to_owned(), "a.b".to_owned()]).unwrap();
        assert_eq!(found(&path), Some(json!("dotted")));
    }

    #[test]
    fn an_empty_name_leads_nowhere() {
        for text in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(ClaimPath::parse(text), None, "{text:?}");
        }
        assert_eq!(ClaimPath::of(Vec::new()), None);
    }
}
