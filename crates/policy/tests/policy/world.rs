//! A small world to ask questions in: organisations with real keys, and short ways to state things.

use std::cell::Cell;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sekisho_policy::{Applied, Denial, Policy, Recipient, StatementError};
use sekisho_proto::{
    Action, Actions, Filter, Grantee, Hash, OrgName, PrincipalId, PrincipalKind, PrincipalName,
    PublicKey, Scope, Signature, Statement, StatementBody, StatementVerifier, Suite, Timestamp,
    Topic,
    statement::{
        Deny, Grant, Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty, Principal, Revoke,
        RevokeTarget, Role, Transit,
    },
};

/// Seconds since an arbitrary beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

pub(crate) fn org(name: &str) -> OrgName {
    name.parse().unwrap()
}

pub(crate) fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

pub(crate) fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> PrincipalName {
    text.parse().unwrap()
}

pub(crate) fn grantee(text: &str) -> Grantee {
    text.parse().unwrap()
}

pub(crate) fn actions(text: &str) -> Actions {
    text.parse().unwrap()
}

/// A key that anybody in these tests can make again from its label.
#[derive(Debug, Clone)]
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn of(label: &str) -> Self {
        Self(SigningKey::from_bytes(Hash::of(label.as_bytes()).as_bytes()))
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn id(&self) -> PrincipalId {
        PrincipalId::of(&self.public())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        Signature::new(self.0.sign(message).to_bytes())
    }
}

pub(crate) fn signed(body: impl Into<StatementBody>, keys: &[&Key]) -> Statement {
    let statement = Statement::unsigned(body.into());
    keys.iter().fold(statement, |statement, key| {
        let signature = key.sign(&statement.signing_input());
        statement.with_signature(key.id(), signature)
    })
}

/// Checks signatures for good, and counts how many it was asked for.
#[derive(Default)]
pub(crate) struct Verifier {
    pub(crate) asked: Cell<usize>,
}

impl StatementVerifier for Verifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        self.asked.set(self.asked.get() + 1);
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        VerifyingKey::from_bytes(key.as_bytes())
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }

    fn acceptable(&self, key: &PublicKey) -> bool {
        VerifyingKey::from_bytes(key.as_bytes()).is_ok_and(|key| !key.is_weak())
    }
}

/// The keys that an organisation is run with.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) name: OrgName,
    pub(crate) roots: [Key; 3],
    pub(crate) issuer: Key,
    pub(crate) node: Key,
}

impl Party {
    pub(crate) fn new(name: &str) -> Self {
        let key = |role: &str| Key::of(&format!("{name} {role}"));
        let mut roots = [key("root 1"), key("root 2"), key("root 3")];
        roots.sort_by_key(Key::public);
        Self { name: org(name), roots, issuer: key("issuer"), node: key("node") }
    }

    pub(crate) fn root_body(&self) -> OrgRoot {
        OrgRoot {
            organisation: self.name.clone(),
            keys: self.roots.iter().map(Key::public).collect(),
            threshold: 2,
            issued: at(0),
        }
    }

    pub(crate) fn root(&self) -> Statement {
        signed(self.root_body(), &[&self.roots[0], &self.roots[2]])
    }

    pub(crate) fn fingerprint(&self) -> Hash {
        self.root().body_hash()
    }

    pub(crate) fn issuer_body(&self, label: &str, key: &Key) -> Issuer {
        let name = PrincipalName::new(label, &self.name).unwrap();
        Issuer { name, public_key: key.public(), issued: at(0), until: None }
    }

    pub(crate) fn issuer_statement(&self) -> Statement {
        let body = self.issuer_body("office", &self.issuer);
        signed(body, &[&self.roots[0], &self.roots[1]])
    }

    pub(crate) fn principal_body(&self, label: &str, kind: PrincipalKind) -> Principal {
        let name = PrincipalName::new(label, &self.name).unwrap();
        Principal {
            public_key: Key::of(name.as_str()).public(),
            name,
            kind,
            kem_suite: Suite::Open,
            kem_public_key: Vec::new().into(),
            issued: at(0),
            until: None,
            attested: false,
        }
    }

    pub(crate) fn principal(&self, label: &str, kind: PrincipalKind) -> Statement {
        signed(self.principal_body(label, kind), &[&self.issuer])
    }

    pub(crate) fn side(&self, exports: &[&str], imports: &[&str]) -> PeeringParty {
        PeeringParty {
            organisation: self.name.clone(),
            root: self.fingerprint(),
            node_key: self.node.public(),
            address: format!("{}.example:7600", self.name),
            exports: exports.iter().map(|text| filter(text)).collect(),
            imports: imports.iter().map(|text| filter(text)).collect(),
            onward: false,
            passes_on: Vec::new(),
            carries_home: Vec::new(),
            budget: PeeringBudget::default(),
        }
    }
}

/// What is passed on of somebody.
pub(crate) fn transit(of: &Party, filters: &[&str]) -> Transit {
    Transit {
        organisation: of.name.clone(),
        root: of.fingerprint(),
        filters: filters.iter().map(|text| filter(text)).collect(),
    }
}

/// Sides in the order that a statement wants them in.
pub(crate) fn peering(left: PeeringParty, right: PeeringParty) -> Peering {
    let mut parties = [left, right];
    parties.sort_by(|one, other| one.organisation.cmp(&other.organisation));
    Peering { parties, purposes: Vec::new(), issued: at(0), from: at(0), until: None }
}

pub(crate) fn grant(who: &str, what: &str, on: &str) -> Grant {
    let filter = filter(on);
    Grant {
        organisation: filter.organisation().clone(),
        grantee: grantee(who),
        actions: actions(what),
        filter,
        purpose: "a test".to_owned(),
        issued: at(0),
        from: at(0),
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    }
}

pub(crate) fn deny(who: &str, what: &str, on: &str) -> Deny {
    let filter = filter(on);
    Deny {
        organisation: filter.organisation().clone(),
        grantee: grantee(who),
        actions: actions(what),
        filter,
        reason: "a test".to_owned(),
        issued: at(0),
    }
}

pub(crate) fn role(role: &str, member: &str) -> Role {
    let (role, member) = (role.parse().unwrap(), grantee(member));
    Role { role, member, issued: at(0), until: None }
}

pub(crate) fn revoke(organisation: &OrgName, target: RevokeTarget) -> Revoke {
    let organisation = organisation.clone();
    Revoke { organisation, target, reason: "a test".to_owned(), issued: at(0) }
}

/// One organisation's policy, and the time that its node has.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) own: Party,
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
}

impl World {
    /// `fujisawa` with its root and one issuer, at second 100.
    pub(crate) fn new() -> Self {
        Self::of("fujisawa")
    }

    pub(crate) fn of(name: &str) -> Self {
        let own = Party::new(name);
        let policy = Policy::new(own.name.clone(), own.fingerprint());
        let mut world = Self { own, policy, now: at(10) };
        world.apply(&world.own.root());
        world.apply(&world.own.issuer_statement());
        world.now = at(100);
        world
    }

    pub(crate) fn try_apply(&mut self, statement: &Statement) -> Result<Applied, StatementError> {
        self.policy.apply(statement, self.now, &Verifier::default())
    }

    pub(crate) fn apply(&mut self, statement: &Statement) -> Applied {
        self.try_apply(statement).unwrap()
    }

    /// Applies a statement that this organisation's issuer signs, and tells its id.
    pub(crate) fn state(&mut self, body: impl Into<StatementBody>) -> Hash {
        let statement = signed(body, &[&self.own.issuer]);
        self.apply(&statement);
        statement.id()
    }

    pub(crate) fn enrol(&mut self, label: &str, kind: PrincipalKind) -> Key {
        let statement = self.own.principal(label, kind);
        self.apply(&statement);
        Key::of(&format!("{label}@{}", self.own.name))
    }

    pub(crate) fn device(&mut self, label: &str) -> Key {
        self.enrol(label, PrincipalKind::Device)
    }

    pub(crate) fn grant(&mut self, who: &str, what: &str, on: &str) -> Hash {
        self.state(grant(who, what, on))
    }

    /// Gives somebody a role.
    pub(crate) fn role(&mut self, name: &str, member: &str) -> Hash {
        self.state(role(name, member))
    }

    pub(crate) fn deny(&mut self, who: &str, what: &str, on: &str) -> Hash {
        self.state(deny(who, what, on))
    }

    pub(crate) fn revoke(&mut self, statement: Hash) {
        self.state(revoke(&self.own.name.clone(), RevokeTarget::Statement(statement)));
    }

    pub(crate) fn revoke_key(&mut self, key: &Key) {
        self.state(revoke(&self.own.name.clone(), RevokeTarget::Principal(key.id())));
    }

    /// Takes another organisation's root and issuer, and the peering that both signed.
    pub(crate) fn peer(&mut self, other: &Party, contract: Peering) -> Hash {
        self.apply(&other.root());
        self.apply(&other.issuer_statement());
        let statement = signed(contract, &[&self.own.issuer, &other.issuer]);
        self.apply(&statement);
        statement.id()
    }

    pub(crate) fn may(&self, key: &Key, action: Action, on: &str) -> bool {
        self.policy.permit(action, key.id(), &topic(on), self.now).is_ok()
    }

    pub(crate) fn may_publish(&self, key: &Key, on: &str) -> bool {
        self.policy.permit_publish(key.id(), &topic(on), self.now).is_ok()
    }

    /// Whether a record for the whole federation, received then, would be delivered.
    pub(crate) fn delivery(&self, key: &Key, on: &str, received: Timestamp) -> Result<(), Denial> {
        let recipient = Recipient::Principal(key.id());
        self.deliver_to(&recipient, on, Scope::Federation, received)
    }

    pub(crate) fn deliver_to(
        &self,
        recipient: &Recipient,
        on: &str,
        scope: Scope,
        received: Timestamp,
    ) -> Result<(), Denial> {
        let topic = topic(on);
        let permit = self.policy.permit_delivery(recipient, &topic, scope, received, self.now)?;
        assert_eq!(*permit.topic(), topic);
        assert_eq!(permit.recipient(), recipient);
        assert_eq!(permit.policy_version(), self.policy.version());
        Ok(())
    }

    pub(crate) fn subscribing(&self, key: &Key, on: &str) -> Result<(), Denial> {
        self.policy.may_subscribe(&Recipient::Principal(key.id()), &filter(on), self.now)
    }
}
