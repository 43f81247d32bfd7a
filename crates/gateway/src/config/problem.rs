//! What is wrong with a configuration, and what is merely risky in it.
//!
//! Reasons name keys and rules. They never quote a secret, and never a URL, which may carry one.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The dotted key, such as `evolink.api_key`, or the file or variable where there is no key.
    pub key: String,
    /// What is wrong with it, and often what to write instead.
    pub reason: String,
    /// Who set it: a file's path or a variable's name. `None` when nobody did.
    pub set_by: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.key, self.reason)?;
        match &self.set_by {
            Some(name) => write!(out, " (set by {name})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong: at least one problem. Displays as one problem a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// One problem that is not about a key: an unreadable file, say.
    pub fn of(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self(vec![Problem {
            key: subject.into(),
            reason: reason.into(),
            set_by: None,
        }])
    }

    /// The problems, one by one.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A valid setting that somebody should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The dotted key.
    pub key: &'static str,
    /// What it means in practice.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.key, self.message)
    }
}
