//! What a channel is made of: messages out, messages in, each one encoded frame.

use bytes::Bytes;

use crate::connection::ChannelError;

/// The end that messages are given to.
pub(super) trait Sender: Send + 'static {
    /// Takes a message, to be sent soon.
    fn feed(&mut self, message: Bytes) -> impl Future<Output = Result<(), ChannelError>> + Send;

    /// Sends everything taken.
    fn flush(&mut self) -> impl Future<Output = Result<(), ChannelError>> + Send;

    /// Shows that this end is there; called when it is time to.
    fn keep_alive(&mut self) -> impl Future<Output = Result<(), ChannelError>> + Send;

    /// Says that nothing follows.
    fn finish(&mut self) -> impl Future<Output = Result<(), ChannelError>> + Send;
}

/// The end that messages come from.
pub(super) trait Receiver: Send + 'static {
    /// The next message; `None` after the last.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, ChannelError>> + Send;
}
