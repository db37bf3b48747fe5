//! The template for homes, applied to a real policy: every cell of its matrix, by role, action and
//! part of the home.

use sekisho::OsEntropy;
use sekisho_policy::Policy;
use sekisho_proto::statement::{Issuer, OrgRoot, Principal, Role as RoleStatement};
use sekisho_proto::{
    Action, Grantee, PrincipalId, PrincipalKind, PrincipalName, StatementBody, Timestamp, Topic,
};
use sekisho_seal::{Identity, StrictVerifier};

use super::template::{HOME_MONITORING, Template};
use super::{RoleText, Tree};
use crate::organisation::signed;

const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

/// One topic of each part, and one of somebody else's home.
const TOPICS: [&str; 7] = [
    "fujisawa/home/12/health/heart",
    "fujisawa/home/12/activity/door",
    "fujisawa/home/12/alarm/fall",
    "fujisawa/home/12/environment/air",
    "fujisawa/home/12/device/battery",
    "fujisawa/home/12/security/report",
    "fujisawa/home/13/health/heart",
];

/// What each may do on each of the topics: p publish, s subscribe, h history, d decrypt, f find,
/// g grant, b bridge, a administer.
const MATRIX: [(&str, [&str; 7]); 7] = [
    ("owner", ["shdfg", "shdfg", "shdfg", "shdfg", "shdfg", "shdfg", ""]),
    ("family", ["", "sdf", "shdf", "shdf", "", "", ""]),
    ("professional", ["shdf", "shdf", "shdf", "", "", "", ""]),
    ("administrator", ["fa", "fa", "fa", "fa", "fa", "fa", ""]),
    ("technical-support", ["", "", "f", "f", "shdf", "", ""]),
    ("security-officer", ["", "", "", "", "shdf", "shdf", ""]),
    ("nobody", ["", "", "", "", "", "", ""]),
];

const LETTERS: [(char, Action); 8] = [
    ('p', Action::Publish),
    ('s', Action::Subscribe),
    ('h', Action::History),
    ('d', Action::Decrypt),
    ('f', Action::Discover),
    ('g', Action::Grant),
    ('b', Action::Bridge),
    ('a', Action::Administer),
];

fn identity() -> Identity {
    Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut OsEntropy::new()).unwrap()
}

fn name(name: &str) -> PrincipalName {
    PrincipalName::new(name, &"fujisawa".parse().unwrap()).unwrap()
}

fn principal(name: PrincipalName, identity: &Identity) -> StatementBody {
    let kem = identity.kem();
    StatementBody::Principal(Principal {
        name,
        kind: PrincipalKind::Person,
        public_key: identity.signing().public_key(),
        kem_suite: kem.suite(),
        kem_public_key: kem.public_key().to_bytes().into(),
        issued: NOW,
        until: None,
        attested: false,
    })
}

/// A policy with the template applied, and one person for each row of the matrix.
struct Home {
    policy: Policy,
    issuer: Identity,
    people: Vec<(&'static str, PrincipalId)>,
}

impl Home {
    fn new() -> Self {
        let (root, issuer) = (identity(), identity());
        let founding = signed(
            StatementBody::OrgRoot(OrgRoot {
                organisation: "fujisawa".parse().unwrap(),
                keys: vec![root.signing().public_key()],
                threshold: 1,
                issued: NOW,
            }),
            root.signing(),
        );
        let policy = Policy::new("fujisawa".parse().unwrap(), founding.body_hash());
        let mut home = Self { policy, issuer, people: Vec::new() };
        home.policy.apply(&founding, NOW, &StrictVerifier).unwrap();
        let office = StatementBody::Issuer(Issuer {
            name: name("office"),
            public_key: home.issuer.signing().public_key(),
            issued: NOW,
            until: None,
        });
        home.policy.apply(&signed(office, root.signing()), NOW, &StrictVerifier).unwrap();
        let tree: Tree = "fujisawa/home/12".parse().unwrap();
        let template = Template::load(HOME_MONITORING).unwrap();
        for grant in template.grants(&tree, "", NOW).unwrap() {
            home.state(StatementBody::Grant(grant));
        }
        for (role, _cells) in MATRIX {
            let identity = identity();
            home.state(principal(name(role), &identity));
            if role != "nobody" {
                home.state(StatementBody::Role(RoleStatement {
                    role: role
                        .parse::<RoleText>()
                        .unwrap()
                        .of(&"fujisawa".parse().unwrap())
                        .unwrap(),
                    member: Grantee::Principal(name(role)),
                    issued: NOW,
                    until: None,
                }));
            }
            home.people.push((role, identity.signing().id()));
        }
        home
    }

    fn state(&mut self, body: StatementBody) {
        let statement = signed(body, self.issuer.signing());
        self.policy.apply(&statement, NOW, &StrictVerifier).unwrap();
    }

    /// The letters of what a key may do on a topic.
    fn cell(&self, id: PrincipalId, topic: &str) -> String {
        let topic: Topic = topic.parse().unwrap();
        let may = |action| self.policy.permit(action, id, &topic, NOW).is_ok();
        LETTERS.iter().filter(|(_letter, action)| may(*action)).map(|(letter, _)| *letter).collect()
    }
}

#[test]
fn every_cell_of_the_matrix_is_what_the_policy_decides() {
    let home = Home::new();
    for ((role, id), (row, cells)) in home.people.iter().zip(MATRIX) {
        assert_eq!(*role, row);
        for (topic, wanted) in TOPICS.iter().zip(cells) {
            assert_eq!(home.cell(*id, topic), wanted, "{role} on {topic}");
        }
    }
}

#[test]
fn whoever_is_not_known_may_do_nothing_anywhere() {
    let home = Home::new();
    let anonymous = identity().signing().id();
    for topic in TOPICS {
        assert_eq!(home.cell(anonymous, topic), "", "{topic}");
    }
}

#[test]
fn what_the_log_holds_is_shown_as_it_is_decided() {
    use super::held::Held;
    use super::matrix::Matrix;

    let home = Home::new();
    let organisation = "fujisawa".parse().unwrap();
    let held = Held::of(&home.policy, &organisation, NOW);
    assert_eq!(held.members.len(), MATRIX.len() - 1);
    let matrix = Matrix::of(&held, None);
    for (role, cells) in MATRIX.iter().filter(|(role, _cells)| *role != "nobody") {
        let role = role.parse::<RoleText>().unwrap().of(&organisation).unwrap();
        for (topic, wanted) in TOPICS.iter().zip(cells) {
            let filter = topic.parse().unwrap();
            let shown = matrix.cell(&role, &filter);
            let shown: String = LETTERS
                .iter()
                .filter(|(_letter, action)| shown.contains(*action))
                .map(|(letter, _action)| *letter)
                .collect();
            assert_eq!(shown, *wanted, "{role} on {topic}");
        }
    }
}

#[test]
fn a_role_is_written_short_or_in_full_and_is_ones_own() {
    let own = "fujisawa".parse().unwrap();
    for text in ["family", "family@fujisawa", "role/family@fujisawa", "role/family"] {
        let role = text.parse::<RoleText>().unwrap().of(&own).unwrap();
        assert_eq!(role.as_str(), "role/family@fujisawa");
    }
    let foreign = "family@santander".parse::<RoleText>().unwrap().of(&own).unwrap_err();
    assert!(foreign.to_string().contains("wanted one of fujisawa"), "{foreign}");
    assert!("Family".parse::<RoleText>().unwrap().of(&own).is_err());
}
