//! What is carried: envelopes of other homes that go on from here, and those that peers' nodes bring
//! home.

use sekisho_proto::{Hash, Signature, Timestamp, voucher_signing_input};

use super::{Carried, Entry, Hub, Parcel, Passage, Refusal, metrics};
use crate::homeward::WaysHome;

/// What became of a session's parcel at the door.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all stay: a box each would cost more")]
pub(crate) enum Received {
    /// Its home is here.
    Home(Entry),
    /// Its home is a peer, to whose node this one carries it.
    Abroad(Passage),
}

impl Hub {
    /// Takes a parcel of a session through the door, or finds that it goes on to another home.
    ///
    /// # Errors
    /// As [`Hub::admit`].
    pub(crate) async fn receive(
        &self,
        parcel: Parcel,
        now: Timestamp,
    ) -> Result<Received, Refusal> {
        let via = self.arrived(&parcel.carrier, now)?;
        let bytes = parcel.envelope.len();
        let carrier = parcel.carrier.principal();
        let opened = self.ingress.open(parcel)?;
        let policy = self.authority.snapshot();
        if !self.ingress.travels(&policy, &opened, now) {
            let entry = self.ingress.admit_opened(&policy, opened, now)?;
            self.count_run(carrier, &entry, now)?;
            return Ok(Received::Home(self.keep_up(entry, (via, bytes), now).await?));
        }
        let passage = self.ingress.pass(&policy, opened, now)?;
        if let Some(granted_per_s) = passage.rate_per_s() {
            self.rates.publish(passage.publisher(), granted_per_s, now)?;
        }
        Ok(Received::Abroad(passage))
    }

    /// What a peer's node carries home counts for it, and for the publisher as far as that node
    /// carries its envelopes.
    pub(super) fn count_carried(
        &self,
        entry: &Entry,
        carried: &Carried,
        bytes: usize,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let key_header = entry.new_key_header.as_ref().map_or(0, |found| found.encoded().len());
        let bytes = bytes.saturating_add(key_header);
        self.rates.carry_bytes(&carried.by, bytes, carried.agreed.bytes_per_s, now)?;
        if let Some(agreed_per_s) = carried.agreed.envelopes_per_s {
            self.rates.publish(&carried.by, agreed_per_s, now)?;
        }
        self.rates.carry(&carried.by, &entry.publisher, entry.rate_per_s, now)
    }

    /// This node's word that it has an envelope, to be said when it is durable and not before.
    pub(crate) fn vouch(&self, envelope: &Hash) -> Signature {
        self.logs.key().sign(&voucher_signing_input(envelope))
    }

    /// The ways from here to the homes of others.
    pub(crate) const fn ways_home(&self) -> &WaysHome {
        &self.ways_home
    }

    /// Counts what became of an envelope that was carried.
    pub(crate) fn count_passage(home: &str, outcome: &'static str) {
        metrics::carried(home, outcome);
    }
}
