//! The organisations of a run, and the statements they make: all really signed.

use bytes::Bytes;
use sekisho_proto::{
    Actions, Filter, Grantee, Hash, OrgName, PrincipalId, PrincipalKind, PrincipalName, Statement,
    StatementBody, Suite, Timestamp,
    statement::{
        Deny, Grant, Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty, Principal, Revoke,
        RevokeTarget, Transit,
    },
};
use sekisho_seal::{SigningKey, sign_statement};

use crate::{
    failure::{Broken, broken},
    rights::Rights,
};

/// One organisation's names and keys.
#[derive(Debug)]
pub(crate) struct City {
    pub(crate) name: OrgName,
    pub(crate) node: SigningKey,
    root: SigningKey,
    issuer: SigningKey,
}

/// Everything that was stated, and who can state more.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) cities: Vec<City>,
    pub(crate) rights: Rights,
}

/// A key that depends on nothing but a name.
pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

pub(crate) fn parse<T: std::str::FromStr<Err: std::error::Error + 'static>>(
    text: &str,
) -> Result<T, Broken> {
    text.parse().map_err(|error| broken(text)(&error))
}

impl City {
    pub(crate) fn new(name: &str) -> Result<Self, Broken> {
        Ok(Self {
            name: parse(name)?,
            node: key(&format!("node of {name}")),
            root: key(&format!("root of {name}")),
            issuer: key(&format!("issuer of {name}")),
        })
    }

    pub(crate) fn root(&self) -> Statement {
        let body = StatementBody::OrgRoot(OrgRoot {
            organisation: self.name.clone(),
            keys: vec![self.root.public_key()],
            threshold: 1,
            issued: Timestamp::EPOCH,
        });
        sign_statement(Statement::unsigned(body), &self.root)
    }

    pub(crate) fn issuer(&self) -> Result<Statement, Broken> {
        let body = StatementBody::Issuer(Issuer {
            name: self.principal_name("administrator")?,
            public_key: self.issuer.public_key(),
            issued: Timestamp::EPOCH,
            until: None,
        });
        Ok(sign_statement(Statement::unsigned(body), &self.root))
    }

    fn principal_name(&self, name: &str) -> Result<PrincipalName, Broken> {
        PrincipalName::new(name, &self.name).map_err(|error| broken(name)(&error))
    }

    fn sign(&self, body: StatementBody) -> Statement {
        sign_statement(Statement::unsigned(body), &self.issuer)
    }
}

impl World {
    fn city(&self, city: usize) -> Result<&City, Broken> {
        self.cities.get(city).ok_or_else(|| Broken(format!("there is no city {city}")))
    }

    pub(crate) fn principal(
        &mut self,
        city: usize,
        name: &str,
        kind: PrincipalKind,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<Statement, Broken> {
        let city = self.city(city)?;
        let name = city.principal_name(name)?;
        let statement = city.sign(StatementBody::Principal(Principal {
            name: name.clone(),
            kind,
            public_key: key.public_key(),
            kem_suite: Suite::Open,
            kem_public_key: Bytes::new(),
            issued: now,
            until: None,
            attested: false,
        }));
        self.rights.add_principal(key.id(), statement.id(), name);
        Ok(statement)
    }

    pub(crate) fn grant(
        &mut self,
        city: usize,
        grantee: &str,
        actions: &str,
        filter: &str,
        from: Timestamp,
    ) -> Result<Statement, Broken> {
        let city = self.city(city)?;
        let grant = Grant {
            organisation: city.name.clone(),
            grantee: parse::<Grantee>(grantee)?,
            actions: parse::<Actions>(actions)?,
            filter: parse::<Filter>(filter)?,
            purpose: "a simulation".to_owned(),
            issued: from,
            from,
            until: None,
            history_from: None,
            onward: false,
            rate_per_s: None,
        };
        let statement = city.sign(StatementBody::Grant(grant.clone()));
        self.rights.add_grant(statement.id(), grant);
        Ok(statement)
    }

    pub(crate) fn deny(
        &mut self,
        city: usize,
        grantee: &str,
        filter: &str,
        now: Timestamp,
    ) -> Result<Statement, Broken> {
        let city = self.city(city)?;
        let deny = Deny {
            organisation: city.name.clone(),
            grantee: parse(grantee)?,
            actions: parse("subscribe,history")?,
            filter: parse(filter)?,
            reason: "a simulation".to_owned(),
            issued: now,
        };
        let statement = city.sign(StatementBody::Deny(deny.clone()));
        self.rights.add_deny(statement.id(), deny);
        Ok(statement)
    }

    pub(crate) fn revoke(
        &mut self,
        city: usize,
        target: RevokeTarget,
        now: Timestamp,
    ) -> Result<Statement, Broken> {
        let city = self.city(city)?;
        let statement = city.sign(StatementBody::Revoke(Revoke {
            organisation: city.name.clone(),
            target,
            reason: "a simulation".to_owned(),
            issued: now,
        }));
        let by = city.name.clone();
        self.rights.add_revocation(statement.id(), by, target);
        Ok(statement)
    }

    /// A contract that both sign.
    pub(crate) fn peering(
        &mut self,
        (left, right): (usize, usize),
        terms: &Terms,
    ) -> Result<Statement, Broken> {
        let (left, right) = (self.city(left)?, self.city(right)?);
        let [ours, theirs] = &terms.sides;
        let mut parties = [self.party(left, right, ours)?, self.party(right, left, theirs)?];
        parties.sort_by(|one, other| one.organisation.cmp(&other.organisation));
        let peering = Peering {
            parties,
            purposes: vec!["a simulation".to_owned()],
            issued: terms.from,
            from: terms.from,
            until: terms.until,
        };
        let statement = left.sign(StatementBody::Peering(peering.clone()));
        let statement = sign_statement(statement, &right.issuer);
        self.rights.add_peering(statement.id(), peering);
        Ok(statement)
    }

    fn party(&self, own: &City, other: &City, side: &Side) -> Result<PeeringParty, Broken> {
        let of = |city: &City, filters: &[&str]| {
            let name = &city.name;
            let filters = filters.iter().map(|filter| parse(&format!("{name}/{filter}")));
            filters.collect::<Result<Vec<Filter>, Broken>>()
        };
        let mut passes_on = Vec::new();
        for (owner, filters) in &side.passes_on {
            let owner = self.city(*owner)?;
            let (organisation, root) = (owner.name.clone(), owner.root().body_hash());
            passes_on.push(Transit { organisation, root, filters: of(owner, filters)? });
        }
        Ok(PeeringParty {
            organisation: own.name.clone(),
            root: own.root().body_hash(),
            node_key: own.node.public_key(),
            address: format!("{}.example:7443", own.name),
            exports: of(own, &side.exports)?,
            imports: of(other, &side.imports)?,
            onward: side.onward,
            passes_on,
            carries_home: of(other, &side.carries_home)?,
            budget: side.budget,
        })
    }

    pub(crate) fn city_of_node(&self, node: PrincipalId) -> Option<usize> {
        self.cities.iter().position(|city| city.node.id() == node)
    }

    pub(crate) fn city_of(&self, organisation: &OrgName) -> Option<usize> {
        self.cities.iter().position(|city| city.name == *organisation)
    }
}

/// What a contract says.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Of the first and of the second party.
    pub(crate) sides: [Side; 2],
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

/// What one party brings: filters without the organisation.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) exports: Vec<&'static str>,
    pub(crate) imports: Vec<&'static str>,
    pub(crate) budget: PeeringBudget,
    pub(crate) onward: bool,
    /// Topics of the other's whose envelopes it carries home.
    pub(crate) carries_home: Vec<&'static str>,
    /// What it passes on: of which city, and the filters.
    pub(crate) passes_on: Vec<(usize, Vec<&'static str>)>,
}

impl Side {
    /// It offers its `public` tree, and takes of the other's what is about air and noise.
    pub(crate) fn usual() -> Self {
        Self {
            exports: vec!["public/#"],
            imports: vec!["public/air/#", "public/+/noise"],
            budget: PeeringBudget::default(),
            onward: false,
            carries_home: Vec::new(),
            passes_on: Vec::new(),
        }
    }
}
