//! Retained messages over crashes: what the disk has not heard is found again in the log.

use proptest::prelude::*;
use sekisho_proto::{BootId, ContentType, Envelope, Epoch, Hash, Scope, Sequence};
use sekisho_store::{KeyedChange, NewRecord as ToStore, StdDisk, Store, StoreOptions, StreamKey};

use super::*;

const NAMES: [&str; 4] = ["a", "b", "a/b", "c"];

fn own() -> OrgName {
    "fujisawa".parse().unwrap()
}

/// An envelope as the log holds it; nobody looks at its signature here.
fn envelope(name: &str, payload: &'static [u8], is_retained: bool, sequence: u64) -> Envelope {
    let header = Header {
        suite: Suite::Open,
        topic: format!("fujisawa/mqtt/{name}").parse().unwrap(),
        publisher: PrincipalId::new([1; 32]),
        boot: BootId::new([2; 16]),
        sequence: Sequence::new(sequence),
        time: Timestamp::from_micros(5),
        epoch: Epoch::ZERO,
        key_header: None,
        previous: (sequence > 0).then(|| Hash::of(b"before")),
        content_type: ContentType::parse(ContentType::OPAQUE).unwrap(),
        sample_count: 0,
        flags: if is_retained { Header::FLAG_RETAIN } else { 0 },
        expiry_s: 0,
        scope: Scope::Federation,
        attester: Some(PrincipalId::new([3; 32])),
    };
    let signature = sekisho_proto::Signature::new([4; 64]);
    Envelope::assemble(header.encode(), Bytes::from_static(payload), signature).unwrap()
}

fn all(retaining: &Retaining) -> Vec<(String, Position)> {
    let everything = Filter::everything(&own());
    let (found, _more) = retaining.page(&everything, None, (99, 2), Timestamp::from_micros(9));
    let told = found.iter().map(|record| (record.topic().to_string(), record.position()));
    told.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn after_any_crash_they_are_those_of_the_log(
        steps in proptest::collection::vec(
            (prop::sample::select(&NAMES[..]), any::<bool>(), any::<bool>(), any::<bool>()), 1..30),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(Arc::new(StdDisk), &folder.path().join("data"), StoreOptions::default());
        let Store { mut records, keyed, .. } = open().unwrap();
        let mut retaining = Retaining::open(&own(), &*keyed, &records.reader()).unwrap();
        let mut model = std::collections::BTreeMap::new();
        for (sequence, (name, is_retained, is_clearing, is_flushed)) in (0u64..).zip(steps) {
            let payload: &[u8] = if is_clearing { b"" } else { b"warm" };
            let envelope = Arc::new(envelope(name, payload, is_retained, sequence));
            let header = envelope.header();
            let received = Timestamp::from_micros(6);
            let stream = StreamKey {
                publisher: header.publisher,
                boot: header.boot,
                sequence: header.sequence,
            };
            let (topic, hash) = (header.topic.clone(), Hash::of(&sequence.to_be_bytes()));
            let place = records.append(ToStore {
                topic: topic.clone(),
                offset: None,
                received,
                hops: Vec::new(),
                stream,
                hash,
                key_header: None,
                envelope: envelope.encoded().clone(),
            }).unwrap();
            records.commit().unwrap();
            let new = NewRecord { offset: None, received, envelope, hash, hops: Vec::new() };
            let noted = ToRetain::of(&new).map(|kept| (place.position, kept.placed(place.offset)));
            prop_assert_eq!(noted.is_some(), is_retained);
            retaining.note(noted.into_iter().collect(), Some(place.position.next()));
            if is_retained && is_clearing {
                model.remove(topic.as_str());
            } else if is_retained {
                model.insert(topic.to_string(), place.position);
            }
            if is_flushed {
                let changes = retaining.take_changes().into_iter().map(|(name, value)| match value {
                    Some(value) => KeyedChange::PutBlob(name, value),
                    None => KeyedChange::RemoveBlob(name),
                });
                keyed.apply(&changes.collect::<Vec<_>>()).unwrap();
            } else {
                retaining = Retaining::open(&own(), &*keyed, &records.reader()).unwrap();
            }
            let wanted: Vec<_> = model.clone().into_iter().collect();
            prop_assert_eq!(all(&retaining), wanted);
        }
    }
}

#[test]
fn a_record_is_written_and_read_as_it_was() {
    let encoded = envelope("a", b"warm", true, 0).encoded().clone();
    let (position, offset) = (Position::new(7), Offset::new(3));
    let hops = vec![PrincipalId::new([5; 32]), PrincipalId::new([6; 32])];
    let received = Timestamp::from_micros(8);
    let record = Record::restore(position, offset, received, encoded, hops.clone()).unwrap();
    let written = encode(&record);
    let read = decode(written.clone()).unwrap();
    assert_eq!((read.position(), read.offset(), read.received()), (position, offset, received));
    assert_eq!((read.hops(), read.envelope()), (&hops[..], record.envelope()));
    for end in 0..written.len() {
        assert!(decode(written.slice(..end)).is_none(), "cut at {end}");
    }
}
