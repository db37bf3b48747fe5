//! Holds what each stage of an envelope's walk costs to what was recorded, in instructions: they are
//! the same on a busy machine and on an idle one, where seconds are not.
//!
//! `benches/src/operations.rs` has the stages. The signature check and the hash over an envelope are
//! left out: they are most of a door's instructions, and which ones depends on the processor.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::MetadataCommand;
use serde::{Deserialize, Serialize};

use crate::report::{self, Finding};
use crate::skipped;

/// What was recorded.
const FILE: &str = "benches/instructions.json";
/// How far a count may be off, percent: hash tables are seeded anew in every run.
const TOLERANCE_PERCENT: u64 = 5;
/// Instructions below this one are counted.
const COUNTED: &str = "*counted_in_instructions*";
/// What is not, wherever it is called from: none of these calls another.
const LEFT_OUT: [&str; 3] = [
    "VerifyingKey::is_signed",
    "sha2::sha256::soft::unroll::compress",
    "sha2::sha256::x86_sha::compress",
];
/// The compilers' optimisers and the libraries' assembly differ elsewhere.
const ARCHITECTURE: &str = "x86_64";

/// What every stage costs.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    /// Who compiled what was counted.
    compiler: String,
    /// Instructions of one time, by stage.
    instructions: BTreeMap<String, u64>,
}

/// Counts and compares; what keeps it from doing so is a failure like others, and told.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn check(root: &Path) -> Result<ExitCode> {
    compare_with_recorded(root).or_else(|fault| {
        writeln!(io::stdout(), "{fault:#}")?;
        Ok(ExitCode::FAILURE)
    })
}

fn compare_with_recorded(root: &Path) -> Result<ExitCode> {
    if !is_valgrind_there() || env::consts::ARCH != ARCHITECTURE {
        skipped::note("instructions", &format!("wanted valgrind and {ARCHITECTURE}"));
        return Ok(ExitCode::SUCCESS);
    }
    let path = root.join(FILE);
    let recorded = fs::read(&path).with_context(|| path.display().to_string())?;
    let recorded: Counts =
        serde_json::from_slice(&recorded).with_context(|| path.display().to_string())?;
    let found = count(root)?;
    for (stage, count) in &found.instructions {
        writeln!(io::stdout(), "{stage}: {count} instructions")?;
    }
    for lower in lower(&recorded, &found) {
        writeln!(io::stdout(), "{lower}")?;
    }
    if recorded.compiler != found.compiler {
        let (recorded, found) = (&recorded.compiler, &found.compiler);
        let why = format!("recorded with {recorded}, counted with {found}");
        skipped::note("instructions", &why);
        return Ok(ExitCode::SUCCESS);
    }
    report::print(&compare(&recorded, &found), "instructions")
}

/// Counts and keeps what was found.
///
/// # Errors
/// There is no valgrind, or what is to be counted cannot be built, run or kept.
pub(crate) fn record(root: &Path) -> Result<ExitCode> {
    ensure!(is_valgrind_there(), "valgrind: wanted it, found none: `apt-get install valgrind`");
    let mut content = serde_json::to_string_pretty(&count(root)?)?;
    content.push('\n');
    fs::write(root.join(FILE), content).context(FILE)?;
    Ok(ExitCode::SUCCESS)
}

/// What costs more than it did, and what was counted on one side only.
fn compare(recorded: &Counts, found: &Counts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (stage, found_count) in &found.instructions {
        let Some(wanted) = recorded.instructions.get(stage) else {
            let message = format!("{stage}: nothing recorded: `cargo xtask instructions --record`");
            findings.push(Finding::new(FILE, message));
            continue;
        };
        if *found_count > wanted.saturating_add(tolerated(*wanted)) {
            let compilers = (&recorded.compiler, &found.compiler);
            let why = if compilers.0 == compilers.1 { "" } else { " (another compiler, too)" };
            let message = format!(
                "{stage}: wanted at most {wanted} instructions and {TOLERANCE_PERCENT} %, found \
                 {found_count}{why}: mend what became slower, or record it on purpose with \
                 `cargo xtask instructions --record`"
            );
            findings.push(Finding::new(FILE, message));
        }
    }
    for stage in recorded.instructions.keys() {
        if !found.instructions.contains_key(stage) {
            let message = format!("{stage}: recorded, and not counted any more");
            findings.push(Finding::new(FILE, message));
        }
    }
    findings
}

/// Word of what costs less than it did: unrecorded, it could be lost again without anybody noticing.
fn lower(recorded: &Counts, found: &Counts) -> Vec<String> {
    let both = found.instructions.iter().filter_map(|(stage, found)| {
        let wanted = recorded.instructions.get(stage)?;
        (found.saturating_add(tolerated(*wanted)) < *wanted).then(|| {
            format!("{stage}: {found} instead of {wanted}: `cargo xtask instructions --record`")
        })
    });
    both.collect()
}

const fn tolerated(count: u64) -> u64 {
    count.saturating_mul(TOLERANCE_PERCENT).div_ceil(100)
}

fn count(root: &Path) -> Result<Counts> {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(root).args(["build", "--release", "--locked"]);
    let built = build.args(["--package", "sekisho-benches", "--bin", "instructions"]).status();
    ensure!(built.context("run cargo")?.success(), "instructions: wanted it built");
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
    let program = metadata.target_directory.join("release/instructions").into_std_path_buf();
    let stages = output(&mut Command::new(&program))?;
    let mut instructions = BTreeMap::new();
    for stage in stages.lines() {
        let (total, times) = count_one(&program, stage).with_context(|| stage.to_owned())?;
        instructions.insert(stage.to_owned(), total.div_ceil(times));
    }
    let compiler = output(Command::new(rustc()).current_dir(root).arg("--version"))?;
    Ok(Counts { compiler: compiler.trim().to_owned(), instructions })
}

fn rustc() -> PathBuf {
    Path::new(env!("CARGO")).with_file_name("rustc")
}

/// The instructions of a stage, and how often it was done.
fn count_one(program: &Path, stage: &str) -> Result<(u64, u64)> {
    let folder = tempfile::tempdir()?;
    let profile = folder.path().join("profile");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]);
    valgrind.args(["--compress-strings=no", "--compress-pos=no"]);
    valgrind.arg(format!("--toggle-collect={COUNTED}"));
    valgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    let times = output(valgrind.arg(program).arg(stage))?.trim().parse()?;
    ensure!(times > 0, "wanted it done at least once");
    let profile = fs::read_to_string(&profile).context("valgrind's profile")?;
    Ok((counted(&profile).context("valgrind's profile: wanted a total")?, times))
}

/// The instructions of a profile, without those of calls that are left out.
fn counted(profile: &str) -> Option<u64> {
    let mut lines = profile.lines();
    let (mut total, mut left_out, mut called) = (None, 0_u64, false);
    while let Some(line) = lines.next() {
        if let Some(count) = line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")) {
            total = Some(count.trim().parse::<u64>().ok()?);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            called = LEFT_OUT.iter().any(|left_out| name.contains(left_out));
        } else if line.starts_with("calls=") {
            let cost = lines.next()?.split_whitespace().last()?.parse::<u64>().ok()?;
            if called {
                left_out = left_out.saturating_add(cost);
            }
        }
    }
    total.filter(|total| *total > 0)?.checked_sub(left_out)
}

fn output(command: &mut Command) -> Result<String> {
    let ran = command.stderr(Stdio::inherit()).output();
    let ran = ran.with_context(|| format!("run {}", command.get_program().display()))?;
    ensure!(ran.status.success(), "{}: {}", command.get_program().display(), ran.status);
    Ok(String::from_utf8(ran.stdout)?)
}

fn is_valgrind_there() -> bool {
    let mut command = Command::new("valgrind");
    let quiet = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests;
