use std::sync::LazyLock;

use super::*;
use crate::ErrorCode;

mod body;
mod good;
mod media;
mod values;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::builtin().unwrap());

/// What the gateway does by default: https only.
fn https_only(url: &str) -> Result<(), String> {
    if url.starts_with("https://") {
        Ok(())
    } else {
        Err("it must begin with https://".to_owned())
    }
}

fn judged(body: &str) -> Result<Generation<'_>, Rejection> {
    judged_bytes(body.as_bytes())
}

fn judged_bytes(body: &[u8]) -> Result<Generation<'_>, Rejection> {
    validate(body, MediaKind::Video, &CATALOGUE, &https_only)
}

#[track_caller]
fn good(body: &str) -> Generation<'_> {
    judged(body).unwrap_or_else(|rejection| panic!("{body}: {rejection:?}"))
}

#[track_caller]
fn faults_of(body: &[u8]) -> Vec<Fault> {
    match judged_bytes(body) {
        Err(Rejection::Faults(faults)) => {
            assert!(!faults.is_empty(), "a refusal without a fault");
            faults
        }
        other => panic!("{}: {other:?}", String::from_utf8_lossy(body)),
    }
}

/// `param: message` of each fault.
#[track_caller]
fn faults(body: &str) -> Vec<String> {
    let line = |fault: Fault| {
        let param = fault.param.unwrap_or_else(|| "-".to_owned());
        format!("{param}: {}", fault.message)
    };
    faults_of(body.as_bytes()).into_iter().map(line).collect()
}

/// A request of the tutorial's, with more fields.
fn with(model: &str, fields: &str) -> String {
    format!(r#"{{"model":"{model}","prompt":"a cat",{fields}}}"#)
}

/// The one message that is said of these fields on seedance-2.0.
#[track_caller]
fn only(fields: &str) -> String {
    match &faults(&with("seedance-2.0", fields))[..] {
        [one] => one.clone(),
        others => panic!("{fields}: {others:?}"),
    }
}
