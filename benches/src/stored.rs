//! Records as the log takes them.

use bytes::Bytes;
use sekisho_proto::{BootId, Hash, PrincipalId, Sequence, Timestamp, Topic};
use sekisho_store::{NewRecord, StreamKey};

use crate::sound;

/// The record of a number: one publisher's, on one of so many topics.
#[must_use]
pub fn record(number: u64, topics: u64, envelope: Bytes) -> NewRecord {
    NewRecord {
        topic: sound(Topic::parse(&format!("fujisawa/trucks/{}/air", number % topics))),
        offset: None,
        received: Timestamp::from_micros(1_795_000_000_000_000),
        envelope,
        hops: Vec::new(),
        stream: StreamKey {
            publisher: PrincipalId::new([1; 32]),
            boot: BootId::new([2; 16]),
            sequence: Sequence::new(number / topics),
        },
        hash: Hash::new([3; 32]),
        key_header: None,
    }
}
