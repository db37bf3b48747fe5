//! `enrol`: tokens for newcomers, and those who wait to be admitted.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use sekisho::{JoinToken, OsEntropy, clock};
use sekisho_proto::{Filter, OrgName, PrincipalKind, PrincipalName};
use sekisho_steward::enrolment::{Approval, Claimant, Enrolments, Listed, Offer, Standing};
use serde_json::{Value, json};

use crate::command::Place;
use crate::exit::Exit;
use crate::{fault, organisation, output};

/// Make a one-time token for a device or person, or look after those who wait.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho enrol truck-17 --topics 'fujisawa/truck/17/#' --dir fujisawa
  sekisho enrol dashboard --kind app --read 'fujisawa/truck/#' --approve-matching --out token
  sekisho enrol --list --dir fujisawa
  sekisho enrol --approve truck-17 --key 5189bfc37f7b2a37 --dir fujisawa

The node and the steward of the organisation must run for the other side's `sekisho join`.")]
pub(crate) struct Enrol {
    /// The name it will have in this organisation, such as truck-17.
    #[arg(required_unless_present_any = ["list", "approve"])]
    name: Option<String>,
    #[command(flatten)]
    terms: Terms,
    /// Write the token to this new file (mode 0600) instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    desk: Desk,
    #[command(flatten)]
    place: Place,
}

/// What a token gives.
#[derive(Debug, Args)]
struct Terms {
    /// device, person, app or bridge.
    #[arg(long, default_value = "device")]
    kind: PrincipalKind,
    /// Topics it may publish to; may be repeated.
    #[arg(long = "topics", value_name = "FILTER")]
    topics: Vec<Filter>,
    /// Topics it may read, live and history, and open; may be repeated.
    #[arg(long = "read", value_name = "FILTER")]
    read: Vec<Filter>,
    /// Minutes for which the token can be used.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// Admit whoever proves the token, without a yes by hand.
    #[arg(long)]
    approve_matching: bool,
}

/// What is done with those who came.
#[derive(Debug, Args)]
struct Desk {
    /// List the tokens, and who waits.
    #[arg(long, conflicts_with_all = ["name", "approve"])]
    list: bool,
    /// Admit the one who waits under this name; compare the fingerprint first.
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    approve: Option<String>,
    /// With --approve: only the key that begins so, as the newcomer's own screen shows it.
    #[arg(long, value_name = "FINGERPRINT", requires = "approve")]
    key: Option<String>,
}

impl Enrol {
    pub(crate) fn run(self) -> Result<Exit> {
        organisation::check_steward(&self.place.dir)?;
        let enrolments = Enrolments::open(&self.place.dir)?;
        if self.desk.list {
            return list(&enrolments, self.place.json);
        }
        let own = enrolments.organisation();
        if let Some(name) = &self.desk.approve {
            let name = name_in(own, name)?;
            return approve(&enrolments, &name, self.desk.key.as_deref(), self.place.json);
        }
        let name = self.name.as_deref().context("enrol: wanted a name, found none")?;
        let name = name_in(own, name)?;
        self.invite(&enrolments, &name)
    }

    fn invite(self, enrolments: &Enrolments, name: &PrincipalName) -> Result<Exit> {
        let Self { terms, out, place, .. } = self;
        let offer = Offer {
            publish: terms.topics,
            read: terms.read,
            ttl: Duration::from_secs(terms.minutes * 60),
            approval: if terms.approve_matching { Approval::Matching } else { Approval::ByHand },
            ..Offer::new(name.clone(), terms.kind)
        };
        let used = |listed: &Listed| {
            listed.invitation.name == *name && matches!(listed.standing, Standing::Used(_))
        };
        let again = enrolments.list(clock::now())?.iter().any(used);
        if let Some(path) = &out {
            let file = new_secret(path)?;
            let invited = enrolments.invite(offer, clock::now(), &mut OsEntropy::new());
            let token = invited.inspect_err(|_cause| {
                // Nothing is in it; where it cannot be removed, the next attempt names it.
                drop(std::fs::remove_file(path));
            })?;
            write_secret(file, path, &token)?;
            announce_file(name, path, &token, place.json);
        } else {
            let token = enrolments.invite(offer, clock::now(), &mut OsEntropy::new())?;
            announce(name, &token, &place, !terms.approve_matching);
        }
        if again {
            output::aside(format!(
                "note: {name} has joined before; whoever uses this token is {name} as well, with \
                 another key"
            ));
        }
        Ok(Exit::Done)
    }
}

/// A name of this organisation, written in short or in full.
fn name_in(organisation: &OrgName, text: &str) -> Result<PrincipalName> {
    let parsed =
        if text.contains('@') { text.parse() } else { PrincipalName::new(text, organisation) };
    parsed.map_err(|cause| fault::usage(cause.to_string()))
}

fn announce(name: &PrincipalName, token: &JoinToken, place: &Place, by_hand: bool) {
    let (text, expires) = (token.to_text(), token.expires.to_string());
    if place.json {
        let name = name.to_string();
        output::json(&json!({ "name": name, "token": *text, "expires": expires }));
        return;
    }
    output::line(format!("one-time token for {name}, good until {}:", output::moment(&expires)));
    output::line(&*text);
    output::line("");
    output::line(format!("on the device: sekisho join TOKEN --dir {}", name.name()));
    if by_hand {
        let (name, dir) = (name.name(), place.dir.display());
        output::line(format!("then here:     sekisho enrol --approve {name} --dir {dir}"));
    }
}

fn announce_file(name: &PrincipalName, path: &Path, token: &JoinToken, json: bool) {
    let expires = token.expires.to_string();
    if json {
        output::json(&json!({ "name": name.to_string(), "file": path, "expires": expires }));
    } else {
        let until = output::moment(&expires);
        output::line(format!("the token for {name} is in {}, good until {until}", path.display()));
    }
}

fn approve(
    enrolments: &Enrolments,
    name: &PrincipalName,
    key: Option<&str>,
    json: bool,
) -> Result<Exit> {
    let now = clock::now();
    let seen = match key {
        None => None,
        Some(key) => Some(
            enrolments
                .list(now)?
                .iter()
                .filter(|listed| listed.invitation.name == *name)
                .filter_map(|listed| match listed.standing {
                    Standing::Waiting(claimant) => Some(claimant.id),
                    Standing::Open
                    | Standing::Approved(_)
                    | Standing::Used(_)
                    | Standing::Expired => None,
                })
                .find(|id| !key.is_empty() && id.to_string().starts_with(key))
                .ok_or_else(|| {
                    fault::no(format!(
                        "{name}: wanted a newcomer with the key {key}, found none that waits; \
                         `sekisho enrol --list` tells who does"
                    ))
                })?,
        ),
    };
    let claimant = enrolments.approve(name, seen, now)?;
    if json {
        output::json(&json!({ "name": name.to_string(), "key": claimant.id.to_string() }));
    } else {
        output::line(format!("{name} is admitted with the key {}", claimant.id.short()));
    }
    Ok(Exit::Done)
}

fn list(enrolments: &Enrolments, json: bool) -> Result<Exit> {
    let listed = enrolments.list(clock::now())?;
    if json {
        output::json(&listed.iter().map(document).collect());
        return Ok(Exit::Done);
    }
    let row = |entry: &Listed| {
        let (standing, claimant) = words(&entry.standing);
        let name = entry.invitation.name.to_string();
        let expires = output::moment(&entry.invitation.expires.to_string());
        let key = claimant.map_or_else(|| "–".to_owned(), |claimant| claimant.id.short());
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

/// A file that nobody else may read, and that was not there before.
fn new_secret(path: &Path) -> Result<std::fs::File> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.with_context(|| format!("{}: wanted to make a new file", path.display()))
}

fn write_secret(mut file: std::fs::File, path: &Path, token: &JoinToken) -> Result<()> {
    let written = writeln!(file, "{}", *token.to_text());
    written.with_context(|| format!("{}: write", path.display()))
}
