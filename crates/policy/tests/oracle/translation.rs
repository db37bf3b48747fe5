//! What is stated in a world, in Cedar's language: grants permit, denies forbid, organisations and
//! memberships are groups of principals, and a topic has its levels as attributes.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    str::FromStr as _,
};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression,
};
use sekisho_proto::{
    Action, Actions, Filter, FilterLevel, Grantee, Hash, Timestamp, Topic, statement::Grant,
};

use crate::world::{Maker, PRINCIPALS, TOPICS, World};

/// Cedar with a world's statements.
pub(crate) struct Referee {
    policies: PolicySet,
    entities: Entities,
    authorizer: Authorizer,
}

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind = EntityTypeName::from_str(kind).unwrap();
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

impl Referee {
    pub(crate) fn new(world: &World) -> Self {
        let text = policies(world);
        let policies = PolicySet::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let entities = Entities::from_entities(entities(world), None).unwrap();
        Self { policies, entities, authorizer: Authorizer::new() }
    }

    pub(crate) fn allows(&self, who: &str, action: Action, on: &Topic, second: i64) -> bool {
        let now = ("now".to_owned(), RestrictedExpression::new_long(second));
        let request = Request::new(
            uid("Principal", who),
            uid("Action", &action.to_string()),
            uid("Topic", on.as_str()),
            Context::from_pairs([now]).unwrap(),
            None,
        )
        .unwrap();
        let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        // A policy that fails is passed over, which would be no answer.
        assert_eq!(response.diagnostics().errors().count(), 0);
        response.decision() == Decision::Allow
    }
}

/// Whom a membership is of, by its number.
fn memberships<'a>(world: &'a World, member: &'a str) -> impl Iterator<Item = EntityUid> + 'a {
    let of_member = world.roles.iter().filter(move |(_id, role)| role.member.to_string() == member);
    of_member.map(|(id, _role)| uid("Membership", &id.to_string()))
}

fn entities(world: &World) -> Vec<Entity> {
    let mut entities = Vec::new();
    for (id, _role) in &world.roles {
        entities.push(Entity::new_no_attrs(uid("Membership", &id.to_string()), HashSet::new()));
    }
    for name in ["fujisawa", "santander", "valencia"] {
        let groups = memberships(world, &format!("*@{name}")).collect();
        entities.push(Entity::new_no_attrs(uid("Organisation", name), groups));
    }
    for who in PRINCIPALS {
        let (_name, organisation) = who.split_once('@').unwrap();
        let own = [uid("Organisation", organisation)];
        let groups = memberships(world, who).chain(own).collect();
        entities.push(Entity::new_no_attrs(uid("Principal", who), groups));
    }
    for on in TOPICS {
        let levels: Vec<&str> = on.split('/').collect();
        let depth = i64::try_from(levels.len()).unwrap();
        let mut attributes =
            HashMap::from([("depth".to_owned(), RestrictedExpression::new_long(depth))]);
        for (place, level) in levels.into_iter().enumerate() {
            let level = RestrictedExpression::new_string(level.to_owned());
            attributes.insert(format!("level{place}"), level);
        }
        entities.push(Entity::new(uid("Topic", on), attributes, HashSet::new()).unwrap());
    }
    entities
}

fn policies(world: &World) -> String {
    let mut text = String::new();
    for (id, grant, maker) in &world.grants {
        if let (false, Some(basis)) = (world.revoked.contains(id), basis(world, *maker)) {
            let actions = actions(grant.actions);
            let condition = format!(
                "{} && {} && {} && {basis}",
                meant(world, &grant.grantee),
                within(&grant.filter),
                during(grant)
            );
            writeln!(
                text,
                "permit(principal, action in [{actions}], resource) when {{ {condition} }};"
            )
            .unwrap();
        }
    }
    for (id, deny) in &world.denies {
        if world.revoked.contains(id) {
            continue;
        }
        let mut denied = deny.actions;
        if denied.contains(Action::Subscribe) {
            denied = denied.union(Action::History.into());
        }
        let condition = format!("{} && {}", meant(world, &deny.grantee), within(&deny.filter));
        let actions = actions(denied);
        writeln!(
            text,
            "forbid(principal, action in [{actions}], resource) when {{ {condition} }};"
        )
        .unwrap();
    }
    for who in PRINCIPALS {
        let stands = stands(world, who);
        writeln!(
            text,
            "forbid(principal == Principal::\"{who}\", action, resource) unless {{ {stands} }};"
        )
        .unwrap();
    }
    let contract = before(world.plan.peering_until);
    let of = |name: &str| format!("forbid(principal in Organisation::\"{name}\", action");
    let any = |filters: &[&str]| {
        let filters = filters.iter().map(|filter| within(&filter.parse().unwrap()));
        filters.collect::<Vec<_>>().join(" || ")
    };
    let reading = [Action::Subscribe, Action::History, Action::Decrypt, Action::Discover];
    let reading = actions(Actions::of(&reading));
    let (exported, imported) = (any(&world.plan.exports), any(&world.plan.imports));
    let crosses = format!("({exported}) && ({imported})");
    // The third is known through the second: without a contract with that, and where it is known
    // that the two have none in force, it is a stranger.
    let (passed_on, their_contract) = match &world.plan.passes_on {
        Some((filters, until)) => (any(filters), before(*until)),
        None => ("true".to_owned(), "true".to_owned()),
    };
    let onward = world.plan.onward;
    let known = format!("{contract} && {their_contract}");
    let travels = format!("{crosses} && {onward} && ({passed_on})");
    for (name, stands, passes) in
        [("santander", &contract, &crosses), ("valencia", &known, &travels)]
    {
        let foreign = of(name);
        writeln!(text, "{foreign}, resource) unless {{ {stands} }};").unwrap();
        writeln!(text, "{foreign} in [{reading}], resource) unless {{ {passes} }};").unwrap();
    }
    text
}

/// What must hold of whoever made a grant; `None` where it cannot hold any more.
fn basis(world: &World, maker: Maker) -> Option<String> {
    let grant_of = |wanted: Hash| {
        let (id, grant, _maker) = world.grants.iter().find(|(id, ..)| *id == wanted)?;
        (!world.revoked.contains(id)).then_some(grant)
    };
    match maker {
        Maker::Issuer => Some("true".to_owned()),
        Maker::Boss => {
            let boss = grant_of(world.boss)?;
            let holds = match &boss.grantee {
                Grantee::Role(_) => {
                    let who = "Principal::\"boss@fujisawa\"";
                    meant(world, &boss.grantee).replace("principal ", &format!("{who} "))
                }
                Grantee::Principal(_) | Grantee::Organisation(_) => "true".to_owned(),
            };
            Some(format!("{} && {} && {holds}", stands(world, "boss@fujisawa"), during(boss)))
        }
        Maker::Deputy => {
            let deputy = grant_of(world.deputy?)?;
            let stands = stands(world, "deputy@fujisawa");
            Some(format!("{stands} && {} && {}", during(deputy), basis(world, Maker::Boss)?))
        }
    }
}

/// Whether a principal may act at all.
fn stands(world: &World, who: &str) -> String {
    if world.gone.contains(&who) {
        return "false".to_owned();
    }
    before(world.plan.enrolled_until(who))
}

fn before(until: Option<i64>) -> String {
    until.map_or_else(|| "true".to_owned(), |until| format!("(context.now < {until})"))
}

fn seconds(time: Timestamp) -> i64 {
    time.as_micros() / 1_000_000
}

fn during(grant: &Grant) -> String {
    let until = before(grant.until.map(seconds));
    format!("(context.now >= {} && {until})", seconds(grant.from))
}

fn meant(world: &World, grantee: &Grantee) -> String {
    match grantee {
        Grantee::Principal(name) => format!("(principal == Principal::\"{name}\")"),
        Grantee::Organisation(name) => format!("(principal in Organisation::\"{name}\")"),
        Grantee::Role(name) => {
            let in_force = world
                .roles
                .iter()
                .filter(|(id, role)| role.role == *name && !world.revoked.contains(id));
            let ways = in_force.map(|(id, role)| {
                let until = before(role.until.map(seconds));
                format!("(principal in Membership::\"{id}\" && {until})")
            });
            let ways: Vec<String> = ways.chain(["false".to_owned()]).collect();
            format!("({})", ways.join(" || "))
        }
    }
}

fn within(filter: &Filter) -> String {
    let mut conditions = Vec::new();
    let mut depth = 0;
    let mut open = false;
    for (place, level) in filter.levels().enumerate() {
        match level {
            FilterLevel::Literal(text) => conditions
                .push(format!("resource has level{place} && resource.level{place} == \"{text}\"")),
            FilterLevel::One => conditions.push(format!("resource has level{place}")),
            FilterLevel::Rest => {
                open = true;
                break;
            }
        }
        depth = place + 1;
    }
    conditions.push(format!("resource.depth {} {depth}", if open { ">=" } else { "==" }));
    format!("({})", conditions.join(" && "))
}

fn actions(actions: Actions) -> String {
    let names = actions.iter().map(|action| format!("Action::\"{action}\""));
    names.collect::<Vec<_>>().join(", ")
}
