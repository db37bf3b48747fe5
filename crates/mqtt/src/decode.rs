//! Bytes of one packet to a value. The packets are parsed by `mqtt-protocol-core`; what it lets
//! through and the standard does not is refused here, with the section that says so.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_protocol_core::mqtt::packet::{
    Property, SubEntry, prelude::PropertyValueAccess as _, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use sekisho_proto::limits::USER_PROPERTIES_MAX;
use sekisho_proto::{MqttMessage, UserProperty};
use thiserror::Error;

use crate::overlap::Options;
use crate::packet::{
    Answer, Auth, Beginning, Connect, Disconnect, Method, Packet, Publish, ResponseInformation,
    Step, Subscribe, Turn, Unsubscribe, Version, Will, Wish,
};
use crate::reason::Reason;

mod shape;

/// Filters in one SUBSCRIBE or UNSUBSCRIBE.
const FILTERS_MAX: usize = 256;

/// Why a connection cannot go on with what was received.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}: {why}")]
pub struct Fault {
    /// For programs.
    pub reason: Reason,
    /// What was wanted and what was found.
    pub why: String,
}

/// Why a connection does not begin.
#[derive(Debug)]
pub(crate) struct NoConnect {
    pub(crate) fault: Fault,
    /// In which version's words it is answered; `None`: it is not.
    pub(crate) told_in: Option<Version>,
}

impl From<Fault> for NoConnect {
    fn from(fault: Fault) -> Self {
        Self { fault, told_in: None }
    }
}

impl Fault {
    pub(crate) fn new(reason: Reason, why: impl Into<String>) -> Self {
        Self { reason, why: why.into() }
    }

    pub(crate) fn malformed(why: impl Into<String>) -> Self {
        Self::new(Reason::MALFORMED, why)
    }

    pub(crate) fn protocol(why: impl Into<String>) -> Self {
        Self::new(Reason::PROTOCOL_ERROR, why)
    }
}

/// Parses the packet of `first` byte and `body` on a connection of `version`.
///
/// # Errors
/// It is no packet, none of a client, or one that the standard forbids here.
pub(crate) fn decode(version: Version, first: u8, body: &Bytes) -> Result<Packet, Fault> {
    let (kind, flags) = (first >> 4, first & 0x0f);
    check_flags(kind, flags)?;
    match kind {
        3 => {
            let plain =
                plain(version, flags, body).map_or_else(|| publish(version, flags, body), Ok);
            plain.map(|publish| Packet::Publish(Box::new(publish)))
        }
        4..=7 => answer(version, kind, body).map(Packet::Answer),
        8 => subscribe(version, body).map(Packet::Subscribe),
        10 => unsubscribe(version, body).map(Packet::Unsubscribe),
        12 if body.is_empty() => Ok(Packet::Ping),
        12 => Err(Fault::malformed("PINGREQ: wanted no more bytes (3.12)")),
        14 => disconnect(version, body).map(Packet::Disconnect),
        15 if version == Version::V5 => auth(body).map(Packet::Auth),
        1 => Err(Fault::protocol("wanted one CONNECT in a connection (3.1), found another")),
        2 | 9 | 11 | 13 => {
            Err(Fault::protocol(format!("wanted a packet of a client, found type {kind}")))
        }
        _ => Err(Fault::malformed(format!("wanted a packet type, found {kind}"))),
    }
}

/// The flags of every packet but PUBLISH are fixed (2.1.3).
fn check_flags(kind: u8, flags: u8) -> Result<(), Fault> {
    let wanted = match kind {
        3 => return Ok(()),
        6 | 8 | 10 => 2,
        _ => 0,
    };
    if flags == wanted {
        return Ok(());
    }
    Err(Fault::malformed(format!("type {kind}: wanted flags {wanted}, found {flags} (2.1.3)")))
}

/// What the library found, whole: bytes that follow are of no packet.
fn whole<T>(name: &str, body: &[u8], parsed: Result<(T, usize), MqttError>) -> Result<T, Fault> {
    match parsed {
        Ok((packet, used)) if used == body.len() => Ok(packet),
        Ok((_packet, used)) => {
            let more = body.len().saturating_sub(used);
            Err(Fault::malformed(format!("{name}: wanted no more bytes, found {more}")))
        }
        Err(error) => Err(refused(name, error)),
    }
}

fn refused(name: &str, error: MqttError) -> Fault {
    // Numbers below 0x100 are reason codes of the standard.
    let reason = u8::try_from(error as u16).map_or(Reason::MALFORMED, Reason::of);
    Fault::new(reason, format!("{name}: {error}"))
}

/// Parses the CONNECT of `first` byte and `body`.
///
/// # Errors
/// It is none, or one that the standard forbids.
pub(crate) fn connect(first: u8, body: &[u8]) -> Result<Connect, NoConnect> {
    check_flags(first >> 4, first & 0x0f)?;
    let Some(([0, 4, b'M', b'Q', b'T', b'T', level, flags], _rest)) = body.split_first_chunk()
    else {
        let why = "CONNECT: wanted the protocol name MQTT (3.1.2.1)";
        let told_in = shape::is_v31(body).then_some(Version::V311);
        let fault = Fault::new(Reason::UNSUPPORTED_VERSION, why);
        return Err(NoConnect { fault, told_in });
    };
    if !matches!(level, 4 | 5) {
        let why = format!("CONNECT: wanted protocol version 4 or 5, found {level} (3.1.2.2)");
        let told_in = Some(shape::version_of(body));
        let fault = Fault::new(Reason::UNSUPPORTED_VERSION, why);
        return Err(NoConnect { fault, told_in });
    }
    if *level == 5 && flags & 0xc0 == 0x40 {
        // 5.0 has it for other things than logins (3.1.2.9); here a password is of a name.
        let why = "CONNECT: wanted a user name with the password, found none";
        let told_in = Some(Version::V5);
        return Err(NoConnect { fault: Fault::new(Reason::BAD_CREDENTIALS, why), told_in });
    }
    let (has_will, quality) = (flags & 0x04 != 0, (flags >> 3) & 0x03);
    let is_fine = flags & 0x01 == 0
        && quality != 3
        && (has_will || flags & 0x38 == 0)
        && (flags & 0x80 != 0 || flags & 0x40 == 0);
    if !is_fine {
        let why = format!(
            "CONNECT: wanted flags that the standard allows, and a password with a user name only \
             (3.1.2.3), found {flags:#04x}"
        );
        let told_in = (*level == 5).then_some(Version::V5);
        return Err(NoConnect { fault: Fault::malformed(why), told_in });
    }
    if *level == 4 {
        return Ok(connect_v311(body)?);
    }
    connect_v5(body).map_err(|fault| NoConnect { fault, told_in: Some(Version::V5) })
}

fn connect_v311(body: &[u8]) -> Result<Connect, Fault> {
    let packet = whole("CONNECT", body, v3_1_1::Connect::parse(body))?;
    let will = packet.will_flag().then(|| {
        Ok(Will {
            name: text("will topic", packet.will_topic().unwrap_or_default())?,
            message: MqttMessage {
                payload: Bytes::copy_from_slice(packet.will_payload().unwrap_or_default()),
                ..MqttMessage::default()
            },
            quality: packet.will_qos() as u8,
            retain: packet.will_retain(),
            delay_s: 0,
            expiry_s: None,
        })
    });
    let clean = packet.clean_session();
    Ok(Connect {
        version: Version::V311,
        client: text("client identifier", packet.client_id())?,
        beginning: beginning(clean),
        keep_alive_s: packet.keep_alive(),
        expiry_s: if clean { 0 } else { u32::MAX },
        receive_maximum: u16::MAX,
        packet_bytes_max: u32::MAX,
        alias_max: 0,
        problem_information: false,
        response_information: ResponseInformation::Unasked,
        will: will.transpose()?,
        user_name: packet.user_name().map(|name| text("user name", name)).transpose()?,
        password: packet.password().map(<[u8]>::to_vec),
        method: None,
    })
}

fn connect_v5(body: &[u8]) -> Result<Connect, Fault> {
    shape::check_connect(body)?;
    let packet = whole("CONNECT", body, v5_0::Connect::parse(body))?;
    let said = Said::read(packet.props())?;
    if said.receive_maximum == Some(0) || said.packet_bytes_max == Some(0) {
        return Err(Fault::protocol("CONNECT: wanted limits above 0 (3.1.2.11), found 0"));
    }
    let will = if packet.will_flag() {
        let about = Said::read(packet.will_props())?;
        let payload = Bytes::copy_from_slice(packet.will_payload().unwrap_or_default());
        Some(Will {
            name: text("will topic", packet.will_topic().unwrap_or_default())?,
            quality: packet.will_qos() as u8,
            retain: packet.will_retain(),
            delay_s: about.delay_s.unwrap_or(0),
            expiry_s: about.expiry_s,
            message: about.message(payload)?,
        })
    } else {
        None
    };
    let method = said.method()?;
    Ok(Connect {
        version: Version::V5,
        client: text("client identifier", packet.client_id())?,
        beginning: beginning(packet.clean_start()),
        keep_alive_s: packet.keep_alive(),
        expiry_s: said.session_expiry_s.unwrap_or(0),
        receive_maximum: said.receive_maximum.unwrap_or(u16::MAX),
        packet_bytes_max: said.packet_bytes_max.unwrap_or(u32::MAX),
        alias_max: said.alias_max.unwrap_or(0),
        problem_information: said.problem_information.unwrap_or(true),
        response_information: said.response_information,
        will,
        user_name: packet.user_name().map(|name| text("user name", name)).transpose()?,
        password: packet.password().map(<[u8]>::to_vec),
        method,
    })
}

const fn beginning(clean: bool) -> Beginning {
    if clean { Beginning::Clean } else { Beginning::Resumed }
}

/// A PUBLISH with a name and without properties, as nearly all are, where it lies; `None` where it
/// is another, or there is anything to be said against it.
fn plain(version: Version, flags: u8, body: &Bytes) -> Option<Publish> {
    let (quality, duplicate) = ((flags >> 1) & 0x03, flags & 0x08 != 0);
    if quality == 3 || quality == 0 && duplicate {
        return None;
    }
    let (length, rest) = body.split_first_chunk()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
    if name.contains(['+', '#', '\0']) {
        return None;
    }
    let (id, rest) = if quality > 0 {
        let (id, rest) = rest.split_first_chunk()?;
        (Some(u16::from_be_bytes(*id)).filter(|id| *id > 0), rest)
    } else {
        (None, rest)
    };
    if quality > 0 && id.is_none() {
        return None;
    }
    let payload = match version {
        Version::V311 => rest,
        Version::V5 => rest.strip_prefix(&[0])?,
    };
    Some(Publish {
        name: name.to_owned(),
        message: MqttMessage { payload: body.slice_ref(payload), ..MqttMessage::default() },
        quality,
        retain: flags & 0x01 != 0,
        turn: if duplicate { Turn::Again } else { Turn::First },
        id,
        expiry_s: None,
        alias: None,
    })
}

fn publish(version: Version, flags: u8, body: &[u8]) -> Result<Publish, Fault> {
    let (quality, duplicate) = ((flags >> 1) & 0x03, flags & 0x08 != 0);
    if quality == 0 && duplicate {
        return Err(Fault::malformed("PUBLISH: wanted no DUP with quality 0 (3.3.1.1)"));
    }
    let shared: Arc<[u8]> = Arc::from(body);
    let (name, id, payload, said) = match version {
        Version::V311 => {
            let parsed = v3_1_1::Publish::parse(flags, shared);
            let packet = whole("PUBLISH", body, parsed)?;
            let payload = Bytes::copy_from_slice(packet.payload().as_slice());
            (packet.topic_name().to_owned(), packet.packet_id(), payload, Said::default())
        }
        Version::V5 => {
            shape::check_publish(quality, body)?;
            let packet = whole("PUBLISH", body, v5_0::Publish::parse(flags, shared))?;
            let payload = Bytes::copy_from_slice(packet.payload().as_slice());
            let said = Said::read(packet.props())?;
            (packet.topic_name().to_owned(), packet.packet_id(), payload, said)
        }
    };
    if id == Some(0) {
        return Err(Fault::malformed("PUBLISH: wanted a packet identifier above 0 (2.2.1)"));
    }
    if said.identifier.is_some() {
        let why = "PUBLISH: wanted no subscription identifier of a client (3.3.4)";
        return Err(Fault::protocol(why));
    }
    let name = text("PUBLISH: topic name", &name)?;
    if name.contains(['+', '#']) {
        let why = "PUBLISH: wanted a topic name without wildcards (3.3.2.1)";
        return Err(Fault::new(Reason::NAME_INVALID, why));
    }
    if name.is_empty() && said.alias.is_none() {
        return Err(Fault::protocol("PUBLISH: wanted a topic name or an alias (3.3.2.1)"));
    }
    let (alias, expiry_s) = (said.alias, said.expiry_s);
    let message = said.message(payload)?;
    let retain = flags & 0x01 != 0;
    let turn = if duplicate { Turn::Again } else { Turn::First };
    Ok(Publish { name, message, quality, retain, turn, id, expiry_s, alias })
}

fn answer(version: Version, kind: u8, body: &[u8]) -> Result<Answer, Fault> {
    let (step, name) = match kind {
        4 => (Step::Acknowledged, "PUBACK"),
        5 => (Step::Received, "PUBREC"),
        6 => (Step::Released, "PUBREL"),
        _ => (Step::Completed, "PUBCOMP"),
    };
    if version == Version::V5 {
        shape::check_length(name, 3, body)?;
    }
    // The library reads them alike but for the codes that each may have; the shape is this.
    macro_rules! read {
        ($packet:ident) => {{
            let packet = whole(name, body, v5_0::$packet::parse(body))?;
            Said::read(packet.props().as_deref().unwrap_or_default())?;
            (packet.packet_id(), packet.reason_code().map_or(0, |code| code as u8))
        }};
    }
    let (id, code) = match (version, step, body) {
        (Version::V311, _, [high, low]) => (u16::from_be_bytes([*high, *low]), 0),
        (Version::V311, _, _) => {
            let why = format!("{name}: wanted 2 bytes, found {}", body.len());
            return Err(Fault::malformed(why));
        }
        (Version::V5, Step::Acknowledged, _) => read!(Puback),
        (Version::V5, Step::Received, _) => read!(Pubrec),
        (Version::V5, Step::Released, _) => read!(Pubrel),
        (Version::V5, Step::Completed, _) => read!(Pubcomp),
    };
    if id == 0 {
        return Err(Fault::malformed(format!("{name}: wanted a packet identifier above 0")));
    }
    Ok(Answer { step, id, reason: Reason::of(code) })
}

fn subscribe(version: Version, body: &[u8]) -> Result<Subscribe, Fault> {
    let (id, entries, said) = match version {
        Version::V311 => {
            let packet = whole("SUBSCRIBE", body, v3_1_1::Subscribe::parse(body))?;
            (packet.packet_id(), wishes(packet.entries(), 0x03)?, Said::default())
        }
        Version::V5 => {
            shape::check_subscribe(body)?;
            let packet = whole("SUBSCRIBE", body, v5_0::Subscribe::parse(body))?;
            let said = Said::read(packet.props())?;
            (packet.packet_id(), wishes(packet.entries(), 0xff)?, said)
        }
    };
    check_id("SUBSCRIBE", id)?;
    if said.identifier == Some(0) {
        return Err(Fault::protocol("SUBSCRIBE: wanted an identifier above 0 (3.8.2.1.2)"));
    }
    Ok(Subscribe {
        id,
        wishes: entries,
        identifier: said.identifier,
        user_properties: said.user_properties,
    })
}

fn wishes(entries: &[SubEntry], allowed: u8) -> Result<Vec<Wish>, Fault> {
    if entries.len() > FILTERS_MAX {
        let why =
            format!("SUBSCRIBE: wanted at most {FILTERS_MAX} filters, found {}", entries.len());
        return Err(Fault::new(Reason::QUOTA, why));
    }
    let wish = |entry: &SubEntry| {
        let byte = entry.sub_opts().to_buffer()[0];
        let options = Options::parse(byte).filter(|_options| byte & !allowed == 0);
        let Some(options) = options else {
            let why = format!("SUBSCRIBE: wanted subscription options, found {byte:#04x} (3.8.3)");
            return Err(Fault::malformed(why));
        };
        let spelt = filter(entry.topic_filter())?;
        if spelt.starts_with("$share/") && options.no_local() {
            let why = "SUBSCRIBE: wanted no No Local with a shared subscription (3.8.3.1)";
            return Err(Fault::protocol(why));
        }
        Ok(Wish { spelt, options })
    };
    entries.iter().map(wish).collect()
}

fn unsubscribe(version: Version, body: &[u8]) -> Result<Unsubscribe, Fault> {
    let (id, filters): (u16, Result<Vec<String>, Fault>) = match version {
        Version::V311 => {
            let packet = whole("UNSUBSCRIBE", body, v3_1_1::Unsubscribe::parse(body))?;
            let filters = packet.entries().iter().map(|entry| filter(entry.as_str()));
            (packet.packet_id(), filters.collect())
        }
        Version::V5 => {
            shape::check_unsubscribe(body)?;
            let packet = whole("UNSUBSCRIBE", body, v5_0::Unsubscribe::parse(body))?;
            Said::read(packet.props())?;
            let filters = packet.entries().iter().map(|entry| filter(entry.as_str()));
            (packet.packet_id(), filters.collect())
        }
    };
    let filters = filters?;
    check_id("UNSUBSCRIBE", id)?;
    if filters.is_empty() || filters.len() > FILTERS_MAX {
        let found = filters.len();
        let why = format!("UNSUBSCRIBE: wanted 1 to {FILTERS_MAX} filters, found {found}");
        return Err(Fault::protocol(why));
    }
    Ok(Unsubscribe { id, filters })
}

/// A filter as its client spelt it: whatever it is, it is text, and some (4.7.3).
fn filter(spelt: &str) -> Result<String, Fault> {
    if spelt.is_empty() {
        return Err(Fault::malformed("wanted topic filters of at least one character (4.7.3)"));
    }
    text("topic filter", spelt)
}

fn check_id(name: &str, id: u16) -> Result<(), Fault> {
    if id > 0 {
        return Ok(());
    }
    Err(Fault::malformed(format!("{name}: wanted a packet identifier above 0 (2.2.1)")))
}

fn disconnect(version: Version, body: &[u8]) -> Result<Disconnect, Fault> {
    if version == Version::V311 || body.is_empty() {
        if body.is_empty() {
            return Ok(Disconnect { reason: Reason::SUCCESS, expiry_s: None });
        }
        return Err(Fault::malformed("DISCONNECT: wanted no more bytes (3.14)"));
    }
    shape::check_length("DISCONNECT", 1, body)?;
    let packet = whole("DISCONNECT", body, v5_0::Disconnect::parse(body))?;
    let said = match packet.props() {
        Some(properties) => Said::read(properties)?,
        None => Said::default(),
    };
    let code = packet.reason_code().map_or(0, |code| code as u8);
    Ok(Disconnect { reason: Reason::of(code), expiry_s: said.session_expiry_s })
}

fn auth(body: &[u8]) -> Result<Auth, Fault> {
    shape::check_length("AUTH", 1, body)?;
    let packet = whole("AUTH", body, v5_0::Auth::parse(body))?;
    let said = match packet.props() {
        Some(properties) => Said::read(properties)?,
        None => Said::default(),
    };
    let code = packet.reason_code().map_or(0, |code| code as u8);
    Ok(Auth { reason: Reason::of(code), method: said.method()? })
}

/// What the properties of a packet say, whichever packet may have them.
#[derive(Debug, Default)]
struct Said {
    utf8: Option<bool>,
    expiry_s: Option<u32>,
    content_type: String,
    response_topic: String,
    correlation_data: Option<Bytes>,
    user_properties: Vec<UserProperty>,
    alias: Option<u16>,
    identifier: Option<u32>,
    session_expiry_s: Option<u32>,
    receive_maximum: Option<u16>,
    packet_bytes_max: Option<u32>,
    alias_max: Option<u16>,
    problem_information: Option<bool>,
    response_information: ResponseInformation,
    delay_s: Option<u32>,
    method: Option<String>,
    data: Option<Bytes>,
}

impl Said {
    fn read(properties: &[Property]) -> Result<Self, Fault> {
        let mut said = Self::default();
        for property in properties {
            said.hear(property)?;
        }
        Ok(said)
    }

    fn hear(&mut self, property: &Property) -> Result<(), Fault> {
        let number = || property.as_u32().unwrap_or_default();
        let short = || property.as_u16().unwrap_or_default();
        let words = |name| text(name, property.as_str().unwrap_or_default());
        let binary = || Bytes::copy_from_slice(property.as_bytes().unwrap_or_default());
        match property {
            Property::PayloadFormatIndicator(_) => {
                self.utf8 = property.as_u8().map(|format| format == 1);
            }
            Property::MessageExpiryInterval(_) => self.expiry_s = Some(number()),
            Property::ContentType(_) => self.content_type = words("content type")?,
            Property::ResponseTopic(_) => {
                self.response_topic = words("response topic")?;
                if self.response_topic.is_empty() {
                    let why = "wanted a response topic of at least one character (4.7.3)";
                    return Err(Fault::protocol(why));
                }
            }
            Property::CorrelationData(_) => self.correlation_data = Some(binary()),
            Property::UserProperty(pair) => {
                if self.user_properties.len() >= USER_PROPERTIES_MAX {
                    let why = format!("wanted at most {USER_PROPERTIES_MAX} user properties");
                    return Err(Fault::new(Reason::QUOTA, why));
                }
                let (name, value) =
                    (text("user property", pair.key())?, text("user property", pair.val())?);
                self.user_properties.push(UserProperty { name, value });
            }
            Property::TopicAlias(_) => self.alias = Some(short()),
            Property::SubscriptionIdentifier(_) => {
                if self.identifier.replace(number()).is_some() {
                    let why = "wanted one subscription identifier, found several (3.8.2.1.2)";
                    return Err(Fault::protocol(why));
                }
            }
            Property::SessionExpiryInterval(_) => self.session_expiry_s = Some(number()),
            Property::ReceiveMaximum(_) => self.receive_maximum = Some(short()),
            Property::MaximumPacketSize(_) => self.packet_bytes_max = Some(number()),
            Property::TopicAliasMaximum(_) => self.alias_max = Some(short()),
            Property::RequestProblemInformation(_) => {
                self.problem_information = Some(property.as_u8() == Some(1));
            }
            Property::WillDelayInterval(_) => self.delay_s = Some(number()),
            Property::AuthenticationMethod(_) => self.method = Some(words("method")?),
            Property::AuthenticationData(_) => self.data = Some(binary()),
            Property::RequestResponseInformation(_) if property.as_u8() == Some(1) => {
                self.response_information = ResponseInformation::Asked;
            }
            Property::ReasonString(_) => drop(words("reason string")?),
            // The library lets each packet have its own only, and these are of the server or mean
            // nothing here.
            Property::RequestResponseInformation(_)
            | Property::AssignedClientIdentifier(_)
            | Property::ServerKeepAlive(_)
            | Property::ResponseInformation(_)
            | Property::ServerReference(_)
            | Property::MaximumQos(_)
            | Property::RetainAvailable(_)
            | Property::WildcardSubscriptionAvailable(_)
            | Property::SubscriptionIdentifierAvailable(_)
            | Property::SharedSubscriptionAvailable(_) => {}
        }
        Ok(())
    }

    fn method(&self) -> Result<Option<Method>, Fault> {
        match (&self.method, &self.data) {
            (None, Some(_)) => {
                let why = "wanted authentication data with a method only (3.1.2.11.10)";
                Err(Fault::protocol(why))
            }
            (name, data) => Ok(name
                .as_ref()
                .map(|name| Method { name: name.clone(), data: data.clone().unwrap_or_default() })),
        }
    }

    fn message(self, payload: Bytes) -> Result<MqttMessage, Fault> {
        if self.response_topic.contains(['+', '#']) {
            let why = "wanted a response topic without wildcards (3.3.2.3.5)";
            return Err(Fault::protocol(why));
        }
        Ok(MqttMessage {
            payload,
            utf8: self.utf8,
            content_type: self.content_type,
            response_topic: self.response_topic,
            correlation_data: self.correlation_data,
            user_properties: self.user_properties,
        })
    }
}

/// A string without U+0000, which the library lets through (1.5.4).
fn text(name: &str, text: &str) -> Result<String, Fault> {
    if text.contains('\0') {
        return Err(Fault::malformed(format!("{name}: wanted no U+0000 (1.5.4)")));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
