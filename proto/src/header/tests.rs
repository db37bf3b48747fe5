use super::Header;
use crate::{
    BootId, ContentType, DecodeError, Epoch, KeyHeaderId, PrincipalId, RefusalCode, Scope,
    Sequence, Suite, Timestamp, Topic,
};

fn header() -> Header {
    Header {
        suite: Suite::XWingAes256Gcm,
        topic: Topic::parse("fujisawa/truck/17").unwrap(),
        publisher: PrincipalId::new([1; 32]),
        boot: BootId::new([2; 16]),
        sequence: Sequence::ZERO,
        time: Timestamp::from_micros(1_763_600_461_000_000),
        epoch: Epoch::new(1),
        key_header: Some(KeyHeaderId::new([3; 16])),
        previous: None,
        content_type: ContentType::samples(),
        sample_count: 64,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Federation,
        attester: None,
    }
}

fn refused(header: &Header) -> String {
    Header::decode(&header.encode()).unwrap_err().to_string()
}

#[test]
fn a_header_comes_back_as_it_was() {
    assert_eq!(Header::decode(&header().encode()).unwrap(), header());
}

#[test]
fn another_version_is_refused_by_name() {
    let mut bytes = header().encode();
    assert_eq!(bytes[..2], [8, 1]);
    bytes[1] = 2;
    let error = Header::decode(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "header: wanted version 1, found 2");
    assert_eq!(error.code(), RefusalCode::UnknownVersion);
}

#[test]
fn a_suite_needs_its_key_header_and_epoch_and_the_open_one_neither() {
    let open = Header { suite: Suite::Open, key_header: None, epoch: Epoch::ZERO, ..header() };
    assert_eq!(Header::decode(&open.encode()).unwrap(), open);
    for wrong in [
        Header { key_header: None, ..header() },
        Header { epoch: Epoch::ZERO, ..header() },
        Header { suite: Suite::Open, ..header() },
        Header { epoch: Epoch::new(1), ..open.clone() },
        Header { key_header: Some(KeyHeaderId::new([3; 16])), ..open },
    ] {
        assert!(refused(&wrong).starts_with("header: suite: wanted key header and epoch"));
    }
}

#[test]
fn critical_flags_are_refused_and_others_ignored() {
    let ignored = Header { flags: 0x8001, ..header() };
    assert_eq!(Header::decode(&ignored.encode()).unwrap(), ignored);
    let wrong = Header { flags: 0x1_0001, ..header() };
    assert_eq!(refused(&wrong), "header: flags: wanted no unknown critical flag, found 0x10001");
}

#[test]
fn a_field_out_of_range_is_named_with_what_was_found() {
    let mut bytes = header().encode();
    let at = bytes.windows(8).position(|part| part == b"fujisawa").unwrap();
    bytes[at] = b'F';
    let error = Header::decode(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "header: topic: wanted an organisation's name as first level, found \"Fujisawa/truck/17\""
    );
    assert_eq!(error.code(), RefusalCode::Malformed);
}

#[test]
fn bytes_that_are_no_message_keep_the_cause() {
    let error = Header::decode(&[0xff; 4]).unwrap_err();
    assert_eq!(error.to_string(), "header: not a message of the schema");
    assert!(std::error::Error::source(&error).is_some());
    assert!(matches!(error, DecodeError::Malformed { .. }));
}

#[test]
fn an_oversized_header_is_refused_unread() {
    let error = Header::decode(&[0; 1025]).unwrap_err();
    assert_eq!(error.to_string(), "header: wanted at most 1024 bytes, found 1025");
    assert_eq!(error.code(), RefusalCode::Oversized);
}

#[test]
fn the_largest_header_fits() {
    let largest = Header {
        topic: Topic::parse(&format!(
            "o{}/{}",
            format!("/{}", "x".repeat(126)).repeat(3),
            "y".repeat(128)
        ))
        .unwrap(),
        content_type: ContentType::parse(&"x".repeat(127)).unwrap(),
        sequence: Sequence::MAX,
        epoch: Epoch::MAX,
        time: Timestamp::from_micros(-1),
        previous: Some(crate::Hash::new([9; 32])),
        sample_count: u32::MAX,
        flags: 0xffff,
        expiry_s: u32::MAX,
        ..header()
    };
    assert_eq!(largest.topic.as_str().len(), 511);
    assert_eq!(Header::decode(&largest.encode()).unwrap(), largest);
}
