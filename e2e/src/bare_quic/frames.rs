//! What a server's frames say, as far as somebody wants to know who sends what nobody should
//! (RFC 9000 §19).

use super::varint::Rest;

/// Why the other side ended a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// QUIC's code, or the application's.
    pub code: u64,
    /// Whether it is the application's.
    pub by_application: bool,
    /// In words.
    pub reason: String,
}

/// What came in one packet, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) crypto: Vec<(u64, Vec<u8>)>,
    pub(super) close: Option<Close>,
    pub(super) asks_for_acknowledgement: bool,
    pub(super) path_challenges: Vec<[u8; 8]>,
    pub(super) path_responses: usize,
    /// How often the server said that the handshake is over.
    pub(super) ends_of_handshake: usize,
}

/// Reads the frames of a packet; what cannot be read ends it.
pub(super) fn read(payload: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let mut rest = Rest(payload);
    while !rest.is_empty() {
        if one(&mut rest, &mut heard).is_none() {
            break;
        }
    }
    heard
}

fn one(rest: &mut Rest<'_>, heard: &mut Heard) -> Option<()> {
    let kind = rest.number()?;
    heard.asks_for_acknowledgement |= !matches!(kind, 0x00 | 0x02 | 0x03 | 0x1c | 0x1d);
    match kind {
        // Padding, a ping.
        0x00 | 0x01 => {}
        0x02 | 0x03 => acknowledgement(rest, kind == 0x03)?,
        0x06 => {
            let offset = rest.number()?;
            heard.crypto.push((offset, rest.prefixed()?.to_vec()));
        }
        0x07 => drop(rest.prefixed()?.len()),
        0x08..=0x0f => stream(rest, kind)?,
        // Limits and what is held up by them.
        0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => drop(rest.number()?.to_be_bytes()),
        0x11 | 0x15 | 0x05 => {
            rest.number()?;
            rest.number()?;
        }
        0x04 => {
            for _field in 0..3 {
                rest.number()?;
            }
        }
        0x18 => {
            rest.number()?;
            rest.number()?;
            let length = usize::from(rest.byte()?);
            rest.take(length + 16)?;
        }
        0x1a => heard.path_challenges.push(rest.take(8)?.try_into().ok()?),
        0x1b => {
            rest.take(8)?;
            heard.path_responses += 1;
        }
        0x1c | 0x1d => {
            let code = rest.number()?;
            if kind == 0x1c {
                rest.number()?;
            }
            let reason = String::from_utf8_lossy(rest.prefixed()?).into_owned();
            heard.close = Some(Close { code, by_application: kind == 0x1d, reason });
        }
        0x1e => heard.ends_of_handshake += 1,
        _ => return None,
    }
    Some(())
}

fn acknowledgement(rest: &mut Rest<'_>, with_counts: bool) -> Option<()> {
    rest.number()?;
    rest.number()?;
    let ranges = rest.number()?;
    for _number in 0..1 + 2 * ranges + if with_counts { 3 } else { 0 } {
        rest.number()?;
    }
    Some(())
}

fn stream(rest: &mut Rest<'_>, kind: u64) -> Option<()> {
    rest.number()?;
    if kind & 0x04 != 0 {
        rest.number()?;
    }
    if kind & 0x02 == 0 {
        rest.0 = &[];
        return Some(());
    }
    rest.prefixed().map(drop)
}
