//! What a provider says of itself (OpenID Connect Discovery 1.0).

use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;

use super::{OpenIdError, OpenIdProvider, http::Agent};

/// A provider's own description, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Discovery {
    issuer: String,
    jwks_uri: String,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
}

impl Discovery {
    pub(super) fn fetch(agent: &Agent, provider: &OpenIdProvider) -> Result<Self, OpenIdError> {
        let issuer = &provider.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let found: Self = agent.get("the provider's configuration", &url)?;
        // §4.3: else one provider could speak for another.
        if found.issuer != *issuer {
            return Err(OpenIdError::Provider {
                issuer: issuer.clone(),
                thing: "issuer",
                wanted: "the one that was asked",
                found: found.issuer,
            });
        }
        Ok(found)
    }

    pub(super) fn keys(&self, agent: &Agent) -> Result<JwkSet, OpenIdError> {
        agent.get("the provider's keys", &self.jwks_uri)
    }

    /// An endpoint that not every provider has.
    pub(super) fn endpoint(
        &self,
        thing: &'static str,
        found: Option<&String>,
    ) -> Result<String, OpenIdError> {
        found.cloned().ok_or_else(|| OpenIdError::Provider {
            issuer: self.issuer.clone(),
            thing,
            wanted: "one, for signing in",
            found: "none".to_owned(),
        })
    }
}
