//! A server in a process of its own, and what it weighs.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};
use sekisho_benches::city::{City, NODE_NAME};
use sekisho_proto::{PrincipalKind, PrincipalName};
use sekisho_seal::{KeyFile, KeyKind};
use tempfile::TempDir;

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(500);
/// Looks that must agree before a process counts as settled, and how far they may differ, KiB.
const AGREEING: usize = 4;
const DIFFERENCE_KIB: u64 = 64;
/// Looks after which it is taken as it is.
const LOOKS_MAX: usize = 60;

/// A running server. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    _folder: Option<TempDir>,
}

impl Server {
    /// This program as the bare server.
    pub(crate) fn start_bare(program: &Path, argument: &str) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg(argument);
        Self::start(command, None)
    }

    /// The `sekisho` command as the city's node.
    pub(crate) fn start_node(program: &Path, city: &City) -> Result<Self> {
        let folder = TempDir::new().context("a folder for the node")?;
        fs::DirBuilder::new().mode(0o700).create(folder.path().join("keys"))?;
        let name = PrincipalName::new(NODE_NAME, city.organisation())?;
        let kind = KeyKind::Principal(PrincipalKind::Node);
        let key = KeyFile { kind, name, identity: city.node() };
        key.create(&folder.path().join("keys/node.key"))?;
        let genesis = sekisho_broker::genesis::encode(city.statements());
        fs::write(folder.path().join("genesis.statements"), genesis)?;
        let settings = format!(
            "organisation = \"{}\"\n[listen]\nquic = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n",
            city.organisation()
        );
        fs::write(folder.path().join("sekisho.toml"), settings)?;
        let mut command = Command::new(program);
        command.args(["serve", "--log", "warn", "--dir"]).arg(folder.path());
        Self::start(command, Some(folder))
    }

    /// Starts it and reads its address: the first word of its first line that is one.
    fn start(mut command: Command, folder: Option<TempDir>) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("start the server")?;
        let output = child.stdout.take().context("the server's output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("the server's first line")?;
        let address = line
            .split(|sign: char| sign.is_whitespace() || sign == ';')
            .find_map(|word| word.parse().ok())
            .with_context(|| format!("wanted an address, found {line:?}"))?;
        Ok(Self { child, address, _folder: folder })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resident memory once it no longer changes, KiB.
    pub(crate) async fn settled(&self) -> Result<u64> {
        let mut seen = Vec::new();
        for _ in 0..LOOKS_MAX {
            tokio::time::sleep(LOOK).await;
            seen.push(self.resident_kib()?);
            let last = seen.rchunks(AGREEING).next().unwrap_or_default();
            let (least, most) = (last.iter().min(), last.iter().max());
            if let (Some(least), Some(most)) = (least, most)
                && last.len() == AGREEING
                && most - least <= DIFFERENCE_KIB
            {
                return Ok(*most);
            }
        }
        self.resident_kib()
    }

    fn resident_kib(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.with_context(|| format!("{path}: wanted VmRSS"))?;
        let number = line.split_whitespace().next().with_context(|| format!("{path}: {line:?}"))?;
        number.parse().with_context(|| format!("{path}: {line:?}"))
    }

    pub(crate) async fn stop(self) {
        drop(tokio::task::spawn_blocking(move || drop(self)).await);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself needs neither.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
