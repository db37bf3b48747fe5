//! Contracts of any terms, signed by the administrators of both cities and stated at both nodes.

use sekisho::{AnswerBody, Hash, Question, Statement, Timestamp, clock};
use sekisho_proto::statement::{Peering, PeeringBudget, PeeringParty, Transit};
use sekisho_proto::{Filter, StatementBody};
use sekisho_seal::sign_statement;

use crate::city::City;

/// What one side of a contract offers, takes and passes on.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    exports: Vec<Filter>,
    imports: Vec<Filter>,
    onward: bool,
    passes_on: Vec<Transit>,
    budget: PeeringBudget,
}

impl Terms {
    /// Nothing at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Offers topics of its own.
    #[must_use]
    pub fn exports(mut self, filter: &str) -> Self {
        self.exports.push(parsed(filter));
        self
    }

    /// Takes topics of the other's.
    #[must_use]
    pub fn imports(mut self, filter: &str) -> Self {
        self.imports.push(parsed(filter));
        self
    }

    /// What it offers may travel on.
    #[must_use]
    pub const fn onward(mut self) -> Self {
        self.onward = true;
        self
    }

    /// Passes on the control log of a third city, and records of these of its topics.
    #[must_use]
    pub fn passes_on(mut self, owner: &City, filters: &[&str]) -> Self {
        let profile = owner.administrator().profile().clone();
        self.passes_on.push(Transit {
            organisation: profile.principal.organisation().clone(),
            root: profile.root,
            filters: filters.iter().map(|filter| parsed(filter)).collect(),
        });
        self.passes_on.sort_by(|one, next| one.organisation.cmp(&next.organisation));
        self
    }

    /// How much it may send and ask for.
    #[must_use]
    pub const fn budget(mut self, budget: PeeringBudget) -> Self {
        self.budget = budget;
        self
    }

    fn party(self, city: &City) -> PeeringParty {
        let profile = city.administrator().profile().clone();
        PeeringParty {
            organisation: profile.principal.organisation().clone(),
            root: profile.root,
            node_key: profile.node_key,
            address: city.quic().to_string(),
            exports: self.exports,
            imports: self.imports,
            onward: self.onward,
            passes_on: self.passes_on,
            carries_home: Vec::new(),
            budget: self.budget,
        }
    }
}

/// Signs a contract and states it at both nodes, the left one's first; its id.
pub async fn contract(left: (&City, Terms), right: (&City, Terms)) -> Hash {
    contract_until(None, left, right).await
}

/// The same, for a contract that ends by the clock.
pub async fn contract_until(
    until: Option<Timestamp>,
    (left, of_left): (&City, Terms),
    (right, of_right): (&City, Terms),
) -> Hash {
    let mut parties = [of_left.party(left), of_right.party(right)];
    parties.sort_by(|one, next| one.organisation.cmp(&next.organisation));
    let now = clock::now();
    let peering = Peering { parties, purposes: Vec::new(), issued: now, from: now, until };
    let unsigned = Statement::unsigned(StatementBody::Peering(peering));
    let administrators = [left, right].map(City::administrator);
    let signed = administrators.iter().fold(unsigned, |statement, administrator| {
        sign_statement(statement, administrator.identity().signing())
    });
    let mut statements = [founding(left).await, founding(right).await].concat();
    statements.push(signed.clone());
    for administrator in &administrators {
        let client = administrator.connect().await;
        let stated = client.state_all(&statements).await;
        client.close().await;
        assert!(stated.is_ok(), "{}: wanted it stated, found {stated:?}", administrator.name());
    }
    signed.id()
}

/// The city's root and issuer, which say that its administrator may sign for it.
async fn founding(city: &City) -> Vec<Statement> {
    let administrator = city.administrator();
    let client = administrator.connect().await;
    let answer = client.query(Question::Principal(administrator.identity().id())).await;
    client.close().await;
    let Ok(AnswerBody::Statements(encoded)) = answer else {
        panic!("{}: wanted its administrator's proof, found {answer:?}", city.name());
    };
    let all = encoded.iter().map(|bytes| Statement::decode(bytes).expect("a statement"));
    let is_founding = |one: &Statement| {
        matches!(one.body(), StatementBody::OrgRoot(_) | StatementBody::Issuer(_))
    };
    all.filter(is_founding).collect()
}

fn parsed(filter: &str) -> Filter {
    filter.parse().expect("a filter")
}
