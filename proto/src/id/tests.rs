use super::{BootId, Hash, PrincipalId, PublicKey, Signature};

/// RFC 8410 §10.1: the example Ed25519 public key as a SubjectPublicKeyInfo.
const RFC_8410_SPKI: &str = "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6c\
                             b0c5c38ad703166e1";

fn from_hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

#[test]
fn a_key_has_the_public_key_info_of_rfc_8410() {
    let der = from_hex(RFC_8410_SPKI);
    let key = PublicKey::from_spki_der(&der).unwrap();
    assert_eq!(key.to_string(), RFC_8410_SPKI[24..]);
    assert_eq!(key.spki_der().as_slice(), der);
}

#[test]
fn another_public_key_info_is_refused() {
    let der = from_hex(RFC_8410_SPKI);
    let mut x25519 = der.clone();
    x25519[8] = 0x6e;
    let mut long = der.clone();
    long.push(0);
    for wrong in [&x25519[..], &long, &der[..43], &[]] {
        let error = PublicKey::from_spki_der(wrong).unwrap_err();
        assert!(error.to_string().starts_with("public key: wanted "), "{error}");
    }
}

#[test]
fn an_identity_is_the_hash_of_the_public_key_info() {
    let key = PublicKey::from_spki_der(&from_hex(RFC_8410_SPKI)).unwrap();
    assert_eq!(PrincipalId::of(&key).as_bytes(), Hash::of(&from_hex(RFC_8410_SPKI)).as_bytes());
}

#[test]
fn a_hash_is_sha_256() {
    let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(Hash::of(b"abc").to_string(), wanted);
}

#[test]
fn keys_of_31_and_33_bytes_are_refused_with_their_length() {
    for length in [0, 31, 33] {
        let error = PublicKey::try_from(vec![7; length].as_slice()).unwrap_err();
        assert_eq!(error.to_string(), format!("public key: wanted 32 bytes, found {length} bytes"));
    }
}

#[test]
fn hexadecimal_text_is_parsed_in_either_case_and_printed_in_lower() {
    let boot: BootId = "00FFa0000000000000000000000000b1".parse().unwrap();
    assert_eq!(boot.to_string(), "00ffa0000000000000000000000000b1");
    assert_eq!(boot.short(), "00ffa00000000000");
    assert_eq!(format!("{boot:?}"), "BootId(00ffa00000000000…)");
    for wrong in
        ["", "0", "zz", "00ffa0000000000000000000000000", " 00ffa0000000000000000000000000b1"]
    {
        assert!(wrong.parse::<BootId>().is_err(), "{wrong:?}");
    }
}

#[test]
fn ids_compare_as_their_bytes() {
    let (low, high) = (Signature::new([1; 64]), Signature::new([2; 64]));
    assert!(low < high);
    assert_eq!(low, Signature::from([1; 64]));
}
