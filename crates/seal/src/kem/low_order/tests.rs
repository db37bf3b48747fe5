use hpke::{
    Deserializable as _, HpkeError, Kem, OpModeR, aead::ExportOnlyAead, kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};

use super::*;

/// What X25519 itself makes of a point: an all-zero share, whatever the private key, or not.
fn is_weak_to_x25519(point: &[u8; 32]) -> bool {
    let key = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&[7; 32]).unwrap();
    let point = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(point).unwrap();
    let mode = OpModeR::Base;
    let context = hpke::setup_receiver::<ExportOnlyAead, HkdfSha256, X25519HkdfSha256>(
        &mode, &key, &point, b"",
    );
    matches!(context, Err(HpkeError::DecapError))
}

#[test]
fn every_point_of_the_table_gives_an_all_zero_share() {
    for point in LOW_ORDER {
        assert!(is_weak_to_x25519(&point), "{point:02x?}");
        assert!(ends_in(&point));
    }
}

#[test]
fn the_unused_top_bit_hides_no_point() {
    for mut point in LOW_ORDER {
        point[31] |= 0x80;
        assert!(is_weak_to_x25519(&point), "{point:02x?}");
        assert!(ends_in(&point));
    }
}

#[test]
fn other_points_are_not_weak() {
    for low in (2..=255).filter(|low| !(0xec..=0xee).contains(low)) {
        let mut small = [0; 32];
        small[0] = low;
        for point in [small, near_prime(low)] {
            assert_eq!(ends_in(&point), is_weak_to_x25519(&point), "{point:02x?}");
            assert!(!ends_in(&point));
        }
    }
}

#[test]
fn only_the_end_counts() {
    let mut bytes = vec![0; 64];
    assert!(ends_in(&bytes));
    bytes[63] = 9;
    assert!(!ends_in(&bytes));
    assert!(!ends_in(&bytes[..31]));
}
