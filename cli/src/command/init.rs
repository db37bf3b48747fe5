//! `init`: an organisation in one folder.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use sekisho_broker::config::{HTTP_DEFAULT, QUIC_DEFAULT};
use sekisho_proto::OrgName;
use serde_json::json;

use crate::exit::Exit;
use crate::organisation::{Made, Plan, make};
use crate::{fault, output};

/// Make an organisation: keys, first statements, settings of its node and steward.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho init fujisawa
  sekisho init santander --listen 127.0.0.1:7543 --http 127.0.0.1:7580
  sekisho init fujisawa --dir /srv/fujisawa --listen 0.0.0.0:7443 --address node.fujisawa.example:7443
  sekisho init fujisawa --root-keys 3 --root-threshold 2

The root names and ends issuers; nothing else needs it, so that its keys belong off line.")]
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
    /// How many keys the root has, each in a file of its own, for people who need not trust one.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = root_number())]
    root_keys: u64,
    /// A root key on a security token, by its PKCS #11 URI (docs/keys.md), in place of files; may be
    /// repeated.
    #[arg(long = "root-token", value_name = "URI", conflicts_with = "root_keys")]
    root_tokens: Vec<PathBuf>,
    /// How many of them must sign; default one of one, and more than half of several.
    #[arg(long, value_name = "K", value_parser = root_number())]
    root_threshold: Option<u64>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

fn root_number() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=sekisho_proto::limits::ROOT_KEYS_MAX as u64)
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
        let root_keys = match self.root_tokens.len() {
            0 => self.root_keys,
            tokens => u64::try_from(tokens)?,
        };
        let root_threshold = self.root_threshold.unwrap_or(root_keys / 2 + 1);
        if root_threshold > root_keys {
            return Err(fault::usage(format!(
                "--root-threshold: wanted at most the {root_keys} keys of the root, found \
                 {root_threshold}"
            )));
        }
        let plan = Plan {
            organisation: self.organisation,
            dir,
            listen,
            address,
            http,
            root_keys: usize::try_from(root_keys)?,
            root_tokens: self.root_tokens,
            root_threshold: usize::try_from(root_threshold)?,
        };
        let made = make(&plan)?;
        if self.json {
            let Plan { organisation, dir, .. } = &plan;
            output::json(&json!({
                "organisation": organisation.as_str(),
                "dir": dir,
                "root": made.root.to_string(),
                "node_key": made.node_key.to_string(),
                "root_keys": made.root_files,
                "root_threshold": plan.root_threshold,
            }));
            return Ok(Exit::Done);
        }
        tell(&plan, &made);
        Ok(Exit::Done)
    }
}

fn tell(plan: &Plan, made: &Made) {
    let Plan { organisation, root_threshold, .. } = plan;
    let dir = plan.dir.display();
    output::line(format!("made {organisation} in {dir}"));
    output::line(format!("root fingerprint: {}", made.root));
    output::line("others pin this; tell it on a way that nobody else can change");
    output::line("");
    let files: Vec<String> =
        made.root_files.iter().map(|file| file.display().to_string()).collect();
    let (count, names) = (files.len(), files.join(", "));
    if count == 0 {
        let (keys, wanted) = (plan.root_keys, plan.root_threshold);
        output::line(format!(
            "{wanted} of {keys} root keys speak for the organisation, on tokens."
        ));
        output::line("");
        return next(plan);
    }
    output::line(match (count, root_threshold) {
        (1, _) => format!(
            "WARNING: one root key, in {names}, speaks for the whole organisation. Whoever has it\n\
             can name issuers; where it is lost, no issuer can ever be named or ended again.\n\
             Move it to a stick, copy that, and lock both away: node and steward run without it.\n\
             --root-keys 3 --root-threshold 2 would let no one person speak alone."
        ),
        (_, 1) => format!(
            "WARNING: any one of {count} root keys speaks for the whole organisation: {names}.\n\
             Move each to a place of its own: node and steward run without them."
        ),
        (_, wanted) => format!(
            "{wanted} of {count} root keys speak for the organisation together: {names}.\n\
             Move each to a person and a place of its own; while they lie here they protect as one.\n\
             Node and steward run without them."
        ),
    });
    output::line("");
    next(plan);
}

fn next(plan: &Plan) {
    let Plan { organisation, .. } = plan;
    let dir = plan.dir.display();
    output::line("next:");
    output::line(format!("  sekisho serve --dir {dir}"));
    output::line(format!("  sekisho steward --dir {dir}"));
    output::line(format!(
        "  sekisho enrol truck-17 --kind device --topics '{organisation}/truck/17/#' --dir {dir}"
    ));
}
