//! Statements that are shown one by one, by somebody who chooses the order.

use proptest::prelude::*;
use sekisho_policy::{Policy, StatementError};
use sekisho_proto::{
    Epoch, PrincipalKind, Statement, StatementBody, StreamClass, Suite,
    statement::{EpochAnnounce, KeyGrant, Revoke, RevokeTarget, StreamDescriptor},
};

use crate::world::{
    Key, Party, Verifier, World, at, filter, grant, name, org, revoke, signed, topic,
};

fn described(class: StreamClass, title: &str, issued: i64) -> StreamDescriptor {
    StreamDescriptor {
        organisation: org("fujisawa"),
        topic: topic("fujisawa/air"),
        device_type: String::new(),
        title: title.to_owned(),
        class,
        mobile: false,
        location: None,
        transducers: Vec::new(),
        retention_s: None,
        issued: at(issued),
    }
}

fn ending(target: RevokeTarget, issued: i64) -> Revoke {
    Revoke { issued: at(issued), ..revoke(&org("fujisawa"), target) }
}

fn announced(epoch: u64, min_epoch: u64, from: i64) -> EpochAnnounce {
    EpochAnnounce {
        organisation: org("fujisawa"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(epoch),
        suite: Suite::X25519Aes256Gcm,
        public_key: vec![u8::try_from(epoch).unwrap(); 32].into(),
        issued: at(20 + i64::try_from(epoch).unwrap()),
        not_before: at(from),
        not_after: at(from + 100),
        min_epoch: Epoch::new(min_epoch),
    }
}

fn given(reader: &Key, sealed_seed: u8, issued: i64) -> KeyGrant {
    KeyGrant {
        organisation: org("fujisawa"),
        tree: filter("fujisawa/#"),
        epoch: Epoch::new(2),
        suite: Suite::X25519Aes256Gcm,
        reader: reader.id(),
        purpose: "a test".to_owned(),
        encapsulation: vec![1; 32].into(),
        sealed_seed: vec![sealed_seed; 48].into(),
        issued: at(issued),
    }
}

/// A log with several statements about everything of which there can be several, those who signed
/// them in force; and the keys that are asked about.
struct Shown {
    own: Party,
    statements: Vec<Statement>,
    keys: Vec<Key>,
}

impl Shown {
    fn new() -> Self {
        let own = Party::new("fujisawa");
        let steward = Key::of("steward@fujisawa");
        let steward_stated = own.principal("steward", PrincipalKind::Steward);
        let mut shown =
            Self { statements: vec![own.root(), own.issuer_statement()], keys: vec![], own };
        shown.statements.push(steward_stated);
        shown.principals();
        shown.issuers();
        let open = shown.state(described(StreamClass::Open, "once", 30));
        shown.state(described(StreamClass::Restricted, "since", 31));
        shown.state(described(StreamClass::Restricted, "at once", 31));
        let last = shown.state(described(StreamClass::Open, "a mistake", 32));
        for target in [open, last] {
            shown.state(ending(RevokeTarget::Statement(target.id()), 33));
        }
        shown.state(grant("truck-1@fujisawa", "publish", "fujisawa/#"));
        for body in [announced(1, 1, 20), announced(2, 2, 60), announced(3, 2, 110)] {
            shown.statements.push(signed(body, &[&steward]));
        }
        let reader = Key::of("lasting");
        for body in [given(&reader, 1, 40), given(&reader, 2, 41)] {
            shown.statements.push(signed(body, &[&steward]));
        }
        shown
    }

    fn state(&mut self, body: impl Into<StatementBody>) -> Statement {
        let statement = signed(body, &[&self.own.issuer]);
        self.statements.push(statement.clone());
        statement
    }

    /// A key that was revoked twice, and one that was given less time after it had none; both of
    /// one name.
    fn principals(&mut self) {
        for (label, times) in [("lost", [3, 6]), ("lasting", [4, 5])] {
            let key = Key::of(label);
            for issued in times {
                let mut body = self.own.principal_body("truck-1", PrincipalKind::Device);
                body.public_key = key.public();
                body.issued = at(issued);
                body.until = (issued > 4).then(|| at(500));
                self.state(body);
            }
            self.keys.push(key);
        }
        for issued in [50, 40] {
            self.state(ending(RevokeTarget::Principal(Key::of("lost").id()), issued));
        }
    }

    /// The same with those who speak for the organisation, of whom none says anything.
    fn issuers(&mut self) {
        for (label, times) in [("lost office", [3, 6]), ("brief office", [4, 5])] {
            let key = Key::of(label);
            for issued in times {
                let mut body = self.own.issuer_body("branch", &key);
                body.issued = at(issued);
                body.until = (issued > 4).then(|| at(500));
                self.by_root(body);
            }
            self.keys.push(key);
        }
        for issued in [50, 40] {
            self.by_root(ending(RevokeTarget::Principal(Key::of("lost office").id()), issued));
        }
    }

    fn by_root(&mut self, body: impl Into<StatementBody>) {
        let statement = signed(body, &[&self.own.roots[0], &self.own.roots[1]]);
        self.statements.push(statement);
    }

    /// What is known when all of them were shown, as often as it takes.
    fn learned(&self, mut statements: Vec<Statement>) -> Policy {
        let mut policy = Policy::new(self.own.name.clone(), self.own.fingerprint());
        loop {
            let before = statements.len();
            statements.retain(|one| policy.learn(one, &Verifier::default()).is_err());
            if statements.is_empty() {
                return policy;
            }
            assert!(statements.len() < before, "not believed: {statements:?}");
        }
    }

    /// Everything that it can be asked.
    fn answers(&self, policy: &Policy) -> String {
        let on = topic("fujisawa/air");
        let mut issuers: Vec<_> = policy.issuers(&self.own.name).collect();
        issuers.sort_by_key(|issuer| issuer.id);
        let mut answers = format!(
            "{issuers:?} {:?} {:?} {:?} {:?}",
            policy.principals(&self.own.name),
            policy.principal_by_name(&name("truck-1@fujisawa")),
            policy.descriptor(&on),
            policy.key_grants(&Key::of("lasting").id(), &filter("fujisawa/#"), Epoch::new(2)),
        );
        for now in [at(10), at(35), at(45), at(55), at(80), at(130), at(600)] {
            let status = [1, 2, 3, 4].map(|epoch| policy.epoch_status(&on, Epoch::new(epoch), now));
            answers += &format!("\n{now:?}: {:?} {status:?}", policy.epoch_of(&on, now));
            for key in &self.keys {
                let may = policy.permit_publish(key.id(), &on, now);
                answers += &format!(" {:?} {:?}", policy.standing(&key.id(), now), may.is_ok());
            }
        }
        answers
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_order_in_which_they_are_shown_the_answers_are_the_same(
        statements in Just(Shown::new().statements).prop_shuffle(),
    ) {
        let shown = Shown::new();
        let in_order = shown.learned(shown.statements.clone());
        prop_assert_eq!(shown.answers(&shown.learned(statements)), shown.answers(&in_order));
    }
}

#[test]
fn what_is_shown_late_brings_nothing_back() {
    let shown = Shown::new();
    let policy = shown.learned(shown.statements.iter().rev().cloned().collect());
    let [lost, lasting, lost_office, _brief] = &shown.keys[..] else { unreachable!() };
    assert_eq!(policy.descriptor(&topic("fujisawa/air")).unwrap().class, StreamClass::Restricted);
    assert_eq!(policy.principal(&lost.id()).unwrap().revoked, Some(at(40)));
    assert_eq!(policy.principal(&lasting.id()).unwrap().until, Some(at(500)));
    let named = policy.principal_by_name(&name("truck-1@fujisawa")).unwrap();
    assert_eq!(named.id, lasting.id());
    for issuer in policy.issuers(&shown.own.name) {
        let is_lost = issuer.id == lost_office.id();
        assert_eq!(issuer.revoked, is_lost.then(|| at(40)));
        assert_eq!(issuer.until.is_some(), issuer.id != shown.own.issuer.id());
    }
    let current = |now| policy.epoch_of(&topic("fujisawa/air"), at(now)).map(|epoch| epoch.epoch);
    assert_eq!([30, 70, 115].map(current), [1, 2, 3].map(|epoch| Some(Epoch::new(epoch))));
}

#[test]
fn a_revoked_key_signs_nothing_more_however_old_it_says_that_it_is() {
    let shown = Shown::new();
    let mut policy = shown.learned(shown.statements.clone());
    let body = shown.own.principal_body("intruder", PrincipalKind::Device);
    let refused = policy.learn(&signed(body, &[&Key::of("lost office")]), &Verifier::default());
    assert!(matches!(refused, Err(StatementError::UnknownSigner { .. })), "{refused:?}");
}

#[test]
fn an_epoch_that_is_shown_late_replaces_none_of_its_number() {
    let shown = Shown::new();
    let mut policy = shown.learned(shown.statements.clone());
    let mut other = announced(2, 2, 60);
    other.public_key = vec![9; 32].into();
    let refused =
        policy.learn(&signed(other, &[&Key::of("steward@fujisawa")]), &Verifier::default());
    assert!(matches!(refused, Err(StatementError::EpochOrder { .. })), "{refused:?}");
}

/// Where the place in the log is known it is what counts, whatever a signer's clock says.
#[test]
fn in_a_log_the_last_is_the_newest() {
    let mut world = World::new();
    world.state(described(StreamClass::Open, "first", 60));
    world.state(described(StreamClass::Restricted, "last", 50));
    let stands = world.policy.descriptor(&topic("fujisawa/air")).unwrap();
    assert_eq!(stands.title, "last");
    let mut body = world.own.principal_body("truck-1", PrincipalKind::Device);
    for (issued, until) in [(60, None), (50, Some(at(500)))] {
        (body.issued, body.until) = (at(issued), until);
        world.state(body.clone());
    }
    let id = Key::of("truck-1@fujisawa").id();
    assert_eq!(world.policy.principal(&id).unwrap().until, Some(at(500)));
}
