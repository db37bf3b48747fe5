//! What must hold for any bytes that are found where a log was kept. The fuzz targets run these, and
//! so does an ordinary test over the committed corpora.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use bytes::Bytes;
use sekisho_proto::{BootId, Filter, Hash, PrincipalId, Sequence, Timestamp, Topic};
use sekisho_store::{
    Disk, NewRecord, Options, RecordLog, RecordReader as _, StreamKey, fault::FaultDisk,
};

const DIRECTORY: &str = "/log";
/// Records before anything is damaged.
const RECORDS: u64 = 8;

fn options() -> Options {
    Options { segment_bytes: 1 << 20, min_free_bytes: 0, ..Options::default() }
}

fn envelope(number: u64) -> Bytes {
    Bytes::from(format!("envelope {number} of a log that is damaged afterwards"))
}

fn record(number: u64) -> NewRecord {
    let envelope = envelope(number);
    NewRecord {
        topic: Topic::parse("a/log").unwrap(),
        offset: None,
        received: Timestamp::from_micros(1_800_000_000_000_000),
        hops: Vec::new(),
        stream: StreamKey {
            publisher: PrincipalId::new([7; 32]),
            boot: BootId::new([8; 16]),
            sequence: Sequence::new(number),
        },
        hash: Hash::of(&envelope),
        key_header: None,
        envelope,
    }
}

/// A segment as it was written: the same on every disk but for the value that is drawn for it.
fn written() -> (FaultDisk, String, Vec<u8>) {
    let disk = FaultDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (mut log, _report) = RecordLog::open(shared, Path::new(DIRECTORY), options()).unwrap();
    for number in 0..RECORDS {
        log.append(record(number)).unwrap();
    }
    log.commit().unwrap();
    drop(log);
    let names = disk.list(Path::new(DIRECTORY)).unwrap();
    let name = names.into_iter().find(|name| name.ends_with(".segment")).unwrap();
    let content = disk.content(&Path::new(DIRECTORY).join(&name)).unwrap();
    (disk, name, content)
}

/// The first byte says what the rest does to a segment: takes its place, is put behind what is
/// there, or changes it from some place on. What is served is what was written, in order, and what
/// is not served is told; the log goes on.
pub(crate) fn segment(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (disk, name, mut content) = written();
    match kind % 3 {
        0 => content = rest.to_vec(),
        1 => content.extend(rest),
        _ => {
            let Some((at, rest)) = rest.split_first_chunk() else { return };
            let at = usize::from(u16::from_be_bytes(*at)) % content.len();
            let end = (at + rest.len()).min(content.len());
            content.splice(at..end, rest.iter().copied());
        }
    }
    disk.put(&Path::new(DIRECTORY).join(&name), &content);
    let shared: Arc<dyn Disk> = Arc::new(disk);
    // A log that cannot be opened serves nothing.
    let Ok((mut log, _report)) =
        RecordLog::open(Arc::clone(&shared), Path::new(DIRECTORY), options())
    else {
        return;
    };
    let before = served(&log);
    if log.append(record(100)).is_ok() && log.commit().is_ok() {
        drop(log);
        let (log, _report) = RecordLog::open(shared, Path::new(DIRECTORY), options()).unwrap();
        let after = served(&log);
        assert!(before.is_subset(&after) && after.contains(&100), "{before:?} {after:?}");
    }
}

/// The numbers of the records that are served, each of which is as it was written.
fn served(log: &RecordLog) -> BTreeSet<u64> {
    let (reader, everything) = (log.reader(), Filter::parse("a/#").unwrap());
    let mut position = reader.first();
    let mut numbers = BTreeSet::new();
    while position < reader.head() {
        let Ok(batch) = reader.read(&everything, position, 1_000, 1 << 20) else { break };
        for record in &batch.records {
            let number = record.stream.sequence.value();
            assert_eq!(record.envelope, envelope(number));
            numbers.insert(number);
        }
        assert!(batch.next > position, "wanted the reader to go on");
        position = batch.next;
    }
    numbers
}
