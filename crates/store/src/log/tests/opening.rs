//! A log is the same however many threads read it.

use std::{path::Path, sync::Arc};

use proptest::prelude::*;
use sekisho_proto::{BootId, Position, PrincipalId, Sequence};

use super::{DIRECTORY, everything, open, record, segment_files, small};
use crate::{
    Disk, ReadBatch, RecordReader as _, StreamHead, TopicState,
    fault::FaultDisk,
    log::{LogReader, OpenReport, recovery::recover_with},
};

/// All that an opened log knows.
#[derive(Debug, PartialEq)]
struct Known {
    report: OpenReport,
    heads: Vec<StreamHead>,
    topics: Vec<TopicState>,
    records: ReadBatch,
    generation: u64,
    committed_bytes: u64,
}

fn opened(disk: &FaultDisk, boots_max: usize, threads: usize) -> Known {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = crate::log::Options { boots_max, ..small() };
    let found = recover_with(shared, Path::new(DIRECTORY), &options, Some(threads)).unwrap();
    let heads = found.streams.heads(&found.shared.view().topics);
    let reader = LogReader::new(Arc::new(found.shared));
    Known {
        report: found.report,
        heads,
        topics: reader.topics(&everything()),
        records: reader.read(&everything(), Position::ZERO, usize::MAX, usize::MAX).unwrap(),
        generation: found.heads_generation,
        committed_bytes: found.committed_bytes,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// With damage anywhere, several publishers and runs that take turns, and more of these than
    /// are remembered.
    #[test]
    fn a_log_is_the_same_however_many_threads_read_it(
        batches in prop::collection::vec((1_u64..6, 0_u8..3, 0_u8..4), 20..60),
        damage in prop::collection::vec((0_usize..8, 128_usize..4_096), 0..3),
        boots_max in 1_usize..4,
    ) {
        let disk = FaultDisk::new();
        let options = crate::log::Options { boots_max, ..small() };
        let (mut log, _report) = open(&disk, options);
        let mut number = 0;
        for (records, publisher, boot) in batches {
            for _ in 0..records {
                let mut record = record(number, 100);
                record.stream.publisher = PrincipalId::new([publisher; 32]);
                record.stream.boot = BootId::new([boot; 16]);
                record.stream.sequence = Sequence::new(number);
                log.append(record).unwrap();
                number += 1;
            }
            log.commit().unwrap();
        }
        let heads = log.streams();
        drop(log);
        let files = segment_files(&disk);
        prop_assume!(files.len() > 1);
        let is_whole = damage.is_empty();
        for (file, byte) in damage {
            // Not the newest: what is cut off there is cut off once.
            let path = Path::new(DIRECTORY).join(&files[file % (files.len() - 1)]);
            let _is_there: bool = disk.rot(&path, byte, 1);
        }
        let alone = opened(&disk, boots_max, 1);
        if is_whole {
            prop_assert_eq!(&alone.heads, &heads);
        }
        prop_assert_eq!(&opened(&disk, boots_max, 3), &alone);
        prop_assert_eq!(&opened(&disk, boots_max, 64), &alone);
    }
}

#[test]
fn a_segment_that_cannot_be_read_ends_the_opening_on_any_number_of_threads() {
    for threads in [1, 3] {
        let (mut taken, items) = (Vec::new(), (0..40).collect::<Vec<u32>>());
        let outcome = crate::log::survey::in_order(
            items,
            threads,
            |item| item,
            |item| {
                taken.push(item);
                if item == 20 { Err(item) } else { Ok(()) }
            },
        );
        assert_eq!(outcome, Err(20));
        assert_eq!(taken, (0..=20).collect::<Vec<_>>());
    }
}
