//! `init`: an organisation in one folder.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use sekisho_broker::config::{HTTP_DEFAULT, QUIC_DEFAULT};
use sekisho_proto::OrgName;
use serde_json::json;

use crate::exit::Exit;
use crate::organisation::{Plan, make};
use crate::{fault, output};

/// Make an organisation: keys, first statements, settings of its node and steward.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho init fujisawa
  sekisho init santander --listen 127.0.0.1:7543 --http 127.0.0.1:7580
  sekisho init fujisawa --dir /srv/fujisawa --listen 0.0.0.0:7443 --address node.fujisawa.example:7443")]
pub(crate) struct Init {
    /// Its short name: a-z, 0-9 and -, such as fujisawa. Topics begin with it.
    organisation: OrgName,
    /// The folder to make; default ./ORGANISATION.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Where the node listens: an IP address and a UDP port.
    #[arg(long, default_value = QUIC_DEFAULT, value_parser = address_and_port)]
    listen: SocketAddr,
    /// What clients and peers dial; default as --listen.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    address: Option<String>,
    /// Health and metrics: a loopback address and a TCP port.
    #[arg(long, default_value = HTTP_DEFAULT, value_parser = loopback)]
    http: SocketAddr,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_error| "wanted an IP address and a port, such as 127.0.0.1:7443".to_owned())
}

fn host_and_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("wanted HOST:PORT, such as node.fujisawa.example:7443".to_owned()),
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        _ => Err("wanted a loopback address and a port, such as 127.0.0.1:7480".to_owned()),
    }
}

impl Init {
    pub(crate) fn run(self) -> Result<Exit> {
        let dir = self.dir.unwrap_or_else(|| PathBuf::from(self.organisation.as_str()));
        if self.listen.ip().is_unspecified() && self.address.is_none() {
            let listen = self.listen;
            return Err(fault::usage(format!(
                "--address: wanted what others dial, as {listen} is no address of a machine"
            )));
        }
        let address = self.address.unwrap_or_else(|| self.listen.to_string());
        let (listen, http) = (self.listen.to_string(), self.http.to_string());
        let plan = Plan { organisation: self.organisation, dir, listen, address, http };
        let made = make(&plan)?;
        let Plan { organisation, dir, .. } = &plan;
        if self.json {
            output::json(&json!({
                "organisation": organisation.as_str(),
                "dir": dir,
                "root": made.root.to_string(),
                "node_key": made.node_key.to_string(),
            }));
            return Ok(Exit::Done);
        }
        let dir = dir.display();
        output::line(format!("made {organisation} in {dir}"));
        output::line(format!("root fingerprint: {}", made.root));
        output::line("others pin this; tell it on a way that nobody else can change");
        output::line("");
        output::line(format!(
            "WARNING: one root key, in {dir}/keys/root.key, speaks for the whole organisation.\n\
             Move it to a stick and lock that away: node and steward run without it."
        ));
        output::line("");
        output::line("next:");
        output::line(format!("  sekisho serve --dir {dir}"));
        output::line(format!("  sekisho steward --dir {dir}"));
        output::line(format!(
            "  sekisho enrol truck-17 --kind device --topics '{organisation}/truck/17/#' --dir {dir}"
        ));
        Ok(Exit::Done)
    }
}
