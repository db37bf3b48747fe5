//! One envelope and its key header, frozen: what version 1 is, byte for byte. They were verified and
//! opened with a second implementation as well, written over Python's `cryptography`.

use sekisho_proto::{
    BootId, ContentType, Envelope, Epoch, Errand, ErrandAnswer, ErrandId, ErrandOutcome,
    ErrandTask, Filter, Hash, KeyHeader, Scope, Sequence, Suite, Timestamp, TokenId, Topic,
};
use sekisho_seal::{
    Entropy, EntropyError, EpochKeyPair, EpochPublic, ErrandDraft, HeaderDraft, Identity,
    KemKeyPair, KeyError, Opener, Sealer, SigningKey, open_errand_answer, seal_errand,
    seal_errand_answer, verify, verify_errand, verify_key_header,
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

const ERRAND: &str = include_str!("golden/errand.hex");

/// One errand and its answer, on a line of their own each: the asker's keys are of the seeds 01
/// (signing) and 03 (X25519), the steward's of 02 and 04 (X-Wing), 32 times each.
#[test]
fn an_errand_and_its_answer_give_the_frozen_bytes() {
    let identity = |signing: u8, kem: u8, suite| {
        let kem = KemKeyPair::from_seed(suite, &[kem; 32]).unwrap();
        Identity::new(SigningKey::from_seed(&[signing; 32]), kem)
    };
    let asker = identity(1, 3, Suite::X25519Aes256Gcm);
    let steward = identity(2, 4, Suite::XWingAes256Gcm);
    let draft = ErrandDraft {
        organisation: "fujisawa".parse().unwrap(),
        id: ErrandId::new([5; 16]),
        steward: steward.id(),
        issued: Timestamp::from_micros(1_700_000_000_000_000),
        until: Timestamp::from_micros(1_700_000_600_000_000),
    };
    let task = ErrandTask::Withdraw { token_id: TokenId::new([6; 16]), reason: "lost".to_owned() };
    let key = steward.kem().public_key();
    let errand = seal_errand(&asker, key, draft, &task, &mut Counting).unwrap();
    let outcome = ErrandOutcome::Withdrawn { name: "truck-17@fujisawa".parse().unwrap() };
    let said = (&outcome, Timestamp::from_micros(1_700_000_001_000_000));
    let key = Some(asker.kem().public_key());
    let answer = seal_errand_answer(&steward, key, &errand, said, &mut Counting).unwrap();
    let made = [errand.encoded(), answer.encoded()].map(|bytes| hex(bytes)).join("\n");
    assert_eq!(made, ERRAND);

    let (first, second) = ERRAND.split_once("\n\n").unwrap();
    let errand = Errand::decode(unhex(first).unwrap().into()).unwrap();
    let verified = verify_errand(&errand, &asker.public_key()).unwrap();
    assert_eq!(verified.open(&steward).unwrap(), task);
    let answer = ErrandAnswer::decode(unhex(second).unwrap().into()).unwrap();
    let opened = open_errand_answer(&asker, &steward.public_key(), &errand, &answer);
    assert_eq!(opened.unwrap(), outcome);
}
