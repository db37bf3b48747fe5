//! One envelope and its key header, frozen: what version 1 is, byte for byte. They were verified and
//! opened with a second implementation as well, written over Python's `cryptography`.

use sekisho_proto::{
    BootId, ContentType, Envelope, Epoch, Filter, Hash, KeyHeader, Scope, Sequence, Suite,
    Timestamp, Topic,
};
use sekisho_seal::{
    Entropy, EntropyError, EpochKeyPair, EpochPublic, HeaderDraft, KeyError, Opener, Sealer,
    SigningKey, verify, verify_key_header,
};

const PLAINTEXT: &[u8] = b"PM2.5 = 12.5";
const ENVELOPE: &str = include_str!("golden/envelope-x25519-aes256gcm.hex");
const KEY_HEADER: &str = include_str!("golden/key-header-x25519-aes256gcm.hex");

/// 64, 65, 66 and so on.
struct Counting;

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for (byte, value) in bytes.iter_mut().zip(64..) {
            *byte = value;
        }
        Ok(())
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, data_encoding::DecodeError> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let digits = data_encoding::HEXLOWER.encode(bytes);
    let lines = digits.as_bytes().chunks(96).map(|line| String::from_utf8_lossy(line));
    lines.map(|line| format!("{line}\n")).collect()
}

fn signing() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn epoch_keys() -> Result<EpochKeyPair, KeyError> {
    EpochKeyPair::from_seed(Suite::X25519Aes256Gcm, &[3; 32])
}

#[test]
fn sealing_gives_the_frozen_bytes() {
    let tree = Filter::parse("fujisawa/#").unwrap();
    let key = epoch_keys().unwrap().public_key().clone();
    let epoch = EpochPublic::new(tree, Epoch::new(3), key);
    let topic = Topic::parse("fujisawa/truck-17/pm25").unwrap();
    let boot = BootId::new([2; 16]);
    let mut sealer = Sealer::new(&signing(), topic, boot, &epoch, &mut Counting).unwrap();
    let draft = HeaderDraft {
        sequence: Sequence::new(7),
        time: Timestamp::from_micros(1_700_000_000_000_000),
        previous: Some(Hash::new([4; 32])),
        content_type: ContentType::parse("text/plain").unwrap(),
        sample_count: 0,
        flags: 0,
        expiry_s: 60,
        scope: Scope::Federation,
    };
    let envelope = sealer.seal(draft, PLAINTEXT).unwrap();
    assert_eq!(hex(sealer.key_header().encoded()), KEY_HEADER);
    assert_eq!(hex(envelope.encoded()), ENVELOPE);
}

#[test]
fn the_frozen_bytes_verify_and_open() {
    let key = signing().verifying_key();
    let key_header = KeyHeader::decode(unhex(KEY_HEADER).unwrap().into()).unwrap();
    let key_header = verify_key_header(key_header, &key).unwrap();
    let envelope = Envelope::decode(unhex(ENVELOPE).unwrap().into()).unwrap();
    let verified = verify(envelope, &key).unwrap();
    let opener = Opener::new(&key_header, &epoch_keys().unwrap()).unwrap();
    assert_eq!(opener.open(&verified).unwrap(), PLAINTEXT);
}
