use bytes::{Bytes, BytesMut};

use super::{
    Answer, AnswerBody, Frame, FrameDecoder, Goodbye, Hello, Ping, Record, Refused, Subscribe,
};
use crate::{
    Filter, Hash, Offset, OrgName, Position, PrincipalId, RefusalCode, Sequence, Timestamp,
    frame::Start,
    limits::{FRAME_BYTES_MAX, FRAME_BYTES_UNGREETED_MAX},
};

fn encoded(frames: &[Frame]) -> Bytes {
    let mut buffer = BytesMut::new();
    for frame in frames {
        frame.encode_into(&mut buffer);
    }
    buffer.freeze()
}

fn record(envelope: Bytes) -> Record {
    Record {
        subscription: 1,
        position: Position::new(2),
        offset: Offset::new(3),
        received: Timestamp::EPOCH,
        envelope,
        key_header: None,
        hops: Vec::new(),
    }
}

#[test]
fn a_frame_is_preceded_by_its_length_in_32_bits_big_endian() {
    let bytes = encoded(&[Ping { token: 5 }.into()]);
    assert_eq!(&bytes[..], [0, 0, 0, 5, 0xaa, 0x01, 0x02, 0x08, 0x05]);
}

#[test]
fn frames_are_cut_out_of_the_stream_without_copying_where_they_arrive_whole() {
    let frames = [record(Bytes::from(vec![7; 100])).into(), Ping { token: 1 }.into()];
    let stream = encoded(&frames);
    let range = stream.as_ptr_range();
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    decoder.push(stream);
    let Some(Frame::Record(found)) = decoder.next().unwrap() else { panic!("no record") };
    assert!(range.contains(&found.envelope.as_ptr()));
    assert_eq!(decoder.next().unwrap().as_ref(), Some(&frames[1]));
    assert_eq!(decoder.next().unwrap(), None);
    assert!(decoder.is_empty());
}

#[test]
fn frames_arrive_byte_by_byte() {
    let frames = [Frame::from(Ping { token: 1 }), record(Bytes::from_static(b"x")).into()];
    let mut decoder = FrameDecoder::default();
    let mut found = Vec::new();
    for byte in encoded(&frames).chunks(1) {
        decoder.push(Bytes::copy_from_slice(byte));
        found.extend(decoder.next().unwrap());
    }
    assert_eq!(found, frames);
    assert!(decoder.is_empty());
}

#[test]
fn memory_for_a_frame_is_taken_when_a_quarter_of_it_is_here() {
    let whole = encoded(&[record(Bytes::from(vec![7; 1_000_000])).into()]);
    let (mut arrived, mut decoder) = (0, FrameDecoder::default());
    for piece in whole.chunks(whole.len() / 100) {
        decoder.push(Bytes::copy_from_slice(piece));
        arrived += piece.len();
        let frame = decoder.next().unwrap();
        assert_eq!(frame.is_some(), arrived == whole.len(), "{arrived} bytes");
        let taken = decoder.capacity();
        assert!(taken <= 4 * arrived, "{taken} bytes for {arrived}");
        if frame.is_none() && arrived * 4 >= whole.len() {
            assert!(taken >= whole.len(), "{taken} bytes for {arrived}: it moves again");
        }
    }
}

#[test]
fn a_length_of_4_gib_is_refused_when_it_is_read() {
    let mut decoder = FrameDecoder::new(usize::MAX);
    decoder.push(Bytes::from_static(&[0xff, 0xff, 0xff]));
    assert_eq!(decoder.next().unwrap(), None);
    decoder.push(Bytes::from_static(&[0xff]));
    for _ in 0..2 {
        let error = decoder.next().unwrap_err();
        assert_eq!(error.to_string(), "frame: wanted at most 1064960 bytes, found 4294967295");
        assert_eq!(error.code(), RefusalCode::Oversized);
    }
}

#[test]
fn before_the_greeting_frames_are_small() {
    let mut decoder = FrameDecoder::new(FRAME_BYTES_UNGREETED_MAX);
    let large = encoded(&[record(Bytes::from(vec![0; FRAME_BYTES_UNGREETED_MAX])).into()]);
    decoder.push(large.slice(..8));
    assert_eq!(decoder.next().unwrap_err().code(), RefusalCode::Oversized);
    decoder.set_frame_bytes_max(FRAME_BYTES_MAX);
    assert_eq!(decoder.next().unwrap(), None);
    decoder.push(large.slice(8..));
    assert!(decoder.next().unwrap().is_some());
}

#[test]
fn a_frame_without_a_kind_is_refused() {
    let error = Frame::decode(Bytes::new()).unwrap_err();
    assert_eq!(error.to_string(), "frame: kind: wanted one of the frames, found none");
}

#[test]
fn two_kinds_in_one_frame_are_refused() {
    let two =
        [Frame::from(Ping { token: 1 }).encode(), Frame::from(Ping { token: 2 }).encode()].concat();
    assert_eq!(Frame::decode(two).unwrap_err().code(), RefusalCode::NonCanonical);
}

#[test]
fn another_version_in_hello_is_left_to_the_node() {
    let organisation = OrgName::parse("o").unwrap();
    let hello = Frame::from(Hello { version: 9, software: String::new(), organisation });
    assert_eq!(Frame::decode(hello.encode()).unwrap(), hello);
}

#[test]
fn request_zero_is_the_connection_s() {
    let refused = |request| Refused {
        request,
        code: RefusalCode::Malformed,
        what: String::new(),
        why: String::new(),
        expected_sequence: Some(Sequence::ZERO),
    };
    let frame = Frame::from(refused(0));
    assert_eq!(Frame::decode(frame.encode()).unwrap(), frame);
    let answer = Frame::from(Answer { request: 0, answer: AnswerBody::Statements(Vec::new()) });
    let error = Frame::decode(answer.encode()).unwrap_err();
    assert_eq!(error.to_string(), "answer: request: wanted 1 or more, found 0");
}

#[test]
fn text_for_people_is_cut_where_it_would_be_refused() {
    let why = "é".repeat(1000);
    let goodbye = Frame::from(Goodbye { code: None, why: format!("x{why}") });
    let Frame::Goodbye(found) = Frame::decode(goodbye.encode()).unwrap() else {
        panic!("no goodbye")
    };
    assert_eq!(found.why, format!("x{}", "é".repeat(511)));
}

#[test]
fn only_a_topic_has_offsets() {
    let subscribe = |filter: &str| {
        Frame::from(Subscribe {
            subscription: 0,
            filter: Filter::parse(filter).unwrap(),
            start: Start::Offset(Offset::ZERO),
            cursor: None,
            credit: 1,
        })
    };
    assert!(Frame::decode(subscribe("o/a").encode()).is_ok());
    let error = Frame::decode(subscribe("o/+").encode()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "subscribe: filter: wanted a topic, since start is an offset, found o/+"
    );
}

#[test]
fn more_hops_than_three_are_refused() {
    let hops =
        |count| Record { hops: vec![PrincipalId::new([1; 32]); count], ..record(Bytes::new()) };
    assert!(Frame::decode(Frame::from(hops(3)).encode()).is_ok());
    assert!(Frame::decode(Frame::from(hops(4)).encode()).is_err());
}

#[test]
fn the_largest_envelope_fits_with_its_key_header() {
    let largest = Record {
        key_header: Some(Bytes::from(vec![1; crate::limits::KEY_HEADER_BYTES_MAX])),
        hops: vec![PrincipalId::new(*Hash::of(b"").as_bytes()); 3],
        ..record(Bytes::from(vec![0; crate::limits::ENVELOPE_BYTES_MAX]))
    };
    let frame = Frame::from(largest);
    assert_eq!(Frame::decode(frame.encode()).unwrap(), frame);
}

#[test]
fn every_frame_has_a_name() {
    assert_eq!(Frame::from(Ping { token: 0 }).name(), "ping");
    assert_eq!(Frame::from(record(Bytes::new())).name(), "record");
}
