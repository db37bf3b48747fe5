use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::{
    StdDisk,
    fault::{FaultDisk, Survival},
};

const FOLDER: &str = "/data/companion";

fn label(number: u8) -> Hash {
    Hash::new([number; 32])
}

fn secret(number: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([number; 32])
}

fn open(disk: &FaultDisk) -> Result<Secrets, SecretError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Secrets::open(&disk, Path::new(FOLDER))
}

fn path(number: u8) -> PathBuf {
    Path::new(FOLDER).join(label(number).to_string())
}

#[test]
fn a_secret_comes_back_until_it_is_destroyed() {
    let disk = FaultDisk::new();
    let secrets = open(&disk).unwrap();
    assert_eq!(secrets.get(&label(1)).unwrap(), None);
    secrets.put(&[(label(1), secret(7)), (label(2), secret(8))]).unwrap();
    drop(secrets);
    disk.cut_power(Survival::Nothing);
    let secrets = open(&disk).unwrap();
    assert_eq!(secrets.get(&label(1)).unwrap(), Some(secret(7)));
    assert!(secrets.destroy(&label(1)).unwrap());
    assert!(!secrets.destroy(&label(1)).unwrap());
    drop(secrets);
    disk.cut_power(Survival::Nothing);
    let secrets = open(&disk).unwrap();
    assert_eq!(secrets.get(&label(1)).unwrap(), None);
    assert_eq!(secrets.get(&label(2)).unwrap(), Some(secret(8)));
    secrets.put(&[(label(1), secret(9))]).unwrap();
    assert_eq!(secrets.get(&label(1)).unwrap(), Some(secret(9)));
}

#[test]
fn a_secret_is_never_written_over() {
    let disk = FaultDisk::new();
    let secrets = open(&disk).unwrap();
    secrets.put(&[(label(1), secret(7))]).unwrap();
    let refused = secrets.put(&[(label(1), secret(8))]).unwrap_err();
    assert!(matches!(&refused, SecretError::Exists { path: found } if *found == path(1)));
    assert_eq!(secrets.get(&label(1)).unwrap(), Some(secret(7)));
}

#[test]
fn power_may_fail_at_every_step_and_a_secret_that_was_kept_is_there_and_one_destroyed_is_not() {
    for survival in
        [Survival::Nothing, Survival::Everything, Survival::Drawn(1), Survival::Drawn(2)]
    {
        for steps in 0.. {
            let disk = FaultDisk::new();
            disk.power_lasts_for(steps);
            let (mut kept, mut gone) = (false, false);
            let done = open(&disk).and_then(|secrets| {
                secrets.put(&[(label(1), secret(7)), (label(2), secret(8))])?;
                kept = true;
                secrets.destroy(&label(1))?;
                gone = true;
                Ok(())
            });
            disk.cut_power(survival);
            let secrets = open(&disk).unwrap();
            let (one, other) = (secrets.get(&label(1)).unwrap(), secrets.get(&label(2)).unwrap());
            assert!(one.is_none() || one == Some(secret(7)), "{survival:?} at {steps}");
            assert!(other.is_none() || other == Some(secret(8)), "{survival:?} at {steps}");
            assert!(!kept || other.is_some(), "{survival:?} at {steps}");
            assert!(!gone || one.is_none(), "{survival:?} at {steps}");
            assert_eq!(disk.content(&path(1)).is_some(), one.is_some(), "{survival:?} at {steps}");
            if done.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn a_damaged_secret_is_told_and_not_served() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("companion");
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let secrets = Secrets::open(&disk, &folder).unwrap();
    secrets.put(&[(label(1), secret(7))]).unwrap();
    let path = folder.join(label(1).to_string());
    let whole = fs::read(&path).unwrap();
    assert_eq!(whole.len(), FILE_BYTES);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let refused = secrets.get(&label(1)).unwrap_err();
        assert!(matches!(refused, SecretError::Damaged { .. }), "byte {at}: {refused}");
    }
    for bytes in [&whole[1..], &[], &[whole.as_slice(), &[0]].concat()] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(secrets.get(&label(1)), Err(SecretError::Damaged { .. })));
    }
}

#[test]
fn secrets_that_others_may_read_are_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("companion");
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let secrets = Secrets::open(&disk, &folder).unwrap();
    secrets.put(&[(label(1), secret(7))]).unwrap();
    let path = folder.join(label(1).to_string());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    for (path, usual, exposed) in [(&path, 0o600, 0o640), (&folder, 0o700, 0o711)] {
        fs::set_permissions(path, fs::Permissions::from_mode(exposed)).unwrap();
        let refused = Secrets::open(&disk, &folder).unwrap_err().to_string();
        assert!(refused.contains(path.to_str().unwrap()), "{refused}");
        fs::set_permissions(path, fs::Permissions::from_mode(usual)).unwrap();
    }
    Secrets::open(&disk, &folder).unwrap();
}

#[test]
fn a_disk_that_fills_up_keeps_nothing_half_and_takes_it_when_there_is_space() {
    let disk = FaultDisk::new();
    let secrets = open(&disk).unwrap();
    secrets.put(&[(label(1), secret(7))]).unwrap();
    disk.set_capacity(Some(0));
    let refused = secrets.put(&[(label(2), secret(8))]).unwrap_err();
    assert!(refused.is_storage_full(), "{refused}");
    assert_eq!(secrets.get(&label(2)).unwrap(), None);
    assert!(secrets.destroy(&label(1)).unwrap(), "erasing needs no space");
    disk.set_capacity(None);
    secrets.put(&[(label(2), secret(8))]).unwrap();
    assert_eq!(secrets.get(&label(2)).unwrap(), Some(secret(8)));
}

#[test]
fn what_can_be_read_of_secrets_that_were_not_all_kept_is_there_after_a_power_cut() {
    let disk = FaultDisk::new();
    let secrets = open(&disk).unwrap();
    let one = u64::try_from(FILE_BYTES).unwrap();
    disk.set_capacity(Some(disk.used_bytes() + one + one / 2));
    secrets.put(&[(label(1), secret(7)), (label(2), secret(8))]).unwrap_err();
    assert_eq!(secrets.get(&label(1)).unwrap(), Some(secret(7)));
    drop(secrets);
    disk.cut_power(Survival::Nothing);
    assert_eq!(open(&disk).unwrap().get(&label(1)).unwrap(), Some(secret(7)));
}

#[test]
fn nothing_of_a_destroyed_secret_is_left_in_its_folder() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("companion");
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let secrets = Secrets::open(&disk, &folder).unwrap();
    secrets.put(&[(label(1), secret(7))]).unwrap();
    // Another name for the same bytes shows what became of them.
    let kept = folder.join("kept");
    fs::hard_link(folder.join(label(1).to_string()), &kept).unwrap();
    assert!(secrets.destroy(&label(1)).unwrap());
    assert_eq!(fs::read(&kept).unwrap(), vec![0; FILE_BYTES]);
    drop(secrets);
    // One that was overwritten when the power went is cleared away.
    drop(Secrets::open(&disk, &folder).unwrap());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
