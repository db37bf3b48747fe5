use std::{fs, os::unix::fs::PermissionsExt as _};

use bytes::Bytes;
use sekisho_proto::{BootId, CursorName, Filter, Hash, PrincipalId, Sequence, Timestamp, Topic};

use super::*;
use crate::{
    NewRecord, RecordReader as _, StdDisk, StreamKey,
    conformance::{Breach, KeyedEngine, check_keyed},
    fault::{FaultDisk, Survival},
};

fn record(number: u64) -> NewRecord {
    let envelope = Bytes::from(number.to_string());
    NewRecord {
        topic: Topic::parse("city/air").unwrap(),
        offset: None,
        received: Timestamp::from_micros(0),
        hash: Hash::of(&envelope),
        envelope,
        hops: Vec::new(),
        stream: StreamKey {
            publisher: PrincipalId::new([1; 32]),
            boot: BootId::new([2; 16]),
            sequence: Sequence::new(number),
        },
        key_header: None,
    }
}

fn on_disk(directory: &Path) -> Result<Store, StoreError> {
    Store::open(Arc::new(StdDisk), directory, StoreOptions::default())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_store_is_for_its_owner_only() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("data");
    let mut store = on_disk(&directory).unwrap();
    store.records.append(record(0)).unwrap();
    store.records.commit().unwrap();
    for folder in [directory.clone(), directory.join("log")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(path.is_dir() || mode(&path) == 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_directory_or_file_that_others_can_touch_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("data");
    drop(on_disk(&directory).unwrap());
    for (path, usual, exposed) in [
        (directory.clone(), 0o700, 0o750),
        (directory.clone(), 0o700, 0o701),
        (directory.join("keyed.redb"), 0o600, 0o640),
        (directory.join("log"), 0o700, 0o755),
        (directory.join("log/format"), 0o600, 0o604),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(exposed)).unwrap();
        let refused = on_disk(&directory).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(text.contains(&format!("{exposed:03o}")), "{text}");
        fs::set_permissions(&path, fs::Permissions::from_mode(usual)).unwrap();
    }
    on_disk(&directory).unwrap();
}

#[test]
fn a_directory_in_use_is_refused_and_the_owner_named() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("data");
    let store = on_disk(&directory).unwrap();
    let refused = on_disk(&directory).unwrap_err();
    let wanted = std::process::id().to_string();
    assert!(
        matches!(&refused, StoreError::Directory(DirectoryError::InUse { owner, .. }) if *owner == wanted),
        "{refused}"
    );
    let Store { keyed, records, .. } = store;
    drop(records);
    assert!(on_disk(&directory).is_err(), "the keyed state is still open");
    drop(keyed);
    on_disk(&directory).unwrap();
}

#[test]
fn another_format_is_refused_and_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("data");
    drop(on_disk(&directory).unwrap());
    fs::write(directory.join("format"), "sekisho-store 2").unwrap();
    let refused = on_disk(&directory).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Directory(DirectoryError::UnknownFormat { found, .. }) if found == "sekisho-store 2"),
        "{refused}"
    );
}

#[test]
fn a_directory_that_holds_something_else_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("data");
    StdDisk.create_dir(&directory).unwrap();
    drop(StdDisk.create(&directory.join("holiday.jpg")).unwrap());
    let refused = on_disk(&directory).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Directory(DirectoryError::UnknownFormat { .. })),
        "{refused}"
    );
    assert!(!directory.join("format").exists());
}

#[test]
fn cursors_ahead_of_a_log_that_lost_records_are_told_and_never_met_by_new_records() {
    let disk = FaultDisk::new();
    let options = StoreOptions {
        log: Options { min_free_bytes: 0, ..Options::default() },
        ..StoreOptions::default()
    };
    let open = || Store::open(Arc::new(disk.clone()), Path::new("/data"), options).unwrap();
    let mut store = open();
    assert_eq!(store.report.cursor_ahead, None);
    store.records.append(record(0)).unwrap();
    store.records.commit().unwrap();
    disk.lie_about_syncs(true);
    store.records.append(record(1)).unwrap();
    let head = store.records.commit().unwrap();
    disk.lie_about_syncs(false);
    let name = CursorName::parse("dashboard").unwrap();
    store.keyed.set_cursor(PrincipalId::new([1; 32]), name, head).unwrap();
    drop(store);
    disk.cut_power(Survival::Nothing);
    let mut store = open();
    assert_eq!(store.report.cursor_ahead.as_ref().unwrap().position, head);
    assert_eq!(store.records.append(record(1)).unwrap().position, head);
    store.records.commit().unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.report.cursor_ahead, None);
    let all = Filter::parse("city/#").unwrap();
    assert_eq!(store.records.reader().topics(&all).len(), 1);
}

#[test]
fn keyed_state_that_is_gone_emptied_or_cut_off_is_not_begun_anew() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("data");
    drop(on_disk(&directory).unwrap());
    let path = directory.join("keyed.redb");
    let whole = fs::read(&path).unwrap();
    for bytes in [&whole[..0], &whole[..1], &whole[..512]] {
        fs::write(&path, bytes).unwrap();
        let error = on_disk(&directory).unwrap_err();
        assert!(error.to_string().contains("keyed.redb"), "{} bytes: {error}", bytes.len());
    }
    fs::remove_file(&path).unwrap();
    let error = on_disk(&directory).unwrap_err().to_string();
    assert!(
        error.contains("keyed.redb: wanted the keyed state that belongs to the log"),
        "{error}"
    );
    assert!(!path.exists());
    fs::write(&path, whole).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    on_disk(&directory).unwrap();
}

#[test]
fn power_may_fail_at_every_step_of_opening_and_using_a_store() {
    let options = StoreOptions {
        log: Options { min_free_bytes: 0, ..Options::default() },
        ..StoreOptions::default()
    };
    let name = CursorName::parse("dashboard").unwrap();
    let who = PrincipalId::new([1; 32]);
    for survival in
        [Survival::Nothing, Survival::Everything, Survival::Drawn(1), Survival::Drawn(2)]
    {
        for steps in 0.. {
            let disk = FaultDisk::new();
            let open = || Store::open(Arc::new(disk.clone()), Path::new("/data"), options);
            disk.power_lasts_for(steps);
            let mut acknowledged = 0;
            let done = open().is_ok_and(|store| {
                (1..4).all(|position| {
                    let kept = store.keyed.set_cursor(who, name.clone(), Position::new(position));
                    acknowledged = if kept.is_ok() { position } else { acknowledged };
                    kept.is_ok()
                })
            });
            disk.cut_power(survival);
            let store = open().unwrap();
            let found = store.keyed.cursor(&who, &name).unwrap().unwrap_or(Position::ZERO);
            assert!(found.value() >= acknowledged, "{survival:?} at {steps}");
            assert!(found.value() <= acknowledged + 1, "{survival:?} at {steps}");
            if done {
                break;
            }
        }
    }
}

struct EmbeddedKeyed {
    disk: FaultDisk,
}

impl KeyedEngine for EmbeddedKeyed {
    type Keyed = KeyedFile;

    fn open(&self) -> Result<KeyedFile, Breach> {
        self.disk.cut_power(Survival::Nothing);
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        KeyedFile::open(&disk, Path::new("/keyed.redb"), 1 << 20)
            .map_err(|error| Breach::of("open", &error))
    }
}

#[test]
fn the_embedded_keyed_state_conforms() {
    check_keyed(|| EmbeddedKeyed { disk: FaultDisk::new() }).unwrap();
}
