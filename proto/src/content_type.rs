//! What an envelope's body is, once opened.

use std::sync::{Arc, LazyLock};

use crate::{ParseError, limits::CONTENT_TYPE_BYTES_MAX, text::text_name};

/// A media type: 1 to 127 bytes of printable ASCII.
#[derive(Clone)]
pub struct ContentType {
    text: Arc<str>,
}

impl ContentType {
    /// The body is an encoded [`SampleBatch`](crate::SampleBatch).
    pub const SAMPLES: &'static str = "application/vnd.sekisho.samples";
    /// The body is an encoded [`MqttMessage`](crate::MqttMessage).
    pub const MQTT: &'static str = "application/vnd.sekisho.mqtt";
    /// At doors that carry bodies only: what is carried is an encoded [`Envelope`](crate::Envelope).
    pub const ENVELOPE: &'static str = "application/vnd.sekisho.envelope";
    /// Nobody said what the body is.
    pub const OPAQUE: &'static str = "application/octet-stream";

    /// Parses a content type.
    ///
    /// # Errors
    ///
    /// It is empty, longer than 127 bytes or not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.is_empty() || text.len() > CONTENT_TYPE_BYTES_MAX || !printable {
            let wanted = "1 to 127 bytes of printable ASCII";
            return Err(ParseError::text("content type", wanted, text));
        }
        Ok(Self { text: text.into() })
    }

    /// The content type of sample batches.
    #[must_use]
    pub fn samples() -> Self {
        Self { text: Self::SAMPLES.into() }
    }

    /// The content type of what nobody said anything about.
    #[must_use]
    pub fn opaque() -> Self {
        static OPAQUE: LazyLock<Arc<str>> = LazyLock::new(|| ContentType::OPAQUE.into());
        Self { text: Arc::clone(&OPAQUE) }
    }

    /// Whether the body is an encoded [`SampleBatch`](crate::SampleBatch).
    #[must_use]
    pub fn is_samples(&self) -> bool {
        &*self.text == Self::SAMPLES
    }
}

text_name!(ContentType);
