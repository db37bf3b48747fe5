//! What was not run, told where it is read: after everything else.
//!
//! A test that lacks something says so and passes, and nobody is shown what a test said that
//! passes. So it says it in a file, too, which is emptied first and read last.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::skipped;

/// Words of the reasons for which a test may be skipped also where skipping is a failure. Whatever
/// else a test wants, this command sets up.
const ALLOWED: [&str; 11] = [
    // Not part of the repository: recorded drives beside it, and a suite that lives at GitHub.
    "recordings absent",
    "paho.mqtt.testing",
    // A released command to upgrade from, which somebody has to name.
    "SEKISHO_OLD_PROGRAM",
    // What a container may not do.
    "laboratory of namespaces",
    "file system can be mounted",
    "disk can be mounted",
    "file system turns read-only",
    "files at a time",
    // Linters of what is deployed, which not everybody has.
    "does not answer here",
    // Instructions are counted on one architecture, and compared for one compiler.
    "wanted valgrind and",
    "counted with",
];

/// Everything that is skipped from now on.
pub(super) struct Skips {
    file: PathBuf,
    /// Whether one that is not in [`ALLOWED`] is a failure.
    is_strict: bool,
}

impl Skips {
    /// Forgets what was skipped before. It is strict where `SEKISHO_NO_SKIPS` is set: whoever runs
    /// the tests on a machine that has all they want says so.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn begin() -> Result<Self> {
        let file = skipped::file().context("wanted to be run by cargo")?;
        fs::write(&file, "").with_context(|| file.display().to_string())?;
        let is_strict = std::env::var_os("SEKISHO_NO_SKIPS").is_some_and(|value| !value.is_empty());
        Ok(Self { file, is_strict })
    }

    /// Prints what was skipped, and whether that is all right.
    ///
    /// # Errors
    /// The file cannot be read, or standard output is closed.
    pub(super) fn tell(&self) -> Result<bool> {
        let text = fs::read_to_string(&self.file).context("what was skipped")?;
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        // A test that failed and was run once more says it twice.
        lines.dedup();
        let mut out = io::stdout().lock();
        if lines.is_empty() {
            writeln!(out, "nothing was skipped")?;
            return Ok(true);
        }
        writeln!(out, "!!! {} SKIPPED, which is not passed:", lines.len())?;
        for line in &lines {
            let mark = if is_allowed(line) { "" } else { " (nothing excuses this one)" };
            writeln!(out, "!!! {line}{mark}")?;
        }
        Ok(!self.is_strict || lines.iter().all(|line| is_allowed(line)))
    }
}

fn is_allowed(line: &str) -> bool {
    ALLOWED.iter().any(|reason| line.contains(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &str, is_strict: bool) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skipped.txt");
        fs::write(&file, lines).unwrap();
        Skips { file, is_strict }.tell().unwrap()
    }

    #[test]
    fn only_what_is_listed_may_be_skipped_where_skipping_is_a_failure() {
        let listed = "weather relayed: wanted a laboratory of namespaces, found no ip\n";
        let other = "mqtt once: wanted Debian's mosquitto-clients, found none\n";
        assert!(told("", true) && told(listed, true));
        assert!(told(other, false) && !told(&format!("{listed}{other}"), true));
    }
}
