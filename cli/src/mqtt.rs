//! `pub` and `sub` at the MQTT listener, as any client of MQTT 5 would: for trying it by hand. Names are
//! those of MQTT, below the listener's prefix; nothing is sealed or verified here.

mod wire;

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sekisho::Profile;
use sekisho_seal::Password;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use self::wire::{Message, Wire};
use crate::exit::Exit;
use crate::{fault, output, signals};

/// A file with a password, bytes.
const PASSWORD_BYTES_MAX: u64 = 1024;
/// Lines read ahead of the node.
const LINES_MAX: usize = 256;

/// What `pub` and `sub` take for `--via mqtt`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct MqttArgs {
    /// With --via mqtt: the node's MQTT listener.
    #[arg(long, value_name = "HOST:PORT")]
    mqtt: Option<String>,
    /// With --via mqtt: the node's certificate, from tls/ in its folder; no other is taken.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// With --via mqtt: the user name, as `sekisho enrol --attested` told it; default: the folder's
    /// key, in a client certificate.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// With --via mqtt: a file with the password, readable by its owner only.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

/// Who connects.
enum Caller {
    Password(String, Zeroizing<String>),
    Key(Box<sekisho::SigningKey>),
}

impl MqttArgs {
    async fn connect(&self, dir: &Path) -> Result<Wire> {
        let (Some(address), Some(certificate)) = (&self.mqtt, &self.certificate) else {
            return Err(fault::usage(
                "--via mqtt: wanted --mqtt HOST:PORT and --certificate FILE, found not both",
            ));
        };
        if address.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(fault::usage(format!("--mqtt: wanted HOST:PORT, found {address:?}")));
        }
        let file = certificate.display();
        let pem =
            std::fs::read(certificate).with_context(|| format!("{file}: wanted a certificate"))?;
        let pinned = CertificateDer::from_pem_slice(&pem)
            .with_context(|| format!("{file}: wanted a certificate in PEM"))?;
        let caller = match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => Caller::Password(user.clone(), password(file)?),
            _ => Caller::Key(Box::new(Profile::identity(dir)?.signing().clone())),
        };
        let connected = Wire::connect(address, pinned, &caller).await;
        connected.with_context(|| format!("MQTT listener at {address}, certificate of {file}"))
    }

    /// `pub`: each payload in turn, each acknowledged.
    pub(crate) async fn publish(
        &self,
        dir: &Path,
        topic: &str,
        payload: Option<Map<String, Value>>,
        json: bool,
    ) -> Result<Exit> {
        let mut wire = self.connect(dir).await?;
        let mut count = 0_u64;
        match payload {
            Some(values) => {
                wire.publish(topic, Value::Object(values).to_string().as_bytes()).await?;
                count = 1;
            }
            None => {
                let mut lines = lines();
                let stop = signals::stop();
                loop {
                    let line = tokio::select! {
                        line = lines.recv() => line,
                        came = wire.due() => {
                            // Between lines, too, this end has to say that it is there.
                            wire.settle(came?).await?;
                            continue;
                        }
                        () = stop.cancelled() => None,
                    };
                    let Some(line) = line else { break };
                    wire.publish(topic, line.context("standard input")?.as_bytes()).await?;
                    count += 1;
                }
            }
        }
        wire.close().await;
        if json {
            output::json(&json!({ "messages": count }));
        } else {
            output::line(format!("published {}", output::count(count, "message")));
        }
        Ok(Exit::Done)
    }

    /// `sub`: what comes, until the count or a signal.
    pub(crate) async fn subscribe(
        &self,
        dir: &Path,
        filter: &str,
        count: Option<u64>,
        json: bool,
    ) -> Result<Exit> {
        let stop = signals::stop();
        let mut wire = self.connect(dir).await?;
        wire.subscribe(filter).await?;
        output::aside_for_people(format!("listening to {filter}; Ctrl-C ends"));
        let mut left = count.unwrap_or(u64::MAX);
        while left > 0 {
            let message = tokio::select! {
                () = stop.cancelled() => break,
                message = wire.message() => message?,
            };
            left = left.saturating_sub(1);
            match output::try_line(shown(&message, json)) {
                Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => break,
                written => written.context("standard output")?,
            }
        }
        wire.close().await;
        Ok(Exit::Done)
    }
}

/// One line, whatever the payload holds.
fn shown(message: &Message, json: bool) -> String {
    let text = std::str::from_utf8(&message.payload).ok();
    let bytes = message.payload.len();
    if json {
        let payload = text.map_or(json!({ "bytes": bytes }), |text| json!(text));
        return json!({ "topic": message.topic, "payload": payload }).to_string();
    }
    let is_plain = |text: &&str| !text.chars().any(char::is_control);
    match text.filter(is_plain) {
        Some(text) => format!("{}  {text}", message.topic),
        None => format!("{}  [{bytes} bytes]", message.topic),
    }
}

/// The password in a file that nobody else may read.
fn password(file: &Path) -> Result<Zeroizing<String>> {
    use std::os::unix::fs::MetadataExt as _;
    let name = file.display();
    let found = std::fs::metadata(file).with_context(|| format!("{name}: wanted a password"))?;
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 || found.len() > PASSWORD_BYTES_MAX {
        return Err(fault::usage(format!(
            "{name}: wanted a short file of mode 0600, found {} bytes of mode {mode:04o}",
            found.len()
        )));
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).with_context(|| name.to_string())?);
    let password = Zeroizing::new(text.trim().to_owned());
    Password::parse(&password).with_context(|| name.to_string())?;
    Ok(password)
}

fn lines() -> mpsc::Receiver<io::Result<String>> {
    if io::stdin().is_terminal() {
        output::aside("reading payloads from the keyboard: one per line, Ctrl-D ends");
    }
    let (sender, lines) = mpsc::channel(LINES_MAX);
    // Reading cannot be interrupted: the thread is left behind where a signal comes first.
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_no_certificate_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let certificate = Some(file.path().to_owned());
        let mqtt = Some("127.0.0.1:1".to_owned());
        let asked = MqttArgs { mqtt, certificate, ..MqttArgs::default() };
        let refused = asked.connect(Path::new("nowhere")).await.err().unwrap();
        let (said, name) = (format!("{refused:#}"), file.path().display().to_string());
        assert!(said.contains(&format!("{name}: wanted a certificate in PEM")), "{said}");
    }

    #[tokio::test]
    async fn where_nobody_listens_the_node_cannot_be_reached() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let key = rcgen::KeyPair::generate().unwrap();
        let shown = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let caller = Caller::Password("logger@fujisawa".to_owned(), Zeroizing::default());
        let refused = Wire::connect(&address, shown.der().clone(), &caller).await.err().unwrap();
        assert_eq!(fault::exit_of(&refused), Exit::Unreachable);
        let said = format!("{refused:#}");
        assert!(said.contains("refused") && said.contains("is the node running"), "{said}");
    }
}
