//! OpenID Connect: a provider outside says who a person is, and never what they may do.
//!
//! An invitation may want, in place of somebody's yes, that the newcomer signs in at a provider as
//! one subject. Of whoever waits at a terminal, the steward itself begins the provider's device flow
//! (RFC 8628) for one invitation and one key, has the newcomer told which page to open, and gets the
//! ID token from the provider: neither the node nor the newcomer ever holds it. A page that the
//! provider can lead back to asks for itself (authorisation code with PKCE) and brings an ID token
//! that names, as its nonce, this invitation and this key. What else the provider says counts for
//! nothing.
//!
//! The provider is reached over TLS, with the certificates that the machine trusts; one on a
//! loopback address, as in tests, also without.

mod device;
mod discovery;
mod http;
mod id_token;
mod page;

use std::sync::Arc;

use sekisho::clock;
use thiserror::Error;
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use self::device::{DeviceFlow, Polled};

/// Why a provider did not say who somebody is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenIdError {
    /// An address is none that may be asked.
    #[error("provider: {thing}: wanted an https address, found {found}")]
    Address {
        /// Which one.
        thing: &'static str,
        /// What it is.
        found: String,
    },
    /// The provider cannot be reached, or does not answer as one.
    #[error("{url}: wanted an answer of an OpenID provider")]
    Http {
        /// What was asked.
        url: String,
        /// What the client said.
        source: Box<ureq::Error>,
    },
    /// The provider answers with an error of its own.
    #[error("{url}: {wanted}: the provider says {found}")]
    Answer {
        /// What was asked.
        url: String,
        /// What for.
        wanted: &'static str,
        /// Its words, shortened.
        found: String,
    },
    /// An answer is no such document.
    #[error("{url}: wanted {wanted}")]
    Document {
        /// What was asked.
        url: String,
        /// What should have come.
        wanted: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The provider cannot be used.
    #[error("provider {issuer}: {thing}: wanted {wanted}, found {found}")]
    Provider {
        /// Which.
        issuer: String,
        /// What of it.
        thing: &'static str,
        /// What would do.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// The ID token is not signed by the provider, or is no ID token.
    #[error("ID token of {issuer}: wanted one that the provider signed")]
    Signature {
        /// Which provider.
        issuer: String,
        /// What is wrong.
        source: jsonwebtoken::errors::Error,
    },
    /// The ID token says something else.
    #[error("ID token of {issuer}: {claim}: wanted {wanted}, found {found}")]
    Claim {
        /// Which provider.
        issuer: String,
        /// Which claim.
        claim: &'static str,
        /// What would do.
        wanted: String,
        /// What it says.
        found: String,
    },
    /// The person did not sign in.
    #[error("sign-in at {issuer}: wanted a yes, found {found}")]
    NotSignedIn {
        /// Which provider.
        issuer: String,
        /// `access_denied` or `expired_token`.
        found: String,
    },
    /// Asking ended before there was an answer: the steward is stopping.
    #[error("sign-in at {issuer}: wanted an answer, found the steward stopping")]
    Ended {
        /// Which provider.
        issuer: String,
        /// What the runtime said.
        source: tokio::task::JoinError,
    },
}

/// Longest issuer, client and subject, bytes (OpenID Connect Core 1.0 §2 for the subject).
const TEXT_BYTES_MAX: usize = 255;

/// An OpenID provider that says who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIdProvider {
    /// Its address, such as `https://login.example`, at most 255 bytes.
    pub issuer: String,
    /// What this organisation is called there, at most 255 bytes.
    pub client_id: String,
}

/// Who was invited: a subject at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIdSubject {
    /// Whose word is taken.
    pub provider: OpenIdProvider,
    /// The person, as the provider's `sub` claim names them.
    pub subject: String,
}

impl OpenIdSubject {
    /// Whether it can be asked for: an address that may be asked, and names that fit into a token.
    ///
    /// # Errors
    /// [`OpenIdError::Address`] or [`OpenIdError::Provider`].
    pub fn check(&self) -> Result<(), OpenIdError> {
        let OpenIdProvider { issuer, client_id } = &self.provider;
        http::check_address("issuer", issuer)?;
        let texts = [("issuer", issuer), ("client", client_id), ("subject", &self.subject)];
        for (thing, text) in texts {
            let fits = (1..=TEXT_BYTES_MAX).contains(&text.len());
            if !fits || text.chars().any(char::is_control) {
                return Err(OpenIdError::Provider {
                    issuer: issuer.clone(),
                    thing,
                    wanted: "1 to 255 bytes without control characters",
                    found: format!("{} bytes", text.len()),
                });
            }
        }
        Ok(())
    }
}

/// How somebody signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// On another screen, with a code to compare.
    Device,
    /// On the page that asks.
    Page,
    /// On a page: this is what it came back with.
    Token {
        /// The provider's.
        id_token: String,
        /// What the ID token has to name.
        nonce: String,
    },
}

/// What somebody who is to sign in is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing yet.
    #[default]
    Nothing,
    /// This, in the open.
    Words(String),
    /// Where a page asks, in JSON; to be sealed.
    Offer(Vec<u8>),
}

/// Has somebody sign in as the subject. What they have to do is put into `told` as soon as it is
/// known. Takes until they have done it, or the provider gives up; on a page, until it comes back.
///
/// # Errors
/// [`OpenIdError`]: the provider cannot be asked, or does not say that it is the subject.
pub(crate) async fn sign_in(
    wanted: OpenIdSubject,
    way: Way,
    told: watch::Sender<Told>,
) -> Result<(), OpenIdError> {
    let wanted = Arc::new(wanted);
    let asked = Arc::clone(&wanted);
    match way {
        Way::Device => on_another_screen(wanted, told).await,
        Way::Page => {
            let offer = blocking(&wanted, move || page::offer(&asked.provider)).await?;
            told.send_replace(Told::Offer(offer));
            // Whoever comes back asks again, with what the provider said.
            std::future::pending().await
        }
        Way::Token { id_token, nonce } => {
            let judge = move || page::judge(&asked, (&id_token, &nonce), clock::now());
            blocking(&wanted, judge).await
        }
    }
}

async fn on_another_screen(
    wanted: Arc<OpenIdSubject>,
    told: watch::Sender<Told>,
) -> Result<(), OpenIdError> {
    let asked = Arc::clone(&wanted);
    let mut flow = blocking(&wanted, move || DeviceFlow::begin(&asked.provider)).await?;
    let (page, code) = (flow.page(), flow.code());
    let issuer = &wanted.provider.issuer;
    let words = format!("sign in at {issuer}: open {page} and compare the code {code}");
    told.send_replace(Told::Words(words));
    let mut pause = flow.interval();
    loop {
        sleep(pause).await;
        let asked = Arc::clone(&wanted);
        let (back, polled) = blocking(&wanted, move || {
            let polled = flow.poll(&asked, clock::now());
            Ok((flow, polled))
        })
        .await?;
        flow = back;
        match polled? {
            Polled::Pending(next) => pause = next,
            Polled::SignedIn => return Ok(()),
        }
    }
}

/// Asks the provider on a thread that may wait.
async fn blocking<T: Send + 'static>(
    wanted: &OpenIdSubject,
    ask: impl FnOnce() -> Result<T, OpenIdError> + Send + 'static,
) -> Result<T, OpenIdError> {
    let issuer = || wanted.provider.issuer.clone();
    let asked = spawn_blocking(ask).await;
    asked.map_err(|source| OpenIdError::Ended { issuer: issuer(), source })?
}
