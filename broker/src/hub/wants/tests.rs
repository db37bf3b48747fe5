use sekisho_proto::Timestamp;
use sekisho_store::{Disk, KeyedFile, StdDisk};

use super::*;

fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

fn owner() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn key(number: u8, name: &str) -> CursorKey {
    (PrincipalId::new([number; 32]), name.parse().unwrap())
}

fn keyed(folder: &std::path::Path) -> KeyedFile {
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    KeyedFile::open(&disk, &folder.join("keyed.redb"), 1 << 20).unwrap()
}

fn wants(keyed: &KeyedFile) -> Arc<Wants> {
    Arc::new(Wants::read(&"santander".parse().unwrap(), keyed).unwrap())
}

#[test]
fn many_subscriptions_of_one_filter_are_one_want_until_the_last_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let wants = wants(&keyed(folder.path()));
    let mut changed = wants.watch();
    let filter = filter("fujisawa/truck/#");
    let mut all: Vec<_> = (0..50).map(|_| wants.want(&filter, Start::Latest)).collect();
    assert!(changed.has_changed().unwrap());
    changed.mark_unchanged();
    let earlier = wants.want(&filter, Start::Time(Timestamp::from_micros(7)));
    let since = |wants: &Wants| wants.of(&owner()).get(&filter).copied();
    assert_eq!(since(&wants), Some(Since::Time(Timestamp::from_micros(7))));
    drop(earlier);
    assert_eq!(since(&wants), Some(Since::Latest));
    changed.mark_unchanged();
    all.truncate(1);
    assert!(!changed.has_changed().unwrap(), "wanted no word while somebody wants it");
    all.clear();
    assert!(changed.has_changed().unwrap());
    assert_eq!(since(&wants), None);
    assert!(wants.lock().subscriptions.is_empty());
}

#[test]
fn what_is_the_own_organisations_is_asked_of_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let keyed = keyed(folder.path());
    let wants = wants(&keyed);
    assert!(wants.want(&filter("santander/#"), Start::Earliest).is_none());
    wants.want_cursor(&keyed, key(1, "billing"), &filter("santander/#")).unwrap();
    assert!(wants.lock().cursors.is_empty());
}

#[test]
fn a_cursor_is_wanted_while_it_exists_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let keyed = keyed(folder.path());
    let before = wants(&keyed);
    before.want_cursor(&keyed, key(1, "billing"), &filter("fujisawa/公園 one/+")).unwrap();
    before.want_cursor(&keyed, key(2, "billing"), &filter("fujisawa/b")).unwrap();
    let after = wants(&keyed);
    let filters = |wants: &Wants| wants.of(&owner()).into_keys().collect::<Vec<_>>();
    assert_eq!(filters(&after), [filter("fujisawa/b"), filter("fujisawa/公園 one/+")]);
    let gone = [2, 3].map(|number| PrincipalId::new([number; 32]));
    assert_eq!(after.cursor_owners().len(), 2);
    after.forget_owners(&keyed, &BTreeSet::from(gone)).unwrap();
    assert_eq!(filters(&after), [filter("fujisawa/公園 one/+")]);
    assert_eq!(filters(&wants(&keyed)), filters(&after));
}

#[test]
fn more_filters_than_are_told_apart_are_all_of_an_organisation() {
    let folder = tempfile::tempdir().unwrap();
    let wants = wants(&keyed(folder.path()));
    let want = |number: usize| wants.want(&filter(&format!("fujisawa/{number}")), Start::Latest);
    let _all: Vec<_> = (0..=FILTERS_MAX).map(want).collect();
    assert_eq!(wants.of(&owner()), Wanted::from([(filter("fujisawa/#"), Since::Latest)]));
}
