//! A server in a process of its own, what it weighs and what it works.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use sekisho::{Client, ClientOptions, Endpoint, Trust};
use sekisho_proto::{PrincipalKind, PrincipalName, Statement, limits::STATEMENTS_PER_STATE_MAX};
use sekisho_seal::{KeyFile, KeyKind};
use tempfile::TempDir;

use crate::city::{City, NODE_NAME};

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(500);
/// Looks that must agree before a process counts as settled, and how far they may differ, KiB.
const AGREEING: usize = 4;
const DIFFERENCE_KIB: u64 = 64;
/// Looks after which it is taken as it is.
const LOOKS_MAX: usize = 60;
/// Statements that a node is founded with, which is what its file may hold; the rest is stated when
/// it serves.
const FOUNDING_MAX: usize = 2_000;

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    home: Option<Home>,
}

/// A node's folder.
#[derive(Debug)]
pub struct Home(TempDir);

impl Home {
    /// What the city's node needs for its first start.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn of(city: &City) -> Result<Self> {
        Self::in_folder(folder()?, city)
    }

    /// The same, in a folder that is there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn in_folder(folder: TempDir, city: &City) -> Result<Self> {
        Self::found(folder, city, city.statements())
    }

    fn found(folder: TempDir, city: &City, founding: &[Statement]) -> Result<Self> {
        fs::DirBuilder::new().mode(0o700).create(folder.path().join("keys"))?;
        let name = PrincipalName::new(NODE_NAME, city.organisation())?;
        let kind = KeyKind::Principal(PrincipalKind::Node);
        let key = KeyFile { kind, name, identity: city.node() };
        key.create(&folder.path().join("keys/node.key"))?;
        let genesis = sekisho_broker::genesis::encode(founding);
        fs::write(folder.path().join("genesis.statements"), genesis)?;
        let settings = format!(
            "organisation = \"{}\"\n[listen]\nquic = \"127.0.0.1:0\"\n\
             http = \"127.0.0.1:0\"\n[limits]\nrequests_per_second = 10000000\n",
            city.organisation()
        );
        fs::write(folder.path().join("sekisho.toml"), settings)?;
        Ok(Self(folder))
    }

    /// Where it keeps what it stores.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl Server {
    /// This program as the bare server.
    ///
    /// # Errors
    /// It does not start, or does not say where it listens.
    pub fn start_bare(program: &Path, argument: &str) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg(argument);
        Self::start(command)
    }

    /// The `sekisho` command as the city's node, with no limit on how much one principal may ask.
    ///
    /// # Errors
    /// It does not start, does not say where it listens, or refuses a statement.
    pub async fn start_node(program: &Path, city: &City) -> Result<Self> {
        let statements = city.statements();
        let (founding, further) = statements.split_at(statements.len().min(FOUNDING_MAX));
        let home = Home::found(folder()?, city, founding)?;
        let mut server = Self::start_in(program, &home)?;
        server.home = Some(home);
        if !further.is_empty() {
            server.state(city, further).await?;
        }
        Ok(server)
    }

    async fn state(&self, city: &City, further: &[Statement]) -> Result<()> {
        let endpoint = Endpoint {
            address: self.address.to_string(),
            node_key: city.node().public_key(),
            organisation: city.organisation().clone(),
        };
        let trust = Trust { organisation: city.organisation().clone(), root: city.root() };
        let steward = Arc::new(city.steward());
        let client = Client::connect(endpoint, steward, trust, ClientOptions::default()).await?;
        for some in further.chunks(STATEMENTS_PER_STATE_MAX) {
            client.state_all(some).await?;
        }
        client.close().await;
        Ok(())
    }

    /// The same in a folder that outlives it; ends when the node says that it serves.
    ///
    /// # Errors
    /// It does not start, or does not say where it listens.
    pub fn start_in(program: &Path, home: &Home) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--log", "warn", "--dir"]).arg(home.0.path());
        Self::start(command)
    }

    /// Starts it and reads its address: the first word of its first line that is one.
    fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("start the server")?;
        let output = child.stdout.take().context("the server's output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("the server's first line")?;
        let address = line
            .split(|sign: char| sign.is_whitespace() || sign == ';')
            .find_map(|word| word.parse().ok())
            .with_context(|| format!("wanted an address, found {line:?}"))?;
        Ok(Self { child, address, home: None })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resident memory once it no longer changes, KiB.
    ///
    /// # Errors
    /// The process is gone.
    pub async fn settled(&self) -> Result<u64> {
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

    /// The processor's time that it has used, s.
    ///
    /// # Errors
    /// The process is gone.
    pub fn processor_s(&self) -> Result<f64> {
        processor_s(&format!("/proc/{}/stat", self.child.id()))
    }

    fn resident_kib(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.with_context(|| format!("{path}: wanted VmRSS"))?;
        let number = line.split_whitespace().next().with_context(|| format!("{path}: {line:?}"))?;
        number.parse().with_context(|| format!("{path}: {line:?}"))
    }

    /// Ends it and waits until it has gone.
    pub async fn stop(self) {
        drop(tokio::task::spawn_blocking(move || drop(self)).await);
    }
}

fn folder() -> Result<TempDir> {
    TempDir::new().context("a folder for the node")
}

/// The processor's time that this program has used, s.
///
/// # Errors
/// The system does not tell.
pub fn own_processor_s() -> Result<f64> {
    processor_s("/proc/self/stat")
}

fn processor_s(path: &str) -> Result<f64> {
    let stat = fs::read_to_string(path).with_context(|| path.to_owned())?;
    let (_name, rest) = stat.rsplit_once(')').with_context(|| format!("{path}: {stat:?}"))?;
    // utime and stime are fields 14 and 15; the text begins with field 3. Ticks are 1/100 s.
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / 100.0)
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself needs neither.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
