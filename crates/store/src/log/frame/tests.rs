use super::*;

fn record() -> NewRecord {
    NewRecord {
        topic: Topic::parse("city/大通り/air").unwrap(),
        offset: None,
        received: Timestamp::from_micros(-5),
        envelope: Bytes::from_static(b"an envelope"),
        hops: vec![PrincipalId::new([1; 32]), PrincipalId::new([2; 32])],
        stream: StreamKey {
            publisher: PrincipalId::new([3; 32]),
            boot: BootId::new([4; 16]),
            sequence: Sequence::new(u64::MAX),
        },
        hash: Hash::new([5; 32]),
        key_header: Some(KeyHeaderId::new([6; 16])),
    }
}

fn encoded(seal: FrameSeal, position: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let record = record();
    let length = seal.encode(&mut bytes, position, 7, |buffer| encode_payload(buffer, &record, 9));
    assert_eq!(length, bytes.len());
    assert_eq!(length, FRAME_HEADER_BYTES + payload_length(&record).unwrap());
    bytes
}

#[test]
fn a_record_comes_back_from_its_frame() {
    let seal = FrameSeal::new(0x0123_4567_89ab_cdef);
    let bytes = encoded(seal, 42);
    let FrameOutcome::Whole(frame) = seal.decode(&bytes) else { panic!("not whole") };
    assert_eq!((frame.position, frame.batch, frame.length()), (42, 7, bytes.len()));
    assert!(!frame.is_mark());
    let raw = RawRecord::parse(frame.payload).unwrap();
    let written = record();
    assert_eq!(raw.topic, written.topic.as_str());
    let stored = raw.to_record(42, written.topic.clone());
    assert_eq!(stored.position, Position::new(42));
    assert_eq!(stored.offset, Offset::new(9));
    assert_eq!(stored.received, written.received);
    assert_eq!(stored.envelope, written.envelope);
    assert_eq!(stored.hops, written.hops);
    assert_eq!(stored.stream, written.stream);
    assert_eq!(stored.hash, written.hash);
    assert_eq!(stored.key_header, written.key_header);
}

#[test]
fn every_flipped_bit_and_every_missing_byte_is_noticed() {
    let seal = FrameSeal::new(0x0123_4567_89ab_cdef);
    let bytes = encoded(seal, 42);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!matches!(seal.decode(&flipped), FrameOutcome::Whole(_)), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(matches!(seal.decode(&bytes[..length]), FrameOutcome::Short), "{length} bytes");
    }
}

#[test]
fn a_frame_of_one_segment_is_none_in_another() {
    let bytes = encoded(FrameSeal::new(1), 42);
    assert!(matches!(FrameSeal::new(2).decode(&bytes), FrameOutcome::Bad));
    // Neither where only the marker, nor where only the checksum's start value is the same.
    assert!(matches!(FrameSeal::new(1 | 1 << 32).decode(&bytes), FrameOutcome::Bad));
}

#[test]
fn no_payload_that_is_cut_short_or_has_an_unknown_flag_is_a_record() {
    let seal = FrameSeal::new(1);
    let bytes = encoded(seal, 42);
    let payload = &bytes[FRAME_HEADER_BYTES..];
    let envelope = record().envelope.len();
    for length in 0..payload.len() - envelope {
        assert!(RawRecord::parse(&payload[..length]).is_none(), "{length} bytes");
    }
    let mut flagged = payload.to_vec();
    flagged[16] |= 2;
    assert!(RawRecord::parse(&flagged).is_none());
}
