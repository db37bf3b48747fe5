//! `serve` and `steward`: the two processes of an organisation.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use sekisho_broker::{Addresses, Insecure};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::exit::Exit;
use crate::{fault, organisation, output, signals};

/// How a process tells what it does.
#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// What to log: error, warn, info, debug, trace, or a tracing filter.
    #[arg(long, default_value = "info", env = "SEKISHO_LOG", hide_env_values = true)]
    log: String,
    /// How to log: for people, or one JSON object per line.
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Run the node of an organisation, until SIGTERM or Ctrl-C; a second one ends it at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho serve --dir fujisawa
  sekisho serve --dir /srv/fujisawa --log warn --log-format json
  sekisho serve --insecure-web 127.0.0.1:8080 --dir fujisawa

It prints one line when it serves; its log goes to standard error.")]
pub(crate) struct Serve {
    /// The folder made by `sekisho init`.
    #[arg(long, default_value = ".", env = "SEKISHO_DIR", hide_env_values = true)]
    dir: PathBuf,
    /// Say in JSON that it is ready.
    #[arg(long)]
    json: bool,
    /// Take MQTT without TLS at this loopback address, for trying things out.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    insecure_mqtt: Option<SocketAddr>,
    /// Serve the pages, and what else comes by HTTP, without TLS at this loopback address: for trying
    /// things out.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    insecure_web: Option<SocketAddr>,
    #[command(flatten)]
    logging: Logging,
}

/// Run the steward, who keeps the epoch keys and admits newcomers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho steward --dir fujisawa

It may run on another machine than the node: copy the folder's steward/ there.")]
pub(crate) struct Steward {
    /// The folder made by `sekisho init`.
    #[arg(long, default_value = ".", env = "SEKISHO_DIR", hide_env_values = true)]
    dir: PathBuf,
    /// Say in JSON that it is ready.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    logging: Logging,
}

impl Logging {
    /// For commands that answer and end.
    pub(crate) fn quiet(log: &str) -> Self {
        Self { log: log.to_owned(), log_format: LogFormat::Text }
    }

    /// Logs go to standard error: standard output is for answers.
    pub(crate) fn start(&self) -> Result<()> {
        let filter = self.log.parse::<EnvFilter>();
        let filter = filter.map_err(|cause| fault::usage(format!("--log: {cause}")))?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            // A log that nobody reads any more is no reason to end.
            .log_internal_errors(false)
            .with_ansi(std::io::stderr().is_terminal());
        match self.log_format {
            LogFormat::Text => builder.init(),
            LogFormat::Json => builder.json().init(),
        }
        Ok(())
    }
}

impl Serve {
    pub(crate) async fn run(self) -> Result<Exit> {
        organisation::check(&self.dir)?;
        self.logging.start()?;
        let stop = signals::stop();
        let json = self.json;
        let insecure = Insecure { mqtt: self.insecure_mqtt, web: self.insecure_web };
        sekisho_broker::serve(&self.dir, insecure, stop, |addresses| {
            if json {
                output::json(&document(&addresses));
            } else {
                output::line(in_words(&addresses));
            }
        })
        .await?;
        Ok(Exit::Done)
    }
}

/// What is not encrypted stays on this machine.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_no_address| format!("wanted ADDRESS:PORT, found {text:?}"))?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!("wanted a loopback address: what is not encrypted stays here; found {text}"))
}

/// Where a node is reached; a listener that is closed is not there.
fn document(addresses: &Addresses) -> Value {
    let Addresses { quic, http, web, mqtt, insecure_mqtt, insecure_web } = addresses;
    let mut document = json!({ "quic": quic.to_string(), "http": http.to_string() });
    let listeners = [
        ("web", web),
        ("mqtt", mqtt),
        ("insecure_mqtt", insecure_mqtt),
        ("insecure_web", insecure_web),
    ];
    for (listener, address) in listeners {
        if let (Some(address), Some(document)) = (address, document.as_object_mut()) {
            document.insert(listener.to_owned(), address.to_string().into());
        }
    }
    document
}

fn in_words(addresses: &Addresses) -> String {
    let Addresses { quic, http, web, mqtt, insecure_mqtt, insecure_web } = addresses;
    let mut words = format!("serving on {quic}");
    if let Some(web) = web {
        words.push_str(&format!(", https://{web}"));
    }
    if let Some(mqtt) = mqtt {
        words.push_str(&format!(", mqtts://{mqtt}"));
    }
    if let Some(insecure) = insecure_mqtt {
        words.push_str(&format!(", mqtt://{insecure} without TLS"));
    }
    if let Some(insecure) = insecure_web {
        words.push_str(&format!(", http://{insecure} without TLS"));
    }
    words.push_str(&format!("; health and metrics on http://{http}"));
    words
}

impl Steward {
    pub(crate) async fn run(self) -> Result<Exit> {
        organisation::check_steward(&self.dir)?;
        self.logging.start()?;
        let stop = signals::stop();
        let json = self.json;
        sekisho_steward::run(&self.dir, stop, || {
            if json {
                output::json(&json!({ "steward": "at work" }));
            } else {
                output::line("the steward is at work");
            }
        })
        .await?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_is_open_is_told_in_words_and_in_json() {
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let closed = Addresses {
            quic: address(1),
            http: address(2),
            web: None,
            mqtt: None,
            insecure_mqtt: None,
            insecure_web: None,
        };
        assert_eq!(document(&closed), json!({ "quic": "127.0.0.1:1", "http": "127.0.0.1:2" }));
        let open = Addresses { insecure_web: Some(address(3)), ..closed };
        assert_eq!(document(&open)["insecure_web"], "127.0.0.1:3");
        assert!(in_words(&open).contains("http://127.0.0.1:3 without TLS"));
        assert!(!in_words(&closed).contains("without TLS"));
    }

    #[test]
    fn what_is_not_encrypted_stays_on_this_machine() {
        for text in ["127.0.0.1:0", "127.1.2.3:80", "[::1]:8080"] {
            assert!(loopback(text).is_ok(), "{text}");
        }
        for text in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "localhost:80", "127.0.0.1", ""] {
            assert!(loopback(text).unwrap_err().contains("wanted"), "{text}");
        }
    }
}
