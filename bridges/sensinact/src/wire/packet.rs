//! Packets of both versions, as far as they are said or heard here.

use mqtt::packet::{Packet, Properties, Property, Qos, SubEntry, SubOpts, v3_1_1, v5_0};
use mqtt::result_code::{ConnectReasonCode, PubackReasonCode};
use mqtt_protocol_core::mqtt;

use super::{WireError, odd};
use crate::config::{MqttConfig, MqttVersion};

/// What a broker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It has taken this client, or why not.
    Connected(Option<String>),
    /// It has a message, or why it does not take it.
    Acknowledged(u16, Option<String>),
    /// It has a subscription, or why not.
    Subscribed(Option<String>),
    /// A message for this client.
    Message {
        /// On which topic.
        topic: String,
        /// What it holds.
        payload: Vec<u8>,
        /// It was kept from before this client subscribed.
        retained: bool,
    },
    /// The connection is over, with its words after a colon.
    Ended(String),
}

/// Makes packets of one version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packets(MqttVersion);

impl Packets {
    pub(super) const fn of(version: MqttVersion) -> Self {
        Self(version)
    }

    pub(super) const fn version(self) -> mqtt::Version {
        match self.0 {
            MqttVersion::V311 => mqtt::Version::V3_1_1,
            MqttVersion::V5 => mqtt::Version::V5_0,
        }
    }

    pub(super) fn connect(self, config: &MqttConfig) -> Result<Packet, WireError> {
        let keep_alive = u16::try_from(config.keep_alive.as_secs()).unwrap_or(u16::MAX);
        let client = config.client_id.as_str();
        Ok(match self.0 {
            MqttVersion::V311 => {
                let connect = v3_1_1::Connect::builder().client_id(client).map_err(|e| odd(&e))?;
                let mut connect = connect.clean_session(true).keep_alive(keep_alive);
                if let Some((user, password)) = &config.login {
                    connect = connect.user_name(user.as_str()).map_err(|e| odd(&e))?;
                    connect = connect.password(password.as_str()).map_err(|e| odd(&e))?;
                }
                connect.build().map_err(|e| odd(&e))?.into()
            }
            MqttVersion::V5 => {
                let connect = v5_0::Connect::builder().client_id(client).map_err(|e| odd(&e))?;
                let mut connect = connect.clean_start(true).keep_alive(keep_alive);
                if let Some((user, password)) = &config.login {
                    connect = connect.user_name(user.as_str()).map_err(|e| odd(&e))?;
                    connect = connect.password(password.as_str()).map_err(|e| odd(&e))?;
                }
                connect.build().map_err(|e| odd(&e))?.into()
            }
        })
    }

    pub(super) fn publish(
        self,
        number: u16,
        topic: &str,
        payload: &[u8],
        retain: bool,
    ) -> Result<Packet, WireError> {
        Ok(match self.0 {
            MqttVersion::V311 => {
                let publish = v3_1_1::Publish::builder().topic_name(topic).map_err(|e| odd(&e))?;
                let publish = publish.qos(Qos::AtLeastOnce).packet_id(number).retain(retain);
                publish.payload(payload).build().map_err(|e| odd(&e))?.into()
            }
            MqttVersion::V5 => {
                let publish = v5_0::Publish::builder().topic_name(topic).map_err(|e| odd(&e))?;
                let publish = publish.qos(Qos::AtLeastOnce).packet_id(number).retain(retain);
                publish.payload(payload).build().map_err(|e| odd(&e))?.into()
            }
        })
    }

    pub(super) fn subscribe(self, number: u16, filter: &str) -> Result<Packet, WireError> {
        let options = SubOpts::new().set_qos(Qos::AtLeastOnce);
        let entry = SubEntry::new(filter, options).map_err(|e| odd(&e))?;
        Ok(match self.0 {
            MqttVersion::V311 => {
                let subscribe = v3_1_1::Subscribe::builder().packet_id(number);
                subscribe.entries(vec![entry]).build().map_err(|e| odd(&e))?.into()
            }
            MqttVersion::V5 => {
                let subscribe = v5_0::Subscribe::builder().packet_id(number);
                subscribe.entries(vec![entry]).build().map_err(|e| odd(&e))?.into()
            }
        })
    }

    pub(super) fn disconnect(self) -> Result<Packet, WireError> {
        Ok(match self.0 {
            MqttVersion::V311 => v3_1_1::Disconnect::builder().build().map_err(|e| odd(&e))?.into(),
            MqttVersion::V5 => v5_0::Disconnect::builder().build().map_err(|e| odd(&e))?.into(),
        })
    }
}

/// What a packet says; nothing where it needs no attention.
#[expect(clippy::wildcard_enum_match_arm, reason = "a server sends no others here")]
pub(super) fn heard(packet: Packet) -> Result<Option<Heard>, WireError> {
    Ok(Some(match packet {
        Packet::V3_1_1Connack(answer) => {
            let code = answer.return_code();
            let refused = code != mqtt::result_code::ConnectReturnCode::Accepted;
            Heard::Connected(refused.then(|| code.to_string()))
        }
        Packet::V5_0Connack(answer) => {
            let code = answer.reason_code();
            let refused = code != ConnectReasonCode::Success;
            Heard::Connected(refused.then(|| format!("{code}{}", words(Some(answer.props())))))
        }
        Packet::V3_1_1Puback(answer) => Heard::Acknowledged(answer.packet_id(), None),
        Packet::V5_0Puback(answer) => {
            let words = words(answer.props().as_ref());
            match answer.reason_code() {
                Some(PubackReasonCode::QuotaExceeded | PubackReasonCode::UnspecifiedError) => {
                    return Err(WireError::Busy { found: format!("no room{words}") });
                }
                Some(code) if !code.is_success() => {
                    Heard::Acknowledged(answer.packet_id(), Some(format!("{code}{words}")))
                }
                Some(_) | None => Heard::Acknowledged(answer.packet_id(), None),
            }
        }
        Packet::V3_1_1Suback(answer) => {
            let codes = answer.return_codes();
            let refused = codes
                .iter()
                .find(|code| matches!(code, mqtt::result_code::SubackReturnCode::Failure));
            Heard::Subscribed(refused.map(ToString::to_string))
        }
        Packet::V5_0Suback(answer) => {
            let words = words(Some(answer.props()));
            let codes = answer.reason_codes();
            let refused = codes.iter().find(|code| !code.is_success());
            Heard::Subscribed(refused.map(|code| format!("{code}{words}")))
        }
        Packet::V3_1_1Publish(publish) => Heard::Message {
            topic: publish.topic_name().to_owned(),
            payload: publish.payload().as_slice().to_vec(),
            retained: publish.retain(),
        },
        Packet::V5_0Publish(publish) => Heard::Message {
            topic: publish.topic_name().to_owned(),
            payload: publish.payload().as_slice().to_vec(),
            retained: publish.retain(),
        },
        Packet::V5_0Disconnect(said) => {
            let code = said.reason_code().map(|code| code.to_string()).unwrap_or_default();
            Heard::Ended(format!(": {code}{}", words(said.props().as_ref())))
        }
        Packet::V3_1_1Pingresp(_) | Packet::V5_0Pingresp(_) => return Ok(None),
        other => {
            let found = other.packet_type().to_string();
            return Err(WireError::Odd { wanted: "what a broker says to this client", found });
        }
    }))
}

/// The broker's own words, where it has some.
fn words(properties: Option<&Properties>) -> String {
    let said = properties.into_iter().flatten().find_map(|property| {
        let Property::ReasonString(words) = property else { return None };
        Some(words.val())
    });
    said.map_or_else(String::new, |said| format!(": {said:?}"))
}
