//! One client's session, whatever transport carries its frames.
//!
//! A transport decodes frames and hands them in; answers leave through the queue that it reads.
//! The session judges nothing itself: envelopes go through the hub's door, records come through the
//! hub's gate, questions are answered from the policy.

mod follow;
mod greeting;
mod password;
mod query;
mod vouchers;

use std::sync::Arc;
use std::time::Duration;

use sekisho_policy::{HeldGrant, Recipient};
use sekisho_proto::frame::Start;
use sekisho_proto::{
    AccessKind, AccessRecord, Action, BootId, Filter, Frame, Position, PrincipalId, PrincipalKind,
    PrincipalName, RefusalCode, Sequence, StatementIndex, Timestamp, frame, limits,
};
use sekisho_routing::{Carriage, SessionId, Subscribe, SubscriptionId};
use tokio::sync::oneshot;

use crate::clock;
use crate::homeward::Back;
use crate::hub::{
    Answers, Backlog, Carrier, Cut, Held, History, Hub, INTERESTS_DEFAULT, Letter, Listed, Outbox,
    OutboxReader, Parcel, Posted, Present, Received, Refusal, Request, Teller, Telling, metrics,
};

pub(crate) use follow::Follower;
pub(crate) use greeting::{Greeting, Stranger, waits_for};
pub(crate) use password::key_of_password;
pub(crate) use vouchers::Vouchers;

/// Answers that wait for one client. Publishes in flight have one answer each, so the window told
/// in `Welcome` keeps the queue from filling; the rest is room for queries and statements.
pub(crate) const ANSWERS_MAX: usize = INFLIGHT_MAX as usize + 256;
/// Publishes without an answer that a client may have: 4,096 × 1 KiB is one round trip of 100 ms at
/// 40 MB/s.
pub(crate) const INFLIGHT_MAX: u32 = 4_096;

/// As whom a peer's node is known.
const PEER_NAME: &str = "node";

/// Between the purposes of several grants.
const PURPOSE_SEPARATOR: &str = "; ";

/// How long a subscription is not read that says too much.
const STEER_PAUSE: Duration = Duration::from_millis(50);

/// Who is connected: a principal, or a peer's node by its contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) name: PrincipalName,
    pub(crate) id: PrincipalId,
    pub(crate) kind: PrincipalKind,
    /// It is a peer's node, by its contract.
    pub(crate) is_peer: bool,
}

impl Who {
    /// The record of an access of theirs, without what it is about.
    fn accesses(&self, kind: AccessKind, time: Timestamp) -> AccessRecord {
        AccessRecord {
            kind,
            subject: self.name.clone(),
            id: self.id,
            topics: None,
            from: None,
            to: None,
            epoch: None,
            purpose: String::new(),
            time,
        }
    }
}

/// One connected, known principal.
#[derive(Debug)]
pub(crate) struct Session {
    hub: Arc<Hub>,
    id: SessionId,
    who: Who,
    carrier: Carrier,
    recipient: Recipient,
    answers: Teller,
    cut: Cut,
    backlog: Backlog,
    listed: Listed,
    _present: Present,
    /// With a former peer: the end of what it may follow. It may do nothing else.
    parting: Option<StatementIndex>,
    /// With a peer: what is vouched for to it.
    vouchers: Option<Arc<Vouchers>>,
}

/// What a transport reads while a session lasts.
#[derive(Debug)]
pub(crate) struct Port {
    /// Frames to be written on the control channel.
    pub answers: Answers,
    /// Fires when the node ends the session; then the reason is in [`Cut::reason`].
    pub cut: Cut,
    /// What every answer goes through, where there are some.
    pub vouchers: Option<Arc<Vouchers>>,
}

impl Session {
    /// Who the client proved to be.
    #[must_use]
    pub(crate) const fn who(&self) -> &Who {
        &self.who
    }

    /// Whether the client may open one more stream now; where not, it waits.
    pub(crate) fn may_open(&self) -> bool {
        self.hub.may_open(&self.who.id, clock::now())
    }

    /// Handles one frame of the control channel; an answer, if any, goes through the port.
    ///
    /// # Errors
    /// The frame does not belong here: the session ends with this refusal.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other frame is refused alike")]
    pub(crate) async fn handle(&self, frame: Frame) -> Result<(), Refusal> {
        match frame {
            Frame::Publish(_) | Frame::Query(_) | Frame::State(_) if self.parting.is_some() => {
                return Err(self.parted());
            }
            Frame::Publish(publish) => self.publish(publish).await,
            Frame::Query(question) => {
                let answer = self.answer(question).await;
                self.tell(answer).await;
            }
            Frame::State(state) => {
                let answer = self.state(state).await;
                self.tell(answer).await;
            }
            Frame::Ping(ping) => self.tell(Frame::Pong(frame::Pong { token: ping.token })).await,
            Frame::Goodbye(_) => self.cut.fire(RefusalCode::Draining, "the client said goodbye"),
            Frame::Pong(_) => {}
            other => return Err(unexpected("control channel", &other)),
        }
        Ok(())
    }

    async fn publish(&self, publish: frame::Publish) {
        let now = clock::now();
        let (vouchers, bytes) = (self.vouchers.as_ref(), publish.envelope.len());
        let request = vouchers.map_or(publish.request, |known| known.enter(publish.request));
        let parcel = Parcel {
            envelope: publish.envelope,
            key_header: publish.key_header,
            carrier: self.carrier.clone(),
            carriage: Carriage::Session { session: self.id, request },
        };
        let sent = match self.hub.receive(parcel, now).await {
            Ok(Received::Home(entry)) => {
                if let (Some(vouchers), Some(carried)) = (vouchers, &entry.carried) {
                    vouchers.sign(request, self.hub.vouch(&carried.hash));
                }
                self.hub.ask(Request::Publish { admitted: entry.admitted }).await
            }
            Ok(Received::Abroad(passage)) => {
                let (answers, cut) = (self.answers.clone(), self.cut.clone());
                self.hub.ways_home().send(passage, Back { request, answers, cut })
            }
            Err(refusal) => Err(refusal),
        };
        match sent {
            Ok(()) => self.listed.note_published(bytes, now),
            Err(refusal) => self.tell(self.refuse(request, refusal)).await,
        }
    }

    /// Publishes in the client's name what it did not sign, and says so in the header; the answer,
    /// `Published` or `Refused`, goes through the port under this request. Tells which number the
    /// envelope was given, where it got that far.
    pub(crate) async fn attest(&self, request: u64, letter: Letter) -> Option<Sequence> {
        let unnoted = |_boot, _sequence| std::future::ready(Ok(()));
        self.attest_noting(request, letter, unnoted).await
    }

    /// As [`attest`](Self::attest); somebody notes under which number it can be found again before
    /// it is on its way to the log.
    pub(crate) async fn attest_noting<F>(
        &self,
        request: u64,
        letter: Letter,
        note: impl FnOnce(BootId, Sequence) -> F,
    ) -> Option<Sequence>
    where
        F: Future<Output = Result<(), Refusal>>,
    {
        let (publisher, topic) = (self.who.id, letter.topic.clone());
        let bytes = letter.body.len();
        let sent = match self.parting {
            Some(_) => Err(self.parted()),
            None => {
                let sender = (self.id, request);
                self.hub.attest_noting(publisher, letter, sender, clock::now(), note).await
            }
        };
        match sent {
            Ok(sequence) => {
                self.listed.note_published(bytes, clock::now());
                Some(sequence)
            }
            Err(refusal) => {
                tracing::debug!(%topic, %refusal, "nothing was attested");
                self.tell(self.refuse(request, refusal)).await;
                None
            }
        }
    }

    /// As [`attest`](Self::attest) for each in turn; nothing is answered where no request is named.
    pub(crate) async fn attest_all(&self, posted: Vec<Posted>) -> Vec<Option<Sequence>> {
        let requests: Vec<Option<u64>> = posted.iter().map(|one| one.request).collect();
        let sizes: Vec<usize> = posted.iter().map(|one| one.letter.body.len()).collect();
        let now = clock::now();
        let sent = match self.parting {
            Some(_) => posted.iter().map(|_one| Err(self.parted())).collect(),
            None => self.hub.attest_all(self.who.id, posted, self.id, now).await,
        };
        let (mut sequences, mut count, mut bytes) = (Vec::with_capacity(sent.len()), 0, 0);
        for ((sent, request), size) in sent.into_iter().zip(requests).zip(sizes) {
            match sent {
                Ok(sequence) => {
                    (count, bytes) = (count + 1, bytes + size);
                    sequences.push(Some(sequence));
                }
                Err(refusal) => {
                    tracing::debug!(%refusal, "nothing was attested");
                    let refused = self.refuse(request.unwrap_or(0), refusal);
                    if request.is_some() {
                        self.tell(refused).await;
                    }
                    sequences.push(None);
                }
            }
        }
        self.listed.note_published_all(count, bytes, now);
        sequences
    }

    async fn state(&self, state: frame::State) -> Frame {
        let request = state.request;
        let count = state.statements.len();
        let stated = match self.hub.arrive_many(&self.who.id, count, clock::now()) {
            Ok(()) => self.hub.state(state.statements, &self.who.name).await,
            Err(refusal) => Err(refusal),
        };
        match stated {
            Ok(indices) => Frame::Stated(frame::Stated { request, indices }),
            Err(refusal) => self.refuse(request, refusal),
        }
    }

    /// Opens a subscription; what the subscriber gets is read from the queue returned.
    ///
    /// # Errors
    /// The client opens too many, or the node is stopping.
    pub(crate) async fn subscribe(
        &self,
        subscribe: frame::Subscribe,
    ) -> Result<OutboxReader, Refusal> {
        self.hub.arrive(&self.who.id, clock::now())?;
        if self.parting.is_some() {
            return Err(self.parted());
        }
        let history = self.history(&subscribe);
        if history.is_some() {
            self.hub.may_record(&self.who.id, clock::now())?;
        }
        self.begin(subscribe, history).await
    }

    /// Takes what so many subscriptions with a history cost, all or nothing: each is to be opened by
    /// [`subscribe_again`](Self::subscribe_again).
    ///
    /// # Errors
    /// The client opens too many.
    pub(crate) fn may_subscribe_again(&self, count: usize) -> Result<(), Refusal> {
        let now = clock::now();
        self.hub.arrive_many(&self.who.id, count, now)?;
        self.hub.may_record_many(&self.who.id, count, now)
    }

    /// Opens a subscription that is paid for.
    ///
    /// # Errors
    /// The node is stopping, or the contract of the client's organisation has ended.
    pub(crate) async fn subscribe_again(
        &self,
        subscribe: frame::Subscribe,
    ) -> Result<OutboxReader, Refusal> {
        if self.parting.is_some() {
            return Err(self.parted());
        }
        let history = self.history(&subscribe);
        self.begin(subscribe, history).await
    }

    async fn begin(
        &self,
        subscribe: frame::Subscribe,
        history: Option<Box<AccessRecord>>,
    ) -> Result<OutboxReader, Refusal> {
        let paid = |record| Box::new(History { record, paid: self.hub.paid(self.who.id) });
        let history = history.map(|record| paid(*record));
        let held = self.hold(&subscribe).await?;
        let (outbox, queue) = Outbox::holding(&self.backlog, held);
        let frame::Subscribe { subscription, filter, start, cursor, credit } = subscribe;
        let request = Request::Subscribe {
            session: self.id,
            subscription: SubscriptionId::new(subscription),
            subscribe: Subscribe { filter, start, cursor, credit },
            principal: self.who.id,
            history,
            outbox,
        };
        self.hub.ask(request).await?;
        Ok(queue)
    }

    /// What lasts as long as the subscription: a peer's interest is one of few, and what anybody may
    /// have of another organisation's topics is wanted of that organisation.
    async fn hold(&self, subscribe: &frame::Subscribe) -> Result<Held, Refusal> {
        let (filter, now) = (&subscribe.filter, clock::now());
        let policy = self.hub.authority().snapshot();
        let interest = match &self.recipient {
            Recipient::Peer(peer) => {
                let contract = policy.peer(peer).map(|view| view.theirs.budget);
                let max = contract.and_then(|budget| budget.interests).unwrap_or(INTERESTS_DEFAULT);
                let asked = self.hub.link_board().ask(peer, max);
                Some(asked.inspect_err(|refusal| metrics::subscription_ended(refusal.code))?)
            }
            Recipient::Principal(_) => None,
        };
        if policy.may_subscribe(&self.recipient, filter, now).is_err() {
            // The shard says so.
            return Ok(Held::new(interest, None).listed(self.listed.subscribe(filter, now)));
        }
        // A peer's link begins where it says.
        if let (Recipient::Principal(_), Some(cursor)) = (&self.recipient, &subscribe.cursor) {
            self.hub.want_cursor((self.who.id, cursor.clone()), filter.clone()).await?;
        }
        let want = self.hub.wants().want(filter, subscribe.start);
        Ok(Held::new(interest, want).listed(self.listed.subscribe(filter, now)))
    }

    /// Remembers that something was refused.
    pub(crate) fn note_refused(&self, refusal: &Refusal) {
        self.listed.note_refused(refusal, clock::now());
    }

    /// Counts and remembers a refusal, and makes it a frame.
    fn refuse(&self, request: u64, refusal: Refusal) -> Frame {
        self.note_refused(&refusal);
        self.hub.refuse(request, refusal)
    }

    /// Records were written to whoever this is.
    pub(crate) fn note_delivered(&self, records: u64, bytes: u64) {
        metrics::delivered(records, bytes);
        self.listed.note_delivered(records, bytes, clock::now());
        if let Recipient::Peer(peer) = &self.recipient {
            self.hub.link_board().delivered(peer, records, bytes, clock::now());
        }
    }

    /// What is to be recorded where a subscription is given what was there before it.
    fn history(&self, subscribe: &frame::Subscribe) -> Option<Box<AccessRecord>> {
        if subscribe.start == Start::Latest && subscribe.cursor.is_none() {
            return None;
        }
        let now = clock::now();
        let purpose = match &self.recipient {
            Recipient::Peer(_) => "peering".to_owned(),
            Recipient::Principal(_) => {
                let what = self.hub.authority().snapshot().what(&self.who.name, now);
                purposes(&what.grants, &subscribe.filter)
            }
        };
        let topics = Some(subscribe.filter.clone());
        let record = self.who.accesses(AccessKind::History, now);
        Some(Box::new(AccessRecord { topics, purpose, ..record }))
    }

    /// Whether it is a peer's node.
    pub(crate) const fn is_of_peer(&self) -> bool {
        matches!(self.recipient, Recipient::Peer(_))
    }

    /// This session's number.
    #[must_use]
    pub(crate) const fn id(&self) -> SessionId {
        self.id
    }

    /// Records that the client is given messages of these topics that were kept, which lie between
    /// two positions of the log.
    ///
    /// # Errors
    /// It asks for more than it may, or what is not recorded does not take place.
    pub(crate) async fn record_history(
        &self,
        filter: &Filter,
        (from, to): (Position, Position),
    ) -> Result<(), Refusal> {
        let now = clock::now();
        self.hub.may_record(&self.who.id, now)?;
        let what = self.hub.authority().snapshot().what(&self.who.name, now);
        let record = AccessRecord {
            topics: Some(filter.clone()),
            from: Some(from),
            to: Some(to),
            purpose: purposes(&what.grants, filter),
            ..self.who.accesses(AccessKind::History, now)
        };
        self.hub.access().note(record).await.map(drop)
    }

    /// Handles a frame of a subscription's own channel.
    ///
    /// # Errors
    /// The frame does not belong there, or the node is stopping.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other frame is refused alike")]
    pub(crate) async fn steer(
        &self,
        subscription: SubscriptionId,
        frame: Frame,
    ) -> Result<(), Refusal> {
        let session = self.id;
        let request = match frame {
            Frame::Credit(credit) => {
                Request::Credit { session, subscription, records: credit.records }
            }
            Frame::Acknowledge(done) => {
                if let Recipient::Peer(peer) = &self.recipient {
                    self.hub.link_board().acknowledged(peer, done.position, self.hub.head());
                }
                Request::Acknowledge { session, subscription, position: done.position }
            }
            other => return Err(unexpected("subscription", &other)),
        };
        // Whoever steers faster than it may ask for things is read more slowly.
        while self.hub.arrive(&self.who.id, clock::now()).is_err() {
            tokio::time::sleep(STEER_PAUSE).await;
        }
        self.hub.ask(request).await
    }

    /// A record was not told after all: what it cost is given back.
    pub(crate) async fn give_back(&self, subscription: SubscriptionId) {
        let credit = Request::Credit { session: self.id, subscription, records: 1 };
        // A hub that is stopping has forgotten the subscription anyway.
        drop(self.hub.ask(credit).await);
    }

    /// A subscriber whose queue was full has taken from it.
    pub(crate) async fn outbox_free(&self, subscription: SubscriptionId) {
        // A hub that is stopping has forgotten the subscription anyway.
        drop(self.hub.ask(Request::OutboxFree { session: self.id, subscription }).await);
    }

    /// A subscriber wants to hear how far it has come, behind what is on its way to it.
    pub(crate) async fn tell_place(&self, subscription: SubscriptionId, when: Telling) {
        let request = Request::TellPlace { session: self.id, subscription, when };
        // A hub that is stopping ends the subscription instead.
        drop(self.hub.ask(request).await);
    }

    /// The subscription's channel is gone. Resolves when what it acknowledged is on the disk.
    pub(crate) async fn unsubscribe(&self, subscription: SubscriptionId) {
        let (kept, waiting) = oneshot::channel();
        let request = Request::Unsubscribe { session: self.id, subscription, kept };
        // A hub that is stopping has forgotten the subscription anyway, and keeps every cursor.
        if self.hub.ask(request).await.is_ok() {
            drop(waiting.await);
        }
    }

    /// Ends the session; must be called once, when the transport is done with it.
    pub(crate) async fn close(&self) {
        drop(self.hub.ask(Request::Disconnect { session: self.id }).await);
    }

    /// Why it has ended.
    pub(crate) fn over(&self) -> Refusal {
        match self.cut.reason().cloned() {
            Some((code, why)) => Refusal::new(code, "session", why),
            None => Refusal::stopping(),
        }
    }

    /// The node's hub, for what is no session's business.
    #[must_use]
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// What a former peer is told when it asks for more than how its contract ended.
    fn parted(&self) -> Refusal {
        let why = format!("wanted a peering in force with {}, found it ended", self.who.name);
        Refusal::new(RefusalCode::NotPermitted, "peer", why)
    }

    /// Waits for room: a client that does not read its answers is not read from either.
    pub(crate) async fn tell(&self, frame: Frame) {
        self.answers.tell(frame).await;
    }
}

/// What the grants are for that let somebody read some of these topics, each once, as far as it
/// fits.
fn purposes(grants: &[HeldGrant], filter: &Filter) -> String {
    let mut purposes: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for grant in grants {
        let reads = [Action::Subscribe, Action::History]
            .iter()
            .any(|action| grant.actions.contains(*action) && grant.filter.overlaps(filter));
        let is_new = !grant.purpose.is_empty() && !purposes.contains(&grant.purpose.as_str());
        let after = bytes + grant.purpose.len() + PURPOSE_SEPARATOR.len();
        if reads && is_new && after <= limits::TEXT_BYTES_MAX {
            purposes.push(&grant.purpose);
            bytes = after;
        }
    }
    purposes.join(PURPOSE_SEPARATOR)
}

pub(crate) fn unexpected(place: &str, frame: &Frame) -> Refusal {
    let why = format!("wanted a frame of the {place}, found {}", frame.name());
    Refusal::new(RefusalCode::UnexpectedFrame, "frame", why)
}

#[cfg(test)]
mod tests;
