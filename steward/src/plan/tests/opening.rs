//! What readers can open with the keys that they were given, and what they cannot whatever they try;
//! and that nothing is given where there is no randomness.

use sekisho_proto::{BootId, ContentType, Scope, Sequence};
use sekisho_seal::{
    Entropy, EntropyError, EpochKeyPair, HeaderDraft, Opener, Sealer, SeededEntropy, Verified,
    VerifiedKeyHeader, VerifyingKey, unwrap_epoch_seed, verify, verify_key_header,
};

use super::*;
use crate::KeeperError;

const TRUCK_NAME: &str = "truck-17@fujisawa";

/// A source of randomness that gives none.
struct Dry;

impl Entropy for Dry {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError::new(bytes.len(), "none"))
    }
}

/// One envelope, sealed to the epoch of now.
fn sealed(town: &Town, boot: u8) -> (VerifiedKeyHeader, Verified) {
    let topic: Topic = TRUCK.parse().unwrap();
    let public = town.policy.epoch_of(&topic, town.now).unwrap().try_into().unwrap();
    let (truck, boot) = (identity(TRUCK_NAME), BootId::new([boot; 16]));
    let mut entropy = SeededEntropy::new(9);
    let mut sealer = Sealer::new(truck.signing(), topic, boot, &public, &mut entropy).unwrap();
    let draft = HeaderDraft {
        sequence: Sequence::ZERO,
        time: town.now,
        previous: None,
        content_type: ContentType::samples(),
        sample_count: 1,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Federation,
    };
    let envelope = sealer.seal(draft, b"12 ug/m3").unwrap();
    let signer = VerifyingKey::parse(&truck.public_key()).unwrap();
    let header = verify_key_header(sealer.key_header().clone(), &signer).unwrap();
    (header, verify(envelope, &signer).unwrap())
}

/// Every key that somebody can make of all that the log holds, whoever it was meant for.
fn keys_of(town: &Town, reader: &str) -> Vec<EpochKeyPair> {
    let reader = identity(reader);
    let grants = town.key_grants.iter().map(|(_when, grant)| grant);
    grants
        .flat_map(|grant| {
            let stolen =
                sekisho_proto::statement::KeyGrant { reader: reader.id(), ..grant.clone() };
            [unwrap_epoch_seed(&reader, grant), unwrap_epoch_seed(&reader, &stolen)]
        })
        .filter_map(Result::ok)
        .collect()
}

fn can_open(town: &Town, reader: &str, (header, envelope): &(VerifiedKeyHeader, Verified)) -> bool {
    keys_of(town, reader).iter().any(|keys| {
        let opened = Opener::new(header, keys).and_then(|opener| opener.open(envelope));
        opened.is_ok_and(|body| body == b"12 ug/m3")
    })
}

#[test]
fn a_removed_reader_opens_what_was_before_and_nothing_of_the_next_epoch() {
    let mut town = Town::new(&[ALL]);
    for reader in ["desk@fujisawa", "other@fujisawa"] {
        town.enrol(reader);
        town.grant(reader, "subscribe,decrypt", ALL);
    }
    town.settle();
    let before = sealed(&town, 1);
    town.revoke(RevokeTarget::Principal(id("desk@fujisawa")));
    town.settle();
    let after = sealed(&town, 2);
    assert!(can_open(&town, "desk@fujisawa", &before));
    assert!(!can_open(&town, "desk@fujisawa", &after));
    assert!(can_open(&town, "other@fujisawa", &before));
    assert!(can_open(&town, "other@fujisawa", &after));
}

#[test]
fn a_late_joiner_opens_what_is_after_and_nothing_of_an_earlier_epoch() {
    let mut town = Town::new(&[ALL]);
    town.settle();
    let before = sealed(&town, 1);
    town.hours_pass(24);
    town.settle();
    town.hours_pass(1);
    for (reader, what) in
        [("late@fujisawa", "subscribe,decrypt"), ("past@fujisawa", "subscribe,history,decrypt")]
    {
        town.enrol(reader);
        town.grant(reader, what, ALL);
    }
    town.settle();
    let after = sealed(&town, 2);
    assert!(!can_open(&town, "late@fujisawa", &before));
    assert!(can_open(&town, "late@fujisawa", &after));
    assert!(can_open(&town, "past@fujisawa", &before));
    assert!(can_open(&town, "past@fujisawa", &after));
}

#[test]
fn one_of_many_reads_from_the_day_on_which_it_was_enrolled() {
    let mut town = Town::new(&[ALL]);
    town.grant("*@fujisawa", "subscribe,decrypt", ALL);
    town.enrol("early@fujisawa");
    town.settle();
    let before = sealed(&town, 1);
    town.hours_pass(24);
    town.settle();
    town.hours_pass(1);
    town.enrol("late@fujisawa");
    town.settle();
    let after = sealed(&town, 2);
    assert!(can_open(&town, "early@fujisawa", &before));
    assert!(!can_open(&town, "late@fujisawa", &before));
    assert!(can_open(&town, "late@fujisawa", &after));
}

#[test]
fn without_randomness_no_epoch_is_announced_and_no_key_is_given() {
    let mut town = Town::new(&[ALL]);
    town.enrol("desk@fujisawa");
    town.grant("desk@fujisawa", "subscribe,decrypt", ALL);
    let actions = town.plan();
    let [announce @ Action::Announce(_)] = &actions[..] else { panic!("{actions:?}") };
    let refused = town.keeper.carry_out(announce, &town.policy, town.now, &mut Dry).unwrap_err();
    assert!(matches!(refused, KeeperError::Seeds(_)), "{refused:?}");
    assert_eq!(town.keeper.seeds().iter().count(), 0);
    town.act(announce);
    let actions = town.plan();
    let [grant @ Action::Grant(_)] = &actions[..] else { panic!("{actions:?}") };
    let refused = town.keeper.carry_out(grant, &town.policy, town.now, &mut Dry).unwrap_err();
    assert!(matches!(refused, KeeperError::Grant { .. }), "{refused:?}");
    assert!(refused.to_string().contains("desk@fujisawa"), "{refused}");
    town.settle();
    assert_eq!(town.epochs_of("desk@fujisawa", ALL), [1]);
}
