//! What is asked of the brokers, of which of them, and how ours is meant to compare.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Whoever does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Side {
    /// A node of ours, through its SDK.
    Sekisho,
    /// The same node's MQTT listener.
    SekishoMqtt,
    /// nats-server, which forgets what it has sent.
    Nats,
    /// nats-server with a stream in files.
    JetStream,
    /// The Zenoh router.
    Zenoh,
    /// Eclipse Mosquitto.
    Mosquitto,
    /// Bytebeam's broker.
    Rumqttd,
    /// `verify_strict` in a loop on one core.
    Verify,
    /// One QUIC stream from a server to a client.
    QuinnStream,
    /// Two QUIC streams with a copy between them.
    QuinnRelay,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sekisho => "Sekisho",
            Self::SekishoMqtt => "Sekisho's MQTT listener",
            Self::Nats => "nats-server core",
            Self::JetStream => "JetStream (file)",
            Self::Zenoh => "zenohd",
            Self::Mosquitto => "Mosquitto",
            Self::Rumqttd => "rumqttd",
            Self::Verify => "`verify_strict` alone",
            Self::QuinnStream => "quinn, one stream",
            Self::QuinnRelay => "quinn, relayed",
        })
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// As many messages as go through to so many subscribers, by each client library's own habits.
    Flow { subscribers: usize },
    /// The same, each message in an envelope of its own.
    Single,
    /// Large messages.
    Bytes,
    /// As many messages as go through, over MQTT.
    Mqtt { quality: u8, subscribers: usize },
    /// How late messages are at a rate that is no burden; nothing is gathered.
    Latency,
    /// The same, over MQTT.
    MqttLatency { quality: u8 },
    /// What a client weighs that only stays, over MQTT.
    Idle,
}

/// How a figure of ours is to compare with another's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Goal {
    /// At least so many times the other's.
    AtLeast(f64),
    /// At most so many times the other's.
    AtMost(f64),
    /// For comparison only.
    None,
}

impl Goal {
    /// Whether a ratio reaches it, where there is something to reach.
    pub(crate) fn is_met(self, ratio: f64) -> Option<bool> {
        match self {
            Self::AtLeast(goal) => Some(ratio >= goal),
            Self::AtMost(goal) => Some(ratio <= goal),
            Self::None => None,
        }
    }
}

impl Work {
    /// Everything, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Flow { subscribers: 1 },
            Self::Flow { subscribers: 50 },
            Self::Single,
            Self::Bytes,
            Self::Latency,
        ];
        for subscribers in [1, 50] {
            all.extend([0, 1].map(|quality| Self::Mqtt { quality, subscribers }));
        }
        all.extend([0, 1].map(|quality| Self::MqttLatency { quality }));
        all.push(Self::Idle);
        all
    }

    /// Whether each round wants brokers of its own: what was freed once is not taken from the system
    /// again.
    pub(crate) const fn is_of_memory(self) -> bool {
        matches!(self, Self::Idle)
    }

    /// What the table calls it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Flow { subscribers } => {
                format!("signed, sealed, stored, 1 → {subscribers}, deliveries/s")
            }
            Self::Single => "one sample per envelope, 1 → 1, deliveries/s".to_owned(),
            Self::Bytes => "16 KiB envelopes, 1 → 1, MB/s".to_owned(),
            Self::Mqtt { quality, subscribers } => {
                format!("MQTT, QoS {quality}, 1 → {subscribers}, deliveries/s")
            }
            Self::Latency => "p99 at 5,000 messages/s, unbatched, µs".to_owned(),
            Self::MqttLatency { quality } => {
                format!("MQTT, QoS {quality}, p99 at 5,000 messages/s, µs")
            }
            Self::Idle => "MQTT, idle client, bytes resident".to_owned(),
        }
    }

    /// Ours and those it is compared with.
    pub(crate) fn sides(self) -> Vec<Side> {
        let ours = match self {
            Self::Flow { .. } | Self::Single | Self::Bytes | Self::Latency => Side::Sekisho,
            Self::Mqtt { .. } | Self::MqttLatency { .. } | Self::Idle => Side::SekishoMqtt,
        };
        let others: &[Side] = match self {
            Self::Flow { subscribers: 1 } => &[Side::Nats, Side::Zenoh, Side::JetStream],
            Self::Flow { .. } => &[Side::Nats, Side::Zenoh, Side::Mosquitto],
            Self::Single => &[Side::Verify],
            Self::Bytes => &[Side::QuinnStream, Side::QuinnRelay],
            Self::Latency => &[Side::Mosquitto, Side::Nats],
            Self::Mqtt { .. } => &[Side::Mosquitto, Side::Rumqttd],
            Self::MqttLatency { .. } | Self::Idle => &[Side::Mosquitto],
        };
        [&[ours], others].concat()
    }

    /// How our figure is to compare with that side's.
    pub(crate) fn goal(self, side: Side) -> Goal {
        match (self, side) {
            (Self::Flow { .. }, Side::JetStream | Side::Mosquitto) => Goal::AtLeast(5.0),
            (Self::Flow { subscribers: 1 }, Side::Zenoh) | (Self::Flow { .. }, Side::Nats) => {
                Goal::AtLeast(1.0)
            }
            (Self::Single, Side::Verify) => Goal::AtLeast(0.85),
            (Self::Bytes, Side::QuinnStream) => Goal::AtLeast(0.6),
            (Self::Mqtt { .. }, Side::Mosquitto) => Goal::AtLeast(1.5),
            (Self::Latency | Self::MqttLatency { .. } | Self::Idle, _) => Goal::AtMost(1.0),
            (Self::Flow { .. } | Self::Single | Self::Bytes | Self::Mqtt { .. }, _) => Goal::None,
        }
    }

    /// Clients that listen.
    pub(crate) const fn subscribers(self) -> usize {
        match self {
            Self::Flow { subscribers } | Self::Mqtt { subscribers, .. } => subscribers,
            Self::Single | Self::Bytes | Self::Latency | Self::MqttLatency { .. } | Self::Idle => 1,
        }
    }

    /// Bytes of one message.
    pub(crate) const fn payload_bytes(self) -> usize {
        match self {
            // With header, seal and signature a little below 16 KiB.
            Self::Bytes => 16_000,
            Self::Flow { .. }
            | Self::Single
            | Self::Mqtt { .. }
            | Self::Latency
            | Self::MqttLatency { .. }
            | Self::Idle => 256,
        }
    }

    /// Messages that may be under way: what a publisher is ahead of the slowest subscriber.
    pub(crate) const fn window(self) -> u64 {
        match self {
            Self::Bytes => 512,
            Self::Flow { subscribers: 1 } => 16_384,
            Self::Flow { .. }
            | Self::Single
            | Self::Mqtt { .. }
            | Self::Latency
            | Self::MqttLatency { .. }
            | Self::Idle => 4_096,
        }
    }

    /// How long it is measured, after a while that does not count.
    pub(crate) const fn lasts(self) -> Duration {
        match self {
            Self::Latency | Self::MqttLatency { .. } => Duration::from_secs(3),
            Self::Flow { .. } | Self::Single | Self::Bytes | Self::Mqtt { .. } | Self::Idle => {
                Duration::from_secs(2)
            }
        }
    }
}
