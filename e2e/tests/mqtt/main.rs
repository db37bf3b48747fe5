//! MQTT's clients against the node: another's suite, and what is remembered, and withheld.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail and speak as tests do"
)]

mod bounds;
mod carrying;
mod clients;
mod documented;
mod entering;
mod enveloped;
mod flow;
mod in_rust;
mod observed;
mod once;
mod paho;
mod plaintext;
mod proving;
mod raw;
mod remembered;
mod standard;
mod system;
mod taken_back;
#[path = "../doors/tls.rs"]
#[expect(dead_code, reason = "the tests of other doors need more of it")]
mod tls;
mod town;
mod withheld;
