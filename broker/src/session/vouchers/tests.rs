use sekisho_proto::{Offset, Sequence};

use super::*;

fn published(request: u64) -> Frame {
    Frame::Published(frame::Published { request, offset: Offset::new(7) })
}

fn refused(request: u64, code: RefusalCode) -> Frame {
    let (what, why) = (String::new(), String::new());
    Frame::Refused(frame::Refused { request, code, what, why, expected_sequence: None })
}

/// It is stored: the home says what it expects next.
fn stored(request: u64) -> Frame {
    let (code, what, why) = (RefusalCode::Replayed, String::new(), String::new());
    let expected_sequence = Some(Sequence::new(4));
    Frame::Refused(frame::Refused { request, code, what, why, expected_sequence })
}

fn vouched(request: u64, offset: Option<u64>, signature: u8) -> Frame {
    let (offset, signature) = (offset.map(Offset::new), Signature::new([signature; 64]));
    Frame::Vouched(frame::Vouched { request, offset, signature })
}

#[test]
fn what_is_stored_now_or_before_is_vouched_for_and_what_is_refused_is_not() {
    let vouchers = Vouchers::default();
    let [new, old, bad] = [1_u8, 2, 3].map(|request| {
        let number = vouchers.enter(u64::from(request));
        vouchers.sign(number, Signature::new([request; 64]));
        number
    });
    assert_eq!(vouchers.turn(published(new)), vouched(1, Some(7), 1));
    assert_eq!(vouchers.turn(stored(old)), vouched(2, None, 2));
    let gap = vouchers.turn(refused(bad, RefusalCode::SequenceGap));
    assert_eq!(gap, refused(3, RefusalCode::SequenceGap));
}

/// Else a peer could have one envelope vouched for by the answer to another.
#[test]
fn two_envelopes_under_one_number_of_the_peer_are_told_apart() {
    let vouchers = Vouchers::default();
    let [first, other] = [4_u8, 5].map(|signature| {
        let number = vouchers.enter(1);
        vouchers.sign(number, Signature::new([signature; 64]));
        number
    });
    assert_eq!(vouchers.turn(stored(first)), vouched(1, None, 4));
    let gap = vouchers.turn(refused(other, RefusalCode::SequenceGap));
    assert_eq!(gap, refused(1, RefusalCode::SequenceGap));
}

#[test]
fn what_did_not_come_through_the_door_is_not_vouched_for() {
    let vouchers = Vouchers::default();
    let number = vouchers.enter(9);
    assert_eq!(vouchers.turn(stored(number)), stored(9));
    assert_eq!(vouchers.turn(published(8)), published(8));
}

/// Of such old boots it does not know what it has.
#[test]
fn what_a_home_may_have_forgotten_is_not_vouched_for() {
    let vouchers = Vouchers::default();
    let number = vouchers.enter(3);
    vouchers.sign(number, Signature::new([1; 64]));
    let forgotten = vouchers.turn(refused(number, RefusalCode::Replayed));
    assert_eq!(forgotten, refused(3, RefusalCode::Replayed));
}

#[test]
fn what_another_home_vouches_for_goes_back_under_the_peers_number_and_is_forgotten() {
    let vouchers = Vouchers::default();
    let number = vouchers.enter(6);
    assert_eq!(vouchers.turn(vouched(number, Some(3), 9)), vouched(6, Some(3), 9));
    assert!(vouchers.lock().envelopes.is_empty());
}
