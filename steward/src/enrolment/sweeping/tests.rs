use sekisho_proto::PrincipalId;
use sekisho_seal::SeededEntropy;

use super::*;
use crate::{
    enrolment::{
        Claimant, Offer,
        tests::{offer, office},
    },
    fixture::{at, id, name},
};

const DAY: i64 = 24 * 60 * 60;

fn invited(enrolments: &Enrolments, seed: u64) -> TokenId {
    enrolments.invite(offer(), at(0), &mut SeededEntropy::new(seed)).unwrap().id
}

fn used(enrolments: &Enrolments, token: TokenId, by: PrincipalId, since: Timestamp) {
    enrolments.bind(token, Claimant { id: by, since }).unwrap();
    let [from, to] = [File::Invitation, File::Used].map(|file| enrolments.path(token, file));
    private_file::rename(&from, &to).unwrap();
}

fn files(enrolments: &Enrolments) -> usize {
    private_file::list(&enrolments.folder).unwrap().len()
}

#[test]
fn what_is_over_is_kept_for_a_while_and_then_nothing_is_left_of_it() {
    let (_folder, enrolments) = office();
    let [used_up, expired, withdrawn, approved] =
        [1, 2, 3, 4].map(|seed| invited(&enrolments, seed));
    used(&enrolments, used_up, id("truck"), at(60));
    enrolments.withdraw(withdrawn, "a mistake", at(70)).unwrap();
    enrolments.bind(approved, Claimant { id: id("nobody comes"), since: at(2 * DAY) }).unwrap();
    let before = files(&enrolments);
    assert_eq!(enrolments.sweep(at(30 * DAY)).unwrap(), 0);
    assert_eq!(files(&enrolments), before);
    // An hour after the beginning each of them is over, but for the one that was approved later.
    assert_eq!(enrolments.sweep(at(30 * DAY + 3_600)).unwrap(), 3);
    for token in [used_up, expired, withdrawn] {
        assert_eq!(enrolments.find(token, at(31 * DAY)).unwrap(), None);
    }
    assert!(enrolments.find(approved, at(31 * DAY)).unwrap().is_some());
    assert_eq!(enrolments.sweep(at(32 * DAY)).unwrap(), 1);
    assert_eq!(files(&enrolments), 0);
}

#[test]
fn what_can_still_be_used_is_never_swept() {
    let (_folder, enrolments) = office();
    let token = invited(&enrolments, 1);
    assert_eq!(enrolments.sweep(at(3_599)).unwrap(), 0);
    assert!(enrolments.find(token, at(3_599)).unwrap().is_some());
}

#[test]
fn of_too_many_the_oldest_go_first_but_none_of_the_last_days() {
    let (_folder, enrolments) = office();
    let (over_max, more) = (4, 3);
    let tokens: Vec<TokenId> = (0..7).map(|seed| invited(&enrolments, seed)).collect();
    for (token, second) in tokens.iter().zip(4_000..) {
        let withdrawal = mark::Withdrawal { reason: "many".to_owned(), since: at(second) };
        let path = enrolments.path(*token, File::Withdrawn);
        std::fs::write(&path, withdrawal.print()).unwrap();
        private(&path);
    }
    assert_eq!(enrolments.sweep_beyond(over_max, at(3 * DAY)).unwrap(), 0);
    assert_eq!(enrolments.sweep_beyond(over_max, at(4 * DAY)).unwrap(), more);
    let is_there = |token: &TokenId| enrolments.path(*token, File::Invitation).exists();
    assert!(!tokens[..more].iter().any(is_there));
    assert!(tokens[more..].iter().all(is_there));
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn one_that_cannot_be_read_keeps_no_other() {
    let (_folder, enrolments) = office();
    let [broken, fine] = [1, 2].map(|seed| invited(&enrolments, seed));
    std::fs::write(enrolments.path(broken, File::Invitation), "[").unwrap();
    assert_eq!(enrolments.sweep(at(40 * DAY)).unwrap(), 1);
    assert!(enrolments.path(broken, File::Invitation).exists());
    assert!(!enrolments.path(fine, File::Invitation).exists());
}

#[test]
fn a_sweep_that_was_interrupted_is_finished_by_the_next() {
    let (_folder, enrolments) = office();
    let token = invited(&enrolments, 1);
    used(&enrolments, token, id("truck"), at(60));
    std::fs::remove_file(enrolments.path(token, File::Approved)).unwrap();
    assert_eq!(enrolments.sweep(at(31 * DAY)).unwrap(), 1);
    assert_eq!(files(&enrolments), 0);
    let again = Offer::new(name("truck-17@fujisawa"), sekisho_proto::PrincipalKind::Device);
    enrolments.invite(again, at(31 * DAY), &mut SeededEntropy::new(1)).unwrap();
}
