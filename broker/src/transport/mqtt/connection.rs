//! One client's connection while it lasts: what it says, what it is answered, and what its
//! subscriptions bring, in one task.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use sekisho::OsEntropy;
use sekisho_mqtt::packet::{
    self as mqtt, Accepted, Answer, Beginning, Connect, Disconnect, Packet, ResponseInformation,
    Step, Version,
};
use sekisho_mqtt::session_state::{CLIENT_BYTES_MAX, Flight, Intended, SessionState};
use sekisho_mqtt::will::Testament;
use sekisho_mqtt::{Allowed, Fault, Machine, Reason, TooLarge};
use sekisho_proto::{Action, Frame};
use sekisho_sensorthings::mqtt::Watch;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::challenge::Challenged;
use super::delivering::{Feed, More};
use super::gathering::{Pending, Topics};
use super::greeting::{self, Guest, Unwelcome};
use super::prepaid::Prepaid;
use super::publishing::{Own, testament};
use super::system::System;
use super::{Door, Peer, Place, reasons};
use crate::clock;
use crate::hub::{Cut, Letter, Subject, metrics};
use crate::mqtt::{Report, SubscriptionCount, Tally};
use crate::session::{Port, Session};

/// From the first byte to CONNECT, and from there to CONNACK.
const GREETING_MAX: Duration = Duration::from_secs(5);
/// How long a client may leave what is sent to it unread, whatever its keep alive.
const WRITE_MAX: Duration = Duration::from_secs(60);
/// How long it may take to read why it was sent away.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// Messages of one client that wait to be stored; beyond it nothing more is read from it.
const PENDING_MAX: usize = 1_024;
/// Messages of quality 1 and 2 that a client may have without their answer.
const RECEIVE_MAXIMUM: u16 = 128;
/// Topic aliases of one client.
const ALIAS_MAX: u16 = 64;
/// What a packet may have beside an envelope, bytes: a name, and a key header in base64. What else a
/// message has is part of its envelope.
const PACKET_BYTES_MORE: u32 = 8 * 1024;
/// The same of a client of 3.1.1, which nobody tells. A message that is too large is taken from it and
/// dropped: it would bring it again for ever on every connection that ended because of it.
const UNTOLD_BYTES_MORE: u32 = 72 * 1024;
/// Under which first level the places for answers are, one of each principal.
const RESPONSES: &str = "reply";
/// A level below such a place, to ask for the right to it.
const ANY: &str = "any";
/// What is read at once, bytes: little of a client that says little.
const READ_MIN: usize = 256;
const READ_MAX: usize = 64 * 1024;
/// Beyond this much that waits to be written, what subscriptions bring waits too.
pub(super) const OUTPUT_MAX: usize = 64 * 1024;

/// A connection that was accepted.
pub(super) struct Live<S> {
    pub(super) stream: S,
    pub(super) machine: Machine,
    pub(super) door: Arc<Door>,
    pub(super) session: Arc<Session>,
    pub(super) port: Port,
    pub(super) state: SessionState,
    /// Messages of quality 1 and 2 that the client takes at a time.
    pub(super) window: usize,
    pub(super) feeds: Vec<Feed>,
    /// Packet identifiers of messages that were sent on this connection and are not done.
    pub(super) flying: BTreeMap<u16, mqtt::Turn>,
    /// What is in flight from an earlier connection, no subscription brings again, and is not sent
    /// yet.
    pub(super) strays: VecDeque<(u16, Flight)>,
    /// The subscriptions that are SensorThings', by number.
    pub(super) watches: BTreeMap<u32, Watch>,
    /// Messages on their way to the log, by request.
    pub(super) pending: HashMap<u64, Pending>,
    pub(super) requests: u64,
    /// Messages that those stand for.
    pub(super) waiting: usize,
    /// Letters that came and are not on their way yet.
    pub(super) gathered: Vec<(Pending, Letter)>,
    /// Bytes of their bodies.
    pub(super) gathered_bytes: usize,
    /// Topics of names that it used lately.
    pub(super) topics: Topics,
    /// What this client published lately, where a subscription does not want that.
    pub(super) own: Own,
    pub(super) remembered: Remembered,
    /// How it proved its key, where that was by a challenge.
    pub(super) challenged: Option<Box<Challenged>>,
    /// What it has to take up, until it does.
    pub(super) prepaid: Option<Box<Prepaid>>,
    /// Its subscriptions to what the node says of itself.
    pub(super) system: System,
    tally: Tally,
    subscriptions: SubscriptionCount,
    taken_over: CancellationToken,
    expiry_asked: u32,
    appetite: usize,
    place: Place,
}

/// Whether the session differs from what is remembered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remembered {
    Same,
    Changed,
    /// What is about to be said is relied upon: the disk has to know first.
    Relied,
}

/// How a connection ends.
pub(super) enum End {
    /// The client said goodbye, and does not want its will published.
    Goodbye,
    /// The client said goodbye and wants its will published.
    WithWill,
    /// It is gone.
    Gone,
    /// This side ends it.
    Told(Reason, String),
    /// What is remembered of the client could not be taken up now: it never had its session, and its
    /// will is as that of a CONNECT that is refused.
    NotTakenUp(Reason, String),
    /// Another connection of the same client goes on.
    TakenOver,
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Told(fault.reason, fault.why)
    }
}

impl From<TooLarge> for End {
    fn from(TooLarge: TooLarge) -> Self {
        let why = "wanted a client that takes the answer (3.1.2.11.4), found a smaller maximum";
        Self::Told(Reason::TOO_LARGE, why.to_owned())
    }
}

/// What happens next on a connection.
enum Turn {
    Read(std::io::Result<usize>),
    Answer(Option<Frame>),
    Records,
    Said(Report),
    End(End),
}

/// Serves a connection until either side ends it. What lasts as long as a client that says nothing
/// is small: what comes before and after is boxed, and given back.
pub(super) async fn serve<S>(door: Arc<Door>, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    if let Some(mut live) = Box::pin(welcome(door, stream, peer)).await {
        let end = live.run().await;
        Box::pin(live.close(end)).await;
    }
}

/// Finds out whose the connection is and takes up that client's session; `None` where it has ended.
async fn welcome<S>(door: Arc<Door>, mut stream: S, peer: Peer) -> Option<Box<Live<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut machine, address) = (Machine::new(allowed(&door)), peer.address);
    let greeting = timeout(GREETING_MAX, greeting::greet(&door, &mut stream, &mut machine, &peer));
    let unwelcome = match greeting.await {
        Ok(Ok(Some(guest))) => {
            let mut place = peer.place;
            place.known();
            return attend(door, (stream, machine), guest, place).await;
        }
        Ok(Ok(None)) => return None,
        Ok(Err(unwelcome)) => unwelcome,
        Err(_elapsed) => {
            let (reason, cause) = (Reason::UNSPECIFIED, "timeout");
            Unwelcome { reason, why: "wanted CONNECT, found silence".to_owned(), cause }
        }
    };
    greeting::note(&door, address, &unwelcome);
    let Unwelcome { reason, why, .. } = unwelcome;
    if let Some(unsaid) = door.hub.alarm().admit(Subject::Stranger, clock::now()) {
        info!(%reason, why, unsaid, "refused a connection");
    }
    farewell(&mut stream, &mut machine, reason, &why).await;
    None
}

/// The clock of the runtime's deadlines.
fn runtime_now() -> Instant {
    Instant::from_std(clock::instant())
}

/// Resolves when somebody else ends the connection.
async fn interrupted(cut: &Cut, stop: &CancellationToken, taken_over: &CancellationToken) -> End {
    tokio::select! {
        () = cut.fired() => {
            let (code, why) = cut.reason().cloned().unzip();
            let reason = code.map_or(Reason::UNSPECIFIED, reasons::of_end);
            End::Told(reason, why.unwrap_or_default())
        }
        () = stop.cancelled() => {
            End::Told(Reason::SHUTTING_DOWN, "the node is stopping".to_owned())
        }
        () = taken_over.cancelled() => End::TakenOver,
    }
}

/// What this door takes.
fn allowed(door: &Door) -> Allowed {
    let bytes = u32::try_from(door.hub.config().envelope_bytes_max).unwrap_or(u32::MAX);
    Allowed {
        receive_maximum: RECEIVE_MAXIMUM,
        packet_bytes_max: bytes.saturating_add(PACKET_BYTES_MORE),
        untold_bytes_max: bytes.saturating_add(UNTOLD_BYTES_MORE),
        alias_max: ALIAS_MAX,
    }
}

/// The last words, and a moment to read them.
async fn farewell<S>(stream: &mut S, machine: &mut Machine, reason: Reason, why: &str)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    machine.fail(reason, why);
    let speaks = !machine.output().is_empty();
    let told = async { write(stream, machine).await.is_ok() && stream.shutdown().await.is_ok() };
    if timeout(FAREWELL_MAX, told).await == Ok(true) && speaks {
        // Whoever has not read it would lose it to a connection that is reset: nothing more comes
        // from here, and the client closes too, or is given some time.
        let mut rest = [0; READ_MIN];
        let silence =
            async { while matches!(stream.read(&mut rest).await, Ok(read) if read > 0) {} };
        drop(timeout(FAREWELL_MAX, silence).await);
    }
}

/// Takes up the client's session; `None` where it was refused.
async fn attend<S>(
    door: Arc<Door>,
    (mut stream, mut machine): (S, Machine),
    guest: Guest,
    place: Place,
) -> Option<Box<Live<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let session = Arc::clone(&guest.session);
    match take_up(door, guest, &mut machine).await {
        Ok(up) => {
            let live = Box::new(up.with((stream, machine), place));
            info!(principal = %session.who().name, client = live.state.client, "connected");
            metrics::change(metrics::CONNECTIONS, 1.0);
            Some(live)
        }
        Err(unwelcome) => {
            session.note_refused(&greeting::count(&unwelcome));
            session.close().await;
            farewell(&mut stream, &mut machine, unwelcome.reason, &unwelcome.why).await;
            None
        }
    }
}

/// A session that goes on or begins, before its connection is put to it.
struct TakenUp {
    door: Arc<Door>,
    session: Arc<Session>,
    port: Port,
    state: SessionState,
    window: usize,
    challenged: Option<Box<Challenged>>,
    prepaid: Option<Box<Prepaid>>,
    subscriptions: SubscriptionCount,
    taken_over: CancellationToken,
    expiry_asked: u32,
}

impl TakenUp {
    fn with<S>(self, (stream, machine): (S, Machine), place: Place) -> Live<S> {
        let Self { door, session, port, state, window, challenged, prepaid, .. } = self;
        let (subscriptions, taken_over) = (self.subscriptions, self.taken_over);
        let expiry_asked = self.expiry_asked;
        let tally = door.hub.mqtt().vitals().connected();
        Live {
            stream,
            machine,
            door,
            session,
            port,
            state,
            window,
            feeds: Vec::new(),
            flying: BTreeMap::new(),
            strays: VecDeque::new(),
            watches: BTreeMap::new(),
            pending: HashMap::new(),
            requests: 0,
            waiting: 0,
            gathered: Vec::new(),
            gathered_bytes: 0,
            topics: Topics::default(),
            own: Own::default(),
            remembered: Remembered::Same,
            challenged,
            prepaid,
            system: System::default(),
            tally,
            subscriptions,
            taken_over,
            expiry_asked,
            appetite: READ_MIN,
            place,
        }
    }
}

async fn take_up(
    door: Arc<Door>,
    guest: Guest,
    machine: &mut Machine,
) -> Result<TakenUp, Unwelcome> {
    let Guest { connect, session, port, method, challenged, prepaid } = guest;
    let config = &door.hub.config().mqtt;
    let (client, assigned) = client_of(&connect)?;
    let expiry_s = connect.expiry_s.min(config.session_expiry_s_max);
    let will = match &connect.will {
        Some(will) => Some(checked(&door, &session, testament(&door.prefix, will))?),
        None => None,
    };
    let is_clean = connect.beginning == Beginning::Clean;
    let memory = door.hub.mqtt();
    let attached = memory.attach(&session, &client, is_clean, expiry_s).await?;
    let mut state = attached.state;
    state.expiry_s = expiry_s;
    state.will = will;
    resolve(&door, &mut state).await;
    if let Err(refusal) = memory.keep(&state).await {
        memory.detach(state, false);
        return Err(refusal.into());
    }
    let keep_alive_s = (connect.version == Version::V5).then(|| {
        let (asked, most) = (connect.keep_alive_s, config.keep_alive_s_max);
        (most > 0 && (asked == 0 || asked > most)).then_some(most)
    });
    let accepted = Accepted {
        is_present: attached.is_present,
        assigned,
        keep_alive_s: keep_alive_s.flatten(),
        expiry_s: (expiry_s != connect.expiry_s).then_some(expiry_s),
        method,
        response_information: response_information(&door, &session, &connect),
    };
    if let Err(too_large) = machine.accept(&accepted) {
        memory.detach(state, false);
        return Err(too_large.into());
    }
    Ok(TakenUp {
        session,
        port,
        state,
        window: usize::from(connect.receive_maximum),
        challenged,
        prepaid,
        subscriptions: attached.subscriptions,
        taken_over: attached.taken_over,
        expiry_asked: connect.expiry_s,
        door,
    })
}

/// Finds out of messages that were on their way to the log when a connection ended, or the node was
/// killed, whether they came there.
async fn resolve(door: &Door, state: &mut SessionState) {
    for (id, intended) in std::mem::take(&mut state.intended) {
        let Intended { topic, boot, sequence } = intended.clone();
        match door.hub.has_taken(state.principal, topic, (boot, sequence)).await {
            Ok(true) => {
                state.incoming.insert(id);
            }
            Ok(false) => {}
            // The node is stopping: it is found out when it is there again.
            Err(_stopping) => drop(state.intended.insert(id, intended)),
        }
    }
}

/// Below which name answers to a client's requests may go (3.2.2.3.15), where it asked for that and
/// may both be answered there and read it. It is the principal's own place; each message is judged
/// all the same.
fn response_information(door: &Door, session: &Session, connect: &Connect) -> Option<String> {
    if connect.response_information == ResponseInformation::Unasked {
        return None;
    }
    let who = session.who();
    let own = who.name.organisation() == door.hub.organisation();
    let name = if own { who.name.name() } else { who.name.as_str() };
    let place = format!("{RESPONSES}/{name}");
    let topic = door.prefix.topic(&format!("{place}/{ANY}")).ok()?;
    let (policy, now) = (door.hub.authority().snapshot(), clock::now());
    let may = |action| policy.permit(action, who.id, &topic, now).is_ok();
    (may(Action::Publish) && may(Action::Subscribe)).then_some(place)
}

/// A will is asked about when it is made, and again when it is published.
fn checked(
    door: &Door,
    session: &Session,
    will: Result<Testament, Unwelcome>,
) -> Result<Testament, Unwelcome> {
    let will = will?;
    door.hub.mqtt().may_will(session, &will.topic)?;
    Ok(will)
}

/// The client identifier, and whether it was chosen here.
fn client_of(connect: &Connect) -> Result<(String, Option<String>), Unwelcome> {
    let bad = |why: &str| {
        let (reason, cause) = (Reason::CLIENT_IDENTIFIER, "client-identifier");
        Err(Unwelcome { reason, why: why.to_owned(), cause })
    };
    if connect.client.len() > CLIENT_BYTES_MAX {
        return bad("wanted a client identifier of at most 1024 bytes, found a longer one");
    }
    if !connect.client.is_empty() {
        return Ok((connect.client.clone(), None));
    }
    let is_clean = connect.beginning == Beginning::Clean;
    if connect.version == Version::V311 && !is_clean {
        return bad("wanted a client identifier where the session is to go on (3.1.3.1)");
    }
    let Ok(drawn) = sekisho_seal::draw::<16>(&mut OsEntropy::new()) else {
        return bad("wanted a client identifier: none can be chosen now");
    };
    let chosen = format!("auto-{}", data_encoding::HEXLOWER.encode(&*drawn));
    Ok((chosen.clone(), Some(chosen)))
}

/// The next packet; `None` where the client is gone.
pub(super) async fn read_packet<S>(
    stream: &mut S,
    machine: &mut Machine,
) -> Result<Option<Packet>, Fault>
where
    S: AsyncRead + Unpin + Send,
{
    loop {
        if let Some(packet) = machine.packet()? {
            return Ok(Some(packet));
        }
        machine.input().reserve(READ_MIN);
        match stream.read_buf(machine.input()).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_read) => {}
        }
    }
}

/// Writes everything that waits, as long as the client reads it.
pub(super) async fn write<S>(stream: &mut S, machine: &mut Machine) -> std::io::Result<()>
where
    S: AsyncWrite + Unpin + Send,
{
    while !machine.output().is_empty() {
        let written = timeout(WRITE_MAX, stream.write(machine.output())).await;
        let written = written.map_err(|_late| std::io::ErrorKind::TimedOut)??;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        machine.sent(written);
    }
    timeout(WRITE_MAX, stream.flush()).await.map_err(|_late| std::io::ErrorKind::TimedOut)?
}

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Until either side ends it.
    async fn run(&mut self) -> End {
        if let Err(end) = Box::pin(self.resume()).await {
            return end;
        }
        let mut heard = runtime_now();
        loop {
            // What it needs is given back while nothing happens.
            if let Err(end) = Box::pin(self.advance()).await {
                return end;
            }
            match self.turn(heard).await {
                Turn::Read(Ok(0) | Err(_)) => return End::Gone,
                Turn::Read(Ok(read)) => {
                    heard = runtime_now();
                    self.note_appetite(read);
                }
                Turn::Answer(Some(frame)) => {
                    if let Err(end) = Box::pin(self.answered_all(frame)).await {
                        return end;
                    }
                }
                Turn::Answer(None) => return End::Gone,
                Turn::Records => {}
                Turn::Said(report) => self.say(&report),
                Turn::End(end) => return end,
            }
        }
    }

    /// Does what there is to do: packets that came, records that wait, bytes to be written.
    async fn advance(&mut self) -> Result<(), End> {
        let taken = self.take_packets().await;
        // Also where the connection is at its end: what came before that is published.
        self.post().await;
        taken?;
        self.send_strays().await?;
        loop {
            let more = self.deliver().await?;
            self.flush().await?;
            if more == More::Nothing {
                return Ok(());
            }
        }
    }

    /// Writes what there is to say, when the disk knows what it has to know before.
    async fn take_packets(&mut self) -> Result<(), End> {
        while self.reads() {
            let Some(packet) = self.machine.packet()? else { break };
            if !matches!(packet, Packet::Publish(_) | Packet::Answer(_)) {
                self.post().await;
            }
            self.handle(packet).await?;
            if self.machine.output().len() > OUTPUT_MAX {
                self.post().await;
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Whether more is read of a client that has so much on its way.
    fn reads(&self) -> bool {
        self.waiting + self.gathered.len() < PENDING_MAX
    }

    async fn flush(&mut self) -> Result<(), End> {
        match std::mem::replace(&mut self.remembered, Remembered::Same) {
            Remembered::Same => {}
            Remembered::Changed => {
                self.door.hub.mqtt().save(&self.state);
            }
            Remembered::Relied => {
                if let Err(end) = self.keep().await {
                    self.machine.output().clear();
                    return Err(end);
                }
            }
        }
        self.note_subscriptions();
        let Self { stream, machine, port, door, taken_over, .. } = self;
        // A client that does not read keeps nobody from ending it.
        tokio::select! {
            biased;
            end = interrupted(&port.cut, &door.stop, taken_over) => return Err(end),
            written = write(stream, machine) => written.map_err(|_gone| End::Gone)?,
        }
        machine.rest();
        self.tally.note(self.machine.take_traffic(), self.state.subscriptions.len());
        Ok(())
    }

    /// Notes what somebody who takes the session over has to take up.
    fn note_subscriptions(&self) {
        let of_log = self.state.subscriptions.len().saturating_sub(self.system.len());
        self.subscriptions.note(if self.state.is_durable() { of_log } else { 0 });
    }

    /// Waits for whatever comes first.
    async fn turn(&mut self, heard: Instant) -> Turn {
        let silent = self.machine.patience().map(|patience| heard + patience);
        let reads = self.reads();
        let Self { stream, machine, port, feeds, door, system, taken_over, appetite, .. } = self;
        machine.input().reserve(*appetite);
        let late = async {
            match silent {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            end = interrupted(&port.cut, &door.stop, taken_over) => Turn::End(end),
            answer = port.answers.recv() => Turn::Answer(answer),
            read = stream.read_buf(machine.input()), if reads => Turn::Read(read),
            () = poll_fn(|context| Feed::poll_any(feeds, context)) => Turn::Records,
            report = system.next() => Turn::Said(report),
            // Of a client that is not read there is no knowing.
            () = late, if reads => {
                let why = "wanted a packet within one and a half times the keep alive";
                Turn::End(End::Told(Reason::KEEP_ALIVE, why.to_owned()))
            }
        }
    }

    fn note_appetite(&mut self, read: usize) {
        if read >= self.appetite {
            self.appetite = (self.appetite * 2).min(READ_MAX);
        } else if read < self.appetite / 4 {
            self.appetite = (self.appetite / 2).max(READ_MIN);
        }
    }

    async fn answered_all(&mut self, first: Frame) -> Result<(), End> {
        self.answered(first).await?;
        while let Some(frame) = self.port.answers.try_recv() {
            self.answered(frame).await?;
        }
        Ok(())
    }

    async fn handle(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.publish(*publish).await,
            Packet::Answer(answer) => self.hear(answer).await,
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe).await,
            Packet::Ping => {
                self.machine.pong();
                Ok(())
            }
            Packet::Disconnect(disconnect) => Err(self.leave(disconnect)),
            Packet::Auth(auth) => self.reauthenticate(&auth),
            Packet::Connect(_) => {
                Err(End::Told(Reason::PROTOCOL_ERROR, "wanted one CONNECT".to_owned()))
            }
        }
    }

    fn leave(&mut self, disconnect: Disconnect) -> End {
        if let Some(expiry_s) = disconnect.expiry_s {
            if self.expiry_asked == 0 && expiry_s > 0 {
                let why = "wanted no session expiry where CONNECT had none (3.14.2.2.2)";
                return End::Told(Reason::PROTOCOL_ERROR, why.to_owned());
            }
            self.state.expiry_s = expiry_s.min(self.door.hub.config().mqtt.session_expiry_s_max);
        }
        match disconnect.reason {
            Reason::SUCCESS => End::Goodbye,
            _ => End::WithWill,
        }
    }

    /// What the client says of messages, its own and the node's.
    async fn hear(&mut self, answer: Answer) -> Result<(), End> {
        let Answer { step, id, reason } = answer;
        match step {
            Step::Acknowledged => self.done(id, 1),
            Step::Completed => self.done(id, 2),
            Step::Received if reason.is_failure() => self.done(id, 2),
            Step::Received => {
                let known = self.state.outgoing.get_mut(&id).filter(|sent| sent.quality == 2);
                let reason = match known {
                    Some(sent) => {
                        sent.is_released = true;
                        self.keep().await?;
                        Reason::SUCCESS
                    }
                    None => Reason::IDENTIFIER_NOT_FOUND,
                };
                self.machine.answer(Answer { step: Step::Released, id, reason }, "");
            }
            Step::Released => {
                let known = self.state.incoming.remove(&id);
                let reason = if known { Reason::SUCCESS } else { Reason::IDENTIFIER_NOT_FOUND };
                // The client uses it again for another message once it has heard.
                self.remembered = Remembered::Relied;
                self.machine.answer(Answer { step: Step::Completed, id, reason }, "");
            }
        }
        Ok(())
    }

    /// Ends it: the client is told, the subscriptions are over, the session is left.
    async fn close(mut self: Box<Self>, end: End) {
        if let End::Told(reason, why) | End::NotTakenUp(reason, why) = &end {
            debug!(%reason, why, "ended");
        }
        self.settle_pending().await;
        // The last words come after what waits, and that may rely on what the disk does not know.
        let speaks = !matches!(end, End::Gone);
        if speaks && self.remembered == Remembered::Relied && self.keep().await.is_err() {
            self.machine.output().clear();
        }
        self.session.close().await;
        let sends_will = !matches!(end, End::Goodbye | End::NotTakenUp(..));
        let Self { mut stream, mut machine, door, session, state, feeds, place, .. } = *self;
        // Before the last words, which may take a while: the client may be back already.
        drop(feeds);
        door.hub.mqtt().detach(state, sends_will);
        match end {
            End::Told(reason, why) | End::NotTakenUp(reason, why) => {
                farewell(&mut stream, &mut machine, reason, &why).await;
            }
            End::TakenOver => {
                let why = "another connection of this client";
                machine.fail(Reason::TAKEN_OVER, why);
                drop(timeout(FAREWELL_MAX, write(&mut stream, &mut machine)).await);
            }
            // It may have said everything at once: CONNACK is owed to it all the same (3.1.4).
            End::Goodbye | End::WithWill => {
                drop(timeout(FAREWELL_MAX, write(&mut stream, &mut machine)).await);
            }
            End::Gone => {}
        }
        // WebSocket and TLS have an end of their own, which is owed to whoever said it first.
        drop(timeout(FAREWELL_MAX, stream.shutdown()).await);
        drop(place);
        metrics::change(metrics::CONNECTIONS, -1.0);
        info!(principal = %session.who().name, "disconnected");
    }
}
