//! The pages for people: what npm makes of `console/`, for the program to take in.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;

use anyhow::Result;

/// What is made last.
const BUILT: &str = "console/dist/index.html";
/// What it is made of.
const SOURCES: [&str; 5] = [
    "console/src",
    "console/public",
    "console/index.html",
    "console/console.html",
    "client-sdk/js/src",
];
/// What is made of it, in this order.
const PARTS: [&str; 2] = ["client-sdk/js", "console"];

/// Makes the pages where they are missing or older than what they are made of. Without npm it says
/// so, and that is no failure: a node serves programs without them.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn build(root: &Path) -> Result<ExitCode> {
    if are_fresh(root) {
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = io::stdout();
    if !runs(Command::new("npm").arg("--version").stdout(Stdio::null())) {
        let words = "the pages are not built: with Node.js 20 or newer, npm ci && npm run build";
        writeln!(out, "{words}")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "building the pages, once …")?;
    let quiet = ["--no-audit", "--no-fund", "--silent"];
    let is_installed = root.join("node_modules").is_dir()
        || runs(npm(root).args(["ci", "--ignore-scripts"]).args(quiet));
    let made = is_installed
        && PARTS.iter().all(|part| runs(npm(root).args(["run", "build", "--silent", "-w", part])));
    if made {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "npm run build: wanted the pages in {BUILT}, found a failure: see above")?;
    Ok(ExitCode::FAILURE)
}

fn npm(root: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(root);
    command
}

fn runs(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// Whether no source is younger than what was made.
fn are_fresh(root: &Path) -> bool {
    let Some(built) = modified(&root.join(BUILT)) else { return false };
    SOURCES.iter().all(|source| youngest(&root.join(source)).is_none_or(|changed| changed <= built))
}

/// When the last change was, below a folder or of a file.
fn youngest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = fs::read_dir(path) else { return modified(path) };
    entries.flatten().filter_map(|entry| youngest(&entry.path())).max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{FileTimes, OpenOptions};
    use std::time::Duration;

    use super::*;

    fn write(root: &Path, path: &str, age: Duration) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(path).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) - age;
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    #[test]
    fn pages_are_made_again_when_something_in_them_changed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(!are_fresh(root), "nothing was made");
        write(root, "console/src/dashboard/main.tsx", Duration::from_secs(20));
        write(root, BUILT, Duration::from_secs(10));
        assert!(are_fresh(root));
        write(root, "client-sdk/js/src/index.ts", Duration::from_secs(5));
        assert!(!are_fresh(root));
    }
}
