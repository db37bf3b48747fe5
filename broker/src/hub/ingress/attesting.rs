//! Envelopes that a node signs in place of their publishers: who may, and this node's own.

use std::sync::Arc;

use sekisho_policy::Policy;
use sekisho_proto::{Envelope, Header, PrincipalId, RefusalCode, Timestamp};
use sekisho_routing::{Admitted, Carriage};
use sekisho_seal::{
    AttestError, SigningKey, Verified, VerifyError, VerifyingKey, attest, verify, verify_attested,
};

use super::{Carrier, Entry, Ingress, Refusal, check_time, permit, topic};

impl Ingress {
    /// Judges what a client without a key of its own wants to have published by the same rules as
    /// any other envelope, and attests it by this node's key.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub(crate) fn attest(
        &self,
        policy: &Policy,
        (header, body): (Header, &[u8]),
        key: &SigningKey,
        carriage: Carriage,
        now: Timestamp,
    ) -> Result<Entry, Refusal> {
        self.check_bytes(body.len())?;
        let carrier = Carrier::Principal(header.publisher);
        self.check_home(&header, &carrier)?;
        check_time(&header, &carrier, now)?;
        policy.permit_attesting(&key.id(), &header.publisher, &header.topic, now)?;
        let permit = permit(policy, &header, &carrier, now)?;
        let (publisher, sample_count) = (header.publisher, header.sample_count);
        let verified = attest(key, header, body)?;
        self.check_bytes(verified.envelope().encoded().len())?;
        let (rate_per_s, hash) = (permit.rate_per_s(), verified.hash());
        let admitted = Admitted::new(verified, permit, carriage)?;
        let (new_key_header, carried) = (None, None);
        Ok(Entry { admitted, hash, publisher, new_key_header, rate_per_s, sample_count, carried })
    }

    /// Whose signature an envelope needs: its publisher's, or, of what a link brings, that of the
    /// node that attests for it and may.
    pub(super) fn signer_of(
        &self,
        policy: &Policy,
        header: &Header,
        carrier: &Carrier,
        now: Timestamp,
    ) -> Result<Arc<VerifyingKey>, Refusal> {
        let Some(attester) = header.attester else {
            return self.key_of(policy, &header.publisher);
        };
        not_from_client(header, carrier, &attester)?;
        policy.permit_attesting(&attester, &header.publisher, &header.topic, now)?;
        self.key_of(policy, &attester)
    }
}

/// A node attests for those who come to it themselves: nobody brings it what is attested already.
fn not_from_client(
    header: &Header,
    carrier: &Carrier,
    attester: &PrincipalId,
) -> Result<(), Refusal> {
    if matches!(carrier, Carrier::Peer(_)) {
        return Ok(());
    }
    let why = format!("wanted one that its publisher signed, found one attested by {attester}");
    Err(Refusal::new(RefusalCode::WrongPublisher, topic(&header.topic), why))
}

/// The proof that an envelope's publisher signed it, or whoever its header says did.
pub(super) fn verify_signer(
    envelope: Envelope,
    key: &VerifyingKey,
) -> Result<Verified, VerifyError> {
    match envelope.header().attester {
        Some(_) => verify_attested(envelope, key),
        None => verify(envelope, key),
    }
}

impl From<AttestError> for Refusal {
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other fault is this node's own")]
    fn from(error: AttestError) -> Self {
        match error {
            AttestError::Message(error) => error.into(),
            other => Self::new(RefusalCode::Internal, "attestation", other.to_string()),
        }
    }
}
