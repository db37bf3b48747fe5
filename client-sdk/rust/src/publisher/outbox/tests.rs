use bytes::Bytes;
use sekisho_proto::{BootId, KeyHeaderId, Offset, RefusalCode, Sequence};

use super::{Entry, FRUITLESS_ROUNDS_MAX, Outbox, Step};
use crate::refusal::Refusal;

const BOOT: BootId = BootId::new([1; 16]);
const LATER_BOOT: BootId = BootId::new([2; 16]);
const KEY_HEADER: KeyHeaderId = KeyHeaderId::new([3; 16]);

fn entry(index: u64, boot: BootId, sequence: u64) -> Entry {
    Entry {
        index,
        boot,
        sequence: Sequence::new(sequence),
        samples: 10,
        envelope: Bytes::from(vec![u8::try_from(index).unwrap()]),
        key_header: Some(KEY_HEADER),
    }
}

fn refusal(code: RefusalCode) -> Refusal {
    Refusal { code, what: "envelope".to_owned(), why: "wanted another".to_owned() }
}

fn sequence(value: u64) -> Option<Sequence> {
    Some(Sequence::new(value))
}

/// Entries 0 to `count` of one boot on a fresh connection whose node expects `expected`.
fn connected(count: u64, expected: u64) -> Outbox {
    let mut outbox = Outbox::new(16, 0);
    for index in 0..count {
        outbox.fill(entry(index, BOOT, index));
    }
    outbox.handle_connected(false);
    assert_eq!(outbox.next_step(16), Step::AskHead { boot: BOOT });
    assert_eq!(outbox.next_step(16), Step::Wait);
    outbox.handle_head(BOOT, Sequence::new(expected));
    outbox
}

/// Sends everything that can be sent; the request is the index plus 100.
fn send_all(outbox: &mut Outbox) -> Vec<u64> {
    let mut sent = Vec::new();
    while let Step::Send { index, .. } = outbox.next_step(16) {
        outbox.handle_sent(index, index + 100);
        sent.push(index);
    }
    sent
}

#[test]
fn envelopes_are_sent_in_order_and_settled_by_their_answers() {
    let mut outbox = connected(3, 0);
    assert_eq!(send_all(&mut outbox), [0, 1, 2]);
    outbox.handle_published(100, Offset::new(7));
    assert_eq!(outbox.settled(), 1);
    outbox.handle_published(102, Offset::new(9));
    assert_eq!(outbox.settled(), 1, "the one between is not answered");
    outbox.handle_published(101, Offset::new(8));
    assert_eq!(outbox.settled(), 3);
    assert!(outbox.is_empty());
    let accepted = outbox.take_accepted();
    assert_eq!((accepted.envelopes, accepted.samples), (3, 30));
    assert_eq!(outbox.take_lost(), []);
}

#[test]
fn the_key_header_goes_with_the_first_envelope_of_a_connection() {
    let mut outbox = connected(2, 0);
    let with_key_header = |outbox: &mut Outbox| {
        let step = outbox.next_step(16);
        let Step::Send { index, with_key_header, .. } = step else {
            panic!("wanted an envelope to send, found {step:?}");
        };
        outbox.handle_sent(index, index + 100);
        with_key_header
    };
    assert_eq!(with_key_header(&mut outbox), Some(KEY_HEADER));
    assert_eq!(with_key_header(&mut outbox), None);
    outbox.handle_connected(false);
    outbox.next_step(16);
    outbox.handle_head(BOOT, Sequence::ZERO);
    assert_eq!(with_key_header(&mut outbox), Some(KEY_HEADER));
}

#[test]
fn no_more_is_in_flight_than_the_node_allows() {
    let mut outbox = connected(3, 0);
    outbox.next_step(1);
    outbox.handle_sent(0, 100);
    assert_eq!(outbox.next_step(1), Step::Wait);
    assert_eq!(outbox.in_flight(), 1);
    outbox.handle_published(100, Offset::ZERO);
    assert!(matches!(outbox.next_step(1), Step::Send { index: 1, .. }));
}

#[test]
fn what_the_node_stored_before_the_connection_broke_is_not_sent_again() {
    let mut outbox = connected(4, 0);
    send_all(&mut outbox);
    outbox.handle_disconnected();
    assert_eq!(outbox.next_step(16), Step::Wait);
    outbox.handle_connected(false);
    assert_eq!(outbox.next_step(16), Step::AskHead { boot: BOOT });
    outbox.handle_head(BOOT, Sequence::new(2));
    assert_eq!(outbox.settled(), 2);
    assert_eq!(send_all(&mut outbox), [2, 3]);
}

#[test]
fn what_the_node_stored_in_an_earlier_run_is_passed_over_as_it_is_read() {
    let mut outbox = Outbox::new(2, 0);
    outbox.fill(entry(0, BOOT, 0));
    outbox.fill(entry(1, BOOT, 1));
    outbox.handle_connected(false);
    outbox.next_step(16);
    outbox.handle_head(BOOT, Sequence::new(3));
    assert!(outbox.is_empty());
    outbox.fill(entry(2, BOOT, 2));
    outbox.fill(entry(3, BOOT, 3));
    assert_eq!(outbox.settled(), 3);
    assert_eq!(send_all(&mut outbox), [3]);
}

#[test]
fn a_duplicate_counts_as_accepted() {
    let mut outbox = connected(1, 0);
    send_all(&mut outbox);
    outbox.handle_refused(100, refusal(RefusalCode::Replayed), sequence(1));
    assert_eq!(outbox.settled(), 1);
    assert_eq!(outbox.take_accepted().envelopes, 1);
    assert_eq!(outbox.take_lost(), []);
}

#[test]
fn what_a_home_may_have_forgotten_is_told_as_lost_and_not_taken_for_stored() {
    let mut outbox = connected(3, 0);
    send_all(&mut outbox);
    outbox.handle_refused(100, refusal(RefusalCode::Replayed), None);
    assert_eq!(outbox.take_accepted().envelopes, 0);
    let lost = outbox.take_lost();
    assert_eq!(lost.iter().map(|lost| lost.envelopes).sum::<u64>(), 3);
    assert!(outbox.is_dead(BOOT));
}

#[test]
fn a_refusal_that_passes_is_waited_for_as_often_as_it_takes() {
    let mut outbox = connected(3, 0);
    for _ in 0..FRUITLESS_ROUNDS_MAX * 4 {
        assert_eq!(send_all(&mut outbox), [0, 1, 2]);
        outbox.handle_refused(100, refusal(RefusalCode::StorageFull), None);
        assert_eq!(outbox.next_step(16), Step::Wait, "two are not answered");
        outbox.handle_refused(101, refusal(RefusalCode::SequenceGap), sequence(0));
        outbox.handle_refused(102, refusal(RefusalCode::SequenceGap), sequence(0));
        assert_eq!(outbox.next_step(16), Step::BackOff);
        outbox.handle_waited();
    }
    assert_eq!(send_all(&mut outbox), [0, 1, 2]);
    assert_eq!(outbox.take_lost(), []);
}

#[test]
fn a_key_header_goes_again_with_an_envelope_for_which_there_was_no_room() {
    let mut outbox = connected(1, 0);
    for _ in 0..FRUITLESS_ROUNDS_MAX * 4 {
        let step = outbox.next_step(16);
        assert!(
            matches!(step, Step::Send { index: 0, with_key_header: Some(KEY_HEADER), .. }),
            "{step:?}"
        );
        outbox.handle_sent(0, 100);
        outbox.handle_refused(100, refusal(RefusalCode::StorageFull), None);
        assert_eq!(outbox.next_step(16), Step::BackOff);
        outbox.handle_waited();
    }
    assert_eq!(outbox.take_lost(), []);
}

#[test]
fn a_gap_is_mended_from_where_the_node_is() {
    let mut outbox = connected(3, 0);
    assert_eq!(send_all(&mut outbox), [0, 1, 2]);
    outbox.handle_refused(101, refusal(RefusalCode::SequenceGap), sequence(0));
    outbox.handle_refused(102, refusal(RefusalCode::SequenceGap), sequence(0));
    assert_eq!(outbox.next_step(16), Step::Wait, "the first is not answered");
    outbox.handle_published(100, Offset::ZERO);
    assert_eq!(send_all(&mut outbox), [1, 2]);
}

#[test]
fn a_key_header_the_node_misses_is_sent_again() {
    let mut outbox = connected(2, 0);
    send_all(&mut outbox);
    outbox.handle_refused(100, refusal(RefusalCode::KeyHeaderMissing), None);
    outbox.handle_refused(101, refusal(RefusalCode::SequenceGap), sequence(0));
    let step = outbox.next_step(16);
    assert!(
        matches!(step, Step::Send { index: 0, with_key_header: Some(KEY_HEADER), .. }),
        "{step:?}"
    );
}

#[test]
fn a_permanent_refusal_ends_the_boot_and_counts_what_is_behind_it() {
    let mut outbox = connected(3, 0);
    outbox.fill(entry(3, LATER_BOOT, 0));
    assert_eq!(send_all(&mut outbox), [0, 1, 2], "the later boot waits for the earlier");
    outbox.handle_published(100, Offset::ZERO);
    outbox.handle_refused(101, refusal(RefusalCode::NotPermitted), None);
    outbox.handle_refused(102, refusal(RefusalCode::SequenceGap), sequence(1));
    let lost = outbox.take_lost();
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].boot, lost[0].sequence), (BOOT, Sequence::new(1)));
    assert_eq!((lost[0].envelopes, lost[0].samples), (2, 20));
    assert_eq!(lost[0].refusal.code, RefusalCode::NotPermitted);
    assert!(outbox.is_dead(BOOT));
    assert_eq!(outbox.next_step(16), Step::AskHead { boot: LATER_BOOT });
    outbox.handle_head(LATER_BOOT, Sequence::ZERO);
    assert_eq!(send_all(&mut outbox), [3]);
}

#[test]
fn what_follows_an_ended_boot_in_the_backlog_is_counted_too() {
    let mut outbox = connected(1, 0);
    send_all(&mut outbox);
    outbox.handle_refused(100, refusal(RefusalCode::Equivocation), sequence(1));
    outbox.take_lost();
    outbox.fill(entry(1, BOOT, 1));
    outbox.fill(entry(2, BOOT, 2));
    let lost = outbox.take_lost();
    assert_eq!(lost.iter().map(|lost| lost.envelopes).sum::<u64>(), 2);
    assert_eq!(outbox.settled(), 3);
}

#[test]
fn a_node_that_forgot_what_it_had_accepted_ends_the_boot() {
    let mut outbox = Outbox::new(16, 57);
    outbox.fill(entry(57, BOOT, 57));
    outbox.handle_connected(false);
    outbox.next_step(16);
    outbox.handle_head(BOOT, Sequence::ZERO);
    let lost = outbox.take_lost();
    assert_eq!((lost.len(), lost[0].envelopes), (1, 1));
    assert!(outbox.is_dead(BOOT));
}

#[test]
fn a_gap_that_nothing_mends_is_given_up() {
    let mut outbox = connected(1, 0);
    let mut rounds = 0;
    while outbox.take_lost().is_empty() {
        if outbox.next_step(16) == Step::BackOff {
            outbox.handle_waited();
        }
        send_all(&mut outbox);
        outbox.handle_refused(100, refusal(RefusalCode::EpochUnknown), None);
        rounds += 1;
        assert!(rounds <= FRUITLESS_ROUNDS_MAX + 1, "still trying");
    }
    assert_eq!(rounds, FRUITLESS_ROUNDS_MAX + 1);
}

#[test]
fn a_head_refused_for_now_is_asked_for_again() {
    let mut outbox = Outbox::new(16, 0);
    outbox.fill(entry(0, BOOT, 0));
    outbox.handle_connected(false);
    outbox.next_step(16);
    outbox.handle_head_refused(BOOT, refusal(RefusalCode::Draining));
    assert_eq!(outbox.next_step(16), Step::BackOff);
    outbox.handle_waited();
    assert_eq!(outbox.next_step(16), Step::AskHead { boot: BOOT });
    outbox.handle_head_refused(BOOT, refusal(RefusalCode::NotFound));
    assert_eq!(send_all(&mut outbox), [0], "a boot nobody knows begins at 0");
}

#[test]
fn a_node_that_was_busy_for_long_gets_what_waited_for_it() {
    let mut outbox = Outbox::new(16, 0);
    outbox.fill(entry(0, BOOT, 0));
    outbox.handle_connected(false);
    for _ in 0..FRUITLESS_ROUNDS_MAX * 2 {
        assert_eq!(outbox.next_step(16), Step::AskHead { boot: BOOT });
        outbox.handle_head_refused(BOOT, refusal(RefusalCode::RateLimited));
        assert_eq!(outbox.obstacle().map(|why| why.code), Some(RefusalCode::RateLimited));
        outbox.handle_waited();
    }
    outbox.next_step(16);
    outbox.handle_head(BOOT, Sequence::ZERO);
    assert_eq!(send_all(&mut outbox), [0]);
    outbox.handle_refused(100, refusal(RefusalCode::KeyHeaderMissing), None);
    assert_eq!(outbox.take_lost(), []);
    assert_eq!(send_all(&mut outbox), [0], "once more, with its key header");
}

#[test]
fn answers_of_an_earlier_connection_change_nothing() {
    let mut outbox = connected(2, 0);
    send_all(&mut outbox);
    outbox.handle_connected(false);
    outbox.handle_published(100, Offset::ZERO);
    outbox.handle_refused(101, refusal(RefusalCode::NotPermitted), None);
    assert_eq!(outbox.settled(), 0);
    assert_eq!(outbox.take_lost(), []);
}

/// Entries 0 to `count` of one boot, of which the first is not the boot's, over a carrier.
fn away(count: u64) -> Outbox {
    let mut outbox = Outbox::new(16, 0);
    for index in 0..count {
        outbox.fill(entry(index, BOOT, index + 5));
    }
    outbox.handle_connected(true);
    outbox
}

#[test]
fn away_from_home_nobody_is_asked_and_the_homes_signature_alone_settles() {
    let mut outbox = away(3);
    assert_eq!(send_all(&mut outbox), [0, 1, 2]);
    outbox.handle_vouched(100, Some(Offset::new(7)));
    outbox.handle_vouched(101, None);
    assert_eq!(outbox.settled(), 2);
    outbox.handle_published(102, Offset::new(9));
    assert_eq!(outbox.settled(), 2, "anybody can say that");
    assert_eq!(outbox.next_step(16), Step::BackOff);
    outbox.handle_waited();
    assert_eq!(send_all(&mut outbox), [2]);
    outbox.handle_refused(102, refusal(RefusalCode::Replayed), sequence(8));
    assert_eq!(outbox.settled(), 2, "and that");
    assert_eq!(outbox.take_accepted().envelopes, 2);
}

#[test]
fn away_from_home_nothing_is_given_up_whatever_the_refusal() {
    let mut outbox = away(1);
    for code in RefusalCode::ALL {
        for _ in 0..FRUITLESS_ROUNDS_MAX * 2 {
            if outbox.next_step(16) == Step::BackOff {
                outbox.handle_waited();
            }
            assert_eq!(send_all(&mut outbox), [0], "{code}");
            outbox.handle_refused(100, refusal(*code), None);
        }
    }
    assert_eq!((outbox.settled(), outbox.take_lost()), (0, Vec::new()));
    assert!(outbox.is_away_in_vain());

    // At home the same refusals count, from the beginning.
    outbox.handle_connected(false);
    assert_eq!(outbox.next_step(16), Step::AskHead { boot: BOOT });
    outbox.handle_head(BOOT, Sequence::new(5));
    assert_eq!(send_all(&mut outbox), [0]);
    outbox.handle_refused(100, refusal(RefusalCode::EpochUnknown), None);
    assert_eq!(outbox.take_lost(), []);
    assert_eq!(send_all(&mut outbox), [0]);
    outbox.handle_refused(100, refusal(RefusalCode::NotPermitted), None);
    assert_eq!(outbox.take_lost().len(), 1);
}

#[test]
fn what_was_carried_home_is_not_sent_again_there() {
    let mut outbox = away(3);
    send_all(&mut outbox);
    outbox.handle_vouched(100, None);
    outbox.handle_disconnected();
    outbox.handle_connected(false);
    assert_eq!(outbox.next_step(16), Step::AskHead { boot: BOOT });
    // The second had come home, too, and nobody had heard of it.
    outbox.handle_head(BOOT, Sequence::new(7));
    assert_eq!(send_all(&mut outbox), [2]);
    assert_eq!(outbox.take_accepted().envelopes, 2);
}
