use std::sync::{Arc, RwLock};

use sekisho_proto::Hash;
use sekisho_seal::SigningKey;
use sekisho_store::{Disk, KeyedFile, StdDisk};
use sekisho_tlog::{Note, Tree, leaf_hash, verify_consistency};

use super::*;
use crate::hub::MerkleLog;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_800_000_000 + seconds) * 1_000_000)
}

/// A node's logs, which grow as a test wants it.
struct World {
    logs: Logs,
    control: Arc<RwLock<Tree>>,
    access: Arc<RwLock<Tree>>,
    _folder: tempfile::TempDir,
}

impl World {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(StdDisk);
        let path = folder.path().join("keyed.redb");
        let keyed = Arc::new(KeyedFile::open(&disk, &path, 1 << 20).unwrap());
        let key = Arc::new(SigningKey::from_seed(Hash::of(b"node").as_bytes()));
        let own: OrgName = "fujisawa".parse().unwrap();
        let [control, access] = [(); 2].map(|()| Arc::new(RwLock::new(Tree::new())));
        let logs = Logs::open(
            own.clone(),
            key,
            keyed,
            MerkleLog::of(LogName::Control(own.clone()), Arc::clone(&control)),
            MerkleLog::of(LogName::Access(own), Arc::clone(&access)),
        );
        Self { logs: logs.unwrap(), control, access, _folder: folder }
    }

    /// What is shown next to a peer that was given all statements.
    fn next(&self, showing: &mut Showing, now: Timestamp) -> Option<frame::Checkpoint> {
        let given = self.logs.control().size();
        showing.next(&self.logs, (0, given), now).unwrap()
    }
}

fn grow(tree: &RwLock<Tree>, count: u64) {
    let mut tree = tree.write().unwrap();
    for _leaf in 0..count {
        let next = tree.size();
        tree.append(leaf_hash(&next.to_be_bytes()));
    }
}

/// The log and the size that a checkpoint states.
fn stated(shown: Option<&frame::Checkpoint>) -> Option<(String, u64)> {
    let checkpoint = Note::parse(&shown?.note).unwrap().checkpoint().unwrap();
    Some((checkpoint.origin, checkpoint.size))
}

#[test]
fn the_control_log_is_shown_when_it_was_given_when_it_grew_and_once_a_minute() {
    let world = World::open();
    grow(&world.control, 3);
    let mut showing = Showing::new("santander".parse().unwrap());
    let control = |size| Some(("sekisho/fujisawa/control".to_owned(), size));
    assert_eq!(stated(world.next(&mut showing, at(0)).as_ref()), control(3));
    assert_eq!(world.next(&mut showing, at(1)), None);
    assert_eq!(showing.due(at(1)), Duration::from_secs(59));
    assert_eq!(world.next(&mut showing, at(59)), None);
    assert_eq!(stated(world.next(&mut showing, at(60)).as_ref()), control(3));
    grow(&world.control, 2);
    assert_eq!(stated(world.next(&mut showing, at(61)).as_ref()), control(5));
    // Of a log that was put back, a peer that knows more sees how much there is.
    let mut showing = Showing::new("santander".parse().unwrap());
    let shown = showing.next(&world.logs, (0, 9), at(62)).unwrap();
    assert_eq!(stated(shown.as_ref()), control(5));
}

#[test]
fn the_access_log_is_proven_from_where_the_peer_knows_it_and_one_at_a_time() {
    let world = World::open();
    let mut showing = Showing::new("santander".parse().unwrap());
    world.next(&mut showing, at(0)).unwrap();
    grow(&world.access, 3);
    assert_eq!(world.next(&mut showing, at(1)), None, "it has not said that it wants to know");
    let name = world.logs.access().name().clone();
    showing.hear(&world.logs, &name, 0);
    let first = world.next(&mut showing, at(2)).unwrap();
    assert_eq!((stated(Some(&first)), first.old_size), (Some((name.to_string(), 3)), 0));
    grow(&world.access, 4);
    assert_eq!(world.next(&mut showing, at(3)), None, "the first was not answered");
    showing.hear(&world.logs, &name, 3);
    let second = world.next(&mut showing, at(4)).unwrap();
    let root = |size| world.access.read().unwrap().root_at(size).unwrap();
    assert_eq!(second.old_size, 3);
    verify_consistency((3, &root(3)), (7, &root(7)), &second.consistency).unwrap();
    showing.hear(&world.logs, &name, 7);
    assert_eq!(world.next(&mut showing, at(5)), None, "nothing is new");
    // A peer that knows more than there is is shown nothing that it could cosign.
    assert!(!showing.is_ahead);
    showing.hear(&world.logs, &name, 99);
    assert!(showing.is_ahead);
    assert_eq!(world.next(&mut showing, at(6)), None);
}
