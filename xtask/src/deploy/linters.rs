//! The tools' own linters, run where they are installed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::report::Finding;
use crate::skipped;

/// Exposure that `systemd-analyze security` may find in a unit, in tenths of its points: 0 is
/// sealed off, 100 unprotected. What remains is that the services talk to the network.
const EXPOSURE_TENTHS_MAX: &str = "20";

/// Where the units expect the command. It need not be installed here, so a stand-in is verified.
const COMMAND: &str = "/usr/bin/sekisho";
const STAND_IN: &str = "/bin/true";

/// `systemd-analyze verify` and `security` over each unit.
pub(super) fn systemd(root: &Path, units: &[&str]) -> Result<Vec<Finding>> {
    if !present("systemd-analyze", &["--version"])? {
        return Ok(Vec::new());
    }
    let folder = tempfile::tempdir()?;
    let mut findings = Vec::new();
    for unit in units {
        let copy = folder.path().join(Path::new(unit).file_name().context("a unit has no name")?);
        fs::write(&copy, fs::read_to_string(root.join(unit))?.replace(COMMAND, STAND_IN))?;
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no", "--recursive-errors=no"]).arg(&copy);
        findings.extend(run(verify, unit)?);
        let mut security = Command::new("systemd-analyze");
        let threshold = format!("--threshold={EXPOSURE_TENTHS_MAX}");
        security.args(["security", "--no-pager", "--offline=yes", &threshold]).arg(&copy);
        findings.extend(run(security, unit)?);
    }
    Ok(findings)
}

/// `docker compose config`.
pub(super) fn compose(root: &Path, file: &str) -> Result<Vec<Finding>> {
    if !present("docker", &["compose", "version"])? {
        return Ok(Vec::new());
    }
    let mut command = Command::new("docker");
    command.current_dir(root).args(["compose", "--file", file, "config", "--quiet"]);
    Ok(run(command, file)?.into_iter().collect())
}

/// `promtool check rules`.
pub(super) fn prometheus(root: &Path, file: &str) -> Result<Vec<Finding>> {
    if !present("promtool", &["--version"])? {
        return Ok(Vec::new());
    }
    let mut command = Command::new("promtool");
    command.current_dir(root).args(["check", "rules", file]);
    Ok(run(command, file)?.into_iter().collect())
}

/// Whether the tool answers; where it does not, says so.
fn present(program: &str, arguments: &[&str]) -> Result<bool> {
    let mut command = Command::new(program);
    let quiet = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let answers = quiet.status().is_ok_and(|status| status.success());
    if !answers {
        let why = format!("`{program} {}` does not answer here", arguments.join(" "));
        skipped::note("deploy", &why);
    }
    Ok(answers)
}

fn run(mut command: Command, about: &str) -> Result<Option<Finding>> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    if output.status.success() {
        return Ok(None);
    }
    let told = [output.stdout, output.stderr].concat();
    let program = command.get_program().to_string_lossy().into_owned();
    let message = format!("{program} says: {}", String::from_utf8_lossy(&told).trim());
    Ok(Some(Finding::new(about, message)))
}
