use std::{path::Path, sync::Arc};

use bytes::Bytes;
use sekisho_proto::{BootId, Filter, Hash, Position, PrincipalId, Sequence, Timestamp, Topic};

use super::{OpenReport, Options, RecordLog};
use crate::{Disk, NewRecord, ReadBatch, RecordReader as _, StreamKey, fault::FaultDisk};

mod conforms;
mod damage;
mod heads;
mod opening;
mod power;
mod retention;
mod space;

const DIRECTORY: &str = "/log";

/// Small segments, and no space that must stay free.
fn small() -> Options {
    Options { segment_bytes: 4096, min_free_bytes: 0, ..Options::default() }
}

fn open(disk: &FaultDisk, options: Options) -> (RecordLog, OpenReport) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    RecordLog::open(shared, Path::new(DIRECTORY), options).unwrap()
}

fn topic(number: u64) -> Topic {
    Topic::parse(&format!("city/{}", number % 3)).unwrap()
}

fn everything() -> Filter {
    Filter::parse("city/#").unwrap()
}

fn record(number: u64, bytes: usize) -> NewRecord {
    let mut envelope = number.to_be_bytes().to_vec();
    envelope.resize(bytes.max(8), u8::try_from(number % 251).unwrap());
    NewRecord {
        topic: topic(number),
        offset: None,
        received: Timestamp::from_micros(i64::try_from(number * 1_000_000).unwrap()),
        hash: Hash::of(&envelope),
        envelope: Bytes::from(envelope),
        hops: Vec::new(),
        stream: StreamKey {
            publisher: PrincipalId::new([1; 32]),
            boot: BootId::new([2; 16]),
            sequence: Sequence::new(number / 3),
        },
        key_header: None,
    }
}

/// Appends records of 100 bytes and commits them together.
fn write(log: &mut RecordLog, numbers: std::ops::Range<u64>) {
    for number in numbers {
        log.append(record(number, 100)).unwrap();
    }
    log.commit().unwrap();
}

fn read(log: &RecordLog) -> ReadBatch {
    log.reader().read(&everything(), Position::ZERO, usize::MAX, usize::MAX).unwrap()
}

/// The numbers that the records were written with, each checked to be what was written.
fn numbers(batch: &ReadBatch) -> Vec<u64> {
    batch
        .records
        .iter()
        .map(|stored| {
            let number = u64::from_be_bytes(stored.envelope[..8].try_into().unwrap());
            let written = record(number, stored.envelope.len());
            assert_eq!(stored.envelope, written.envelope);
            assert_eq!(stored.topic, written.topic);
            assert_eq!(stored.hash, written.hash);
            assert_eq!(stored.stream, written.stream);
            number
        })
        .collect()
}

/// The positions that a read told as lost.
fn lost(batch: &ReadBatch) -> Vec<u64> {
    let ranges = batch.lost.iter();
    ranges.flat_map(|range| range.from.value()..range.to.value()).collect()
}

fn segment_files(disk: &FaultDisk) -> Vec<String> {
    let names = disk.list(Path::new(DIRECTORY)).unwrap();
    names.into_iter().filter(|name| name.ends_with(".segment")).collect()
}
