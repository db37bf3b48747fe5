//! What it costs to make a group of records durable, and to read them back.
//!
//! The disk decides most of it: compare groups within one run, not runs of two machines.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Throughput};
use sekisho_benches::{ratio::timed, sound, stored::record};
use sekisho_proto::{Filter, Position};
use sekisho_store::{NewRecord, RecordReader as _, StdDisk, Store, StoreOptions};
use tempfile::TempDir;

/// Records made durable by one flush.
const GROUPS: [u64; 4] = [1, 16, 256, 2_048];
const ENVELOPE_BYTES: usize = 1_024;
const TOPICS: u64 = 1_000;
/// Records in one page, as subscribers are fed.
const PAGE: usize = 256;

fn records(count: u64) -> Vec<NewRecord> {
    let envelope = Bytes::from(vec![7; ENVELOPE_BYTES]);
    (0..count).map(|number| record(number, TOPICS, envelope.clone())).collect()
}

fn open(folder: &Path) -> Store {
    sound(Store::open(Arc::new(StdDisk), folder, StoreOptions::default()))
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    let mut group = criterion.benchmark_group("store");
    let folder = sound(TempDir::new());
    let mut store = open(&folder.path().join("data"));
    for count in GROUPS {
        let records = records(count);
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::new("append and commit", count), |bencher| {
            bencher.iter_batched(
                || records.clone(),
                |records| {
                    for record in records {
                        sound(store.records.append(record));
                    }
                    sound(store.records.commit())
                },
                BatchSize::LargeInput,
            );
        });
        group.bench_function(BenchmarkId::new("append without commit", count), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let mut records = records.clone().into_iter();
                    took += timed(u32::try_from(count).unwrap_or(u32::MAX), || {
                        if let Some(record) = records.next() {
                            sound(store.records.append(record));
                        }
                    });
                    sound(store.records.commit());
                }
                took
            });
        });
    }
    let reader = store.records.reader();
    let everything = sound(Filter::parse("fujisawa/#"));
    let one = sound(Filter::parse("fujisawa/trucks/7/air"));
    let bytes_max = PAGE * ENVELOPE_BYTES * 2;
    group.throughput(Throughput::Elements(PAGE as u64));
    for (name, filter) in [("every topic", &everything), ("one topic in 1,000", &one)] {
        group.bench_function(BenchmarkId::new("read a page of 256", name), |bencher| {
            bencher.iter(|| sound(reader.read(filter, Position::ZERO, PAGE, bytes_max)));
        });
    }
    group.finish();
    criterion.final_summary();
}
