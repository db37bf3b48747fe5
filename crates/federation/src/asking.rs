//! When to ask again for what a peer does not give: a right that is missing now may be stated any
//! moment, and a link whose peer grants nothing yet is no fault of either.

use sekisho_proto::Timestamp;

use crate::{Backoff, LinkLimits};

/// How one subscription stands with the peer.
#[derive(Debug)]
pub(crate) struct Asking {
    backoff: Backoff,
    asked: Timestamp,
    /// Since when the peer has given it.
    given: Option<Timestamp>,
    /// When to ask again; none = the peer has not refused.
    again: Option<Timestamp>,
    /// When the peer has last stated something: a refusal may be older than that.
    stated: Timestamp,
    /// Whether the refusal was told to those who look after the node.
    told: bool,
}

impl Asking {
    pub(crate) const fn new(limits: &LinkLimits, seed: u64) -> Self {
        Self {
            backoff: Backoff::new(limits.backoff_min, limits.backoff_max, seed),
            asked: Timestamp::MIN,
            given: None,
            again: None,
            stated: Timestamp::MIN,
            told: false,
        }
    }

    pub(crate) const fn ask(&mut self, now: Timestamp) {
        self.asked = now;
        self.given = None;
        self.again = None;
    }

    /// The peer gives it.
    pub(crate) const fn given(&mut self, now: Timestamp) {
        self.given = Some(now);
    }

    /// The peer does not give it; whether that is news.
    pub(crate) fn refused(&mut self, limits: &LinkLimits, now: Timestamp) -> bool {
        self.put_off(limits, now);
        !std::mem::replace(&mut self.told, true)
    }

    /// The peer does not give it now. One that was given and taken away at once is as good as refused.
    pub(crate) fn put_off(&mut self, limits: &LinkLimits, now: Timestamp) {
        let held = self.given.map(|given| now.saturating_since(given));
        if held.is_some_and(|held| held >= limits.stable_after) {
            self.backoff.reset();
            self.told = false;
        }
        self.given = None;
        self.again = Some(now.saturating_add(self.backoff.next_pause()));
        if self.stated >= self.asked {
            self.hasten(limits, self.stated);
        }
    }

    /// The peer has stated something: it may grant it now. A log that is read for the first time
    /// holds many statements, so the shortest pause still counts from the last time.
    pub(crate) fn hasten(&mut self, limits: &LinkLimits, now: Timestamp) {
        let soonest = self.asked.saturating_add(limits.backoff_min);
        self.again = self.again.map(|again| again.min(soonest));
        self.stated = now;
    }

    /// When to ask again.
    pub(crate) const fn again(&self) -> Option<Timestamp> {
        self.again
    }

    /// Whether the peer gives it, as far as is known.
    pub(crate) const fn is_open(&self) -> bool {
        self.again.is_none()
    }
}
