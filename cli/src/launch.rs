//! Children of `demo` and `bench`: this same program, ended with it whatever happens.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long a child may take to say its first word, and to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(60);

/// One running child.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    process: Process,
    /// Held here, as waiting for a process closes the input that it still has.
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts this program with other arguments. Its log goes where ours goes.
    pub(crate) fn start(name: &str, arguments: Vec<OsString>) -> Result<Self> {
        let program = std::env::current_exe().context("this program's own path")?;
        let mut process = Command::new(program)
            .args(arguments)
            .env(
                "SEKISHO_LOG",
                std::env::var("SEKISHO_LOG").unwrap_or_else(|_unset| "error".into()),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C in the terminal is for the parent, which ends its children in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name}: start"))?;
        let stdout = process.stdout.take().context("a child has an output")?;
        let input = process.stdin.take();
        let lines = BufReader::new(stdout).lines();
        Ok(Self { name: name.to_owned(), process, input, lines })
    }

    /// The number of its process, while it runs.
    pub(crate) fn number(&self) -> Option<u32> {
        self.process.id()
    }

    /// Its next line.
    pub(crate) async fn line(&mut self) -> Result<String> {
        let said = timeout(PATIENCE, self.lines.next_line()).await;
        match said {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(Ok(None)) => {
                let status = self.process.wait().await?;
                bail!("{}: wanted it to go on, found it ended with {status}", self.name)
            }
            Ok(Err(fault)) => Err(fault).with_context(|| self.name.clone()),
            Err(_elapsed) => bail!("{}: wanted a word within {PATIENCE:?}, found none", self.name),
        }
    }

    /// Its next line as a document.
    pub(crate) async fn document<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.line().await?;
        serde_json::from_str(&line).with_context(|| format!("{}: said {line:?}", self.name))
    }

    /// Resolves when it has ended by itself, which is an error where it failed.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let status = self.process.wait().await?;
        bail!("{}: ended with {status}", self.name)
    }

    /// Asks it to end, by closing its input: those that are no node and no steward listen for that.
    pub(crate) fn ask_to_end(&mut self) {
        self.input = None;
    }

    /// The way to speak to it; then it is asked to end by dropping this.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.input.take()
    }

    /// Waits until it has ended in good order.
    pub(crate) async fn wait(mut self) -> Result<()> {
        self.ask_to_end();
        let status = self.status().await?;
        ensure!(status.success(), "{}: ended with {status}", self.name);
        Ok(())
    }

    async fn status(&mut self) -> Result<ExitStatus> {
        timeout(PATIENCE, self.process.wait())
            .await
            .with_context(|| format!("{}: wanted it to end within {PATIENCE:?}", self.name))?
            .with_context(|| self.name.clone())
    }

    /// Ends a node or steward as a service manager does: SIGTERM, then it drains.
    pub(crate) async fn terminate(mut self) -> Result<()> {
        if let Some(pid) = self.process.id().and_then(|id| i32::try_from(id).ok()) {
            let pid = rustix::process::Pid::from_raw(pid).context("a child has a number")?;
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        let status = self.status().await?;
        ensure!(status.success(), "{}: ended with {status}", self.name);
        Ok(())
    }
}

/// Arguments from texts and paths.
pub(crate) fn arguments<const N: usize>(parts: [&dyn AsRef<std::ffi::OsStr>; N]) -> Vec<OsString> {
    parts.iter().map(|part| part.as_ref().to_owned()).collect()
}

/// Runs this program to its end and returns what it printed; what it said on the side is shown
/// only where it failed.
pub(crate) async fn run(name: &str, arguments: Vec<OsString>) -> Result<String> {
    let program = std::env::current_exe().context("this program's own path")?;
    let ran =
        Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE, ran)
        .await
        .with_context(|| format!("{name}: wanted it to end within {PATIENCE:?}"))?
        .with_context(|| name.to_owned())?;
    let aside = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: ended with {}: {}", output.status, aside.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
