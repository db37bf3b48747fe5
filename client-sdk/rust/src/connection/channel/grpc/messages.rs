//! Messages in the bytes of a call: each behind a byte that says whether it is compressed, and its
//! length in four (gRPC over HTTP/2, "Length-Prefixed-Message").

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use sekisho_proto::limits::FRAME_BYTES_MAX;

use super::not_so;
use crate::connection::ChannelError;

const PREFIX_BYTES: usize = 5;
const PLAIN: u8 = 0;

/// Takes the bytes of a call apart into its messages.
#[derive(Debug, Default)]
pub struct Messages {
    /// What came and is no whole message yet.
    buffer: BytesMut,
}

/// Appends a message.
pub(super) fn put(buffer: &mut BytesMut, message: &[u8]) {
    buffer.reserve(PREFIX_BYTES.saturating_add(message.len()));
    buffer.put_u8(PLAIN);
    // A frame that large does not exist; if it did, every node would refuse this length.
    buffer.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    buffer.put_slice(message);
}

impl Messages {
    /// Takes bytes that came.
    pub fn push(&mut self, part: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::from(part);
        } else {
            self.buffer.extend_from_slice(&part);
        }
    }

    /// The next whole message; `None` where more of it must come first.
    ///
    /// # Errors
    /// It is compressed, or longer than a frame may be, which its first bytes say.
    pub fn pop(&mut self) -> Result<Option<Bytes>, ChannelError> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let [flag, length @ ..] = *prefix;
        if flag != PLAIN {
            return Err(not_so("messages that are not compressed", format!("flag {flag}")));
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(not_so("a message as long as a frame may be", format!("{length} bytes")));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_whole_however_their_bytes_are_cut() {
        let sent: Vec<Vec<u8>> = vec![vec![], vec![1], vec![2; 300], vec![3; 5]];
        let mut buffer = BytesMut::new();
        for message in &sent {
            put(&mut buffer, message);
        }
        for size in [1, 2, 7, 64, 1000] {
            let (mut messages, mut came) = (Messages::default(), Vec::new());
            for part in buffer.chunks(size) {
                messages.push(Bytes::copy_from_slice(part));
                while let Some(message) = messages.pop().unwrap() {
                    came.push(message.to_vec());
                }
            }
            assert_eq!(came, sent, "cut into {size}");
        }
    }

    #[test]
    fn a_compressed_message_and_one_too_long_are_refused_at_once() {
        let refused = |prefix: [u8; 5]| {
            let mut messages = Messages::default();
            messages.push(Bytes::copy_from_slice(&prefix));
            messages.pop().unwrap_err().to_string()
        };
        assert!(refused([1, 0, 0, 0, 0]).contains("compressed"));
        assert!(refused([0, 255, 255, 255, 255]).contains("4294967295 bytes"));
    }
}
