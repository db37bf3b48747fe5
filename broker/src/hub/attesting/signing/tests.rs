use sekisho_proto::{
    BootId, ContentType, Epoch, Header, Offset, Position, Scope, Sequence, Suite, Timestamp, Topic,
};
use sekisho_seal::{Identity, SeededEntropy, attest, verify_attested};

use super::*;
use crate::hub::attesting_world::key;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// A record that this key attests.
fn attested_by(attester: &SigningKey, position: u64) -> Record {
    let header = Header {
        suite: Suite::Open,
        topic: Topic::parse("fujisawa/tide/1").unwrap(),
        publisher: key("meter").id(),
        boot: BootId::new([7; 16]),
        sequence: Sequence::new(position),
        time: NOW,
        epoch: Epoch::ZERO,
        key_header: None,
        previous: None,
        content_type: ContentType::parse("text/plain").unwrap(),
        sample_count: 0,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Federation,
        attester: Some(attester.id()),
    };
    let envelope = attest(attester, header, b"21.5").unwrap().into_envelope();
    record(envelope.encoded().clone(), position)
}

fn record(envelope: Bytes, position: u64) -> Record {
    let (position, offset) = (Position::new(position), Offset::new(position));
    Record::restore(position, offset, NOW, envelope, Vec::new()).unwrap()
}

fn verifies(signed: Bytes, attester: &SigningKey) -> bool {
    let envelope = Envelope::decode(signed).unwrap();
    verify_attested(envelope, &attester.verifying_key()).is_ok()
}

fn nowhere() -> Signing {
    Signing::new(Arc::new(key("node")), Path::new("no/such/folder/node.key"))
}

#[test]
fn what_was_attested_leaves_signed_and_whoever_comes_next_is_given_the_same() {
    let signing = nowhere();
    let record = attested_by(&key("node"), 4);
    let signed = signing.signed(&record).unwrap();
    assert!(verifies(signed.clone(), &key("node")));
    assert_eq!(signing.made.len(), 1);
    assert_eq!(signing.signed(&record).unwrap(), signed);
}

#[test]
fn what_somebody_signed_leaves_as_it_came() {
    let signing = nowhere();
    let unsigned = attested_by(&key("node"), 4);
    let theirs = sign_attested(&key("node"), unsigned.envelope()).unwrap();
    let theirs = record(theirs.encoded().clone(), 4);
    assert_eq!(signing.signed(&theirs).unwrap(), *theirs.envelope().encoded());
    assert!(signing.made.is_empty());
}

#[test]
fn what_an_old_key_attested_is_signed_by_it_where_its_file_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.key");
    let old = Identity::generate(Suite::X25519Aes256Gcm, &mut SeededEntropy::new(3)).unwrap();
    let record = attested_by(old.signing(), 9);
    let without = Signing::new(Arc::new(key("node")), &file);
    assert_eq!(without.signed(&record), Err(Unsigned));
    let signing = old.signing().clone();
    let kept = KeyFile {
        name: "node@fujisawa".parse().unwrap(),
        kind: KeyKind::Principal(PrincipalKind::Node),
        identity: old,
    };
    kept.create(&folder.path().join("node.key.old-0123456789abcdef")).unwrap();
    fs::write(folder.path().join("node.key.old-broken"), "no key").unwrap();
    fs::write(folder.path().join("another.key.old-1"), "no key").unwrap();
    let with = Signing::new(Arc::new(key("node")), &file);
    assert!(verifies(with.signed(&record).unwrap(), &signing));
}
