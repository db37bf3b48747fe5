//! Publishing with one request: readings in the formats of other systems, anything else as it is,
//! and envelopes of those who sign themselves. A reading has entered when the answer says so.

mod repeating;

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use data_encoding::BASE64;
use sekisho_formats::{Fault, body, sox};
use sekisho_proto::{
    Envelope, Hash, Offset, RefusalCode, Statement, StatementBody, StreamClass, Topic, limits,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Asked, Rest, Sent, malformed, parsed, parsed_optional, single};
use super::{Caller, Door, Problem};
use crate::clock;
use crate::hub::{Letter, Refusal};
use crate::transport::desk::Desk;
use repeating::{Repeating, Turn};

/// What a body is that its publisher signed.
const ENVELOPE: &str = "application/vnd.sekisho.envelope";
/// Where the key header is that a sealed envelope names, in base64.
const KEY_HEADER: HeaderName = HeaderName::from_static("sekisho-key-header");
/// By what a request is known again that is made twice.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What this part serves.
pub(super) fn routes(door: &Door) -> Router<Arc<Door>> {
    let repeating = Arc::new(Repeating::open(&**door.hub.keyed()));
    Router::new()
        .route("/v1/publish/{*topic}", post(publish))
        .route("/v1/describe/{*topic}", post(describe))
        .layer(Extension(repeating))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Seconds in which it is worth delivering.
    expiry_s: Option<u32>,
}

async fn publish(
    State(door): State<Arc<Door>>,
    Extension(repeating): Extension<Arc<Repeating>>,
    caller: Caller,
    Rest(topic): Rest,
    Asked(options): Asked<Options>,
    headers: HeaderMap,
    Sent(bytes): Sent,
) -> Result<Response, Problem> {
    let topic: Topic = parsed("topic", &topic)?;
    let media_type = single(&headers, &header::CONTENT_TYPE)?.unwrap_or(body::OPAQUE).to_owned();
    let key_header = key_header(&headers)?;
    let parcel = Parcel { topic, media_type, key_header, expiry_s: options.expiry_s, bytes };
    let Some(key) = single(&headers, &IDEMPOTENCY_KEY)? else {
        return parcel.send(&caller.desk).await.map(IntoResponse::into_response);
    };
    let key = repeating::key(key)?;
    let whose = caller.desk.session().who().id;
    match repeating.begin(whose, key, parcel.fingerprint(), clock::now())? {
        Turn::Before(topic, offset) => Ok(Entered { topic, offset }.into_response()),
        Turn::First(turn) => {
            // The caller may be gone before the answer; the next time it is to be told the truth.
            let tasks = door.tasks.clone();
            let sending = tasks.spawn(async move {
                let sent = parcel.send(&caller.desk).await;
                match &sent {
                    Ok(entered) => {
                        let topic = entered.topic.clone();
                        let changes = turn.done(topic, entered.offset, clock::now());
                        repeating::keep(door.hub.keyed(), changes).await;
                    }
                    Err(_refused) => drop(turn),
                }
                sent
            });
            let sent = sending.await.map_err(|_stopped| Problem::from(Refusal::stopping()))?;
            sent.map(IntoResponse::into_response)
        }
    }
}

/// It is durable.
struct Entered {
    topic: Topic,
    offset: Offset,
}

impl IntoResponse for Entered {
    fn into_response(self) -> Response {
        let Self { topic, offset } = self;
        Json(json!({ "topic": topic.as_str(), "offset": offset.value() })).into_response()
    }
}

/// What one request wants to be published.
struct Parcel {
    topic: Topic,
    media_type: String,
    key_header: Option<Bytes>,
    expiry_s: Option<u32>,
    bytes: Bytes,
}

impl Parcel {
    /// What makes a request the same as another.
    fn fingerprint(&self) -> Hash {
        let key_header = self.key_header.as_deref().unwrap_or_default();
        let expiry = self.expiry_s.unwrap_or(0).to_be_bytes();
        let parts: [&[u8]; 5] = [
            self.topic.as_str().as_bytes(),
            self.media_type.as_bytes(),
            key_header,
            &expiry,
            &self.bytes,
        ];
        let mut whole = Vec::with_capacity(self.bytes.len() + 1024);
        for part in parts {
            whole.extend((part.len() as u64).to_be_bytes());
            whole.extend(part);
        }
        Hash::of(&whole)
    }

    async fn send(self, desk: &Desk) -> Result<Entered, Problem> {
        let topic = self.topic.clone();
        let offset = if body::essence(&self.media_type) == ENVELOPE {
            Box::pin(self.send_envelope(desk)).await?
        } else {
            self.send_letter(desk).await?
        };
        Ok(Entered { topic, offset })
    }

    async fn send_envelope(self, desk: &Desk) -> Result<Offset, Problem> {
        let envelope = Envelope::decode(self.bytes.clone())
            .map_err(|fault| Problem::from(Refusal::from(fault)))?;
        let found = &envelope.header().topic;
        if *found != self.topic {
            let why = format!("wanted an envelope for {}, found one for {found}", self.topic);
            return Err(malformed("topic", why));
        }
        if self.expiry_s.is_some() {
            let why = "wanted none beside an envelope, which says it itself".to_owned();
            return Err(malformed("expiry_s", why));
        }
        Ok(desk.publish(self.bytes, self.key_header).await?)
    }

    async fn send_letter(self, desk: &Desk) -> Result<Offset, Problem> {
        if self.key_header.is_some() {
            let why = "wanted none where the node signs: nothing is sealed".to_owned();
            return Err(malformed(KEY_HEADER.as_str(), why));
        }
        let read = body::read(&self.media_type, &self.bytes, clock::now());
        let read = read.map_err(|fault| unreadable(&self.media_type, &fault))?;
        let letter = Letter {
            topic: self.topic,
            body: read.bytes.into(),
            content_type: read.content_type,
            flags: 0,
            expiry_s: self.expiry_s.unwrap_or(0),
        };
        Ok(desk.attest(letter).await?)
    }
}

fn key_header(headers: &HeaderMap) -> Result<Option<Bytes>, Problem> {
    let Some(text) = single(headers, &KEY_HEADER)? else { return Ok(None) };
    let decoded = BASE64.decode(text.as_bytes());
    match decoded {
        Ok(bytes) if bytes.len() <= limits::KEY_HEADER_BYTES_MAX => Ok(Some(bytes.into())),
        Ok(_) | Err(_) => {
            let most = limits::KEY_HEADER_BYTES_MAX;
            Err(malformed(KEY_HEADER.as_str(), format!("wanted at most {most} bytes in base64")))
        }
    }
}

/// A body that is not what its type says.
fn unreadable(media_type: &str, fault: &Fault) -> Problem {
    malformed(&body::essence(media_type), fault.to_string())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// How the topic is to be protected; restricted where nothing is said.
    class: Option<String>,
}

/// What a device of SOX says of itself as a statement that its owner may sign: a node signs none.
async fn describe(
    caller: Caller,
    Rest(topic): Rest,
    Asked(asked): Asked<Description>,
    headers: HeaderMap,
    Sent(bytes): Sent,
) -> Result<Json<Value>, Problem> {
    drop(caller);
    let topic: Topic = parsed("topic", &topic)?;
    let class = parsed_optional("class", asked.class.as_deref())?;
    let media_type = single(&headers, &header::CONTENT_TYPE)?.unwrap_or(body::OPAQUE);
    if !body::SOX_XML.contains(&body::essence(media_type).as_str()) {
        let why = format!("wanted XML of SOX, found {media_type:?}");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, RefusalCode::Malformed, "content-type", why));
    }
    let now = clock::now();
    let read = sox::read(&bytes, now).map_err(|fault| unreadable(media_type, &fault))?;
    let sox::Sox::Meta(device) = read else {
        return Err(malformed("device", "wanted a device of SOX, found its data".to_owned()));
    };
    let described = device.describe(topic, class.unwrap_or(StreamClass::Restricted), now);
    let transducers: Vec<Value> = described
        .transducers
        .iter()
        .map(|one| json!({ "name": one.name.as_str(), "title": one.title, "unit": one.unit.as_str() }))
        .collect();
    let shown = json!({
        "topic": described.topic.as_str(),
        "device_type": described.device_type,
        "title": described.title,
        "class": described.class.name(),
        "mobile": described.mobile,
        "location": described.location.map(|place| json!({
            "latitude": f64::from(place.latitude_e7) / 1e7,
            "longitude": f64::from(place.longitude_e7) / 1e7,
        })),
        "transducers": transducers,
    });
    let statement = Statement::unsigned(StatementBody::StreamDescriptor(described)).encode();
    // What is too long to be stated is refused now, not when it is signed.
    Statement::decode(&statement).map_err(|fault| Problem::from(Refusal::from(fault)))?;
    Ok(Json(json!({ "descriptor": shown, "statement": BASE64.encode(&statement) })))
}

#[cfg(test)]
mod tests;
