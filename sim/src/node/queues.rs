//! Nodes that are busy: they hear several things before they do what follows from them, hand over
//! what they let in when they come to it, and write what they let out later still. Whatever waits
//! there is judged again when rights change, as a shard does.

use std::{collections::VecDeque, sync::Arc};

use sekisho_proto::{Frame, PrincipalId, RefusalCode, Timestamp};
use sekisho_routing::{Admitted, Record, SessionId, SubscriptionId};

use super::{
    Context, Halt,
    running::{Running, Session},
};
use crate::{
    failure::{Broken, ensure},
    network::Stream,
};

/// Of a thousand things that such a node hears, after how many it hears the next one first.
const GATHERED_PER_MILLE: u64 = 700;

/// Things that it hears at most before it does what follows from them.
const GROUP_MAX: usize = 12;

/// How many of a thousand subscriptions are written to when their turn comes.
const WRITTEN_PER_MILLE: u64 = 500;

/// What the router of a busy node wants done at most, for each subscription and thing heard: what
/// its credit lets it be given, of which each thing may make void what was there before.
const COMMANDS_MAX: usize = 16;

/// What such a node has heard and not dealt with.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    heard: usize,
    /// When it heard the first of them.
    since: Option<Timestamp>,
    /// What the door let in, and of whom.
    arriving: VecDeque<(PrincipalId, Admitted)>,
}

impl Gathering {
    pub(super) fn is_empty(&self) -> bool {
        self.arriving.is_empty()
    }
}

/// What waits to be written for one subscription, in its order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
enum Waiting {
    /// What the gate let out, and when.
    Record {
        record: Arc<Record>,
        let_out: Timestamp,
    },
    Frame(Frame),
}

impl Outbox {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Session {
    /// What waits to be written for a subscription.
    pub(super) fn waiting(&self, subscription: SubscriptionId) -> usize {
        self.outboxes.get(&subscription).map_or(0, Outbox::len)
    }
}

impl Running {
    /// Something was heard: does what follows from it, unless this node hears more first.
    pub(super) fn end_group(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        if let Some(gathering) = &mut self.gathering {
            gathering.heard += 1;
            gathering.since.get_or_insert(context.now);
            if gathering.heard < GROUP_MAX && context.random.per_mille(GATHERED_PER_MILLE) {
                while !self.drain_links(context)? {}
                return Ok(());
            }
            let arriving = std::mem::take(&mut gathering.arriving);
            for (publisher, admitted) in arriving {
                self.publish(publisher, admitted, context)?;
            }
        }
        self.drain(context)?;
        if let Some(gathering) = &mut self.gathering {
            (gathering.heard, gathering.since) = (0, None);
        }
        Ok(())
    }

    /// When the first of what is dealt with now was heard.
    pub(super) fn since(&self, context: &Context<'_>) -> Timestamp {
        let since = self.gathering.as_ref().and_then(|gathering| gathering.since);
        since.unwrap_or(context.now)
    }

    /// The door let an envelope in.
    pub(super) fn hand_over(
        &mut self,
        publisher: PrincipalId,
        admitted: Admitted,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        match &mut self.gathering {
            Some(gathering) => {
                gathering.arriving.push_back((publisher, admitted));
                Ok(())
            }
            None => self.publish(publisher, admitted, context),
        }
    }

    /// Hands it to the router, which must not take what nobody may publish any more.
    fn publish(
        &mut self,
        publisher: PrincipalId,
        admitted: Admitted,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let topic = admitted.topic().clone();
        let judge = self.judge(context.now);
        let permitted = context.world.rights.may_publish(judge, publisher, &topic);
        let before = self.router.pending_count();
        self.router.handle_publish(admitted, context.now);
        context.ledger.counts.overtaken += u64::from(!permitted);
        ensure(permitted || self.router.pending_count() == before, || {
            format!("node {} stores on {topic} what its publisher may not say any more", self.index)
        })
    }

    /// Says something of a subscription, behind what waits there.
    pub(super) fn tell(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        frame: impl Into<Frame>,
        context: &mut Context<'_>,
    ) {
        if self.gathering.is_none() {
            self.send(session, Stream::of(subscription.value()), frame, context);
        } else if let Some(state) = self.sessions.get_mut(&session) {
            let outbox = state.outboxes.entry(subscription).or_default();
            outbox.waiting.push_back(Waiting::Frame(frame.into()));
        }
    }

    /// The gate let a record out; it is written later.
    pub(super) fn put_away(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        record: Arc<Record>,
        let_out: Timestamp,
    ) {
        if let Some(state) = self.sessions.get_mut(&session) {
            let outbox = state.outboxes.entry(subscription).or_default();
            outbox.waiting.push_back(Waiting::Record { record, let_out });
        }
    }

    /// A subscription ends: where that is for want of a right, what waits of it is not written.
    pub(super) fn withhold_where_over(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        code: RefusalCode,
        context: &mut Context<'_>,
    ) {
        if !matches!(code, RefusalCode::NotPermitted | RefusalCode::Revoked) {
            return;
        }
        let state = self.sessions.get_mut(&session);
        let Some(outbox) = state.and_then(|state| state.outboxes.get_mut(&subscription)) else {
            return;
        };
        let before = outbox.waiting.len();
        outbox.waiting.retain(|waiting| matches!(waiting, Waiting::Frame(_)));
        let withheld = before.saturating_sub(outbox.waiting.len());
        context.ledger.counts.withheld_written += u64::try_from(withheld).unwrap_or(u64::MAX);
    }

    /// Writes what waits for some of the subscriptions.
    pub(super) fn write_outboxes(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let all = self.sessions.iter().flat_map(|(session, state)| {
            let full = state.outboxes.iter().filter(|(_, outbox)| !outbox.is_empty());
            full.map(|(subscription, _)| (*session, *subscription))
        });
        for (session, subscription) in all.collect::<Vec<_>>() {
            if context.random.per_mille(WRITTEN_PER_MILLE) {
                self.write_outbox(session, subscription, context)?;
            }
        }
        Ok(())
    }

    fn write_outbox(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        while let Some(waiting) = self
            .sessions
            .get_mut(&session)
            .and_then(|state| state.outboxes.get_mut(&subscription)?.waiting.pop_front())
        {
            match waiting {
                Waiting::Frame(frame) => {
                    self.send(session, Stream::of(subscription.value()), frame, context);
                }
                Waiting::Record { record, let_out } => {
                    self.write(session, subscription, (&record, let_out), context)?;
                }
            }
        }
        Ok(())
    }

    /// Rights have changed: what waits and may not go any more is taken back. It costs no credit.
    pub(super) fn withhold(&mut self, context: &mut Context<'_>) {
        let mut withheld = Vec::new();
        for (session, state) in &mut self.sessions {
            let mut recheck = self.router.recheck(*session, context.now);
            for (subscription, outbox) in &mut state.outboxes {
                let before = outbox.waiting.len();
                outbox.waiting.retain(|waiting| match waiting {
                    Waiting::Record { record, .. } => recheck.may_go(record),
                    Waiting::Frame(_) => true,
                });
                let records = before.saturating_sub(outbox.waiting.len());
                withheld.push((
                    *session,
                    *subscription,
                    u32::try_from(records).unwrap_or(u32::MAX),
                ));
            }
        }
        for (session, subscription, records) in
            withheld.into_iter().filter(|(.., count)| *count > 0)
        {
            context.ledger.counts.withheld_written += u64::from(records);
            self.router.handle_withheld(session, subscription, records);
        }
    }

    /// What the router may want done at a time.
    pub(super) fn commands_max(&self, subscriptions: usize) -> usize {
        let Some(gathering) = &self.gathering else { return 0 };
        let most = subscriptions.saturating_add(self.sessions.len()).saturating_add(1);
        most.saturating_mul(COMMANDS_MAX).saturating_mul(gathering.heard)
    }
}
