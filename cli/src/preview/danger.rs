//! What nobody should sign without having been asked twice.

use sekisho_proto::statement::{Grant, Peering, PeeringParty};
use sekisho_proto::{Action, Filter, Grantee, OrgName, StatementBody};

/// One reason to be careful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Danger {
    /// Every topic of the organisation.
    EveryTopic(OrgName),
    /// Everybody of another organisation, whoever that will be.
    Everybody(OrgName),
    /// The right to grant to others.
    GrantRight,
    /// The right to make statements about the topics.
    AdministerRight,
    /// The grantee's organisation may pass it on to its peers.
    Onward,
    /// All that was ever kept, not only what comes.
    AllHistory,
    /// What an organisation offers may go to whomever its peer chooses.
    TravelsOn {
        /// Whose topics.
        owner: OrgName,
        /// Who chooses.
        via: OrgName,
    },
    /// An organisation is known by what a peer says of it.
    ThirdRoot {
        /// Who is known so.
        owner: OrgName,
        /// Who says so.
        via: OrgName,
        /// To whom.
        taker: OrgName,
    },
}

/// What is dangerous about a statement, by itself: without knowing what stands already.
pub(crate) fn dangers(body: &StatementBody) -> Vec<Danger> {
    match body {
        StatementBody::Grant(grant) => of_grant(grant),
        StatementBody::Role(role) => match &role.member {
            Grantee::Organisation(organisation) if organisation != role.role.organisation() => {
                vec![Danger::Everybody(organisation.clone())]
            }
            Grantee::Organisation(_) | Grantee::Principal(_) | Grantee::Role(_) => Vec::new(),
        },
        StatementBody::Peering(contract) => of_contract(contract),
        StatementBody::OrgRoot(_)
        | StatementBody::Issuer(_)
        | StatementBody::Principal(_)
        | StatementBody::Deny(_)
        | StatementBody::Revoke(_)
        | StatementBody::StreamDescriptor(_)
        | StatementBody::EpochAnnounce(_)
        | StatementBody::KeyGrant(_)
        | StatementBody::Erasure(_) => Vec::new(),
    }
}

fn of_contract(contract: &Peering) -> Vec<Danger> {
    let [left, right] = &contract.parties;
    let mut dangers = of_party(left, right);
    dangers.extend(of_party(right, left));
    dangers
}

fn of_party(one: &PeeringParty, other: &PeeringParty) -> Vec<Danger> {
    let (own, taker) = (&one.organisation, &other.organisation);
    let travels = one.onward && !one.exports.is_empty();
    let travels = travels.then(|| Danger::TravelsOn { owner: own.clone(), via: taker.clone() });
    let third = one.passes_on.iter().map(|transit| Danger::ThirdRoot {
        owner: transit.organisation.clone(),
        via: own.clone(),
        taker: taker.clone(),
    });
    travels.into_iter().chain(third).collect()
}

fn of_grant(grant: &Grant) -> Vec<Danger> {
    let own = &grant.organisation;
    let everybody = match &grant.grantee {
        Grantee::Organisation(organisation) if organisation != own => Some(organisation.clone()),
        Grantee::Organisation(_) | Grantee::Principal(_) | Grantee::Role(_) => None,
    };
    let has = |action| grant.actions.contains(action);
    let when = |is: bool, danger: Danger| is.then_some(danger);
    // However it is written: `fujisawa/+/#` is as much as `fujisawa/#`.
    let is_everything = grant.filter.contains(&Filter::everything(own));
    [
        when(is_everything, Danger::EveryTopic(own.clone())),
        everybody.map(Danger::Everybody),
        when(has(Action::Grant), Danger::GrantRight),
        when(has(Action::Administer), Danger::AdministerRight),
        when(grant.onward, Danger::Onward),
        when(has(Action::History) && grant.history_from.is_none(), Danger::AllHistory),
    ]
    .into_iter()
    .flatten()
    .collect()
}
