//! One client's connection as a state machine: bytes in, packets out, and the other way round.
//!
//! It keeps what the standard demands of a connection whatever the client's rights are: the order of
//! packets, topic aliases both ways, sizes, and how many messages may wait for their answer. It
//! knows no session: packet identifiers of the server, and what outlives the connection, are its
//! user's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use sekisho_proto::limits;

use crate::decode::{Fault, connect, decode};
use crate::encode::{Allowed, TooLarge, Writer};
use crate::length::{self, Length};
use crate::packet::{
    Accepted, Answer, Auth, Connect, Delivery, Packet, Publish, Step, Turn, Version,
};
use crate::reason::Reason;

/// Topic aliases that a server gives one client: memory for names, however many the client takes.
const ALIASES_GIVEN_MAX: u16 = 64;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing came yet.
    Silent,
    /// CONNECT came and is not answered: only AUTH and DISCONNECT may come.
    Greeting,
    /// CONNACK said yes.
    Open,
    /// Nothing may be sent any more.
    Over,
}

/// What went over a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages of the client.
    pub received: u64,
    /// Bytes of its packets.
    pub received_bytes: u64,
    /// Messages to it.
    pub sent: u64,
    /// Bytes that were sent to it.
    pub sent_bytes: u64,
}

/// One connection of a client.
#[derive(Debug)]
pub struct Machine {
    allowed: Allowed,
    phase: Phase,
    writer: Writer,
    input: BytesMut,
    output: BytesMut,
    /// Names that the client gave aliases.
    aliases: BTreeMap<u16, String>,
    /// Aliases that names were given here.
    given: BTreeMap<String, u16>,
    given_max: u16,
    /// Messages of quality 1 and 2 from the client that are not answered to the end.
    unanswered: BTreeSet<u16>,
    keep_alive_s: u16,
    /// In which version's words a CONNECT that is none of ours is refused.
    told_in: Option<Version>,
    traffic: Traffic,
}

impl Machine {
    /// A connection on which nothing was said.
    #[must_use]
    pub fn new(allowed: Allowed) -> Self {
        let writer = Writer { version: Version::V5, bytes_max: u32::MAX, wants_words: true };
        Self {
            allowed,
            phase: Phase::Silent,
            writer,
            input: BytesMut::new(),
            output: BytesMut::new(),
            aliases: BTreeMap::new(),
            given: BTreeMap::new(),
            given_max: 0,
            unanswered: BTreeSet::new(),
            keep_alive_s: 0,
            told_in: None,
            traffic: Traffic::default(),
        }
    }

    /// What went over it since this was asked last.
    pub fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Where to read bytes to; [`packet`](Self::packet) takes packets from there.
    pub const fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// What is to be sent; to be emptied by whoever sends it.
    pub const fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// The version that the client speaks; 5 while it has not said.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.writer.version
    }

    /// Whether CONNACK said yes and nobody has left.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// How long the client may be silent (3.1.2.10); `None` = for ever.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        let millis = u64::from(self.keep_alive_s) * 1_500;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// The next packet; `None` where more bytes are needed.
    ///
    /// # Errors
    /// The connection cannot go on: tell the client with [`fail`](Self::fail), and close.
    pub fn packet(&mut self) -> Result<Option<Packet>, Fault> {
        let Some((first, remaining)) = self.framed()? else { return Ok(None) };
        let header = 1 + remaining.bytes;
        let whole = header + remaining.value;
        if self.input.len() < whole {
            return Ok(None);
        }
        self.traffic.received_bytes += whole as u64;
        let body = self.input.split_to(whole).freeze().split_off(header);
        if self.phase == Phase::Silent {
            let connect = connect(first, &body).map_err(|refused| {
                self.told_in = refused.told_in;
                refused.fault
            })?;
            // Which version it is of, and whether that forbids a longer length, is known from here on.
            if connect.version == Version::V5 {
                self.told_in = Some(Version::V5);
                remaining.check_shortest("CONNECT")?;
            }
            self.greet(&connect);
            return Ok(Some(Packet::Connect(Box::new(connect))));
        }
        self.admit(decode(self.writer.version, first, &body)?).map(Some)
    }

    /// First byte, and how many bytes come after the fixed header, where that is there.
    fn framed(&self) -> Result<Option<(u8, Length)>, Fault> {
        let Some((first, rest)) = self.input.split_first() else { return Ok(None) };
        if self.phase == Phase::Silent && first >> 4 != 1 {
            let why = format!("wanted CONNECT as the first packet, found type {}", first >> 4);
            return Err(Fault::protocol(why));
        }
        if first >> 4 == 0 {
            // However long it says that it is, nothing of it is of use.
            return Err(Fault::malformed("wanted a packet type, found 0 (2.1.2)"));
        }
        let Some(remaining) = length::read(rest)? else { return Ok(None) };
        if self.phase != Phase::Silent && self.is_v5() {
            remaining.check_shortest("packet")?;
        }
        let whole = remaining.value.saturating_add(1 + remaining.bytes);
        let max = self.packet_bytes_max();
        if whole > usize::try_from(max).unwrap_or(usize::MAX) {
            let why = format!("wanted packets of at most {max} bytes, found {whole}");
            return Err(Fault::new(Reason::TOO_LARGE, why));
        }
        Ok(Some((*first, remaining)))
    }

    fn packet_bytes_max(&self) -> u32 {
        let is_told = self.phase == Phase::Open && self.is_v5();
        if is_told { self.allowed.packet_bytes_max } else { self.allowed.untold_bytes_max }
    }

    fn is_v5(&self) -> bool {
        self.writer.version == Version::V5
    }

    fn admit(&mut self, packet: Packet) -> Result<Packet, Fault> {
        match (self.phase, packet) {
            (Phase::Greeting, packet @ (Packet::Auth(_) | Packet::Disconnect(_))) => Ok(packet),
            (Phase::Greeting, _) => {
                Err(Fault::protocol("wanted AUTH or DISCONNECT before CONNACK (4.12)"))
            }
            (Phase::Open, Packet::Publish(publish)) => {
                self.traffic.received += 1;
                Ok(Packet::Publish(Box::new(self.admit_publish(*publish)?)))
            }
            (Phase::Open, Packet::Subscribe(subscribe)) => {
                self.admit_filters("SUBACK", subscribe.wishes.len())?;
                Ok(Packet::Subscribe(subscribe))
            }
            (Phase::Open, Packet::Unsubscribe(unsubscribe)) => {
                self.admit_filters("UNSUBACK", unsubscribe.filters.len())?;
                Ok(Packet::Unsubscribe(unsubscribe))
            }
            (Phase::Open, packet) => Ok(packet),
            (Phase::Silent | Phase::Over, _) => {
                Err(Fault::protocol("wanted no packet here, found one"))
            }
        }
    }

    /// Nothing is done that the client cannot be told of.
    fn admit_filters(&self, answer: &str, filters: usize) -> Result<(), Fault> {
        self.writer.takes_codes(filters).map_err(|TooLarge| {
            let max = self.writer.bytes_max;
            let why = format!(
                "{answer}: wanted a client that takes {filters} codes (3.1.2.11.4), found one that \
                 takes packets of {max} bytes"
            );
            Fault::new(Reason::TOO_LARGE, why)
        })
    }

    fn greet(&mut self, connect: &Connect) {
        self.phase = Phase::Greeting;
        self.writer = Writer {
            version: connect.version,
            bytes_max: connect.packet_bytes_max,
            wants_words: connect.problem_information,
        };
        self.given_max = connect.alias_max.min(ALIASES_GIVEN_MAX);
        self.keep_alive_s = connect.keep_alive_s;
    }

    fn admit_publish(&mut self, mut publish: Publish) -> Result<Publish, Fault> {
        if let Some(alias) = publish.alias {
            if alias == 0 || alias > self.allowed.alias_max {
                let max = self.allowed.alias_max;
                let why = format!("wanted a topic alias from 1 to {max}, found {alias}");
                return Err(Fault::new(Reason::ALIAS_INVALID, why));
            }
            if publish.name.is_empty() {
                let Some(name) = self.aliases.get(&alias) else {
                    let why = format!("topic alias {alias}: wanted one that was given a name");
                    return Err(Fault::protocol(why));
                };
                publish.name.clone_from(name);
            } else if publish.name.len() <= limits::TOPIC_BYTES_MAX {
                self.aliases.insert(alias, publish.name.clone());
            } else {
                // No topic has such a name: it will be refused, and is not worth remembering.
                self.aliases.remove(&alias);
            }
        }
        if let Some(id) = publish.id {
            let max = usize::from(self.allowed.receive_maximum);
            let is_new = self.unanswered.insert(id);
            let counts = self.is_v5();
            if is_new && counts && self.unanswered.len() > max {
                let why = format!("wanted at most {max} messages without their answer (3.3.4)");
                return Err(Fault::new(Reason::RECEIVE_MAXIMUM, why));
            }
            if !is_new && publish.quality == 1 && counts && publish.turn == Turn::First {
                let why = format!("packet identifier {id}: wanted one that is free (2.2.1)");
                return Err(Fault::new(Reason::PROTOCOL_ERROR, why));
            }
        }
        Ok(publish)
    }

    /// CONNACK: come in.
    ///
    /// # Errors
    /// It is larger than the client takes: nothing was written, and it is not in.
    pub fn accept(&mut self, accepted: &Accepted) -> Result<(), TooLarge> {
        self.writer.accept(accepted, self.allowed, &mut self.output)?;
        if let Some(keep_alive_s) = accepted.keep_alive_s {
            self.keep_alive_s = keep_alive_s;
        }
        self.phase = Phase::Open;
        Ok(())
    }

    /// The last thing that the client hears: CONNACK where it waits for that, DISCONNECT where the
    /// version has it, nothing where it never said a CONNECT that can be answered.
    pub fn fail(&mut self, reason: Reason, why: &str) {
        match self.phase {
            Phase::Greeting => self.writer.refuse(reason, why, &mut self.output),
            Phase::Open => self.writer.disconnect(reason, why, &mut self.output),
            Phase::Silent => {
                if let Some(version) = self.told_in {
                    let writer = Writer { version, ..self.writer };
                    writer.refuse(reason, why, &mut self.output);
                }
            }
            Phase::Over => {}
        }
        self.phase = Phase::Over;
    }

    /// Answers a message of the client, or goes on with one of the server.
    pub fn answer(&mut self, answer: Answer, why: &str) {
        let is_last = match answer.step {
            Step::Acknowledged | Step::Completed => true,
            Step::Received => answer.reason.is_failure(),
            Step::Released => false,
        };
        if is_last {
            self.unanswered.remove(&answer.id);
        }
        self.writer.answer(answer, why, &mut self.output);
    }

    /// SUBACK; `why` explains the failures among the codes.
    ///
    /// # Errors
    /// It is larger than the client takes, since there are more codes than filters were asked for:
    /// nothing was written.
    pub fn subscribed(&mut self, id: u16, codes: &[Reason], why: &str) -> Result<(), TooLarge> {
        self.writer.subscribed(id, codes, why, &mut self.output)
    }

    /// UNSUBACK.
    ///
    /// # Errors
    /// As of [`subscribed`](Self::subscribed).
    pub fn unsubscribed(&mut self, id: u16, codes: &[Reason]) -> Result<(), TooLarge> {
        self.writer.unsubscribed(id, codes, &mut self.output)
    }

    /// PINGRESP.
    pub fn pong(&mut self) {
        Writer::pong(&mut self.output);
    }

    /// AUTH.
    ///
    /// # Errors
    /// It is larger than the client takes: nothing was written.
    pub fn auth(&mut self, auth: &Auth) -> Result<(), TooLarge> {
        self.writer.auth(auth, &mut self.output)
    }

    /// PUBLISH.
    ///
    /// # Errors
    /// The packet is larger than the client takes: nothing was written.
    pub fn publish(&mut self, delivery: &Delivery<'_>) -> Result<(), TooLarge> {
        let known = self.given.get(delivery.name).copied();
        let alias = known.or_else(|| {
            let next = u16::try_from(self.given.len()).unwrap_or(u16::MAX).saturating_add(1);
            (next <= self.given_max).then_some(next)
        });
        let written = self.writer.publish(delivery, (alias, known.is_none()), &mut self.output);
        match (written, alias, known) {
            (Ok(()), Some(alias), None) => drop(self.given.insert(delivery.name.to_owned(), alias)),
            (Ok(()), ..) => {}
            // A new alias takes room beside the name: without one it may be small enough.
            (Err(TooLarge), Some(_), None) => {
                self.writer.publish(delivery, (None, true), &mut self.output)?;
            }
            (Err(TooLarge), ..) => return Err(TooLarge),
        }
        self.traffic.sent += 1;
        Ok(())
    }

    /// Lets go of memory that a busy moment took.
    pub fn rest(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() {
            self.output = BytesMut::new();
        }
    }

    /// Forgets what was sent.
    pub fn sent(&mut self, bytes: usize) {
        self.traffic.sent_bytes += bytes as u64;
        self.output.advance(bytes.min(self.output.len()));
    }
}

#[cfg(test)]
mod tests;
