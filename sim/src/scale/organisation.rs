//! The organisations of a large federation and what they state, all of it really signed.

use bytes::Bytes;
use sekisho_proto::{
    Actions, Filter, Grantee, Hash, OrgName, PrincipalKind, PrincipalName, Statement,
    StatementBody, Suite, Timestamp, Topic,
    statement::{
        Grant, Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty, Principal, Revoke,
        RevokeTarget,
    },
};
use sekisho_seal::{SigningKey, VerifyingKey, sign_statement};

use crate::failure::{Broken, broken};

/// What everybody measures. A tree is what contracts and grants are about.
pub(super) const TREES: [&str; 4] = ["air", "noise", "traffic", "water"];
/// Quantities that one device measures.
const QUANTITIES: usize = 10;
/// People of an organisation.
pub(super) const READERS: usize = 10;
const PURPOSE: &str = "a simulation";

/// Somebody with a key.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) key: SigningKey,
    pub(super) verifying: VerifyingKey,
}

#[derive(Debug)]
pub(super) struct Organisation {
    pub(super) name: OrgName,
    pub(super) node: SigningKey,
    root: SigningKey,
    issuer: SigningKey,
    /// One for each tree.
    pub(super) publishers: Vec<Person>,
    pub(super) readers: Vec<Person>,
}

/// A key that depends on nothing but a name.
fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

pub(super) fn parse<T: std::str::FromStr<Err: std::error::Error + 'static>>(
    text: &str,
) -> Result<T, Broken> {
    text.parse().map_err(|error| broken(text)(&error))
}

impl Person {
    fn new(name: String, organisation: &OrgName) -> Self {
        let key = key(&format!("{name}@{organisation}"));
        Self { name, verifying: key.verifying_key(), key }
    }
}

impl Organisation {
    pub(super) fn new(number: usize) -> Result<Self, Broken> {
        let name: OrgName = parse(&format!("o{number:04}"))?;
        let publishers =
            TREES.iter().map(|tree| Person::new(format!("{tree}-gateway"), &name)).collect();
        let readers =
            (0..READERS).map(|reader| Person::new(format!("reader-{reader}"), &name)).collect();
        Ok(Self {
            node: key(&format!("node of {name}")),
            root: key(&format!("root of {name}")),
            issuer: key(&format!("issuer of {name}")),
            publishers,
            readers,
            name,
        })
    }

    /// The topic of a number; consecutive ones are of different trees.
    pub(super) fn topic(&self, number: usize) -> Result<Topic, Broken> {
        let tree = TREES.get(number % TREES.len()).copied().unwrap_or_default();
        let within = number / TREES.len();
        let (device, quantity) = (within / QUANTITIES, within % QUANTITIES);
        parse(&format!("{}/{tree}/d{device:04}/q{quantity}", self.name))
    }

    pub(super) fn tree(&self, tree: usize) -> Result<Filter, Broken> {
        let tree = TREES.get(tree).copied().unwrap_or_default();
        parse(&format!("{}/{tree}/#", self.name))
    }

    pub(super) fn root(&self) -> Statement {
        let body = StatementBody::OrgRoot(OrgRoot {
            organisation: self.name.clone(),
            keys: vec![self.root.public_key()],
            threshold: 1,
            issued: Timestamp::EPOCH,
        });
        sign_statement(Statement::unsigned(body), &self.root)
    }

    pub(super) fn issuer(&self) -> Result<Statement, Broken> {
        let body = StatementBody::Issuer(Issuer {
            name: self.principal_name("administrator")?,
            public_key: self.issuer.public_key(),
            issued: Timestamp::EPOCH,
            until: None,
        });
        Ok(sign_statement(Statement::unsigned(body), &self.root))
    }

    /// Its people, and what they may do with its own topics.
    pub(super) fn people(&self, now: Timestamp) -> Result<Vec<Statement>, Broken> {
        let mut statements = Vec::new();
        for (tree, gateway) in self.publishers.iter().enumerate() {
            statements.push(self.principal(gateway, PrincipalKind::Device, now)?);
            let grantee = Grantee::Principal(self.principal_name(&gateway.name)?);
            statements.push(self.grant(grantee, "publish", self.tree(tree)?, now)?);
        }
        for reader in &self.readers {
            statements.push(self.principal(reader, PrincipalKind::Person, now)?);
        }
        let everybody = Grantee::Organisation(self.name.clone());
        let everything = Filter::everything(&self.name);
        statements.push(self.grant(everybody, "subscribe,history", everything, now)?);
        Ok(statements)
    }

    fn principal(
        &self,
        person: &Person,
        kind: PrincipalKind,
        now: Timestamp,
    ) -> Result<Statement, Broken> {
        Ok(self.sign(StatementBody::Principal(Principal {
            name: self.principal_name(&person.name)?,
            kind,
            public_key: person.key.public_key(),
            kem_suite: Suite::Open,
            kem_public_key: Bytes::new(),
            issued: now,
            until: None,
            attested: false,
        })))
    }

    /// Lets all people of another organisation read a tree.
    pub(super) fn grant_to(
        &self,
        other: &OrgName,
        tree: usize,
        now: Timestamp,
    ) -> Result<Statement, Broken> {
        let grantee = Grantee::Organisation(other.clone());
        self.grant(grantee, "subscribe,history", self.tree(tree)?, now)
    }

    pub(super) fn grant(
        &self,
        grantee: Grantee,
        actions: &str,
        filter: Filter,
        now: Timestamp,
    ) -> Result<Statement, Broken> {
        Ok(self.sign(StatementBody::Grant(Grant {
            organisation: self.name.clone(),
            grantee,
            actions: parse::<Actions>(actions)?,
            filter,
            purpose: PURPOSE.to_owned(),
            issued: now,
            from: now,
            until: None,
            history_from: None,
            onward: false,
            rate_per_s: None,
        })))
    }

    pub(super) fn revoke(&self, target: RevokeTarget, now: Timestamp) -> Statement {
        self.sign(StatementBody::Revoke(Revoke {
            organisation: self.name.clone(),
            target,
            reason: PURPOSE.to_owned(),
            issued: now,
        }))
    }

    pub(super) fn principal_name(&self, name: &str) -> Result<PrincipalName, Broken> {
        PrincipalName::new(name, &self.name).map_err(|error| broken(name)(&error))
    }

    fn sign(&self, body: StatementBody) -> Statement {
        sign_statement(Statement::unsigned(body), &self.issuer)
    }

    pub(super) fn root_hash(&self) -> Hash {
        self.root().body_hash()
    }
}

/// A contract by which each takes some trees of the other.
pub(super) fn peering(
    (left, left_takes): (&Organisation, &[usize]),
    (right, right_takes): (&Organisation, &[usize]),
    now: Timestamp,
) -> Result<Statement, Broken> {
    let mut parties = [party(left, right, left_takes)?, party(right, left, right_takes)?];
    parties.sort_by(|one, other| one.organisation.cmp(&other.organisation));
    let body = StatementBody::Peering(Peering {
        parties,
        purposes: vec![PURPOSE.to_owned()],
        issued: now,
        from: now,
        until: None,
    });
    Ok(sign_statement(left.sign(body), &right.issuer))
}

fn party(
    own: &Organisation,
    other: &Organisation,
    takes: &[usize],
) -> Result<PeeringParty, Broken> {
    let exports = (0..TREES.len()).map(|tree| own.tree(tree)).collect::<Result<_, _>>()?;
    let imports = takes.iter().map(|tree| other.tree(*tree)).collect::<Result<_, _>>()?;
    Ok(PeeringParty {
        organisation: own.name.clone(),
        root: own.root_hash(),
        node_key: own.node.public_key(),
        address: format!("{}.example:7443", own.name),
        exports,
        imports,
        onward: false,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: PeeringBudget::default(),
    })
}
