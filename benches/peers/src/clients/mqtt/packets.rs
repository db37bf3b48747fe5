//! As much of MQTT 3.1.1 as a load generator says and hears.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

const CONNECT: u8 = 0x10;
const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const DISCONNECT: u8 = 0xe0;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// CONNACK with its code.
    Connected(u8),
    /// SUBACK with its code.
    Subscribed(u8),
    /// A message: its number, where it wants an answer, and its payload.
    Message(Option<u16>, Bytes),
    /// PUBACK.
    Stored,
    /// Anything else.
    Other,
}

/// The next whole packet, where there is one.
pub(crate) fn next(input: &mut BytesMut) -> Option<Heard> {
    let first = *input.first()?;
    let (mut length, mut shift, mut at) = (0_usize, 0, 1);
    loop {
        let byte = *input.get(at)?;
        length |= usize::from(byte & 0x7f) << shift;
        (shift, at) = (shift + 7, at + 1);
        if byte & 0x80 == 0 {
            break;
        }
    }
    if input.len() < at + length {
        return None;
    }
    input.advance(at);
    let mut body = input.split_to(length).freeze();
    Some(match first & 0xf0 {
        0x20 => Heard::Connected(body.get(1).copied().unwrap_or(u8::MAX)),
        0x90 => Heard::Subscribed(body.get(2).copied().unwrap_or(u8::MAX)),
        PUBLISH => {
            let name = usize::from(body.get_u16());
            body.advance(name);
            let number = (first & 0x06 != 0).then(|| body.get_u16());
            Heard::Message(number, body)
        }
        PUBACK => Heard::Stored,
        _ => Heard::Other,
    })
}

pub(crate) fn connect(out: &mut BytesMut, client: &str, user: &str, password: &str) {
    let texts = [client, user, password];
    let length = 10 + texts.iter().map(|text| text.len() + 2).sum::<usize>();
    out.put_u8(CONNECT);
    put_length(out, length);
    put_text(out, "MQTT");
    // 3.1.1, a clean session, user name and password, an hour of keep alive, since some take none for wrong.
    out.put_slice(&[4, 0xc2, 0x0e, 0x10]);
    texts.iter().for_each(|text| put_text(out, text));
}

pub(crate) fn subscribe(out: &mut BytesMut, filter: &str, quality: u8) {
    out.put_u8(SUBSCRIBE);
    put_length(out, 2 + 2 + filter.len() + 1);
    out.put_u16(1);
    put_text(out, filter);
    out.put_u8(quality);
}

/// A message; `number` where it wants an answer.
pub(crate) fn publish(out: &mut BytesMut, topic: &str, number: Option<u16>, payload: &[u8]) {
    out.put_u8(PUBLISH | if number.is_some() { 2 } else { 0 });
    put_length(out, 2 + topic.len() + number.map_or(0, |_| 2) + payload.len());
    put_text(out, topic);
    if let Some(number) = number {
        out.put_u16(number);
    }
    out.put_slice(payload);
}

pub(crate) fn acknowledge(out: &mut BytesMut, number: u16) {
    out.put_slice(&[PUBACK, 2]);
    out.put_u16(number);
}

pub(crate) fn disconnect(out: &mut BytesMut) {
    out.put_slice(&[DISCONNECT, 0]);
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
    out.put_slice(text.as_bytes());
}

fn put_length(out: &mut BytesMut, mut length: usize) {
    loop {
        let byte = u8::try_from(length & 0x7f).unwrap_or(0);
        length >>= 7;
        out.put_u8(if length == 0 { byte } else { byte | 0x80 });
        if length == 0 {
            return;
        }
    }
}
