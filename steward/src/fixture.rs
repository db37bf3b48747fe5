//! What several tests start from: towns with real keys, a replayed log and a steward at work in it.

use std::sync::Arc;

use sekisho::{Followed, StatementIndex};
use sekisho_proto::{
    Actions, Epoch, Filter, Hash, OrgName, PrincipalId, PrincipalKind, PrincipalName, Statement,
    StatementBody, Suite, Timestamp,
    statement::{
        Deny, Grant, Issuer, KeyGrant, OrgRoot, Peering, PeeringBudget, PeeringParty, Principal,
        Revoke, RevokeTarget, Transit,
    },
};
use sekisho_seal::{
    Identity, KemKeyPair, SeededEntropy, SigningKey, StrictVerifier, sign_statement,
};
use tempfile::TempDir;

use crate::{
    keeper::Keeper,
    ledger::Ledger,
    plan::{Action, Situation, plan},
    seeds::Seeds,
    settings::Settings,
};
use sekisho_policy::Policy;

pub(crate) const HOUR: i64 = 3_600;

/// Seconds since an arbitrary beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_800_000_000 + seconds) * 1_000_000)
}

pub(crate) fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> PrincipalName {
    text.parse().unwrap()
}

/// Keys that anybody in these tests can make again from their holder's name.
pub(crate) fn identity(label: &str) -> Identity {
    let seed = |what: &str| *Hash::of(format!("{label} {what}").as_bytes()).as_bytes();
    let kem = KemKeyPair::from_seed(Suite::X25519Aes256Gcm, &seed("kem")).unwrap();
    Identity::new(SigningKey::from_seed(&seed("signing")), kem)
}

pub(crate) fn id(label: &str) -> PrincipalId {
    identity(label).id()
}

pub(crate) fn signed(body: impl Into<StatementBody>, by: &[&str]) -> Statement {
    let statement = Statement::unsigned(body.into());
    by.iter()
        .fold(statement, |statement, label| sign_statement(statement, identity(label).signing()))
}

pub(crate) fn principal(label: &str, kind: PrincipalKind, now: Timestamp) -> Principal {
    let keys = identity(label);
    Principal {
        name: name(label),
        kind,
        public_key: keys.public_key(),
        kem_suite: keys.kem().suite(),
        kem_public_key: keys.kem().public_key().to_bytes().into(),
        issued: now,
        until: None,
        attested: false,
    }
}

pub(crate) fn grant(who: &str, what: &str, on: &str, now: Timestamp) -> Grant {
    let filter = filter(on);
    Grant {
        organisation: filter.organisation().clone(),
        grantee: who.parse().unwrap(),
        actions: what.parse::<Actions>().unwrap(),
        filter,
        purpose: "a test".to_owned(),
        issued: now,
        from: now,
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    }
}

/// A town's root, which its `root@TOWN` signs.
pub(crate) fn root(town: &str) -> Statement {
    let body = OrgRoot {
        organisation: town.parse().unwrap(),
        keys: vec![identity(&format!("root@{town}")).public_key()],
        threshold: 1,
        issued: at(0),
    };
    signed(body, &[&format!("root@{town}")])
}

/// A town's first statements: its root, `office@TOWN` and the steward as issuers, the steward.
pub(crate) fn genesis(town: &str) -> Vec<Statement> {
    let mut statements = vec![root(town)];
    for label in ["office", "steward"] {
        let label = format!("{label}@{town}");
        let public_key = identity(&label).public_key();
        let body = Issuer { name: name(&label), public_key, issued: at(0), until: None };
        statements.push(signed(body, &[&format!("root@{town}")]));
    }
    let steward = principal(&format!("steward@{town}"), PrincipalKind::Steward, at(0));
    statements.push(signed(steward, &[&format!("office@{town}")]));
    statements
}

/// A peering of two towns, signed by both.
pub(crate) fn peering(left: &str, right: &str) -> Statement {
    contract([left, right], |_party| {})
}

/// Has `via`, if that is the party, pass `third` on to the other.
pub(crate) fn transit(party: &mut PeeringParty, via: &str, third: &str) {
    if party.organisation.as_str() == via {
        let filters = vec![filter(&format!("{third}/#"))];
        let (organisation, root) = (third.parse().unwrap(), root(third).body_hash());
        party.passes_on.push(Transit { organisation, root, filters });
    }
}

/// A peering with terms beside that each exports and takes everything.
pub(crate) fn contract(towns: [&str; 2], terms: impl Fn(&mut PeeringParty)) -> Statement {
    let [left, right] = towns;
    let side = |town: &str, other: &str| PeeringParty {
        organisation: town.parse().unwrap(),
        root: root(town).body_hash(),
        node_key: identity(&format!("node@{town}")).public_key(),
        address: format!("{town}.example:7443"),
        exports: vec![filter(&format!("{town}/#"))],
        imports: vec![filter(&format!("{other}/#"))],
        onward: false,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: PeeringBudget::default(),
    };
    let mut parties = [side(left, right), side(right, left)];
    parties.iter_mut().for_each(terms);
    parties.sort_by(|one, other| one.organisation.cmp(&other.organisation));
    let body = Peering { parties, purposes: Vec::new(), issued: at(0), from: at(0), until: None };
    signed(body, &[&format!("office@{left}"), &format!("office@{right}")])
}

/// A log as the node tells it.
pub(crate) fn followed(statements: impl IntoIterator<Item = Statement>) -> Vec<Followed> {
    let numbered = (0..).map(StatementIndex::new).zip(statements);
    numbered.map(|(index, statement)| Followed { index, received: at(1), statement }).collect()
}

/// Fujisawa, and its steward's folder.
pub(crate) struct Town {
    pub(crate) folder: TempDir,
    pub(crate) policy: Policy,
    pub(crate) ledger: Ledger,
    pub(crate) settings: Settings,
    pub(crate) keeper: Keeper,
    pub(crate) entropy: SeededEntropy,
    pub(crate) now: Timestamp,
    /// Every key that was handed over, and when.
    pub(crate) key_grants: Vec<(Timestamp, KeyGrant)>,
}

impl Town {
    /// With these trees, at second 100.
    pub(crate) fn new(trees: &[&str]) -> Self {
        let own: OrgName = "fujisawa".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let seeds = Seeds::open(folder.path()).unwrap();
        let mut settings = Settings::defaults(&own);
        settings.trees = trees.iter().map(|tree| filter(tree)).collect();
        settings.suite = Suite::X25519Aes256Gcm;
        let mut town = Self {
            folder,
            policy: Policy::new(own.clone(), root("fujisawa").body_hash()),
            ledger: Ledger::new(own.clone(), id("steward@fujisawa")),
            settings,
            keeper: Keeper::new(Arc::new(identity("steward@fujisawa")), seeds),
            entropy: SeededEntropy::new(1),
            now: at(0),
            key_grants: Vec::new(),
        };
        for statement in genesis("fujisawa") {
            town.apply(&statement);
        }
        town.now = at(100);
        town
    }

    pub(crate) fn apply(&mut self, statement: &Statement) {
        let applied = self.policy.apply(statement, self.now, &StrictVerifier).unwrap();
        self.ledger.enter(&applied.organisation, statement, self.now);
    }

    /// Applies what the office states; tells its id.
    pub(crate) fn state(&mut self, body: impl Into<StatementBody>) -> Hash {
        let statement = signed(body, &["office@fujisawa"]);
        self.apply(&statement);
        statement.id()
    }

    pub(crate) fn enrol(&mut self, label: &str) {
        let is_steward = label.starts_with("steward@");
        let kind = if is_steward { PrincipalKind::Steward } else { PrincipalKind::App };
        let body = principal(label, kind, self.now);
        let office = format!("office@{}", body.name.organisation());
        self.apply(&signed(body, &[&office]));
    }

    pub(crate) fn grant(&mut self, who: &str, what: &str, on: &str) -> Hash {
        self.state(grant(who, what, on, self.now))
    }

    pub(crate) fn deny(&mut self, who: &str, what: &str, on: &str) -> Hash {
        let filter = filter(on);
        self.state(Deny {
            organisation: filter.organisation().clone(),
            grantee: who.parse().unwrap(),
            actions: what.parse().unwrap(),
            filter,
            reason: "a test".to_owned(),
            issued: self.now,
        })
    }

    pub(crate) fn revoke(&mut self, target: RevokeTarget) {
        let organisation = self.policy.own().clone();
        let reason = "a test".to_owned();
        self.state(Revoke { organisation, target, reason, issued: self.now });
    }

    /// Makes friends with a town, whose log becomes known.
    pub(crate) fn befriend(&mut self, town: &str) -> Hash {
        for statement in genesis(town).iter().take(2) {
            self.apply(statement);
        }
        let peering = peering("fujisawa", town);
        self.apply(&peering);
        peering.id()
    }

    pub(crate) fn situation(&self) -> Situation<'_> {
        Situation {
            policy: &self.policy,
            ledger: &self.ledger,
            settings: &self.settings,
            seeds: self.keeper.seeds(),
            own: self.keeper.id(),
            now: self.now,
        }
    }

    pub(crate) fn plan(&self) -> Vec<Action> {
        plan(&self.situation())
    }

    /// Does one action and states what comes of it.
    pub(crate) fn act(&mut self, action: &Action) {
        let done =
            self.keeper.carry_out(action, &self.policy, self.now, &mut self.entropy).unwrap();
        let Some(statement) = done else { return };
        if let StatementBody::KeyGrant(grant) = statement.body() {
            self.key_grants.push((self.now, grant.clone()));
        }
        if let StatementBody::EpochAnnounce(announce) = statement.body() {
            let on_disk = Seeds::open(self.folder.path()).unwrap();
            let seed = crate::seeds::SeedId::of(&announce.public_key);
            assert!(on_disk.get(seed).is_some(), "announced before it is durable");
        }
        self.apply(&statement);
    }

    /// Plans and acts until nothing is left to do; tells how many actions it took.
    pub(crate) fn settle(&mut self) -> usize {
        let mut count = 0;
        for _round in 0..8 {
            let actions = self.plan();
            if actions.is_empty() {
                return count;
            }
            count += actions.len();
            for action in &actions {
                self.act(action);
            }
        }
        panic!("the steward does not come to rest: {:?}", self.plan());
    }

    pub(crate) fn hours_pass(&mut self, hours: i64) {
        self.now = Timestamp::from_micros(self.now.as_micros() + hours * HOUR * 1_000_000);
    }

    /// The steward is killed and started again.
    pub(crate) fn restart(&mut self) {
        let seeds = Seeds::open(self.folder.path()).unwrap();
        self.keeper = Keeper::new(Arc::new(identity("steward@fujisawa")), seeds);
    }

    /// The number of the epoch that a topic is sealed to.
    pub(crate) fn epoch(&self, topic: &str) -> Option<u64> {
        let topic = topic.parse().unwrap();
        self.policy.epoch_of(&topic, self.now).map(|announce| announce.epoch.value())
    }

    /// The epochs of a tree that somebody was given keys of.
    pub(crate) fn epochs_of(&self, reader: &str, tree: &str) -> Vec<u64> {
        let (reader, tree) = (id(reader), filter(tree));
        let granted = self.key_grants.iter().map(|(_when, grant)| grant);
        let mut epochs: Vec<u64> = granted
            .filter(|grant| grant.reader == reader && grant.tree == tree)
            .map(|grant| grant.epoch.value())
            .collect();
        epochs.sort_unstable();
        epochs
    }

    pub(crate) fn min_epoch(&self, tree: &str) -> Epoch {
        self.ledger.tree(&filter(tree)).unwrap().min()
    }
}
