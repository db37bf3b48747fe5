//! `enrol`: tokens for newcomers, and those who wait to be admitted.

mod attested;
mod desk;
mod token;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use sekisho::{Fingerprint, Profile, clock};
use sekisho_proto::statement::Grant;
use sekisho_proto::{
    Action, Actions, Filter, Grantee, Office, OrgName, PrincipalKind, PrincipalName, StatementBody,
};
use sekisho_steward::enrolment::{Approval, Enrolments, Offer};
use sekisho_steward::openid::{OpenIdProvider, OpenIdSubject};

use attested::Attested;
use desk::Desk;

use crate::access::Access;
use crate::command::{Place, signing};
use crate::errand::Errands;
use crate::exit::Exit;
use crate::preview::{Background, Lang, Preview};
use crate::{errand, fault, organisation, output};

/// Make a one-time token for a device or person, or look after those who wait.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho enrol truck-17 --topics 'fujisawa/truck/17/#' --dir fujisawa
  sekisho enrol truck-17 --approve-matching 5189-bfc3-7f7b-2a37 --dir fujisawa
  sekisho enrol meter-3 --attested --topics 'fujisawa/mqtt/meter/3/#' --dir fujisawa
  sekisho enrol dashboard --kind app --read 'fujisawa/truck/#' --approve-matching --out token
  sekisho enrol sato --kind person --administrator --dir fujisawa
  sekisho enrol mori --kind person --read 'fujisawa/truck/#' --openid https://login.example
    --openid-client sekisho --openid-subject 248289761001 --dir fujisawa
  sekisho enrol --list --dir fujisawa
  sekisho enrol --approve truck-17 --key 5189-bfc3-7f7b-2a37 --dir fujisawa
  sekisho enrol --refuse truck-17 --reason 'not ours' --dir fujisawa

The node and the steward of the organisation must run for the other side's `sekisho join`. From the \
folder of somebody who may administer everything, made by `sekisho join`, the same is asked of the \
steward past the node, which learns nothing of it; node and steward must run then.")]
pub(crate) struct Enrol {
    /// The name it will have in this organisation, such as truck-17.
    #[arg(required_unless_present_any = ["list", "approve", "refuse"])]
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
    #[command(flatten)]
    office: OfficeArgs,
    /// Revoke the keys that the name has so far, once the newcomer's is admitted.
    #[arg(long)]
    replace: bool,
}

/// What it may do beside its topics.
#[derive(Debug, Args)]
struct OfficeArgs {
    /// It may administer everything: ask who may do what, grant and deny, invite others and revoke.
    /// For people.
    #[arg(long)]
    administrator: bool,
}

impl OfficeArgs {
    const fn office(&self) -> Office {
        if self.administrator { Office::Administrator } else { Office::None }
    }
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
    #[arg(long, conflicts_with_all = ["name", "approve", "refuse"])]
    list: bool,
    /// Admit the one who waits under this name; asks whether the fingerprint is the right one.
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    approve: Option<String>,
    /// Take back the tokens of this name with which nobody was admitted; whoever waits with one is
    /// refused.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "approve"])]
    refuse: Option<String>,
    /// With --approve: the fingerprint on the newcomer's own screen. Only that key is admitted. With
    /// --refuse: only the token with which that key waits is taken back.
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "name")]
    key: Option<Fingerprint>,
    /// With --refuse: why, for whoever waits.
    #[arg(long, default_value = "", requires = "refuse")]
    reason: String,
    /// From an administrator's folder: how long the steward is waited for, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = errand::WAIT_DEFAULT.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
}

impl Enrol {
    pub(crate) async fn run(self) -> Result<Exit> {
        if organisation::has_steward(&self.place.dir)? {
            let desk = Desk::Folder(Enrolments::open(&self.place.dir)?);
            return self.at(&desk).await;
        }
        if self.attested.attested {
            let profile = Profile::load(&self.place.dir)?;
            let name = self.name.as_deref().unwrap_or_default();
            let name = name_in(profile.principal.organisation(), name)?;
            return self.attested.enrol(&name, self.terms, &self.place).await;
        }
        let access = Access::of(&self.place.common())?;
        let client = access.connect().await?;
        let wait = Duration::from_secs(self.waiting.wait);
        let errands = Errands::to(&access, &client, wait).await?;
        let ended = self.at(&Desk::Errands(errands)).await;
        client.close().await;
        ended
    }

    async fn at(self, desk: &Desk<'_>) -> Result<Exit> {
        let Waiting { list, approve, refuse, key, reason, .. } = &self.waiting;
        if *list {
            return desk.list(self.place.json).await;
        }
        let own = desk.organisation();
        if let Some(name) = approve {
            let name = name_in(own, name)?;
            return desk.approve(&name, key.as_ref(), self.place.json).await;
        }
        if let Some(name) = refuse {
            let name = name_in(own, name)?;
            return desk.refuse(&name, (key.as_ref(), reason), self.place.json).await;
        }
        let name = self.name.as_deref().context("enrol: wanted a name, found none")?;
        let name = name_in(own, name)?;
        if self.attested.attested {
            return self.attested.enrol(&name, self.terms, &self.place).await;
        }
        self.invite(desk, &name).await
    }

    async fn invite(self, desk: &Desk<'_>, name: &PrincipalName) -> Result<Exit> {
        let Self { terms, out, place, attested, .. } = self;
        if terms.office.office() == Office::Administrator {
            tell_office(name, terms.kind, attested.signing.speech.lang());
        }
        let wanted = terms.openid.wanted();
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
            office: terms.office.office(),
            ..Offer::new(name.clone(), terms.kind)
        };
        let approval = offer.approval.clone();
        let again = if let Some(path) = &out {
            let file = token::new_file(path)?;
            let invited = desk.invite(offer).await.inspect_err(|_cause| {
                // Nothing is in it; where it cannot be removed, the next attempt names it.
                drop(std::fs::remove_file(path));
            })?;
            token::write(file, path, &invited.token)?;
            token::announce_file(name, path, &invited.token, place.json);
            invited.again
        } else {
            let invited = desk.invite(offer).await?;
            token::announce(name, &invited.token, &place, &approval);
            invited.again
        };
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

/// Says in plain words what whoever is to administer everything will be given.
fn tell_office(name: &PrincipalName, kind: PrincipalKind, lang: Lang) {
    let now = clock::now();
    let body = StatementBody::Grant(Grant {
        organisation: name.organisation().clone(),
        grantee: Grantee::Principal(name.clone()),
        actions: Actions::of(&[Action::Administer, Action::Discover, Action::Grant]),
        filter: Filter::everything(name.organisation()),
        purpose: String::new(),
        issued: now,
        from: now,
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    });
    let background =
        Background { now, kind: Some(kind), holder: None, revoked: None, effect: None };
    signing::show(&Preview::of(&body, &background, lang));
}

/// A name of this organisation, written in short or in full.
pub(crate) fn name_in(organisation: &OrgName, text: &str) -> Result<PrincipalName> {
    let parsed =
        if text.contains('@') { text.parse() } else { PrincipalName::new(text, organisation) };
    parsed.map_err(|cause| fault::usage(cause.to_string()))
}
