//! What a node may hold in memory, whatever clients, peers, network and disk do.

use sekisho_routing::{Limits, SubscriptionId};

use super::{
    Context,
    running::{OUTBOX_FRAMES, Running},
};
use crate::{
    failure::{Broken, ensure},
    network::Stream,
};

/// Records in one page of a replay: few, so that readers need many.
const PAGE_RECORDS: u32 = 4;

/// Publishes of sessions that wait for the disk: few, so that publishers are refused.
const PENDING_MAX: usize = 24;

/// Records of one link that may be under way or not durable yet.
pub(super) const LINK_WINDOW: u32 = 12;

/// Frames of a subscription that need no room in its outbox: that it began, that it has caught up,
/// and why it ended.
const FRAMES_BESIDES: usize = 4;

/// Pages that are asked for at once by one subscription: one that it waits for, and those that it
/// has stopped waiting for since the disk was last asked.
const PAGES_MAX: usize = 8;

pub(super) fn limits() -> Limits {
    Limits {
        replay_records_max: PAGE_RECORDS,
        pending_appends_max: PENDING_MAX,
        ..Limits::default()
    }
}

impl Running {
    /// Every queue is within its bound.
    pub(super) fn check_bounds(&self, context: &Context<'_>) -> Result<(), Broken> {
        let window = usize::try_from(LINK_WINDOW).unwrap_or(usize::MAX);
        let routed = self.sessions.values().filter(|session| session.parting.is_none()).count();
        let subscriptions = self.router.subscription_count();
        let links = self.peers.len();
        let pending_max = PENDING_MAX.saturating_add(links.saturating_mul(window));
        let bounds = [
            ("sessions", self.router.session_count(), routed),
            ("commands", self.router.queued_count(), self.commands_max(subscriptions)),
            ("appends", self.router.pending_count(), pending_max),
            (
                "records between disk and router",
                self.appends.len().saturating_add(self.unreported.len()),
                self.router.pending_count(),
            ),
            (
                "pages",
                self.replays.len(),
                subscriptions.saturating_add(1).saturating_mul(PAGES_MAX),
            ),
        ];
        for (what, found, most) in bounds {
            ensure(found <= most, || {
                format!("node {}: {found} {what}, where at most {most} may be", self.index)
            })?;
        }
        for (organisation, peer) in &self.peers {
            let undone = peer.link.undone();
            ensure(undone <= window, || {
                format!("node {} has {undone} records of {organisation} undone", self.index)
            })?;
        }
        self.check_outboxes(context)
    }

    fn check_outboxes(&self, context: &Context<'_>) -> Result<(), Broken> {
        for state in self.sessions.values() {
            for subscription in state.begun.keys() {
                let stream = Stream::of(SubscriptionId::value(*subscription));
                let waiting = context.network.waiting_down(state.connection, stream);
                ensure(
                    waiting.saturating_add(state.waiting(*subscription))
                        <= OUTBOX_FRAMES.saturating_add(FRAMES_BESIDES),
                    || format!("node {} has {waiting} frames for one {subscription}", self.index),
                )?;
            }
        }
        Ok(())
    }
}
