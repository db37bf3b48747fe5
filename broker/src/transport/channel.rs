//! One session over one channel of frames, for transports that have no streams of their own.
//!
//! TLS proves no key of the principal here, so that both ends prove theirs first: `Challenge`,
//! `Login`, `Proven`. After that everything is as over QUIC, but that subscriptions and followed
//! logs share the channel: each has a task that waits for its turn to write, so that none starves
//! another, and each reads from the log what did not fit. `Ended` is what the end of a stream is
//! there.

mod branch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sekisho::OsEntropy;
use sekisho_proto::{Frame, Hash, LoginNonce, RefusalCode, frame, limits};
use sekisho_seal::{LoginTranscript, draw};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use self::branch::{Branch, Kind};
use super::frames::{
    self, DRAIN_MAX, FAREWELL_MAX, GREETING_MAX, Gone, Silence, Sink, Source, goodbye,
    next_answers, note_refused,
};
use super::web::{Door, Visitor};
use crate::hub::{Answers, Came, Refusal, internal, metrics};
use crate::session::{Greeting, Port, Session, Stranger, Vouchers, unexpected};

/// Pieces of subscriptions that wait to be written; each is some 32 KiB, or one envelope.
const PIECES_MAX: usize = 4;
/// Subscriptions and followed logs at a time, as over QUIC.
const BRANCHES_MAX: usize = sekisho::tls::BIDIRECTIONAL_STREAMS_MAX as usize;
/// How long whoever opens too many of them waits before it is looked again.
const OPEN_PAUSE: Duration = Duration::from_millis(20);
/// How often a transport that has words for it asks a client whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How a channel ended, for transports that have words of their own for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The client wished it, or is gone.
    Wished,
    /// The node wished it.
    Refused(RefusalCode, String),
}

impl From<&Refusal> for End {
    fn from(refusal: &Refusal) -> Self {
        Self::Refused(refusal.code, refusal.to_string())
    }
}

/// Serves one channel until either side has had enough.
pub(crate) async fn serve<I: Source, O: Sink + 'static>(
    mut source: I,
    mut sink: O,
    door: &Door,
    (visitor, via): (&Arc<Visitor>, &'static str),
) -> (Option<O>, End) {
    let came = Came::by(via, visitor.address());
    let about = (door, came, visitor.shown());
    let ungreeted = match visitor.stranger(&door.crowd) {
        Ok(ungreeted) => ungreeted,
        Err(refusal) => return refuse(sink, refusal).await,
    };
    let greeted = tokio::select! {
        greeted = timeout(2 * GREETING_MAX, greet(&mut source, &mut sink, about)) => greeted,
        () = door.stop.cancelled() => return (Some(sink), stopping()),
    };
    let greeting = match greeted {
        Ok(Ok(Some(greeting))) => greeting,
        Ok(Ok(None)) => return (Some(sink), End::Wished),
        Ok(Err(refusal)) => {
            note_refused(&door.hub, came, &refusal);
            return refuse(sink, refusal).await;
        }
        Err(_elapsed) => {
            metrics::handshake_failed("timeout");
            let why = "wanted Login and then Hello or Enrol in time, found silence";
            return refuse(sink, Refusal::new(RefusalCode::UnexpectedFrame, "login", why)).await;
        }
    };
    drop(ungreeted);
    visitor.known();
    match greeting {
        Greeting::Session(session, port, welcome) => {
            let name = session.who().name.clone();
            info!(principal = %name, "connected");
            metrics::change(metrics::CONNECTIONS, 1.0);
            let ended = run((source, sink), (session, port, welcome), &door.stop).await;
            metrics::change(metrics::CONNECTIONS, -1.0);
            info!(principal = %name, "disconnected");
            ended
        }
        Greeting::Enrolment(stranger, enrol) => {
            // Whoever comes from one address leaves room for newcomers from others.
            let Some(_place) = door.crowd.newcomer(visitor.address().ip()) else {
                let why = "wanted fewer devices of one address waiting, found no room";
                let refusal = Refusal::new(RefusalCode::TooMany, "enrolments", why);
                return refuse(sink, refusal).await;
            };
            let end = tokio::select! {
                () = door.stop.cancelled() => stopping(),
                () = silence(&mut source) => End::Wished,
                _told = frames::enrol(stranger, enrol, &mut sink) => End::Wished,
            };
            (Some(sink), end)
        }
    }
}

fn stopping() -> End {
    End::Refused(RefusalCode::Draining, "the node is stopping".to_owned())
}

/// Tells the client why, as long as it takes to write it.
async fn refuse<O: Sink>(mut sink: O, refusal: Refusal) -> (Option<O>, End) {
    let end = End::from(&refusal);
    match timeout(FAREWELL_MAX, sink.write(vec![refusal.into_frame(0)])).await {
        Ok(_told) => (Some(sink), end),
        Err(_elapsed) => (None, end),
    }
}

/// Resolves when a client that has nothing more to say is gone, or says something after all.
async fn silence(source: &mut impl Source) {
    drop(source.next().await);
}

/// Both keys proven, and a first frame that makes sense.
async fn greet(
    source: &mut impl Source,
    sink: &mut impl Sink,
    (door, came, shown): (&Door, Came, Option<Hash>),
) -> Result<Option<Greeting>, Refusal> {
    source.set_frame_bytes_max(limits::FRAME_BYTES_UNGREETED_MAX);
    let drawn = draw(&mut OsEntropy::new()).map_err(|fault| internal("nonce", &fault))?;
    let nonce = LoginNonce::new(*drawn);
    if sink.write(vec![frame::Challenge { nonce }.into()]).await == Err(Gone) {
        return Ok(None);
    }
    let login = match source.next().await {
        Ok(Some(Frame::Login(login))) => login,
        Ok(Some(other)) => return Err(unexpected("greeting: Login", &other)),
        Ok(None) | Err(Silence::Gone) => return Ok(None),
        Err(Silence::Broken(refusal)) => return Err(refusal),
    };
    let proven = judge(&login, nonce, (door, shown))?;
    if sink.write(vec![proven.into()]).await == Err(Gone) {
        return Ok(None);
    }
    let stranger = Stranger::new(Arc::clone(&door.hub), login.public_key);
    frames::first(source, stranger.by(came)).await
}

/// Whether the client holds the key that it names, and was shown the certificate that this node
/// shows. The answer proves both of the node.
fn judge(
    login: &frame::Login,
    node_nonce: LoginNonce,
    (door, shown): (&Door, Option<Hash>),
) -> Result<frame::Proven, Refusal> {
    // Without TLS nothing was shown, and both ends sign that.
    let shown = shown.unwrap_or(Hash::new([0; 32]));
    if let Some(named) = login.certificate
        && named != shown
    {
        let why = format!("wanted {shown}, which this node shows, found {named}: somebody between");
        return Err(Refusal::new(RefusalCode::BadSignature, "certificate", why));
    }
    let public_key = door.key.public_key();
    let mut transcript = LoginTranscript {
        node_nonce,
        client_nonce: login.nonce,
        node: public_key,
        client: login.public_key,
        certificate: login.certificate,
    };
    if !transcript.is_proven_by_client(&login.signature) {
        let why = "wanted one of this connection by the key it names, found another";
        return Err(Refusal::new(RefusalCode::BadSignature, "login", why));
    }
    transcript.certificate = Some(shown);
    let signature = transcript.sign_as_node(&door.key);
    Ok(frame::Proven { public_key, certificate: shown, signature })
}

/// What the parts of one session share.
#[derive(Debug)]
struct Shared {
    session: Arc<Session>,
    branches: Mutex<BTreeMap<u32, Branch>>,
    pieces: mpsc::Sender<Vec<Frame>>,
    /// The session ends: nothing is said of single subscriptions any more.
    ending: CancellationToken,
    ended: CancellationToken,
    tasks: TaskTracker,
}

async fn run<I: Source, O: Sink + 'static>(
    (mut source, mut sink): (I, O),
    (session, port, welcome): (Arc<Session>, Port, Frame),
    stop: &CancellationToken,
) -> (Option<O>, End) {
    let Port { answers, cut, vouchers } = port;
    if sink.write(vec![welcome]).await.is_err() {
        session.close().await;
        return (None, End::Wished);
    }
    let (pieces, waiting) = mpsc::channel(PIECES_MAX);
    let ended = CancellationToken::new();
    let shared = Arc::new(Shared {
        session: Arc::clone(&session),
        branches: Mutex::default(),
        pieces,
        ending: CancellationToken::new(),
        ended: ended.clone(),
        tasks: TaskTracker::new(),
    });
    let writer = Writer { answers, vouchers, waiting, ended: ended.clone() };
    let mut writing = tokio::spawn(writer.run(sink));
    let last = tokio::select! {
        refusal = shared.read(&mut source) => refusal.map(|refusal| {
            (End::from(&refusal), session.hub().refuse(0, refusal))
        }),
        () = cut.fired() => cut.reason().map(|(code, why)| {
            (End::Refused(*code, why.clone()), goodbye(*code, why.clone()))
        }),
        () = stop.cancelled() => {
            let code = RefusalCode::Draining;
            Some((stopping(), goodbye(code, "the node is stopping")))
        }
        // Nothing can be written any more.
        _gone = &mut writing => {
            shared.ending.cancel();
            session.close().await;
            shared.end().await;
            return (None, End::Wished);
        }
    };
    shared.ending.cancel();
    session.close().await;
    let (end, frame) = last.unzip();
    if let Some(frame) = frame {
        // A client that does not read its answers is not waited for.
        drop(timeout(FAREWELL_MAX, session.tell(frame)).await);
    }
    shared.end().await;
    let sink = match timeout(DRAIN_MAX, &mut writing).await {
        Ok(sink) => sink.ok().flatten(),
        Err(_elapsed) => {
            writing.abort();
            None
        }
    };
    (sink, end.unwrap_or(End::Wished))
}

/// Writes answers before anything else, and then what subscriptions have, in turn.
struct Writer {
    answers: Answers,
    vouchers: Option<Arc<Vouchers>>,
    waiting: mpsc::Receiver<Vec<Frame>>,
    ended: CancellationToken,
}

impl Writer {
    /// Gives the sink back unless the client is gone.
    async fn run<O: Sink>(mut self, mut sink: O) -> Option<O> {
        let mut beats = interval(KEEP_ALIVE);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let answered = next_answers(&mut self.answers, self.vouchers.as_deref(), &self.ended);
            let frames = tokio::select! {
                biased;
                answers = answered => match answers {
                    Some(answers) => answers,
                    None => return Some(sink),
                },
                Some(piece) = self.waiting.recv() => piece,
                _beat = beats.tick() => {
                    sink.keep_alive().await.ok()?;
                    continue;
                }
            };
            sink.write(frames).await.ok()?;
        }
    }
}

impl Shared {
    /// Reads until the client is done or breaks a rule.
    async fn read(self: &Arc<Self>, source: &mut impl Source) -> Option<Refusal> {
        loop {
            let frame = match source.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) | Err(Silence::Gone) => return None,
                Err(Silence::Broken(refusal)) => return Some(refusal),
            };
            if let Err(refusal) = self.take(frame).await {
                return Some(refusal);
            }
        }
    }

    /// Takes one frame to where it belongs. What is said of a subscription that is not open crossed
    /// its end.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other frame is the session's")]
    async fn take(self: &Arc<Self>, frame: Frame) -> Result<(), Refusal> {
        match frame {
            Frame::Subscribe(subscribe) => {
                self.open(subscribe.subscription, Kind::Records(subscribe)).await
            }
            Frame::Follow(follow) => self.open(follow.subscription, Kind::Log(follow)).await,
            Frame::Unsubscribe(done) => {
                self.with(done.subscription, Branch::end);
                Ok(())
            }
            Frame::Cosigned(cosigned) => {
                let said = self.with(cosigned.subscription, Branch::ear).flatten();
                if let Some(ear) = said {
                    // A log that is over does not listen any more.
                    drop(ear.send(cosigned).await);
                }
                Ok(())
            }
            Frame::Credit(frame::Credit { subscription, .. })
            | Frame::Acknowledge(frame::Acknowledge { subscription, .. }) => {
                let known = self.with(subscription, |branch| branch.records()).flatten();
                match known {
                    Some((id, begun)) => {
                        // The shard is asked for the subscription by its own task.
                        begun.cancelled().await;
                        self.session.steer(id, frame).await
                    }
                    None => Ok(()),
                }
            }
            other => self.session.handle(other).await,
        }
    }

    /// Opens a subscription or a log, at the pace at which this principal may.
    async fn open(self: &Arc<Self>, number: u32, kind: Kind) -> Result<(), Refusal> {
        while !self.session.may_open() {
            sleep(OPEN_PAUSE).await;
        }
        let branch = Branch::new(&kind);
        let refused = {
            let mut branches = self.branches();
            if branches.contains_key(&number) {
                let why = format!("wanted a number that is not in use, found {number}");
                return Err(Refusal::new(RefusalCode::UnexpectedFrame, "subscription", why));
            }
            let is_full = branches.len() >= BRANCHES_MAX;
            if !is_full {
                branches.insert(number, branch.clone());
            }
            is_full
        };
        if refused {
            let why = format!("wanted at most {BRANCHES_MAX} on one connection, found more");
            let refusal = Refusal::new(RefusalCode::TooMany, "subscriptions", why);
            drop(self.session.hub().refuse(0, refusal.clone()));
            self.tell_end(number, Some(refusal)).await;
            return Ok(());
        }
        self.tasks.spawn(branch.run(Arc::clone(self), number, kind));
        Ok(())
    }

    fn with<T>(&self, number: u32, look: impl FnOnce(&Branch) -> T) -> Option<T> {
        self.branches().get(&number).map(look)
    }

    fn branches(&self) -> MutexGuard<'_, BTreeMap<u32, Branch>> {
        self.branches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last thing said about a subscription; its number is free from here on.
    async fn tell_end(&self, number: u32, refusal: Option<Refusal>) {
        let subscription = number;
        let ended = match refusal {
            None => {
                frame::Ended { subscription, code: None, what: String::new(), why: String::new() }
            }
            Some(refusal) => {
                let Refusal { code, what, why, .. } = refusal;
                frame::Ended { subscription, code: Some(code), what, why }
            }
        };
        // A writer that is gone has nobody to tell.
        drop(self.pieces.send(vec![ended.into()]).await);
    }

    /// Ends all of them. Whatever takes longer ends with the connection.
    async fn end(&self) {
        self.ended.cancel();
        self.tasks.close();
        drop(timeout(DRAIN_MAX, self.tasks.wait()).await);
    }
}
