//! Those who came: listing them, and letting one in.

use anyhow::Result;
use sekisho::{Fingerprint, clock};
use sekisho_proto::PrincipalName;
use sekisho_steward::enrolment::{Claimant, EnrolmentError, Enrolments, Listed, Standing};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::{ask, fault, output};

/// Lets one in: the one whose fingerprint is given, or the one that waits, where somebody says that
/// the newcomer shows the same. Nobody is let in unseen.
pub(super) fn approve(
    enrolments: &Enrolments,
    name: &PrincipalName,
    key: Option<&Fingerprint>,
    json: bool,
) -> Result<Exit> {
    let now = clock::now();
    let listed = enrolments.list(now)?;
    let waiting: Vec<Claimant> = listed
        .iter()
        .filter(|listed| listed.invitation.name == *name)
        .filter_map(|listed| match listed.standing {
            Standing::Waiting(claimant) => Some(claimant),
            Standing::Open | Standing::Approved(_) | Standing::Used(_) | Standing::Expired => None,
        })
        .collect();
    let chosen = match (key, waiting.as_slice()) {
        (Some(key), all) => {
            all.iter().find(|claimant| key.is_of(&claimant.id)).ok_or_else(|| {
                fault::no(format!(
                    "{name}: wanted a newcomer with the key {key}, found none that waits; \
                 `sekisho enrol --list` tells who does"
                ))
            })?
        }
        (None, [one]) => {
            compare(name, one)?;
            one
        }
        (None, others) => {
            let (name, found) = (name.clone(), others.len());
            return Err(EnrolmentError::NotWaiting { name, found }.into());
        }
    };
    let claimant = enrolments.approve(name, chosen.id, now)?;
    if json {
        output::json(&json!({ "name": name.to_string(), "key": claimant.id.to_string() }));
    } else {
        let fingerprint = Fingerprint::of(&claimant.id);
        output::line(format!("{name} is admitted with the key {fingerprint}"));
    }
    Ok(Exit::Done)
}

/// Asks whether the newcomer's own screen shows the fingerprint of the key that waits.
fn compare(name: &PrincipalName, claimant: &Claimant) -> Result<()> {
    let fingerprint = Fingerprint::of(&claimant.id);
    if !ask::somebody_is_there() {
        return Err(fault::usage(format!(
            "{name}: wanted --key with the fingerprint on the newcomer's own screen, found nobody \
             to ask whether it is {fingerprint}"
        )));
    }
    output::aside(format!("{name} waits with the key {fingerprint}"));
    if ask::confirm("does the newcomer's own screen show the same?")? {
        return Ok(());
    }
    Err(fault::no(format!(
        "{name}: not admitted; somebody else may have the token: make a new one"
    )))
}

pub(super) fn list(enrolments: &Enrolments, json: bool) -> Result<Exit> {
    let listed = enrolments.list(clock::now())?;
    if json {
        output::json(&listed.iter().map(document).collect());
        return Ok(Exit::Done);
    }
    let row = |entry: &Listed| {
        let (standing, claimant) = words(&entry.standing);
        let name = entry.invitation.name.to_string();
        let expires = output::moment(&entry.invitation.expires.to_string());
        let key = claimant
            .map_or_else(|| "–".to_owned(), |claimant| Fingerprint::of(&claimant.id).to_string());
        vec![name, standing.to_owned(), key, expires]
    };
    if listed.is_empty() {
        output::aside("no tokens: `sekisho enrol NAME` makes one");
    } else {
        let rows: Vec<Vec<String>> = listed.iter().map(row).collect();
        output::table(&["NAME", "STANDING", "FINGERPRINT", "EXPIRES"], &rows);
    }
    Ok(Exit::Done)
}

fn document(entry: &Listed) -> Value {
    let (standing, claimant) = words(&entry.standing);
    json!({
        "name": entry.invitation.name.to_string(),
        "standing": standing,
        "key": claimant.map(|claimant| claimant.id.to_string()),
        "expires": entry.invitation.expires.to_string(),
        "replaces": entry.invitation.replace,
    })
}

fn words(standing: &Standing) -> (&'static str, Option<Claimant>) {
    match standing {
        Standing::Open => ("open", None),
        Standing::Waiting(claimant) => ("waiting", Some(*claimant)),
        Standing::Approved(claimant) => ("approved", Some(*claimant)),
        Standing::Used(claimant) => ("used", Some(*claimant)),
        Standing::Expired => ("expired", None),
    }
}
