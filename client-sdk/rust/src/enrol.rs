//! How a newcomer becomes a principal: it dials the node that its token names, proves that it holds
//! the token's secret without showing it, and waits until somebody approves.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use sekisho_proto::{
    Frame, PrincipalName, Statement,
    frame::{Enrol, EnrolmentState},
    limits::PROTOCOL_VERSION,
};
use sekisho_seal::{EnrolmentClaim, Identity, enrolment_proof};
use thiserror::Error;

use crate::{
    clock,
    connection::{ConnectError, Connection, Dial, Endpoint, Stream, Via},
    framing::StreamError,
    options::Trust,
    refusal::Refusal,
    tls::HANDSHAKE_TIMEOUT,
    token::JoinToken,
    trust::Replica,
};

/// Why an enrolment did not succeed.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The token has run out.
    #[error("join token for {name}: wanted one in force, found it ended at {expires}")]
    Expired {
        /// Whom it is for.
        name: PrincipalName,
        /// When it ended.
        expires: sekisho_proto::Timestamp,
    },
    /// The node could not be reached.
    #[error("enrolment: wanted a connection to the token's node")]
    Connect(#[from] ConnectError),
    /// The connection broke, or the node does not keep to the protocol. The token may be used
    /// again with the same key.
    #[error("enrolment: wanted the node's answer")]
    Stream(#[from] StreamError),
    /// The node refused at once.
    #[error("enrolment: refused by the node")]
    Refused(#[from] Refusal),
    /// An administrator refused.
    #[error("enrolment of {name}: refused: {why}")]
    Declined {
        /// Who was to be enrolled.
        name: PrincipalName,
        /// In the administrator's words.
        why: String,
    },
    /// The node says yes and cannot prove it.
    #[error("enrolment of {name}: wanted statements that lead from the token's root to this key")]
    Unproven {
        /// Who was to be enrolled.
        name: PrincipalName,
    },
    /// This key was let in with somebody else's key for secrets beside it: what is meant for this
    /// principal would be sealed to them.
    #[error(
        "enrolment of {name}: wanted its own key for secrets stated beside its key, found another: \
         somebody else used the token; have this key revoked"
    )]
    ForeignSecrets {
        /// Who was to be enrolled.
        name: PrincipalName,
    },
    /// This key was let in without a key for secrets beside it: nothing could be sealed to this
    /// principal.
    #[error(
        "enrolment of {name}: wanted its own key for secrets stated beside its key, found none \
         stated; have this key revoked, and enrol again"
    )]
    NoSecrets {
        /// Who was to be enrolled.
        name: PrincipalName,
    },
}

/// What a new principal knows.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// Who it is now.
    pub name: PrincipalName,
    /// Where its node is.
    pub endpoint: Endpoint,
    /// What it trusts.
    pub trust: Trust,
    /// The statements that made it a principal, verified.
    pub statements: Vec<Statement>,
}

/// Enrols `identity` as the token says. `waiting` is called with the node's words when it begins to
/// wait for approval, which may take minutes; dropping the future gives up.
///
/// # Errors
/// [`EnrolError`].
pub async fn join(
    token: &JoinToken,
    identity: &Arc<Identity>,
    mut waiting: impl FnMut(&str),
) -> Result<Enrolled, EnrolError> {
    let now = clock::now();
    if token.expires <= now {
        return Err(EnrolError::Expired { name: token.name.clone(), expires: token.expires });
    }
    let endpoint = Endpoint {
        address: token.address.clone(),
        node_key: token.node_key,
        organisation: token.name.organisation().clone(),
    };
    let dial = Dial::new(endpoint, identity.signing(), &Via::Quic)?;
    let (connection, mut control) = dial.dial().await?;
    control.writer.send(&Frame::Enrol(claim(token, identity))).await?;
    let enrolled = decided(token, identity, &mut control, &mut waiting).await;
    farewell(&connection).await;
    enrolled
}

fn claim(token: &JoinToken, identity: &Identity) -> Enrol {
    let kem = identity.kem().public_key();
    let kem_public_key = kem.to_bytes();
    let claim = EnrolmentClaim {
        token: token.id,
        name: &token.name,
        public_key: identity.public_key(),
        kem_suite: kem.suite(),
        kem_public_key: &kem_public_key,
    };
    let proof = enrolment_proof(token.secret.expose(), &claim);
    Enrol {
        version: PROTOCOL_VERSION,
        token_id: token.id,
        public_key: identity.public_key(),
        kem_suite: kem.suite(),
        kem_public_key: Bytes::from(kem_public_key),
        proof,
        // A command waits at a terminal: the steward begins a device flow for it.
        sign_in: Bytes::new(),
    }
}

async fn decided(
    token: &JoinToken,
    identity: &Identity,
    control: &mut Stream,
    waiting: &mut impl FnMut(&str),
) -> Result<Enrolled, EnrolError> {
    let wanted = "Enrolling";
    loop {
        match control.reader.next().await? {
            Some(Frame::Enrolling(enrolling)) => match enrolling.state {
                EnrolmentState::Waiting => waiting(&enrolling.why),
                EnrolmentState::Refused => {
                    let (name, why) = (token.name.clone(), enrolling.why);
                    return Err(EnrolError::Declined { name, why });
                }
                EnrolmentState::Admitted => {
                    return check_admission(token, identity, &enrolling.statements);
                }
            },
            Some(Frame::Refused(refused)) => return Err(EnrolError::from(Refusal::from(refused))),
            Some(Frame::Ping(ping)) => {
                let pong = sekisho_proto::frame::Pong { token: ping.token };
                control.writer.send(&Frame::Pong(pong)).await?;
            }
            Some(Frame::Goodbye(goodbye)) => {
                return Err(EnrolError::Declined { name: token.name.clone(), why: goodbye.why });
            }
            Some(other) => {
                return Err(StreamError::Unexpected { wanted, found: other.name() }.into());
            }
            None => return Err(StreamError::Ended { wanted }.into()),
        }
    }
}

/// Believes an admission only with statements that lead from the token's root to this name and both
/// of its keys. [`join`] does; it is for whoever was admitted and did not hear of it.
///
/// # Errors
/// [`EnrolError::Unproven`], [`EnrolError::ForeignSecrets`], [`EnrolError::NoSecrets`].
pub fn check_admission(
    token: &JoinToken,
    identity: &Identity,
    encoded: &[Bytes],
) -> Result<Enrolled, EnrolError> {
    let organisation = token.name.organisation().clone();
    let trust = Trust { organisation: organisation.clone(), root: token.root };
    let replica = Replica::new(organisation.clone(), token.root);
    replica.learn(encoded);
    let proven = replica.publisher(&identity.id()).is_some_and(|found| found.name == token.name);
    if !proven {
        return Err(EnrolError::Unproven { name: token.name.clone() });
    }
    let secrets = identity.kem().public_key();
    let Some(stated) = replica.secrets_key(&identity.id()) else {
        return Err(EnrolError::NoSecrets { name: token.name.clone() });
    };
    if stated != (secrets.suite(), Bytes::from(secrets.to_bytes())) {
        return Err(EnrolError::ForeignSecrets { name: token.name.clone() });
    }
    let endpoint =
        Endpoint { address: token.address.clone(), node_key: token.node_key, organisation };
    let decoded = encoded.iter().filter_map(|one| Statement::decode(one).ok());
    let statements = decoded.filter(|statement| replica.believes(statement)).collect();
    Ok(Enrolled { name: token.name.clone(), endpoint, trust, statements })
}

async fn farewell(connection: &Connection) {
    connection.close("");
    let left =
        tokio::time::timeout(Duration::min(HANDSHAKE_TIMEOUT, LINGER), connection.wait_idle());
    if left.await.is_err() {
        tracing::trace!("endpoint still busy after the connection's end");
    }
}

/// How long the last packets may take to leave.
const LINGER: Duration = Duration::from_millis(200);
