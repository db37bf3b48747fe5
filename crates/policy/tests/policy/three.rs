//! Three organisations: alba has topics, bruges is the peer of both others, cadiz reads through it.
//! Each is a world of its own that is told what its node would hear.

use sekisho_policy::{Denial, Recipient};
use sekisho_proto::{
    Action, Hash, PrincipalId, PrincipalKind, Scope, Statement, StatementBody,
    statement::{Peering, RevokeTarget, Transit},
};

use crate::world::{
    Key, Party, World, at, grant, name, org, peering, revoke, signed, topic, transit,
};

/// The terms of both contracts, as far as they concern alba's topics.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) exports: Vec<&'static str>,
    pub(crate) imports: Vec<&'static str>,
    pub(crate) onward: bool,
    /// What bruges passes on to cadiz; `None` = not even what alba states.
    pub(crate) passes_on: Option<Vec<&'static str>>,
    /// Until when each contract holds.
    pub(crate) until: [Option<i64>; 2],
}

impl Terms {
    /// Everything passes.
    pub(crate) fn open() -> Self {
        Self {
            exports: vec!["alba/#"],
            imports: vec!["alba/#"],
            onward: true,
            passes_on: Some(vec!["alba/#"]),
            until: [None, None],
        }
    }
}

/// The three of them.
#[derive(Debug)]
pub(crate) struct Three {
    pub(crate) alba: World,
    pub(crate) bruges: World,
    pub(crate) cadiz: World,
    pub(crate) parties: [Party; 3],
    issued: i64,
    contracts: Vec<Statement>,
}

/// Who may have alba's records, and who may not, as each of the three sees it.
#[expect(clippy::struct_excessive_bools, reason = "each of the three answers for itself")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// alba sends them to bruges.
    pub(crate) left: bool,
    /// bruges sends them to cadiz.
    pub(crate) sent: bool,
    /// cadiz takes them.
    pub(crate) taken: bool,
    /// cadiz gives them to its reader.
    pub(crate) read: bool,
    /// alba's steward gives cadiz's the key.
    pub(crate) opened: bool,
}

pub(crate) const ALL: Seen = Seen { left: true, sent: true, taken: true, read: true, opened: true };
pub(crate) const NOTHING: Seen =
    Seen { left: false, sent: false, taken: false, read: false, opened: false };

impl Three {
    /// Everybody's root, issuer and people, and no contract.
    pub(crate) fn strangers() -> Self {
        let parties = ["alba", "bruges", "cadiz"].map(Party::new);
        let [alba, bruges, cadiz] = ["alba", "bruges", "cadiz"].map(World::of);
        Self { alba, bruges, cadiz, parties, issued: 0, contracts: Vec::new() }
    }

    /// With both contracts, people, and everybody of cadiz granted everything of alba.
    pub(crate) fn under(terms: &Terms) -> Self {
        let mut three = Self::strangers();
        three.agree(terms);
        three.meet();
        three.state_of_alba(grant("*@cadiz", "subscribe,decrypt", "alba/#"));
        three.state_of_alba(grant("truck@alba", "publish", "alba/#"));
        three
    }

    pub(crate) fn worlds(&mut self) -> [&mut World; 3] {
        [&mut self.alba, &mut self.bruges, &mut self.cadiz]
    }

    /// Both contracts anew, each told to its parties and then to whoever hears of it: cadiz reads of
    /// the first in the logs that the second lets it follow.
    pub(crate) fn agree(&mut self, terms: &Terms) -> [Hash; 2] {
        let agreed = [self.first_contract(terms), self.second_contract(terms)];
        for statement in self.contracts.clone() {
            self.tell(&statement);
        }
        agreed
    }

    /// That of alba and bruges.
    pub(crate) fn first_contract(&mut self, terms: &Terms) -> Hash {
        self.first_contract_from(terms, 0)
    }

    pub(crate) fn first_contract_from(&mut self, terms: &Terms, from: i64) -> Hash {
        let [alba, bruges, cadiz] = self.parties.clone();
        let mut ours = alba.side(&terms.exports, &[]);
        ours.onward = terms.onward;
        let mut theirs = bruges.side(&[], &terms.imports);
        theirs.passes_on = vec![transit(&cadiz, &[])];
        let until = terms.until[0].map(at);
        self.contract([&alba, &bruges], Peering { from: at(from), until, ..peering(ours, theirs) })
    }

    /// That of bruges and cadiz.
    pub(crate) fn second_contract(&mut self, terms: &Terms) -> Hash {
        self.second_contract_from(terms, 0)
    }

    pub(crate) fn second_contract_from(&mut self, terms: &Terms, from: i64) -> Hash {
        let [alba, bruges, cadiz] = self.parties.clone();
        let mut ours = bruges.side(&[], &[]);
        let passes_on = |filters: &Vec<&'static str>| -> Transit { transit(&alba, filters) };
        ours.passes_on = terms.passes_on.iter().map(passes_on).collect();
        let until = terms.until[1].map(at);
        self.contract(
            [&bruges, &cadiz],
            Peering { from: at(from), until, ..peering(ours, cadiz.side(&[], &[])) },
        )
    }

    fn contract(&mut self, parties: [&Party; 2], body: Peering) -> Hash {
        self.issued += 1;
        let body = Peering { issued: at(self.issued), ..body };
        let statement = signed(body, &parties.map(|party| &party.issuer));
        for party in parties {
            let others = self.parties.clone();
            let world = self.worlds().into_iter().find(|world| world.own.name == party.name);
            let world = world.unwrap();
            for other in others {
                world.apply(&other.root());
                world.apply(&other.issuer_statement());
            }
            world.apply(&statement);
        }
        for world in self.worlds() {
            // Who is no party hears of it from a log that it follows, if it does.
            drop(world.try_apply(&statement));
        }
        let id = statement.id();
        self.contracts.push(statement);
        id
    }

    /// A truck of alba, a reader and a steward of cadiz, an app of bruges.
    fn meet(&mut self) {
        let [alba, bruges, cadiz] = self.parties.clone();
        for statement in [
            alba.principal("truck", PrincipalKind::Device),
            bruges.principal("app", PrincipalKind::App),
            cadiz.principal("reader", PrincipalKind::App),
            cadiz.principal("steward", PrincipalKind::Steward),
        ] {
            self.tell(&statement);
        }
    }

    /// Everybody hears a statement who can make something of it.
    pub(crate) fn tell(&mut self, statement: &Statement) {
        for world in self.worlds() {
            drop(world.try_apply(statement));
        }
    }

    /// Something that alba's issuer states.
    pub(crate) fn state_of_alba(&mut self, body: impl Into<StatementBody>) -> Hash {
        let statement = signed(body, &[&self.parties[0].issuer]);
        self.tell(&statement);
        statement.id()
    }

    /// A party ends a statement of its own log.
    pub(crate) fn end(&mut self, party: usize, target: Hash) {
        let party = self.parties[party].clone();
        let body = revoke(&party.name, RevokeTarget::Statement(target));
        self.tell(&signed(body, &[&party.issuer]));
    }

    pub(crate) fn set_now(&mut self, second: i64) {
        for world in self.worlds() {
            world.now = at(second);
        }
    }

    pub(crate) fn leaving(&self, on: &str, scope: Scope) -> Result<(), Denial> {
        let node = Recipient::Peer(org("bruges"));
        self.alba.deliver_to(&node, on, scope, self.alba.now)
    }

    pub(crate) fn sending(&self, on: &str, scope: Scope) -> Result<(), Denial> {
        let node = Recipient::Peer(org("cadiz"));
        self.bruges.deliver_to(&node, on, scope, self.bruges.now)
    }

    pub(crate) fn taking(&self, on: &str, scope: Scope) -> Result<(), Denial> {
        let (truck, now) = (Key::of("truck@alba").id(), self.cadiz.now);
        self.cadiz.policy.permit_import(truck, &topic(on), scope, now).map(|_permit| ())
    }

    pub(crate) fn reading(&self, on: &str) -> Result<(), Denial> {
        self.cadiz.delivery(&Key::of("reader@cadiz"), on, self.cadiz.now)
    }

    pub(crate) fn opening(&self, on: &str) -> Result<(), Denial> {
        let steward: PrincipalId = Key::of("steward@cadiz").id();
        self.alba.policy.permit(Action::Decrypt, steward, &topic(on), self.alba.now)
    }

    /// Whether a topic of alba gets to cadiz, as each sees it.
    pub(crate) fn seen(&self, on: &str) -> Seen {
        self.seen_with(on, Scope::Federation)
    }

    pub(crate) fn seen_with(&self, on: &str, scope: Scope) -> Seen {
        Seen {
            left: self.leaving(on, scope).is_ok(),
            sent: self.sending(on, scope).is_ok(),
            taken: self.taking(on, scope).is_ok(),
            read: self.reading(on).is_ok(),
            opened: self.opening(on).is_ok(),
        }
    }

    /// To whom alba's steward gives the key of a tree.
    pub(crate) fn given(&self, tree: &str) -> Vec<String> {
        let readers = self.alba.policy.decrypt_readers(&tree.parse().unwrap(), self.alba.now);
        readers.iter().map(|record| record.name.to_string()).collect()
    }

    /// To whom cadiz's steward hands it on.
    pub(crate) fn handed_on(&self, tree: &str) -> Vec<String> {
        let readers = self.cadiz.policy.handed_on_readers(&tree.parse().unwrap(), self.cadiz.now);
        readers.iter().map(|record| record.name.to_string()).collect()
    }

    /// Why cadiz's reader may or may not read, as one of the three explains it.
    pub(crate) fn why(world: &World, action: Action, on: &str) -> String {
        let who = name("reader@cadiz");
        world.policy.why(&who, action, &topic(on), world.now).to_string()
    }
}
