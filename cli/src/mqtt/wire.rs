//! One connection by MQTT 5 over TLS: the least that `pub` and `sub` need.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use mqtt::connection::{Event, TimerKind};
use mqtt::packet::{
    GenericPacketTrait as _, Packet, Properties, Property, Qos, SubEntry, SubOpts, v5_0,
};
use mqtt::result_code::ConnectReasonCode;
use mqtt_protocol_core::mqtt;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use sekisho::tls::PinnedCertificate;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Caller;
use crate::fault;

/// How long the node may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Seconds after which this end says that it is there.
const KEEP_ALIVE_S: u16 = 20;
const READ_BYTES: usize = 16 * 1024;

type Machine = mqtt::Connection<mqtt::role::Client>;

/// What came.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// What there is to do.
pub(super) enum Due {
    /// So many bytes came.
    Read(usize),
    /// This end has to say that it is there.
    Beat,
}

/// See the module.
pub(super) struct Wire {
    stream: TlsStream<TcpStream>,
    machine: Machine,
    messages: VecDeque<Message>,
    answers: VecDeque<Packet>,
    buffer: Vec<u8>,
    /// When to say that this end is there.
    beat: Option<std::pin::Pin<Box<Sleep>>>,
}

impl Wire {
    /// Dials, takes this certificate and no other, and is let in.
    pub(super) async fn connect(
        address: &str,
        certificate: CertificateDer<'static>,
        caller: &Caller,
    ) -> Result<Self> {
        let config = config(certificate, caller)?;
        let connecting = async {
            let stream = TcpStream::connect(address).await.map_err(|cause| {
                fault::unreachable(format!(
                    "wanted a connection: {cause}; is the node running, and is that its listen.mqtt?"
                ))
            })?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
            let secured = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
            secured.context("wanted TLS with the certificate given")
        };
        let stream = match timeout(ANSWER_MAX, connecting).await {
            Ok(stream) => stream?,
            Err(_elapsed) => return Err(fault::unreachable("wanted an answer, found none")),
        };
        let mut machine = Machine::new(mqtt::Version::V5_0);
        machine.set_auto_pub_response(true);
        let (messages, answers) = (VecDeque::new(), VecDeque::new());
        let buffer = vec![0; READ_BYTES];
        let mut wire = Self { stream, machine, messages, answers, buffer, beat: None };
        let mut connect = v5_0::Connect::builder()
            .client_id("")
            .map_err(odd)?
            .clean_start(true)
            .keep_alive(KEEP_ALIVE_S);
        if let Caller::Password(user, password) = caller {
            connect = connect.user_name(user.as_str()).map_err(odd)?;
            connect = connect.password(password.as_str()).map_err(odd)?;
        }
        let connect = connect.build().map_err(odd)?;
        let events = wire.machine.checked_send(connect);
        wire.handle(events).await?;
        let answer = wire.answer().await.context(
            "CONNECT: wanted an answer in MQTT; is this listen.mqtt, and not the port of listen.web?",
        )?;
        let Packet::V5_0Connack(answer) = answer else {
            bail!("CONNECT: wanted CONNACK, found {}", answer.packet_type());
        };
        let (code, words) = (answer.reason_code(), words(Some(answer.props())));
        if code != ConnectReasonCode::Success {
            return Err(fault::no(format!("CONNECT: refused: {code}{words}")));
        }
        Ok(wire)
    }

    /// Publishes with quality of service 1, and waits until the node has it.
    pub(super) async fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<()> {
        let id = self.machine.acquire_packet_id().map_err(odd)?;
        let publish = v5_0::Publish::builder()
            .topic_name(topic)
            .map_err(odd)?
            .qos(Qos::AtLeastOnce)
            .packet_id(id)
            .payload(payload)
            .build()
            .map_err(odd)?;
        let events = self.machine.checked_send(publish);
        self.handle(events).await?;
        let answer = self.answer().await?;
        let Packet::V5_0Puback(answer) = answer else {
            bail!("PUBLISH: wanted PUBACK, found {}", answer.packet_type());
        };
        let words = words(answer.props().as_ref());
        match answer.reason_code() {
            Some(code) if !code.is_success() => {
                Err(fault::no(format!("PUBLISH to {topic}: refused: {code}{words}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Subscribes with quality of service 1.
    pub(super) async fn subscribe(&mut self, filter: &str) -> Result<()> {
        let id = self.machine.acquire_packet_id().map_err(odd)?;
        let options = SubOpts::new().set_qos(Qos::AtLeastOnce);
        let entry = SubEntry::new(filter, options).map_err(odd)?;
        let subscribe =
            v5_0::Subscribe::builder().packet_id(id).entries(vec![entry]).build().map_err(odd)?;
        let events = self.machine.checked_send(subscribe);
        self.handle(events).await?;
        let answer = self.answer().await?;
        let Packet::V5_0Suback(answer) = answer else {
            bail!("SUBSCRIBE: wanted SUBACK, found {}", answer.packet_type());
        };
        let words = words(Some(answer.props()));
        match answer.reason_codes().first() {
            Some(code) if !code.is_success() => {
                Err(fault::no(format!("SUBSCRIBE to {filter}: refused: {code}{words}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The next message. May be dropped and called again.
    pub(super) async fn message(&mut self) -> Result<Message> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            self.turn().await?;
        }
    }

    /// Says goodbye, where somebody listens.
    pub(super) async fn close(mut self) {
        if let Ok(disconnect) = v5_0::Disconnect::builder().build() {
            let events = self.machine.checked_send(disconnect);
            let said = async {
                self.handle(events).await?;
                Ok::<_, anyhow::Error>(self.stream.shutdown().await?)
            };
            if !matches!(timeout(ANSWER_MAX, said).await, Ok(Ok(()))) {
                tracing::debug!("the node did not take the goodbye");
            }
        }
    }

    async fn answer(&mut self) -> Result<Packet> {
        let answered = async {
            loop {
                if let Some(packet) = self.answers.pop_front() {
                    return Ok(packet);
                }
                self.turn().await?;
            }
        };
        match timeout(ANSWER_MAX, answered).await {
            Ok(answered) => answered,
            Err(_elapsed) => Err(fault::unreachable("wanted an answer, found none")),
        }
    }

    /// Reads what comes, or says that this end is there.
    async fn turn(&mut self) -> Result<()> {
        let due = self.due().await?;
        self.settle(due).await
    }

    /// Waits until there is something to do. May be dropped and called again: nothing is read or written
    /// before it is ready.
    pub(super) async fn due(&mut self) -> Result<Due> {
        let beat = async {
            match &mut self.beat {
                Some(beat) => beat.await,
                None => std::future::pending().await,
            }
        };
        Ok(tokio::select! {
            read = self.stream.read(&mut self.buffer) => Due::Read(read?),
            () = beat => Due::Beat,
        })
    }

    /// Does it. May not be dropped: half a packet may have been written.
    pub(super) async fn settle(&mut self, due: Due) -> Result<()> {
        let Due::Read(read) = due else {
            self.beat = None;
            let events = self.machine.notify_timer_fired(TimerKind::PingreqSend);
            return self.handle(events).await;
        };
        ensure!(read > 0, "wanted the connection open, found it closed by the node");
        let came = self.buffer.get(..read).unwrap_or_default().to_vec();
        let mut cursor = mqtt::common::Cursor::new(came.as_slice());
        while usize::try_from(cursor.position()).is_ok_and(|position| position < read) {
            let events = self.machine.recv(&mut cursor);
            self.handle(events).await?;
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest asks nothing of this end")]
    async fn handle(&mut self, events: Vec<Event>) -> Result<()> {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    self.stream.write_all(&packet.to_continuous_buffer()).await?;
                }
                Event::NotifyPacketReceived(Packet::V5_0Publish(publish)) => {
                    let topic = publish.topic_name().to_owned();
                    let payload = publish.payload().as_slice().to_vec();
                    self.messages.push_back(Message { topic, payload });
                }
                Event::NotifyPacketReceived(Packet::V5_0Disconnect(said)) => {
                    let words = words(said.props().as_ref());
                    let code = said.reason_code().map(|code| code.to_string());
                    bail!("ended by the node: {}{words}", code.unwrap_or_default());
                }
                Event::NotifyPacketReceived(Packet::V5_0Pingresp(_)) => {}
                Event::NotifyPacketReceived(packet) => self.answers.push_back(packet),
                Event::RequestTimerReset { kind: TimerKind::PingreqSend, duration_ms } => {
                    self.beat = Some(Box::pin(sleep(Duration::from_millis(duration_ms))));
                }
                Event::NotifyError(cause) => bail!("MQTT: {cause}"),
                _ => {}
            }
        }
        self.stream.flush().await?;
        Ok(())
    }
}

/// The node's own words, where it has some.
fn words(properties: Option<&Properties>) -> String {
    let said = properties.into_iter().flatten().find_map(|property| {
        let Property::ReasonString(words) = property else { return None };
        Some(words.val())
    });
    said.map_or_else(String::new, |said| format!(": {said}"))
}

fn odd(cause: impl std::fmt::Display) -> anyhow::Error {
    fault::usage(format!("MQTT: wanted what MQTT can say, found {cause}"))
}

fn config(pinned: CertificateDer<'static>, caller: &Caller) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedCertificate::new(pinned, provider)));
    Ok(match caller {
        Caller::Password(..) => builder.with_no_client_auth(),
        Caller::Key(key) => {
            let der = key.pkcs8_der();
            let der = PrivatePkcs8KeyDer::from(der.as_slice());
            let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519)?;
            let shown = CertificateParams::default().self_signed(&pair)?;
            builder.with_client_auth_cert(vec![shown.der().clone()], der.clone_key().into())?
        }
    })
}
