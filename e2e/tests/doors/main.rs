//! The doors for those that do not speak QUIC: the session over WebSocket and gRPC, and everything
//! that must not get in through them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what goes wrong in a helper has to fail the test that uses it"
)]

mod administering;
mod boxes;
mod denied;
mod descriptors;
mod floods;
mod hasty;
mod logins;
mod openapi;
mod pages;
#[path = "../mqtt/raw.rs"]
#[expect(dead_code, reason = "the tests of MQTT need more of it")]
mod raw;
mod renewing;
mod requests;
mod sensorthings;
mod sessions;
mod streams;
mod talk;
mod talker;
mod tls;
mod withheld;
