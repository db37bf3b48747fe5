use bytes::Bytes;

use super::{Envelope, envelope_signing_input};
use crate::{
    BootId, ContentType, Epoch, Hash, Header, PrincipalId, RefusalCode, Scope, Sequence, Signature,
    Suite, Timestamp, Topic, limits::ENVELOPE_BYTES_MAX,
};

fn header() -> Header {
    Header {
        suite: Suite::Open,
        topic: Topic::parse("o/a").unwrap(),
        publisher: PrincipalId::new([1; 32]),
        boot: BootId::new([2; 16]),
        sequence: Sequence::ZERO,
        time: Timestamp::EPOCH,
        epoch: Epoch::ZERO,
        key_header: None,
        previous: None,
        content_type: ContentType::parse("text/plain").unwrap(),
        sample_count: 0,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Organisation,
        attester: None,
    }
}

fn envelope(body: &[u8]) -> Envelope {
    Envelope::assemble(header().encode(), body.to_vec(), Signature::new([4; 64])).unwrap()
}

#[test]
fn what_is_signed_begins_with_the_context_and_tells_header_from_body() {
    let input = envelope_signing_input(b"head", b"body");
    assert_eq!(input, b"sekisho-envelope-v1\0\0\0\0\0\0\0\0\x04headbody");
    assert_ne!(input, envelope_signing_input(b"headb", b"ody"));
    let envelope = envelope(b"body");
    let input = envelope_signing_input(&header().encode(), b"body");
    assert_eq!(envelope.signed_bytes(), input);
    assert_eq!(envelope.hash(), Hash::of(&input));
}

#[test]
fn the_parts_share_the_memory_of_the_whole() {
    let encoded: Bytes = envelope(b"a body").encoded().to_vec().into();
    let envelope = Envelope::decode(encoded.clone()).unwrap();
    let range = encoded.as_ptr_range();
    assert_eq!(envelope.encoded().as_ptr_range(), range);
    for part in [envelope.header_bytes(), envelope.body()] {
        assert!(range.contains(&part.as_ptr()));
    }
}

#[test]
fn what_is_composed_is_what_is_read_back() {
    let full = Header {
        sequence: Sequence::new(300),
        time: Timestamp::from_micros(-1),
        previous: Some(Hash::of(b"before")),
        sample_count: 7,
        flags: Header::FLAG_RETAIN,
        expiry_s: 60,
        scope: Scope::Federation,
        attester: Some(PrincipalId::new([3; 32])),
        ..header()
    };
    for (header, body) in
        [(header(), vec![]), (full.clone(), vec![9; 200]), (full, vec![8; 70_000])]
    {
        let signature = Signature::new([4; 64]);
        let composed = Envelope::compose(header.clone(), &body, signature).unwrap();
        let assembled = Envelope::assemble(header.encode(), body, signature).unwrap();
        assert_eq!(composed, assembled);
        assert_eq!(composed.hash(), assembled.hash());
        let range = composed.encoded().as_ptr_range();
        assert!(range.contains(&composed.header_bytes().as_ptr()));
    }
}

#[test]
fn what_nobody_would_read_is_not_composed() {
    let signature = Signature::new([4; 64]);
    let sealed = Header { suite: Suite::X25519Aes256Gcm, ..header() };
    let refused = Envelope::compose(sealed.clone(), b"", signature).unwrap_err();
    let read = Envelope::assemble(sealed.encode(), b"".to_vec(), signature).unwrap_err();
    assert_eq!(refused.to_string(), read.to_string());
    let body = vec![0; ENVELOPE_BYTES_MAX];
    let refused = Envelope::compose(header(), &body, signature).unwrap_err();
    assert_eq!(refused.code(), RefusalCode::Oversized);
    let read = Envelope::assemble(header().encode(), body, signature).unwrap_err();
    assert_eq!(refused.to_string(), read.to_string());
}

#[test]
fn the_hash_does_not_depend_on_the_signature() {
    let other =
        Envelope::assemble(header().encode(), b"x".to_vec(), Signature::new([5; 64])).unwrap();
    assert_ne!(other, envelope(b"x"));
    assert_eq!(other.hash(), envelope(b"x").hash());
}

#[test]
fn an_envelope_of_one_mebibyte_is_the_largest() {
    let overhead = envelope(&[0; 70_000]).encoded().len() - 70_000;
    let body = vec![0; ENVELOPE_BYTES_MAX - overhead];
    assert_eq!(envelope(&body).encoded().len(), ENVELOPE_BYTES_MAX);
    let body = vec![0; ENVELOPE_BYTES_MAX - overhead + 1];
    let error = Envelope::assemble(header().encode(), body, Signature::new([4; 64])).unwrap_err();
    assert_eq!(error.to_string(), "envelope: wanted at most 1048576 bytes, found 1048577");
    assert_eq!(error.code(), RefusalCode::Oversized);
}

#[test]
fn a_signature_of_another_length_is_refused() {
    let mut bytes = envelope(b"x").encoded().to_vec();
    let at = bytes.len() - 65;
    assert_eq!(bytes[at], 64);
    bytes[at] = 63;
    bytes.pop();
    let error = Envelope::decode(bytes.into()).unwrap_err();
    assert_eq!(error.to_string(), "envelope: signature: wanted 64 bytes, found 63 bytes");
}

#[test]
fn a_header_in_another_encoding_is_refused_though_the_envelope_is_canonical() {
    let padded = [header().encode(), vec![0x78, 0x00]].concat();
    let error = Envelope::assemble(padded, b"x".to_vec(), Signature::new([4; 64])).unwrap_err();
    assert_eq!(error.code(), RefusalCode::NonCanonical);
    assert_eq!(
        error.to_string(),
        "header: wanted the canonical encoding, found another of the same message"
    );
}
