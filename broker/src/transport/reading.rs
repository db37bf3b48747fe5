//! A record as it is told to those who ask for values and hold no key.

use sekisho_formats::body;
use sekisho_policy::Policy;
use sekisho_proto::{PrincipalId, Suite};
use sekisho_routing::Record;
use sekisho_sensorthings::{Content, Reading};

/// What is in the record, and who says so.
pub(crate) fn reading(record: &Record, policy: &Policy) -> Reading {
    let envelope = record.envelope();
    let header = envelope.header();
    let name = |id: &PrincipalId| {
        policy.principal(id).map_or_else(|| id.to_string(), |found| found.name.to_string())
    };
    let content = if header.suite == Suite::Open {
        let found = body::samples(&header.content_type, envelope.body(), record.received());
        found.map_or(Content::Opaque, Content::Samples)
    } else {
        Content::Sealed
    };
    Reading {
        offset: record.offset(),
        time: header.time,
        received: record.received(),
        publisher: name(&header.publisher),
        attester: header.attester.as_ref().map(name),
        content,
    }
}
