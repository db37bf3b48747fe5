//! What the one file does when its disk rots or fills up.

use std::collections::BTreeMap;

use super::*;
use crate::fault::{FaultDisk, Survival};

const FILE: &str = "/keyed.redb";

fn open(disk: &FaultDisk) -> Result<KeyedFile, KeyedError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    KeyedFile::open(&disk, Path::new(FILE), 1 << 20)
}

fn city() -> OrgName {
    OrgName::parse("city").unwrap()
}

fn reader() -> (PrincipalId, CursorName) {
    (PrincipalId::new([7; 32]), CursorName::parse("dashboard").unwrap())
}

fn statement(number: u64) -> StatementToLog {
    let text = format!("statement {number} ").repeat(40);
    let received = Timestamp::from_micros(i64::try_from(number).unwrap());
    StatementToLog { organisation: city(), received, statement: text.into_bytes().into() }
}

fn fill(keyed: &KeyedFile) {
    for number in 0..40 {
        keyed.append_statements(&[statement(number)]).unwrap();
    }
    let (principal, name) = reader();
    keyed.set_cursor(principal, name, Position::new(1_000)).unwrap();
    keyed.put_blob("link/santander", Bytes::from_static(b"statements 7\n")).unwrap();
}

/// Everything that was put, as far as it can be read.
fn content(keyed: &KeyedFile) -> Result<BTreeMap<String, String>, KeyedError> {
    let mut found = BTreeMap::new();
    for logged in keyed.statements(&city(), StatementIndex::ZERO, usize::MAX)? {
        found.insert(format!("{}", logged.index), format!("{logged:?}"));
    }
    found.insert("cursors".to_owned(), format!("{:?}", keyed.cursors()?));
    found.insert("blob".to_owned(), format!("{:?}", keyed.blob("link/santander")?));
    found.insert("organisations".to_owned(), format!("{:?}", keyed.organisations()?));
    Ok(found)
}

#[test]
fn rot_at_any_byte_in_use_is_told_and_never_served() {
    let disk = FaultDisk::new();
    let keyed = open(&disk).unwrap();
    fill(&keyed);
    let whole = content(&keyed).unwrap();
    drop(keyed);
    let bytes = disk.content(Path::new(FILE)).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let (mut told, mut harmless) = (0, 0);
    for at in used.into_iter().step_by(23) {
        let disk = FaultDisk::new();
        disk.put(Path::new(FILE), &bytes);
        assert!(disk.rot(Path::new(FILE), at, 0x10), "byte {at}");
        // What rots in a page that was given up concerns nobody.
        match open(&disk).and_then(|keyed| content(&keyed)) {
            Ok(found) if found == whole => harmless += 1,
            Ok(found) => panic!("byte {at} is served: {found:?}"),
            Err(fault) => {
                assert!(fault.to_string().contains(FILE), "byte {at}: {fault}");
                told += 1;
            }
        }
    }
    assert!(told > 200, "{told} told, {harmless} harmless");
}

#[test]
fn a_disk_that_fills_up_refuses_a_change_whole_and_takes_it_when_there_is_space() {
    let disk = FaultDisk::new();
    let keyed = open(&disk).unwrap();
    fill(&keyed);
    let used = disk.used_bytes();
    disk.set_capacity(Some(used));
    let before = content(&keyed).unwrap();
    let large = Bytes::from(vec![7; 32 << 20]);
    let refused = keyed.put_blob("large", large.clone()).unwrap_err();
    assert!(refused.to_string().contains(FILE), "{refused}");
    assert_eq!(content(&keyed).unwrap(), before);
    // What fits is taken while the disk is still full, and all of it when there is space.
    let (principal, name) = reader();
    keyed.set_cursor(principal, name.clone(), Position::new(1_001)).unwrap();
    assert_eq!(keyed.blob("large").unwrap(), None);
    keyed.put_blob("large", large.clone()).unwrap_err();
    disk.set_capacity(None);
    keyed.put_blob("large", large.clone()).unwrap();
    assert_eq!(keyed.poisoned(), None);
    drop(keyed);
    let keyed = open(&disk).unwrap();
    assert!(keyed.blob("large").unwrap() == Some(large), "the blob is another");
    assert_eq!(keyed.cursor(&principal, &name).unwrap(), Some(Position::new(1_001)));
    let statements = keyed.statements(&city(), StatementIndex::ZERO, usize::MAX).unwrap();
    assert_eq!(statements.len(), 40);
}

#[test]
fn a_flush_that_finds_the_disk_full_is_not_tried_again() {
    let disk = FaultDisk::new();
    let keyed = open(&disk).unwrap();
    fill(&keyed);
    let before = content(&keyed).unwrap();
    disk.fail_syncs_for_space(1);
    let failed = keyed.append_statements(&[statement(40)]).unwrap_err();
    assert!(!matches!(failed, KeyedError::StorageFull { .. }), "{failed}");
    assert!(keyed.poisoned().is_some_and(|cause| cause.starts_with(FILE)));
    // It may be there, and what is said to be there since may not.
    keyed.append_statements(&[statement(40)]).unwrap_err();
    drop(keyed);
    disk.cut_power(Survival::Nothing);
    let found = content(&open(&disk).unwrap()).unwrap();
    assert_eq!(found, before);
}
