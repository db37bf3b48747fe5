//! Signing in on another screen (RFC 8628): the person opens a page wherever they have a browser.

use std::time::Duration;

use sekisho_proto::Timestamp;
use serde::Deserialize;

use super::{
    OpenIdError, OpenIdProvider, OpenIdSubject, discovery::Discovery, http::Agent, id_token,
};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Seconds between two questions where the provider does not say (RFC 8628 §3.2).
const INTERVAL_S_DEFAULT: u64 = 5;

/// Seconds more after `slow_down` (RFC 8628 §3.5).
const SLOWER_S: u64 = 5;

/// A sign-in that was begun.
#[derive(Debug)]
pub(super) struct DeviceFlow {
    agent: Agent,
    provider: OpenIdProvider,
    discovery: Discovery,
    token_endpoint: String,
    begun: Begun,
    interval: Duration,
}

/// How far a sign-in is.
#[derive(Debug)]
pub(super) enum Polled {
    /// The person has not signed in yet: ask again after this time.
    Pending(Duration),
    /// The person has, as the subject.
    SignedIn,
}

#[derive(Debug, Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

impl DeviceFlow {
    /// Begins a sign-in. Blocks.
    pub(super) fn begin(provider: &OpenIdProvider) -> Result<Self, OpenIdError> {
        let agent = Agent::new(&provider.issuer)?;
        let discovery = Discovery::fetch(&agent, provider)?;
        let thing = "device_authorization_endpoint";
        let endpoint =
            discovery.endpoint(thing, discovery.device_authorization_endpoint.as_ref())?;
        let token_endpoint =
            discovery.endpoint("token_endpoint", discovery.token_endpoint.as_ref())?;
        let form = [("client_id", provider.client_id.as_str()), ("scope", "openid")];
        let answer = agent.post("a sign-in begun", &endpoint, &form)?;
        if answer.status != 200 {
            return Err(answer.refused("a sign-in begun"));
        }
        let begun: Begun = answer.document("a sign-in begun")?;
        // One that says zero would keep the steward busy without a pause.
        let seconds = begun.interval.unwrap_or(INTERVAL_S_DEFAULT).max(1);
        let interval = Duration::from_secs(seconds);
        let provider = provider.clone();
        Ok(Self { agent, provider, discovery, token_endpoint, begun, interval })
    }

    /// The page to open.
    pub(super) fn page(&self) -> &str {
        let complete = self.begun.verification_uri_complete.as_deref();
        complete.unwrap_or(&self.begun.verification_uri)
    }

    /// What to type there, or to compare with what stands there.
    pub(super) fn code(&self) -> &str {
        &self.begun.user_code
    }

    /// How long to wait before asking.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Asks whether the person has signed in, and checks that it is the one who is wanted. Blocks.
    pub(super) fn poll(
        &mut self,
        wanted: &OpenIdSubject,
        now: Timestamp,
    ) -> Result<Polled, OpenIdError> {
        let form = [
            ("grant_type", GRANT_TYPE),
            ("device_code", self.begun.device_code.as_str()),
            ("client_id", self.provider.client_id.as_str()),
        ];
        let answer = self.agent.post("an ID token", &self.token_endpoint, &form)?;
        let issuer = || self.provider.issuer.clone();
        match answer.error().as_deref() {
            Some("authorization_pending") => return Ok(Polled::Pending(self.interval)),
            Some("slow_down") => {
                self.interval = self.interval.saturating_add(Duration::from_secs(SLOWER_S));
                return Ok(Polled::Pending(self.interval));
            }
            Some(found @ ("access_denied" | "expired_token")) => {
                return Err(OpenIdError::NotSignedIn { issuer: issuer(), found: found.to_owned() });
            }
            Some(_) | None if answer.status != 200 => return Err(answer.refused("an ID token")),
            Some(_) | None => {}
        }
        let tokens: Tokens = answer.document("an ID token")?;
        let id_token = tokens.id_token.ok_or_else(|| OpenIdError::Provider {
            issuer: issuer(),
            thing: "id_token",
            wanted: "one with the scope openid",
            found: "none".to_owned(),
        })?;
        let keys = self.discovery.keys(&self.agent)?;
        id_token::check(&keys, wanted, (&id_token, None), now)?;
        Ok(Polled::SignedIn)
    }
}
