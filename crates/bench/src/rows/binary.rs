//! The size of the binary without its symbols.

use std::process::Command;

use crate::report::{Aim, Line};

pub(super) fn measure() -> Line {
    let folder = tempfile::tempdir().expect("a folder");
    let stripped = folder.path().join("evogate");
    let done = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(evogate_tests::binary("evogate"))
        .status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "binutils' strip does its work"
    );
    let bytes = std::fs::metadata(&stripped).expect("a file").len();
    #[expect(clippy::cast_precision_loss, reason = "it is rounded when it is shown")]
    let megabytes = bytes as f64 / 1e6;
    Line::new("binary, stripped", "MB", vec![megabytes], Aim::AtMost(20.0))
}
