//! Our own invitations, kept beside the profile: what comes back is compared with what we wrote, so
//! that nobody signs by `--yes` what the other side has made of it.

use std::fmt::Debug;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sekisho_proto::statement::{Peering, PeeringParty, Transit};
use sekisho_proto::{Filter, OrgName};

use crate::access::Access;
use crate::fault;
use crate::invitation::Letter;

const FOLDER: &str = "invitations";

/// Keeps an invitation; the one before it to the same organisation is not answered any more.
pub(super) fn keep(access: &Access, other: &OrgName, invitation: &Letter) -> Result<()> {
    let path = path(access, other);
    let text = invitation.print();
    let folder = access.dir.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: make", folder.display()))?;
    std::fs::write(&path, text).with_context(|| format!("{}: write", path.display()))
}

/// What an acceptance says otherwise than our invitation, beyond what is the other side's to fill
/// in.
///
/// # Errors
/// Our invitation is not here.
pub(super) fn differences(
    access: &Access,
    other: &OrgName,
    acceptance: &Letter,
) -> Result<Vec<String>> {
    let path = path(access, other);
    let text = std::fs::read_to_string(&path).map_err(|fault| {
        fault::no(format!(
            "acceptance: wanted our invitation to {other} to compare it with, found none ({}: \
             {fault}); look at it and answer without --yes",
            path.display()
        ))
    })?;
    let invitation =
        Letter::parse(&text).with_context(|| format!("{}: our invitation", path.display()))?;
    let own = access.profile.principal.organisation();
    let (ours, theirs) = invitation.sides(own)?;
    let (found, answered) = acceptance.sides(own)?;
    let mut differing = of_contract(invitation.contract()?, acceptance.contract()?);
    differing.extend(of_ours(ours, found));
    differing.extend(of_theirs(theirs, answered));
    Ok(differing)
}

fn path(access: &Access, other: &OrgName) -> PathBuf {
    access.dir.join(FOLDER).join(format!("{other}.letter"))
}

fn of_contract(invited: &Peering, accepted: &Peering) -> Vec<String> {
    let mut found = Vec::new();
    differ(&mut found, "issued", &invited.issued, &accepted.issued);
    differ(&mut found, "from", &invited.from, &accepted.from);
    differ(&mut found, "until", &invited.until, &accepted.until);
    differ(&mut found, "purposes", &invited.purposes, &accepted.purposes);
    found
}

/// Of our own side the other one fills in nothing but what it allows us.
fn of_ours(invited: &PeeringParty, accepted: &PeeringParty) -> Vec<String> {
    let mut found = Vec::new();
    differ(&mut found, "our address", &invited.address, &accepted.address);
    differ(&mut found, "what we offer", &texts(&invited.exports), &texts(&accepted.exports));
    differ(&mut found, "what we take", &texts(&invited.imports), &texts(&accepted.imports));
    differ(&mut found, "what may travel on from us", &invited.onward, &accepted.onward);
    differ(&mut found, "what we pass on", &invited.passes_on, &accepted.passes_on);
    let (wanted, taken) = (texts(&invited.carries_home), texts(&accepted.carries_home));
    differ(&mut found, "what we carry home", &wanted, &taken);
    found
}

/// Theirs is theirs to fill in, but for what it may do to us: what we allow it, what it takes, and
/// what it would bring us that we did not ask for.
fn of_theirs(invited: &PeeringParty, accepted: &PeeringParty) -> Vec<String> {
    let mut found = Vec::new();
    differ(&mut found, "what we allow them", &invited.budget, &accepted.budget);
    differ(&mut found, "what they take", &texts(&invited.imports), &texts(&accepted.imports));
    let asked = |passage: &Transit| {
        invited.passes_on.iter().any(|wished| {
            wished.organisation == passage.organisation && wished.filters == passage.filters
        })
    };
    for passage in accepted.passes_on.iter().filter(|passage| !asked(passage)) {
        let (organisation, topics) = (&passage.organisation, texts(&passage.filters));
        found.push(format!(
            "what they pass on: wanted nothing that we did not ask for, found {topics:?} of \
             {organisation}"
        ));
    }
    for filter in &accepted.carries_home {
        if !invited.carries_home.contains(filter) {
            found.push(format!(
                "what they carry home: wanted nothing that we did not ask for, found {filter}"
            ));
        }
    }
    found
}

fn differ<T: PartialEq + Debug>(found: &mut Vec<String>, what: &str, wanted: &T, is: &T) {
    if wanted != is {
        found.push(format!("{what}: wanted {wanted:?}, found {is:?}"));
    }
}

fn texts(filters: &[Filter]) -> Vec<&str> {
    filters.iter().map(Filter::as_str).collect()
}

#[cfg(test)]
mod tests {
    use sekisho_proto::statement::PeeringBudget;
    use sekisho_proto::{Hash, PublicKey};

    use super::*;

    fn party(exports: &str, imports: &str) -> PeeringParty {
        PeeringParty {
            organisation: exports.split('/').next().unwrap().parse().unwrap(),
            root: Hash::new([1; 32]),
            node_key: PublicKey::new([2; 32]),
            address: "node.example:7443".to_owned(),
            exports: vec![exports.parse().unwrap()],
            imports: vec![imports.parse().unwrap()],
            onward: false,
            passes_on: Vec::new(),
            carries_home: Vec::new(),
            budget: PeeringBudget::default(),
        }
    }

    fn transit(filters: &[&str], root: u8) -> Transit {
        let filters = filters.iter().map(|text| text.parse().unwrap()).collect();
        Transit { organisation: "kyoto".parse().unwrap(), root: Hash::new([root; 32]), filters }
    }

    #[test]
    fn of_our_side_only_what_they_allow_us_is_theirs() {
        let invited = party("alba/#", "bruges/#");
        let budget = PeeringBudget { bytes_per_s: Some(5), ..PeeringBudget::default() };
        let allowed = PeeringParty { budget, ..invited.clone() };
        assert_eq!(of_ours(&invited, &allowed), Vec::<String>::new());
        let changes: [(&str, PeeringParty); 6] = [
            ("our address", PeeringParty { address: "elsewhere:1".into(), ..invited.clone() }),
            ("what we offer", PeeringParty { exports: vec![], ..invited.clone() }),
            ("what we take", PeeringParty { imports: vec![], ..invited.clone() }),
            ("what may travel on", PeeringParty { onward: true, ..invited.clone() }),
            (
                "what we pass on",
                PeeringParty { passes_on: vec![transit(&[], 1)], ..invited.clone() },
            ),
            ("what we carry home", {
                PeeringParty { carries_home: vec!["bruges/#".parse().unwrap()], ..invited.clone() }
            }),
        ];
        for (what, changed) in changes {
            let found = of_ours(&invited, &changed);
            assert!(found.len() == 1 && found[0].starts_with(what), "{what}: {found:?}");
        }
    }

    #[test]
    fn of_their_side_what_they_do_to_us_is_ours() {
        let mut invited = party("bruges/#", "alba/#");
        invited.passes_on = vec![transit(&["kyoto/#"], 0)];
        let mut answered = invited.clone();
        answered.passes_on = vec![transit(&["kyoto/#"], 9)];
        answered.address = "their.node:7443".to_owned();
        answered.onward = true;
        answered.exports = vec!["bruges/a/#".parse().unwrap()];
        assert_eq!(of_theirs(&invited, &answered), Vec::<String>::new());
        let budget = PeeringBudget { interests: Some(9_000), ..PeeringBudget::default() };
        let changes = [
            ("what we allow them", PeeringParty { budget, ..answered.clone() }),
            ("what they take", {
                PeeringParty { imports: vec!["alba/+".parse().unwrap()], ..answered.clone() }
            }),
            (
                "what they pass on",
                PeeringParty { passes_on: vec![transit(&[], 9)], ..answered.clone() },
            ),
            ("what they carry home", {
                PeeringParty { carries_home: vec!["alba/#".parse().unwrap()], ..answered.clone() }
            }),
        ];
        for (what, changed) in changes {
            let found = of_theirs(&invited, &changed);
            assert!(found.len() == 1 && found[0].starts_with(what), "{what}: {found:?}");
        }
    }
}
