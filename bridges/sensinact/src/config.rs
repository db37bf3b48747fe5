//! The bridge's configuration: a TOML file in, checked values out, every fault of it told at once
//! with its key.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use sekisho::{ConfigFault, CursorName, Filter, Start};
use zeroize::Zeroizing;

use crate::device::Rules;

mod check;
mod file;

/// A configuration file, bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A configuration that can be run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who the bridge is to its node.
    pub node: NodeConfig,
    /// How topics become devices.
    pub devices: Rules,
    /// The MQTT broker that sensiNact attaches to.
    pub mqtt: MqttConfig,
    /// Where commands come from; `None` where none are taken.
    pub actuation: Option<ActuationConfig>,
}

/// Who the bridge is and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// The folder that `sekisho join` made.
    pub identity: PathBuf,
    /// What is subscribed to.
    pub filters: Vec<Filter>,
    /// Under which name the node remembers how far the bridge has come; each filter has one, that
    /// begins so.
    pub cursor: CursorName,
    /// Where to begin where it remembers nothing.
    pub start: Start,
    /// The folder with the last values, between two runs.
    pub state: PathBuf,
}

/// The MQTT broker.
#[derive(Clone)]
pub struct MqttConfig {
    /// `host:port`.
    pub address: String,
    /// Which version is spoken.
    pub version: MqttVersion,
    /// The client identifier.
    pub client_id: String,
    /// What is between the bridge and the broker.
    pub security: Security,
    /// User name and password.
    pub login: Option<(String, Zeroizing<String>)>,
    /// Devices are published below this topic.
    pub topic: String,
    /// The longest silence before this end says that it is there.
    pub keep_alive: Duration,
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttVersion {
    /// 3.1.1, as sensiNact speaks. A broker of that version that refuses a message cannot say so.
    V311,
    /// 5.0.
    V5,
}

/// What is between the bridge and the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// Nothing: on this machine only.
    Loopback,
    /// TLS.
    Tls(TlsConfig),
}

/// How the broker is known, and the bridge to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Whose certificates are taken.
    pub trust: TlsTrust,
    /// A certificate and its key, PEM files.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Which certificates are the broker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsTrust {
    /// Those that an authority in this PEM file signed, for the name in the address.
    Authorities(PathBuf),
    /// The one in this PEM file, whatever it says, as a node's own.
    Certificate(PathBuf),
}

/// Where commands come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActuationConfig {
    /// Commands are published on `TOPIC/PROVIDER/SERVICE/RESOURCE`.
    pub topic: String,
    /// What became of each is told on the same below this topic.
    pub answers: String,
    /// The level that is added to a device's topic for the commands to it.
    pub level: String,
}

impl fmt::Debug for MqttConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.login.as_ref().map(|(user, _password)| user);
        let mut shown = f.debug_struct("MqttConfig");
        shown.field("address", &self.address).field("version", &self.version);
        shown.field("client_id", &self.client_id).field("security", &self.security);
        shown.field("user", &user).field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {}: wanted a file that can be read", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The text is no TOML, or has a key that is unknown here or of another type.
    #[error("configuration: wanted TOML with the keys of docs/sensinact.md")]
    Syntax {
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Values are missing or wrong.
    #[error("configuration: {}", ConfigFault::tell(faults))]
    Faults {
        /// All of them.
        faults: Vec<ConfigFault>,
    },
}

impl Config {
    /// Reads a file, and the password that it names; paths in it are relative to its folder.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, or has faults: all of them.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_path_buf(), source };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > FILE_BYTES_MAX {
            let found = format!("wanted at most {FILE_BYTES_MAX} bytes, found {length}");
            return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, found)));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a text; paths in it are relative to `base`.
    ///
    /// # Errors
    /// It is no TOML, or has faults: all of them.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let file = toml::from_str(text)
            .map_err(|source| ConfigError::Syntax { source: Box::new(source) })?;
        check::config(file, base).map_err(|faults| ConfigError::Faults { faults })
    }
}

#[cfg(test)]
mod tests;
