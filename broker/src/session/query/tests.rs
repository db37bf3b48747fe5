use sekisho_proto::frame::Enrol;
use sekisho_proto::limits::FRAME_BYTES_MAX;
use sekisho_proto::{FrameDecoder, PublicKey, Suite, TokenId};
use serde_json::Value;

use super::*;
use crate::hub::Enrolments;

fn newcomer(number: u16) -> Enrol {
    let mut token = [0; TokenId::LENGTH];
    // Those who come last have the smallest tokens.
    token[..2].copy_from_slice(&(u16::MAX - number).to_be_bytes());
    Enrol {
        version: 1,
        token_id: TokenId::new(token),
        public_key: PublicKey::new([7; 32]),
        kem_suite: Suite::XWingAes256Gcm,
        kem_public_key: Bytes::from(vec![9; 1_216]),
        proof: [3; 32],
        sign_in: Bytes::new(),
    }
}

#[test]
fn a_full_waiting_room_fits_into_one_answer_and_whoever_came_first_is_in_it() {
    let room = Enrolments::default();
    let mut waiting = Vec::new();
    for number in 0..2_048 {
        let since = Timestamp::from_micros(i64::from(number));
        waiting.push(room.wait(newcomer(number), since).unwrap());
    }
    let json = list_that_fits(&room.list());
    let listed: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert!((300..2_048).contains(&listed.len()), "found {}", listed.len());
    assert_eq!(listed[0]["token"], newcomer(0).token_id.to_string());
    let answer = Frame::Answer(Answer { request: 1, answer: AnswerBody::Json(json) });
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    let encoded = answer.encode();
    let length = u32::try_from(encoded.len()).unwrap().to_be_bytes();
    decoder.push([&length[..], &encoded].concat().into());
    assert_eq!(decoder.next().unwrap(), Some(answer));
}

#[test]
fn an_answer_that_fits_into_no_frame_is_refused_in_words() {
    let fits = AnswerBody::Json("x".repeat(ANSWER_BYTES_MAX));
    assert!(that_fits(fits).is_ok());
    let statements = vec![Bytes::from(vec![0; 1 << 16]); 17];
    let refusal = that_fits(AnswerBody::Statements(statements)).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::TooMany);
    assert!(refusal.why.contains("found 1114112"), "{}", refusal.why);
}
