use std::{path::PathBuf, sync::Arc};

use proptest::prelude::*;

use crate::{
    Disk, Options, RecordLog, StdDisk,
    conformance::{Breach, RecordsEngine, Step, agrees_with_model, check_records},
    fault::{FaultDisk, Survival},
};

struct Embedded {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    options: Options,
    /// Where the disk is one, the power is cut before each opening.
    faults: Option<FaultDisk>,
    _temporary: Option<tempfile::TempDir>,
}

impl RecordsEngine for Embedded {
    type Records = RecordLog;

    fn open(&self) -> Result<RecordLog, Breach> {
        if let Some(faults) = &self.faults {
            faults.cut_power(Survival::Nothing);
        }
        RecordLog::open(Arc::clone(&self.disk), &self.directory, self.options)
            .map(|(log, _report)| log)
            .map_err(|error| Breach::of("open", &error))
    }
}

fn on_real_disk(options: Options) -> Embedded {
    let temporary = tempfile::tempdir().unwrap();
    Embedded {
        disk: Arc::new(StdDisk),
        directory: temporary.path().join("log"),
        options,
        faults: None,
        _temporary: Some(temporary),
    }
}

fn losing_power(options: Options) -> Embedded {
    let faults = FaultDisk::new();
    Embedded {
        disk: Arc::new(faults.clone()),
        directory: "/log".into(),
        options,
        faults: Some(faults),
        _temporary: None,
    }
}

#[test]
fn the_embedded_engine_conforms() {
    check_records(|| on_real_disk(Options::default())).unwrap();
}

#[test]
fn the_embedded_engine_conforms_with_small_segments_and_no_tail() {
    let options = Options { tail_bytes_max: 0, ..super::small() };
    check_records(|| on_real_disk(options)).unwrap();
}

#[test]
fn the_embedded_engine_conforms_when_the_power_is_cut_before_every_restart() {
    check_records(|| losing_power(super::small())).unwrap();
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (0..5_u8, 0..3_u8, prop::option::weighted(0.2, 0..4_u8), 0..600_u16).prop_map(
        |(topic, boot, skipped_offsets, bytes)| Step::Append {
            topic,
            boot,
            skipped_offsets,
            bytes,
        },
    );
    let step = prop_oneof![
        30 => append,
        6 => Just(Step::Commit),
        1 => Just(Step::Reopen),
        1 => prop::collection::vec(0..6_u8, 5).prop_map(Step::Trim),
        2 => (0..6_u8).prop_map(Step::Read),
    ];
    prop::collection::vec(step, 1..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_embedded_engine_agrees_with_the_model(
        steps in steps(),
        tail_bytes_max in prop_oneof![Just(0_usize), Just(4_000), Just(1 << 20)],
    ) {
        let options = Options { tail_bytes_max, ..super::small() };
        agrees_with_model(&losing_power(options), &steps).unwrap();
    }
}
