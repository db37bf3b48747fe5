//! One connection to an MQTT broker, 3.1.1 or 5.0, by a state machine without I/O. What comes is
//! told one by one; what is to be sent is gathered and written while waiting, so that waiting can be
//! given up at any time.

mod packet;
mod tls;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use mqtt::connection::{ConnectionOptions, Event, TimerKind};
use mqtt::packet::{GenericPacketTrait as _, Packet};
use mqtt_protocol_core::mqtt;
use thiserror::Error;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf,
};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

pub use self::packet::Heard;
use self::packet::Packets;
use crate::config::{MqttConfig, Security};

/// From the first byte to CONNACK.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// How long a goodbye may take.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// How long after PINGREQ its answer may take, milliseconds.
const PINGRESP_MAX_MS: u64 = 10_000;
const READ_BYTES: usize = 16 * 1024;
/// The largest packet that a broker may send, bytes: a command of 64 KiB with its topic fits.
const PACKET_BYTES_MAX: u32 = 128 * 1024;
/// Beyond this much that waits to be written nothing is read, bytes: what is read has answers.
const OUTPUT_MAX: usize = 4 << 20;

type Machine = mqtt::Connection<mqtt::role::Client>;

/// What carries the bytes.
trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Carrier for T {}

/// Why there is no connection, or none any more.
#[derive(Debug, Error)]
pub enum WireError {
    /// The broker does not answer, or the connection broke.
    #[error("MQTT broker at {address}: wanted a connection")]
    Io {
        /// Where it was looked for.
        address: String,
        /// What the system or TLS said.
        source: io::Error,
    },
    /// Certificates or keys cannot be used.
    #[error("MQTT: {what}: wanted {wanted}, found {found}")]
    Tls {
        /// Which file.
        what: String,
        /// What would have been right.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// The broker does not take this client.
    #[error("MQTT broker: wanted to be taken, found {found}")]
    Refused {
        /// Its words.
        found: String,
    },
    /// The broker did not say anything in time.
    #[error("MQTT broker: wanted {wanted}, found silence")]
    Silent {
        /// What was waited for.
        wanted: &'static str,
    },
    /// The broker takes no more for now.
    #[error("MQTT broker: wanted room for a message, found {found}")]
    Busy {
        /// Its words.
        found: String,
    },
    /// What came is no MQTT, or out of place.
    #[error("MQTT broker: wanted {wanted}, found {found}")]
    Odd {
        /// What would have been right.
        wanted: &'static str,
        /// What it was.
        found: String,
    },
    /// The broker ended the connection.
    #[error("MQTT broker: wanted the connection open, found it closed{found}")]
    Closed {
        /// Its words, after a colon.
        found: String,
    },
}

/// See the module.
pub struct Wire {
    address: String,
    reader: ReadHalf<Box<dyn Carrier>>,
    writer: WriteHalf<Box<dyn Carrier>>,
    machine: Machine,
    packets: Packets,
    heard: VecDeque<Heard>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// TLS may hold some of what was written.
    is_unflushed: bool,
    /// When to say that this end is there.
    beat: Option<Pin<Box<Sleep>>>,
    /// When the other end must have said so.
    answer_by: Option<Pin<Box<Sleep>>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Wire {
    /// Dials, and resolves when the broker has taken this client.
    ///
    /// # Errors
    /// [`WireError`].
    pub async fn connect(config: &MqttConfig) -> Result<Self, WireError> {
        match timeout(CONNECT_MAX, Self::greet(config)).await {
            Ok(connected) => connected,
            Err(_elapsed) => Err(WireError::Silent { wanted: "CONNACK" }),
        }
    }

    async fn greet(config: &MqttConfig) -> Result<Self, WireError> {
        let failed = |source| WireError::Io { address: config.address.clone(), source };
        let stream = TcpStream::connect(&config.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let carrier: Box<dyn Carrier> = match &config.security {
            Security::Loopback => {
                let address = stream.peer_addr().map_err(failed)?;
                if !address.ip().is_loopback() {
                    let found = format!("{address}, without TLS");
                    return Err(WireError::Odd { wanted: "an address of this machine", found });
                }
                Box::new(stream)
            }
            Security::Tls(tls) => {
                let (connector, name) = tls::connector(tls, &config.address)?;
                Box::new(connector.connect(name, stream).await.map_err(failed)?)
            }
        };
        let (reader, writer) = tokio::io::split(carrier);
        let packets = Packets::of(config.version);
        let options = ConnectionOptions::new().maximum_packet_size_recv(PACKET_BYTES_MAX);
        let mut machine = Machine::with_options(packets.version(), options);
        machine.set_auto_pub_response(true);
        machine.set_pingresp_recv_timeout(PINGRESP_MAX_MS);
        let mut wire = Self {
            address: config.address.clone(),
            reader,
            writer,
            machine,
            packets,
            heard: VecDeque::new(),
            input: vec![0; READ_BYTES],
            output: Vec::new(),
            is_unflushed: false,
            beat: None,
            answer_by: None,
        };
        let connect = packets.connect(config)?;
        let events = wire.machine.send(connect);
        wire.handle(events)?;
        match wire.next().await? {
            Heard::Connected(None) => Ok(wire),
            Heard::Connected(Some(found)) => Err(WireError::Refused { found }),
            other @ (Heard::Acknowledged(..)
            | Heard::Subscribed(_)
            | Heard::Message { .. }
            | Heard::Ended(_)) => {
                Err(WireError::Odd { wanted: "CONNACK", found: format!("{other:?}") })
            }
        }
    }

    /// Puts a message of quality of service 1 on its way; its number comes back with the broker's
    /// acknowledgement.
    ///
    /// # Errors
    /// It is nothing that MQTT can say, or there are no numbers left.
    pub fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> Result<u16, WireError> {
        let number = self.machine.acquire_packet_id().map_err(|fault| odd(&fault))?;
        let publish = self.packets.publish(number, topic, payload, retain);
        let events = match publish {
            Ok(publish) => self.machine.send(publish),
            Err(fault) => {
                drop(self.machine.release_packet_id(number));
                return Err(fault);
            }
        };
        self.handle(events)?;
        Ok(number)
    }

    /// Puts a subscription of quality of service 1 on its way.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    pub fn subscribe(&mut self, filter: &str) -> Result<(), WireError> {
        let number = self.machine.acquire_packet_id().map_err(|fault| odd(&fault))?;
        let subscribe = self.packets.subscribe(number, filter)?;
        let events = self.machine.send(subscribe);
        self.handle(events)
    }

    /// What the broker says next; writes what waits to be written meanwhile. May be dropped and
    /// called again.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub async fn next(&mut self) -> Result<Heard, WireError> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(heard);
            }
            self.turn().await?;
        }
    }

    /// Says goodbye, where somebody listens.
    pub async fn close(mut self) {
        let Ok(disconnect) = self.packets.disconnect() else { return };
        let events = self.machine.send(disconnect);
        if self.handle(events).is_err() {
            return;
        }
        let said = async {
            self.writer.write_all(&self.output).await?;
            self.writer.shutdown().await
        };
        if !matches!(timeout(FAREWELL_MAX, said).await, Ok(Ok(()))) {
            tracing::debug!("the MQTT broker did not take the goodbye");
        }
    }

    /// Reads or writes what can be, or says that this end is there.
    async fn turn(&mut self) -> Result<(), WireError> {
        enum Turn {
            Read(io::Result<usize>),
            Written(io::Result<usize>),
            Beat,
            Silence,
        }
        let turn = tokio::select! {
            read = self.reader.read(&mut self.input), if self.output.len() < OUTPUT_MAX => {
                Turn::Read(read)
            }
            written = put(&mut self.writer, &self.output),
                if self.is_unflushed || !self.output.is_empty() => Turn::Written(written),
            () = elapsed(&mut self.beat) => Turn::Beat,
            () = elapsed(&mut self.answer_by) => Turn::Silence,
        };
        let failed = |source| WireError::Io { address: self.address.clone(), source };
        match turn {
            Turn::Read(read) => {
                let read = read.map_err(failed)?;
                if read == 0 {
                    return Err(WireError::Closed { found: String::new() });
                }
                let came = self.input.get(..read).unwrap_or_default().to_vec();
                let mut cursor = mqtt::common::Cursor::new(came.as_slice());
                while usize::try_from(cursor.position()).is_ok_and(|position| position < read) {
                    let events = self.machine.recv(&mut cursor);
                    self.handle(events)?;
                }
            }
            Turn::Written(written) => {
                let written = written.map_err(failed)?;
                self.is_unflushed = written > 0;
                self.output.drain(..written.min(self.output.len()));
            }
            Turn::Beat => {
                self.beat = None;
                let events = self.machine.notify_timer_fired(TimerKind::PingreqSend);
                self.handle(events)?;
            }
            Turn::Silence => return Err(WireError::Silent { wanted: "PINGRESP" }),
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest asks nothing of this end")]
    fn handle(&mut self, events: Vec<Event>) -> Result<(), WireError> {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    self.output.extend_from_slice(&packet.to_continuous_buffer());
                }
                Event::NotifyPacketReceived(packet) => self.note(packet)?,
                Event::RequestTimerReset { kind, duration_ms } => {
                    let after = Some(Box::pin(sleep(Duration::from_millis(duration_ms))));
                    match kind {
                        TimerKind::PingreqSend => self.beat = after,
                        TimerKind::PingrespRecv => self.answer_by = after,
                        TimerKind::PingreqRecv => {}
                    }
                }
                Event::RequestTimerCancel(TimerKind::PingrespRecv) => self.answer_by = None,
                Event::RequestTimerCancel(TimerKind::PingreqSend) => self.beat = None,
                Event::NotifyError(fault) => return Err(odd(&fault)),
                _ => {}
            }
        }
        Ok(())
    }

    fn note(&mut self, packet: Packet) -> Result<(), WireError> {
        match packet::heard(packet)? {
            Some(Heard::Ended(found)) => Err(WireError::Closed { found }),
            Some(heard) => {
                self.heard.push_back(heard);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Writes some of the output, or where all is written has TLS let go of it: then 0.
async fn put(writer: &mut WriteHalf<Box<dyn Carrier>>, output: &[u8]) -> io::Result<usize> {
    if output.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(output).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

async fn elapsed(timer: &mut Option<Pin<Box<Sleep>>>) {
    match timer {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}

fn odd(found: &impl std::fmt::Display) -> WireError {
    WireError::Odd { wanted: "what MQTT can say", found: found.to_string() }
}
