//! Asking a provider: few, short, bounded requests.

use std::{net::IpAddr, sync::Arc, time::Duration};

use rustls::crypto::aws_lc_rs;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::{
    http::Uri,
    tls::{RootCerts, TlsConfig},
};

use super::OpenIdError;

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer, bytes: a key set with some dozens of keys.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// How much of a provider's words is repeated.
const WORDS_MAX: usize = 200;

/// Asks one provider.
#[derive(Debug)]
pub(super) struct Agent {
    agent: ureq::Agent,
    /// Whether the provider is on this machine, without TLS.
    is_local: bool,
}

impl Agent {
    /// # Errors
    /// [`OpenIdError::Address`].
    pub(super) fn new(issuer: &str) -> Result<Self, OpenIdError> {
        check_address("issuer", issuer)?;
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(ANSWER_TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("sekisho/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), is_local: is_plain(issuer) })
    }

    /// A provider elsewhere names nothing on this machine.
    pub(super) fn check(&self, thing: &'static str, url: &str) -> Result<(), OpenIdError> {
        check_address(thing, url)?;
        if self.is_local || !is_plain(url) {
            return Ok(());
        }
        Err(OpenIdError::Address { thing, found: url.to_owned() })
    }

    pub(super) fn get<T: DeserializeOwned>(
        &self,
        thing: &'static str,
        url: &str,
    ) -> Result<T, OpenIdError> {
        self.check(thing, url)?;
        let answer = self.agent.get(url).header("accept", "application/json").call();
        let answer = read(url, answer)?;
        if answer.status != 200 {
            return Err(answer.refused(thing));
        }
        answer.document(thing)
    }

    pub(super) fn post(
        &self,
        thing: &'static str,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<HttpAnswer, OpenIdError> {
        self.check(thing, url)?;
        let request = self.agent.post(url).header("accept", "application/json");
        read(url, request.send_form(form.iter().copied()))
    }
}

/// An answer, whatever its status.
pub(super) struct HttpAnswer {
    url: String,
    pub(super) status: u16,
    body: Vec<u8>,
}

impl HttpAnswer {
    pub(super) fn document<T: DeserializeOwned>(
        &self,
        wanted: &'static str,
    ) -> Result<T, OpenIdError> {
        serde_json::from_slice(&self.body).map_err(|source| OpenIdError::Document {
            url: self.url.clone(),
            wanted,
            source,
        })
    }

    /// The `error` member of the provider's answer (RFC 6749 §5.2).
    pub(super) fn error(&self) -> Option<String> {
        let answer: Value = serde_json::from_slice(&self.body).ok()?;
        answer.get("error")?.as_str().map(str::to_owned)
    }

    pub(super) fn refused(&self, wanted: &'static str) -> OpenIdError {
        let text = String::from_utf8_lossy(&self.body);
        let words: String = text.chars().filter(|one| !one.is_control()).take(WORDS_MAX).collect();
        let found = format!("{}: {words}", self.status);
        OpenIdError::Answer { url: self.url.clone(), wanted, found }
    }
}

fn read(
    url: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<HttpAnswer, OpenIdError> {
    let failed = |source| OpenIdError::Http { url: url.to_owned(), source: Box::new(source) };
    let mut answer = answer.map_err(failed)?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    Ok(HttpAnswer { url: url.to_owned(), status, body: body.map_err(failed)? })
}

fn is_plain(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("http"))
}

/// An address over TLS, or one on this machine.
pub(super) fn check_address(thing: &'static str, url: &str) -> Result<(), OpenIdError> {
    let refused = || OpenIdError::Address { thing, found: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_not_an_address| refused())?;
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if is_loopback => Ok(()),
        Some(_) | None => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_elsewhere_names_nothing_on_this_machine() {
        let there = Agent::new("https://login.example").unwrap();
        assert!(there.check("keys", "https://login.example/keys").is_ok());
        let error = there.check("keys", "http://127.0.0.1:2375/stop").unwrap_err().to_string();
        assert!(error.contains("keys: wanted an https address"), "{error}");
        let here = Agent::new("http://127.0.0.1:1").unwrap();
        assert!(here.check("keys", "http://127.0.0.1:1/keys").is_ok());
    }

    #[test]
    fn a_provider_is_asked_over_tls_or_on_this_machine() {
        for url in ["https://login.example", "https://login.example:8443/a", "http://127.0.0.1:1/"]
        {
            assert!(check_address("issuer", url).is_ok(), "{url}");
        }
        for url in [
            "http://login.example",
            "http://localhost:8080",
            "http://127.0.0.1.example",
            "ftp://127.0.0.1",
            "login.example",
            "https://",
            "",
        ] {
            let error = check_address("issuer", url).unwrap_err().to_string();
            assert!(error.contains("issuer: wanted an https address"), "{url}: {error}");
        }
    }
}
