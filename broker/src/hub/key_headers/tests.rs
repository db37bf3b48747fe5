use std::sync::Arc;

use sekisho_proto::{
    ContentType, KeyHeaderContent, Scope, Sequence, Signature, Suite, Timestamp, Topic,
};
use sekisho_store::{KeyedFile, StdDisk};

use super::*;

fn key_header() -> KeyHeader {
    key_header_of(2)
}

fn key_header_of(boot: u8) -> KeyHeader {
    let content = KeyHeaderContent {
        suite: Suite::X25519Aes256Gcm,
        topic: "fujisawa/truck-17/air".parse().unwrap(),
        epoch: Epoch::new(1),
        publisher: PrincipalId::new([1; 32]),
        boot: BootId::new([boot; 16]),
        encapsulation: vec![3; 32].into(),
        commitment: [4; 32],
    };
    KeyHeader::assemble(content.encode(), Signature::new([5; 64])).unwrap()
}

fn header(key_header: &KeyHeader) -> Header {
    let content = key_header.content();
    Header {
        suite: content.suite,
        topic: content.topic.clone(),
        publisher: content.publisher,
        boot: content.boot,
        sequence: Sequence::ZERO,
        time: Timestamp::EPOCH,
        epoch: content.epoch,
        key_header: Some(key_header.id()),
        previous: None,
        content_type: ContentType::parse("text/plain").unwrap(),
        sample_count: 0,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Organisation,
        attester: None,
    }
}

#[test]
fn a_key_header_that_is_known_serves_its_own_stream_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn sekisho_store::Disk> = Arc::new(StdDisk);
    let keyed = KeyedFile::open(&disk, &folder.path().join("keyed"), 1 << 20).unwrap();
    let key_headers = KeyHeaders::new(Arc::new(keyed));
    let known = key_header();
    let own = header(&known);
    assert!(!key_headers.belongs(&known.id(), &own));
    key_headers.keep(std::slice::from_ref(&known)).unwrap();
    assert!(key_headers.belongs(&known.id(), &own) && KeyHeaders::fits(&known, &own));
    let topic: Topic = "fujisawa/truck-18/air".parse().unwrap();
    let others = [
        Header { suite: Suite::X25519ChaCha20Poly1305, ..own.clone() },
        Header { topic, ..own.clone() },
        Header { publisher: PrincipalId::new([9; 32]), ..own.clone() },
        Header { boot: BootId::new([9; 16]), ..own.clone() },
        Header { epoch: Epoch::new(2), ..own },
    ];
    for other in others {
        assert!(!KeyHeaders::fits(&known, &other), "{other:?}");
        assert!(!key_headers.belongs(&known.id(), &other), "{other:?}");
    }
}

#[test]
fn key_headers_that_come_at_once_are_all_stored() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn sekisho_store::Disk> = Arc::new(StdDisk);
    let path = folder.path().join("keyed");
    let many: Vec<KeyHeader> = (0..32).map(key_header_of).collect();
    let keyed = Arc::new(KeyedFile::open(&disk, &path, 1 << 20).unwrap());
    let key_headers = KeyHeaders::new(Arc::clone(&keyed));
    std::thread::scope(|scope| {
        for some in many.chunks(3) {
            scope.spawn(|| key_headers.keep(some).unwrap());
        }
    });
    let anew = KeyHeaders::new(keyed);
    for one in &many {
        assert_eq!(anew.encoded(&one.id()).as_ref(), Some(one.encoded()));
    }
}
