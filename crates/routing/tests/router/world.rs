//! Organisations whose statements and envelopes are really signed.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_policy::Policy;
use sekisho_proto::{
    BootId, ContentType, Envelope, Hash, OrgName, PrincipalKind, PrincipalName, Scope, Sequence,
    Statement, StatementBody, Suite, Timestamp, Topic,
    statement::{
        Deny, Grant, Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty, Principal, Revoke,
        RevokeTarget,
    },
};
use sekisho_routing::{Admitted, Carriage};
use sekisho_seal::{HeaderDraft, SigningKey, StrictVerifier, sign_open, sign_statement, verify};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

pub(crate) fn topic(text: &str) -> Topic {
    text.parse().expect("a topic")
}

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

/// Fujisawa, and what its node knows.
pub(crate) struct World {
    pub(crate) policy: Policy,
    own: OrgName,
}

impl World {
    pub(crate) fn new() -> Self {
        let own: OrgName = "fujisawa".parse().expect("a name");
        let root = org_root(&own);
        let mut world = Self { policy: Policy::new(own.clone(), root.body_hash()), own };
        world.found(&root);
        world
    }

    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::new(self.policy.clone())
    }

    pub(crate) fn apply(&mut self, statement: &Statement, now: Timestamp) {
        self.policy.apply(statement, now, &StrictVerifier).expect("a statement in order");
    }

    fn found(&mut self, root: &Statement) {
        self.apply(root, at(0));
        let issuer = issuer(&self.own);
        self.apply(&issuer, at(0));
    }

    fn issue(&mut self, body: StatementBody, now: Timestamp) -> Hash {
        self.issue_of(&self.own.clone(), body, now)
    }

    fn issue_of(&mut self, organisation: &OrgName, body: StatementBody, now: Timestamp) -> Hash {
        let statement = sign_statement(Statement::unsigned(body), &issuer_key(organisation));
        self.apply(&statement, now);
        statement.id()
    }

    pub(crate) fn enrol(&mut self, name: &str, kind: PrincipalKind) -> SigningKey {
        let key = key(name);
        let name = PrincipalName::new(name, &self.own).expect("a name");
        self.issue(principal(name, kind, &key), at(0));
        key
    }

    /// A truck of a peer that may publish everywhere there.
    pub(crate) fn foreign_truck(&mut self, organisation: &str, now: Timestamp) -> SigningKey {
        let organisation: OrgName = organisation.parse().expect("a name");
        let key = key(&format!("truck of {organisation}"));
        let name = PrincipalName::new("truck", &organisation).expect("a name");
        self.issue_of(&organisation, principal(name, PrincipalKind::Device, &key), now);
        let grantee = format!("truck@{organisation}");
        let body = grant(&organisation, &grantee, "publish", &format!("{organisation}/#"), now);
        self.issue_of(&organisation, body, now);
        key
    }

    /// What a peer grants on its own topics.
    pub(crate) fn foreign_grant(&mut self, organisation: &str, grantee: &str, now: Timestamp) {
        let organisation: OrgName = organisation.parse().expect("a name");
        let filter = format!("{organisation}/#");
        let body = grant(&organisation, grantee, "subscribe,history", &filter, now);
        self.issue_of(&organisation, body, now);
    }

    pub(crate) fn grant(
        &mut self,
        grantee: &str,
        actions: &str,
        filter: &str,
        now: Timestamp,
    ) -> Hash {
        self.issue(grant(&self.own, grantee, actions, filter, now), now)
    }

    pub(crate) fn deny(
        &mut self,
        grantee: &str,
        actions: &str,
        filter: &str,
        now: Timestamp,
    ) -> Hash {
        let body = StatementBody::Deny(Deny {
            organisation: self.own.clone(),
            grantee: grantee.parse().expect("a grantee"),
            actions: actions.parse().expect("actions"),
            filter: filter.parse().expect("a filter"),
            reason: "a test".to_owned(),
            issued: now,
        });
        self.issue(body, now)
    }

    pub(crate) fn revoke(&mut self, target: RevokeTarget, now: Timestamp) {
        let body = StatementBody::Revoke(Revoke {
            organisation: self.own.clone(),
            target,
            reason: "a test".to_owned(),
            issued: now,
        });
        self.issue(body, now);
    }

    /// Another organisation denies one of its principals something of its own.
    pub(crate) fn foreign_deny(&mut self, grantee: &str, filter: &str, now: Timestamp) {
        let grantee: PrincipalName = grantee.parse().expect("a name");
        let organisation = grantee.organisation().clone();
        let body = StatementBody::Deny(Deny {
            organisation: organisation.clone(),
            grantee: grantee.to_string().parse().expect("a grantee"),
            actions: "publish".parse().expect("actions"),
            filter: filter.parse().expect("a filter"),
            reason: "a test".to_owned(),
            issued: now,
        });
        self.issue_of(&organisation, body, now);
    }

    /// Makes another organisation a peer that imports everything; returns its node's key and the
    /// peering's id.
    pub(crate) fn peer(&mut self, organisation: &str, now: Timestamp) -> (SigningKey, Hash) {
        let other: OrgName = organisation.parse().expect("a name");
        let node = key(&format!("node of {organisation}"));
        let everything = |owner: &OrgName| vec![sekisho_proto::Filter::everything(owner)];
        let party = |own: &OrgName, other: &OrgName, node_key| PeeringParty {
            organisation: own.clone(),
            root: org_root(own).body_hash(),
            node_key,
            address: "node.example:7443".to_owned(),
            exports: everything(own),
            imports: everything(other),
            onward: false,
            passes_on: Vec::new(),
            carries_home: Vec::new(),
            budget: PeeringBudget::default(),
        };
        let ours = party(&self.own, &other, key("node of fujisawa").public_key());
        let theirs = party(&other, &self.own, node.public_key());
        let mut parties = [ours, theirs];
        parties.sort_by(|left, right| left.organisation.cmp(&right.organisation));
        let body = StatementBody::Peering(Peering {
            parties,
            purposes: vec!["a test".to_owned()],
            issued: now,
            from: now,
            until: None,
        });
        let unsigned = Statement::unsigned(body);
        let signed = sign_statement(unsigned, &issuer_key(&self.own));
        let signed = sign_statement(signed, &issuer_key(&other));
        self.apply(&org_root(&other), now);
        self.apply(&issuer(&other), now);
        self.apply(&signed, now);
        (node, signed.id())
    }
}

fn org_root(organisation: &OrgName) -> Statement {
    let key = key(&format!("root of {organisation}"));
    let body = StatementBody::OrgRoot(OrgRoot {
        organisation: organisation.clone(),
        keys: vec![key.public_key()],
        threshold: 1,
        issued: at(0),
    });
    sign_statement(Statement::unsigned(body), &key)
}

fn issuer_key(organisation: &OrgName) -> SigningKey {
    key(&format!("issuer of {organisation}"))
}

fn issuer(organisation: &OrgName) -> Statement {
    let body = StatementBody::Issuer(Issuer {
        name: PrincipalName::new("administrator", organisation).expect("a name"),
        public_key: issuer_key(organisation).public_key(),
        issued: at(0),
        until: None,
    });
    sign_statement(Statement::unsigned(body), &key(&format!("root of {organisation}")))
}

fn grant(
    organisation: &OrgName,
    grantee: &str,
    actions: &str,
    filter: &str,
    now: Timestamp,
) -> StatementBody {
    StatementBody::Grant(Grant {
        organisation: organisation.clone(),
        grantee: grantee.parse().expect("a grantee"),
        actions: actions.parse().expect("actions"),
        filter: filter.parse().expect("a filter"),
        purpose: "a test".to_owned(),
        issued: now,
        from: now,
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    })
}

fn principal(name: PrincipalName, kind: PrincipalKind, key: &SigningKey) -> StatementBody {
    StatementBody::Principal(Principal {
        name,
        kind,
        public_key: key.public_key(),
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        issued: at(0),
        until: None,
        attested: false,
    })
}

/// One boot of a publisher on one topic.
pub(crate) struct Publisher {
    pub(crate) key: SigningKey,
    pub(crate) topic: Topic,
    pub(crate) boot: BootId,
    next: Sequence,
    previous: Option<Hash>,
}

impl Publisher {
    pub(crate) fn new(key: SigningKey, topic: Topic, boot: u8) -> Self {
        let boot = BootId::new([boot; 16]);
        Self { key, topic, boot, next: Sequence::ZERO, previous: None }
    }

    /// The next envelope.
    pub(crate) fn envelope(&mut self, body: &str, time: Timestamp) -> Envelope {
        let envelope = self.fork(body, time);
        self.previous = Some(envelope.hash());
        self.next = self.next.next();
        envelope
    }

    /// The next envelope, not counted: the one after it has the same sequence.
    pub(crate) fn fork(&self, body: &str, time: Timestamp) -> Envelope {
        let draft = HeaderDraft {
            sequence: self.next,
            time,
            previous: self.previous,
            content_type: ContentType::parse("text/plain").expect("a content type"),
            sample_count: 0,
            flags: 0,
            expiry_s: 0,
            scope: Scope::Federation,
        };
        sign_open(&self.key, self.topic.clone(), self.boot, draft, body.as_bytes())
            .expect("a small envelope")
    }
}

/// What a node's door does.
pub(crate) fn admit(
    policy: &Policy,
    envelope: Envelope,
    key: &SigningKey,
    carriage: Carriage,
    now: Timestamp,
) -> Admitted {
    let topic = envelope.header().topic.clone();
    let verified = verify(envelope, &key.verifying_key()).expect("a genuine envelope");
    let permit = policy.permit_publish(key.id(), &topic, now).expect("a right to publish");
    Admitted::new(verified, permit, carriage).expect("a permit for the envelope")
}
