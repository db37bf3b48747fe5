//! Transports carry frames between a socket and a session, and decide nothing.

pub(crate) mod certificate;
mod channel;
pub(crate) mod crowd;
pub(crate) mod desk;
pub(crate) mod frames;
pub(crate) mod mqtt;
pub(crate) mod quic;
mod reading;
mod socket;
pub(crate) mod web;
