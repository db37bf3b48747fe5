//! What a client publishes: a letter that the node attests, or an envelope that the client signed.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use sekisho_mqtt::Reason;
use sekisho_mqtt::mapping::{NameError, Prefix};
use sekisho_mqtt::message::to_body;
use sekisho_mqtt::packet::{Answer, Publish, Step, Version, Will};
use sekisho_mqtt::session_state::Intended;
use sekisho_mqtt::will::Testament;
use sekisho_proto::{
    BootId, ContentType, Envelope, Frame, Header, MqttMessage, RefusalCode, Sequence, Topic, frame,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tracing::debug;

use super::connection::{End, Live, Remembered};
use super::gathering::Pending;
use super::greeting::Unwelcome;
use super::reasons;
use crate::hub::{Hub, Letter, Refusal, metrics};

/// The user property that holds an encoded key header in base64url, with the first envelope that
/// needs it.
pub(super) const KEY_HEADER: &str = "sekisho-key-header";
/// Publishes of a client that are known as its own; beyond it the oldest are forgotten.
const OWN_MAX: usize = 65_536;
/// Topics of which a client's last retained message is known as its own; those of others beyond it
/// are not.
const OWN_RETAINED_MAX: usize = 1_024;
/// How long the end of a connection waits for messages that are on their way to the log: less than
/// another connection waits to take the session over.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// Which of a topic's envelopes one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Which {
    /// The publisher's run, or the node's where it attests.
    boot: BootId,
    sequence: Sequence,
}

/// What a client published lately.
#[derive(Debug, Default)]
pub(super) struct Own {
    known: HashSet<(Topic, Which)>,
    order: VecDeque<(Topic, Which)>,
    /// What it had retained, also before it asked for anything: whoever subscribes later may not want
    /// that.
    retained: BTreeMap<Topic, Which>,
}

impl Which {
    /// One that the node attested.
    pub(super) fn attested(hub: &Hub, sequence: Sequence) -> Self {
        Self { boot: hub.attesting_boot(), sequence }
    }

    pub(super) const fn of(header: &Header) -> Self {
        Self { boot: header.boot, sequence: header.sequence }
    }
}

impl Own {
    fn insert(&mut self, topic: Topic, which: Which) {
        if self.order.len() >= OWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert((topic.clone(), which));
        self.order.push_back((topic, which));
    }

    fn insert_retained(&mut self, topic: Topic, which: Which) {
        if self.retained.len() < OWN_RETAINED_MAX || self.retained.contains_key(&topic) {
            self.retained.insert(topic, which);
        }
    }

    /// Whether it published this.
    pub(super) fn contains(&self, topic: &Topic, which: Which) -> bool {
        let is_known = !self.known.is_empty() && self.known.contains(&(topic.clone(), which));
        is_known || self.retained.get(topic) == Some(&which)
    }
}

/// What a message is to the node.
enum Sending {
    Letter(Letter),
    Envelope { header: Box<Header>, envelope: Bytes, key_header: Option<Bytes> },
}

/// Why a message is not looked at further.
struct NotSent(Reason, String);

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Takes a message; the answer follows when it is stored.
    pub(super) async fn publish(&mut self, publish: Publish) -> Result<(), End> {
        let pending = Pending::new(publish.quality, publish.id.unwrap_or(0));
        if pending.quality == 2 && self.is_known(pending.id) {
            return Ok(());
        }
        let topic = self.topics.of(&self.door.prefix, &publish.name);
        let sending = match sending(topic, publish) {
            Ok(sending) => sending,
            Err(NotSent(reason, why)) => {
                metrics::refused(RefusalCode::Malformed);
                self.answer(pending, reason, &why);
                return Ok(());
            }
        };
        match sending {
            Sending::Letter(letter) if pending.quality < 2 => {
                self.gather(pending, letter).await;
            }
            Sending::Letter(letter) => {
                self.post().await;
                let request = self.expect(pending);
                let (topic, flags) = (letter.topic.clone(), letter.flags);
                let sequence = if self.state.is_durable() {
                    self.attest_once(request, letter, pending.id).await
                } else {
                    self.session.attest(request, letter).await
                };
                if let Some(sequence) = sequence {
                    self.note_own(topic, Which::attested(&self.door.hub, sequence), flags);
                }
            }
            Sending::Envelope { header, envelope, key_header } => {
                self.post().await;
                let which = Which::of(&header);
                self.note_own(header.topic, which, header.flags);
                let request = self.expect(pending);
                let publish = frame::Publish { request, envelope, key_header };
                let handled = self.session.handle(Frame::Publish(publish)).await;
                handled.map_err(|refusal| refused(&refusal))?;
            }
        }
        Ok(())
    }

    /// Publishes a message of quality 2. What becomes of it is found out after a crash by the number
    /// that is written down first, so that its client can bring it again without bringing it twice.
    async fn attest_once(&mut self, request: u64, letter: Letter, id: u16) -> Option<Sequence> {
        let (session, hub) = (Arc::clone(&self.session), Arc::clone(&self.door.hub));
        let (topic, state) = (letter.topic.clone(), &mut self.state);
        let note = |boot, sequence| async move {
            state.intended.insert(id, Intended { topic, boot, sequence });
            hub.mqtt().keep(state).await
        };
        session.attest_noting(request, letter, note).await
    }

    /// Whether a message of quality 2 came before and is not released, whatever the client says of
    /// that (4.3.3); then it is answered as it was, or will be.
    fn is_known(&mut self, id: u16) -> bool {
        if self.state.incoming.contains(&id) {
            let reason = Reason::SUCCESS;
            self.machine.answer(Answer { step: Step::Received, id, reason }, "");
            return true;
        }
        let is_same = |pending: &Pending| pending.quality == 2 && pending.id == id;
        self.pending.values().any(is_same)
    }

    /// Remembers that a message is this client's, where it may matter.
    pub(super) fn note_own(&mut self, topic: Topic, which: Which, flags: u32) {
        if flags & Header::FLAG_RETAIN != 0 {
            self.own.insert_retained(topic.clone(), which);
        }
        if self.asks_for_no_own() {
            self.own.insert(topic, which);
        }
    }

    /// Whether a subscription does not want what this client publishes.
    pub(super) fn asks_for_no_own(&self) -> bool {
        self.state.subscriptions.values().any(|held| held.standing.options.no_local())
    }

    /// What the node says of a message, or of the session.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else was asked")]
    pub(super) async fn answered(&mut self, frame: Frame) -> Result<(), End> {
        match frame {
            Frame::Published(published) => match self.heard_of(published.request) {
                Some(pending) => self.stored(pending).await,
                None => Ok(()),
            },
            Frame::Refused(refused) => {
                let frame::Refused { request, code, what, why, .. } = refused;
                // Nothing is said twice: a reason of MQTT has to be short.
                let why = if why.contains(&what) { why } else { format!("{what}: {why}") };
                match self.heard_of(request) {
                    // Several codes are one of MQTT's: the name tells them apart.
                    Some(pending) => self.unstored(pending, code, format!("{code}: {why}")),
                    None if request == 0 => Err(End::Told(reasons::of_end(code), why)),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Hears, at the end of a connection, what became of messages of quality 2 that are on their way
    /// to the log. The client brings again whatever it has no answer to, and what was stored must be
    /// known then.
    pub(super) async fn settle_pending(&mut self) {
        if !self.state.is_durable() {
            return;
        }
        let settling = async {
            while self.pending.values().any(|pending| pending.quality == 2) {
                let Some(frame) = self.port.answers.recv().await else { return };
                self.note_outcome(&frame);
            }
        };
        drop(timeout(SETTLE_MAX, settling).await);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else was asked")]
    fn note_outcome(&mut self, frame: &Frame) {
        match frame {
            Frame::Published(published) => {
                let stored = self.pending.remove(&published.request);
                let twice = stored.filter(|pending| pending.quality == 2);
                if let Some(Pending { id, .. }) = twice {
                    self.state.intended.remove(&id);
                    self.state.incoming.insert(id);
                }
            }
            Frame::Refused(refused) => {
                if let Some(Pending { id, .. }) = self.pending.remove(&refused.request) {
                    self.state.intended.remove(&id);
                }
            }
            _ => {}
        }
    }

    async fn stored(&mut self, pending: Pending) -> Result<(), End> {
        if pending.quality == 2 {
            self.state.incoming.insert(pending.id);
            // Whoever is told that it is there must not be able to bring it twice.
            match self.state.intended.remove(&pending.id) {
                Some(_written_down) => {
                    self.remembered = self.remembered.max(Remembered::Changed);
                }
                None => self.keep().await?,
            }
        }
        self.answer(pending, Reason::SUCCESS, "");
        Ok(())
    }

    /// Makes what is remembered of the session durable: what is said next is relied upon.
    pub(super) async fn keep(&mut self) -> Result<(), End> {
        let kept = self.door.hub.mqtt().keep(&self.state).await;
        kept.map_err(|refusal| refused(&refusal))
    }

    fn unstored(&mut self, pending: Pending, code: RefusalCode, why: String) -> Result<(), End> {
        debug!(%code, why, "a message was refused");
        if pending.quality == 2 && self.state.intended.remove(&pending.id).is_some() {
            // Its number is given to another message.
            self.remembered = Remembered::Relied;
        }
        let old = self.machine.version() == Version::V311;
        if old && pending.quality > 0 && reasons::passes(code) {
            return Err(End::Told(Reason::SERVER_BUSY, why));
        }
        self.answer(pending, reasons::of_message(code), &why);
        Ok(())
    }

    fn answer(&mut self, pending: Pending, reason: Reason, why: &str) {
        let Pending { quality, id, .. } = pending;
        let step = match quality {
            0 => return,
            1 => Step::Acknowledged,
            _ => Step::Received,
        };
        if reason.is_failure() && self.machine.version() == Version::V311 && quality == 2 {
            // The client goes on as if it had been taken, and its identifier is to be released.
            self.state.incoming.insert(id);
        }
        self.machine.answer(Answer { step, id, reason }, why);
    }
}

fn refused(refusal: &Refusal) -> End {
    End::Told(reasons::of_end(refusal.code), refusal.to_string())
}

fn sending(topic: Result<Topic, NameError>, publish: Publish) -> Result<Sending, NotSent> {
    let topic = topic.map_err(|error| NotSent(Reason::NAME_INVALID, error.to_string()))?;
    if publish.message.content_type == ContentType::ENVELOPE {
        return envelope(&topic, publish.message);
    }
    let flags = flags(publish.quality, publish.retain);
    let (content_type, body) = body(&publish.message)?;
    let expiry_s = lasting(publish.expiry_s);
    Ok(Sending::Letter(Letter { topic, body, content_type, flags, expiry_s }))
}

/// What was signed already goes as it is, to where it says.
fn envelope(topic: &Topic, message: MqttMessage) -> Result<Sending, NotSent> {
    let MqttMessage { payload, user_properties, .. } = message;
    let found = Envelope::decode(payload.clone())
        .map_err(|error| NotSent(Reason::PAYLOAD_FORMAT, error.to_string()))?;
    let inside = &found.header().topic;
    if inside != topic {
        let why = format!("topic name: wanted that of the envelope, {inside}, found {topic}");
        return Err(NotSent(Reason::NAME_INVALID, why));
    }
    let property = user_properties.iter().find(|property| property.name == KEY_HEADER);
    let key_header = property.map(|property| BASE64URL_NOPAD.decode(property.value.as_bytes()));
    let key_header = key_header.transpose().map_err(|error| {
        NotSent(Reason::PAYLOAD_FORMAT, format!("user property {KEY_HEADER}: {error}"))
    })?;
    let header = Box::new(found.header().clone());
    Ok(Sending::Envelope { header, envelope: payload, key_header: key_header.map(Bytes::from) })
}

fn body(message: &MqttMessage) -> Result<(ContentType, Bytes), NotSent> {
    if message.utf8 == Some(true) && std::str::from_utf8(&message.payload).is_err() {
        let why = "payload: wanted UTF-8, as its format indicator says (3.3.2.3.2)";
        return Err(NotSent(Reason::PAYLOAD_FORMAT, why.to_owned()));
    }
    to_body(message).map_err(|error| NotSent(Reason::IMPLEMENTATION, error.to_string()))
}

/// Header flags of a message.
fn flags(quality: u8, retain: bool) -> u32 {
    let quality = u32::from(quality) << Header::QUALITY_SHIFT;
    if retain { quality | Header::FLAG_RETAIN } else { quality }
}

/// How long an envelope is worth delivering: there 0 seconds are for ever, in MQTT they are for whoever
/// is there.
fn lasting(expiry_s: Option<u32>) -> u32 {
    expiry_s.map_or(0, |seconds| seconds.max(1))
}

/// A will as the node will attest it.
pub(super) fn testament(prefix: &Prefix, will: &Will) -> Result<Testament, Unwelcome> {
    let unwelcome = |reason: Reason, why: String| Unwelcome {
        reason,
        why: format!("will: {why}"),
        cause: "will",
    };
    let topic = prefix
        .topic(&will.name)
        .map_err(|error| unwelcome(Reason::NAME_INVALID, error.to_string()))?;
    let Will { message, quality, retain, delay_s, expiry_s, .. } = will;
    let (content_type, body) =
        body(message).map_err(|NotSent(reason, why)| unwelcome(reason, why))?;
    Ok(Testament {
        topic,
        body,
        content_type,
        flags: flags(*quality, *retain),
        expiry_s: lasting(*expiry_s),
        delay_s: *delay_s,
    })
}
