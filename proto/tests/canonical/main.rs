//! What is accepted has one encoding: property tests over every message of the protocol.
#![cfg(test)]

mod channels;
mod errands;
mod logs;
mod mutate;
mod strategies;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use sekisho_proto::{
    AccessEntry, AccessRecord, DecodeError, Envelope, Errand, ErrandAnswer, ErrandOutcome,
    ErrandTask, Frame, FrameDecoder, Header, KeyHeader, LogEntry, SampleBatch, SampleError,
    Statement, limits::FRAME_BYTES_MAX,
};

use crate::mutate::{fields_of, other_encodings, with_payload};

/// Decodes and encodes again.
type Again = fn(&[u8]) -> Result<Vec<u8>, DecodeError>;

fn header(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    Header::decode(bytes).map(|header| header.encode())
}

fn envelope(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let envelope = Envelope::decode(Bytes::copy_from_slice(bytes))?;
    let header = envelope.header().encode();
    let again = Envelope::assemble(header, envelope.body().clone(), *envelope.signature())?;
    assert_eq!(again, envelope);
    Ok(again.encoded().to_vec())
}

fn key_header(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let key_header = KeyHeader::decode(Bytes::copy_from_slice(bytes))?;
    let content = key_header.content().encode();
    Ok(KeyHeader::assemble(content, *key_header.signature())?.encoded().to_vec())
}

fn statement(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let statement = Statement::decode(bytes)?;
    let unsigned = Statement::unsigned(statement.body().clone());
    let again = statement
        .signatures()
        .iter()
        .fold(unsigned, |again, known| again.with_signature(known.signer, known.signature));
    assert_eq!(again, statement);
    Ok(again.encode())
}

fn log_entry(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    LogEntry::decode(&Bytes::copy_from_slice(bytes)).map(|entry| entry.encode())
}

fn access_entry(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    AccessEntry::decode(&Bytes::copy_from_slice(bytes)).map(|entry| entry.encode())
}

fn access_record(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    AccessRecord::decode(&Bytes::copy_from_slice(bytes)).map(|record| record.encode())
}

fn errand(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let errand = Errand::decode(Bytes::copy_from_slice(bytes))?;
    let content = errand.content().encode();
    Ok(Errand::assemble(content, *errand.signature())?.encoded().to_vec())
}

fn errand_answer(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let answer = ErrandAnswer::decode(Bytes::copy_from_slice(bytes))?;
    let content = answer.content().encode();
    Ok(ErrandAnswer::assemble(content, *answer.signature())?.encoded().to_vec())
}

fn errand_task(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    ErrandTask::decode(&Bytes::copy_from_slice(bytes)).map(|task| task.encode())
}

fn errand_outcome(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    ErrandOutcome::decode(&Bytes::copy_from_slice(bytes)).map(|outcome| outcome.encode())
}

fn frame(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    Frame::decode(bytes.to_vec()).map(|frame| frame.encode())
}

fn sample_batch(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    match SampleBatch::decode(bytes) {
        Ok(batch) => {
            let again = SampleBatch::from_samples(&batch.samples());
            assert_eq!(again.ok(), Some(batch.clone()), "wanted the same samples in one batch");
            Ok(batch.encode())
        }
        Err(SampleError::Decode(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// What holds for any bytes: they are refused, or they are the encoding of what they mean.
fn refused_or_same(again: Again, bytes: &[u8]) {
    if let Ok(encoded) = again(bytes) {
        assert_eq!(encoded, bytes);
    }
}

fn has_one_encoding(again: Again, bytes: &[u8]) {
    assert_eq!(again(bytes).unwrap(), bytes);
    for (name, other) in other_encodings(bytes) {
        assert!(again(&other).is_err(), "{name} was accepted");
    }
}

/// Damages the bytes everywhere, a bit at a time and by cutting them off.
fn survives_damage(again: Again, bytes: &[u8], bit: u8) {
    for end in 0..bytes.len() {
        refused_or_same(again, &bytes[..end]);
        let mut damaged = bytes.to_vec();
        damaged[end] ^= 1 << bit;
        refused_or_same(again, &damaged);
    }
}

/// The same of a message inside a message: the field with this number.
fn has_one_encoding_inside(again: Again, bytes: &[u8], number: u64) {
    let fields = fields_of(bytes);
    for (index, field) in fields.iter().enumerate().filter(|(_, field)| field.number == number) {
        for (name, other) in other_encodings(&field.payload) {
            let whole = with_payload(&fields, index, other);
            assert!(again(&whole).is_err(), "{name} inside {number} was accepted");
        }
    }
}

#[test]
fn groups_nested_ten_thousand_deep_are_refused_by_every_decoder() {
    let decoders: [Again; 6] = [header, envelope, key_header, statement, frame, sample_batch];
    for depth in [1, 200, 500, 10_000] {
        let deep = [[0xfb, 0x07].repeat(depth), [0xfc, 0x07].repeat(depth)].concat();
        for (number, again) in decoders.iter().enumerate() {
            assert!(again(&deep).is_err(), "decoder {number} took groups {depth} deep");
            let cut = again(&deep[..2 * depth]);
            assert!(cut.is_err(), "decoder {number} took groups {depth} deep without an end");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn headers_have_one_encoding(value in strategies::header(), bit in 0..8_u8) {
        let bytes = value.encode();
        prop_assert_eq!(Header::decode(&bytes).unwrap(), value);
        has_one_encoding(header, &bytes);
        survives_damage(header, &bytes, bit);
    }

    #[test]
    fn envelopes_have_one_encoding(value in strategies::envelope(), bit in 0..8_u8) {
        let bytes = value.encoded();
        prop_assert_eq!(&Envelope::decode(bytes.clone()).unwrap(), &value);
        prop_assert_eq!(Envelope::time_of(bytes), Some(value.header().time));
        has_one_encoding(envelope, bytes);
        has_one_encoding_inside(envelope, bytes, 1);
        survives_damage(envelope, bytes, bit);
        for end in 0..bytes.len() {
            prop_assert!(Envelope::decode(bytes.slice(..end)).is_err());
        }
    }

    #[test]
    fn key_headers_have_one_encoding(value in strategies::key_header(), bit in 0..8_u8) {
        let bytes = value.encoded();
        prop_assert_eq!(&KeyHeader::decode(bytes.clone()).unwrap(), &value);
        has_one_encoding(key_header, bytes);
        has_one_encoding_inside(key_header, bytes, 1);
        survives_damage(key_header, bytes, bit);
        for end in 0..bytes.len() {
            prop_assert!(KeyHeader::decode(bytes.slice(..end)).is_err());
        }
    }

    #[test]
    fn statements_have_one_encoding(value in strategies::statement(), bit in 0..8_u8) {
        let bytes = value.encode();
        prop_assert_eq!(Statement::decode(&bytes).unwrap(), value);
        has_one_encoding(statement, &bytes);
        has_one_encoding_inside(statement, &bytes, 2);
        has_one_encoding_inside(statement, &bytes, 3);
        survives_damage(statement, &bytes, bit);
    }

    #[test]
    fn frames_have_one_encoding(value in strategies::frame(), bit in 0..8_u8) {
        let bytes = value.encode();
        prop_assert_eq!(Frame::decode(bytes.clone()).unwrap(), value);
        has_one_encoding(frame, &bytes);
        for number in 1..=23 {
            has_one_encoding_inside(frame, &bytes, number);
        }
        survives_damage(frame, &bytes, bit);
    }

    #[test]
    fn errands_have_one_encoding(value in errands::errand(), bit in 0..8_u8) {
        let bytes = value.encoded();
        prop_assert_eq!(&Errand::decode(bytes.clone()).unwrap(), &value);
        has_one_encoding(errand, bytes);
        has_one_encoding_inside(errand, bytes, 1);
        survives_damage(errand, bytes, bit);
    }

    #[test]
    fn answers_to_errands_have_one_encoding(value in errands::errand_answer(), bit in 0..8_u8) {
        let bytes = value.encoded();
        prop_assert_eq!(&ErrandAnswer::decode(bytes.clone()).unwrap(), &value);
        has_one_encoding(errand_answer, bytes);
        has_one_encoding_inside(errand_answer, bytes, 1);
        survives_damage(errand_answer, bytes, bit);
    }

    #[test]
    fn tasks_of_errands_have_one_encoding(value in errands::task(), bit in 0..8_u8) {
        let bytes = value.encode();
        prop_assert_eq!(ErrandTask::decode(&bytes.clone().into()).unwrap(), value);
        has_one_encoding(errand_task, &bytes);
        for number in 1..=5 {
            has_one_encoding_inside(errand_task, &bytes, number);
        }
        survives_damage(errand_task, &bytes, bit);
    }

    #[test]
    fn outcomes_of_errands_have_one_encoding(value in errands::outcome(), bit in 0..8_u8) {
        let bytes = value.encode();
        prop_assert_eq!(ErrandOutcome::decode(&bytes.clone().into()).unwrap(), value);
        has_one_encoding(errand_outcome, &bytes);
        for number in 1..=6 {
            has_one_encoding_inside(errand_outcome, &bytes, number);
        }
        survives_damage(errand_outcome, &bytes, bit);
    }

    #[test]
    fn entries_of_control_logs_have_one_encoding(value in logs::log_entry(), bit in 0..8_u8) {
        let bytes = value.encode();
        assert_eq!(LogEntry::decode(&bytes.clone().into()).unwrap(), value);
        has_one_encoding(log_entry, &bytes);
        survives_damage(log_entry, &bytes, bit);
    }

    #[test]
    fn entries_of_access_logs_have_one_encoding(value in logs::access_entry(), bit in 0..8_u8) {
        let bytes = value.encode();
        assert_eq!(AccessEntry::decode(&bytes.clone().into()).unwrap(), value);
        has_one_encoding(access_entry, &bytes);
        survives_damage(access_entry, &bytes, bit);
    }

    #[test]
    fn access_records_have_one_encoding(value in logs::access_record(), bit in 0..8_u8) {
        let bytes = value.encode();
        assert_eq!(AccessRecord::decode(&bytes.clone().into()).unwrap(), value);
        has_one_encoding(access_record, &bytes);
        survives_damage(access_record, &bytes, bit);
    }

    #[test]
    fn sample_batches_have_one_encoding(samples in strategies::samples(), bit in 0..8_u8) {
        let batch = SampleBatch::from_samples(&samples).unwrap();
        let bytes = batch.encode();
        prop_assert_eq!(&SampleBatch::decode(&bytes).unwrap(), &batch);
        has_one_encoding(sample_batch, &bytes);
        has_one_encoding_inside(sample_batch, &bytes, 3);
        survives_damage(sample_batch, &bytes, bit);
    }

    #[test]
    fn samples_come_out_as_they_went_in(samples in strategies::samples()) {
        let mut found = SampleBatch::from_samples(&samples).unwrap().samples();
        for sample in &mut found {
            sample.values.sort_by_key(|value| {
                (value.transducer.clone(), value.unit.clone(), value.value.kind())
            });
        }
        prop_assert_eq!(found, samples);
    }

    #[test]
    fn a_stream_of_frames_arrives_in_any_pieces(
        frames in proptest::collection::vec(strategies::frame(), 0..6),
        pieces in proptest::collection::vec(1..40_usize, 1..20),
    ) {
        let mut stream = BytesMut::new();
        for frame in &frames {
            frame.encode_into(&mut stream);
        }
        let mut stream = stream.freeze();
        let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
        let mut found = Vec::new();
        for piece in pieces.iter().cycle() {
            if stream.is_empty() {
                break;
            }
            decoder.push(stream.split_to((*piece).min(stream.len())));
            if *piece % 3 != 0 {
                while let Some(frame) = decoder.next().unwrap() {
                    found.push(frame);
                }
            }
        }
        while let Some(frame) = decoder.next().unwrap() {
            found.push(frame);
        }
        prop_assert!(decoder.is_empty());
        prop_assert_eq!(found, frames);
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for again in [header, envelope, key_header, statement, frame, sample_batch] {
            refused_or_same(again, &bytes);
        }
        for again in [errand, errand_answer, errand_task, errand_outcome] {
            refused_or_same(again, &bytes);
        }
    }
}
