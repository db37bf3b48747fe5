//! The brokers, each a process of its own with TLS, started for the work that needs it.

mod mqtt;
mod nats;
pub(crate) mod quinn;
mod sekisho;
mod zenoh;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{net::TcpStream, time::sleep};

use crate::{
    job::{Address, Job},
    work::{Side, Work},
};

/// How long a broker may take to listen.
const ATTEMPTS: u32 = 400;
const PAUSE: Duration = Duration::from_millis(50);

/// All brokers that run.
pub(crate) struct Servers {
    folder: PathBuf,
    certificate: Certificate,
    running: BTreeMap<Program, Running>,
    /// What each said of itself.
    versions: BTreeMap<String, String>,
}

/// Which process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Program {
    Sekisho,
    Nats,
    Zenoh,
    Mosquitto,
    Rumqttd,
    Quinn,
}

/// A process and how it is reached. Killed when dropped.
struct Running {
    children: Vec<Child>,
    address: Address,
    /// Where it listens for MQTT, and with which certificate, where it is not only that.
    mqtt: Option<(SocketAddr, PathBuf)>,
    version: String,
}

/// The files of a certificate of `localhost`.
#[derive(Debug, Clone)]
struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

impl Servers {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names)?;
        let path = |name| folder.join(name);
        let certificate =
            Certificate { certificate: path("certificate.pem"), key: path("key.pem") };
        fs::write(&certificate.certificate, made.cert.pem())?;
        fs::write(&certificate.key, made.signing_key.serialize_pem())?;
        fs::set_permissions(&certificate.key, fs::Permissions::from_mode(0o600))?;
        let (running, versions) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { folder: folder.to_owned(), certificate, running, versions })
    }

    /// Starts whatever these sides need, and tells which of them there are: one that is not
    /// installed is named and left out.
    #[expect(clippy::print_stderr, reason = "a bench that takes minutes says where it is")]
    pub(crate) async fn start(&mut self, sides: Vec<Side>) -> Result<Vec<Side>> {
        let mut there = Vec::new();
        for side in sides {
            let Some(program) = program_of(side) else {
                there.push(side);
                continue;
            };
            if program == Program::Zenoh && !cfg!(feature = "zenoh") {
                self.versions.insert(side.to_string(), "this was built without its client".into());
                continue;
            }
            if !self.running.contains_key(&program) {
                if let Some(name) = program.name().filter(|name| installed(name).is_none()) {
                    eprintln!("{side}: {name} is not installed, see benches/peers/install");
                    self.versions.insert(side.to_string(), "not installed".to_owned());
                    continue;
                }
                let running = self.launch(program).await.with_context(|| side.to_string())?;
                self.running.insert(program, running);
            }
            if let Some(running) = self.running.get(&program) {
                self.versions.insert(side.to_string(), running.version.clone());
            }
            there.push(side);
        }
        Ok(there)
    }

    async fn launch(&self, program: Program) -> Result<Running> {
        let folder = tempfile::tempdir_in(&self.folder)?.keep();
        match program {
            Program::Sekisho => sekisho::start(&folder).await,
            Program::Nats => nats::start(&folder, &self.certificate).await,
            Program::Zenoh => zenoh::start(&folder, &self.certificate).await,
            Program::Mosquitto => mqtt::mosquitto(&folder, &self.certificate).await,
            Program::Rumqttd => mqtt::rumqttd(&folder, &self.certificate).await,
            Program::Quinn => quinn::start().await,
        }
    }

    /// What the load of one turn is told.
    pub(crate) fn job(&self, work: Work, side: Side, round: usize) -> Result<Job> {
        let server = match program_of(side) {
            None => Address::nowhere(),
            Some(program) => {
                let running = self.running.get(&program).context("a broker that runs")?;
                let mut server = running.address.clone();
                if let (Side::SekishoMqtt, Some((socket, certificate))) = (side, &running.mqtt) {
                    server.socket = *socket;
                    server.certificate.clone_from(certificate);
                }
                server
            }
        };
        Ok(Job { work, side, round, server })
    }

    pub(crate) fn versions(&self) -> &BTreeMap<String, String> {
        &self.versions
    }

    /// Ends everything that runs.
    pub(crate) async fn stop(&mut self) {
        let running = std::mem::take(&mut self.running);
        drop(tokio::task::spawn_blocking(move || drop(running)).await);
    }
}

/// Whose process does a side's work; none where the load does it by itself.
fn program_of(side: Side) -> Option<Program> {
    match side {
        Side::Sekisho | Side::SekishoMqtt => Some(Program::Sekisho),
        Side::Nats | Side::JetStream => Some(Program::Nats),
        Side::Zenoh => Some(Program::Zenoh),
        Side::Mosquitto => Some(Program::Mosquitto),
        Side::Rumqttd => Some(Program::Rumqttd),
        Side::QuinnStream | Side::QuinnRelay => Some(Program::Quinn),
        Side::Verify => None,
    }
}

impl Program {
    /// What has to be installed.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Sekisho | Self::Quinn => None,
            Self::Nats => Some("nats-server"),
            Self::Zenoh => Some("zenohd"),
            Self::Mosquitto => Some("mosquitto"),
            Self::Rumqttd => Some("rumqttd"),
        }
    }
}

impl Address {
    fn nowhere() -> Self {
        Self {
            pid: std::process::id(),
            socket: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            certificate: PathBuf::new(),
            users: Vec::new(),
            members: Vec::new(),
        }
    }

    fn of(child: &Child, socket: SocketAddr, certificate: &Path) -> Self {
        let certificate = certificate.to_owned();
        Self { pid: child.id(), socket, certificate, ..Self::nowhere() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.children {
            // One that has ended by itself needs neither.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The project's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where a program is: what `benches/peers/install` made, else what the system has.
fn installed(name: &str) -> Option<PathBuf> {
    let ours = root().join("target/peers/bin");
    [ours, "/usr/bin".into(), "/usr/sbin".into()]
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

fn command(name: &str) -> Result<Command> {
    Ok(Command::new(installed(name).with_context(|| format!("{name}: not installed"))?))
}

/// A port that nobody has.
fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until somebody listens.
async fn listening(address: SocketAddr) -> Result<()> {
    for _ in 0..ATTEMPTS {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
    anyhow::bail!("wanted somebody to listen at {address}, found nobody")
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {told}");
    Ok(())
}

/// The first line that a command says.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    Ok(told.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned())
}

/// Starts a process and reads the first line that it says.
fn spawn(command: &mut Command) -> Result<(Child, String)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("start")?;
    let mut output = BufReader::new(child.stdout.take().context("its output")?);
    let mut line = String::new();
    output.read_line(&mut line).context("its first line")?;
    // Whatever it says later is read, so that it never waits for that.
    thread::spawn(move || {
        let mut rest = Vec::new();
        drop(output.read_to_end(&mut rest));
    });
    Ok((child, line.trim().to_owned()))
}
