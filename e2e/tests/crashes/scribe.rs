//! A publisher that writes down, for each envelope, what the node said of it, and gives none up
//! before the node has said that it is stored.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use sekisho::{
    BootId, Client, Offset, PrincipalId, QueryError, RefusalCode, Scope, Sequence, Topic,
};
use sekisho_e2e::{Member, Press, within};
use sekisho_proto::Envelope;
use sekisho_seal::HeaderDraft;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Envelopes under way at a time, so that a kill finds several in every state.
const UNDER_WAY: usize = 8;
/// Between two groups of envelopes: the machine is there for the nodes.
const EVERY: Duration = Duration::from_millis(30);

/// What a scribe wrote in one boot.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) topic: Topic,
    pub(crate) publisher: PrincipalId,
    pub(crate) boot: BootId,
    /// How many envelopes, each of which the node has said to have stored.
    pub(crate) count: u64,
    /// Those of which it said where; of the others only that it had them already.
    pub(crate) offsets: BTreeMap<Sequence, Offset>,
}

/// A scribe at work.
#[derive(Debug)]
pub(crate) struct Scribe {
    work: JoinHandle<Written>,
    stop: watch::Sender<bool>,
}

impl Scribe {
    /// Begins; tells `stored` of each envelope that was acknowledged.
    pub(crate) async fn begin(member: &Member, topic: &str, stored: &Count) -> Self {
        let (stop, stopped) = watch::channel(false);
        let desk = Desk {
            client: member.connect().await,
            press: Press::begin(member, topic).await,
            body: topic.to_owned(),
            under_way: VecDeque::new(),
            pressed: 0,
            offsets: BTreeMap::new(),
            stored: stored.clone(),
        };
        let publisher = member.identity().id();
        let topic: Topic = topic.parse().unwrap();
        Self { work: tokio::spawn(desk.write(topic, publisher, stopped)), stop }
    }

    /// Presses nothing more, and resolves when all is stored.
    pub(crate) async fn end(self) -> Written {
        self.stop.send_replace(true);
        within("everything to be stored", self.work).await.unwrap()
    }
}

/// Envelopes acknowledged, over all scribes.
#[derive(Debug, Clone)]
pub(crate) struct Count {
    total: watch::Sender<u64>,
}

impl Count {
    pub(crate) fn new() -> Self {
        Self { total: watch::Sender::new(0) }
    }

    pub(crate) fn now(&self) -> u64 {
        *self.total.borrow()
    }

    /// Waits for so many more.
    pub(crate) async fn more(&self, count: u64) {
        let wanted = self.now() + count;
        let mut total = self.total.subscribe();
        let reached = total.wait_for(|total| *total >= wanted);
        within(&format!("{count} more acknowledged"), reached).await.unwrap();
    }

    fn add(&self, count: u64) {
        self.total.send_modify(|total| *total += count);
    }
}

struct Desk {
    client: Client,
    press: Press,
    body: String,
    under_way: VecDeque<Envelope>,
    pressed: u64,
    offsets: BTreeMap<Sequence, Offset>,
    stored: Count,
}

impl Desk {
    async fn write(
        mut self,
        topic: Topic,
        publisher: PrincipalId,
        stopped: watch::Receiver<bool>,
    ) -> Written {
        let mut pace = interval(EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            if *stopped.borrow() {
                if self.under_way.is_empty() {
                    break;
                }
            } else {
                self.press();
            }
            self.send().await;
        }
        self.client.close().await;
        let boot = self.press.boot();
        Written { topic, publisher, boot, count: self.pressed, offsets: self.offsets }
    }

    fn press(&mut self) {
        while self.under_way.len() < UNDER_WAY {
            let draft = HeaderDraft { scope: Scope::Federation, ..self.press.draft() };
            let body = format!("{} {}", self.body, self.pressed);
            let envelope = self.press.seal(draft, &body);
            self.press.advance(&envelope);
            self.under_way.push_back(envelope);
            self.pressed += 1;
        }
    }

    /// Sends all that is not known to be stored, and notes what is said of each.
    async fn send(&mut self) {
        let header: Option<Bytes> = self.press.attached();
        let publish = |envelope: &Envelope| {
            let (client, envelope, header) =
                (self.client.clone(), envelope.encoded().clone(), header.clone());
            Box::pin(async move { client.publish_envelope(envelope, header).await }) as Answer
        };
        let answers = together(self.under_way.iter().map(publish).collect()).await;
        let mut left = VecDeque::new();
        for (envelope, answer) in self.under_way.drain(..).zip(answers) {
            let sequence = envelope.header().sequence;
            match answer {
                Ok(offset) => {
                    self.offsets.insert(sequence, offset);
                    self.stored.add(1);
                }
                Err(QueryError::Refused(refusal)) if refusal.code == RefusalCode::Replayed => {
                    self.stored.add(1);
                }
                Err(QueryError::Disconnected | QueryError::Timeout { .. }) => {
                    left.push_back(envelope);
                }
                // The one before it has not arrived yet, or cannot be kept at the moment.
                Err(QueryError::Refused(refusal)) if may_pass(refusal.code) => {
                    left.push_back(envelope);
                }
                Err(other) => panic!("{}: wanted an answer, found {other:?}", self.body),
            }
        }
        self.under_way = left;
    }
}

fn may_pass(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::SequenceGap
            | RefusalCode::StorageFull
            | RefusalCode::TooMany
            | RefusalCode::Draining
            | RefusalCode::Internal
    )
}

type Answer = Pin<Box<dyn Future<Output = Result<Offset, QueryError>> + Send>>;

/// Runs them side by side; they begin in their order.
async fn together(mut futures: Vec<Answer>) -> Vec<Result<Offset, QueryError>> {
    let mut answers: Vec<Option<Result<Offset, QueryError>>> =
        futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (future, answer) in futures.iter_mut().zip(&mut answers) {
            if answer.is_some() {
                continue;
            }
            match future.as_mut().poll(context) {
                Poll::Ready(said) => *answer = Some(said),
                Poll::Pending => is_done = false,
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}
