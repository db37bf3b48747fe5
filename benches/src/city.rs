//! An organisation whose keys follow from numbers: the same in every run, and as large as a bench
//! wants it.

use std::sync::Arc;

use sekisho_policy::Policy;
use sekisho_proto::{
    Action, Actions, Epoch, Filter, Grantee, Hash, OrgName, PrincipalKind, PrincipalName,
    Statement, StatementBody, Suite, Timestamp, Topic,
    statement::{EpochAnnounce, Grant, Issuer, OrgRoot, Principal, Revoke, RevokeTarget},
};
use sekisho_seal::{
    EpochKeyPair, EpochPublic, Identity, KemKeyPair, KeyGrantDraft, SeededEntropy, SigningKey,
    StrictVerifier, sign_statement, wrap_epoch_seed,
};

use crate::sound;

/// Seeds of one role's keys begin here; there is room for a million of each.
const ROOT: u64 = 1;
const ISSUER: u64 = 2;
const NODE: u64 = 3;
const STEWARD: u64 = 4;
const EPOCH: u64 = 5;
const DEVICES: u64 = 1_000_000;

/// The name of the node among the principals.
pub const NODE_NAME: &str = "node";

/// One organisation, its keys and the statements it begins with.
#[derive(Debug)]
pub struct City {
    organisation: OrgName,
    root: SigningKey,
    issuer: SigningKey,
    epoch: EpochKeyPair,
    now: Timestamp,
    statements: Vec<Statement>,
}

impl City {
    /// Root, issuer, node and steward, and one epoch for every topic; everything is stated at `now`.
    #[must_use]
    pub fn new(organisation: &str, now: Timestamp) -> Self {
        let mut city = Self {
            organisation: sound(OrgName::parse(organisation)),
            root: signing(ROOT),
            issuer: signing(ISSUER),
            epoch: sound(EpochKeyPair::generate(
                Suite::X25519Aes256Gcm,
                &mut SeededEntropy::new(EPOCH),
            )),
            now,
            statements: Vec::new(),
        };
        city.found();
        city
    }

    /// Its name.
    #[must_use]
    pub const fn organisation(&self) -> &OrgName {
        &self.organisation
    }

    /// When everything was stated.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The node's identity.
    #[must_use]
    pub fn node(&self) -> Identity {
        identity(NODE)
    }

    /// The identity of a device, by its number below a million.
    #[must_use]
    pub fn device(&self, number: u64) -> Identity {
        identity(DEVICES + number)
    }

    /// Everything stated so far, root first.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The fingerprint of its root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.statements.first().map_or(Hash::new([0; 32]), Statement::body_hash)
    }

    /// A topic of this organisation.
    #[must_use]
    pub fn topic(&self, levels: &str) -> Topic {
        sound(Topic::parse(&format!("{}/{levels}", self.organisation)))
    }

    /// A filter of topics of this organisation.
    #[must_use]
    pub fn filter(&self, levels: &str) -> Filter {
        sound(Filter::parse(&format!("{}/{levels}", self.organisation)))
    }

    /// What publishers of every topic seal to.
    #[must_use]
    pub fn epoch(&self) -> EpochPublic {
        EpochPublic::new(self.filter("#"), Epoch::new(1), self.epoch.public_key().clone())
    }

    /// What opens it.
    #[must_use]
    pub const fn epoch_keys(&self) -> &EpochKeyPair {
        &self.epoch
    }

    /// Makes a device known as `device-NUMBER`.
    pub fn enrol_device(&mut self, number: u64) {
        let device = self.device(number);
        self.enrol(&format!("device-{number}"), PrincipalKind::Device, &device);
    }

    /// The steward's identity.
    #[must_use]
    pub fn steward(&self) -> Identity {
        identity(STEWARD)
    }

    /// Makes a device known as `device-NUMBER`, with a key of another suite to be given keys by.
    pub fn enrol_reader(&mut self, number: u64, suite: Suite) {
        let seed = DEVICES + number;
        let signing = identity(seed).signing().clone();
        let kem = sound(KemKeyPair::generate(suite, &mut SeededEntropy::new(seed)));
        let reader = Identity::new(signing, kem);
        self.enrol(&format!("device-{number}"), PrincipalKind::Device, &reader);
    }

    /// Gives `device-NUMBER` several rights over a filter.
    pub fn grant_device_all(&mut self, number: u64, actions: Actions, filter: Filter) {
        let grantee = Grantee::Principal(self.name(&format!("device-{number}")));
        self.grant(grantee, actions, filter);
    }

    /// What the office states to take something back.
    #[must_use]
    pub fn revocation(&self, target: RevokeTarget, issued: Timestamp) -> Statement {
        let (organisation, reason) = (self.organisation.clone(), "bench".to_owned());
        let revoke = Revoke { organisation, target, reason, issued };
        sign_statement(Statement::unsigned(StatementBody::Revoke(revoke)), &self.issuer)
    }

    /// Gives `device-NUMBER` a right over a filter.
    pub fn grant_device(&mut self, number: u64, action: Action, filter: Filter) {
        let grantee = Grantee::Principal(self.name(&format!("device-{number}")));
        self.grant(grantee, action.into(), filter);
    }

    /// Gives `device-NUMBER` the key that opens every topic's epoch.
    pub fn grant_key(&mut self, number: u64) {
        let draft = KeyGrantDraft {
            organisation: self.organisation.clone(),
            tree: self.filter("#"),
            epoch: Epoch::new(1),
            reader: self.device(number).id(),
            purpose: "bench".to_owned(),
            issued: self.now,
        };
        let reader = self.device(number).kem().public_key().clone();
        let mut entropy = SeededEntropy::new(number);
        let grant = sound(wrap_epoch_seed(&self.epoch, &reader, draft, &mut entropy));
        let grant = Statement::unsigned(StatementBody::KeyGrant(grant));
        self.statements.push(sign_statement(grant, self.steward().signing()));
    }

    /// Gives every principal of the organisation a right over a filter.
    pub fn grant_everybody(&mut self, action: Action, filter: Filter) {
        self.grant(Grantee::Organisation(self.organisation.clone()), action.into(), filter);
    }

    /// The policy that follows from everything stated so far.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        let mut policy = Policy::new(self.organisation.clone(), self.root());
        for statement in &self.statements {
            sound(policy.apply(statement, self.now, &StrictVerifier));
        }
        Arc::new(policy)
    }

    fn found(&mut self) {
        let (organisation, issued) = (self.organisation.clone(), self.now);
        let keys = vec![self.root.public_key()];
        let root = OrgRoot { organisation: organisation.clone(), keys, threshold: 1, issued };
        let root = sign_statement(Statement::unsigned(StatementBody::OrgRoot(root)), &self.root);
        let issuer = Issuer {
            name: self.name("office"),
            public_key: self.issuer.public_key(),
            issued,
            until: None,
        };
        let issuer = Statement::unsigned(StatementBody::Issuer(issuer));
        let issuer = sign_statement(issuer, &self.root);
        self.statements.extend([root, issuer]);
        self.enrol(NODE_NAME, PrincipalKind::Node, &identity(NODE));
        let steward = identity(STEWARD);
        self.enrol("steward", PrincipalKind::Steward, &steward);
        let announce = EpochAnnounce {
            organisation,
            tree: self.filter("#"),
            epoch: Epoch::new(1),
            suite: self.epoch.suite(),
            public_key: self.epoch.public_key().to_bytes().into(),
            issued,
            not_before: issued,
            not_after: issued.saturating_add(std::time::Duration::from_hours(24)),
            min_epoch: Epoch::new(1),
        };
        let announce = Statement::unsigned(StatementBody::EpochAnnounce(announce));
        self.statements.push(sign_statement(announce, steward.signing()));
    }

    fn enrol(&mut self, name: &str, kind: PrincipalKind, identity: &Identity) {
        let kem = identity.kem().public_key();
        let principal = Principal {
            name: self.name(name),
            kind,
            public_key: identity.public_key(),
            kem_suite: kem.suite(),
            kem_public_key: kem.to_bytes().into(),
            issued: self.now,
            until: None,
            attested: false,
        };
        self.state(StatementBody::Principal(principal));
    }

    fn grant(&mut self, grantee: Grantee, actions: Actions, filter: Filter) {
        let grant = Grant {
            organisation: self.organisation.clone(),
            grantee,
            actions,
            filter,
            purpose: "bench".to_owned(),
            issued: self.now,
            from: self.now,
            until: None,
            history_from: None,
            onward: false,
            rate_per_s: None,
        };
        self.state(StatementBody::Grant(grant));
    }

    fn state(&mut self, body: StatementBody) {
        self.statements.push(sign_statement(Statement::unsigned(body), &self.issuer));
    }

    fn name(&self, name: &str) -> PrincipalName {
        sound(PrincipalName::new(name, &self.organisation))
    }
}

fn signing(seed: u64) -> SigningKey {
    sound(SigningKey::generate(&mut SeededEntropy::new(seed)))
}

fn identity(seed: u64) -> Identity {
    sound(Identity::generate(Suite::X25519Aes256Gcm, &mut SeededEntropy::new(seed)))
}
