//! The whole check of the repository as a list of steps, the same on a laptop and elsewhere.
//!
//! Every step runs even where one before it failed, so that one run tells everything; the test
//! runner comes last, so that its summary is the last thing to be read.

mod skips;
mod tally;

use std::env;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::{deploy, instructions, report, skipped, tidy};
use skips::Skips;
use tally::Tally;

/// Everything: set-up, lints, documentation, every test.
///
/// # Errors
/// A program could not be started.
pub(crate) fn test(root: &Path) -> Result<ExitCode> {
    let skips = Skips::begin()?;
    let mut steps = Steps::new(root);
    steps.cargo("set-up: fetch what Cargo.lock names", &["fetch", "--locked"])?;
    steps.packages("set-up: what package-lock.json names", ".")?;
    steps.packages("set-up: the OpenID provider of the tests", "e2e/openid")?;
    steps.packages_of_debian()?;
    steps.suite_of_paho()?;
    steps.lints()?;
    // Tests in `e2e` start the real command, which takes in the pages.
    steps.cargo("build the programs", &["build", "--workspace", "--bins", "--locked"])?;
    steps.npm("tests of the pages", &["test"])?;
    steps.cargo("examples in the documentation", &["test", "--workspace", "--doc", "--locked"])?;
    steps.tokens()?;
    steps.own("instructions", || instructions::check(root))?;
    steps.tests()?;
    steps.skips(&skips)?;
    steps.finish()
}

/// What needs no test to run.
///
/// # Errors
/// A program could not be started.
pub(crate) fn lint(root: &Path) -> Result<ExitCode> {
    let mut steps = Steps::new(root);
    steps.lints()?;
    steps.optional("licences and advisories", "deny", &["deny", "check"])?;
    steps.finish()
}

/// Where Eclipse Paho's interoperability suite is, and which of it.
const PAHO: &str = "https://github.com/eclipse/paho.mqtt.testing";
const PAHO_COMMIT: &str = "9d7bb80bb8b9d9cfc0b52f8cb4c1916401281103";

struct Steps<'a> {
    root: &'a Path,
    failed: Vec<String>,
}

impl<'a> Steps<'a> {
    fn new(root: &'a Path) -> Self {
        Self { root, failed: Vec::new() }
    }

    fn lints(&mut self) -> Result<()> {
        self.cargo("format", &["fmt", "--all", "--check"])?;
        let peers = ["fmt", "--manifest-path", "benches/peers/Cargo.toml", "--check"];
        self.cargo("format of what measures beside other brokers", &peers)?;
        self.own("tidy", || report::print(&tidy::check(self.root)?, "tidy"))?;
        self.own("deploy", || report::print(&deploy::check(self.root)?, "deploy"))?;
        self.pages()?;
        let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        self.cargo("clippy", &clippy)?;
        let mut documentation = self.command(&["doc", "--workspace", "--no-deps", "--locked"]);
        documentation.env("RUSTDOCFLAGS", "-D warnings");
        self.run("documentation", documentation)
    }

    /// `cargo nextest` where it is installed, `cargo test` elsewhere: the same tests.
    fn tests(&mut self) -> Result<()> {
        if self.has("nextest") {
            let run = ["nextest", "run", "--workspace", "--locked", "--no-fail-fast"];
            return self.cargo("tests", &run);
        }
        let name = "tests";
        heading(name)?;
        let kinds = ["--lib", "--bins", "--tests", "--examples"];
        let mut command = self.command(&["test", "--workspace", "--locked", "--no-fail-fast"]);
        let mut child = command.args(kinds).stdout(Stdio::piped()).spawn().context("run cargo")?;
        let mut tally = Tally::default();
        let mut out = io::stdout().lock();
        for line in BufReader::new(child.stdout.take().context("no output of cargo")?).lines() {
            let line = line?;
            tally.count(&line);
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{tally}")?;
        if !child.wait()?.success() {
            self.failed.push(name.to_owned());
        }
        Ok(())
    }

    fn cargo(&mut self, name: &str, arguments: &[&str]) -> Result<()> {
        let command = self.command(arguments);
        self.run(name, command)
    }

    /// A Cargo subcommand that not everybody has.
    fn optional(&mut self, name: &str, subcommand: &str, arguments: &[&str]) -> Result<()> {
        if self.has(subcommand) {
            return self.cargo(name, arguments);
        }
        heading(name)?;
        skipped::note(name, &format!("cargo-{subcommand} is not installed"));
        Ok(())
    }

    /// Installs what a `package-lock.json` names.
    fn packages(&mut self, name: &str, folder: &str) -> Result<()> {
        let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        self.npm_in(name, folder, &install)
    }

    /// Builds the pages and what belongs to them, since their types are judged as they are built.
    fn pages(&mut self) -> Result<()> {
        if self.root.join("node_modules").is_dir() {
            self.npm("pages: build", &["run", "build"])?;
            return self.npm("pages: format, lints, types", &["run", "check"]);
        }
        heading("pages")?;
        skipped::note("pages", "`npm ci` installs what is needed to check them");
        Ok(())
    }

    /// One script of the pages and of what belongs to them.
    fn npm(&mut self, name: &str, arguments: &[&str]) -> Result<()> {
        self.npm_in(name, ".", arguments)
    }

    fn npm_in(&mut self, name: &str, folder: &str, arguments: &[&str]) -> Result<()> {
        heading(name)?;
        let mut command = Command::new("npm");
        command.args(arguments);
        let succeeded = match command.current_dir(self.root.join(folder)).status() {
            Ok(status) => status.success(),
            Err(fault) => {
                writeln!(io::stdout(), "npm: wanted Node.js and its npm, found {fault}")?;
                false
            }
        };
        self.note(name, succeeded);
        Ok(())
    }

    /// What Debian has for the tests: a token in software, clocks that are wrong, a broker of MQTT
    /// and clients of it and of HTTP, what counts instructions, a browser, and letters for its
    /// Japanese. They say so where it is missing; without a browser the tests of the pages fail, as
    /// a page that nobody looked at is not tested.
    fn packages_of_debian(&mut self) -> Result<()> {
        let quiet = |command: &[&str]| {
            let Some((program, arguments)) = command.split_first() else { return false };
            let mut command = Command::new(program);
            let ran = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
            ran.is_ok_and(|status| status.success())
        };
        // Not by asking a program: some tell their version as a failure.
        let packages: [(&str, &[&str]); 8] = [
            ("softhsm2", &["which", "softhsm2-util"]),
            ("faketime", &["which", "faketime"]),
            ("mosquitto", &["sh", "-c", "which mosquitto || test -x /usr/sbin/mosquitto"]),
            ("mosquitto-clients", &["which", "mosquitto_pub"]),
            ("curl", &["which", "curl"]),
            ("chromium", &["which", "chromium"]),
            ("valgrind", &["which", "valgrind"]),
            ("fonts-noto-cjk", &["dpkg-query", "--status", "fonts-noto-cjk"]),
        ];
        for (package, probe) in packages {
            heading(&format!("set-up: {package}"))?;
            let is_there = || quiet(probe);
            let install = ["apt-get", "install", "-y", "--no-install-recommends", package];
            let installed = is_there()
                || quiet(&install)
                || (quiet(&["apt-get", "update"]) && quiet(&install) && is_there());
            if installed {
                writeln!(io::stdout(), "there")?;
            } else {
                writeln!(io::stdout(), "Debian's {package} cannot be had")?;
            }
        }
        Ok(())
    }

    /// Eclipse Paho's interoperability suite. Its tests say so where it is missing.
    fn suite_of_paho(&mut self) -> Result<()> {
        heading("set-up: paho.mqtt.testing")?;
        let folder = self.root.join("target/paho.mqtt.testing");
        let git = |arguments: &[&str]| {
            let ran = Command::new("git").args(arguments).status();
            ran.is_ok_and(|status| status.success())
        };
        let path = folder.to_string_lossy();
        let is_there = folder.join("interoperability").is_dir()
            || (git(&["clone", "--quiet", PAHO, &path])
                && git(&["-C", &path, "checkout", "--quiet", PAHO_COMMIT]));
        let told = if is_there { "there" } else { "paho.mqtt.testing cannot be had" };
        writeln!(io::stdout(), "{told}")?;
        Ok(())
    }

    /// What is built on request only: root keys on security tokens.
    fn tokens(&mut self) -> Result<()> {
        let package = ["--package", "sekisho-cli", "--features", "pkcs11", "--locked"];
        let clippy = [&["clippy", "--all-targets"], &package[..], &["--", "-D", "warnings"]];
        self.cargo("clippy with keys on tokens", &clippy.concat())?;
        let test = [&["test", "--bins"], &package[..], &["pkcs11"]];
        self.cargo("keys on tokens", &test.concat())
    }

    fn own(&mut self, name: &str, check: impl FnOnce() -> Result<ExitCode>) -> Result<()> {
        heading(name)?;
        let succeeded = check()? == ExitCode::SUCCESS;
        self.note(name, succeeded);
        Ok(())
    }

    fn run(&mut self, name: &str, mut command: Command) -> Result<()> {
        heading(name)?;
        let succeeded = command.status().context("run cargo")?.success();
        self.note(name, succeeded);
        Ok(())
    }

    fn has(&self, subcommand: &str) -> bool {
        let mut command = self.command(&[subcommand, "--version"]);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(self.root).args(arguments);
        if env::var_os("CI").is_some() {
            // What is built once needs no notes for being built again: they are most of its disk.
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }

    /// What was not run, after everything that was.
    fn skips(&mut self, skips: &Skips) -> Result<()> {
        let name = "skipped";
        heading(name)?;
        let may_be = skips.tell()?;
        self.note(name, may_be);
        Ok(())
    }

    fn note(&mut self, name: &str, succeeded: bool) {
        if !succeeded {
            self.failed.push(name.to_owned());
        }
    }

    fn finish(self) -> Result<ExitCode> {
        if self.failed.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(io::stdout(), "failed: {}", self.failed.join(", "))?;
        Ok(ExitCode::FAILURE)
    }
}

fn heading(name: &str) -> Result<()> {
    let mut out = io::stdout();
    writeln!(out, "\n==> {name}")?;
    Ok(out.flush()?)
}
