//! What an MQTT PUBLISH says beside its topic, as an envelope's body: for MQTT clients of both ends.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError,
    decode::Fields,
    limits::{ENVELOPE_BYTES_MAX, MQTT_STRING_BYTES_MAX, USER_PROPERTIES_MAX},
    wire,
};

const FIELDS: Fields = Fields("MQTT message");

/// A payload with the properties that MQTT 5 gives an application message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MqttMessage {
    /// What was published.
    pub payload: Bytes,
    /// The payload format indicator: whether the payload is UTF-8; `None` = not said. That it may be
    /// none is said and handed on as well (MQTT 5, 3.3.2.3.2).
    pub utf8: Option<bool>,
    /// Content type of the payload; empty = not said.
    pub content_type: String,
    /// Where an answer is expected, as its sender spelt it; empty = nowhere.
    pub response_topic: String,
    /// By what the sender will know the answer.
    pub correlation_data: Option<Bytes>,
    /// Names and values, in order; at most [`USER_PROPERTIES_MAX`].
    pub user_properties: Vec<UserProperty>,
}

/// A name and a value that mean something to the clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserProperty {
    /// The name; names may be repeated.
    pub name: String,
    /// The value.
    pub value: String,
}

impl MqttMessage {
    /// The body of an envelope of content type [`ContentType::MQTT`](crate::ContentType::MQTT).
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let user_properties = self.user_properties.iter().map(|property| wire::UserProperty {
            name: property.name.clone(),
            value: property.value.clone(),
        });
        let message = wire::MqttMessage {
            payload: self.payload.clone(),
            utf8: self.utf8,
            content_type: self.content_type.clone(),
            response_topic: self.response_topic.clone(),
            correlation_data: self.correlation_data.clone(),
            user_properties: user_properties.collect(),
        };
        message.encode_to_vec().into()
    }

    /// Parses a body.
    ///
    /// # Errors
    /// It is not such a message, not in its one encoding, or says more than MQTT can.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let wire: wire::MqttMessage = wire::decode_canonical(FIELDS.0, ENVELOPE_BYTES_MAX, bytes)?;
        FIELDS.at_most("user_properties", USER_PROPERTIES_MAX, wire.user_properties.len())?;
        text("content_type", &wire.content_type)?;
        text("response_topic", &wire.response_topic)?;
        let correlation = wire.correlation_data.as_ref().map_or(0, Bytes::len);
        let fits = correlation <= MQTT_STRING_BYTES_MAX;
        FIELDS.require("correlation_data", "at most 65535 bytes", fits, correlation)?;
        for property in &wire.user_properties {
            text("user_properties", &property.name)?;
            text("user_properties", &property.value)?;
        }
        let user_properties = wire.user_properties.into_iter();
        Ok(Self {
            payload: wire.payload,
            utf8: wire.utf8,
            content_type: wire.content_type,
            response_topic: wire.response_topic,
            correlation_data: wire.correlation_data,
            user_properties: user_properties
                .map(|wire::UserProperty { name, value }| UserProperty { name, value })
                .collect(),
        })
    }
}

fn text(field: &'static str, text: &str) -> Result<(), DecodeError> {
    let fits = text.len() <= MQTT_STRING_BYTES_MAX && !text.contains('\0');
    FIELDS.require(field, "at most 65535 bytes without U+0000", fits, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> MqttMessage {
        let property =
            |name: &str, value: &str| UserProperty { name: name.into(), value: value.into() };
        MqttMessage {
            payload: Bytes::from_static(b"21.5"),
            utf8: Some(true),
            content_type: "text/plain".into(),
            response_topic: "/answers".into(),
            correlation_data: Some(Bytes::new()),
            user_properties: vec![property("a", "1"), property("a", "2")],
        }
    }

    #[test]
    fn a_message_is_decoded_as_it_was_encoded() {
        let found = MqttMessage::decode(&message().encode()).expect("a message");
        assert_eq!(found, message());
        let bytes = MqttMessage { utf8: Some(false), ..message() };
        assert_eq!(MqttMessage::decode(&bytes.encode()).expect("a message"), bytes);
        let empty = MqttMessage::default();
        assert_eq!(MqttMessage::decode(&empty.encode()).expect("an empty one"), empty);
    }

    #[test]
    fn more_than_mqtt_can_say_is_refused() {
        let mut many = message();
        many.user_properties = vec![many.user_properties[0].clone(); USER_PROPERTIES_MAX + 1];
        let mut null = message();
        null.content_type = "a\0b".into();
        for refused in [many, null] {
            assert!(MqttMessage::decode(&refused.encode()).is_err(), "{refused:?}");
        }
    }
}
