//! One welcomed connection to a home: envelopes out, answers back to those who wait for them.

use std::collections::BTreeMap;
use std::time::Duration;

use sekisho::connection::{ConnectError, Connection, Endpoint, Stream, Welcomed};
use sekisho::framing::{FrameReader, FrameWriter, StreamError};
use sekisho_proto::{Frame, OrgName, RefusalCode, frame, statement::PeeringParty};
use sekisho_seal::SigningKey;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::{Back, Traveller};
use crate::clock;
use crate::hub::Hub;

/// Envelopes without an answer; the home may want fewer.
const INFLIGHT_MAX: usize = 2_048;
/// Answers that were read and not passed on.
const HEARD_MAX: usize = 1_024;
/// How long the home may take to accept what is written to it.
const WRITING_MAX: Duration = Duration::from_secs(10);
/// How long the oldest envelope may wait for its answer before the home counts as gone.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// See the module. Dropping it ends the connection.
pub(super) struct Line {
    home: OrgName,
    _connection: Connection,
    control: FrameWriter,
    heard: mpsc::Receiver<Result<Option<Frame>, StreamError>>,
    _reading: AbortOnDropHandle<()>,
    waiting: BTreeMap<u64, (Back, Instant)>,
    last_request: u64,
    inflight_max: usize,
}

/// The line is of no more use.
#[derive(Debug)]
pub(super) struct Broken;

impl Line {
    /// Dials and introduces this node.
    pub(super) async fn open(party: &PeeringParty, key: &SigningKey) -> Result<Self, ConnectError> {
        let home = party.organisation.clone();
        let endpoint = Endpoint {
            address: party.address.clone(),
            node_key: party.node_key,
            organisation: home.clone(),
        };
        let Welcomed { connection, control, welcome } =
            Connection::open(&endpoint, key, crate::SOFTWARE).await?;
        let Stream { writer: control, reader } = control;
        let (sender, heard) = mpsc::channel(HEARD_MAX);
        let wanted = usize::try_from(welcome.inflight_max.max(1)).unwrap_or(INFLIGHT_MAX);
        Ok(Self {
            home,
            _connection: connection,
            control,
            heard,
            _reading: AbortOnDropHandle::new(tokio::spawn(read(reader, sender))),
            waiting: BTreeMap::new(),
            last_request: 0,
            inflight_max: wanted.min(INFLIGHT_MAX),
        })
    }

    /// Whether one more may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < self.inflight_max
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the home counts as gone, where it owes an answer.
    pub(super) fn overdue(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_request, (_back, sent))| *sent + ANSWER_MAX)
    }

    /// Sends travellers in their order, as many as there is room for with one write.
    pub(super) async fn carry(
        &mut self,
        first: Traveller,
        queue: &mut mpsc::Receiver<Traveller>,
    ) -> Result<(), Broken> {
        let mut is_full = self.gather(first);
        while !is_full
            && self.has_room()
            && let Ok(next) = queue.try_recv()
        {
            is_full = self.gather(next);
        }
        self.flush().await
    }

    fn gather(&mut self, traveller: Traveller) -> bool {
        let Traveller { passage, back, _room } = traveller;
        self.last_request += 1;
        let request = self.last_request;
        let (envelope, key_header) = passage.into_parts();
        self.waiting.insert(request, (back, Instant::from_std(clock::instant())));
        self.control.gather(&Frame::Publish(frame::Publish { request, envelope, key_header }))
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        match timeout(WRITING_MAX, self.control.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => {
                debug!(%fault, "the home takes no more");
                Err(Broken)
            }
            Err(_elapsed) => {
                info!("the home does not read");
                Err(Broken)
            }
        }
    }

    /// What the home says next. May be dropped and called again.
    pub(super) async fn hear(&mut self) -> Result<Option<Frame>, StreamError> {
        // The reading task says why before it ends.
        self.heard.recv().await.unwrap_or(Ok(None))
    }

    /// Passes on what the home said.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other frame has a place here")]
    pub(super) async fn take(&mut self, frame: Frame) -> Result<(), Broken> {
        match frame {
            Frame::Vouched(vouched) => {
                self.answer(vouched.request, "vouched", |request| {
                    Frame::Vouched(frame::Vouched { request, ..vouched })
                });
            }
            Frame::Published(published) => {
                self.answer(published.request, "published", |request| {
                    Frame::Published(frame::Published { request, ..published })
                });
            }
            Frame::Refused(refused) if refused.request != 0 => {
                debug!(code = %refused.code, what = refused.what, why = refused.why, "refused at home");
                self.answer(refused.request, "refused", |request| {
                    Frame::Refused(frame::Refused { request, ..refused })
                });
            }
            Frame::Refused(refused) => {
                info!(code = %refused.code, what = refused.what, why = refused.why, "the home refused this node");
                return Err(Broken);
            }
            Frame::Ping(ping) => {
                self.control.gather(&Frame::Pong(frame::Pong { token: ping.token }));
                return self.flush().await;
            }
            Frame::Pong(_) => {}
            Frame::Goodbye(goodbye) => {
                info!(why = goodbye.why, "the home said goodbye");
                return Err(Broken);
            }
            other => {
                info!(frame = other.name(), "the home says what was not asked for");
                return Err(Broken);
            }
        }
        Ok(())
    }

    fn answer(&mut self, request: u64, outcome: &'static str, frame: impl FnOnce(u64) -> Frame) {
        let Some((back, _sent)) = self.waiting.remove(&request) else {
            debug!(request, "an answer that nobody waits for");
            return;
        };
        Hub::count_passage(self.home.as_str(), outcome);
        back.tell(frame(back.request));
    }

    /// Tells everybody who still waits that the answer will not come: what they sent may be stored.
    pub(super) fn give_up(self, hub: &Hub) {
        for (back, _sent) in self.waiting.into_values() {
            let refusal = super::away(&self.home, "found it gone before it answered");
            debug_assert_eq!(refusal.code, RefusalCode::Draining);
            refuse(hub, &self.home, &back, refusal);
        }
    }
}

/// Refuses a traveller for now.
pub(super) fn refuse(hub: &Hub, home: &OrgName, back: &Back, refusal: crate::hub::Refusal) {
    Hub::count_passage(home.as_str(), "lost");
    back.tell(hub.refuse(back.request, refusal));
}

async fn read(mut reader: FrameReader, sender: mpsc::Sender<Result<Option<Frame>, StreamError>>) {
    loop {
        let said = reader.next().await;
        let is_last = !matches!(said, Ok(Some(_)));
        if sender.send(said).await.is_err() || is_last {
            return;
        }
    }
}
