use sekisho::{Identity, KeyFile, OsEntropy, SigningKey};
use sekisho_proto::statement::{Grant, Issuer, Revoke};
use sekisho_proto::{Action, Actions, Grantee};
use sekisho_seal::{KeyKind, sign_statement};

use super::*;
use crate::exit::Exit;
use crate::fault;

struct Keepers {
    folder: tempfile::TempDir,
    keys: Vec<SigningKey>,
    root: Statement,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Keepers {
    /// Three of whom two must sign.
    fn three() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = Vec::new();
        for number in 1..=3 {
            let identity =
                Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut OsEntropy::new()).unwrap();
            keys.push(identity.signing().clone());
            let name = format!("root-{number}@fujisawa").parse().unwrap();
            let file = KeyFile { kind: KeyKind::Root, name, identity };
            file.create(&folder.path().join(number.to_string())).unwrap();
        }
        let mut public: Vec<PublicKey> = keys.iter().map(SigningKey::public_key).collect();
        public.sort_unstable();
        let body = StatementBody::OrgRoot(OrgRoot {
            organisation: "fujisawa".parse().unwrap(),
            keys: public,
            threshold: 2,
            issued: at("2026-11-21T12:00:00Z"),
        });
        let root = keys.iter().take(2).fold(Statement::unsigned(body), sign_statement);
        Self { folder, keys, root }
    }

    fn key(&self, number: usize) -> PathBuf {
        self.folder.path().join(number.to_string())
    }

    fn motion(&self) -> Motion {
        Motion::new(self.root.clone(), Vec::new(), issuer()).unwrap()
    }
}

fn issuer() -> StatementBody {
    StatementBody::Issuer(Issuer {
        name: "mayor@fujisawa".parse().unwrap(),
        public_key: SigningKey::generate(&mut OsEntropy::new()).unwrap().public_key(),
        issued: at("2026-11-21T12:00:00Z"),
        until: None,
    })
}

fn fault_of(result: Result<impl std::fmt::Debug>) -> (Exit, String) {
    let error = result.unwrap_err();
    (fault::exit_of(&error), fault::sentence(&error))
}

#[test]
fn keys_that_are_never_on_one_machine_sign_one_after_the_other() {
    let keepers = Keepers::three();
    let path = keepers.folder.path().join("motion");
    let motion = keepers.motion();
    motion.create(&path).unwrap();
    assert_eq!(motion.signatures().unwrap(), (0, 2));
    for (number, count) in [(3, 1), (1, 2)] {
        let mut carried = Motion::load(&path).unwrap();
        assert!(carried.words().unwrap().contains("mayor@fujisawa becomes an issuer"));
        carried.ensure_complete().unwrap_err();
        carried.sign(&[keepers.key(number)]).unwrap();
        carried.replace(&path).unwrap();
        assert_eq!(Motion::load(&path).unwrap().signatures().unwrap(), (count, 2));
    }
    let complete = Motion::load(&path).unwrap();
    complete.ensure_complete().unwrap();
    assert_eq!(complete.statement().id(), motion.statement().id());
    assert_eq!(complete.root(), keepers.root.body_hash());
}

#[test]
fn a_threshold_counts_distinct_keys() {
    let keepers = Keepers::three();
    let copy = keepers.folder.path().join("copy");
    fs::copy(keepers.key(1), &copy).unwrap();
    for second in [keepers.key(1), copy] {
        let (exit, said) = fault_of(keepers.motion().sign(&[keepers.key(1), second.clone()]));
        assert_eq!(exit, Exit::Usage);
        assert!(said.contains(second.to_str().unwrap()) && said.contains("counts once"), "{said}");
    }
    let mut motion = keepers.motion();
    motion.sign(&[keepers.key(1)]).unwrap();
    let (exit, said) = fault_of(motion.sign(&[keepers.key(1)]));
    assert_eq!(exit, Exit::No);
    assert!(said.contains("found one that has"), "{said}");
    let (exit, said) = fault_of(motion.ensure_complete());
    assert_eq!(exit, Exit::No);
    assert!(said.contains("wanted the signatures of 2 root keys, found 1"), "{said}");
}

#[test]
fn another_organisations_key_and_one_that_is_no_root_key_do_not_sign() {
    let keepers = Keepers::three();
    let others = Keepers::three();
    let (_exit, said) = fault_of(keepers.motion().sign(&[others.key(1)]));
    assert!(said.contains("wanted one of the 3 root keys of fujisawa"), "{said}");
    let identity = Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut OsEntropy::new()).unwrap();
    let path = keepers.folder.path().join("issuer");
    let name = "mayor@fujisawa".parse().unwrap();
    KeyFile { kind: KeyKind::Issuer, name, identity }.create(&path).unwrap();
    let (_exit, said) = fault_of(keepers.motion().sign(&[path]));
    assert!(said.contains("wanted a key of kind root"), "{said}");
}

#[test]
fn root_keys_sign_issuers_and_revocations_of_their_own_organisation_only() {
    let keepers = Keepers::three();
    let grant = StatementBody::Grant(Grant {
        organisation: "fujisawa".parse().unwrap(),
        grantee: Grantee::Principal("thief@fujisawa".parse().unwrap()),
        actions: Actions::from(Action::Decrypt),
        filter: "fujisawa/#".parse().unwrap(),
        purpose: String::new(),
        issued: at("2026-11-21T12:00:00Z"),
        from: at("2026-11-21T12:00:00Z"),
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    });
    let made = Motion::new(keepers.root.clone(), Vec::new(), grant);
    assert!(fault_of(made).1.contains("wanted an issuer or a revocation, found a grant"));
    let foreign = StatementBody::Issuer(Issuer {
        name: "mayor@santander".parse().unwrap(),
        public_key: keepers.keys[0].public_key(),
        issued: at("2026-11-21T12:00:00Z"),
        until: None,
    });
    let made = Motion::new(keepers.root.clone(), Vec::new(), foreign);
    assert!(fault_of(made).1.contains("wanted a statement of fujisawa"));
}

#[test]
fn a_keeper_sees_whom_a_revocation_is_about_where_the_root_itself_said_so() {
    let keepers = Keepers::three();
    let body = issuer();
    let StatementBody::Issuer(named) = &body else { panic!("no issuer") };
    let id = PrincipalId::of(&named.public_key);
    let known = keepers.keys.iter().skip(1).fold(Statement::unsigned(body.clone()), sign_statement);
    let end = |target| {
        StatementBody::Revoke(Revoke {
            organisation: "fujisawa".parse().unwrap(),
            target,
            reason: "retired".to_owned(),
            issued: at("2026-11-21T13:00:00Z"),
        })
    };
    for (target, words) in [
        (RevokeTarget::Principal(id), "is revoked, for good"),
        (RevokeTarget::Statement(known.id()), "is no issuer any more"),
    ] {
        let root = keepers.root.clone();
        let motion = Motion::new(root, vec![known.clone()], end(target)).unwrap();
        let said = motion.words().unwrap();
        let shown = Fingerprint::of(&id).to_string();
        for part in [words, "mayor@fujisawa", "retired", &shown] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    // A name that the root did not sign is not shown as the key's.
    let claimed = vec![Statement::unsigned(body)];
    let root = keepers.root.clone();
    let motion = Motion::new(root, claimed, end(RevokeTarget::Principal(id))).unwrap();
    assert!(!motion.words().unwrap().contains("mayor"), "{}", motion.words().unwrap());
    let root = keepers.root.clone();
    let unknown = Motion::new(root, Vec::new(), end(RevokeTarget::Statement(Hash::new([1; 32]))));
    assert!(fault_of(unknown).1.contains("that is to end, found it nowhere"));
}

#[test]
fn a_file_that_was_changed_on_its_way_is_refused() {
    let keepers = Keepers::three();
    let mut motion = keepers.motion();
    motion.sign(&[keepers.key(1)]).unwrap();
    let path = keepers.folder.path().join("motion");
    motion.create(&path).unwrap();
    motion.create(&path).unwrap_err();
    let text = fs::read_to_string(&path).unwrap();
    Motion::parse(&text).unwrap();
    Motion::parse(&text.replace("becomes", "is not")).unwrap();
    let cut = text.replace("-----END", "");
    assert!(fault_of(Motion::parse(&cut)).1.contains("wanted a block"));
    let other = Motion { statement: Statement::unsigned(issuer()), ..motion.clone() };
    let signed = motion.statement.signatures()[0];
    let moved = other.statement.clone().with_signature(signed.signer, signed.signature);
    let forged = Motion { statement: moved, ..motion.clone() };
    let said = fault_of(Motion::parse(&forged.print().unwrap())).1;
    assert!(said.contains("wanted a signature that holds"), "{said}");
    let rootless = Motion { root: Statement::unsigned(keepers.root.body().clone()), ..motion };
    let said = fault_of(Motion::parse(&rootless.print().unwrap())).1;
    assert!(said.contains("wanted 2 signatures, found 0"), "{said}");
}
