//! Which web pages may use this node. A browser adds what it knows of its user (a password, a
//! certificate) to the requests of any page, so that every request of a page that is neither the
//! node's own nor named by the operator is refused, whatever it asks.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    CACHE_CONTROL, HOST, ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sekisho_proto::RefusalCode;

use super::{Door, Problem};
use crate::config::WebOrigin;
use crate::hub::metrics;

/// How long a browser may remember what it was told of another origin, seconds.
const PREFLIGHT_SECONDS: &str = "600";

/// The pages that may use the node besides its own.
#[derive(Debug)]
pub(crate) struct Origins {
    named: Vec<WebOrigin>,
    own: Own,
}

/// How the node's own pages come to a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// Over TLS, under any name that the certificate holds for.
    Tls,
    /// Without, within this machine.
    Loopback,
}

/// Who made a browser ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// No page said so: it is no browser.
    None,
    /// One that this node served.
    Own,
    /// One that the operator named.
    Named,
    /// Any other.
    Foreign,
}

impl Origins {
    pub(crate) const fn new(named: Vec<WebOrigin>, own: Own) -> Self {
        Self { named, own }
    }

    /// How the node is asked where its own pages are.
    pub(super) const fn scheme(&self) -> &'static str {
        match self.own {
            Own::Tls => "https",
            Own::Loopback => "http",
        }
    }

    /// The origin of the node's own pages, by the host that was asked for.
    fn own(&self, uri: &Uri, headers: &HeaderMap) -> Option<WebOrigin> {
        // HTTP/2 names the host in the request's target.
        let host = uri.authority().map(axum::http::uri::Authority::as_str);
        let host = host.or_else(|| headers.get(HOST)?.to_str().ok())?;
        let own = match self.own {
            Own::Tls => WebOrigin::of_host(host),
            Own::Loopback => WebOrigin::of_local_host(host),
        };
        own.ok()
    }

    fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Page {
        let own = self.own(uri, headers);
        // Of two hosts nobody knows which the browser meant (RFC 9112 §3.2).
        if headers.get_all(HOST).iter().count() > 1 {
            return Page::Foreign;
        }
        // Where no certificate proves the name, a page of another one could have it lead here, and
        // ask as if it were ours.
        if self.own == Own::Loopback && own.is_none() {
            return Page::Foreign;
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return if headers.contains_key(ORIGIN) { Page::Foreign } else { Page::None };
        };
        let Some(origin) = origin.to_str().ok().and_then(|text| text.parse::<WebOrigin>().ok())
        else {
            return Page::Foreign;
        };
        if self.named.contains(&origin) {
            return Page::Named;
        }
        if own == Some(origin) { Page::Own } else { Page::Foreign }
    }
}

/// Refuses what a foreign page asks, before anything else is looked at.
pub(super) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    match door.origins.judge(request.uri(), request.headers()) {
        Page::None | Page::Own => next.run(request).await,
        Page::Named => {
            let asks_first = request.method() == Method::OPTIONS
                && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
            let mut response = if asks_first { preflight() } else { next.run(request).await };
            if let Some(origin) = origin {
                let headers = response.headers_mut();
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                headers.append(VARY, HeaderValue::from_static("origin"));
            }
            response
        }
        Page::Foreign => {
            metrics::handshake_failed("origin");
            let found = origin.as_ref().or_else(|| request.headers().get(HOST));
            let found = match found.map(|found| found.to_str()) {
                Some(Ok(found)) => format!("{found:?}"),
                Some(Err(_)) => "bytes".to_owned(),
                None => "neither Host nor Origin".to_owned(),
            };
            let why = format!("wanted a page of this node or of [web] origins, found {found}");
            Problem::new(StatusCode::FORBIDDEN, RefusalCode::NotPermitted, "origin", why)
                .into_response()
        }
    }
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, idempotency-key, last-event-id, accept, \
             sekisho-key-header",
        ),
        (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Answers are nobody's but the caller's: not kept by caches, and taken for nothing but what they
/// say they are.
pub(super) async fn cautions(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(uri: &str, headers: &[(&'static str, &'static str)]) -> Page {
        judge_at(Own::Tls, uri, headers)
    }

    fn judge_at(own: Own, uri: &str, headers: &[(&'static str, &'static str)]) -> Page {
        let origins = Origins::new(vec!["https://dash.example".parse().unwrap()], own);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        origins.judge(&uri.parse().unwrap(), &map)
    }

    #[test]
    fn only_own_and_named_pages_may_ask() {
        let host = ("host", "node.example:8443");
        assert_eq!(judge("/v1", &[host]), Page::None);
        assert_eq!(judge("/v1", &[host, ("origin", "https://node.example:8443")]), Page::Own);
        assert_eq!(
            judge("https://node.example:8443/v1", &[("origin", "https://node.example:8443")]),
            Page::Own
        );
        assert_eq!(judge("/v1", &[host, ("origin", "https://DASH.example")]), Page::Named);
        for origin in [
            "https://node.example",
            "http://node.example:8443",
            "https://evil.example",
            "https://dash.example.evil.example",
            "null",
            "",
        ] {
            assert_eq!(judge("/v1", &[host, ("origin", origin)]), Page::Foreign, "{origin}");
        }
    }

    #[test]
    fn without_tls_a_name_that_was_made_to_lead_here_is_foreign() {
        let judge =
            |headers: &[(&'static str, &'static str)]| judge_at(Own::Loopback, "/v1", headers);
        let host = ("host", "127.0.0.1:8080");
        assert_eq!(judge(&[host]), Page::None);
        assert_eq!(judge(&[host, ("origin", "http://127.0.0.1:8080")]), Page::Own);
        assert_eq!(judge(&[("host", "localhost"), ("origin", "http://localhost")]), Page::Own);
        assert_eq!(judge(&[host, ("origin", "https://dash.example")]), Page::Named);
        for origin in ["https://127.0.0.1:8080", "http://localhost:8080", "http://127.0.0.1:8081"] {
            assert_eq!(judge(&[host, ("origin", origin)]), Page::Foreign, "{origin}");
        }
        let rebound = ("host", "evil.example:8080");
        assert_eq!(judge(&[rebound]), Page::Foreign);
        assert_eq!(judge(&[rebound, ("origin", "http://evil.example:8080")]), Page::Foreign);
        assert_eq!(judge(&[]), Page::Foreign);
    }

    #[test]
    fn two_origins_or_hosts_are_foreign_whatever_they_are() {
        let own = ("origin", "https://dash.example");
        assert_eq!(judge("/v1", &[own, own]), Page::Foreign);
        let host = ("host", "node.example:8443");
        assert_eq!(judge("/v1", &[host, host]), Page::Foreign);
    }
}
