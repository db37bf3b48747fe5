//! What an operator may set: one small file per node, checked whole before anything starts.
//!
//! The file is `sekisho.toml` in the node's directory; paths in it are relative to that directory.
//! Every key is optional but `organisation`.

mod map_tiles;
mod mqtt;
mod table;
mod web_origin;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sekisho_proto::{OrgName, limits};
use thiserror::Error;

pub use map_tiles::{MapConfig, MapTiles};
pub use mqtt::MqttConfig;
pub use table::Fault;
use table::Table;
pub use web_origin::WebOrigin;

/// The default address of the QUIC listener.
pub const QUIC_DEFAULT: &str = "127.0.0.1:7443";
/// The default address of health and metrics: this machine only.
pub const HTTP_DEFAULT: &str = "127.0.0.1:7480";

/// A node's settings, complete and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whose node this is.
    pub organisation: OrgName,
    /// Where clients and peers connect.
    pub listen_quic: SocketAddr,
    /// Where health and metrics are served; a loopback address.
    pub listen_http: SocketAddr,
    /// Where browsers, services and tools connect over HTTPS; `None` = nowhere.
    pub listen_web: Option<SocketAddr>,
    /// Where MQTT clients connect over TLS; `None` = nowhere.
    pub listen_mqtt: Option<SocketAddr>,
    /// The certificate that both of them show.
    pub tls: TlsFiles,
    /// Web pages of other origins that may use this node, besides its own.
    pub web_origins: Vec<WebOrigin>,
    /// OpenID providers at which the pages' newcomers sign in.
    pub web_sign_in: Vec<WebOrigin>,
    /// What the pages' map shows below the readings.
    pub map: MapConfig,
    /// What is below the listener of MQTT.
    pub mqtt: MqttConfig,
    /// The node's key file.
    pub key: PathBuf,
    /// The organisation's first statements.
    pub genesis: PathBuf,
    /// Everything the node keeps.
    pub data: PathBuf,
    /// How long records are kept where no descriptor says otherwise; `None` = for ever.
    pub retention_age: Option<Duration>,
    /// Bytes of records kept at most; `None` = as many as the disk takes.
    pub retention_bytes: Option<u64>,
    /// Bytes of disk that publishing may not use.
    pub free_bytes_min: u64,
    /// Largest envelope accepted, bytes.
    pub envelope_bytes_max: usize,
    /// Connections at a time, all together.
    pub connections_max: usize,
    /// Connections at a time from one address that have not said who they are.
    pub strangers_per_address_max: usize,
    /// Envelopes, questions, statements and streams per second of one principal.
    pub requests_per_second_max: u32,
    /// What links take of an organisation that is not named in `takes`.
    pub take: Take,
    /// What links take of these.
    pub takes: BTreeMap<OrgName, Take>,
}

/// A certificate and its private key, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that lead to a known authority behind it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Where they come from.
    pub source: TlsSource,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsSource {
    /// The operator names the files.
    Given,
    /// The node makes them where they are missing.
    Made,
}

/// What a link takes of what the contract lets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// All of it: nothing is lost while nobody looks.
    All,
    /// What somebody here wants.
    Wanted,
}

/// Why a configuration was refused: all of it at once.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("configuration {path}: cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("configuration {path}: not TOML")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Some keys are wrong.
    #[error("configuration {path}: {} wrong:{}", count(faults), list(faults))]
    Faults {
        /// The file.
        path: PathBuf,
        /// Every fault found.
        faults: Vec<Fault>,
    },
}

impl Config {
    /// Whether only what somebody here wants of an organisation's topics is taken.
    #[must_use]
    pub fn takes_wanted(&self, owner: &OrgName) -> bool {
        *self.takes.get(owner).unwrap_or(&self.take) == Take::Wanted
    }

    /// Reads `sekisho.toml` of a node's directory.
    ///
    /// # Errors
    /// The file is missing, is not TOML, or has faults; all faults are told at once.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join("sekisho.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        Self::parse(&text, dir, &path)
    }

    /// Checks a configuration's text; relative paths are taken from `dir`.
    ///
    /// # Errors
    /// As [`Config::load`]; `path` is what the errors call the file.
    pub fn parse(text: &str, dir: &Path, path: &Path) -> Result<Self, ConfigError> {
        let values: toml::Table = text.parse().map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let mut faults = Vec::new();
        let config = read(Table::root(values, &mut faults), dir);
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(ConfigError::Faults { path: path.to_owned(), faults }),
        }
    }
}

fn read(mut root: Table<'_>, dir: &Path) -> Option<Config> {
    let organisation = root.required("organisation", str::parse::<OrgName>);
    let key = root.parsed("key", path_in(dir)).unwrap_or_else(|| dir.join("keys/node.key"));
    let genesis =
        root.parsed("genesis", path_in(dir)).unwrap_or_else(|| dir.join("genesis.statements"));

    let mut listen = root.section("listen");
    let quic = listen.parsed("quic", address).or_else(|| QUIC_DEFAULT.parse().ok());
    let http = listen.parsed("http", loopback).or_else(|| HTTP_DEFAULT.parse().ok());
    let web = listen.parsed("web", address);
    let mqtt = listen.parsed("mqtt", address);
    listen.finish(&["quic", "http", "web", "mqtt"]);
    let tls = read_tls(root.section("tls"), dir);
    let mqtt_section = mqtt::read(root.section("mqtt"), organisation.as_ref());
    let (web_origins, web_sign_in, map) = read_web(root.section("web"));

    let mut storage = root.section("storage");
    let data = storage.parsed("data", path_in(dir)).unwrap_or_else(|| dir.join("data"));
    let days = storage.number("retention_days", 0..=36_500, 30);
    let mebibytes = storage.number("retention_mebibytes", 0..=u64::from(u32::MAX), 0);
    let free = storage.number("free_mebibytes_min", 1..=u64::from(u32::MAX), 256);
    storage.finish(&["data", "retention_days", "retention_mebibytes", "free_mebibytes_min"]);

    let mut limit = root.section("limits");
    let envelope_max = limits::ENVELOPE_BYTES_MAX as u64;
    let envelope =
        limit.number("envelope_bytes", 1_024..=envelope_max, limits::ENVELOPE_BYTES_DEFAULT as u64);
    let connections = limit.number("connections", 1..=1_000_000, 12_000);
    let strangers = limit.number("strangers_per_address", 1..=100_000, 256);
    let rate = limit.number("requests_per_second", 1..=10_000_000, 20_000);
    limit.finish(&[
        "envelope_bytes",
        "connections",
        "strangers_per_address",
        "requests_per_second",
    ]);
    let (take, takes) = read_federation(root.section("federation"));
    root.finish(&[
        "organisation",
        "key",
        "genesis",
        "listen",
        "tls",
        "mqtt",
        "web",
        "storage",
        "limits",
        "federation",
    ]);

    Some(Config {
        organisation: organisation?,
        listen_quic: quic?,
        listen_http: http?,
        listen_web: web,
        listen_mqtt: mqtt,
        mqtt: mqtt_section?,
        tls: tls?,
        web_origins,
        web_sign_in,
        map,
        key,
        genesis,
        data,
        retention_age: (days > 0).then_some(Duration::from_secs(days * 86_400)),
        retention_bytes: (mebibytes > 0).then_some(mebibytes << 20),
        free_bytes_min: free << 20,
        envelope_bytes_max: usize::try_from(envelope).ok()?,
        connections_max: usize::try_from(connections).ok()?,
        strangers_per_address_max: usize::try_from(strangers).ok()?,
        requests_per_second_max: u32::try_from(rate).ok()?,
        take,
        takes,
    })
}

fn read_federation(mut table: Table<'_>) -> (Take, BTreeMap<OrgName, Take>) {
    let take = table.parsed("take", parse_take).unwrap_or(Take::All);
    let takes = table.section("take_of").each(str::parse::<OrgName>, parse_take);
    table.finish(&["take", "take_of"]);
    (take, takes)
}

fn read_web(mut table: Table<'_>) -> (Vec<WebOrigin>, Vec<WebOrigin>, MapConfig) {
    let origins = table.list("origins", WebOrigin::trusted);
    let sign_in = table.list("sign_in", WebOrigin::trusted);
    let map = map_tiles::read(&mut table);
    table.finish(&["origins", "sign_in", "map_tiles", "map_attribution"]);
    (origins, sign_in, map)
}

/// Both files or neither: a certificate without its key proves nothing.
fn read_tls(mut table: Table<'_>, dir: &Path) -> Option<TlsFiles> {
    let known = ["certificate", "key"];
    let [given_certificate, given_key] = known.map(|key| table.has(key));
    let certificate = table.parsed("certificate", path_in(dir));
    let key = table.parsed("key", path_in(dir));
    match (given_certificate, given_key) {
        (true, false) => table.missing("key", "required beside tls.certificate"),
        (false, true) => table.missing("certificate", "required beside tls.key"),
        (true, true) | (false, false) => {}
    }
    table.finish(&known);
    if !given_certificate && !given_key {
        let [certificate, key] = ["tls/certificate.pem", "tls/key.pem"].map(|path| dir.join(path));
        return Some(TlsFiles { certificate, key, source: TlsSource::Made });
    }
    Some(TlsFiles { certificate: certificate?, key: key?, source: TlsSource::Given })
}

fn path_in(dir: &Path) -> impl FnOnce(&str) -> Result<PathBuf, &'static str> + use<'_> {
    move |text| {
        if text.is_empty() { Err("wanted a path, found nothing") } else { Ok(dir.join(text)) }
    }
}

fn parse_take(text: &str) -> Result<Take, String> {
    match text {
        "all" => Ok(Take::All),
        "wanted" => Ok(Take::Wanted),
        other => Err(format!("wanted \"all\" or \"wanted\", found {other:?}")),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_no_address| format!("wanted ADDRESS:PORT, found {text:?}"))
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "wanted a loopback address (health and metrics stay on this machine), found {text}"
    ))
}

fn count(faults: &[Fault]) -> String {
    if faults.len() == 1 { "one key".to_owned() } else { format!("{} keys", faults.len()) }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}

#[cfg(test)]
mod tests;
