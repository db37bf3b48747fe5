//! An organisation in memory: its keys and the statements it signed.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use sekisho::{Identity, Sample, SampleValue, SigningKey, Timestamp, Topic, Trust, Value};
use sekisho_proto::{
    Epoch, Filter, OrgName, PrincipalKind, PrincipalName, Statement, StatementBody, Suite,
    statement::{
        EpochAnnounce, Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty, Principal, Revoke,
        RevokeTarget,
    },
};
use sekisho_seal::{EpochKeyPair, KeyGrantDraft, SeededEntropy, sign_statement, wrap_epoch_seed};

/// When everything was stated.
pub(crate) fn issued() -> Timestamp {
    Timestamp::parse("2026-11-01T00:00:00Z").unwrap()
}

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&mut SeededEntropy::new(seed)).unwrap()
}

pub(crate) fn identity(seed: u64) -> Arc<Identity> {
    let entropy = &mut SeededEntropy::new(seed);
    Arc::new(Identity::generate(Suite::X25519Aes256Gcm, entropy).unwrap())
}

/// See the module.
pub(crate) struct World {
    pub(crate) organisation: OrgName,
    seed: u64,
    root: SigningKey,
    issuer: SigningKey,
    pub(crate) node: SigningKey,
    pub(crate) truck: Arc<Identity>,
    pub(crate) dashboard: Arc<Identity>,
    pub(crate) steward: Arc<Identity>,
}

impl World {
    /// An organisation whose keys follow from the seed.
    pub(crate) fn new(organisation: &str, seed: u64) -> Self {
        Self {
            organisation: organisation.parse().unwrap(),
            seed,
            root: key(seed),
            issuer: key(seed + 1),
            node: key(seed + 2),
            truck: identity(seed + 3),
            dashboard: identity(seed + 4),
            steward: identity(seed + 5),
        }
    }

    pub(crate) fn fujisawa() -> Self {
        Self::new("fujisawa", 1000)
    }

    pub(crate) fn topic(&self) -> Topic {
        Topic::parse(&format!("{}/trucks/17/air", self.organisation)).unwrap()
    }

    pub(crate) fn tree(&self) -> Filter {
        Filter::parse(&format!("{}/trucks/#", self.organisation)).unwrap()
    }

    pub(crate) fn name(&self, name: &str) -> PrincipalName {
        PrincipalName::new(name, &self.organisation).unwrap()
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust { organisation: self.organisation.clone(), root: self.root_statement().body_hash() }
    }

    fn root_statement(&self) -> Statement {
        let root = OrgRoot {
            organisation: self.organisation.clone(),
            keys: vec![self.root.public_key()],
            threshold: 1,
            issued: issued(),
        };
        sign_statement(Statement::unsigned(StatementBody::OrgRoot(root)), &self.root)
    }

    fn issuer_statement(&self) -> Statement {
        let issuer = Issuer {
            name: self.name("office"),
            public_key: self.issuer.public_key(),
            issued: issued(),
            until: None,
        };
        sign_statement(Statement::unsigned(StatementBody::Issuer(issuer)), &self.root)
    }

    /// The issuer's word that this key is this principal.
    pub(crate) fn principal_statement(
        &self,
        name: &str,
        kind: PrincipalKind,
        identity: &Identity,
    ) -> Statement {
        self.principal_of(name, (kind, false), identity)
    }

    fn principal_of(
        &self,
        name: &str,
        (kind, attested): (PrincipalKind, bool),
        identity: &Identity,
    ) -> Statement {
        let kem = identity.kem().public_key();
        let secrets = (kem.suite(), kem.to_bytes().into());
        self.principal_with(name, (kind, attested), identity, secrets)
    }

    fn principal_with(
        &self,
        name: &str,
        (kind, attested): (PrincipalKind, bool),
        identity: &Identity,
        (kem_suite, kem_public_key): (Suite, Bytes),
    ) -> Statement {
        let principal = Principal {
            name: self.name(name),
            kind,
            public_key: identity.public_key(),
            kem_suite,
            kem_public_key,
            issued: issued(),
            until: None,
            attested,
        };
        sign_statement(Statement::unsigned(StatementBody::Principal(principal)), &self.issuer)
    }

    /// What proves a device to which nothing can be sealed: no key for secrets is stated.
    pub(crate) fn proof_without_secrets(&self, name: &str, identity: &Identity) -> Vec<Bytes> {
        let open = (Suite::Open, Bytes::new());
        let principal = self.principal_with(name, (PrincipalKind::Device, false), identity, open);
        encoded(&[self.root_statement(), self.issuer_statement(), principal])
    }

    /// What proves a principal of this organisation to its own people.
    pub(crate) fn proof_of(
        &self,
        name: &str,
        kind: PrincipalKind,
        identity: &Identity,
    ) -> Vec<Bytes> {
        let principal = self.principal_statement(name, kind, identity);
        encoded(&[self.root_statement(), self.issuer_statement(), principal])
    }

    /// What proves a device for which its node signs.
    pub(crate) fn proof_of_attested(&self, name: &str, identity: &Identity) -> Vec<Bytes> {
        let principal = self.principal_of(name, (PrincipalKind::Device, true), identity);
        encoded(&[self.root_statement(), self.issuer_statement(), principal])
    }

    /// The issuer's word that a key is nobody's any more.
    pub(crate) fn revocation_of(&self, identity: &Identity) -> Statement {
        let revoke = Revoke {
            organisation: self.organisation.clone(),
            target: RevokeTarget::Principal(identity.id()),
            reason: "stolen".to_owned(),
            issued: issued(),
        };
        sign_statement(Statement::unsigned(StatementBody::Revoke(revoke)), &self.issuer)
    }

    pub(crate) fn proof_of_truck(&self) -> Vec<Bytes> {
        self.proof_of("truck-17", PrincipalKind::Device, &self.truck)
    }

    fn proof_of_steward(&self) -> Vec<Bytes> {
        self.proof_of("steward", PrincipalKind::Steward, &self.steward)
    }

    pub(crate) fn epoch_keys(&self, epoch: u64) -> EpochKeyPair {
        let entropy = &mut SeededEntropy::new(self.seed + 100 + epoch);
        EpochKeyPair::generate(Suite::X25519Aes256Gcm, entropy).unwrap()
    }

    /// An epoch announced by whoever holds `signer`.
    pub(crate) fn announce(
        &self,
        epoch: u64,
        keys: &EpochKeyPair,
        signer: &SigningKey,
    ) -> Statement {
        self.announce_of(self.tree(), epoch, keys, signer)
    }

    fn announce_of(
        &self,
        tree: Filter,
        epoch: u64,
        keys: &EpochKeyPair,
        signer: &SigningKey,
    ) -> Statement {
        let announce = EpochAnnounce {
            organisation: self.organisation.clone(),
            tree,
            epoch: Epoch::new(epoch),
            suite: keys.suite(),
            public_key: keys.public_key().to_bytes().into(),
            issued: issued(),
            not_before: issued(),
            not_after: Timestamp::parse("2100-01-01T00:00:00Z").unwrap(),
            min_epoch: Epoch::new(1),
        };
        sign_statement(Statement::unsigned(StatementBody::EpochAnnounce(announce)), signer)
    }

    /// What proves an epoch of the tree.
    pub(crate) fn proof_of_epoch(&self, epoch: u64) -> Vec<Bytes> {
        let announce = self.announce(epoch, &self.epoch_keys(epoch), self.steward.signing());
        [self.proof_of_steward(), encoded(&[announce])].concat()
    }

    /// What proves an epoch of another tree, with these keys.
    pub(crate) fn proof_of_epoch_of(
        &self,
        tree: &Filter,
        epoch: u64,
        keys: &EpochKeyPair,
    ) -> Vec<Bytes> {
        let announce = self.announce_of(tree.clone(), epoch, keys, self.steward.signing());
        [self.proof_of_steward(), encoded(&[announce])].concat()
    }

    /// What proves that the dashboard was given an epoch's key.
    pub(crate) fn proof_of_key_grant(&self, epoch: u64) -> Vec<Bytes> {
        self.proof_of_key_grant_of(&self.tree(), epoch, &self.epoch_keys(epoch))
    }

    /// What proves that the dashboard was given these keys of an epoch of another tree.
    pub(crate) fn proof_of_key_grant_of(
        &self,
        tree: &Filter,
        epoch: u64,
        keys: &EpochKeyPair,
    ) -> Vec<Bytes> {
        let draft = KeyGrantDraft {
            organisation: self.organisation.clone(),
            tree: tree.clone(),
            epoch: Epoch::new(epoch),
            reader: self.dashboard.id(),
            purpose: "dashboard".to_owned(),
            issued: issued(),
        };
        let reader = self.dashboard.kem().public_key();
        let entropy = &mut SeededEntropy::new(self.seed + 200 + epoch);
        let grant = wrap_epoch_seed(keys, reader, draft, entropy).unwrap();
        let grant = Statement::unsigned(StatementBody::KeyGrant(grant));
        let grant = sign_statement(grant, self.steward.signing());
        let dashboard = self.principal_statement("dashboard", PrincipalKind::App, &self.dashboard);
        [self.proof_of_steward(), encoded(&[dashboard, grant])].concat()
    }

    /// The peering of two organisations, and everything needed to believe it.
    pub(crate) fn proof_of_peering(&self, other: &Self) -> Vec<Bytes> {
        self.proof_of_contract(other, [self.party(other), other.party(self)])
    }

    /// The same where the other's node, which is there, carries all topics home.
    pub(crate) fn proof_of_carrying(&self, other: &Self, address: SocketAddr) -> Vec<Bytes> {
        let theirs = PeeringParty {
            address: address.to_string(),
            carries_home: vec![self.tree()],
            ..other.party(self)
        };
        self.proof_of_contract(other, [self.party(other), theirs])
    }

    fn proof_of_contract(&self, other: &Self, mut parties: [PeeringParty; 2]) -> Vec<Bytes> {
        parties.sort_by(|left, right| left.organisation.cmp(&right.organisation));
        let purposes = vec!["air quality".to_owned()];
        let (from, until) = (issued(), None);
        let peering = Peering { parties, purposes, issued: issued(), from, until };
        let peering = Statement::unsigned(StatementBody::Peering(peering));
        let peering = sign_statement(sign_statement(peering, &self.issuer), &other.issuer);
        let ours = [self.root_statement(), self.issuer_statement()];
        let theirs = [other.root_statement(), other.issuer_statement()];
        encoded(&[ours.as_slice(), &theirs, &[peering]].concat())
    }

    fn party(&self, other: &Self) -> PeeringParty {
        PeeringParty {
            organisation: self.organisation.clone(),
            root: self.root_statement().body_hash(),
            node_key: self.node.public_key(),
            address: "node.example:7443".to_owned(),
            exports: vec![self.tree()],
            imports: vec![other.tree()],
            onward: false,
            passes_on: Vec::new(),
            carries_home: Vec::new(),
            budget: PeeringBudget::default(),
        }
    }
}

pub(crate) fn encoded(statements: &[Statement]) -> Vec<Bytes> {
    statements.iter().map(|statement| statement.encode().into()).collect()
}

/// A reading of a truck's air sensor.
pub(crate) fn sample(number: u32) -> Sample {
    let value = |transducer: &str, unit: &str, value| SampleValue {
        transducer: transducer.parse().unwrap(),
        unit: unit.parse().unwrap(),
        value,
    };
    let time = Timestamp::from_micros(1_795_000_000_000_000 + i64::from(number) * 10_000);
    Sample {
        time,
        values: vec![
            value("pm2_5", "ug/m3", Value::Float(f64::from(number) * 0.1)),
            value("count", "1", Value::Integer(i64::from(number))),
        ],
    }
}

pub(crate) fn samples(numbers: std::ops::Range<u32>) -> Vec<Sample> {
    numbers.map(sample).collect()
}
