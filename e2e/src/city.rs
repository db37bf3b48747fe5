//! A city: an organisation's folder, its node and its steward, each a process of its own on ports
//! that no other test has.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::command::{Said, run};
use crate::lab::Site;
use crate::member::Member;
use crate::page::Page;
use crate::patience::eventually;
use crate::port::Port;
use crate::process::Process;
use crate::program::program;

/// One organisation on this machine.
#[derive(Debug)]
pub struct City {
    name: String,
    // Dropped in this order: the processes show their logs before the folder with these is removed.
    steward: Option<Process>,
    node: Option<Process>,
    quic: Port,
    http: Port,
    /// Listeners that are closed unless somebody opens them, such as `web`.
    doors: BTreeMap<String, Port>,
    /// Where its processes are; loopback where nowhere else.
    site: Option<Site>,
    /// The command that its node and steward are.
    program: PathBuf,
    /// What `init` made.
    dir: PathBuf,
    /// Everything else of it, logs and members included; removed with it.
    folder: TempDir,
}

impl City {
    /// Makes the folder with `init` and starts node and steward.
    pub async fn found(name: &str) -> Self {
        let mut city = Self::plan(name).await;
        city.start().await;
        city
    }

    /// Makes the folder with `init` and starts nothing.
    pub async fn plan(name: &str) -> Self {
        Self::plan_with(name, &[]).await
    }

    /// Makes the folder with `init` and further options of it, and starts nothing.
    pub async fn plan_with(name: &str, options: &[&str]) -> Self {
        Self::made(name, options, |_city| {}).await
    }

    /// As [`plan`](Self::plan), on another disk: `init` makes its folder in `disk`.
    pub async fn plan_on(disk: &Path, name: &str) -> Self {
        Self::made(name, &[], |city| city.dir = disk.join("city")).await
    }

    /// As [`plan`](Self::plan), of another `sekisho` command than the one under test.
    pub async fn plan_with_program(program: &Path, name: &str) -> Self {
        Self::made(name, &[], |city| program.clone_into(&mut city.program)).await
    }

    /// As [`found`](Self::found), with its processes on a site of a laboratory.
    pub async fn found_at(site: &Site, name: &str) -> Self {
        let mut city = Self::made(name, &[], |city| city.site = Some(site.clone())).await;
        city.start().await;
        city
    }

    async fn made(name: &str, options: &[&str], place: impl FnOnce(&mut Self)) -> Self {
        let mut city = Self::nowhere(name);
        place(&mut city);
        let (listen, page) = (city.quic().to_string(), city.http().to_string());
        let init = ["init", name, "--listen", &listen, "--http", &page, "--json"];
        city.run(&[&init, options].concat()).await.succeeded();
        city
    }

    fn nowhere(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for a city");
        Self {
            name: name.to_owned(),
            steward: None,
            node: None,
            quic: Port::claim(),
            http: Port::claim(),
            doors: BTreeMap::new(),
            site: None,
            program: program().to_owned(),
            dir: folder.path().join("city"),
            folder,
        }
    }

    /// Takes over what another program left behind: an archive with a folder `city` and members'
    /// folders beside it. Starts nothing.
    #[must_use]
    pub fn unpack(archive: &Path, name: &str) -> Self {
        let city = Self::nowhere(name);
        let mut tar = std::process::Command::new("tar");
        tar.args(["--extract", "--gzip", "--no-same-owner", "--preserve-permissions", "--file"]);
        let unpacked = tar.arg(archive).arg("--directory").arg(city.place("")).status();
        assert!(unpacked.expect("tar runs").success(), "{}", archive.display());
        let listen = [("quic", city.quic()), ("http", city.http())];
        let listen = listen.map(|(key, address)| (key, address.to_string()));
        set(&city.dir.join("sekisho.toml"), &listen);
        for place in ["administrator", "steward"] {
            let node = [("node", city.quic().to_string())];
            set(&city.dir.join(place).join("profile.toml"), &node);
        }
        city
    }

    /// From now on its processes are of the command under test, as after an upgrade: those that run
    /// go on as they are.
    pub fn upgrade(&mut self) {
        program().clone_into(&mut self.program);
    }

    /// Opens a listener of its node's configuration, such as `web`, from the next start on; tells
    /// where.
    pub fn open(&mut self, door: &str) -> SocketAddr {
        let port = Port::claim();
        let address = port.address();
        self.doors.insert(door.to_owned(), port);
        self.configure("listen", &format!("{door} = \"{address}\""));
        address
    }

    /// Where a listener is that was opened.
    #[must_use]
    pub fn door(&self, door: &str) -> SocketAddr {
        self.doors.get(door).expect("a door that was opened").address()
    }

    /// Adds a line to a section of the node's configuration; it counts from the next start on.
    pub fn configure(&self, section: &str, line: &str) {
        let path = self.dir.join("sekisho.toml");
        let text = std::fs::read_to_string(&path).expect("settings");
        let head = format!("[{section}]\n");
        let changed = match text.split_once(&head) {
            Some((before, after)) => format!("{before}{head}{line}\n{after}"),
            None => format!("{text}\n{head}{line}\n"),
        };
        std::fs::write(&path, changed).expect("settings can be kept");
    }

    /// Starts node and steward.
    pub async fn start(&mut self) {
        self.start_node().await;
        self.start_steward().await;
    }

    /// Starts the node; resolves when it serves.
    pub async fn start_node(&mut self) {
        let node = self.launch("serve");
        self.take_on(node).await;
    }

    /// Takes a node that the test has started in its own way; resolves when it serves.
    pub async fn take_on(&mut self, mut node: Process) {
        assert!(self.node.is_none(), "{}: wanted no node, found one running", self.name);
        let said = node.line().await;
        assert!(said.starts_with("serving on "), "{}: its node said {said:?}", self.name);
        self.node = Some(node);
    }

    /// Starts the steward; resolves when it is at work.
    pub async fn start_steward(&mut self) {
        assert!(self.steward.is_none(), "{}: wanted no steward, found one running", self.name);
        let mut steward = self.launch("steward");
        let said = steward.line().await;
        assert_eq!(said, "the steward is at work", "{}: its steward's words", self.name);
        self.steward = Some(steward);
    }

    /// Starts `serve` or `steward` and waits for nothing: for those that are to fail.
    #[must_use]
    pub fn launch(&self, command: &str) -> Process {
        let mut started = match &self.site {
            Some(site) => site.command(&self.program),
            None => Command::new(&self.program),
        };
        started.arg(command).arg("--dir").arg(&self.dir);
        let name = format!("{command} of {}", self.name);
        Process::spawn(&name, started, &self.log_of(command))
    }

    /// Ends the node as a service manager does, and returns its exit code.
    pub async fn stop_node(&mut self) -> Option<i32> {
        let mut node = self.node.take().expect("a node that runs");
        node.terminate();
        node.wait().await.code()
    }

    /// Waits until the node has ended by itself, and returns its exit code.
    pub async fn node_ends(&mut self) -> Option<i32> {
        self.node.take().expect("a node that runs").wait().await.code()
    }

    /// Ends the steward as a service manager does, and returns its exit code.
    pub async fn stop_steward(&mut self) -> Option<i32> {
        let mut steward = self.steward.take().expect("a steward that runs");
        steward.terminate();
        steward.wait().await.code()
    }

    /// Ends the node where it stands, as a power cut does.
    pub async fn kill_node(&mut self) {
        self.node.take().expect("a node that runs").kill().await;
    }

    /// Ends the steward where it stands.
    pub async fn kill_steward(&mut self) {
        self.steward.take().expect("a steward that runs").kill().await;
    }

    /// The node's process.
    #[must_use]
    pub fn node(&self) -> &Process {
        self.node.as_ref().expect("a node that runs")
    }

    /// Its short name, the first level of its topics.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder that `init` made.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    /// Where a member's folder, a letter or anything else of the test may be put.
    #[must_use]
    pub fn place(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the node listens.
    #[must_use]
    pub fn quic(&self) -> SocketAddr {
        let address = self.quic.address();
        self.site.as_ref().map_or(address, |site| (site.address(), address.port()).into())
    }

    /// Where the page of health and metrics is.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http.address()
    }

    /// The page under a path.
    pub async fn page(&self, path: &str) -> Page {
        eventually("the node's page", || async {
            match &self.site {
                Some(site) => site.page(self.http(), path).await,
                None => Page::get(self.http(), path).await,
            }
        })
        .await
    }

    /// A metric of the node, named with its labels; 0 where it was never counted.
    pub async fn metric(&self, name: &str) -> f64 {
        self.page("/metrics").await.metric(name)
    }

    /// What the node refused under a code such as `not-permitted`.
    pub async fn refused(&self, code: &str) -> f64 {
        self.metric(&format!("sekisho_envelopes_refused_total{{code=\"{code}\"}}")).await
    }

    /// Runs a command on the city's folder, which makes it the administrator's.
    pub async fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Said {
        let mut all: Vec<OsString> = arguments.iter().map(|part| part.as_ref().into()).collect();
        all.extend(["--dir".into(), self.dir().into_os_string()]);
        run(&self.program, &all, "").await
    }

    /// Its administrator.
    #[must_use]
    pub fn administrator(&self) -> Member {
        Member::at(self.dir().join("administrator"))
    }

    /// Everything that its node logged, over all its runs.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_of("serve")).unwrap_or_default()
    }

    fn log_of(&self, command: &str) -> PathBuf {
        self.place(format!("{command}.log"))
    }
}

/// Gives keys of a file of settings other texts.
fn set(path: &Path, settings: &[(&str, String)]) {
    let text = std::fs::read_to_string(path).expect("settings");
    let changed = text.lines().map(|line| {
        let key = line.split_once('=').map(|(key, _value)| key.trim());
        let wanted = settings.iter().find(|(name, _value)| key == Some(*name));
        match wanted {
            Some((name, value)) => format!("{name} = {value:?}\n"),
            None => format!("{line}\n"),
        }
    });
    std::fs::write(path, changed.collect::<String>()).expect("settings can be kept");
}
