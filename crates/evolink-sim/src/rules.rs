//! Faults by rule: what matches, how often, and what goes wrong then.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults};
use crate::random::Random;
use crate::route::Operation;

/// How many different prompts with a `times` word are remembered.
const PROMPT_LIMIT: usize = 100_000;

/// When a rule looks at a request. Everything that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path without its query, or its beginning when it ends in `*`. For callbacks: the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A part of the prompt: of the request, or of the task that the request is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_contains: Option<String>,
    /// The kind of request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
}

/// A fault and when it happens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Which requests.
    #[serde(rename = "match")]
    pub matches: Match,
    /// How often it acts; unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How many matching requests it lets pass first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// How likely it acts on a request that it could act on, 0–1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What goes wrong.
    pub fault: Fault,
}

/// A rule in force, with what it has done so far.
#[derive(Clone, Debug, Serialize)]
pub struct ActiveRule {
    /// Its number, to delete it by.
    pub id: u64,
    /// How many requests matched.
    pub seen: u64,
    /// On how many it acted.
    pub applied: u64,
    /// The rule as it was given.
    #[serde(flatten)]
    pub rule: Rule,
}

/// What rules are asked about.
pub(crate) struct Question<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) operation: Operation,
    pub(crate) prompt: Option<&'a str>,
}

#[derive(Debug, Default)]
pub(crate) struct Rules {
    active: Vec<ActiveRule>,
    last_id: u64,
    prompt_uses: HashMap<u64, u32>,
}

impl Rules {
    pub(crate) fn add(&mut self, rule: Rule) -> u64 {
        self.last_id = self.last_id.saturating_add(1);
        self.active.push(ActiveRule {
            id: self.last_id,
            seen: 0,
            applied: 0,
            rule,
        });
        self.last_id
    }

    pub(crate) fn all(&self) -> &[ActiveRule] {
        &self.active
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
        self.prompt_uses.clear();
    }

    /// False when there is no such rule.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|rule| rule.id != id);
        self.active.len() < before
    }

    /// The faults of all rules that act on this request.
    pub(crate) fn judge(&mut self, question: &Question<'_>, random: &Random) -> Faults {
        let mut faults = Faults::default();
        for active in &mut self.active {
            if active.rule.matches.fits(question) && active.acts(random) {
                faults.add(active.rule.fault.clone());
            }
        }
        faults
    }

    /// Counts one more use of a prompt's words; false once their `times` are used up.
    pub(crate) fn prompt_acts(&mut self, prompt: u64, times: u32) -> bool {
        if self.prompt_uses.len() >= PROMPT_LIMIT {
            self.prompt_uses.clear();
        }
        let uses = self.prompt_uses.entry(prompt).or_insert(0);
        *uses = uses.saturating_add(1);
        *uses <= times
    }
}

impl ActiveRule {
    fn acts(&mut self, random: &Random) -> bool {
        self.seen = self.seen.saturating_add(1);
        let acts = self.seen > self.rule.after.unwrap_or(0)
            && self.rule.times.is_none_or(|times| self.applied < times)
            && self.rule.probability.is_none_or(|p| random.chance(p));
        self.applied = self.applied.saturating_add(u64::from(acts));
        acts
    }
}

impl Match {
    fn fits(&self, question: &Question<'_>) -> bool {
        let method = self
            .method
            .as_ref()
            .is_none_or(|method| method.eq_ignore_ascii_case(question.method));
        let path = self.path.as_ref().is_none_or(|path| {
            path.strip_suffix('*').map_or_else(
                || path == question.path,
                |beginning| question.path.starts_with(beginning),
            )
        });
        let prompt = self.prompt_contains.as_ref().is_none_or(|part| {
            question
                .prompt
                .is_some_and(|prompt| prompt.contains(part.as_str()))
        });
        let operation = self
            .operation
            .is_none_or(|operation| operation == question.operation);
        method && path && prompt && operation
    }
}
