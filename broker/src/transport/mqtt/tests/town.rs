//! A node of its own with this door, and clients that are put to it without a network.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqtt_protocol_core::mqtt::packet::{
    Property, Qos, ReceiveMaximum, SessionExpiryInterval, SubEntry, SubOpts, v5_0,
};
use sekisho_mqtt::mapping::Prefix;
use sekisho_mqtt::packet::Turn;
use sekisho_mqtt::session_state::Form;
use sekisho_proto::statement::{Deny, EpochAnnounce, Principal};
use sekisho_proto::{
    Action, Actions, BootId, ContentType, Epoch, Filter, Frame, Grantee, Hash, PrincipalId,
    PrincipalKind, PrincipalName, PublicKey, Scope, Sequence, StatementBody, Suite, Timestamp,
    frame,
};
use sekisho_seal::{EpochKeyPair, EpochPublic, HeaderDraft, Sealer, SeededEntropy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::config::Config;
use crate::engine;
use crate::hub::attesting_world::{AttestingWorld, fujisawa, key};
use crate::transport::crowd::Crowd;
use crate::transport::mqtt::publishing::KEY_HEADER;
use crate::transport::mqtt::{Door, Peer, Place};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a pipe, bytes.
const PIPE: usize = 64 * 1024;
/// How long sessions outlive their connections.
const KEPT_S: u32 = 3_600;
/// Where the clients' names stand: those who are enrolled may do everything there.
const PREFIX: &str = "fujisawa/tide";

/// See the module.
pub(super) struct Town {
    world: AttestingWorld,
    door: Arc<Door>,
    stop: CancellationToken,
    memory: JoinHandle<()>,
}

/// Whose a client is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    /// The node signs for it.
    Meter,
    /// It has a key.
    Clock,
}

/// Whether a client takes up its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Clean,
    Resumed,
}

/// One connection.
pub(super) struct Client(DuplexStream);

/// PUBLISH of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) payload: String,
    pub(super) id: u16,
    pub(super) turn: Turn,
    pub(super) is_retained: bool,
    pub(super) form: Form,
    pub(super) key_header: Option<String>,
    pub(super) quality: Qos,
}

impl Town {
    pub(super) fn open() -> Self {
        Self::around(AttestingWorld::open())
    }

    fn around(world: AttestingWorld) -> Self {
        let (hub, stop) = (Arc::clone(world.hub()), CancellationToken::new());
        let crowd = Arc::new(Crowd::new(hub.config()));
        let memory = tokio::spawn(crate::mqtt::run(Arc::clone(&hub), stop.clone()));
        let door = Door {
            hub,
            key: Arc::new(key("node")),
            crowd,
            prefix: Prefix::parse(PREFIX).unwrap(),
            stop: stop.clone(),
            tasks: TaskTracker::new(),
        };
        Self { world, door: Arc::new(door), stop, memory }
    }

    /// The same node in another run.
    pub(super) async fn restarted(self) -> Self {
        let world = self.ended().await;
        Self::around(AttestingWorld::open_in(world.stop().await))
    }

    /// The same, whose log goes on in another file.
    pub(super) async fn restarted_in_another_segment(self) -> Self {
        let folder = self.ended().await.stop().await;
        let path = folder.path().join("sekisho.toml");
        let config = Config::parse("organisation = \"fujisawa\"", folder.path(), &path).unwrap();
        engine::set_ahead(&config).unwrap();
        Self::around(AttestingWorld::open_in(folder))
    }

    pub(super) async fn close(self) {
        self.ended().await.close().await;
    }

    async fn ended(self) -> AttestingWorld {
        let Self { world, door, stop, memory } = self;
        stop.cancel();
        door.close().await;
        memory.await.unwrap();
        world
    }

    /// A connection that was accepted, of a client that takes so many messages at a time.
    pub(super) async fn connected(
        &self,
        whose: Whose,
        client: &str,
        (start, receive_maximum): (Start, u16),
    ) -> Client {
        let room = Property::ReceiveMaximum(ReceiveMaximum::new(receive_maximum).unwrap());
        self.connected_with(whose, client, (start, room)).await
    }

    /// The same, with one property of CONNECT.
    pub(super) async fn connected_with(
        &self,
        whose: Whose,
        client: &str,
        (start, property): (Start, Property),
    ) -> Client {
        let (connected, connack) = self.greeted(whose, client, (start, property)).await;
        let is_resumed = start == Start::Resumed;
        assert_eq!(connack, [u8::from(is_resumed), 0], "wanted to come in, to the session it was");
        connected
    }

    /// A connection that was answered, and the flags and the code of CONNACK.
    pub(super) async fn greeted(
        &self,
        whose: Whose,
        client: &str,
        (start, property): (Start, Property),
    ) -> (Client, [u8; 2]) {
        self.greeted_with(whose, client, (start, property), None).await
    }

    /// The same, of a client that may leave a will of this payload under this name.
    pub(super) async fn greeted_with(
        &self,
        whose: Whose,
        client: &str,
        (start, property): (Start, Property),
        will: Option<(&str, &str)>,
    ) -> (Client, [u8; 2]) {
        let mut greeted = self.stranger(whose);
        let lasting = Property::SessionExpiryInterval(SessionExpiryInterval::new(KEPT_S).unwrap());
        let mut connect = v5_0::Connect::builder()
            .client_id(client)
            .unwrap()
            .clean_start(start == Start::Clean)
            .props(vec![lasting, property]);
        if let Some((name, payload)) = will {
            connect = connect.will_message(name, payload, Qos::AtLeastOnce, false).unwrap();
        }
        let connect = connect.build().unwrap().to_continuous_buffer();
        let (first, body) = greeted.ask(&connect).await;
        assert_eq!(first, 0x20, "wanted CONNACK, found {body:?}");
        (greeted, [body[0], body[1]])
    }

    /// The flags and the code of CONNACK to a client of 3.1.1 that takes up its session.
    pub(super) async fn greeted_of_old(&self, whose: Whose, client: &str) -> Vec<u8> {
        const BEFORE: [u8; 10] = [0, 4, b'M', b'Q', b'T', b'T', 4, 0, 0, 0];
        let length = u16::try_from(client.len()).unwrap();
        let body = [&BEFORE[..], &length.to_be_bytes(), client.as_bytes()].concat();
        let packet = [&[0x10, u8::try_from(body.len()).unwrap()], &body[..]].concat();
        let (first, answer) = self.stranger(whose).ask(&packet).await;
        assert_eq!(first, 0x20, "wanted CONNACK, found {answer:?}");
        answer
    }

    /// A connection that nothing was said on.
    fn stranger(&self, whose: Whose) -> Client {
        let (near, far) = duplex(PIPE);
        let place = Place::Own { _seat: self.door.crowd.seat().unwrap(), stranger: None };
        let address = ([127, 0, 0, 1], 1).into();
        let peer = Peer { address, key: Some(self.key_of(whose)), shown: None, place };
        self.door.tasks.spawn(Arc::clone(&self.door).serve(far, peer));
        Client(near)
    }

    /// Has somebody asked for as much as is recorded of anybody at once.
    pub(super) fn exhaust(&self, whose: Whose) {
        let who = PrincipalId::of(&self.key_of(whose));
        while self.world.hub().may_record(&who, clock::now()).is_ok() {}
    }

    /// Time has passed: so many things may be recorded of somebody again.
    pub(super) fn recover(&self, whose: Whose, count: usize) {
        let who = PrincipalId::of(&self.key_of(whose));
        self.world.hub().give_back_records(&who, count, clock::now());
    }

    /// How much is recorded in the access log.
    pub(super) fn accesses(&self) -> usize {
        self.world.hub().access().list(None, 0, usize::MAX).unwrap().len()
    }

    /// The files of the log, by age.
    pub(super) fn segments(&self) -> Vec<PathBuf> {
        let log = self.world.hub().config().data.join("log");
        let entries = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
        let is_segment =
            |path: &PathBuf| path.extension().is_some_and(|ending| ending == "segment");
        let mut segments: Vec<_> = entries.filter(is_segment).collect();
        segments.sort();
        segments
    }

    fn key_of(&self, whose: Whose) -> PublicKey {
        match whose {
            Whose::Meter => self.world.meter().public_key(),
            Whose::Clock => key("clock").public_key(),
        }
    }

    /// The clock may not read this name any more.
    pub(super) async fn deny_the_clock(&self, name: &str) {
        let deny = Deny {
            organisation: fujisawa(),
            grantee: Grantee::parse("clock@fujisawa").unwrap(),
            actions: Actions::of(&[Action::Subscribe, Action::History]),
            filter: format!("{PREFIX}/{name}").parse().unwrap(),
            reason: "a test".to_owned(),
            issued: clock::now(),
        };
        self.world.state(StatementBody::Deny(deny)).await;
    }

    /// The clock publishes under this name what it sealed, two envelopes in each of two runs: each run
    /// needs a key header.
    pub(super) async fn seal_twice_in_two_runs(&self, name: &str) {
        let signing = key("clock");
        let epoch = self.announced().await;
        let (session, mut port) = self.world.session(signing.public_key()).await;
        for run in 1..=2_u8 {
            let topic = format!("{PREFIX}/{name}").parse().unwrap();
            let (boot, mut entropy) = (BootId::new([run; 16]), SeededEntropy::new(run.into()));
            let mut sealer = Sealer::new(&signing, topic, boot, &epoch, &mut entropy).unwrap();
            let mut previous: Option<Hash> = None;
            for sequence in 0..2 {
                let draft = HeaderDraft {
                    sequence: Sequence::new(sequence),
                    time: clock::now(),
                    previous,
                    content_type: ContentType::parse("text/plain").unwrap(),
                    sample_count: 0,
                    flags: 0,
                    expiry_s: 0,
                    scope: Scope::Organisation,
                };
                let envelope = sealer.seal(draft, b"sealed").unwrap();
                previous = Some(envelope.hash());
                let publish = frame::Publish {
                    request: sequence + 1,
                    envelope: envelope.encoded().clone(),
                    key_header: Some(sealer.key_header().encoded().clone()),
                };
                session.handle(Frame::Publish(publish)).await.unwrap();
                let answer = timeout(PATIENCE, port.answers.recv()).await.unwrap();
                assert!(matches!(answer, Some(Frame::Published(_))), "{answer:?}");
            }
        }
        session.close().await;
    }

    /// The key to which everything is sealed.
    async fn announced(&self) -> EpochPublic {
        let issued = Timestamp::from_micros(0);
        let steward = Principal {
            name: PrincipalName::new("steward", &fujisawa()).unwrap(),
            kind: PrincipalKind::Steward,
            public_key: key("steward").public_key(),
            kem_suite: Suite::Open,
            kem_public_key: Bytes::new(),
            issued,
            until: None,
            attested: false,
        };
        self.world.state(steward.into()).await;
        let pair = EpochKeyPair::from_seed(Suite::X25519Aes256Gcm, &[3; 32]).unwrap();
        let (tree, now) = (Filter::everything(&fujisawa()), clock::now());
        let announce = EpochAnnounce {
            organisation: fujisawa(),
            tree: tree.clone(),
            epoch: Epoch::new(1),
            suite: pair.suite(),
            public_key: pair.public_key().to_bytes().into(),
            issued: now,
            not_before: issued,
            not_after: Timestamp::from_micros(now.as_micros() + i64::from(KEPT_S) * 1_000_000),
            min_epoch: Epoch::new(1),
        };
        self.world.state_by("steward", announce.into()).await;
        EpochPublic::new(tree, Epoch::new(1), pair.public_key().clone())
    }

    /// The shard has done everything that it was asked.
    pub(super) async fn is_settled(&self) {
        let mut other = self.connected(Whose::Meter, "settling", (Start::Clean, 1)).await;
        other.subscribe("settling", 0).await;
    }
}

impl Message {
    /// What a packet says, its first byte and the rest.
    #[expect(clippy::wildcard_enum_match_arm, reason = "two properties are looked at")]
    pub(super) fn of(first: u8, body: Vec<u8>) -> Self {
        assert_eq!(first >> 4, 3, "wanted PUBLISH, found {first:#04x} {body:?}");
        let (packet, _used) = v5_0::Publish::parse(first & 0x0f, body.into()).unwrap();
        let mut said = packet.props().iter();
        let is_envelope = |property: &Property| matches!(property, Property::ContentType(said) if said.val() == ContentType::ENVELOPE);
        let form = if said.any(is_envelope) { Form::Envelope } else { Form::Message };
        let key_header = packet.props().iter().find_map(|property| match property {
            Property::UserProperty(pair) if pair.key() == KEY_HEADER => Some(pair.val().to_owned()),
            _ => None,
        });
        Self {
            payload: String::from_utf8_lossy(packet.payload().as_slice()).into_owned(),
            form,
            key_header,
            id: packet.packet_id().unwrap_or_default(),
            turn: if packet.dup() { Turn::Again } else { Turn::First },
            is_retained: packet.retain(),
            quality: packet.qos(),
        }
    }
}

impl Client {
    async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next packet, its first byte and the rest.
    pub(super) async fn hear(&mut self) -> (u8, Vec<u8>) {
        let hearing = async {
            let first = self.0.read_u8().await.unwrap();
            let (mut length, mut shift) = (0_usize, 0);
            loop {
                let byte = self.0.read_u8().await.unwrap();
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await.unwrap();
            (first, body)
        };
        timeout(PATIENCE, hearing).await.expect("a packet")
    }

    async fn ask(&mut self, bytes: &[u8]) -> (u8, Vec<u8>) {
        self.say(bytes).await;
        self.hear().await
    }

    /// PINGREQ: nothing else was on its way.
    pub(super) async fn ping(&mut self) {
        assert_eq!(self.asked_to_ping().await, (0xd0, Vec::new()));
    }

    /// PINGREQ; what comes first.
    pub(super) async fn asked_to_ping(&mut self) -> (u8, Vec<u8>) {
        self.ask(&[0xc0, 0]).await
    }

    /// SUBSCRIBE with an options byte.
    pub(super) async fn subscribe(&mut self, filter: &str, options: u8) {
        self.subscribe_with(filter, options, Vec::new()).await;
    }

    /// The same, with properties.
    pub(super) async fn subscribe_with(
        &mut self,
        filter: &str,
        options: u8,
        properties: Vec<Property>,
    ) {
        let entry = SubEntry::new(filter, SubOpts::from_u8(options).unwrap()).unwrap();
        let subscribe = v5_0::Subscribe::builder().packet_id(1).entries(vec![entry]);
        let subscribe = subscribe.props(properties);
        let subscribe = subscribe.build().unwrap().to_continuous_buffer();
        assert_eq!(self.ask(&subscribe).await, (0x90, vec![0, 1, 0, options & 3]));
    }

    pub(super) async fn unsubscribe(&mut self, filter: &str) {
        let unsubscribe = v5_0::Unsubscribe::builder().packet_id(2).entries(vec![filter]);
        let unsubscribe = unsubscribe.unwrap().build().unwrap().to_continuous_buffer();
        assert_eq!(self.ask(&unsubscribe).await, (0xb0, vec![0, 2, 0, 0]));
    }

    /// PUBLISH with the answers to it, perhaps to be retained.
    pub(super) async fn publish(
        &mut self,
        name: &str,
        payload: &str,
        (quality, retain): (u8, bool),
    ) {
        let quality = Qos::try_from(quality).unwrap();
        let publish = v5_0::Publish::builder().topic_name(name).unwrap().payload(payload);
        let publish = publish.qos(quality).packet_id(3).retain(retain);
        let answered = self.ask(&publish.build().unwrap().to_continuous_buffer()).await;
        if quality == Qos::ExactlyOnce {
            assert_eq!(answered, (0x50, vec![0, 3]));
            assert_eq!(self.ask(&[0x62, 2, 0, 3]).await, (0x70, vec![0, 3]));
        } else {
            assert_eq!(answered, (0x40, vec![0, 3]));
        }
    }

    pub(super) async fn message(&mut self) -> Message {
        let (first, body) = self.hear().await;
        Message::of(first, body)
    }

    /// PUBREC, and PUBREL to it.
    pub(super) async fn receive(&mut self, message: &Message) {
        let [high, low] = message.id.to_be_bytes();
        assert_eq!(self.ask(&[0x50, 2, high, low]).await, (0x62, vec![high, low]));
    }

    /// The client has it: PUBACK, or PUBREC and PUBCOMP.
    pub(super) async fn finish(&mut self, message: &Message) {
        let [high, low] = message.id.to_be_bytes();
        match message.quality {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => self.say(&[0x40, 2, high, low]).await,
            Qos::ExactlyOnce => {
                self.receive(message).await;
                self.say(&[0x70, 2, high, low]).await;
            }
        }
    }
}
