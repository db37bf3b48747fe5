//! Envelopes whose home is elsewhere and that this node carries there for their publishers: judged
//! as far as is known here, and kept nowhere.

use bytes::Bytes;
use sekisho_policy::Policy;
use sekisho_proto::{Header, KeyHeader, OrgName, PrincipalId, RefusalCode, Timestamp};
use sekisho_seal::{VerifyingKey, verify_key_header};

use super::{
    Carrier, Ingress, Opened, Refusal, check_carrier, check_epoch, check_time, key_header_of,
    topic, verify_signer,
};

/// An envelope that may travel home from here. Only [`Ingress::pass`] makes one.
#[derive(Debug)]
pub(crate) struct Passage {
    home: OrgName,
    publisher: PrincipalId,
    envelope: Bytes,
    key_header: Option<Bytes>,
    rate_per_s: Option<u32>,
}

impl Passage {
    /// Whose node it goes to.
    pub(crate) const fn home(&self) -> &OrgName {
        &self.home
    }

    /// Who signed it.
    pub(crate) const fn publisher(&self) -> &PrincipalId {
        &self.publisher
    }

    /// Envelopes per second that the publisher's grant allows.
    pub(crate) const fn rate_per_s(&self) -> Option<u32> {
        self.rate_per_s
    }

    /// What it holds, bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.envelope.len() + self.key_header.as_ref().map_or(0, Bytes::len)
    }

    /// The envelope and the key header that came with it, as they are sent on.
    pub(crate) fn into_parts(self) -> (Bytes, Option<Bytes>) {
        (self.envelope, self.key_header)
    }
}

impl Ingress {
    /// Whether an envelope goes on from here to another home, by a contract in force.
    pub(crate) fn travels(&self, policy: &Policy, opened: &Opened, now: Timestamp) -> bool {
        let topic = &opened.envelope.header().topic;
        matches!(opened.carrier, Carrier::Principal(_))
            && *topic.organisation() != self.organisation
            && policy.carried_home(topic, now).is_some()
    }

    /// Judges and verifies an envelope that [`travels`](Self::travels), by the owner's statements as
    /// they are known here. Its home does so again, and alone knows its sequence.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub(crate) fn pass(
        &self,
        policy: &Policy,
        opened: Opened,
        now: Timestamp,
    ) -> Result<Passage, Refusal> {
        let Opened { envelope, key_header, carrier, carriage: _ } = opened;
        let header = envelope.header();
        check_carrier(policy, header, &carrier, now)?;
        check_time(header, &carrier, now)?;
        let key = self.signer_of(policy, header, &carrier, now)?;
        let rate_per_s = policy.permit_carrying(header.publisher, &header.topic, now)?;
        check_epoch(policy, header, &carrier, now)?;
        if let Some(attached) = &key_header {
            check_attached(header, attached.clone(), &key)?;
        }
        let (home, publisher) = (header.topic.organisation().clone(), header.publisher);
        let envelope = verify_signer(envelope, &key)?.into_envelope().encoded().clone();
        Ok(Passage { home, publisher, envelope, key_header, rate_per_s })
    }
}

/// What is attached has to be what it claims; where nothing is, the home may have it.
fn check_attached(header: &Header, attached: Bytes, key: &VerifyingKey) -> Result<(), Refusal> {
    let Some(id) = header.key_header else {
        let why = "wanted none with an open body, found one";
        return Err(Refusal::new(RefusalCode::Malformed, topic(&header.topic), why));
    };
    let found: KeyHeader = key_header_of(header, id, attached)?;
    verify_key_header(found, key)?;
    Ok(())
}
