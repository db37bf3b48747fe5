//! Bytes that every implementation must refuse, and the code it does so with.

use bytes::Bytes;
use sekisho_proto::{
    DecodeError, Envelope, Frame, Header, KeyHeader, RefusalCode, SampleBatch, SampleError,
    Statement,
};

use crate::examples;

type Refusal = (&'static str, &'static str, Vec<u8>, RefusalCode);

pub(crate) fn all() -> Vec<Refusal> {
    let mut all = encodings();
    all.extend(headers());
    all.extend(others());
    all.into_iter()
        .map(|(name, message, bytes)| (name, message, bytes.clone(), code(message, &bytes)))
        .collect()
}

fn code(message: &str, bytes: &[u8]) -> RefusalCode {
    let shared = Bytes::copy_from_slice(bytes);
    let error: Option<DecodeError> = match message {
        "header" => Header::decode(bytes).err(),
        "envelope" => Envelope::decode(shared).err(),
        "key header" => KeyHeader::decode(shared).err(),
        "statement" => Statement::decode(bytes).err(),
        "frame" => Frame::decode(shared).err(),
        _ => SampleBatch::decode(bytes).err().map(|error| {
            let SampleError::Decode(error) = error else { panic!("{error}") };
            error
        }),
    };
    error.unwrap_or_else(|| panic!("{message} was accepted: {bytes:02x?}")).code()
}

type Bad = (&'static str, &'static str, Vec<u8>);

/// `discover` as it was once, a filter alone: `Query { request: 1, discover: "fujisawa/#" }` in field 10.
const OLD_DISCOVER: &[u8] = b"\x22\x0e\x08\x01\x52\x0afujisawa/#";

/// A ping of token 5 in every encoding but its own: `aa 01 02 08 05`.
fn encodings() -> Vec<Bad> {
    let frame = |name, bytes: &[u8]| (name, "frame", bytes.to_vec());
    vec![
        frame("no bytes", &[]),
        frame("not protobuf", &[0xff]),
        frame("cut off", &[0xaa, 0x01, 0x02, 0x08]),
        frame("length beyond the end", &[0xaa, 0x01, 0x03, 0x08, 0x05]),
        frame("padded key", &[0xaa, 0x81, 0x00, 0x02, 0x08, 0x05]),
        frame("padded length", &[0xaa, 0x01, 0x82, 0x00, 0x08, 0x05]),
        frame("padded value", &[0xaa, 0x01, 0x03, 0x08, 0x85, 0x00]),
        frame("unknown field behind", &[0xaa, 0x01, 0x02, 0x08, 0x05, 0xf8, 0x07, 0x01]),
        frame("unknown field inside", &[0xaa, 0x01, 0x05, 0x08, 0x05, 0xf8, 0x07, 0x01]),
        frame("field twice", &[0xaa, 0x01, 0x04, 0x08, 0x05, 0x08, 0x05]),
        frame("kind twice", &[0xaa, 0x01, 0x02, 0x08, 0x05, 0xaa, 0x01, 0x02, 0x08, 0x05]),
        frame("another kind behind", &[0xaa, 0x01, 0x02, 0x08, 0x05, 0xb2, 0x01, 0x02, 0x08, 0x05]),
        frame("default spelled out", &[0xaa, 0x01, 0x02, 0x08, 0x00]),
        frame("fields out of order", &[0x22, 0x04, 0x10, 0x01, 0x08, 0x01]),
        frame("number beyond 32 bits", &[0x52, 0x06, 0x08, 0x81, 0x80, 0x80, 0x80, 0x10]),
        frame("bool of 2", &[0x6a, 0x04, 0x08, 0x01, 0x58, 0x02]),
        frame("bool of 0 in a choice", &[0x6a, 0x04, 0x08, 0x01, 0x58, 0x00]),
        frame("request 0", &[0x22, 0x02, 0x10, 0x01]),
        frame("question of a field that is not used any more", OLD_DISCOVER),
    ]
}

fn headers() -> Vec<Bad> {
    let good = examples::open_header().encode();
    let with_topic = |topic: &[u8]| {
        let at = good.windows(5).position(|part| part == b"\x1a\x03o/a").unwrap();
        let length = u8::try_from(topic.len()).unwrap();
        ("header", [&good[..at], &[0x1a, length], topic, &good[at + 5..]].concat())
    };
    let topics: [(&str, &[u8]); 12] = [
        ("topic of an organisation alone", b"o"),
        ("topic with an empty level", b"o//a"),
        ("topic with a dot level", b"o/.."),
        ("topic with a wildcard", b"o/+"),
        ("topic with a control character", b"o/a\x07"),
        ("topic with an outer space", b"o/ a"),
        ("topic with a reserved level", b"o/$SYS"),
        ("topic with a needless escape", b"o/%41"),
        ("topic that is not in normalisation form C", "o/e\u{301}".as_bytes()),
        ("topic that turns text around", "o/\u{202e}a".as_bytes()),
        ("topic with an upper-case organisation", b"O/a"),
        ("topic that is not UTF-8", b"o/\xff"),
    ];
    let topics = topics.into_iter().map(|(name, topic)| {
        let (message, bytes) = with_topic(topic);
        (name, message, bytes)
    });
    let mut version = good.clone();
    version[1] = 2;
    let sealed = [&good[..2], &[0x10, 0x01], &good[2..]].concat();
    let flags = [&good[..], &[0x68, 0x80, 0x80, 0x04]].concat();
    let scope = [&good[..], &[0x78, 0x02]].concat();
    let attester = [&[0x82, 0x01, 0x20][..], &[0x70; 32]].concat();
    let cut_attester = [&good[..], &[0x82, 0x01, 0x1f], &[0x70; 31]].concat();
    let sealed_and_attested = [examples::envelopes()[2].1.header_bytes(), &attester[..]].concat();
    topics
        .chain([
            ("version 2", "header", version),
            ("suite without a key header", "header", sealed),
            ("unknown critical flag", "header", flags),
            ("unknown scope", "header", scope),
            ("attester of 31 bytes", "header", cut_attester),
            ("attester of a sealed body", "header", sealed_and_attested),
        ])
        .collect()
}

fn others() -> Vec<Bad> {
    let envelope = examples::envelopes()[0].1.encoded().to_vec();
    let short_signature = {
        let mut bytes = envelope.clone();
        let at = bytes.len() - 65;
        bytes[at] = 63;
        bytes.pop();
        bytes
    };
    let key_header = examples::key_headers()[0].1.encoded().to_vec();
    let statement = examples::statements()[4].encode();
    let swapped = {
        let at = statement.windows(2).position(|part| part == [0x1a, 0x64]).unwrap();
        let (body, signatures) = statement.split_at(at);
        let (first, second) = signatures.split_at(signatures.len() / 2);
        [body, second, first].concat()
    };
    let column = |name, validity| {
        vec![0x1a, 0x0b, 0x0a, 0x01, name, 0x1a, 0x01, validity, 0x2a, 0x01, 0x02, 0x48, 0x02]
    };
    let (early_column, late_column) = (column(b'b', 0x01), column(b'a', 0x02));
    vec![
        ("envelope without a signature", "envelope", envelope[..envelope.len() - 66].to_vec()),
        ("signature of 63 bytes", "envelope", short_signature),
        ("key header cut off", "key header", key_header[..key_header.len() - 1].to_vec()),
        ("unknown statement kind", "statement", vec![0x08, 0x0b]),
        ("signers in descending order", "statement", swapped),
        ("no samples", "sample batch", vec![]),
        (
            "column without values",
            "sample batch",
            vec![0x12, 0x01, 0x00, 0x1a, 0x05, 0x0a, 0x01, b'a', 0x48, 0x02],
        ),
        (
            "unknown kind of value",
            "sample batch",
            vec![0x12, 0x01, 0x00, 0x1a, 0x05, 0x0a, 0x01, b'a', 0x48, 0x06],
        ),
        (
            "columns not in the order of first appearance",
            "sample batch",
            [&[0x12, 0x02, 0x00, 0x00][..], &late_column, &early_column].concat(),
        ),
        ("first step is not 0", "sample batch", vec![0x12, 0x01, 0x02]),
        (
            "time beyond 64 bits",
            "sample batch",
            [&[0x08][..], &[0xff; 8], &[0x7f, 0x12, 0x01, 0x02]].concat(),
        ),
    ]
}
