use sekisho_proto::{ErrandAnswerContent, ErrandContent, ErrandId, Signature};

use super::*;

const STEWARD: PrincipalId = PrincipalId::new([1; 32]);
const OTHER: PrincipalId = PrincipalId::new([2; 32]);
const MINUTE_US: i64 = 60_000_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(minutes * MINUTE_US)
}

fn errand(asker: u8, number: u8, bytes: usize) -> Errand {
    let content = ErrandContent {
        organisation: "fujisawa".parse().unwrap(),
        id: ErrandId::new([number; 16]),
        asker: PrincipalId::new([asker; 32]),
        steward: STEWARD,
        issued: at(0),
        until: at(10),
        encapsulation: vec![0; 32].into(),
        sealed: vec![number; bytes].into(),
    };
    Errand::assemble(content.encode(), Signature::new([0; 64])).unwrap()
}

fn answer(errand: &Errand, steward: PrincipalId, bytes: usize) -> ErrandAnswer {
    let asked = errand.content();
    let content = ErrandAnswerContent {
        organisation: asked.organisation.clone(),
        errand: asked.id,
        hash: errand.hash(),
        asker: asked.asker,
        steward,
        issued: at(1),
        encapsulation: vec![0; 32].into(),
        sealed: vec![1; bytes].into(),
    };
    ErrandAnswer::assemble(content.encode(), Signature::new([0; 64])).unwrap()
}

fn listed(errands: &Errands, now: Timestamp) -> usize {
    errands.list(&STEWARD, usize::MAX, now).len()
}

#[test]
fn an_errand_is_held_once_and_its_answer_told_once() {
    let errands = Errands::default();
    let one = errand(3, 1, 40);
    assert!(!errands.holds(&one));
    assert_eq!(errands.bring(one.clone(), at(0)).unwrap(), None);
    assert_eq!(errands.bring(one.clone(), at(0)).unwrap(), None);
    assert!(errands.holds(&one));
    assert_eq!(errands.list(&STEWARD, usize::MAX, at(0)), [one.encoded().clone()]);
    assert!(errands.list(&OTHER, usize::MAX, at(0)).is_empty());
    let told = answer(&one, STEWARD, 40);
    assert!(!errands.answer(&answer(&one, OTHER, 40)), "another steward answered");
    assert!(errands.answer(&told));
    assert!(!errands.answer(&told), "answered twice");
    assert_eq!((listed(&errands, at(0)), errands.waiting()), (0, 0));
    assert_eq!(errands.bring(one.clone(), at(0)).unwrap(), Some(told.encoded().clone()));
    // Whoever did not get it brings the errand again, and the steward says the same again.
    assert_eq!(errands.bring(one, at(0)).unwrap(), None);
    assert_eq!(listed(&errands, at(0)), 1);
}

#[test]
fn what_may_not_be_begun_any_more_is_neither_taken_nor_kept() {
    let errands = Errands::default();
    let (early, one) = (Timestamp::from_micros(-3 * MINUTE_US), errand(3, 1, 40));
    assert_eq!(errands.bring(one.clone(), early).unwrap_err().code, RefusalCode::ClockAhead);
    errands.bring(one.clone(), at(0)).unwrap();
    assert_eq!(listed(&errands, at(9)), 1);
    assert_eq!(listed(&errands, at(10)), 0);
    assert_eq!(lock(&errands.held).bytes, 0);
    assert_eq!(errands.bring(one.clone(), at(10)).unwrap_err().code, RefusalCode::Expired);
    assert!(!errands.answer(&answer(&one, STEWARD, 40)));
}

#[test]
fn one_asker_takes_no_room_of_another_and_all_together_a_bounded_one() {
    let errands = Errands::default();
    let mut taken = 0;
    for asker in 0..20 {
        for number in 0..20 {
            match errands.bring(errand(asker, number, 40), at(0)) {
                Ok(_none) => taken += 1,
                Err(refusal) => assert_eq!(refusal.code, RefusalCode::TooMany),
            }
        }
        assert_eq!(taken, (usize::from(asker) + 1).min(16) * HELD_PER_ASKER_MAX);
    }
    assert_eq!(taken, HELD_MAX);
    assert_eq!(listed(&errands, at(0)), HELD_MAX);
    let few = errands.list(&STEWARD, 1_000, at(0));
    assert!(!few.is_empty() && few.len() < 10, "{}", few.len());
    errands.sweep(at(10));
    let held = lock(&errands.held);
    assert_eq!((held.errands.len(), held.bytes), (0, 0));
}

#[test]
fn large_answers_push_out_what_is_brought_again_and_memory_stays_bounded() {
    let errands = Errands::default();
    let mut all = Vec::new();
    for asker in 0..16 {
        for number in 0..16 {
            let one = errand(asker, number, 40);
            errands.bring(one.clone(), at(0)).unwrap();
            all.push(one);
        }
    }
    let large = limits::ERRAND_ANSWER_BYTES_MAX - 512;
    let told = all.iter().filter(|one| errands.answer(&answer(one, STEWARD, large))).count();
    assert!((50..=64).contains(&told), "{told}");
    assert!(lock(&errands.held).bytes <= HELD_BYTES_MAX);
    // Those that were pushed out are brought again, and find room once answers were fetched.
    for one in &all {
        errands.bring(one.clone(), at(1)).unwrap();
    }
    assert!(lock(&errands.held).bytes < HELD_BYTES_MAX / 2);
}
