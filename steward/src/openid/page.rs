//! Signing in on a page of ours (authorisation code with PKCE, RFC 7636): the page asks the provider,
//! and the steward judges what it brings back.

use sekisho_proto::Timestamp;
use serde::Serialize;

use super::{
    OpenIdError, OpenIdProvider, OpenIdSubject, discovery::Discovery, http::Agent, id_token,
};

/// Where a page has somebody sign in, and as which client.
#[derive(Debug, Serialize)]
pub(super) struct Offer<'a> {
    issuer: &'a str,
    client_id: &'a str,
    authorization_endpoint: String,
    token_endpoint: String,
}

/// What a page needs to know of a provider, in JSON. Blocks.
pub(super) fn offer(provider: &OpenIdProvider) -> Result<Vec<u8>, OpenIdError> {
    let OpenIdProvider { issuer, client_id } = provider;
    let agent = Agent::new(issuer)?;
    let discovery = Discovery::fetch(&agent, provider)?;
    let found = [
        ("authorization_endpoint", discovery.authorization_endpoint.as_ref()),
        ("token_endpoint", discovery.token_endpoint.as_ref()),
    ];
    let [authorization_endpoint, token_endpoint] =
        found.map(|(thing, found)| -> Result<String, OpenIdError> {
            let endpoint = discovery.endpoint(thing, found)?;
            agent.check(thing, &endpoint)?;
            Ok(endpoint)
        });
    let (authorization_endpoint, token_endpoint) = (authorization_endpoint?, token_endpoint?);
    let offer = Offer { issuer, client_id, authorization_endpoint, token_endpoint };
    serde_json::to_vec(&offer).map_err(|source| OpenIdError::Document {
        url: issuer.clone(),
        wanted: "an offer to sign in",
        source,
    })
}

/// Whether an ID token that a page was given says that it is the subject, and was asked for with this
/// nonce. Blocks.
pub(super) fn judge(
    wanted: &OpenIdSubject,
    (id_token, nonce): (&str, &str),
    now: Timestamp,
) -> Result<(), OpenIdError> {
    let agent = Agent::new(&wanted.provider.issuer)?;
    let discovery = Discovery::fetch(&agent, &wanted.provider)?;
    let keys = discovery.keys(&agent)?;
    id_token::check(&keys, wanted, (id_token, Some(nonce)), now)
}
