use proptest::prelude::*;

use super::*;
use crate::SeededEntropy;

fn file() -> KeyFile {
    let mut entropy = SeededEntropy::new(1);
    KeyFile {
        kind: KeyKind::Principal(PrincipalKind::Device),
        name: PrincipalName::parse("truck-17@fujisawa").unwrap(),
        identity: Identity::generate(Suite::XWingAes256Gcm, &mut entropy).unwrap(),
    }
}

#[test]
fn a_key_file_reads_back_what_was_written() {
    let kinds = [KeyKind::Root, KeyKind::Issuer]
        .into_iter()
        .chain(PrincipalKind::ALL.map(KeyKind::Principal));
    for kind in kinds {
        let written = KeyFile { kind, ..file() };
        let read = parse(print(&written).as_bytes()).unwrap();
        assert_eq!((read.kind, &read.name), (kind, &written.name));
        assert_eq!(read.identity.signing().seed(), written.identity.signing().seed());
        assert_eq!(read.identity.kem().seed(), written.identity.kem().seed());
        assert_eq!(read.identity.kem().suite(), written.identity.kem().suite());
    }
}

#[test]
fn the_longest_names_fit_without_the_buffer_growing() {
    let name = format!("{}@{}", "n".repeat(64), "o".repeat(63));
    let text = print(&KeyFile { name: PrincipalName::parse(&name).unwrap(), ..file() });
    assert_eq!(text.capacity(), KEY_FILE_BYTES_MAX);
    parse(text.as_bytes()).unwrap();
}

#[test]
fn the_form_of_a_key_file_is_frozen() {
    let signing = SigningKey::from_seed(&[1; 32]);
    let kem = KemKeyPair::from_seed(Suite::X25519Aes256Gcm, &[2; 32]).unwrap();
    let file = KeyFile {
        kind: KeyKind::Issuer,
        name: PrincipalName::parse("office@fujisawa").unwrap(),
        identity: Identity::new(signing, kem),
    };
    let wanted = "sekisho key file, version 1\n\
        kind: issuer\n\
        organisation: fujisawa\n\
        name: office\n\
        public-key: 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\n\
        signing-seed: 0101010101010101010101010101010101010101010101010101010101010101\n\
        kem-suite: x25519-aes256gcm\n\
        kem-seed: 0202020202020202020202020202020202020202020202020202020202020202\n";
    let checksum = Hash::of(wanted.as_bytes());
    assert_eq!(*print(&file), format!("{wanted}checksum: {checksum}\n"));
}

#[test]
fn every_changed_bit_and_every_truncation_of_a_key_file_is_refused() {
    let text = print(&file());
    let bytes = text.as_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(parse(&changed).is_err(), "bit {bit} changed");
    }
    for length in 0..bytes.len() {
        assert!(parse(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    assert_eq!(parse(&[bytes, b"\n"].concat()).unwrap_err(), Fault { line: 10, wanted: "the end" });
}

#[test]
fn a_fault_is_named_by_its_line() {
    let text = print(&file());
    let faults = [
        ("version 1", "version 2", 1),
        ("kind: device", "kind: toaster", 2),
        ("organisation: fujisawa", "organisation: Fujisawa", 3),
        ("name: truck-17", "name: truck 17", 4),
        ("kem-suite: xwing-aes256gcm", "kem-suite: open", 8),
        ("kem-suite: xwing-aes256gcm", "kem-suite: rot13", 7),
        ("name: truck-17", "name: truck-18", 9),
    ];
    for (from, to, line) in faults {
        let fault = parse(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert_eq!(fault.line, line, "{to}: {}", fault.wanted);
    }
}

#[test]
fn a_public_key_of_another_seed_is_refused() {
    let text = print(&file());
    let other = SigningKey::from_seed(&[3; 32]).public_key().to_string();
    let own = file().identity.public_key().to_string();
    let fault = parse(text.replace(&own, &other).as_bytes()).unwrap_err();
    assert_eq!(fault, Fault { line: 6, wanted: "the seed of the public key" });
}

#[test]
fn carriage_returns_and_capital_digits_are_refused() {
    let text = print(&file());
    assert!(parse(text.replace('\n', "\r\n").as_bytes()).is_err());
    let own = file().identity.public_key().to_string();
    assert!(parse(text.replace(&own, &own.to_uppercase()).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn garbage_is_refused_and_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        prop_assert!(parse(&bytes).is_err());
    }
}
