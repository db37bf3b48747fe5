//! What a test says where this machine lacks what it wants: aloud, and in a file that `make test`
//! prints last, since nobody is shown what a test said that passes.
//!
//! Whoever else skips anything takes in this file by its path, so it needs the standard library
//! alone.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, thread};

/// As much of a reason as is read: installers end with everything that they said.
const WHY_CHARS_MAX: usize = 400;

/// Says that the test that calls this is not run, or not all of it, and why.
#[track_caller]
pub fn skipped(why: impl AsRef<str>) {
    // A thread that runs a test has its name, except where there is one thread only.
    let thread = thread::current().name().filter(|name| *name != "main").map(str::to_owned);
    let test = thread.or_else(|| env::var("NEXTEST_TEST_NAME").ok());
    let test = test.unwrap_or_else(|| std::panic::Location::caller().to_string());
    let program = env::current_exe().unwrap_or_default();
    let program = program.file_stem().unwrap_or_default().to_string_lossy();
    let program = program.rsplit_once('-').map_or(&*program, |(name, _hash)| name);
    note(&format!("{program} {test}"), why.as_ref());
}

/// Prints what is skipped and why, and adds it to [`file()`], a line each.
///
/// # Panics
/// The file cannot be written: nobody would hear of it.
pub fn note(what: &str, why: &str) {
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    let why: String = why.chars().take(WHY_CHARS_MAX).collect();
    let line = format!("{what}: {why}\n");
    // Not by `print!`, which a test that passes is not heard through.
    drop(io::stdout().write_all(format!("SKIPPED: {line}").as_bytes()));
    let Some(path) = file() else { return };
    let added = OpenOptions::new().create(true).append(true).open(&path);
    let added = added.and_then(|mut file| file.write_all(line.as_bytes()));
    assert!(added.is_ok(), "{}: wanted to add a line, found {added:?}", path.display());
}

/// `skipped.txt` in the folder that Cargo builds into: the one with its tag, or else, where somebody
/// made that folder before, the one with a `debug` in it; `None` for a program that was taken elsewhere.
#[must_use]
pub fn file() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let has = |name: &str| program.ancestors().find(|folder| folder.join(name).exists());
    let target = has("CACHEDIR.TAG").or_else(|| has("debug"))?;
    Some(Path::new(target).join("skipped.txt"))
}
