//! The rules of the settings, each by a test that states it.

mod auth;
mod defaults;
mod faults;
mod layers;
mod rules;
mod secrets;
mod warnings;

use super::{Config, ConfigErrors, Warning};

/// The least that makes a configuration sound.
const SOUND: &str = "evolink.api_key = 'sk-0123456789abcdef'\n";

/// A secret of 32 characters.
const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn load(file: &str, environment: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evogate.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment
        .iter()
        .map(|(name, text)| ((*name).into(), (*text).into()));
    Config::load(Some(&path), environment)
}

/// `settings` over the least that is sound.
fn sound(settings: &str) -> Config {
    try_sound(settings).unwrap().0
}

fn try_sound(settings: &str) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    load(&format!("{SOUND}{settings}"), &[])
}

/// The problems of `settings` over the least that is sound: keys with their reasons.
fn problems(settings: &str) -> Vec<(String, String)> {
    of(try_sound(settings))
}

fn of(loaded: Result<(Config, Vec<Warning>), ConfigErrors>) -> Vec<(String, String)> {
    let errors = loaded.unwrap_err();
    let pairs = errors.problems().iter();
    pairs
        .map(|problem| (problem.key.clone(), problem.reason.clone()))
        .collect()
}

/// The one problem of `settings`.
#[track_caller]
fn problem(settings: &str) -> (String, String) {
    let found = problems(settings);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

/// The keys that `settings` are warned about.
fn warned(settings: &str) -> Vec<&'static str> {
    let (_, warnings) = try_sound(settings).unwrap();
    warnings.iter().map(|warning| warning.key).collect()
}
