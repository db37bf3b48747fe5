use rand_core::Rng as _;

use super::*;
use crate::fixture::{Scripted, Zeros};

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let drawn = |seed| {
        let mut bytes = [0; 100];
        SeededEntropy::new(seed).fill(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn seeded_bytes_do_not_repeat() {
    let mut entropy = SeededEntropy::new(7);
    let (first, second) = (draw::<32>(&mut entropy).unwrap(), draw::<32>(&mut entropy).unwrap());
    assert_ne!(first, second);
}

#[test]
fn a_source_that_fails_is_an_error_that_names_what_was_wanted() {
    let error = draw::<32>(&mut Scripted(vec![1; 31])).unwrap_err();
    assert_eq!(error.to_string(), "entropy: wanted 32 random bytes, found the end of the script");
}

#[test]
fn a_source_that_gives_only_zeros_has_failed() {
    draw::<32>(&mut Zeros).unwrap_err();
    assert!(Drawn::new(&mut Zeros).is_err());
}

#[test]
fn randomness_drawn_beforehand_is_handed_on_in_order() {
    let mut drawn = Drawn::new(&mut Scripted((0..64).collect())).unwrap();
    let mut bytes = [0; 58];
    drawn.fill_bytes(&mut bytes);
    assert_eq!(bytes.to_vec(), (0..58).collect::<Vec<u8>>());
    assert_eq!(drawn.next_u32(), u32::from_le_bytes([58, 59, 60, 61]));
    drawn.check().unwrap();
}

#[test]
fn wanting_more_than_was_drawn_beforehand_is_an_error() {
    let mut drawn = Drawn::new(&mut Scripted((0..64).collect())).unwrap();
    drawn.fill_bytes(&mut [0; 60]);
    drawn.next_u64();
    drawn.check().unwrap_err();
}

#[test]
fn using_none_of_what_was_drawn_beforehand_is_an_error() {
    let drawn = Drawn::new(&mut Scripted((0..64).collect())).unwrap();
    drawn.check().unwrap_err();
}
