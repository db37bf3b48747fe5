//! The two brokers, each a process of its own with TLS, a user name and a password.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{net::TcpStream, time::sleep};
use tokio_rustls::TlsConnector;

use crate::client;

/// How long a broker may take to listen.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);
const ORGANISATION: &str = "fujisawa";
/// Who may connect.
const USERS: usize = 16;

/// A running broker.
pub(crate) struct Broker {
    name: &'static str,
    version: String,
    address: SocketAddr,
    /// Names and passwords; a principal of ours may have so many clients at a time.
    users: Vec<(String, String)>,
    connector: TlsConnector,
    child: Child,
}

impl Broker {
    /// A node of ours, from the command beside this program.
    pub(crate) async fn sekisho(folder: &Path) -> Result<Self> {
        let program = std::env::current_exe().context("this program")?.with_file_name("sekisho");
        ensure!(program.is_file(), "wanted {}, found nothing", program.display());
        let (dir, mqtt) = (folder.join(ORGANISATION), free()?);
        let [quic, http] = [free()?, free()?].map(|address| address.to_string());
        run(command(&program)
            .args(["init", ORGANISATION, "--listen", &quic, "--http", &http])
            .arg("--dir")
            .arg(&dir))?;
        let settings = dir.join("sekisho.toml");
        let text = fs::read_to_string(&settings)?;
        let text = text.replacen("[listen]", &format!("[listen]\nmqtt = \"{mqtt}\""), 1);
        fs::write(&settings, with_rate(&text))?;
        let child = command(&program)
            .args(["serve", "--log", "error", "--dir"])
            .arg(&dir)
            .stdout(Stdio::null())
            .spawn()?;
        listening(mqtt).await?;
        let mut users = Vec::new();
        for number in 0..USERS {
            let (name, file) =
                (format!("load-{number}"), folder.join(format!("{number}.password")));
            let all = format!("{ORGANISATION}/mqtt/#");
            let mut enrol = command(&program);
            enrol.args(["enrol", &name, "--attested", "--topics", &all, "--read", &all, "--yes"]);
            run(enrol.arg("--password-file").arg(&file).arg("--dir").arg(&dir))?;
            users.push((
                format!("{name}@{ORGANISATION}"),
                fs::read_to_string(&file)?.trim().to_owned(),
            ));
        }
        Ok(Self {
            name: "sekisho",
            version: said(command(&program).arg("--version"))?,
            address: mqtt,
            users,
            connector: client::connector(&dir.join("tls/certificate.pem"))?,
            child,
        })
    }

    /// Mosquitto, told to lose nothing for want of a queue and to send at once; otherwise as it comes.
    pub(crate) async fn mosquitto(folder: &Path) -> Result<Self> {
        let folder = folder.join("mosquitto");
        fs::create_dir(&folder)?;
        let (address, path) = (free()?, |name: &str| folder.join(name));
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        fs::write(path("certificate.pem"), made.cert.pem())?;
        fs::write(path("key.pem"), made.signing_key.serialize_pem())?;
        fs::set_permissions(path("key.pem"), fs::Permissions::from_mode(0o600))?;
        let password = "load-load-load";
        let users: Vec<_> =
            (0..USERS).map(|number| (format!("load-{number}"), password.to_owned())).collect();
        let lines: String = users.iter().map(|(name, word)| format!("{name}:{word}\n")).collect();
        fs::write(path("passwords"), lines)?;
        run(Command::new("mosquitto_passwd").arg("-U").arg(path("passwords")))?;
        let settings = format!(
            "listener {} 127.0.0.1\ncertfile {}\nkeyfile {}\npassword_file {}\nallow_anonymous false\n\
             max_queued_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\nuser root\nlog_type error\n",
            address.port(),
            path("certificate.pem").display(),
            path("key.pem").display(),
            path("passwords").display(),
        );
        fs::write(path("mosquitto.conf"), settings)?;
        let mut start = Command::new("mosquitto");
        let child = start.arg("-c").arg(path("mosquitto.conf")).stderr(Stdio::null()).spawn()?;
        listening(address).await?;
        let version = said(Command::new("mosquitto").arg("-h"))?;
        Ok(Self {
            name: "mosquitto",
            version: version.lines().next().unwrap_or_default().to_owned(),
            address,
            users,
            connector: client::connector(&path("certificate.pem"))?,
            child,
        })
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name and the password that this client has.
    pub(crate) fn login(&self, client: usize) -> Result<(&str, &str)> {
        let (name, password) = self.users.get(client % USERS).context("a user")?;
        Ok((name, password))
    }

    pub(crate) const fn connector(&self) -> &TlsConnector {
        &self.connector
    }

    /// Its resident memory, KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.context("VmRSS")?.trim().trim_end_matches(" kB");
        text.parse().context("VmRSS: a number")
    }

    /// The processor's time that it has used, s.
    pub(crate) fn processor_s(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_name, rest) = stat.rsplit_once(')').context("stat")?;
        // utime and stime are fields 14 and 15; the text begins with field 3. Ticks are 1/100 s.
        let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / 100.0)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// No limit on how much one principal may ask: the load is one's.
fn with_rate(settings: &str) -> String {
    let rate = "requests_per_second = 10000000";
    if settings.lines().any(|line| line.trim() == "[limits]") {
        return settings.replacen("[limits]", &format!("[limits]\n{rate}"), 1);
    }
    format!("{settings}\n[limits]\n{rate}\n")
}

fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

async fn listening(address: SocketAddr) -> Result<()> {
    for _ in 0..ATTEMPTS {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
    anyhow::bail!("wanted a listener at {address}, found none")
}

fn command(program: &PathBuf) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {told}");
    Ok(())
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
