//! By which way a command reaches the node: each does the same, so that each can be tried by
//! hand.

use anyhow::Result;
use clap::{Args, ValueEnum};
use sekisho::{PROFILE_FILE, Profile, Via};

use crate::fault;

/// What every command takes that speaks to a node.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ViaArgs {
    /// How to reach the node; mqtt is for pub and sub, and seals nothing.
    #[arg(
        long,
        value_enum,
        default_value = "quic",
        value_name = "quic|grpc|websocket|mqtt",
        hide_possible_values = true
    )]
    via: Way,
    /// The node's web listener, for --via websocket and grpc; default: `web` in the profile.
    #[arg(long, value_name = "HOST:PORT")]
    web: Option<String>,
}

/// What is spoken with the node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Way {
    #[default]
    Quic,
    Grpc,
    Websocket,
    Mqtt,
}

impl ViaArgs {
    /// Whether it is MQTT.
    pub(crate) fn is_mqtt(&self) -> bool {
        self.via == Way::Mqtt
    }

    /// What the SDK is told.
    pub(crate) fn via(&self, profile: &Profile) -> Result<Via> {
        let wanted = match self.via {
            Way::Quic => return Ok(Via::Quic),
            Way::Grpc => "grpc",
            Way::Websocket => "websocket",
            Way::Mqtt => {
                return Err(fault::usage("--via mqtt: wanted pub or sub, found another command"));
            }
        };
        let Some(address) = self.web.clone().or_else(|| profile.web.clone()) else {
            return Err(fault::usage(format!(
                "--via {wanted}: wanted the address of the node's web listener, as --web HOST:PORT \
                 or as web = \"HOST:PORT\" in {PROFILE_FILE}, found neither"
            )));
        };
        let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if address.contains('/') || !matches!(port, Some(Ok(_))) {
            return Err(fault::usage(format!("--web: wanted HOST:PORT, found {address:?}")));
        }
        Ok(match self.via {
            Way::Websocket => Via::WebSocket { address },
            Way::Grpc | Way::Quic | Way::Mqtt => Via::Grpc { address },
        })
    }
}
