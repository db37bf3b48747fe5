use sekisho_proto::{Signature, TokenId};

use super::*;
use crate::{KemKeyPair, SeededEntropy, SigningKey};

fn identity(seed: u8, suite: Suite) -> Identity {
    let kem = KemKeyPair::from_seed(suite, &[seed.wrapping_add(100); 32]).unwrap();
    Identity::new(SigningKey::from_seed(&[seed; 32]), kem)
}

fn asker() -> Identity {
    identity(1, Suite::X25519Aes256Gcm)
}

fn steward() -> Identity {
    identity(2, Suite::XWingAes256Gcm)
}

fn draft() -> ErrandDraft {
    ErrandDraft {
        organisation: "fujisawa".parse().unwrap(),
        id: ErrandId::new([3; 16]),
        steward: steward().id(),
        issued: Timestamp::from_micros(1_000_000),
        until: Timestamp::from_micros(601_000_000),
    }
}

fn task() -> ErrandTask {
    ErrandTask::Withdraw { token_id: TokenId::new([4; 16]), reason: "lost".to_owned() }
}

fn errand_of(asker: &Identity, draft: ErrandDraft) -> Errand {
    let mut entropy = SeededEntropy::new(1);
    let key = steward().kem().public_key().clone();
    seal_errand(asker, &key, draft, &task(), &mut entropy).unwrap()
}

fn done() -> ErrandOutcome {
    ErrandOutcome::Withdrawn { name: "truck-17@fujisawa".parse().unwrap() }
}

fn no() -> ErrandOutcome {
    let code = sekisho_proto::RefusalCode::NotPermitted;
    ErrandOutcome::Refused { code, what: "errand".to_owned(), why: "no".to_owned() }
}

fn answer_of(errand: &Errand, outcome: &ErrandOutcome, in_open: bool) -> ErrandAnswer {
    let asker = asker();
    let key = (!in_open).then(|| asker.kem().public_key());
    let at = Timestamp::from_micros(2_000_000);
    seal_errand_answer(&steward(), key, errand, (outcome, at), &mut SeededEntropy::new(2)).unwrap()
}

fn opened(errand: &Errand, answer: &ErrandAnswer) -> Result<ErrandOutcome, ErrandError> {
    open_errand_answer(&asker(), &steward().public_key(), errand, answer)
}

#[test]
fn the_steward_learns_the_task_and_the_asker_the_outcome() {
    let errand = errand_of(&asker(), draft());
    let verified = verify_errand(&errand, &asker().public_key()).unwrap();
    assert_eq!(verified.open(&steward()).unwrap(), task());
    assert_eq!(opened(&errand, &answer_of(&errand, &done(), false)).unwrap(), done());
    assert_eq!(opened(&errand, &answer_of(&errand, &no(), true)).unwrap(), no());
    let told = errand.encoded().windows(4).any(|part| part == b"lost");
    assert!(!told, "the reason travels in the open");
}

#[test]
fn nobody_else_opens_it_and_nobody_else_has_signed_it() {
    let errand = errand_of(&asker(), draft());
    let verified = verify_errand(&errand, &asker().public_key()).unwrap();
    let other = identity(9, Suite::XWingAes256Gcm);
    let error = verified.open(&other).unwrap_err();
    assert!(matches!(error, ErrandError::Named { role: "steward", .. }), "{error}");
    let error = verify_errand(&errand, &other.public_key()).unwrap_err();
    assert!(matches!(error, ErrandError::Named { role: "asker", .. }), "{error}");
}

#[test]
fn what_was_sealed_for_one_asker_opens_under_no_other_signature() {
    let errand = errand_of(&asker(), draft());
    let thief = identity(9, Suite::X25519Aes256Gcm);
    let stolen = ErrandContent { asker: thief.id(), ..errand.content().clone() }.encode();
    let signature = thief.signing().sign(&errand_signing_input(&stolen));
    let stolen = Errand::assemble(stolen, signature).unwrap();
    let verified = verify_errand(&stolen, &thief.public_key()).unwrap();
    assert!(matches!(verified.open(&steward()).unwrap_err(), ErrandError::Kem(_)));
}

#[test]
fn nothing_of_an_errand_can_be_changed() {
    let errand = errand_of(&asker(), draft());
    let signature = *errand.signature();
    let changes: [&dyn Fn(&mut ErrandContent); 5] = [
        &|content| content.id = ErrandId::new([5; 16]),
        &|content| content.until = Timestamp::from_micros(602_000_000),
        &|content| content.issued = Timestamp::from_micros(1_000_001),
        &|content| content.organisation = "santander".parse().unwrap(),
        &|content| content.sealed = vec![0; 40].into(),
    ];
    for change in changes {
        let mut content = errand.content().clone();
        change(&mut content);
        let changed = Errand::assemble(content.encode(), signature).unwrap();
        let error = verify_errand(&changed, &asker().public_key()).unwrap_err();
        assert!(matches!(error, ErrandError::Signature { .. }), "{error}");
        // Nor does it open where somebody had signed it.
        let resigned = asker().signing().sign(&errand_signing_input(&content.encode()));
        let resigned = Errand::assemble(content.encode(), resigned).unwrap();
        let verified = verify_errand(&resigned, &asker().public_key()).unwrap();
        assert!(verified.open(&steward()).is_err());
    }
}

#[test]
fn an_answer_fits_the_errand_it_was_made_for_and_no_other() {
    let errand = errand_of(&asker(), draft());
    let answer = answer_of(&errand, &done(), false);
    let later = ErrandDraft { until: Timestamp::from_micros(700_000_000), ..draft() };
    // The same id, and other bytes.
    let other = errand_of(&asker(), later);
    assert!(matches!(opened(&other, &answer).unwrap_err(), ErrandError::Other { .. }));
    let forged = ErrandAnswer::assemble(answer.content().encode(), Signature::new([7; 64]));
    let error = opened(&errand, &forged.unwrap()).unwrap_err();
    assert!(matches!(error, ErrandError::Signature { .. }), "{error}");
    let thief = identity(9, Suite::X25519Aes256Gcm);
    let error = open_errand_answer(&thief, &steward().public_key(), &errand, &answer).unwrap_err();
    assert!(matches!(error, ErrandError::Named { role: "asker", .. }), "{error}");
    let error = open_errand_answer(&asker(), &thief.public_key(), &errand, &answer).unwrap_err();
    assert!(matches!(error, ErrandError::Named { role: "steward", .. }), "{error}");
}

#[test]
fn in_the_open_nothing_is_said_but_no() {
    let errand = errand_of(&asker(), draft());
    let at = Timestamp::from_micros(2_000_000);
    let mut entropy = SeededEntropy::new(2);
    let error = seal_errand_answer(&steward(), None, &errand, (&done(), at), &mut entropy);
    assert!(matches!(error.unwrap_err(), ErrandError::Unsealed));
    // Not even where the steward itself says it.
    let no = answer_of(&errand, &no(), true);
    let content = ErrandAnswerContent { sealed: done().encode().into(), ..no.content().clone() };
    let signed = steward().signing().sign(&errand_answer_signing_input(&content.encode()));
    let yes = ErrandAnswer::assemble(content.encode(), signed).unwrap();
    assert!(matches!(opened(&errand, &yes).unwrap_err(), ErrandError::Unsealed));
}
