//! As a follower of the other city's node: it may ask for what the contract offers, and never stops
//! asking.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use sekisho::connection::{Connection, Endpoint, Stream, Welcomed};
use sekisho::{Filter, SigningKey, Start};
use sekisho_proto::Frame;
use sekisho_proto::frame::Subscribe;
use tokio::task::JoinSet;

use super::attempt::Misdeed;
use super::{Plan, tell};
use crate::turncoat::NodeKey;

/// Streams on which it asks at once in one session.
const AT_ONCE: u64 = 64;
/// Refusals in a row after which a session has nothing more to give.
const REFUSED_MAX: u64 = 128;
/// Records that one subscription may be sent.
const CREDIT: u32 = u32::MAX;
/// Records of one storm that are read before it is asked for again.
const READ_MAX: usize = 100;
/// Between two words of what was done so far.
const TELL_EVERY: u64 = 256;

/// Comes to the node and does it until the process is ended.
pub(super) async fn act(plan: &Plan) {
    let node_key = NodeKey::load(&plan.organisation.join("keys/node.key"));
    let guest = Arc::new(Guest {
        endpoint: Endpoint {
            address: plan.node.to_string(),
            node_key: plan.node_key,
            organisation: plan.victim.clone(),
        },
        signing: node_key.signing().clone(),
        offered: plan.offered.clone(),
        count: plan.count,
    });
    tell(format_args!("at work on {}", plan.node));
    if plan.misdeed == Misdeed::Interests {
        guest.interests().await;
    } else if plan.misdeed == Misdeed::Wildcards {
        guest.wildcards(plan).await;
    } else if plan.misdeed == Misdeed::HistoryStorm {
        guest.history_storm().await;
    } else {
        guest.unread().await;
    }
    std::future::pending::<()>().await;
}

struct Guest {
    endpoint: Endpoint,
    signing: SigningKey,
    offered: Filter,
    count: u64,
}

/// A session, and what it was granted there.
struct Session {
    session: Welcomed,
    streams: Vec<Stream>,
}

/// What became of its questions.
#[derive(Default)]
struct Tally {
    asked: u64,
    outcomes: BTreeMap<String, u64>,
}

impl Tally {
    fn count(&mut self, outcome: &str) {
        self.asked += 1;
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
        if self.asked.is_multiple_of(TELL_EVERY) {
            tell(format_args!("asked {self}"));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.asked, self.outcomes)
    }
}

/// What became of a question: the stream where it was granted, the code where it was refused,
/// nothing where the session is gone.
type Asked = Option<Result<Stream, String>>;

impl Guest {
    async fn dial(&self) -> Option<Welcomed> {
        match Connection::open(&self.endpoint, &self.signing, "false-peer").await {
            Ok(welcomed) => Some(welcomed),
            Err(refused) => {
                tell(format_args!("turned away: {refused:?}"));
                None
            }
        }
    }

    /// Asks for `count` filters, no two alike, in as many sessions as it gets; where it gets no more,
    /// in those that it has.
    async fn interests(&self) {
        let mut sessions: VecDeque<Session> = VecDeque::new();
        let mut tally = Tally::default();
        let mut is_full = false;
        while tally.asked < self.count {
            if !is_full {
                match self.dial().await {
                    Some(session) => sessions.push_back(Session { session, streams: Vec::new() }),
                    None => is_full = !sessions.is_empty(),
                }
            }
            let Some(mut session) = sessions.pop_back() else { continue };
            if self.ask_on(&mut session, &mut tally).await {
                sessions.push_front(session);
            } else {
                // It was ended: there may be room for another.
                is_full = false;
            }
        }
        tell(format_args!("asked all {tally}"));
        // What was granted is held.
        std::future::pending::<()>().await;
        drop(sessions);
    }

    /// Asks in one session until nothing is granted any more; whether the session is still there.
    async fn ask_on(&self, session: &mut Session, tally: &mut Tally) -> bool {
        let mut refused_in_a_row = 0;
        while tally.asked < self.count && refused_in_a_row < REFUSED_MAX {
            let mut asking = JoinSet::new();
            for number in tally.asked..(tally.asked + AT_ONCE).min(self.count) {
                let connection = session.session.connection.clone();
                let subscription = u32::try_from(number + 1).unwrap_or(u32::MAX);
                asking.spawn(ask(connection, subscription, self.below(number), Start::Latest));
            }
            let mut is_there = true;
            while let Some(outcome) = asking.join_next().await {
                match outcome.expect("a question is asked") {
                    Some(Ok(stream)) => {
                        refused_in_a_row = 0;
                        tally.count("granted");
                        session.streams.push(stream);
                    }
                    Some(Err(code)) => {
                        refused_in_a_row += 1;
                        tally.count(&code);
                    }
                    None => {
                        is_there = false;
                        tally.count("session ended");
                    }
                }
            }
            if !is_there {
                return false;
            }
        }
        true
    }

    /// A filter of its own below what it is offered.
    fn below(&self, number: u64) -> Filter {
        let offered = self.offered.to_string();
        let trunk = offered.trim_end_matches("/#");
        format!("{trunk}/{number}/#").parse().expect("a filter")
    }

    /// Asks for more than it is offered.
    async fn wildcards(&self, plan: &Plan) {
        let Some(session) = self.dial().await else { return };
        let victim = &plan.victim;
        let own = NodeKey::load(&plan.organisation.join("keys/node.key")).organisation().clone();
        let filters = [
            format!("{victim}/#"),
            format!("{victim}/+/air"),
            format!("{victim}/+/#"),
            format!("{victim}/bystander/air"),
            format!("{own}/#"),
            "kyoto/#".to_owned(),
        ];
        for (subscription, filter) in (1..).zip(filters) {
            let filter: Filter = filter.parse().expect("a filter");
            let asked =
                ask(session.connection.clone(), subscription, filter.clone(), Start::Earliest);
            match asked.await {
                Some(Ok(_stream)) => tell(format_args!("asked for {filter}: granted")),
                Some(Err(code)) => tell(format_args!("asked for {filter}: {code}")),
                None => tell(format_args!("asked for {filter}: session ended")),
            }
        }
        tell("asked for everything");
        session.connection.closed().await;
    }

    /// Asks for all there is on `count` streams, reads a part, and asks again.
    async fn history_storm(self: Arc<Self>) {
        loop {
            let Some(session) = self.dial().await else {
                tokio::task::yield_now().await;
                continue;
            };
            let mut storms = JoinSet::new();
            for lane in 0..u32::try_from(self.count).unwrap_or(u32::MAX) {
                let (guest, connection) = (Arc::clone(&self), session.connection.clone());
                storms.spawn(async move { guest.storm(connection, lane).await });
            }
            while storms.join_next().await.is_some() {}
            tell("the session of the storm is over");
        }
    }

    async fn storm(&self, connection: Connection, lane: u32) {
        let lanes = u32::try_from(self.count).unwrap_or(u32::MAX).max(1);
        let mut subscription = lane + 1;
        let mut rounds: u64 = 0;
        loop {
            let asked =
                ask(connection.clone(), subscription, self.offered.clone(), Start::Earliest).await;
            subscription = subscription.wrapping_add(lanes);
            let Some(asked) = asked else { return };
            let Ok(mut stream) = asked else { continue };
            let mut records = 0;
            while records < READ_MAX {
                match stream.reader.next().await {
                    Ok(Some(Frame::Record(_))) => {
                        records += 1;
                        if lane == 0 && rounds == 0 && records == 1 {
                            tell("the storm begins");
                        }
                    }
                    Ok(Some(Frame::Refused(_)) | None) | Err(_) => break,
                    Ok(Some(_other)) => {}
                }
            }
            rounds += 1;
            if lane == 0 && rounds.is_multiple_of(4) {
                tell(format_args!("stormed {rounds} times"));
            }
        }
    }

    /// Asks for all there is on `count` streams and leaves it lying there, answers and all: what is
    /// not read on one stream leaves no room for what is said on another.
    async fn unread(&self) {
        let Some(session) = self.dial().await else { return };
        let mut streams = Vec::new();
        for subscription in 1..=u32::try_from(self.count).unwrap_or(u32::MAX) {
            let Ok(mut stream) = session.connection.stream(subscription).await else { break };
            let (filter, start) = (self.offered.clone(), Start::Earliest);
            let frame = Subscribe { subscription, filter, start, cursor: None, credit: CREDIT };
            if stream.writer.send(&frame.into()).await.is_err() {
                break;
            }
            streams.push(stream);
        }
        tell(format_args!("left {} subscriptions unread", streams.len()));
        session.connection.closed().await;
        tell("the session is over");
    }
}

/// Asks for a filter on a stream of its own.
async fn ask(connection: Connection, subscription: u32, filter: Filter, start: Start) -> Asked {
    let mut stream = connection.stream(subscription).await.ok()?;
    let frame = Subscribe { subscription, filter, start, cursor: None, credit: CREDIT };
    stream.writer.send(&frame.into()).await.ok()?;
    loop {
        match stream.reader.next().await {
            Ok(Some(Frame::Subscribed(_))) => return Some(Ok(stream)),
            Ok(Some(Frame::Refused(refused))) => return Some(Err(refused.code.to_string())),
            Ok(Some(_other)) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}
