//! `enrol`: tokens for newcomers, and those who wait to be admitted.

mod attested;
mod desk;
mod token;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use sekisho::{Fingerprint, OsEntropy, clock};
use sekisho_proto::{Filter, OrgName, PrincipalKind, PrincipalName};
use sekisho_steward::enrolment::{Approval, Enrolments, Listed, Offer, Standing};
use sekisho_steward::openid::{OpenIdProvider, OpenIdSubject};

use attested::Attested;

use crate::command::Place;
use crate::exit::Exit;
use crate::{fault, organisation, output};

/// Make a one-time token for a device or person, or look after those who wait.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho enrol truck-17 --topics 'fujisawa/truck/17/#' --dir fujisawa
  sekisho enrol truck-17 --approve-matching 5189-bfc3-7f7b-2a37 --dir fujisawa
  sekisho enrol meter-3 --attested --topics 'fujisawa/mqtt/meter/3/#' --dir fujisawa
  sekisho enrol dashboard --kind app --read 'fujisawa/truck/#' --approve-matching --out token
  sekisho enrol --list --dir fujisawa
  sekisho enrol --approve truck-17 --key 5189-bfc3-7f7b-2a37 --dir fujisawa

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
    attested: Attested,
    #[command(flatten)]
    waiting: Waiting,
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
    /// Admit without a yes by hand whoever proves the token and has the key with this fingerprint,
    /// as `sekisho join --prepare` shows it; without a fingerprint, whoever proves the token first:
    /// then the token alone opens the door, to a thief as well.
    #[arg(long, value_name = "FINGERPRINT")]
    approve_matching: Option<Option<Fingerprint>>,
    #[command(flatten)]
    openid: OpenId,
    /// Revoke the keys that the name has so far, once the newcomer's is admitted.
    #[arg(long)]
    replace: bool,
}

/// Who has to sign in.
#[derive(Debug, Args)]
#[group(requires_all = ["openid", "openid_client", "openid_subject"])]
struct OpenId {
    /// Admit, without a yes by hand, whoever proves the token and signs in at this OpenID provider
    /// as --openid-subject: its issuer, such as https://login.example. For people.
    #[arg(long, value_name = "ISSUER", conflicts_with = "approve_matching")]
    openid: Option<String>,
    /// What this organisation is called at the provider: the client id, without a secret.
    #[arg(long, value_name = "CLIENT")]
    openid_client: Option<String>,
    /// What the provider calls the person: the sub claim.
    #[arg(long, value_name = "SUBJECT")]
    openid_subject: Option<String>,
}

impl OpenId {
    fn wanted(self) -> Option<OpenIdSubject> {
        let (issuer, client_id) = (self.openid?, self.openid_client?);
        let provider = OpenIdProvider { issuer, client_id };
        Some(OpenIdSubject { provider, subject: self.openid_subject? })
    }
}

/// What is done with those who came.
#[derive(Debug, Args)]
struct Waiting {
    /// List the tokens, and who waits.
    #[arg(long, conflicts_with_all = ["name", "approve"])]
    list: bool,
    /// Admit the one who waits under this name; asks whether the fingerprint is the right one.
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    approve: Option<String>,
    /// With --approve: the fingerprint on the newcomer's own screen. Only that key is admitted.
    #[arg(long, value_name = "FINGERPRINT", requires = "approve")]
    key: Option<Fingerprint>,
}

impl Enrol {
    pub(crate) async fn run(self) -> Result<Exit> {
        organisation::check_steward(&self.place.dir)?;
        let enrolments = Enrolments::open(&self.place.dir)?;
        if self.waiting.list {
            return desk::list(&enrolments, self.place.json);
        }
        let own = enrolments.organisation();
        if let Some(name) = &self.waiting.approve {
            let name = name_in(own, name)?;
            return desk::approve(&enrolments, &name, self.waiting.key.as_ref(), self.place.json);
        }
        let name = self.name.as_deref().context("enrol: wanted a name, found none")?;
        let name = name_in(own, name)?;
        if self.attested.attested {
            return self.attested.enrol(&name, self.terms, &self.place).await;
        }
        self.invite(&enrolments, &name)
    }

    fn invite(self, enrolments: &Enrolments, name: &PrincipalName) -> Result<Exit> {
        let Self { terms, out, place, .. } = self;
        let wanted = terms.openid.wanted();
        let by_hand = terms.approve_matching.is_none() && wanted.is_none();
        let offer = Offer {
            publish: terms.topics,
            read: terms.read,
            ttl: Duration::from_secs(terms.minutes * 60),
            approval: match (terms.approve_matching, wanted) {
                (_, Some(wanted)) => Approval::OpenId(wanted),
                (None, None) => Approval::ByHand,
                (Some(None), None) => Approval::Matching,
                (Some(Some(fingerprint)), None) => Approval::Key(fingerprint),
            },
            replace: terms.replace,
            ..Offer::new(name.clone(), terms.kind)
        };
        let used = |listed: &Listed| {
            listed.invitation.name == *name && matches!(listed.standing, Standing::Used(_))
        };
        let again = enrolments.list(clock::now())?.iter().any(used);
        if let Some(path) = &out {
            let file = token::new_file(path)?;
            let invited = enrolments.invite(offer, clock::now(), &mut OsEntropy::new());
            let made = invited.inspect_err(|_cause| {
                // Nothing is in it; where it cannot be removed, the next attempt names it.
                drop(std::fs::remove_file(path));
            })?;
            token::write(file, path, &made)?;
            token::announce_file(name, path, &made, place.json);
        } else {
            let made = enrolments.invite(offer, clock::now(), &mut OsEntropy::new())?;
            token::announce(name, &made, &place, by_hand);
        }
        match (again, terms.replace) {
            (true, true) => output::aside(format!(
                "note: {name} has joined before; once this token's key is admitted, every other \
                 key of {name} is revoked"
            )),
            (true, false) => output::aside(format!(
                "note: {name} has joined before; whoever uses this token is {name} as well, with \
                 another key. --replace would revoke the old one"
            )),
            (false, _) => {}
        }
        Ok(Exit::Done)
    }
}

/// A name of this organisation, written in short or in full.
pub(crate) fn name_in(organisation: &OrgName, text: &str) -> Result<PrincipalName> {
    let parsed =
        if text.contains('@') { text.parse() } else { PrincipalName::new(text, organisation) };
    parsed.map_err(|cause| fault::usage(cause.to_string()))
}
