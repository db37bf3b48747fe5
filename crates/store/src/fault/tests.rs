use super::*;

fn path(name: &str) -> PathBuf {
    Path::new("/d").join(name)
}

fn disk_with(name: &str, content: &[u8]) -> (FaultDisk, Box<dyn DiskFile>) {
    let disk = FaultDisk::new();
    disk.create_dir(Path::new("/d")).unwrap();
    let file = disk.create(&path(name)).unwrap();
    file.write_at(0, content).unwrap();
    (disk, file)
}

#[test]
fn what_was_not_synced_is_lost_and_old_handles_are_dead() {
    let (disk, file) = disk_with("a", b"one");
    file.sync().unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    file.write_at(3, b"two").unwrap();
    disk.cut_power(Survival::Nothing);
    assert_eq!(disk.content(&path("a")).unwrap(), b"one");
    assert!(file.sync().is_err());
    assert!(file.read_at(0, &mut [0; 3]).is_err());
}

#[test]
fn a_file_whose_directory_was_not_synced_is_gone() {
    let (disk, file) = disk_with("a", b"one");
    file.sync().unwrap();
    disk.cut_power(Survival::Nothing);
    assert!(disk.list(Path::new("/d")).unwrap().is_empty());
}

#[test]
fn a_rename_is_seen_whole_or_not_at_all() {
    for seed in 0..50 {
        let (disk, file) = disk_with("new", b"new");
        file.sync().unwrap();
        disk.put(&path("old"), b"old");
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.rename(&path("new"), &path("old")).unwrap();
        disk.cut_power(Survival::Drawn(seed));
        match disk.content(&path("old")).unwrap().as_slice() {
            b"old" => assert_eq!(disk.content(&path("new")).unwrap(), b"new"),
            b"new" => assert_eq!(disk.content(&path("new")), None),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_same_seed_survives_the_same_and_another_does_not() {
    let survivors = |seed| {
        let (disk, file) = disk_with("a", &[1; 20_000]);
        disk.sync_dir(Path::new("/d")).unwrap();
        drop(file);
        disk.cut_power(Survival::Drawn(seed));
        disk.content(&path("a")).unwrap()
    };
    assert_eq!(survivors(3), survivors(3));
    assert_ne!(survivors(3), survivors(4));
}

#[test]
fn a_failed_sync_keeps_nothing_although_the_next_one_says_yes() {
    let (disk, file) = disk_with("a", b"one");
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.fail_syncs(1);
    assert!(file.sync().is_err());
    assert!(file.sync().is_ok());
    assert_eq!(disk.content(&path("a")).unwrap(), b"one");
    disk.cut_power(Survival::Nothing);
    assert_eq!(disk.content(&path("a")).unwrap(), b"");
}

#[test]
fn a_full_disk_takes_what_fits() {
    let (disk, file) = disk_with("a", b"one");
    disk.set_capacity(Some(5));
    let error = file.write_at(3, b"three").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.content(&path("a")).unwrap(), b"oneth");
    file.write_at(0, b"ONE").unwrap();
    file.set_length(1).unwrap();
    assert_eq!(disk.free_bytes(Path::new("/d")).unwrap(), 4);
}

#[test]
fn when_the_power_ends_everything_fails_until_it_is_cut() {
    let (disk, file) = disk_with("a", b"one");
    disk.power_lasts_for(1);
    file.sync().unwrap();
    assert!(file.sync().is_err());
    assert!(disk.list(Path::new("/d")).is_err());
    disk.cut_power(Survival::Everything);
    assert_eq!(disk.list(Path::new("/d")).unwrap(), ["a"]);
}
