//! Who makes a request: the key of the client's certificate, or the key that a name and a password
//! stand for. Everybody else is told to say who they are.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use data_encoding::BASE64;
use sekisho_proto::{PublicKey, RefusalCode};

use super::{Door, Problem, Visitor};
use crate::clock;
use crate::hub::{Came, Hub, Refusal, metrics};
use crate::session::key_of_password;
use crate::transport::crowd::Crowd;
use crate::transport::desk::Desk;

/// How those who have not said who they are may do so (RFC 7617).
const CHALLENGE: &str = "Basic realm=\"sekisho\", charset=\"UTF-8\"";

/// Somebody whose key was proven, and who is known.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Their session.
    pub(crate) desk: Arc<Desk>,
}

impl FromRequestParts<Arc<Door>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        door: &Arc<Door>,
    ) -> Result<Self, Self::Rejection> {
        let Some(visitor) = parts.extensions.get::<Arc<Visitor>>().cloned() else {
            let why = "wanted to know the connection, found nothing";
            let refusal = Refusal::new(RefusalCode::Internal, "request", why);
            return Err(Problem::from(refusal).into_response());
        };
        let found = key_of(door, &visitor, &parts.headers);
        let key = found.map_err(|refusal| refuse(door, &visitor, refusal))?;
        let desk = visitor.desk(door, key).await;
        let desk = desk.map_err(|refusal| refuse(door, &visitor, refusal))?;
        Ok(Self { desk })
    }
}

/// The key that a request is made with. What a request says of itself comes before what its
/// connection says: a gateway may have a certificate and speak for its devices.
///
/// # Errors
/// It says nothing, or something wrong.
pub(super) fn key_of(
    door: &Door,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<PublicKey, Refusal> {
    let Some(credentials) = headers.get(AUTHORIZATION) else {
        let why = "wanted a client certificate or a name and a password, found neither";
        let refusal = || Refusal::new(RefusalCode::UnknownKey, "caller", why);
        return visitor.key().ok_or_else(refusal);
    };
    let (name, password) = basic(credentials).ok_or_else(|| {
        let why = "wanted `Basic` and NAME:PASSWORD in base64, found something else";
        Refusal::new(RefusalCode::UnknownKey, "authorization", why)
    })?;
    key_behind(&door.hub, &door.crowd, visitor.address().ip(), (&name, &password))
}

/// The key that a name and a password stand for, of somebody at this address.
///
/// # Errors
/// They stand for none, or too many wrong ones came from there.
pub(crate) fn key_behind(
    hub: &Arc<Hub>,
    crowd: &Crowd,
    address: IpAddr,
    (name, password): (&str, &str),
) -> Result<PublicKey, Refusal> {
    crowd.may_try(address, name)?;
    key_of_password(hub, name, password).inspect_err(|_refusal| crowd.failed(address, name))
}

/// The name and the password of an `Authorization` header; the name ends at the first colon.
fn basic(credentials: &HeaderValue) -> Option<(String, String)> {
    let (scheme, token) = credentials.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(token.trim().as_bytes()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// The response to a caller that is not let in, which is counted.
fn refuse(door: &Door, visitor: &Visitor, refusal: Refusal) -> Response {
    let came = Came::by("http", visitor.address());
    door.hub.refusals().note(None, came, &refusal, clock::now());
    metrics::handshake_failed(refusal.code.name());
    drop(door.hub.refuse(0, refusal.clone()));
    let mut response = Problem::from(refusal).into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_the_first_colon() {
        let header = |text: &str| HeaderValue::from_str(text).unwrap();
        let token = BASE64.encode(b"logger@fujisawa:a:b");
        let found = basic(&header(&format!("bAsIc {token}"))).unwrap();
        assert_eq!(found, ("logger@fujisawa".to_owned(), "a:b".to_owned()));
        for broken in
            ["Basic", "Basic !", "Bearer abc", &format!("Basic {}", BASE64.encode(b"none"))]
        {
            assert_eq!(basic(&header(broken)), None, "{broken}");
        }
    }
}
