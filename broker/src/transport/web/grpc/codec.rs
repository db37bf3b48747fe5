//! Messages of the schema as gRPC carries them: in their one encoding, as everywhere.

use std::marker::PhantomData;

use bytes::{Buf as _, BufMut as _};
use sekisho_proto::DecodeError;
use sekisho_proto::frame::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Takes messages of one type and gives those of another.
#[derive(Debug)]
pub(super) struct Coded<Taken, Given>(PhantomData<fn() -> (Taken, Given)>);

/// A message that came; what is wrong with it is told by whoever reads it, with the code that it would
/// have anywhere else.
#[derive(Debug)]
pub(super) struct Decoded<M> {
    pub(super) message: Result<M, DecodeError>,
}

impl<Taken, Given> Coded<Taken, Given> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<Taken: Message + Send + 'static, Given: Message + Send + 'static> Codec
    for Coded<Taken, Given>
{
    type Encode = Given;
    type Decode = Decoded<Taken>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        Self::new()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self::new()
    }
}

impl<Taken, Given: Message> Encoder for Coded<Taken, Given> {
    type Item = Given;
    type Error = Status;

    fn encode(&mut self, message: Given, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message.encode());
        Ok(())
    }
}

impl<Taken: Message, Given> Decoder for Coded<Taken, Given> {
    type Item = Decoded<Taken>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Decoded<Taken>>, Status> {
        let bytes = buffer.remaining();
        let message = Taken::decode(buffer.copy_to_bytes(bytes));
        Ok(Some(Decoded { message }))
    }
}
