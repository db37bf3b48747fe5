//! What waits to be written to one subscriber: bounded, and never awaited by the shard.
//!
//! A subscriber to whom nothing is sent costs next to nothing here: memory is taken for what waits,
//! and given back with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sekisho_policy::DeliveryPermit;
use sekisho_proto::{Frame, RefusalCode, frame};
use sekisho_routing::Record;

use super::{Interest, Subscribed, Want};

/// Items that wait for one subscriber; beyond it the subscriber is fed from the log.
pub const OUTBOX_ITEMS_MAX: usize = 4_096;
/// Bytes of envelopes that wait for one subscriber, unless a single one is larger. Envelopes are
/// shared between subscribers, so this bounds what one slow subscriber alone can hold on to.
pub const OUTBOX_BYTES_MAX: usize = 4 << 20;
/// Bytes of envelopes that wait for all subscriptions of one session, beside one envelope for each.
const SESSION_BYTES_MAX: usize = 64 << 20;
/// Bytes of envelopes that a transport takes at a time, unless a single one is larger: what it has
/// taken nobody asks about again.
const TAKEN_BYTES_MAX: usize = 64 << 10;
/// Places beside those of records: a subscription begins, catches up and ends once.
const RESERVED: usize = 3;

/// One thing to be written to a subscriber.
#[derive(Debug)]
pub enum Outgoing {
    /// A record that the gate let out.
    Record(Arc<Record>),
    /// Anything that carries no record: `Subscribed`, `Gap`.
    Frame(Box<Frame>),
    /// The subscription is over.
    End {
        /// Why, for programs.
        code: RefusalCode,
        /// Why, for people.
        why: String,
    },
}

/// The shard's end of a subscriber's queue.
#[derive(Debug)]
pub struct Outbox {
    queue: Arc<Queue>,
}

/// The transport's end of a subscriber's queue.
#[derive(Debug)]
pub struct OutboxReader {
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    session: Backlog,
    held: Held,
}

/// What is counted while a subscription lasts.
#[derive(Debug, Default)]
pub(crate) struct Held {
    _interest: Option<Interest>,
    _want: Option<Want>,
    listed: Option<Subscribed>,
}

impl Held {
    /// One of the few interests that a peer may have, and what is wanted of another organisation.
    pub(crate) const fn new(interest: Option<Interest>, want: Option<Want>) -> Self {
        Self { _interest: interest, _want: want, listed: None }
    }

    /// The same, with its place among those of its session.
    pub(crate) fn listed(self, listed: Subscribed) -> Self {
        Self { listed: Some(listed), ..self }
    }
}

/// Bytes that wait for all subscriptions of one session.
#[derive(Debug, Clone, Default)]
pub struct Backlog {
    bytes: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Outgoing>,
    bytes: usize,
    /// The oldest version of the policy under which the gate let out a record that waits.
    let_out: Option<u64>,
    /// The same of those that were taken last.
    taken_under: Option<u64>,
    reader: Option<Waker>,
    /// Something was refused and the reader has not been asked about it since.
    refused: bool,
    ends: Ends,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Ends {
    #[default]
    Both,
    One,
}

/// The subscriber did not take it: it is to be fed from the log instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Outbox {
    /// A queue of a session, and its reading end.
    #[must_use]
    pub fn new(session: &Backlog) -> (Self, OutboxReader) {
        Self::holding(session, Held::default())
    }

    /// The same, which lets go of something when both ends are gone.
    pub(crate) fn holding(session: &Backlog, held: Held) -> (Self, OutboxReader) {
        let (state, session) = (Mutex::default(), session.clone());
        let queue = Arc::new(Queue { state, session, held });
        (Self { queue: Arc::clone(&queue) }, OutboxReader { queue })
    }

    /// Offers a record; the permit is the gate's word that this subscriber may have it.
    ///
    /// # Errors
    /// The queue is full or its reader gone.
    pub fn offer(&self, record: Arc<Record>, permit: &DeliveryPermit) -> Result<(), Full> {
        self.put_let_out(Outgoing::Record(record), Some(permit.policy_version()))
    }

    /// Offers word of records that will not come.
    ///
    /// # Errors
    /// The queue is full or its reader gone.
    pub fn offer_gap(&self, gap: frame::Gap) -> Result<(), Full> {
        self.put(Outgoing::Frame(Box::new(Frame::Gap(gap))))
    }

    /// Offers word of how far the subscription has come.
    ///
    /// # Errors
    /// The queue is full or its reader gone.
    pub fn offer_place(&self, place: frame::Subscribed) -> Result<(), Full> {
        self.put(Outgoing::Frame(Box::new(Frame::Subscribed(place))))
    }

    /// Says something about the subscription itself, for which there is always room; to a reader who
    /// is gone, nothing. Where it ends for want of a right, records that still wait are not delivered
    /// any more.
    ///
    /// # Errors
    /// The reader was told more than a subscription has to say, and did not listen.
    pub fn tell(&self, outgoing: Outgoing) -> Result<(), Full> {
        let mut state = self.queue.lock();
        if state.ends == Ends::One {
            return Ok(());
        }
        if state.waiting.len() >= OUTBOX_ITEMS_MAX + RESERVED {
            return Err(Full);
        }
        if let Outgoing::End { code, why } = &outgoing
            && let Some(listed) = &self.queue.held.listed
        {
            listed.note_ended(*code, why);
        }
        if let Outgoing::End { code, .. } = outgoing
            && is_of_rights(code)
        {
            state.waiting.retain(|waiting| !matches!(waiting, Outgoing::Record(_)));
            self.queue.session.free(std::mem::take(&mut state.bytes));
        }
        state.waiting.push(outgoing);
        wake(state);
        Ok(())
    }

    /// Takes back the records that wait and may not go any more; tells how many.
    pub fn withhold(&self, mut may_go: impl FnMut(&Record) -> bool) -> u32 {
        let mut state = self.queue.lock();
        let (mut records, mut bytes) = (0, 0);
        state.waiting.retain(|outgoing| match outgoing {
            Outgoing::Record(record) if !may_go(record) => {
                records += 1;
                bytes += outgoing.envelope_bytes();
                false
            }
            Outgoing::Record(_) | Outgoing::Frame(_) | Outgoing::End { .. } => true,
        });
        state.bytes = state.bytes.saturating_sub(bytes);
        self.queue.session.free(bytes);
        records
    }

    fn put(&self, outgoing: Outgoing) -> Result<(), Full> {
        self.put_let_out(outgoing, None)
    }

    fn put_let_out(&self, outgoing: Outgoing, version: Option<u64>) -> Result<(), Full> {
        let bytes = outgoing.envelope_bytes();
        let mut state = self.queue.lock();
        if !state.has_room(bytes) || !self.queue.session.has_room(&state, bytes) {
            state.refused = true;
            return Err(Full);
        }
        state.bytes = state.bytes.saturating_add(bytes);
        state.let_out = state.let_out.into_iter().chain(version).min();
        self.queue.session.take(bytes);
        state.waiting.push(outgoing);
        wake(state);
        Ok(())
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.ends = Ends::One;
        wake(state);
    }
}

impl OutboxReader {
    /// What waits, as much as is taken at a time; pending where that is nothing. `None` when the
    /// shard has let go of the queue and nothing is left in it.
    pub fn poll_take(&mut self, context: &Context<'_>) -> Poll<Option<Vec<Outgoing>>> {
        let mut state = self.queue.lock();
        let bytes = state.bytes;
        let taken = state.poll_take(context);
        if taken.is_ready() {
            state.taken_under = state.let_out;
            if state.waiting.is_empty() {
                state.let_out = None;
            }
        }
        self.queue.session.free(bytes.saturating_sub(state.bytes));
        taken
    }

    /// Under which version of the policy the gate let out the records that were taken last, of
    /// several the oldest; `None` where there were none.
    #[must_use]
    pub fn let_out_under(&self) -> Option<u64> {
        self.queue.lock().taken_under
    }

    /// Whether the subscription has ended for want of a right: then what was taken before is not to
    /// be delivered either.
    #[must_use]
    pub fn lost_right(&self) -> bool {
        let state = self.queue.lock();
        matches!(state.waiting.last(), Some(Outgoing::End { code, .. }) if is_of_rights(*code))
    }

    /// Whether something was refused since this was last told, and half of the queue is free: then the
    /// shard wants to hear that there is room again. What it reads for less is read several times.
    #[must_use]
    pub fn take_refused(&self) -> bool {
        let mut state = self.queue.lock();
        let is_half_free =
            state.bytes <= OUTBOX_BYTES_MAX / 2 && state.waiting.len() <= OUTBOX_ITEMS_MAX / 2;
        is_half_free && std::mem::take(&mut state.refused)
    }
}

impl Drop for OutboxReader {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.ends = Ends::One;
        self.queue.session.free(std::mem::take(&mut state.bytes));
        let left = (std::mem::take(&mut state.waiting), state.reader.take());
        drop(state);
        drop(left);
    }
}

impl Queue {
    /// Nothing that holds the lock can panic, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backlog {
    /// A queue in which nothing waits takes one envelope always: so each of them goes on.
    fn has_room(&self, state: &State, bytes: usize) -> bool {
        let waiting = self.bytes.load(Ordering::Relaxed);
        state.bytes == 0 || waiting.saturating_add(bytes) <= SESSION_BYTES_MAX
    }

    fn take(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn free(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl State {
    fn has_room(&self, bytes: usize) -> bool {
        let fits = self.bytes == 0 || self.bytes.saturating_add(bytes) <= OUTBOX_BYTES_MAX;
        fits && self.ends == Ends::Both && self.waiting.len() < OUTBOX_ITEMS_MAX
    }

    fn poll_take(&mut self, context: &Context<'_>) -> Poll<Option<Vec<Outgoing>>> {
        if !self.waiting.is_empty() {
            return Poll::Ready(Some(self.take()));
        }
        if self.ends == Ends::One {
            return Poll::Ready(None);
        }
        self.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn take(&mut self) -> Vec<Outgoing> {
        if self.bytes <= TAKEN_BYTES_MAX {
            self.bytes = 0;
            return std::mem::take(&mut self.waiting);
        }
        let mut bytes = 0;
        let taken = self.waiting.iter().take_while(|outgoing| {
            let fits = bytes == 0 || bytes + outgoing.envelope_bytes() <= TAKEN_BYTES_MAX;
            bytes += if fits { outgoing.envelope_bytes() } else { 0 };
            fits
        });
        let taken = taken.count();
        self.bytes = self.bytes.saturating_sub(bytes);
        self.waiting.drain(..taken).collect()
    }
}

/// Whether a subscription that ends with this had no right to go on.
const fn is_of_rights(code: RefusalCode) -> bool {
    matches!(code, RefusalCode::NotPermitted | RefusalCode::Revoked | RefusalCode::UnknownKey)
}

/// Tells the reader that there is something to see; what it does then needs the lock.
fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Outgoing {
    fn envelope_bytes(&self) -> usize {
        match self {
            Self::Record(record) => record.envelope().encoded().len(),
            Self::Frame(_) | Self::End { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests;
