use std::sync::mpsc;
use std::time::Duration;

use sekisho_proto::statement::{Issuer, OrgRoot, Principal};
use sekisho_proto::{PrincipalKind, PrincipalName, StatementBody, Suite};
use sekisho_seal::{SigningKey, sign_statement};
use sekisho_store::{Disk, KeyedFile, StdDisk};

use super::*;
use crate::clock;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

fn fujisawa() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn signed(body: impl Into<StatementBody>, by: &str) -> Statement {
    sign_statement(Statement::unsigned(body.into()), &key(by))
}

fn genesis() -> Vec<Statement> {
    let root = OrgRoot {
        organisation: fujisawa(),
        keys: vec![key("root").public_key()],
        threshold: 1,
        issued: at(0),
    };
    vec![signed(root, "root"), office("office", "root")]
}

fn office(name: &str, by: &str) -> Statement {
    let body = Issuer {
        name: PrincipalName::new(name, &fujisawa()).unwrap(),
        public_key: key(name).public_key(),
        issued: at(0),
        until: None,
    };
    signed(body, by)
}

fn truck(name: &str, by: &str) -> Statement {
    let body = Principal {
        name: PrincipalName::new(name, &fujisawa()).unwrap(),
        kind: PrincipalKind::Device,
        public_key: key(name).public_key(),
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        issued: at(0),
        until: None,
        attested: false,
    };
    signed(body, by)
}

struct World {
    authority: Arc<Authority>,
    keyed: Arc<KeyedStore>,
    _folder: tempfile::TempDir,
}

impl World {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(StdDisk);
        let path = folder.path().join("keyed.redb");
        let keyed = Arc::new(KeyedFile::open(&disk, &path, 1 << 20).unwrap());
        let genesis = genesis();
        let root = genesis[0].body_hash();
        let authority =
            Authority::replay(&fujisawa(), root, &genesis, Arc::clone(&keyed), at(1)).unwrap();
        Self { authority: Arc::new(authority), keyed, _folder: folder }
    }

    fn stored(&self) -> Vec<Hash> {
        let stored = self.keyed.statements(&fujisawa(), StatementIndex::ZERO, usize::MAX).unwrap();
        stored.iter().map(|one| Statement::decode(&one.statement).unwrap().id()).collect()
    }

    fn known(&self) -> Vec<Hash> {
        let policy = self.authority.snapshot();
        policy.log(&fujisawa()).iter().map(|logged| logged.statement.id()).collect()
    }
}

#[test]
fn statements_stated_together_stand_together_and_in_their_order() {
    let world = World::open();
    let before = world.authority.snapshot().version();
    let together = [office("office-2", "root"), truck("truck-1", "office-2")];
    let indices = world.authority.apply_all(&together, at(2)).unwrap();
    assert_eq!(indices, [StatementIndex::new(2), StatementIndex::new(3)]);
    assert_eq!(world.stored(), world.known());
    assert_eq!(world.authority.snapshot().version(), before + 2);
    // Once more, with one that is new: the known ones are where they were.
    let again = [together[0].clone(), truck("truck-2", "office")];
    let indices = world.authority.apply_all(&again, at(3)).unwrap();
    assert_eq!(indices, [StatementIndex::new(2), StatementIndex::new(4)]);
    assert_eq!(world.stored(), world.known());
}

#[test]
fn of_statements_of_which_one_is_refused_none_stands_and_the_refusal_names_it() {
    let world = World::open();
    let (stored, version) = (world.stored(), world.authority.snapshot().version());
    let together = [truck("truck-1", "office"), truck("truck-2", "stranger"), office("x", "root")];
    let refusal = world.authority.apply_all(&together, at(2)).unwrap_err();
    assert_eq!(refusal.what, "statement 2 of 3");
    assert_eq!(world.stored(), stored);
    assert_eq!(world.known(), stored);
    assert_eq!(world.authority.snapshot().version(), version);
}

/// Several callers wait while the disk is busy: all of them have one turn, in which nobody's refusal
/// touches what others brought.
#[test]
fn callers_that_wait_share_a_turn_and_a_refusal_is_of_its_own_caller_alone() {
    let world = World::open();
    let mut woken = world.authority.watch();
    woken.mark_unchanged();
    let busy = world.authority.writing.lock().unwrap();
    let brought = [
        vec![truck("truck-1", "office")],
        vec![truck("truck-2", "office"), truck("truck-3", "stranger")],
        vec![truck("truck-4", "stranger")],
        vec![truck("truck-1", "office"), truck("truck-5", "office")],
    ];
    let (tell, answers) = mpsc::channel();
    let callers: Vec<_> = brought
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, statements)| {
            let (authority, tell) = (Arc::clone(&world.authority), tell.clone());
            let caller = std::thread::spawn(move || {
                let answer = authority.apply_all(&statements, at(2));
                tell.send((number, answer)).unwrap();
            });
            let deadline = clock::now().saturating_add(PATIENCE);
            while world.authority.waiting().len() <= number {
                assert!(clock::now() < deadline, "wanted the caller waiting");
                std::thread::yield_now();
            }
            caller
        })
        .collect();
    assert_eq!(world.stored().len(), 2, "wanted nothing stored before its turn");
    let turn = world.authority.next_turn();
    assert_eq!(turn.len(), 4);
    let trees = world.authority.snapshot().version();
    world.authority.commit(&turn);
    assert!(woken.has_changed().unwrap());
    assert_eq!(*woken.borrow_and_update(), trees + 2, "wanted both statements told at once");
    drop(busy);
    let mut answers: Vec<_> =
        (0..4).map(|_caller| answers.recv_timeout(PATIENCE).unwrap()).collect();
    answers.sort_by_key(|(number, _answer)| *number);
    for caller in callers {
        caller.join().unwrap();
    }
    assert!(!woken.has_changed().unwrap(), "wanted nobody woken twice");
    let found: Vec<_> = answers
        .into_iter()
        .map(|(_number, answer)| answer.map(|indices| indices.len()).map_err(|no| no.what))
        .collect();
    let (second, third) = ("statement 2 of 2".to_owned(), "statement".to_owned());
    assert_eq!(found, [Ok(1), Err(second), Err(third), Ok(2)]);
    assert_eq!(world.stored(), world.known());
    assert_eq!(world.stored().len(), 4);
}

#[test]
fn many_callers_at_once_all_have_their_answer() {
    let world = World::open();
    let callers: Vec<_> = (0..16)
        .map(|number| {
            let authority = Arc::clone(&world.authority);
            std::thread::spawn(move || {
                let name = format!("truck-{number}");
                authority.apply(&truck(&name, "office"), at(2)).unwrap()
            })
        })
        .collect();
    let mut indices: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    indices.sort_unstable();
    assert_eq!(indices, (2..18).map(StatementIndex::new).collect::<Vec<_>>());
    assert_eq!(world.stored(), world.known());
}
