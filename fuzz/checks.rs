//! What must hold for any bytes that a stranger sends. The fuzz targets run these, and so does an
//! ordinary test over the committed corpora.

use bytes::{Bytes, BytesMut};
use sekisho_proto::{
    AccessEntry, AccessRecord, Actions, ContentType, CursorName, Envelope, Errand, ErrandAnswer,
    ErrandOutcome, ErrandTask, Filter, Frame, FrameDecoder, Grantee, Header, KeyHeader, LogEntry,
    LogName, OrgName, PrincipalName, RoleName, SampleBatch, Statement, Timestamp, Topic,
    TransducerName, Unit, limits::FRAME_BYTES_MAX,
};

/// What is accepted is the encoding of what it means.
pub(crate) fn envelope(bytes: &[u8]) {
    if let Ok(header) = Header::decode(bytes) {
        assert_eq!(header.encode(), bytes);
    }
    if let Ok(envelope) = Envelope::decode(Bytes::copy_from_slice(bytes)) {
        assert_eq!(envelope.encoded(), bytes);
        assert_eq!(Envelope::time_of(bytes), Some(envelope.header().time));
        let header = envelope.header().encode();
        let again = Envelope::assemble(header, envelope.body().clone(), *envelope.signature());
        assert_eq!(again.unwrap(), envelope);
    }
    if let Ok(key_header) = KeyHeader::decode(Bytes::copy_from_slice(bytes)) {
        assert_eq!(key_header.encoded(), bytes);
        let content = key_header.content().encode();
        assert_eq!(KeyHeader::assemble(content, *key_header.signature()).unwrap(), key_header);
    }
}

/// What is accepted is the encoding of what it means, and a stream says the same however it is cut.
pub(crate) fn frame(bytes: &[u8]) {
    if let Ok(frame) = Frame::decode(bytes.to_vec()) {
        assert_eq!(frame.encode(), bytes);
        let mut stream = BytesMut::new();
        frame.encode_into(&mut stream);
        assert_eq!(frames_of(&stream, stream.len()), (vec![frame], true));
    }
    let whole = frames_of(bytes, bytes.len().max(1));
    for piece in [1, 3] {
        assert_eq!(frames_of(bytes, piece), whole);
    }
}

/// The frames of a stream that arrives in pieces of so many bytes, and whether it ends well.
fn frames_of(bytes: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece) {
        decoder.push(Bytes::copy_from_slice(piece));
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    (frames, decoder.is_empty())
}

/// What is accepted is the encoding of what it means.
pub(crate) fn statement(bytes: &[u8]) {
    if let Ok(statement) = Statement::decode(bytes) {
        assert_eq!(statement.encode(), bytes);
        let again = Statement::unsigned(statement.body().clone());
        assert_eq!(again.body_bytes(), statement.body_bytes());
        assert_eq!(again.id(), statement.id());
    }
}

/// As an errand, its answer and what either seals: what is accepted is the encoding of what it means.
pub(crate) fn errand(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(errand) = Errand::decode(bytes.clone()) {
        let again = Errand::assemble(errand.content().encode(), *errand.signature());
        assert_eq!(again.unwrap().encoded(), &bytes);
    }
    if let Ok(answer) = ErrandAnswer::decode(bytes.clone()) {
        let again = ErrandAnswer::assemble(answer.content().encode(), *answer.signature());
        assert_eq!(again.unwrap().encoded(), &bytes);
    }
    if let Ok(task) = ErrandTask::decode(&bytes) {
        assert_eq!(task.encode(), bytes);
    }
    if let Ok(outcome) = ErrandOutcome::decode(&bytes) {
        assert_eq!(outcome.encode(), bytes);
    }
}

/// As an entry of either log and as what an entry commits to: what is accepted is the encoding of
/// what it means.
pub(crate) fn log_entry(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(entry) = LogEntry::decode(&bytes) {
        assert_eq!(entry.encode(), bytes);
    }
    if let Ok(entry) = AccessEntry::decode(&bytes) {
        assert_eq!(entry.encode(), bytes);
    }
    if let Ok(record) = AccessRecord::decode(&bytes) {
        assert_eq!(record.encode(), bytes);
    }
}

/// What is accepted is the encoding of its samples.
pub(crate) fn sample_batch(bytes: &[u8]) {
    if let Ok(batch) = SampleBatch::decode(bytes) {
        assert_eq!(batch.encode(), bytes);
        let samples = batch.samples();
        let again = SampleBatch::from_samples(&samples).unwrap();
        assert_eq!(again.samples(), samples);
    }
}

/// Each line as every kind of name: what is accepted prints as it was. The first two filters and
/// the first topic must agree about each other.
pub(crate) fn name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for line in text.lines() {
        prints_as_it_was(line);
    }
    let filters: Vec<_> = text.lines().filter_map(|line| Filter::parse(line).ok()).collect();
    let topics = text.lines().filter_map(|line| Topic::parse(line).ok());
    let [left, right, ..] = filters.as_slice() else { return };
    assert_eq!(left.overlaps(right), right.overlaps(left));
    if left.contains(right) {
        assert!(left.overlaps(right));
    }
    if left.contains(right) && right.contains(left) {
        assert!(left.organisation() == right.organisation());
    }
    for topic in topics {
        let (of_left, of_right) = (left.matches(&topic), right.matches(&topic));
        assert!(!(of_left && of_right) || left.overlaps(right));
        assert!(!left.contains(right) || !of_right || of_left);
        assert_eq!(left.contains(&Filter::from(&topic)), of_left);
        assert_eq!(left.overlaps(&Filter::from(&topic)), of_left);
    }
}

fn prints_as_it_was(text: &str) {
    macro_rules! check {
        ($($name:ty,)+) => {
            $(
                if let Ok(name) = text.parse::<$name>() {
                    assert_eq!(name.to_string(), text);
                }
            )+
        };
    }
    check!(
        OrgName,
        PrincipalName,
        Grantee,
        CursorName,
        Topic,
        Filter,
        ContentType,
        TransducerName,
        Unit,
        RoleName,
        LogName,
    );
    if let Ok(topic) = text.parse::<Topic>() {
        assert_eq!(Filter::from(&topic).is_topic(), Some(topic));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
    if let Ok(actions) = text.parse::<Actions>() {
        assert_eq!(actions.to_string().parse(), Ok(actions));
    }
}
