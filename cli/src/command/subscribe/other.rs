//! What is shown of a body that holds something other than samples, as devices send it over MQTT or
//! HTTP: text as text, other bytes counted, and in JSON all of it.

use bytes::Bytes;
use data_encoding::BASE64;
use sekisho::Message;
use sekisho_proto::{ContentType, MqttMessage};
use serde_json::{Map, Value, json};

/// Characters of a text that people are shown.
const TEXT_SHOWN_MAX: usize = 400;

/// A body that was opened.
pub(super) struct Other {
    bytes: Bytes,
    /// What it is; empty where nobody said.
    content_type: String,
}

impl Other {
    /// `None` where the body cannot be had.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let body = message.body().ok()?;
        let said = message.content_type.as_str();
        if said == ContentType::MQTT {
            let MqttMessage { payload, content_type, .. } = MqttMessage::decode(body).ok()?;
            return Some(Self { bytes: payload, content_type });
        }
        let content_type = if said == ContentType::OPAQUE { "" } else { said };
        Some(Self { bytes: body.clone(), content_type: content_type.to_owned() })
    }

    /// For people, in one line.
    pub(super) fn sentence(&self) -> String {
        let kind = |text: String| match self.content_type.as_str() {
            "" => text,
            kind => format!("{text}  [{kind}]"),
        };
        match self.text() {
            Some(text) if text.chars().count() <= TEXT_SHOWN_MAX => kind(text.to_owned()),
            Some(_) | None => kind(format!("[{} bytes]", self.bytes.len())),
        }
    }

    /// Adds it to what is said of its message in JSON.
    pub(super) fn add_to(&self, document: &mut Map<String, Value>) {
        let (name, body) = match std::str::from_utf8(&self.bytes) {
            Ok(text) => ("body", text.to_owned()),
            Err(_binary) => ("body_base64", BASE64.encode(&self.bytes)),
        };
        document.insert(name.to_owned(), json!(body));
        document.insert("content_type".to_owned(), json!(self.content_type));
    }

    /// A text that does nothing to a terminal but be read.
    fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.bytes).ok()?;
        text.chars().all(|one| !one.is_control()).then_some(text)
    }
}
