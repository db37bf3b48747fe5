//! The points of Curve25519 whose product with any private key is the same for everybody.
//!
//! RFC 7748 §6.1 leaves the check to the protocol. The table holds every u coordinate of order 1,
//! 2, 4 or 8 on the curve and its twist, with those not reduced by the prime, once the unused top
//! bit is cleared.

const X25519_BYTES: usize = 32;

const LOW_ORDER: [[u8; X25519_BYTES]; 7] = [
    // 0, of order 4.
    [0; X25519_BYTES],
    // 1, of order 1.
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    // 325606250916557431795983626356110631294008115727848805560023387167927233504, of order 8.
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    // 39382357235489614581723060781553021112529911719440698176882885853963445705823, of order 8.
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    // p - 1, of order 2.
    near_prime(0xec),
    // p, which is 0.
    near_prime(0xed),
    // p + 1, which is 1.
    near_prime(0xee),
];

const fn near_prime(low: u8) -> [u8; X25519_BYTES] {
    let mut bytes = [0xff; X25519_BYTES];
    bytes[0] = low;
    bytes[X25519_BYTES - 1] = 0x7f;
    bytes
}

/// Whether the last 32 bytes are such a point: in X25519's keys these are all there is, in X-Wing's
/// keys and encapsulations the X25519 part comes last.
pub(super) fn ends_in(bytes: &[u8]) -> bool {
    let Some(point) = bytes.last_chunk::<X25519_BYTES>() else { return false };
    let mut point = *point;
    if let Some(high) = point.last_mut() {
        *high &= 0x7f;
    }
    LOW_ORDER.contains(&point)
}

#[cfg(test)]
mod tests;
