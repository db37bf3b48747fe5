//! What `Ingress` hands to the router: proof that an envelope was verified and may be published.

use sekisho_policy::PublishPermit;
use sekisho_proto::{Offset, OrgName, Position, PrincipalId, Timestamp, Topic};
use sekisho_seal::Verified;

use crate::SessionId;

/// Who brought an envelope, and so who wants to hear what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// Its publisher, or somebody who holds it for its publisher.
    Session {
        /// The session that sent it.
        session: SessionId,
        /// The number of the client's request.
        request: u64,
    },
    /// Its publisher, who does not wait for an answer.
    Unanswered {
        /// The session that sent it.
        session: SessionId,
    },
    /// A peer's node, which had it in its own log.
    Link {
        /// The peer.
        organisation: OrgName,
        /// Of which of the link's connections it came. What comes on one on which something could
        /// not be stored is not stored either: it comes again, in its order.
        connection: u64,
        /// Where it is in the peer's log.
        position: Position,
        /// Where it is in its topic's log at its home.
        offset: Offset,
        /// When its home received it.
        received: Timestamp,
        /// Nodes it passed, home first.
        hops: Vec<PrincipalId>,
    },
}

/// An envelope that was verified and is permitted. Nothing else can be published.
#[derive(Debug)]
pub struct Admitted {
    verified: Verified,
    permit: PublishPermit,
    carriage: Carriage,
}

/// A permit does not belong to the envelope it came with: a fault of the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The permit is for another topic.
    #[error("permit: wanted one for topic {wanted}, found one for {found}")]
    Topic {
        /// The envelope's topic.
        wanted: Topic,
        /// The permit's.
        found: Topic,
    },
    /// The permit is for another publisher.
    #[error("permit: wanted one for publisher {wanted}, found one for {found}")]
    Publisher {
        /// The envelope's publisher.
        wanted: PrincipalId,
        /// The permit's.
        found: PrincipalId,
    },
}

impl Admitted {
    /// Joins the proof of a signature with the proof of a right.
    ///
    /// # Errors
    /// Where the two are not about the same publisher and topic.
    pub fn new(
        verified: Verified,
        permit: PublishPermit,
        carriage: Carriage,
    ) -> Result<Self, AdmitError> {
        let header = verified.envelope().header();
        if *permit.topic() != header.topic {
            let (wanted, found) = (header.topic.clone(), permit.topic().clone());
            return Err(AdmitError::Topic { wanted, found });
        }
        if permit.publisher() != header.publisher {
            let (wanted, found) = (header.publisher, permit.publisher());
            return Err(AdmitError::Publisher { wanted, found });
        }
        Ok(Self { verified, permit, carriage })
    }

    /// Where it was published.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        self.permit.topic()
    }

    pub(crate) fn into_parts(self) -> (Verified, PublishPermit, Carriage) {
        (self.verified, self.permit, self.carriage)
    }
}
