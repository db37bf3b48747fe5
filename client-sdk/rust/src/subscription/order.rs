//! Whether a publisher's envelopes come as their publisher numbered and chained them. A node may
//! leave out, repeat and reorder what it passes on; it cannot renumber what it did not sign.
//!
//! What is missing at a stream's beginning or end leaves no trace in the numbers: from where a
//! subscription begins is the subscriber's to choose, and for the end there is
//! [`SubscriptionBuilder::expect_within`](super::SubscriptionBuilder::expect_within).

use std::collections::{BTreeMap, VecDeque};

use sekisho_proto::{BootId, GapReason, Hash, Position, PrincipalId, Sequence, Topic};

use crate::message::{Gap, Message, RejectReason};

/// Streams remembered before those are forgotten that nothing came of for longest; about 200 bytes
/// each.
const STREAMS_MAX: usize = 8192;

/// How many of them are forgotten at once.
const FORGOTTEN_AT_ONCE: usize = STREAMS_MAX / 8;

/// Gaps that the node told, and that may explain what is missing in a stream.
const TOLD_MAX: usize = 64;

/// One run of one publisher on one topic.
type Stream = (PrincipalId, BootId, Topic);

/// The last envelope that came of a stream.
#[derive(Debug, Clone, Copy)]
struct Last {
    sequence: Sequence,
    hash: Hash,
    position: Position,
    /// How many messages had come when it did.
    came: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Order {
    streams: BTreeMap<Stream, Last>,
    /// Messages that came.
    messages: u64,
    told: VecDeque<Gap>,
}

impl Order {
    /// The node has said what it does not deliver, and why.
    pub(super) fn note_told(&mut self, gap: Gap) {
        if self.told.len() >= TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(gap);
    }

    /// Takes the next message. What is missing before it and was not told is a gap of its own.
    pub(super) fn judge(&mut self, message: &Message) -> Result<Option<Gap>, RejectReason> {
        let header = message.envelope.header();
        let stream = (header.publisher, header.boot, header.topic.clone());
        let found = header.sequence;
        let last = self.streams.get(&stream).copied();
        self.messages = self.messages.saturating_add(1);
        let (hash, position, came) = (message.hash, message.position, self.messages);
        let here = Last { sequence: found, hash, position, came };
        let Some(last) = last else {
            if self.streams.len() >= STREAMS_MAX {
                self.forget_idle();
            }
            self.streams.insert(stream, here);
            return Ok(None);
        };
        let topic = || header.topic.clone();
        if found <= last.sequence {
            return Err(if found == last.sequence && here.hash != last.hash {
                let (wanted, found) = (last.hash, Some(here.hash));
                RejectReason::TwoStories { topic: topic(), sequence: here.sequence, wanted, found }
            } else {
                RejectReason::Repeated { topic: topic(), last: last.sequence, found }
            });
        }
        if found == last.sequence.next() && header.previous != Some(last.hash) {
            let (wanted, found) = (last.hash, header.previous);
            let sequence = last.sequence;
            return Err(RejectReason::TwoStories { topic: topic(), sequence, wanted, found });
        }
        self.streams.insert(stream, here);
        let is_next = found == last.sequence.next();
        if is_next || self.is_told(&header.topic, last.position, here.position) {
            return Ok(None);
        }
        tracing::warn!(
            topic = %header.topic,
            publisher = %message.publisher,
            from = %last.sequence.next(),
            to = %found,
            "envelopes withheld: the node passed them over and did not say so"
        );
        let (from, to) = (last.position.next(), here.position.max(last.position.next()));
        Ok(Some(Gap { from, to, reason: GapReason::Withheld, topic: Some(topic()) }))
    }

    /// Forgets the streams that nothing came of for longest. What was withheld of them before their
    /// next message is not found out.
    fn forget_idle(&mut self) {
        let mut came: Vec<u64> = self.streams.values().map(|last| last.came).collect();
        let (_idle, oldest_kept, _kept) = came.select_nth_unstable(FORGOTTEN_AT_ONCE);
        let oldest_kept = *oldest_kept;
        self.streams.retain(|_stream, last| last.came >= oldest_kept);
        tracing::warn!(
            streams = FORGOTTEN_AT_ONCE,
            wanted_max = STREAMS_MAX,
            "order of the streams forgotten that nothing came of for longest"
        );
    }

    /// Whether the node told of something missing between two positions of the topic.
    fn is_told(&self, topic: &Topic, from: Position, to: Position) -> bool {
        self.told.iter().any(|gap| {
            let concerns = gap.topic.as_ref().is_none_or(|concerned| concerned == topic);
            concerns && gap.from <= to && gap.to > from
        })
    }
}

#[cfg(test)]
mod tests;
