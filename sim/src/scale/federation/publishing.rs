//! Publishers: gateways of a tree, connected to their own node.

use std::collections::BTreeMap;

use sekisho_policy::Recipient;
use sekisho_proto::{BootId, ContentType, Envelope, Hash, Scope, Sequence};
use sekisho_routing::{Admitted, Carriage, SessionId};
use sekisho_seal::{HeaderDraft, VerifyingKey, sign_open, verify};

use super::Federation;
use crate::{
    failure::{Broken, broken},
    scale::organisation::TREES,
};

/// Bytes of every body: some twenty readings of one quantity.
const BODY_BYTES: usize = 200;

impl Federation {
    /// The gateways of a node connect.
    pub(in crate::scale) fn connect_publishers(&mut self) -> Result<(), Broken> {
        let now = self.agenda.now;
        for node in 0..self.nodes.len() {
            for tree in 0..TREES.len() {
                let gateway = self.organisation(node)?.publishers.get(tree);
                let Some(id) = gateway.map(|gateway| gateway.key.id()) else { continue };
                let session = publisher_session(tree);
                let router = &mut self.node_mut(node)?.router;
                router.handle_connect(session, id, Recipient::Principal(id), now);
            }
            self.drain(node)?;
        }
        Ok(())
    }

    /// One envelope on each of some topics of a node; returns their hashes.
    pub(in crate::scale) fn publish(
        &mut self,
        node: usize,
        topics: impl Iterator<Item = usize>,
    ) -> Result<Vec<Hash>, Broken> {
        let now = self.agenda.now;
        let mut hashes = Vec::new();
        for number in topics {
            let own = self.organisation(node)?;
            let tree = number % TREES.len();
            let Some(gateway) = own.publishers.get(tree) else { continue };
            let topic = own.topic(number)?;
            let before = self.streams.get(node).and_then(|streams| streams.get(number));
            let before = before.copied().flatten();
            let sequence = before.map_or(0, |(sequence, _hash)| sequence.saturating_add(1));
            let draft = HeaderDraft {
                sequence: Sequence::new(sequence),
                time: now,
                previous: before.map(|(_sequence, hash)| hash),
                content_type: ContentType::samples(),
                sample_count: 20,
                flags: 0,
                expiry_s: 0,
                scope: Scope::Federation,
            };
            let boot = BootId::new([7; 16]);
            let envelope = sign_open(&gateway.key, topic, boot, draft, &[7; BODY_BYTES])
                .map_err(|error| broken("signing")(&error))?;
            let hash = envelope.hash();
            let publisher = gateway.key.id();
            let verified = verify(envelope, &gateway.verifying)
                .map_err(|error| broken("an envelope")(&error))?;
            self.verified.insert(hash, verified.clone());
            let topic = &verified.header().topic;
            let state = self.node(node)?;
            let permit = state
                .policy
                .permit_publish(publisher, topic, now)
                .map_err(|denial| broken("publishing")(&denial))?;
            let carriage = Carriage::Session { session: publisher_session(tree), request: 0 };
            let admitted = Admitted::new(verified, permit, carriage)
                .map_err(|error| broken("publishing")(&error))?;
            if let Some(stream) = self.streams.get_mut(node).and_then(|of| of.get_mut(number)) {
                *stream = Some((sequence, hash));
            }
            self.node_mut(node)?.router.handle_publish(admitted, now);
            hashes.push(hash);
        }
        self.drain(node)?;
        Ok(hashes)
    }

    /// What was published has come to everybody; the proofs of it are not needed any longer.
    pub(in crate::scale) fn forget_proofs(&mut self) {
        self.verified.clear();
    }

    /// The publisher's key as its organisation states it.
    pub(super) fn key_of(&self, envelope: &Envelope) -> Result<&VerifyingKey, Broken> {
        let header = envelope.header();
        let owner = self.numbers.get(header.topic.organisation());
        let own = owner.and_then(|owner| self.organisations.get(*owner));
        let gateways: BTreeMap<_, _> = own
            .into_iter()
            .flat_map(|own| &own.publishers)
            .map(|gateway| (gateway.key.id(), &gateway.verifying))
            .collect();
        let key = gateways.get(&header.publisher).copied();
        key.ok_or_else(|| Broken(format!("{} is nobody's key", header.publisher)))
    }
}

/// Far above those that nodes give out.
const fn publisher_session(tree: usize) -> SessionId {
    SessionId::new((1 << 40) + tree as u64)
}
