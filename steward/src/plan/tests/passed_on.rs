//! The key of a tree whose owner is known through a peer that passes it on: from the owner's steward
//! to that of the organisation behind the peer, and from there to its people.

use sekisho_proto::{OrgName, Statement, StatementBody};
use sekisho_seal::unwrap_announced_epoch_seed;

use super::{handing_on::Towns, *};
use crate::fixture::{contract, grant, transit};

const PARK: &str = "park@valencia";

/// Fujisawa's peer is santander, whose peer is valencia.
fn towns(first: Statement) -> Towns {
    let second =
        contract(["santander", "valencia"], |party| transit(party, "santander", "fujisawa"));
    Towns::under(&["fujisawa", "santander", "valencia"], &[first, second])
}

/// What fujisawa exports may travel on, and santander tells it what valencia states.
fn onward() -> Statement {
    contract(["fujisawa", "santander"], |party| {
        party.onward = true;
        transit(party, "santander", "valencia");
    })
}

fn granted(towns: &mut Towns) {
    towns.enrol(PARK);
    let body = grant("*@valencia", "subscribe,decrypt", "fujisawa/truck/#", towns.now);
    towns.state("fujisawa", body);
    towns.settle();
}

#[test]
fn a_steward_behind_a_peer_is_given_the_key_and_hands_it_on_to_its_people() {
    let mut towns = towns(onward());
    granted(&mut towns);
    assert_eq!(towns.is_in_log(0, "steward@valencia"), [1]);
    assert!(
        towns.is_in_log(0, PARK).is_empty() && towns.is_in_log(0, "steward@santander").is_empty()
    );
    assert_eq!(towns.is_in_log(2, PARK), [1]);
    let policy = towns.stewards[2].policy();
    let announce = policy.epoch_of(&TRUCK.parse().unwrap(), towns.now).unwrap();
    let grants = policy.key_grants(&id(PARK), &filter(ALL), Epoch::new(1));
    let [handed] = grants[..] else { panic!("{grants:?}") };
    let StatementBody::KeyGrant(handed) = handed.body() else { panic!("{handed:?}") };
    assert_eq!(handed.organisation.as_str(), "valencia");
    let keys = unwrap_announced_epoch_seed(&identity(PARK), handed, announce).unwrap();
    assert_eq!(keys.public_key().to_bytes(), announce.public_key);
}

#[test]
fn who_leaves_the_organisation_behind_the_peer_is_shut_out_of_the_next_epoch() {
    let mut towns = towns(onward());
    granted(&mut towns);
    towns.enrol("desk@valencia");
    towns.settle();
    assert_eq!(towns.is_in_log(2, "desk@valencia"), [1]);
    towns.revoke("valencia", RevokeTarget::Principal(id(PARK)));
    towns.settle();
    assert_eq!(towns.present(), 2);
    assert_eq!(towns.is_in_log(0, "steward@valencia"), [1, 2]);
    assert_eq!(
        (towns.is_in_log(2, PARK), towns.is_in_log(2, "desk@valencia")),
        (vec![1], vec![1, 2])
    );
}

/// N-44.
#[test]
fn without_leave_to_travel_on_no_key_gets_behind_the_peer() {
    let kept = contract(["fujisawa", "santander"], |party| {
        party.onward = false;
        transit(party, "santander", "valencia");
    });
    let mut towns = towns(kept);
    granted(&mut towns);
    assert!(towns.is_in_log(0, "steward@valencia").is_empty());
    assert!(towns.is_in_log(2, PARK).is_empty());
}

/// N-44.
#[test]
fn a_contract_that_ends_shuts_out_everybody_behind_the_peer() {
    for (town, is_first) in
        [("fujisawa", true), ("santander", true), ("santander", false), ("valencia", false)]
    {
        let first = onward();
        let second =
            contract(["santander", "valencia"], |party| transit(party, "santander", "fujisawa"));
        let target = if is_first { first.id() } else { second.id() };
        let mut towns = towns(first);
        granted(&mut towns);
        assert_eq!(towns.is_in_log(2, PARK), [1]);
        towns.revoke(town, RevokeTarget::Statement(target));
        towns.settle();
        assert_eq!(towns.present(), 2, "ended by {town}");
        assert_eq!(towns.is_in_log(0, "steward@valencia"), [1], "ended by {town}");
        assert_eq!(towns.is_in_log(2, PARK), [1], "ended by {town}");
    }
}

/// A steward that was given a root by a contract follows that organisation's log as well.
#[test]
fn a_steward_reads_the_logs_of_those_whom_a_peer_passes_on() {
    let mut towns = towns(onward());
    towns.settle();
    let read = |steward: usize| -> Vec<&str> {
        towns.stewards[steward].organisations().map(OrgName::as_str).collect()
    };
    for steward in 0..3 {
        assert_eq!(read(steward), ["fujisawa", "santander", "valencia"]);
    }
}
