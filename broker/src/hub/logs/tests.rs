use sekisho_federation::FollowedEntry;
use sekisho_proto::statement::{Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty};
use sekisho_proto::{PrincipalName, Statement, StatementBody, StatementIndex};
use sekisho_seal::sign_statement;
use sekisho_store::{Disk, KeyedFile, StdDisk};
use sekisho_tlog::{leaf_hash, verify_consistency, verify_inclusion};

use super::*;
use crate::hub::Authority;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_800_000_000 + seconds) * 1_000_000)
}

fn org(name: &str) -> OrgName {
    name.parse().unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

fn root(city: &str) -> Statement {
    let key = key(&format!("root of {city}"));
    let body = OrgRoot {
        organisation: org(city),
        keys: vec![key.public_key()],
        threshold: 1,
        issued: at(0),
    };
    sign_statement(Statement::unsigned(body.into()), &key)
}

fn office(city: &str, name: &str) -> Statement {
    let body = Issuer {
        name: PrincipalName::new(name, &org(city)).unwrap(),
        public_key: key(&format!("{name} of {city}")).public_key(),
        issued: at(0),
        until: None,
    };
    sign_statement(Statement::unsigned(body.into()), &key(&format!("root of {city}")))
}

fn peering() -> Statement {
    let party = |city: &str| PeeringParty {
        organisation: org(city),
        root: root(city).body_hash(),
        node_key: key(&format!("node of {city}")).public_key(),
        address: format!("{city}.example:7443"),
        exports: Vec::new(),
        imports: Vec::new(),
        onward: false,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: PeeringBudget::default(),
    };
    let body = Peering {
        parties: [party("fujisawa"), party("santander")],
        purposes: Vec::new(),
        issued: at(0),
        from: at(0),
        until: None,
    };
    let unsigned = Statement::unsigned(StatementBody::Peering(body));
    let signed = sign_statement(unsigned, &key("office of fujisawa"));
    sign_statement(signed, &key("office of santander"))
}

/// What Fujisawa's node has in its store when it starts.
fn genesis() -> Vec<Statement> {
    let of = |city: &str| [root(city), office(city, "office")];
    [&of("fujisawa")[..], &of("santander"), &[peering()]].concat()
}

struct World {
    authority: Authority,
    logs: Logs,
    keyed: Arc<KeyedStore>,
    _folder: tempfile::TempDir,
}

impl World {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(StdDisk);
        let path = folder.path().join("keyed.redb");
        let keyed = Arc::new(KeyedFile::open(&disk, &path, 1 << 20).unwrap());
        let (authority, logs) = start(&keyed);
        Self { authority, logs, keyed, _folder: folder }
    }

    /// A cosignature of a city's node, of a checkpoint of that size.
    fn cosigned_by(&self, city: &str, size: u64, time: Timestamp) -> String {
        let key = key(&format!("node of {city}"));
        let sign = |message: &[u8]| key.sign(message);
        let signer = Signing { key: key.public_key(), sign: &sign };
        let checkpoint = self.logs.control().checkpoint_at(size).unwrap();
        let note = sign_checkpoint(&checkpoint, &signer).unwrap();
        cosign(&note, &cosigner_name(&org("santander")), &signer, time).unwrap().to_string()
    }

    fn keep(&self, size: u64, line: &str) -> Result<(), Refusal> {
        let log = LogName::Control(org("fujisawa"));
        let policy = self.authority.snapshot();
        self.logs.keep_cosignature(&policy, &org("santander"), (&log, size), line, at(10))
    }
}

fn start(keyed: &Arc<KeyedStore>) -> (Authority, Logs) {
    let genesis = genesis();
    let root = genesis[0].body_hash();
    let authority =
        Authority::replay(&org("fujisawa"), root, &genesis, Arc::clone(keyed), at(1)).unwrap();
    let node = Arc::new(key("node of fujisawa"));
    let access = MerkleLog::new(LogName::Access(org("fujisawa")), []);
    let control = authority.log().clone();
    let logs = Logs::open(org("fujisawa"), node, Arc::clone(keyed), control, access).unwrap();
    (authority, logs)
}

fn shown(answer: AnswerBody) -> (Note, Checkpoint, Vec<Hash>) {
    let AnswerBody::Checkpoint { note, consistency } = answer else { panic!("{answer:?}") };
    let note = Note::parse(&note).unwrap();
    let node = key("node of fujisawa").public_key();
    let signer = NoteKey::new("sekisho/fujisawa/control", NoteKeyKind::Log, node).unwrap();
    let checkpoint = note.checkpoint_of(&signer, &StrictVerifier).unwrap();
    let cosigner = NoteKey::new("sekisho/fujisawa/node", NoteKeyKind::Cosigner, node).unwrap();
    assert_eq!(note.verify(&cosigner, &StrictVerifier).unwrap().time, Some(at(10)));
    (note, checkpoint, consistency)
}

#[test]
fn every_statement_is_proven_to_be_in_the_log_that_the_checkpoint_states() {
    let world = World::open();
    let log = LogName::Control(org("fujisawa"));
    let first = shown(world.logs.show(&log, 0, at(10)).unwrap()).1;
    let more: Vec<_> = (0..5).map(|number| office("fujisawa", &format!("o-{number}"))).collect();
    world.authority.apply_all(&more, at(2)).unwrap();
    let (_note, checkpoint, consistency) =
        shown(world.logs.show(&log, first.size, at(10)).unwrap());
    let (old, new) = ((first.size, &first.root), (checkpoint.size, &checkpoint.root));
    verify_consistency(old, new, &consistency).unwrap();
    let policy = world.authority.snapshot();
    let stated = policy.log(&org("fujisawa"));
    assert_eq!(checkpoint.size, stated.len() as u64);
    for (place, logged) in stated.iter().enumerate() {
        let id = logged.statement.id();
        for which in [Which::Statement(id), Which::Index(place as u64)] {
            let answer = world.logs.prove(&policy, &log, which, checkpoint.size).unwrap();
            let AnswerBody::Inclusion { index, entry, path } = answer else { panic!("{answer:?}") };
            assert_eq!(index, place as u64);
            let leaf = leaf_hash(&entry);
            verify_inclusion(&leaf, index, checkpoint.size, &checkpoint.root, &path).unwrap();
            assert_eq!(LogEntry::decode(&entry).unwrap().statement, logged.statement.encode());
        }
    }
    // Not in that tree, or nowhere.
    let id = more[4].id();
    let absent = [
        world.logs.prove(&policy, &log, Which::Statement(id), first.size),
        world.logs.prove(&policy, &log, Which::Statement(Hash::of(b"?")), checkpoint.size),
        world.logs.prove(&policy, &log, Which::Index(checkpoint.size), checkpoint.size),
        world.logs.prove(&policy, &log, Which::Index(0), checkpoint.size + 1),
    ];
    for found in absent {
        assert_eq!(found.unwrap_err().code, RefusalCode::NotFound);
    }
}

#[test]
fn a_log_is_the_same_one_after_a_restart() {
    let world = World::open();
    world.authority.apply(&office("fujisawa", "another"), at(2)).unwrap();
    let before = world.logs.control().checkpoint();
    let (_authority, logs) = start(&world.keyed);
    assert_eq!(logs.control().checkpoint(), before);
}

#[test]
fn a_cosignature_of_a_peer_is_kept_and_handed_out_while_it_is_of_what_the_log_holds() {
    let world = World::open();
    let log = LogName::Control(org("fujisawa"));
    let size = world.logs.control().size();
    world.keep(size, &world.cosigned_by("santander", size, at(10))).unwrap();
    let (_authority, again) = start(&world.keyed);
    let peer = key("node of santander").public_key();
    let peer = NoteKey::new("sekisho/santander/node", NoteKeyKind::Cosigner, peer).unwrap();
    for logs in [&world.logs, &again] {
        let (note, ..) = shown(logs.show(&log, 0, at(10)).unwrap());
        assert_eq!(note.verify(&peer, &StrictVerifier).unwrap().time, Some(at(10)));
        assert_eq!(logs.cosignatures().of(&log, &org("santander")).unwrap().size, size);
    }
    world.authority.apply(&office("fujisawa", "another"), at(2)).unwrap();
    let (note, ..) = shown(world.logs.show(&log, 0, at(10)).unwrap());
    note.verify(&peer, &StrictVerifier).unwrap_err();
}

#[test]
fn a_cosignature_that_the_peers_node_did_not_make_of_this_log_is_refused() {
    let world = World::open();
    let size = world.logs.control().size();
    let cosigned = |city: &str, size| world.cosigned_by(city, size, at(10));
    let refused = |size, line: &str| world.keep(size, line).unwrap_err().code;
    assert_eq!(refused(size, &cosigned("tokyo", size)), RefusalCode::BadSignature);
    assert_eq!(refused(size, &cosigned("santander", size - 1)), RefusalCode::BadSignature);
    assert_eq!(refused(size + 1, &cosigned("santander", size)), RefusalCode::NotFound);
    assert_eq!(refused(size, "nonsense"), RefusalCode::Malformed);
    let ahead = world.cosigned_by("santander", size, at(1_000));
    assert_eq!(refused(size, &ahead), RefusalCode::ClockAhead);
    let log = LogName::Control(org("fujisawa"));
    assert_eq!(world.logs.cosignatures().of(&log, &org("santander")), None);
}

#[test]
fn a_peers_log_is_cosigned_only_as_it_is_kept_and_proven_to_own_people() {
    let world = World::open();
    let (peer, log) = (org("santander"), LogName::Control(org("santander")));
    let entries: Vec<_> = [root("santander"), office("santander", "office")]
        .into_iter()
        .map(|statement| {
            // As the peer says it: not when this node applied it.
            let entry = LogEntry { received: at(-5), statement: statement.encode().into() };
            FollowedEntry {
                leaf: leaf_hash(&entry.encode()),
                statement: statement.id(),
                received: entry.received,
                encoded: entry.statement,
            }
        })
        .collect();
    let tree = MerkleLog::new(log.clone(), entries.iter().map(|entry| entry.leaf));
    let signed = {
        let node = Arc::new(key("node of santander"));
        let (_authority, logs) = start(&world.keyed);
        let theirs = Logs { organisation: peer.clone(), key: node, ..logs };
        let checkpoint = tree.checkpoint();
        let note = theirs.note(&checkpoint, at(9)).unwrap();
        SignedCheckpoint { log: log.clone(), checkpoint, time: at(9), note }
    };
    let keep = |change| world.keyed.apply(&[change]);
    let early = world.logs.cosign_peer(&signed, at(10), keep).unwrap_err();
    assert_eq!(early.code, RefusalCode::Internal);
    assert_eq!(world.logs.show(&log, 0, at(10)).unwrap_err().code, RefusalCode::NotFound);
    let append = |entries: &[FollowedEntry]| {
        world.logs.followed().append(&peer, StatementIndex::ZERO, entries, |_entry| true)
    };
    append(&entries).unwrap();
    let policy = world.authority.snapshot();
    let passed_on = |logs: &Logs| logs.passed_on(&policy, &peer, (0, 64), at(10)).unwrap();
    assert_eq!(passed_on(&world.logs), [], "nothing says that it is all");
    let unkept = |_change| Err(world.keyed.apply(&misplaced(&log)).unwrap_err());
    world.logs.cosign_peer(&signed, at(10), unkept).unwrap_err();
    assert_eq!(world.logs.show(&log, 0, at(10)).unwrap_err().code, RefusalCode::NotFound);
    world.logs.cosign_peer(&signed, at(10), keep).unwrap();

    let (_authority, again) = start(&world.keyed);
    for logs in [&world.logs, &again] {
        let (size, newest) = logs.newest_of(&peer).unwrap().unwrap();
        assert_eq!(size, 2);
        let passed_on = passed_on(logs);
        let leaves: Vec<_> = passed_on.iter().map(|entry| leaf_hash(&entry.encode())).collect();
        assert_eq!(leaves, entries.iter().map(|entry| entry.leaf).collect::<Vec<_>>());
        let rest = logs.passed_on(&policy, &peer, (1, 64), at(10)).unwrap();
        assert_eq!(rest, passed_on[1..]);
        let AnswerBody::Checkpoint { note, .. } = logs.show(&log, 0, at(10)).unwrap() else {
            panic!("wanted a checkpoint")
        };
        let own = key("node of fujisawa").public_key();
        let own = NoteKey::new("sekisho/fujisawa/node", NoteKeyKind::Cosigner, own).unwrap();
        assert_eq!(Note::parse(&note).unwrap(), newest);
        newest.verify(&own, &StrictVerifier).unwrap();
        let which = Which::Statement(office("santander", "office").id());
        let answer = logs.prove(&policy, &log, which, 2).unwrap();
        let AnswerBody::Inclusion { index, entry, path } = answer else { panic!("{answer:?}") };
        let root = tree.checkpoint().root;
        verify_inclusion(&leaf_hash(&entry), index, 2, &root, &path).unwrap();
    }
}

/// A change that the store refuses.
fn misplaced(log: &LogName) -> [sekisho_store::KeyedChange; 1] {
    let leaves = vec![sekisho_store::Leaf { hash: Hash::of(b""), entry: Bytes::new() }];
    [sekisho_store::KeyedChange::AppendLeaves { log: log.clone(), first: 99, leaves }]
}
