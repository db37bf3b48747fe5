//! A random world: two organisations under a contract, a third that the second passes on, and what is
//! stated in the first. Signatures are taken for good: they are tested elsewhere.

use proptest::prelude::*;
use sekisho_policy::Policy;
use sekisho_proto::{
    Actions, Grantee, Hash, OrgName, PrincipalId, PrincipalKind, PrincipalName, PublicKey,
    Signature, Statement, StatementBody, StatementVerifier, Suite, Timestamp, Topic,
    statement::{
        Deny, Grant, Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty, Principal, Revoke,
        RevokeTarget, Role, Transit,
    },
};

pub(crate) const PRINCIPALS: [&str; 7] = [
    "anna@fujisawa",
    "boris@fujisawa",
    "boss@fujisawa",
    "deputy@fujisawa",
    "carla@santander",
    "dora@santander",
    "erik@valencia",
];
pub(crate) const TOPICS: [&str; 8] = [
    "fujisawa/a",
    "fujisawa/b",
    "fujisawa/a/a",
    "fujisawa/a/b",
    "fujisawa/b/a",
    "fujisawa/b/b",
    "fujisawa/a/b/a",
    "fujisawa/c/b/a",
];
const FILTERS: [&str; 12] = [
    "fujisawa/#",
    "fujisawa/+",
    "fujisawa/+/#",
    "fujisawa/+/+",
    "fujisawa/a",
    "fujisawa/a/#",
    "fujisawa/a/+",
    "fujisawa/a/b",
    "fujisawa/b/#",
    "fujisawa/+/a",
    "fujisawa/+/b/#",
    "fujisawa/b/a",
];
const MEMBERS: [&str; 9] = [
    "anna@fujisawa",
    "boris@fujisawa",
    "deputy@fujisawa",
    "carla@santander",
    "dora@santander",
    "*@fujisawa",
    "*@santander",
    "erik@valencia",
    "*@valencia",
];
const ROLES: [&str; 2] = ["role/crew@fujisawa", "role/guests@fujisawa"];
const BOSSES: &str = "role/bosses@fujisawa";

/// Seconds since an arbitrary beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

pub(crate) fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

fn key_of(label: &str) -> PublicKey {
    PublicKey::new(*Hash::of(label.as_bytes()).as_bytes())
}

/// The id of whoever goes by a name.
pub(crate) fn id_of(label: &str) -> PrincipalId {
    PrincipalId::of(&key_of(label))
}

/// Whose word a grant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    Issuer,
    Boss,
    Deputy,
}

impl Maker {
    fn label(self) -> &'static str {
        match self {
            Self::Issuer => "office",
            Self::Boss => "boss@fujisawa",
            Self::Deputy => "deputy@fujisawa",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Grant(Grant, Maker),
    Deny(Deny),
    Role(Role),
    /// Of something stated before.
    Revoke(usize),
    RevokePrincipal(usize),
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Until when each principal is enrolled.
    enrolled: [Option<i64>; 7],
    pub(crate) exports: Vec<&'static str>,
    pub(crate) imports: Vec<&'static str>,
    pub(crate) peering_until: Option<i64>,
    /// Whether what is exported may travel on.
    pub(crate) onward: bool,
    /// What the second passes on to the third, and until when, where that contract is known.
    pub(crate) passes_on: Option<(Vec<&'static str>, Option<i64>)>,
    /// What the boss hands on from, as itself or as one of the bosses until a time.
    boss: Grant,
    boss_role_until: Option<i64>,
    /// What the boss would have the deputy hand on from.
    deputy: Grant,
    steps: Vec<Step>,
}

/// The world, and what was taken of the plan.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) plan: Plan,
    pub(crate) grants: Vec<(Hash, Grant, Maker)>,
    pub(crate) denies: Vec<(Hash, Deny)>,
    pub(crate) roles: Vec<(Hash, Role)>,
    pub(crate) revoked: Vec<Hash>,
    pub(crate) gone: Vec<&'static str>,
    /// The grants that the boss and the deputy hand on from.
    pub(crate) boss: Hash,
    pub(crate) deputy: Option<Hash>,
    second: i64,
}

/// Takes every signature for good.
struct Believer;

impl StatementVerifier for Believer {
    fn verify(&self, _key: &PublicKey, _message: &[u8], _signature: &Signature) -> bool {
        true
    }

    fn acceptable(&self, _key: &PublicKey) -> bool {
        true
    }
}

fn signed(body: impl Into<StatementBody>, signers: &[&str]) -> Statement {
    signers.iter().fold(Statement::unsigned(body.into()), |statement, signer| {
        statement.with_signature(id_of(signer), Signature::new([0; 64]))
    })
}

fn org(name: &str) -> OrgName {
    name.parse().unwrap()
}

fn root_of(name: &str) -> Statement {
    let keys = vec![key_of(&format!("root of {name}"))];
    let body = OrgRoot { organisation: org(name), keys, threshold: 1, issued: at(0) };
    signed(body, &[&format!("root of {name}")])
}

fn issuer_of(name: &str, label: &str) -> Statement {
    let body = Issuer {
        name: PrincipalName::new("office", &org(name)).unwrap(),
        public_key: key_of(label),
        issued: at(0),
        until: None,
    };
    signed(body, &[&format!("root of {name}")])
}

fn party(name: &str, exports: &[&str], imports: &[&str]) -> PeeringParty {
    let filters = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    PeeringParty {
        organisation: org(name),
        root: root_of(name).body_hash(),
        node_key: key_of(&format!("node of {name}")),
        address: format!("{name}.example:7600"),
        exports: filters(exports),
        imports: filters(imports),
        onward: false,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: PeeringBudget::default(),
    }
}

fn transit(name: &str, filters: &[&str]) -> Transit {
    Transit {
        organisation: org(name),
        root: root_of(name).body_hash(),
        filters: filters.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

impl World {
    pub(crate) fn of(plan: &Plan) -> Self {
        let root = root_of("fujisawa");
        let mut world = Self {
            policy: Policy::new(org("fujisawa"), root.body_hash()),
            plan: plan.clone(),
            grants: Vec::new(),
            denies: Vec::new(),
            roles: Vec::new(),
            revoked: Vec::new(),
            gone: Vec::new(),
            boss: Hash::of(b""),
            deputy: None,
            second: 50,
        };
        let there = "office of santander";
        world.must_take(&root);
        world.must_take(&issuer_of("fujisawa", "office"));
        for name in ["santander", "valencia"] {
            world.must_take(&root_of(name));
            world.must_take(&issuer_of(name, &format!("office of {name}")));
        }
        let mut ours = party("fujisawa", &plan.exports, &[]);
        ours.onward = plan.onward;
        let mut theirs = party("santander", &[], &plan.imports);
        theirs.passes_on = vec![transit("valencia", &[])];
        let (until, purposes) = (plan.peering_until.map(at), Vec::new());
        let parties = [ours, theirs];
        let body = Peering { parties, purposes, issued: at(0), from: at(0), until };
        world.must_take(&signed(body, &["office", there]));
        if let Some((filters, until)) = &plan.passes_on {
            let mut theirs = party("santander", &[], &[]);
            theirs.passes_on = vec![transit("fujisawa", filters)];
            let (parties, until) = ([theirs, party("valencia", &[], &[])], until.map(at));
            let body = Peering { parties, purposes: Vec::new(), issued: at(0), from: at(0), until };
            world.must_take(&signed(body, &[there, "office of valencia"]));
        }
        for (who, until) in PRINCIPALS.into_iter().zip(plan.enrolled) {
            let (_name, home) = who.split_once('@').unwrap();
            let office = if home == "fujisawa" { "office" } else { &format!("office of {home}") };
            let body = Principal {
                name: who.parse().unwrap(),
                kind: PrincipalKind::App,
                public_key: key_of(who),
                kem_suite: Suite::Open,
                kem_public_key: Vec::new().into(),
                issued: at(0),
                until: until.map(at),
                attested: false,
            };
            world.must_take(&signed(body, &[office]));
        }
        world.hand_down();
        for step in &plan.steps {
            world.second = world.second.max(99) + 1;
            world.take_step(step);
        }
        world
    }

    /// The rights of the boss and, where the boss has that much, of the deputy.
    fn hand_down(&mut self) {
        let plan = self.plan.clone();
        if matches!(plan.boss.grantee, Grantee::Role(_)) {
            let body = Role {
                role: BOSSES.parse().unwrap(),
                member: "boss@fujisawa".parse().unwrap(),
                issued: at(0),
                until: plan.boss_role_until.map(at),
            };
            self.take_step(&Step::Role(body));
        }
        let boss = signed(plan.boss.clone(), &["office"]);
        self.must_take(&boss);
        self.boss = boss.id();
        self.grants.push((boss.id(), plan.boss, Maker::Issuer));
        let deputy = signed(plan.deputy.clone(), &["boss@fujisawa"]);
        if self.takes(&deputy) {
            self.deputy = Some(deputy.id());
            self.grants.push((deputy.id(), plan.deputy, Maker::Boss));
        }
    }

    fn takes(&mut self, statement: &Statement) -> bool {
        let applied = self.policy.apply(statement, at(self.second), &Believer);
        applied.is_ok_and(|applied| applied.is_new)
    }

    fn must_take(&mut self, statement: &Statement) {
        self.policy.apply(statement, at(self.second), &Believer).unwrap();
    }

    fn take_step(&mut self, step: &Step) {
        let again = |target| Revoke {
            organisation: org("fujisawa"),
            target,
            reason: String::new(),
            issued: at(0),
        };
        let ids = self.grants.iter().map(|(id, ..)| *id);
        let ids = ids.chain(self.denies.iter().map(|(id, _)| *id));
        let ids: Vec<Hash> = ids.chain(self.roles.iter().map(|(id, _)| *id)).collect();
        match step {
            Step::Grant(body, maker) => {
                let statement = signed(body.clone(), &[maker.label()]);
                if self.takes(&statement) {
                    self.grants.push((statement.id(), body.clone(), *maker));
                }
            }
            Step::Deny(body) => {
                let statement = signed(body.clone(), &["office"]);
                if self.takes(&statement) {
                    self.denies.push((statement.id(), body.clone()));
                }
            }
            Step::Role(body) => {
                let statement = signed(body.clone(), &["office"]);
                if self.takes(&statement) {
                    self.roles.push((statement.id(), body.clone()));
                }
            }
            Step::Revoke(place) => {
                let target = ids[place % ids.len()];
                self.must_take(&signed(again(RevokeTarget::Statement(target)), &["office"]));
                self.revoked.push(target);
            }
            Step::RevokePrincipal(place) => {
                let who = PRINCIPALS[place % PRINCIPALS.len()];
                let target = RevokeTarget::Principal(id_of(who));
                self.must_take(&signed(again(target), &["office"]));
                self.gone.push(who);
            }
        }
    }
}

fn some_time() -> impl Strategy<Value = i64> {
    100..420_i64
}

fn some_filter() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(FILTERS.to_vec())
}

/// Everything but to grant, to bridge and to administer: who hands on is settled by the plan.
fn some_actions() -> impl Strategy<Value = Actions> {
    (1_u32..32).prop_map(|bits| Actions::try_from(bits).unwrap())
}

fn some_grantee() -> impl Strategy<Value = Grantee> {
    let all = [MEMBERS.as_slice(), ROLES.as_slice()].concat();
    proptest::sample::select(all).prop_map(|text| text.parse().unwrap())
}

fn some_grant() -> impl Strategy<Value = Grant> {
    let period = (some_time(), proptest::option::of(1..200_i64));
    (some_grantee(), some_actions(), some_filter(), period).prop_map(
        |(grantee, actions, filter, (from, length))| Grant {
            organisation: org("fujisawa"),
            grantee,
            actions,
            filter: filter.parse().unwrap(),
            purpose: String::new(),
            issued: at(0),
            from: at(from),
            until: length.map(|length| at(from + length)),
            history_from: None,
            onward: false,
            rate_per_s: None,
        },
    )
}

fn some_step() -> impl Strategy<Value = Step> {
    let maker = proptest::sample::select(vec![Maker::Issuer, Maker::Boss, Maker::Deputy]);
    let deny =
        (some_grantee(), some_actions(), some_filter()).prop_map(|(grantee, actions, filter)| {
            Deny {
                organisation: org("fujisawa"),
                grantee,
                actions,
                filter: filter.parse().unwrap(),
                reason: String::new(),
                issued: at(0),
            }
        });
    let role = proptest::sample::select(ROLES.to_vec());
    let member = proptest::sample::select(MEMBERS.to_vec());
    let role =
        (role, member, proptest::option::of(some_time())).prop_map(|(role, member, until)| Role {
            role: role.parse().unwrap(),
            member: member.parse().unwrap(),
            issued: at(0),
            until: until.map(at),
        });
    prop_oneof![
        8 => (some_grant(), maker).prop_map(|(body, maker)| Step::Grant(body, maker)),
        2 => deny.prop_map(Step::Deny),
        4 => role.prop_map(Step::Role),
        2 => any::<usize>().prop_map(Step::Revoke),
        1 => any::<usize>().prop_map(Step::RevokePrincipal),
    ]
}

/// A wide right, so that something can be handed on from it.
fn some_wide_grant() -> impl Strategy<Value = Grant> {
    let filter = proptest::sample::select(vec!["fujisawa/#", "fujisawa/+/#", "fujisawa/a/#"]);
    (some_grant(), filter, 16_u32..32).prop_map(|(body, filter, bits)| Grant {
        filter: filter.parse().unwrap(),
        actions: Actions::try_from(bits | 0b10_0000).unwrap(),
        from: at(100),
        ..body
    })
}

pub(crate) fn some_plan() -> impl Strategy<Value = Plan> {
    let until = || proptest::option::weighted(0.2, some_time());
    let filters = || proptest::collection::vec(some_filter(), 1..3);
    let boss = (some_wide_grant(), any::<bool>()).prop_map(|(body, by_role)| {
        let grantee = if by_role { BOSSES } else { "boss@fujisawa" };
        Grant { grantee: grantee.parse().unwrap(), ..body }
    });
    let deputy = some_wide_grant()
        .prop_map(|body| Grant { grantee: "deputy@fujisawa".parse().unwrap(), ..body });
    let enrolled = [until(), until(), until(), until(), until(), until(), until()];
    let steps = proptest::collection::vec(some_step(), 1..24);
    let passes_on = proptest::option::weighted(0.7, (filters(), until()));
    let contracts = (filters(), filters(), until(), any::<bool>(), passes_on);
    (enrolled, contracts, boss, until(), deputy, steps).prop_map(
        |(
            enrolled,
            (exports, imports, peering_until, onward, passes_on),
            boss,
            boss_role_until,
            deputy,
            steps,
        )| Plan {
            enrolled,
            exports,
            imports,
            peering_until,
            onward,
            passes_on,
            boss,
            boss_role_until,
            deputy,
            steps,
        },
    )
}

impl Plan {
    /// Until when a principal is enrolled.
    pub(crate) fn enrolled_until(&self, who: &str) -> Option<i64> {
        let place = PRINCIPALS.iter().position(|name| *name == who)?;
        self.enrolled[place]
    }
}
