//! What is told of a request that is not fulfilled, as RFC 9457 has it.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sekisho_proto::RefusalCode;
use serde::Serialize;

use crate::hub::Refusal;

/// The media type of a problem.
const PROBLEM_JSON: &str = "application/problem+json";
/// Seconds after which it is worth trying again where too much was asked.
const RETRY_SECONDS: u64 = 1;

/// A refusal as an HTTP response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Names the code; `docs/protocol.md` explains each.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// The thing refused.
    what: String,
}

impl Problem {
    /// A refusal with another status than its code has.
    pub(crate) fn new(
        status: StatusCode,
        code: RefusalCode,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("urn:sekisho:refusal:{}", code.name()),
            title: code.name(),
            status: status.as_u16(),
            detail: why.into(),
            what: what.into(),
        }
    }

    /// The status code.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, what, why, .. } = refusal;
        Self::new(status_of(code), code, what, why)
    }
}

/// The answer where nothing is.
pub(super) fn nowhere(uri: &Uri) -> Problem {
    let why = format!(
        "wanted a path that /v1/openapi.json lists, or one below /v1.1, found {:?}",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, RefusalCode::NotFound, "path", why)
}

/// The answer where something is that is asked in another way.
pub(super) async fn otherwise(method: Method) -> Problem {
    let why = format!("wanted a method of those in Allow, found {method}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, RefusalCode::Malformed, "method", why)
}

/// The status that says most about a code to those who know HTTP only (RFC 9110 §15, RFC 6585 §4).
const fn status_of(code: RefusalCode) -> StatusCode {
    match code {
        RefusalCode::Malformed
        | RefusalCode::NonCanonical
        | RefusalCode::UnknownVersion
        | RefusalCode::UnexpectedFrame => StatusCode::BAD_REQUEST,
        RefusalCode::Oversized => StatusCode::PAYLOAD_TOO_LARGE,
        RefusalCode::UnknownKey | RefusalCode::Revoked => StatusCode::UNAUTHORIZED,
        RefusalCode::NotPermitted | RefusalCode::WrongPublisher => StatusCode::FORBIDDEN,
        RefusalCode::ForeignTopic => StatusCode::MISDIRECTED_REQUEST,
        RefusalCode::NotFound => StatusCode::NOT_FOUND,
        RefusalCode::Replayed
        | RefusalCode::SequenceGap
        | RefusalCode::Equivocation
        | RefusalCode::AlreadyExists => StatusCode::CONFLICT,
        RefusalCode::WeakKey
        | RefusalCode::BadSignature
        | RefusalCode::ClockAhead
        | RefusalCode::Expired
        | RefusalCode::EpochRetired
        | RefusalCode::EpochUnknown
        | RefusalCode::KeyHeaderMissing
        | RefusalCode::BadStatement
        | RefusalCode::BadEnrolment => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalCode::RateLimited | RefusalCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
        RefusalCode::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        RefusalCode::Draining => StatusCode::SERVICE_UNAVAILABLE,
        RefusalCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        // A code may be told with a status that no waiting changes.
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        response
    }
}
