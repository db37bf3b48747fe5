//! Checking an ID token (OpenID Connect Core 1.0 §3.1.3.7). Pure: keys and time come in.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use sekisho_proto::Timestamp;
use serde::Deserialize;

use super::{OpenIdError, OpenIdSubject};

/// Signatures that are taken: never `none`, and nothing with a shared secret.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::RS384,
    Algorithm::EdDSA,
];

/// How far the provider's clock may differ from ours.
const LEEWAY: Duration = Duration::from_secs(120);

/// How old a sign-in may be: a token is used within minutes.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Whether a token says that somebody is the subject. One that came through other hands has to name
/// the nonce as well; one that was fetched for a sign-in of our own (`nonce` is none) need not.
pub(super) fn check(
    keys: &JwkSet,
    wanted: &OpenIdSubject,
    (id_token, nonce): (&str, Option<&str>),
    now: Timestamp,
) -> Result<(), OpenIdError> {
    let claims = signed_claims(keys, wanted, id_token)?;
    let provider = &wanted.provider;
    let refuse = |claim, wanted: &str, found: String| {
        let (issuer, wanted) = (provider.issuer.clone(), wanted.to_owned());
        Err(OpenIdError::Claim { issuer, claim, wanted, found })
    };
    if claims.iss != provider.issuer {
        return refuse("iss", &provider.issuer, claims.iss);
    }
    let client = &provider.client_id;
    let audience = match claims.aud {
        Audience::One(one) => vec![one],
        Audience::Several(several) => several,
    };
    if !audience.contains(client) {
        return refuse("aud", client, audience.join(", "));
    }
    let party = claims.azp.as_ref();
    if party.map_or(audience.len() > 1, |party| party != client) {
        return refuse("azp", client, claims.azp.unwrap_or_else(|| "none".to_owned()));
    }
    let seconds = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
    let (expires, issued) = (seconds(claims.exp), seconds(claims.iat));
    if expires.saturating_add(LEEWAY) <= now {
        return refuse("exp", &format!("a time after {now}"), expires.to_string());
    }
    if issued > now.saturating_add(LEEWAY) || issued.saturating_add(AGE_MAX) <= now {
        return refuse("iat", &format!("a time shortly before {now}"), issued.to_string());
    }
    if nonce.is_some() && claims.nonce.as_deref() != nonce {
        let found = if claims.nonce.is_some() { "another" } else { "none" };
        return refuse("nonce", "that of this invitation and this key", found.to_owned());
    }
    if claims.sub != wanted.subject {
        return refuse("sub", "who was invited", "somebody else".to_owned());
    }
    Ok(())
}

fn signed_claims(
    keys: &JwkSet,
    wanted: &OpenIdSubject,
    id_token: &str,
) -> Result<Claims, OpenIdError> {
    let issuer = || wanted.provider.issuer.clone();
    let failed = |source| OpenIdError::Signature { issuer: issuer(), source };
    let header = decode_header(id_token).map_err(failed)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(OpenIdError::Claim {
            issuer: issuer(),
            claim: "alg",
            wanted: "a signature by a key that the provider publishes".to_owned(),
            found: format!("{:?}", header.alg),
        });
    }
    let key = match &header.kid {
        Some(id) => keys.find(id),
        None => keys.keys.first().filter(|_only| keys.keys.len() == 1),
    };
    let key = key.ok_or_else(|| OpenIdError::Claim {
        issuer: issuer(),
        claim: "kid",
        wanted: "a key that the provider publishes".to_owned(),
        found: header.kid.clone().unwrap_or_else(|| "none".to_owned()),
    })?;
    let mut validation = Validation::new(header.alg);
    // Each claim is checked above, against the time that was handed in.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_jwk(key).map_err(failed)?;
    let decoded = decode::<Claims>(id_token, &key, &validation).map_err(failed)?;
    Ok(decoded.claims)
}

// Named, because a fuzz target takes this file from elsewhere.
#[cfg(test)]
#[path = "id_token/tests.rs"]
mod tests;
