//! Signatures on which verifiers disagree, made here: every point of low order as the key's and as R's
//! whole and as a part of them. A verifier that multiplies by the cofactor takes most of them.
#![cfg(test)]

use aws_lc_rs::digest::{Context, SHA512};
use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION},
    edwards::EdwardsPoint,
    scalar::Scalar,
};
use sekisho_proto::{PublicKey, Signature, StatementVerifier as _};
use sekisho_seal::StrictVerifier;

/// Messages tried with each pair of points: by chance one in eight makes the equation hold.
const MESSAGES: u8 = 16;

fn hashed(parts: [&[u8]; 3]) -> Scalar {
    let mut context = Context::new(&SHA512);
    for part in parts {
        context.update(part);
    }
    let digest: [u8; 64] = context.finish().as_ref().try_into().unwrap();
    Scalar::from_bytes_mod_order_wide(&digest)
}

/// A signature by a secret under a key and an R to which points of low order were added, and whether
/// the equation holds without the cofactor.
fn signed(
    (secret, nonce): (Scalar, Scalar),
    (in_key, in_r): (EdwardsPoint, EdwardsPoint),
    message: &[u8],
) -> (PublicKey, Signature, bool) {
    let key = (ED25519_BASEPOINT_TABLE * &secret + in_key).compress();
    let r = (ED25519_BASEPOINT_TABLE * &nonce + in_r).compress();
    let challenge = hashed([r.as_bytes(), key.as_bytes(), message]);
    let s = nonce + challenge * secret;
    let holds = in_r == -(challenge * in_key);
    let signature = [*r.as_bytes(), s.to_bytes()].concat();
    let key = PublicKey::try_from(key.as_bytes().as_slice()).unwrap();
    (key, Signature::try_from(signature.as_slice()).unwrap(), holds)
}

#[test]
fn of_all_pairs_of_points_exactly_those_are_taken_that_a_strict_verifier_takes() {
    let (secret, nonce) = (Scalar::from(7_u64), Scalar::from(11_u64));
    let (mut taken, mut lenient) = (0, 0);
    for secret in [Scalar::ZERO, secret] {
        for nonce in [Scalar::ZERO, nonce] {
            for in_key in EIGHT_TORSION {
                for in_r in EIGHT_TORSION {
                    for message in 0..MESSAGES {
                        let (key, signature, holds) =
                            signed((secret, nonce), (in_key, in_r), &[message]);
                        let is_low = secret == Scalar::ZERO || nonce == Scalar::ZERO;
                        let accepted = StrictVerifier.verify(&key, &[message], &signature);
                        assert_eq!(accepted, holds && !is_low, "{key:?} {signature:?} {message}");
                        taken += u32::from(accepted);
                        lenient += u32::from(holds && is_low);
                    }
                }
            }
        }
    }
    // Otherwise the messages were too few to tell a strict verifier from others.
    assert!(taken > 100 && lenient > 100, "{taken} taken, {lenient} that only a lenient one takes");
}
