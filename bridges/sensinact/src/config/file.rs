//! The file as it is written.

use serde::Deserialize;

/// The whole of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) node: Node,
    #[serde(default)]
    pub(super) devices: Devices,
    pub(super) mqtt: Mqtt,
    pub(super) actuation: Option<Actuation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    pub(super) identity: String,
    pub(super) filters: Vec<String>,
    #[serde(default = "cursor")]
    pub(super) cursor: String,
    #[serde(default = "start")]
    pub(super) start: String,
    pub(super) state: String,
}

fn cursor() -> String {
    "sensinact".to_owned()
}

fn start() -> String {
    "last-value".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Devices {
    pub(super) levels: u64,
    pub(super) late_after_s: u64,
    pub(super) max: u64,
}

impl Default for Devices {
    fn default() -> Self {
        Self { levels: 64, late_after_s: 60, max: 10_000 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mqtt {
    pub(super) address: String,
    #[serde(default = "version")]
    pub(super) version: String,
    #[serde(default = "client_id")]
    pub(super) client_id: String,
    #[serde(default)]
    pub(super) plaintext: bool,
    pub(super) ca: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) client_certificate: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<String>,
    #[serde(default = "topic")]
    pub(super) topic: String,
    #[serde(default = "keep_alive_s")]
    pub(super) keep_alive_s: u64,
}

fn version() -> String {
    "3.1.1".to_owned()
}

fn client_id() -> String {
    "sekisho-sensinact".to_owned()
}

fn topic() -> String {
    "sensinact".to_owned()
}

const fn keep_alive_s() -> u64 {
    20
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Actuation {
    #[serde(default = "commands")]
    pub(super) topic: String,
    #[serde(default = "answers")]
    pub(super) answers: String,
    #[serde(default = "level")]
    pub(super) level: String,
}

fn commands() -> String {
    "sensinact-commands".to_owned()
}

fn answers() -> String {
    "sensinact-answers".to_owned()
}

fn level() -> String {
    "command".to_owned()
}
