use std::path::Path;

use sekisho_proto::{
    ContentType, KeyHeaderContent, Scope, Sequence, Signature, Suite, Timestamp, Topic,
};
use sekisho_store::fault::{FaultDisk, Survival};
use sekisho_store::{Disk, KeyedFile};

use super::*;

mod sweeping;

fn key_header() -> KeyHeader {
    key_header_of(2)
}

fn key_header_of(boot: u8) -> KeyHeader {
    key_header_for("fujisawa/truck-17/air", boot)
}

fn key_header_for(topic: &str, boot: u8) -> KeyHeader {
    let content = KeyHeaderContent {
        suite: Suite::X25519Aes256Gcm,
        topic: topic.parse().unwrap(),
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

fn room() -> Room {
    Room { data: PathBuf::from("/"), free_bytes_min: 0 }
}

fn keyed(disk: &FaultDisk) -> Arc<KeyedFile> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Arc::new(KeyedFile::open(&disk, Path::new("/keyed.redb"), 1 << 20).unwrap())
}

fn open(disk: &FaultDisk) -> KeyHeaders {
    KeyHeaders::new(keyed(disk), room())
}

#[test]
fn a_key_header_that_is_known_serves_its_own_stream_and_no_other() {
    let key_headers = open(&FaultDisk::new());
    let known = key_header();
    let own = header(&known);
    assert_eq!(key_headers.find(&known.id(), &own), Ok(Found::Nowhere));
    key_headers.keep(std::slice::from_ref(&known)).unwrap();
    assert_eq!(key_headers.find(&known.id(), &own), Ok(Found::InUse));
    assert!(KeyHeaders::fits(&known, &own));
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
        assert_eq!(key_headers.find(&known.id(), &other), Ok(Found::Nowhere), "{other:?}");
    }
}

#[test]
fn key_headers_that_come_at_once_are_all_stored() {
    let disk = FaultDisk::new();
    let many: Vec<KeyHeader> = (0..32).map(key_header_of).collect();
    let key_headers = open(&disk);
    std::thread::scope(|scope| {
        for some in many.chunks(3) {
            scope.spawn(|| key_headers.keep(some).unwrap());
        }
    });
    drop(key_headers);
    let anew = open(&disk);
    for one in &many {
        assert_eq!(anew.encoded(&one.id()).unwrap().as_ref(), Some(one.encoded()));
    }
}

#[test]
fn key_headers_leave_the_room_that_trimming_needs() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new();
    let room = Room { data: folder.path().to_owned(), free_bytes_min: u64::MAX };
    let key_headers = KeyHeaders::new(keyed(&disk), room);
    let one = key_header();
    let refusal = key_headers.keep(std::slice::from_ref(&one)).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::StorageFull, "{refusal}");
    assert!(refusal.why.contains("to stay free, found"), "{refusal}");
    assert_eq!(key_headers.encoded(&one.id()), Ok(None));
}

#[test]
fn a_key_header_that_cannot_be_read_is_not_told_as_missing() {
    let disk = FaultDisk::new();
    let one = key_header();
    open(&disk).keep(std::slice::from_ref(&one)).unwrap();
    let uncached: Arc<dyn Disk> = Arc::new(disk.clone());
    let keyed = KeyedFile::open(&uncached, Path::new("/keyed.redb"), 0).unwrap();
    let key_headers = KeyHeaders::new(Arc::new(keyed), room());
    disk.cut_power(Survival::Nothing);
    let refusal = key_headers.find(&one.id(), &header(&one)).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Internal, "{refusal}");
    assert_eq!(key_headers.encoded(&one.id()).unwrap_err().code, RefusalCode::Internal);
}
