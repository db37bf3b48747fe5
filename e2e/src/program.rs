//! Where the `sekisho` command is: cargo builds the programs of other packages for no test, so the
//! harness looks beside the tests, and builds what is missing or older than its sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Names a command that is to be tested as it is, such as an installed one.
const PROGRAM_VARIABLE: &str = "SEKISHO_PROGRAM";
const PACKAGE: &str = "sekisho-cli";

/// The `sekisho` command of the profile that the tests were built with.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os(PROGRAM_VARIABLE) {
        Some(program) => program.into(),
        None => built(),
    })
}

fn built() -> PathBuf {
    let tests = std::env::current_exe().expect("a test knows where it is");
    // target/<profile>/deps/<test>
    let folder = tests.ancestors().nth(2).expect("tests are built into a folder of their profile");
    let program = folder.join("sekisho");
    if !is_fresh(&program) {
        build(folder);
    }
    assert!(program.exists(), "{}: wanted the command, found none", program.display());
    program
}

fn build(folder: &Path) {
    let profile = folder.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    // Cargo calls the folder of the profile `dev` by its old name.
    let profile = if profile == "debug" { "dev" } else { profile };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--package", PACKAGE, "--profile", profile])
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "cargo build --package {PACKAGE}: {status}");
}

/// Whether it is younger than every source that cargo noted beside it.
fn is_fresh(program: &Path) -> bool {
    let (Some(built), Ok(noted)) =
        (modified(program), fs::read_to_string(program.with_extension("d")))
    else {
        return false;
    };
    let sources = noted.split_once(':').map_or("", |(_program, sources)| sources);
    sources.split_whitespace().all(|source| modified(Path::new(source)) <= Some(built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
