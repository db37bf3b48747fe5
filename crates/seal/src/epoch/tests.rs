use sekisho_proto::{OrgName, Timestamp};

use super::*;
use crate::{
    SeededEntropy,
    fixture::{EPOCH, SEALING, Zeros, tree},
};

fn announce(keys: &EpochKeyPair) -> EpochAnnounce {
    EpochAnnounce {
        organisation: OrgName::parse("fujisawa").unwrap(),
        tree: tree(),
        epoch: EPOCH,
        suite: keys.suite(),
        public_key: keys.public_key().to_bytes().into(),
        issued: Timestamp::from_micros(1),
        not_before: Timestamp::from_micros(1),
        not_after: Timestamp::from_micros(2),
        min_epoch: EPOCH,
    }
}

#[test]
fn a_seed_makes_the_same_key_pair_again() {
    for suite in SEALING {
        let keys = EpochKeyPair::generate(suite, &mut SeededEntropy::new(1)).unwrap();
        let again = EpochKeyPair::from_seed(suite, &keys.seed()).unwrap();
        assert_eq!(again.public_key(), keys.public_key());
        assert_eq!(again.seed(), keys.seed());
    }
}

#[test]
fn an_announcement_says_what_a_publisher_needs() {
    for suite in SEALING {
        let keys = EpochKeyPair::generate(suite, &mut SeededEntropy::new(1)).unwrap();
        let public = EpochPublic::try_from(&announce(&keys)).unwrap();
        assert_eq!(public, EpochPublic::new(tree(), EPOCH, keys.public_key().clone()));
        assert_eq!(public.suite(), suite);
        assert_eq!(public.epoch(), EPOCH);
    }
}

#[test]
fn an_announcement_of_a_weak_key_is_refused() {
    let keys = EpochKeyPair::generate(Suite::X25519Aes256Gcm, &mut SeededEntropy::new(1)).unwrap();
    let weak = EpochAnnounce { public_key: vec![0; 32].into(), ..announce(&keys) };
    assert!(matches!(EpochPublic::try_from(&weak), Err(KeyError::Weak { .. })));
}

#[test]
fn no_epoch_is_made_without_randomness() {
    assert!(EpochKeyPair::generate(Suite::XWingAes256Gcm, &mut Zeros).is_err());
}
