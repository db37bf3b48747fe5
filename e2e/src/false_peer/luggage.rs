//! Envelopes that others made, for a false peer to pass on: what it may, and what it may not.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use sekisho_proto::frame::Publish;
use sekisho_proto::{Frame, FrameDecoder};

use crate::message::framed;

/// Marks what it may pass on.
const HONEST: u64 = 1;
/// Marks what it may not.
const STOLEN: u64 = 2;

/// An envelope, and the key header that it needs.
pub(super) type Piece = (Bytes, Option<Bytes>);

/// What a false peer has with it.
#[derive(Debug, Clone, Default)]
pub struct Luggage {
    /// Of its own publishers, in order: what an honest node would pass on.
    pub honest: Vec<(Bytes, Option<Bytes>)>,
    /// Real envelopes that are not its to pass on to this peer.
    pub stolen: Vec<(Bytes, Option<Bytes>)>,
}

impl Luggage {
    /// Writes it into a file.
    pub fn pack(&self, path: &Path) {
        let honest = self.honest.iter().map(|piece| (HONEST, piece));
        let stolen = self.stolen.iter().map(|piece| (STOLEN, piece));
        let mut bytes = Vec::new();
        for (request, (envelope, key_header)) in honest.chain(stolen) {
            let (envelope, key_header) = (envelope.clone(), key_header.clone());
            let frame = Frame::Publish(Publish { request, envelope, key_header });
            bytes.extend(framed(&frame.encode()));
        }
        fs::write(path, bytes).expect("luggage can be packed");
    }

    /// Reads it from the file.
    #[must_use]
    pub fn unpack(path: &Path) -> Self {
        let mut decoder = FrameDecoder::default();
        decoder.push(Bytes::from(fs::read(path).expect("luggage")));
        let mut luggage = Self::default();
        while let Some(frame) = decoder.next().expect("frames") {
            let Frame::Publish(piece) = frame else { panic!("wanted envelopes, found {frame:?}") };
            let kept =
                if piece.request == HONEST { &mut luggage.honest } else { &mut luggage.stolen };
            kept.push((piece.envelope, piece.key_header));
        }
        luggage
    }
}
