//! What a publisher tells about itself.

use sekisho_proto::{BootId, Offset, OrgName, Sequence};

use super::{lost::Lost, outbox::Accepted, sealing::Sealed};

/// Whether a publisher can send. Exhaustive: there is nothing between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is a connection to the node.
    Connected,
    /// There is none; envelopes wait.
    Disconnected,
    /// It has ended.
    Closed,
}

/// Where a publisher stands. Counters start at 0 with the process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublisherState {
    /// Whether it can send.
    pub phase: Phase,
    /// Whose node carries the envelopes home; `None` where they go there straight.
    pub carrier: Option<OrgName>,
    /// The boot of the next envelope.
    pub boot: BootId,
    /// The sequence of the next envelope.
    pub next_sequence: Sequence,
    /// Envelopes that wait to be accepted, those of earlier runs included.
    pub queued: u64,
    /// Envelopes sent and not answered.
    pub in_flight: usize,
    /// Envelopes sealed and kept.
    pub envelopes_kept: u64,
    /// Samples in them.
    pub samples_kept: u64,
    /// Envelopes the node has stored, those of earlier runs included.
    pub envelopes_accepted: u64,
    /// Samples in them.
    pub samples_accepted: u64,
    /// The topic's offset of the last envelope accepted, where the node told it.
    pub last_offset: Option<Offset>,
    /// Envelopes the node will never take, because it refuses them or because they are damaged in the
    /// spool.
    pub envelopes_lost: u64,
    /// Samples in them; a damaged envelope counts as one.
    pub samples_lost: u64,
    /// The last that the node refused.
    pub last_lost: Option<Lost>,
    /// Samples that could not be made part of an envelope.
    pub samples_left_out: u64,
    /// What keeps it from going on at the moment, in words.
    pub fault: Option<String>,
}

impl PublisherState {
    pub(super) fn new(boot: BootId) -> Self {
        Self {
            phase: Phase::Disconnected,
            carrier: None,
            boot,
            next_sequence: Sequence::ZERO,
            queued: 0,
            in_flight: 0,
            envelopes_kept: 0,
            samples_kept: 0,
            envelopes_accepted: 0,
            samples_accepted: 0,
            last_offset: None,
            envelopes_lost: 0,
            samples_lost: 0,
            last_lost: None,
            samples_left_out: 0,
            fault: None,
        }
    }

    pub(super) fn count_kept(&mut self, sealed: &Sealed) {
        self.envelopes_kept = self.envelopes_kept.saturating_add(1);
        self.samples_kept = self.samples_kept.saturating_add(u64::from(sealed.samples));
    }

    pub(super) fn count_accepted(&mut self, accepted: &Accepted) {
        self.envelopes_accepted = self.envelopes_accepted.saturating_add(accepted.envelopes);
        self.samples_accepted = self.samples_accepted.saturating_add(accepted.samples);
        self.last_offset = accepted.last_offset.or(self.last_offset);
    }

    /// How many samples were in them nobody can tell.
    pub(super) fn count_damaged(&mut self, envelopes: u64) {
        self.envelopes_lost = self.envelopes_lost.saturating_add(envelopes);
        self.samples_lost = self.samples_lost.saturating_add(envelopes);
    }

    pub(super) fn count_lost(&mut self, lost: &Lost) {
        self.envelopes_lost = self.envelopes_lost.saturating_add(lost.envelopes);
        self.samples_lost = self.samples_lost.saturating_add(lost.samples);
        self.last_lost = Some(lost.clone());
    }
}
