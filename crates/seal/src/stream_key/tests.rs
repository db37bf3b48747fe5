use super::*;
use crate::fixture::{BOOT, EPOCH, SEALING, Scripted, topic, unhex, unhex_all};

const PLAINTEXT: &[u8] = b"PM2.5 = 12.5";
const SEQUENCE: Sequence = Sequence::new(7);

/// The first vector of draft-connolly-cfrg-xwing-kem: private key and randomness.
const XWING_PRIVATE: &str = "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26";
const XWING_RANDOMNESS: &str = "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2\
                                35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2";

fn stream(suite: Suite, topic: &Topic) -> Stream<'_> {
    Stream { suite, topic, epoch: EPOCH, publisher: PrincipalId::new([1; 32]), boot: BOOT }
}

fn epoch_keys(suite: Suite) -> EpochKeyPair {
    match suite {
        Suite::X25519Aes256Gcm | Suite::X25519ChaCha20Poly1305 => {
            let seed: Vec<u8> = (0..32).collect();
            EpochKeyPair::from_seed(suite, &seed.try_into().unwrap()).unwrap()
        }
        Suite::Open | Suite::XWingAes256Gcm | Suite::XWingChaCha20Poly1305 => {
            EpochKeyPair::from_seed(suite, &unhex(XWING_PRIVATE)).unwrap()
        }
    }
}

fn make(suite: Suite) -> (Vec<u8>, StreamKey) {
    let script = match suite {
        Suite::X25519Aes256Gcm | Suite::X25519ChaCha20Poly1305 => (64..128).collect(),
        Suite::Open | Suite::XWingAes256Gcm | Suite::XWingChaCha20Poly1305 => {
            unhex_all(XWING_RANDOMNESS)
        }
    };
    let keys = epoch_keys(suite);
    StreamKey::make(&stream(suite, &topic()), keys.public_key(), &mut Scripted(script)).unwrap()
}

/// Commitment and body, computed by another implementation (RFC 9180 and RFC 5869 written out over
/// Python's `cryptography`, X-Wing's secret from its draft).
#[test]
fn seals_as_another_implementation_of_the_documentation() {
    let wanted = [
        (
            Suite::X25519Aes256Gcm,
            "2ef4be0c5c053385f9ca99a784e6358290041ecb3bbe86854af36a637fdc5edf",
            "25b6eb46874f4cfb879aa28a3a42f08897a90b577f7bbbfc205e0e95",
        ),
        (
            Suite::X25519ChaCha20Poly1305,
            "b02c364842c5c514ea3557da2a2e4d280d15565b1b2f86d69799468b1ec1139d",
            "80b2c92667c61895599b42cfd46bfb507d523109b0938a702b513205",
        ),
        (
            Suite::XWingAes256Gcm,
            "693c9a8788ad6b1165382394dd30293caa54fb586790e71a27d0fe663aced567",
            "0115638938a0998865d655f92de94022b45dea31d171eab9f24e2d03",
        ),
        (
            Suite::XWingChaCha20Poly1305,
            "577c251aed4f1d58387e086f4388dde4502818624d29a696b3b17eaee6c429c4",
            "983ba8be52a18fd18f7eee91107e054765abd799350f22abb47a3de9",
        ),
    ];
    for (suite, commitment, body) in wanted {
        let (_encapsulation, key) = make(suite);
        assert_eq!(key.commitment().to_vec(), unhex_all(commitment), "{suite}");
        let sealed = key.seal(SEQUENCE, b"header", PLAINTEXT).unwrap();
        assert_eq!(sealed, unhex_all(body), "{suite}");
    }
}

#[test]
fn the_reader_recovers_the_publishers_key() {
    for suite in SEALING {
        let (encapsulation, ours) = make(suite);
        let topic = topic();
        let theirs =
            StreamKey::recover(&stream(suite, &topic), &epoch_keys(suite), &encapsulation).unwrap();
        assert!(theirs.is_committed(ours.commitment()));
        let body = ours.seal(SEQUENCE, b"header", PLAINTEXT).unwrap();
        assert_eq!(theirs.open(SEQUENCE, b"header", &body).unwrap(), PLAINTEXT);
    }
}

#[test]
fn another_stream_has_another_key() {
    let suite = Suite::X25519Aes256Gcm;
    let (encapsulation, ours) = make(suite);
    let (topic, other_topic) = (topic(), Topic::parse("fujisawa/truck-17/pm10").unwrap());
    let others = [
        Stream { topic: &other_topic, ..stream(suite, &topic) },
        Stream { epoch: EPOCH.next(), ..stream(suite, &topic) },
        Stream { publisher: PrincipalId::new([2; 32]), ..stream(suite, &topic) },
        Stream { boot: BootId::new([3; 16]), ..stream(suite, &topic) },
        Stream { suite: Suite::X25519ChaCha20Poly1305, ..stream(suite, &topic) },
    ];
    for other in others {
        let key = StreamKey::recover(&other, &epoch_keys(suite), &encapsulation).unwrap();
        assert!(!key.is_committed(ours.commitment()));
    }
}

#[test]
fn a_body_opens_under_its_own_sequence_and_header_only() {
    let (_encapsulation, key) = make(Suite::X25519Aes256Gcm);
    let body = key.seal(SEQUENCE, b"header", PLAINTEXT).unwrap();
    assert!(key.open(SEQUENCE.next(), b"header", &body).is_err());
    assert!(key.open(SEQUENCE, b"Header", &body).is_err());
    assert!(key.open(SEQUENCE, b"header", &body[1..]).is_err());
    assert!(key.open(SEQUENCE, b"header", &body[..TAG_BYTES - 1]).is_err());
    assert!(key.open(SEQUENCE, b"header", &[]).is_err());
}

#[test]
fn an_empty_body_is_a_tag_alone() {
    let (_encapsulation, key) = make(Suite::XWingAes256Gcm);
    let body = key.seal(SEQUENCE, b"header", b"").unwrap();
    assert_eq!(body.len(), TAG_BYTES);
    assert_eq!(key.open(SEQUENCE, b"header", &body).unwrap(), b"");
}
