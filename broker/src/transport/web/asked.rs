//! What a request asks for, parsed once: parameters of its target, its body, and faults of both as
//! problems.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use data_encoding::HEXLOWER_PERMISSIVE;
use sekisho_proto::{ParseError, PublicKey, RefusalCode};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::share::{Share, Shares};
use super::{Door, Problem, Visitor};
use crate::hub::Refusal;

/// How long the body of one request may take: 64 KiB at 10 kbit/s.
const BODY_PATIENCE: Duration = Duration::from_secs(60);
/// Bodies that are read at a time, over all connections: 128 of the largest are 130 MB.
const BODIES_MAX: usize = 128;

/// Bodies of one principal that are read at a time: whoever sends many of them slowly keeps nobody
/// else from sending.
const BODIES_OF_ONE_MAX: usize = 32;

/// Places for bodies.
static BODIES: Semaphore = Semaphore::const_new(BODIES_MAX);

/// Who has how many of them.
static OF_ONE: Shares = Shares::of(BODIES_OF_ONE_MAX);

/// Room for a body while it is read; given up when dropped.
#[derive(Debug)]
pub(super) struct Room {
    _of_all: SemaphorePermit<'static>,
    _own: Option<Share>,
}

impl Room {
    /// Room for a body of somebody.
    ///
    /// # Errors
    /// Too many are read, of all or of this principal.
    pub(super) fn take(whose: Option<PublicKey>) -> Result<Self, Refusal> {
        let Ok(of_all) = BODIES.try_acquire() else {
            let why = format!("wanted at most {BODIES_MAX} requests with a body at once");
            return Err(Refusal::new(RefusalCode::TooMany, "body", why));
        };
        let own = match whose.map(|whose| OF_ONE.take(whose, 1)) {
            Some(None) => {
                let why = format!("wanted at most {BODIES_OF_ONE_MAX} of one principal at once");
                return Err(Refusal::new(RefusalCode::TooMany, "body", why));
            }
            taken => taken.flatten(),
        };
        Ok(Self { _of_all: of_all, _own: own })
    }
}

/// The parameters behind the `?`; others than those of `T` are refused.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

/// The rest of the path, decoded.
#[derive(Debug)]
pub(super) struct Rest(pub(super) String);

/// The body, read within bounds of size and time.
#[derive(Debug)]
pub(super) struct Sent(pub(super) Bytes);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        if !parts.uri.query().is_none_or(is_text) {
            return Err(malformed("parameters", "wanted UTF-8, found other bytes".to_owned()));
        }
        let Query(asked) = Query::try_from_uri(&parts.uri)
            .map_err(|fault| malformed("parameters", unfit(&fault.body_text())))?;
        Ok(Self(asked))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Rest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        let Path(rest) = path.map_err(|fault| malformed("path", fault.body_text()))?;
        Ok(Self(rest))
    }
}

impl FromRequest<Arc<Door>> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, door: &Arc<Door>) -> Result<Self, Problem> {
        check_coding(request.headers())?;
        let visitor = request.extensions().get::<Arc<Visitor>>().cloned();
        let _room = Room::take(whose(visitor).await)?;
        let reading = Bytes::from_request(request, door);
        let read = tokio::select! {
            read = timeout(BODY_PATIENCE, reading) => read,
            () = door.stop.cancelled() => return Err(Refusal::stopping().into()),
        };
        match read {
            Ok(Ok(bytes)) => Ok(Self(bytes)),
            Ok(Err(fault)) if fault.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let why = "wanted a body that an envelope can hold, found a longer one";
                Err(Refusal::new(RefusalCode::Oversized, "body", why).into())
            }
            Ok(Err(fault)) => Err(malformed("body", fault.body_text())),
            Err(_elapsed) => {
                let seconds = BODY_PATIENCE.as_secs();
                let why = format!("wanted all of it within {seconds} seconds, found a part");
                let status = StatusCode::REQUEST_TIMEOUT;
                Err(Problem::new(status, RefusalCode::Malformed, "body", why))
            }
        }
    }
}

/// Whose session the connection was used for last: the caller of this request.
async fn whose(visitor: Option<Arc<Visitor>>) -> Option<PublicKey> {
    visitor?.caller().await
}

/// Nothing is unpacked: a short text may stand for an endless one.
fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let transfer = single(headers, &header::TRANSFER_ENCODING)?;
    if let Some(found) = transfer.filter(|coding| !coding.eq_ignore_ascii_case("chunked")) {
        // RFC 9112 §6.1.
        let why = format!("wanted chunked and nothing else, found {found:?}");
        let status = StatusCode::NOT_IMPLEMENTED;
        return Err(Problem::new(status, RefusalCode::Malformed, "transfer-encoding", why));
    }
    match single(headers, &header::CONTENT_ENCODING)? {
        None | Some("identity") => Ok(()),
        Some(coding) => {
            let why = format!("wanted a body as it is, found {coding:?}");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Problem::new(status, RefusalCode::Malformed, "content-encoding", why))
        }
    }
}

/// A header that may be there once.
///
/// # Errors
/// It is there more often, or holds other than visible ASCII.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text.trim())),
            Err(_not_ascii) => Err(malformed(name.as_str(), "wanted visible ASCII".to_owned())),
        },
        (Some(_), Some(_)) => {
            Err(malformed(name.as_str(), "wanted it once, found more".to_owned()))
        }
    }
}

/// What a text means.
///
/// # Errors
/// Nothing.
pub(super) fn parsed<T: FromStr<Err = ParseError>>(name: &str, text: &str) -> Result<T, Problem> {
    read(name, text, str::parse)
}

/// The same of what is read in a way of its own.
///
/// # Errors
/// As [`parsed`].
pub(super) fn read<T>(
    name: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, ParseError>,
) -> Result<T, Problem> {
    parse(text).map_err(|fault| {
        // Parameters are decoded as forms are (HTML, application/x-www-form-urlencoded).
        let hint = if text.contains(' ') { "; in a URL a + is written %2B" } else { "" };
        malformed(name, format!("{fault}{hint}"))
    })
}

/// The same of what may be left out.
///
/// # Errors
/// As [`parsed`].
pub(super) fn parsed_optional<T: FromStr<Err = ParseError>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| parsed(name, text)).transpose()
}

/// Whether what is written in a query is UTF-8. The library behind it puts replacement characters in
/// the place of what is none, and would answer another question than was asked.
fn is_text(query: &str) -> bool {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.split_at_checked(2).filter(|_after| *first == b'%');
        let decoded = escaped.and_then(|(digits, after)| {
            let byte = HEXLOWER_PERMISSIVE.decode(digits).ok()?;
            Some((*byte.first()?, after))
        });
        let (byte, after) = decoded.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    str::from_utf8(&bytes).is_ok()
}

/// What is wrong with parameters, without the words of the library around it.
fn unfit(cause: &str) -> String {
    let cause = cause.rsplit_once("query string: ").map_or(cause, |(_, cause)| cause);
    format!("wanted those that /v1/openapi.json lists for this path, found: {cause}")
}

/// What was sent is not what it should be.
pub(super) fn malformed(what: &str, why: String) -> Problem {
    Refusal::new(RefusalCode::Malformed, what, why).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf_8_is_seen_however_it_is_cut() {
        for text in ["", "filter=fujisawa/%23", "a=%E8%A1%97&b=%c3%a9", "a=100%", "a=%zz", "a=%2"] {
            assert!(is_text(text), "{text}");
        }
        for text in ["filter=fujisawa/%ff", "a=%E8%A1", "a=%c3&b=%a9", "%80", "a=%c0%af"] {
            assert!(!is_text(text), "{text}");
        }
    }
}
