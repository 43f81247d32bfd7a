//! Where the binaries under test are, and that they are not older than their sources.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Names a folder with binaries that are to be tested as they are: nothing is built then.
const FOLDER: &str = "EVOGATE_TEST_BIN_DIR";

/// The binaries that the tests start.
const BINARIES: [&str; 2] = ["evogate", "evolink-sim"];

/// Where the binaries are, once that is known.
static BUILT: OnceLock<PathBuf> = OnceLock::new();

/// From now on the binaries in this folder are started, as they are: what `EVOGATE_TEST_BIN_DIR` says, for a program.
/// Comes before the first of them is started.
pub fn use_binaries(folder: &Path) {
    let folder = fs::canonicalize(folder)
        .unwrap_or_else(|why| panic!("{} can't be used: {why}", folder.display()));
    assert!(BUILT.set(folder).is_ok(), "binaries were started before");
}

/// The path of a binary of this workspace. What is missing or older than its sources is built first,
/// once a test run: `tests/run` has built it already.
pub fn binary(name: &str) -> PathBuf {
    let folder = BUILT.get_or_init(|| match env::var_os(FOLDER) {
        Some(folder) => folder.into(),
        None => built(),
    });
    folder.join(name)
}

/// Makes sure that the gateway's fail points are in the binary: a plain `cargo build` leaves them out.
pub(crate) fn require_fail_points() {
    static SEEN: OnceLock<()> = OnceLock::new();
    SEEN.get_or_init(|| {
        let evogate = binary("evogate");
        let has_them = || {
            let mut search = Command::new("grep");
            search.args(["-qaF", "EVOGATE_FAIL_POINT"]).arg(&evogate);
            search.status().is_ok_and(|status| status.success())
        };
        if !has_them() && env::var_os(FOLDER).is_none() {
            build(&profile_folder());
        }
        assert!(
            has_them(),
            "{} was built without the feature `failpoints`",
            evogate.display()
        );
    });
}

/// The folder that cargo puts things for us into: `target`, whatever its name.
pub(crate) fn target_folder() -> PathBuf {
    profile_folder()
        .parent()
        .expect("a target folder")
        .to_owned()
}

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace above this crate")
}

/// `target/debug`: this program is `target/debug/deps/NAME`.
fn profile_folder() -> PathBuf {
    let this = env::current_exe().expect("this program has a path");
    this.ancestors()
        .nth(2)
        .expect("two folders above this program")
        .to_owned()
}

fn built() -> PathBuf {
    let folder = profile_folder();
    if BINARIES.iter().any(|name| is_stale(&folder.join(name))) {
        build(&folder);
    }
    folder
}

/// Cargo's note beside a binary, `NAME.d`, lists every file of ours that it was made of.
fn is_stale(binary: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let Some(made) = changed(binary) else {
        return true;
    };
    let Ok(note) = fs::read_to_string(binary.with_extension("d")) else {
        return true;
    };
    let sources = note.split_once(": ").map_or("", |(_, sources)| sources);
    let is_newer = |at: Option<SystemTime>| at.is_none_or(|at| at > made);
    sources
        .split_whitespace()
        .any(|source| is_newer(changed(Path::new(source))))
}

/// Cargo's own lock lets one test program build at a time.
fn build(folder: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The same selection as in `tests/run`: another one has other features, and rebuilds the world.
    cargo.args(["build", "--workspace", "--bins", "--tests"]);
    cargo.args(["--features", "evogate/failpoints", "--target-dir"]);
    cargo
        .arg(folder.parent().expect("a target folder"))
        .current_dir(workspace());
    let done = cargo.output().expect("cargo can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "the binaries can't be built:\n{said}"
    );
}
