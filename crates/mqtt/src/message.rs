//! Application messages as bodies of envelopes. A payload with at most a content type is the body
//! itself, so that everybody who reads the topic can; whatever MQTT 5 says beside it is wrapped.

use bytes::Bytes;
use sekisho_proto::{ContentType, DecodeError, MqttMessage, ParseError};

/// Content types that mean something to this system: a payload that claims one is wrapped.
const OURS: &str = "application/vnd.sekisho.";

/// The body of an envelope that carries a message, and its content type.
///
/// # Errors
/// Never for a message that came in a packet: the content types used are within their limits.
pub fn to_body(message: &MqttMessage) -> Result<(ContentType, Bytes), ParseError> {
    let says_more = message.utf8.is_some()
        || !message.response_topic.is_empty()
        || message.correlation_data.is_some()
        || !message.user_properties.is_empty();
    if !says_more {
        if message.content_type.is_empty() {
            return Ok((ContentType::opaque(), message.payload.clone()));
        }
        if let Some(content_type) = plain(&message.content_type) {
            return Ok((content_type, message.payload.clone()));
        }
    }
    Ok((ContentType::parse(ContentType::MQTT)?, message.encode()))
}

/// The message that an open body is to MQTT's clients.
///
/// # Errors
/// The body is said to be such a message and is none.
pub fn from_body(content_type: &ContentType, body: &Bytes) -> Result<MqttMessage, DecodeError> {
    match content_type.as_str() {
        ContentType::MQTT => MqttMessage::decode(body),
        ContentType::OPAQUE => Ok(MqttMessage { payload: body.clone(), ..MqttMessage::default() }),
        other => Ok(MqttMessage {
            payload: body.clone(),
            content_type: other.to_owned(),
            ..MqttMessage::default()
        }),
    }
}

/// A content type that needs no wrapping.
fn plain(text: &str) -> Option<ContentType> {
    let is_ours = text.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS));
    // Sample batches are read by everybody, whoever wrote them.
    let is_samples = text == ContentType::SAMPLES;
    if text == ContentType::OPAQUE || is_ours && !is_samples {
        return None;
    }
    ContentType::parse(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sekisho_proto::UserProperty;

    use super::*;

    fn message() -> impl Strategy<Value = MqttMessage> {
        let content_type = prop_oneof![
            Just(String::new()),
            Just(ContentType::OPAQUE.to_owned()),
            Just(ContentType::MQTT.to_owned()),
            Just(ContentType::SAMPLES.to_owned()),
            "[ -~é]{0,140}",
        ];
        let property =
            ("[a-z]{0,3}", "[a-z]{0,3}").prop_map(|(name, value)| UserProperty { name, value });
        (
            proptest::collection::vec(any::<u8>(), 0..40),
            any::<Option<bool>>(),
            content_type,
            "[a-z/]{0,4}",
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..4)),
            proptest::collection::vec(property, 0..3),
        )
            .prop_map(
                |(payload, utf8, content_type, response_topic, correlation, properties)| {
                    MqttMessage {
                        payload: payload.into(),
                        utf8,
                        content_type,
                        response_topic,
                        correlation_data: correlation.map(Bytes::from),
                        user_properties: properties,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn a_message_comes_out_as_it_went_in(message in message()) {
            let (content_type, body) = to_body(&message).expect("a body");
            prop_assert_eq!(from_body(&content_type, &body).expect("a message"), message);
        }
    }

    #[test]
    fn a_payload_alone_is_the_body() {
        let message = MqttMessage { payload: Bytes::from_static(b"21"), ..MqttMessage::default() };
        let (content_type, body) = to_body(&message).expect("a body");
        assert_eq!((content_type.as_str(), &*body), (ContentType::OPAQUE, &b"21"[..]));
        let message = MqttMessage { content_type: "application/json".into(), ..message };
        assert_eq!(to_body(&message).expect("a body").0.as_str(), "application/json");
    }
}
