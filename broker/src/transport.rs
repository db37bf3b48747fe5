//! Transports carry frames between a socket and a session, and decide nothing.

pub(crate) mod quic;
