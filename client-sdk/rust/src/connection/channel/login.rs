//! The first three frames: the node's challenge, the client's proof, the node's.
//!
//! The certificate that TLS showed is anybody's until the node has signed it: whoever stands in
//! between shows another, and neither the client's proof nor the node's fits it.

use std::net::SocketAddr;

use bytes::Bytes;
use sekisho_proto::{
    Frame, Hash, LoginNonce, PublicKey,
    frame::{Challenge, Login, Proven},
};
use sekisho_seal::{LoginTranscript, SigningKey, draw};

use super::carrier::{Receiver, Sender};
use crate::{
    connection::{ChannelError, ConnectError},
    entropy::OsEntropy,
    framing::StreamError,
    refusal::Refusal,
};

/// Who logs in, and whom it means to reach.
pub(super) struct Claim<'a> {
    pub(super) signing: &'a SigningKey,
    pub(super) node: PublicKey,
    pub(super) remote: SocketAddr,
    /// The certificate that was shown.
    pub(super) shown: Hash,
}

impl Claim<'_> {
    /// Proves the client's key, and demands the same of the node.
    pub(super) async fn prove(
        &self,
        sender: &mut impl Sender,
        receiver: &mut impl Receiver,
    ) -> Result<(), ConnectError> {
        let said = self.hear(receiver, "Challenge").await?;
        let Frame::Challenge(Challenge { nonce: node_nonce }) = said else {
            return Err(self.unexpected("Challenge", &said));
        };
        let drawn = draw(&mut OsEntropy::new()).map_err(|cause| {
            let source = std::io::Error::other(cause.to_string());
            self.broken(ChannelError::Io { wanted: "randomness", source: source.into() })
        })?;
        let transcript = LoginTranscript {
            node_nonce,
            client_nonce: LoginNonce::new(*drawn),
            node: self.node,
            client: self.signing.public_key(),
            certificate: Some(self.shown),
        };
        let login = Frame::Login(Login {
            public_key: transcript.client,
            nonce: transcript.client_nonce,
            certificate: transcript.certificate,
            signature: transcript.sign_as_client(self.signing),
        });
        let sent = async {
            sender.feed(Bytes::from(login.encode())).await?;
            sender.flush().await
        };
        sent.await.map_err(|cause| self.broken(cause))?;
        let said = self.hear(receiver, "Proven").await?;
        let Frame::Proven(proven) = said else {
            return Err(self.unexpected("Proven", &said));
        };
        self.judge(&transcript, &proven)
    }

    fn judge(&self, transcript: &LoginTranscript, proven: &Proven) -> Result<(), ConnectError> {
        let (remote, wanted) = (self.remote, self.node);
        let wrong_key = |found| ConnectError::NodeKey { remote, wanted, found };
        if proven.public_key != wanted {
            return Err(wrong_key(proven.public_key.to_string()));
        }
        let said = LoginTranscript { certificate: Some(proven.certificate), ..*transcript };
        if !said.is_proven_by_node(&proven.signature) {
            return Err(wrong_key("another's signature".to_owned()));
        }
        if proven.certificate != self.shown {
            let (wanted, found) = (proven.certificate, self.shown);
            return Err(ConnectError::Certificate { remote, wanted, found });
        }
        Ok(())
    }

    async fn hear(
        &self,
        receiver: &mut impl Receiver,
        wanted: &'static str,
    ) -> Result<Frame, ConnectError> {
        let heard = receiver.next().await.map_err(|cause| self.broken(cause))?;
        let message = heard.ok_or_else(|| self.in_stream(StreamError::Ended { wanted }))?;
        let decoded = Frame::decode(message);
        let frame = decoded.map_err(|cause| self.in_stream(StreamError::Frame(cause)))?;
        if let Frame::Refused(refused) = frame {
            let (address, refusal) = (self.remote.to_string(), Refusal::from(refused));
            return Err(ConnectError::Refused { address, refusal });
        }
        Ok(frame)
    }

    fn unexpected(&self, wanted: &'static str, found: &Frame) -> ConnectError {
        self.in_stream(StreamError::Unexpected { wanted, found: found.name() })
    }

    fn in_stream(&self, source: StreamError) -> ConnectError {
        ConnectError::Stream { address: self.remote.to_string(), source }
    }

    fn broken(&self, source: ChannelError) -> ConnectError {
        ConnectError::Web { remote: self.remote, source }
    }
}
