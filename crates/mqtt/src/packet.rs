//! Packets as values, the same for both versions: what a client sends, and what a server answers.

use bytes::Bytes;
use sekisho_proto::MqttMessage;

use crate::{overlap::Options, reason::Reason};

/// The version of MQTT that a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5.0.
    V5,
}

/// What becomes of a session that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// It is forgotten: Clean Start, Clean Session.
    Clean,
    /// It goes on.
    Resumed,
}

/// Whether a message may have been sent before (DUP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It was not.
    First,
    /// It was.
    Again,
}

/// Whether a client wants to be told where answers to its requests may go (3.1.2.11.6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResponseInformation {
    /// It does not.
    #[default]
    Unasked,
    /// It does.
    Asked,
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// The first packet.
    Connect(Box<Connect>),
    /// A message.
    Publish(Box<Publish>),
    /// An answer to a message of the server, or the third step of one of the client's.
    Answer(Answer),
    /// Wanted: messages.
    Subscribe(Subscribe),
    /// Not wanted any more.
    Unsubscribe(Unsubscribe),
    /// Are you there?
    Ping,
    /// The client leaves.
    Disconnect(Disconnect),
    /// A step of enhanced authentication.
    Auth(Auth),
}

/// CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Which version.
    pub version: Version,
    /// Empty where the server is to choose one.
    pub client: String,
    /// Whether an old session is forgotten.
    pub beginning: Beginning,
    /// Seconds; 0 = for ever.
    pub keep_alive_s: u16,
    /// Seconds for which the session outlives the connection; `u32::MAX` = for ever.
    pub expiry_s: u32,
    /// Messages of quality 1 and 2 that the client takes at a time.
    pub receive_maximum: u16,
    /// Bytes of the largest packet that the client takes; `u32::MAX` = any.
    pub packet_bytes_max: u32,
    /// Topic aliases that the client takes.
    pub alias_max: u16,
    /// Whether reasons may be put into words.
    pub problem_information: bool,
    /// Whether CONNACK may say where answers go.
    pub response_information: ResponseInformation,
    /// What is to be published where the connection ends badly.
    pub will: Option<Will>,
    /// Who it says it is.
    pub user_name: Option<String>,
    /// By what it proves that.
    pub password: Option<Vec<u8>>,
    /// How it means to prove it in several steps.
    pub method: Option<Method>,
}

/// The authentication method and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// What it needs.
    pub data: Bytes,
}

/// A will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Where it goes.
    pub name: String,
    /// What it says.
    pub message: MqttMessage,
    /// Its quality of service.
    pub quality: u8,
    /// Whether it is retained.
    pub retain: bool,
    /// Seconds after the end of the connection when it is published.
    pub delay_s: u32,
    /// Seconds in which it is worth delivering; 0 = for ever.
    pub expiry_s: Option<u32>,
}

/// PUBLISH of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Where it goes; where it came by an alias, what that stands for.
    pub name: String,
    /// What it says.
    pub message: MqttMessage,
    /// 0, 1 or 2.
    pub quality: u8,
    /// Whether it is retained.
    pub retain: bool,
    /// Whether it may have come before.
    pub turn: Turn,
    /// With quality 1 and 2.
    pub id: Option<u16>,
    /// Seconds in which it is worth delivering.
    pub expiry_s: Option<u32>,
    /// The topic alias that came with it.
    pub(crate) alias: Option<u16>,
}

/// Which of the four answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// PUBACK: a message of quality 1 is there.
    Acknowledged,
    /// PUBREC: a message of quality 2 is there.
    Received,
    /// PUBREL: its identifier may be forgotten.
    Released,
    /// PUBCOMP: it is.
    Completed,
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Which of them.
    pub step: Step,
    /// Of which message.
    pub id: u16,
    /// How it went.
    pub reason: Reason,
}

/// SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The packet identifier.
    pub id: u16,
    /// At least one filter.
    pub wishes: Vec<Wish>,
    /// The subscription identifier of all of them.
    pub identifier: Option<u32>,
    /// Names and values for the server.
    pub user_properties: Vec<sekisho_proto::UserProperty>,
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// As the client spelt it, with its share.
    pub spelt: String,
    /// How it is wanted.
    pub options: Options,
}

impl Wish {
    /// The name of the share and the filter, where it is a shared subscription (4.8.2); the filter
    /// alone where not.
    #[must_use]
    pub fn parts(&self) -> (Option<&str>, &str) {
        shared(&self.spelt)
    }
}

/// The name of the share and the filter of a filter as its client spelt it. What is no name of a share
/// (4.8.2-1, 4.8.2-2) makes a filter of it that nobody may use.
#[must_use]
pub fn shared(spelt: &str) -> (Option<&str>, &str) {
    let parts = spelt.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
    let parts = parts.filter(|(share, _)| !share.is_empty() && !share.contains(['+', '#']));
    parts.map_or((None, spelt), |(share, filter)| (Some(share), filter))
}

/// UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The packet identifier.
    pub id: u16,
    /// At least one filter, as its client spelt it.
    pub filters: Vec<String>,
}

/// DISCONNECT of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect {
    /// Why.
    pub reason: Reason,
    /// Another expiry interval of the session.
    pub expiry_s: Option<u32>,
}

/// AUTH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Which step.
    pub reason: Reason,
    /// The method; it does not change within a connection.
    pub method: Option<Method>,
}

/// CONNACK as a server says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// There was a session.
    pub is_present: bool,
    /// The identifier that the server chose.
    pub assigned: Option<String>,
    /// Another keep alive than the client asked for.
    pub keep_alive_s: Option<u16>,
    /// Another expiry interval than the client asked for.
    pub expiry_s: Option<u32>,
    /// The authentication method and its last data.
    pub method: Option<Method>,
    /// Where answers to requests may go, in front of whatever the client likes.
    pub response_information: Option<String>,
}

/// PUBLISH of a server.
#[derive(Debug, Clone)]
pub struct Delivery<'a> {
    /// Whence it comes.
    pub name: &'a str,
    /// What it says.
    pub message: &'a MqttMessage,
    /// 0, 1 or 2.
    pub quality: u8,
    /// Whether it was retained.
    pub retain: bool,
    /// Whether it was sent before.
    pub turn: Turn,
    /// With quality 1 and 2; else 0.
    pub id: u16,
    /// Seconds in which it is still worth delivering.
    pub expiry_s: Option<u32>,
    /// Which subscriptions brought it.
    pub identifiers: &'a [u32],
}
