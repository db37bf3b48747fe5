use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::{EdwardsPoint, Scalar};

use super::contains;

#[test]
fn all_eight_points_of_low_order_are_in_it() {
    for point in EIGHT_TORSION {
        assert!(point.is_small_order());
        assert!(contains(point.compress().as_bytes()), "{point:?}");
    }
}

#[test]
fn a_point_is_in_it_exactly_where_its_order_is_low() {
    let mut large = EdwardsPoint::default();
    for _ in 0..64 {
        large += ED25519_BASEPOINT_POINT;
        for low in EIGHT_TORSION {
            let sum = large + low;
            assert_eq!(contains(sum.compress().as_bytes()), sum.is_small_order());
        }
    }
    let low = ED25519_BASEPOINT_POINT * Scalar::ZERO;
    assert!(contains(low.compress().as_bytes()));
}
