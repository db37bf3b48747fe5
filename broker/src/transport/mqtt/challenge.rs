//! The authentication method `SEKISHO-ED25519` (MQTT 5.0, 4.12): a challenge that the client signs,
//! before it comes in and, where it likes, again while it is here.

use bytes::Bytes;
use sekisho::OsEntropy;
use sekisho_mqtt::Reason;
use sekisho_mqtt::packet::{Auth, Method};
use sekisho_proto::{Hash, LoginNonce, PublicKey, RefusalCode, Signature};
use sekisho_seal::{LoginTranscript, SigningKey, draw};
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{End, Live};
use super::greeting::Unwelcome;
use super::reasons;
use crate::clock;
use crate::hub::{Refusal, metrics};

/// What the method is called.
const METHOD: &str = "SEKISHO-ED25519";
/// Bytes of a public key, a nonce and half a signature.
const PART: usize = 32;

/// What the node has said, and waits for the client's signature of it.
#[derive(Debug)]
pub(super) struct Challenge {
    transcript: LoginTranscript,
}

/// A client that came in by a challenge, and may prove its key once more (4.12.1).
#[derive(Debug)]
pub(super) struct Challenged {
    key: PublicKey,
    /// The certificate that it was shown.
    shown: Option<Hash>,
    /// It is proving it at the moment.
    again: Option<Challenge>,
}

impl Challenged {
    pub(super) const fn new(key: PublicKey, shown: Option<Hash>) -> Self {
        Self { key, shown, again: None }
    }
}

fn bad(why: &str) -> Unwelcome {
    Unwelcome::new(Reason::NOT_AUTHORIZED, why, "challenge")
}

/// What the client says first, for it to be signed.
struct Named {
    client: PublicKey,
    nonce: LoginNonce,
    certificate: Option<Hash>,
}

/// The data that the client sends first, and whether what it says of the certificate is so.
fn named(data: &[u8], shown: Option<Hash>) -> Result<Named, Unwelcome> {
    let parts = data.split_at_checked(PART).and_then(|(key, rest)| {
        let (nonce, certificate) = rest.split_at_checked(PART)?;
        Some((PublicKey::try_from(key).ok()?, LoginNonce::try_from(nonce).ok()?, certificate))
    });
    let wanted = "wanted a public key and a nonce of 32 bytes each, and the SHA-256 of the \
                  certificate or nothing";
    let (client, nonce, certificate) = parts.ok_or_else(|| bad(wanted))?;
    if certificate.is_empty() {
        return Ok(Named { client, nonce, certificate: None });
    }
    let certificate = Hash::try_from(certificate).map_err(|_length| bad(wanted))?;
    if Some(certificate) != shown {
        return Err(bad(
            "wanted the certificate that this node shows, found another: somebody between",
        ));
    }
    Ok(Named { client, nonce, certificate: Some(certificate) })
}

impl Challenge {
    /// What is to be signed, and the AUTH that says so. The data of the client is its public key and a
    /// nonce, and the hash of the certificate where the client can see that: else somebody in between
    /// could have it sign for another connection. That of the node's AUTH is the node's public key and
    /// nonce.
    ///
    /// # Errors
    /// It is another method, or its data is not that.
    pub(super) fn begin(
        node: &SigningKey,
        method: &Method,
        shown: Option<Hash>,
    ) -> Result<(Self, Auth), Unwelcome> {
        if method.name != METHOD {
            let why = format!("wanted the method {METHOD}, found {:?}", method.name);
            return Err(Unwelcome::new(Reason::BAD_METHOD, why, "method"));
        }
        let Named { client, nonce: client_nonce, certificate } = named(&method.data, shown)?;
        let drawn = draw(&mut OsEntropy::new())
            .map_err(|fault| Refusal::new(RefusalCode::Internal, "nonce", fault.to_string()))?;
        let node_nonce = LoginNonce::new(*drawn);
        let node = node.public_key();
        let transcript = LoginTranscript { node_nonce, client_nonce, node, client, certificate };
        let data = Bytes::from([node.as_ref(), node_nonce.as_ref()].concat());
        let method = Some(Method { name: METHOD.to_owned(), data });
        Ok((Self { transcript }, Auth { reason: Reason::CONTINUE, method }))
    }

    /// The key that the client's AUTH proves with its signature, and the node's own signature for
    /// what is said last.
    ///
    /// # Errors
    /// It proves nothing.
    pub(super) fn finish(
        self,
        node: &SigningKey,
        answer: &Auth,
    ) -> Result<(PublicKey, Method), Unwelcome> {
        let same = answer.method.as_ref().filter(|answer| answer.name == METHOD);
        let signature = same.and_then(|answer| Signature::try_from(&*answer.data).ok());
        let signature =
            signature.ok_or_else(|| bad("wanted AUTH of the same method with a signature"))?;
        if !self.transcript.is_proven_by_client(&signature) {
            return Err(bad("wanted a signature of the challenge by the key that was named"));
        }
        let proof = self.transcript.sign_as_node(node);
        let data = Bytes::copy_from_slice(proof.as_ref());
        Ok((self.transcript.client, Method { name: METHOD.to_owned(), data }))
    }
}

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// AUTH of a client that is here: it proves its key once more. Everything else goes on meanwhile;
    /// where it does not prove it, the connection ends.
    pub(super) fn reauthenticate(&mut self, auth: &Auth) -> Result<(), End> {
        let out_of_place = |why: &str| End::Told(Reason::PROTOCOL_ERROR, why.to_owned());
        let Some(challenged) = &mut self.challenged else {
            let why = "wanted AUTH only where CONNECT named a method (4.12)";
            return Err(out_of_place(why));
        };
        match (auth.reason, challenged.again.take()) {
            (Reason::REAUTHENTICATE, None) => {
                let who = self.session.who().id;
                if let Err(refusal) = self.door.hub.arrive(&who, clock::now()) {
                    return Err(End::Told(reasons::of_end(refusal.code), refusal.why));
                }
                let Some(method) = &auth.method else {
                    return Err(out_of_place("wanted AUTH with its method (3.15.2.2.2)"));
                };
                let begun = Challenge::begin(&self.door.key, method, challenged.shown);
                let (challenge, reply) = begun.map_err(not_proven)?;
                if challenge.transcript.client != challenged.key {
                    return Err(not_proven(bad("wanted the key of this connection's principal")));
                }
                challenged.again = Some(challenge);
                self.machine.auth(&reply)?;
                Ok(())
            }
            (Reason::CONTINUE, Some(challenge)) => {
                let finished = challenge.finish(&self.door.key, auth);
                let (_same, method) = finished.map_err(not_proven)?;
                self.machine.auth(&Auth { reason: Reason::SUCCESS, method: Some(method) })?;
                Ok(())
            }
            _ => Err(out_of_place("wanted AUTH to begin (0x19) or to go on (0x18), one by one")),
        }
    }
}

/// How a connection ends on which the client did not prove its key again.
fn not_proven(unwelcome: Unwelcome) -> End {
    metrics::handshake_failed(unwelcome.cause);
    End::Told(unwelcome.reason, unwelcome.why)
}
