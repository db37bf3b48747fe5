//! Where invitations are made and newcomers let in: in the steward's folder, or, from an
//! administrator's, by errands to the steward.

use anyhow::{Result, bail};
use sekisho::{Fingerprint, JoinSecret, JoinToken, OsEntropy, Profile, clock};
use sekisho_proto::limits::INVITATIONS_PER_ANSWER_MAX;
use sekisho_proto::{
    AdmissionBy, ErrandOutcome, ErrandTask, InvitationStanding, InviteTask, ListedInvitation,
    Office, OrgName, PrincipalId, PrincipalName, TaskSecret, Timestamp, TokenId,
};
use sekisho_seal::draw;
use sekisho_steward::enrolment::{Approval, Enrolments, Listed, Offer};
use sekisho_steward::openid::OpenIdSubject;
use serde_json::{Value, json};

use crate::errand::Errands;
use crate::exit::Exit;
use crate::{ask, fault, output};

const MINUTE_S: u64 = 60;

/// See the module.
pub(super) enum Desk<'a> {
    Folder(Enrolments),
    Errands(Errands<'a>),
}

/// An invitation, and which of the stewards has it.
#[derive(Debug)]
pub(super) struct Entry {
    invitation: ListedInvitation,
    steward: usize,
}

/// What came of inviting somebody.
#[derive(Debug)]
pub(super) struct Invited {
    pub(super) token: JoinToken,
    /// Whether somebody of that name has joined before.
    pub(super) again: bool,
}

impl Desk<'_> {
    /// Whose newcomers they are.
    pub(super) fn organisation(&self) -> &OrgName {
        match self {
            Self::Folder(enrolments) => enrolments.organisation(),
            Self::Errands(errands) => errands.profile().principal.organisation(),
        }
    }

    /// Makes an invitation.
    pub(super) async fn invite(&self, offer: Offer) -> Result<Invited> {
        match self {
            Self::Folder(enrolments) => {
                let used = |listed: Listed| {
                    let told = listed.told();
                    told.name == offer.name && told.standing == InvitationStanding::Used
                };
                let again = enrolments.list(clock::now())?.into_iter().any(used);
                let token = enrolments.invite(offer, clock::now(), &mut OsEntropy::new())?;
                Ok(Invited { token, again })
            }
            Self::Errands(errands) => invite_by_errand(errands, offer).await,
        }
    }

    /// Every invitation, newest first; of an errand's, where so wanted, only those of which something
    /// may still come.
    async fn entries(&self, pending: bool) -> Result<Vec<Entry>> {
        match self {
            Self::Folder(enrolments) => {
                let listed = enrolments.list(clock::now())?.into_iter();
                Ok(listed.map(|one| Entry { invitation: one.told(), steward: 0 }).collect())
            }
            Self::Errands(errands) => {
                let mut entries = Vec::new();
                for (steward, _record) in errands.stewards().iter().enumerate() {
                    let told = listed_by(errands, steward, pending).await?;
                    entries
                        .extend(told.into_iter().map(|invitation| Entry { invitation, steward }));
                }
                entries.sort_by_key(|entry| std::cmp::Reverse(entry.invitation.created));
                Ok(entries)
            }
        }
    }

    /// Lets one in: the one whose fingerprint is given, or the one that waits, where somebody says
    /// that the newcomer shows the same. Nobody is let in unseen.
    pub(super) async fn approve(
        &self,
        name: &PrincipalName,
        key: Option<&Fingerprint>,
        json: bool,
    ) -> Result<Exit> {
        let entries = self.entries(true).await?;
        let waiting: Vec<(&Entry, PrincipalId)> = entries
            .iter()
            .filter(|entry| {
                let invitation = &entry.invitation;
                invitation.name == *name && invitation.standing == InvitationStanding::Waiting
            })
            .filter_map(|entry| Some((entry, entry.invitation.claimant?.0)))
            .collect();
        let chosen = match (key, waiting.as_slice()) {
            (Some(key), all) => {
                *all.iter().find(|(_entry, id)| key.is_of(id)).ok_or_else(|| {
                    fault::no(format!(
                        "{name}: wanted a newcomer with the key {key}, found none that waits; \
                         `sekisho enrol --list` tells who does"
                    ))
                })?
            }
            (None, [one]) => {
                compare(name, &one.1)?;
                *one
            }
            (None, others) => {
                return Err(fault::no(format!(
                    "enrolment of {name}: wanted one newcomer that waits, found {}; `sekisho enrol \
                     --list` tells who waits",
                    others.len()
                )));
            }
        };
        let (entry, id) = chosen;
        self.admit(entry, id).await?;
        if json {
            output::json(&json!({ "name": name.to_string(), "key": id.to_string() }));
        } else {
            output::line(format!("{name} is admitted with the key {}", Fingerprint::of(&id)));
        }
        Ok(Exit::Done)
    }

    async fn admit(&self, entry: &Entry, key: PrincipalId) -> Result<()> {
        match self {
            Self::Folder(enrolments) => {
                enrolments.approve(&entry.invitation.name, key, clock::now())?;
            }
            Self::Errands(errands) => {
                let task = ErrandTask::Approve { token_id: entry.invitation.token_id, key };
                asked(errands, entry.steward, &task).await?;
            }
        }
        Ok(())
    }

    /// Takes back every invitation of a name of which something may still come, or the one with
    /// which a key waits.
    pub(super) async fn refuse(
        &self,
        name: &PrincipalName,
        (key, reason): (Option<&Fingerprint>, &str),
        json: bool,
    ) -> Result<Exit> {
        let entries = self.entries(true).await?;
        let meant = |entry: &&Entry| {
            let ListedInvitation { name: found, standing, claimant, .. } = &entry.invitation;
            let is_open =
                matches!(standing, InvitationStanding::Open | InvitationStanding::Waiting);
            let is_its = match (key, claimant) {
                (None, _) => true,
                (Some(key), Some((id, _since))) => key.is_of(id),
                (Some(_key), None) => false,
            };
            found == name && is_open && is_its
        };
        let meant: Vec<&Entry> = entries.iter().filter(meant).collect();
        if meant.is_empty() {
            return Err(fault::no(format!(
                "{name}: wanted a token that is open or with which somebody waits, found none; \
                 `sekisho enrol --list` tells which there are"
            )));
        }
        for entry in &meant {
            let token_id = entry.invitation.token_id;
            match self {
                Self::Folder(enrolments) => {
                    enrolments.withdraw(token_id, reason, clock::now())?;
                }
                Self::Errands(errands) => {
                    let task = ErrandTask::Withdraw { token_id, reason: reason.to_owned() };
                    asked(errands, entry.steward, &task).await?;
                }
            }
        }
        if json {
            output::json(&json!({ "name": name.to_string(), "withdrawn": meant.len() }));
        } else {
            let tokens = output::count(meant.len() as u64, "token");
            output::line(format!("{tokens} for {name} taken back: nobody joins with it any more"));
        }
        Ok(Exit::Done)
    }

    /// Shows the tokens, and who waits.
    pub(super) async fn list(&self, json: bool) -> Result<Exit> {
        let entries = self.entries(false).await?;
        if json {
            output::json(&entries.iter().map(document).collect());
            return Ok(Exit::Done);
        }
        let row = |entry: &Entry| {
            let invitation = &entry.invitation;
            let expires = output::moment(&invitation.expires.to_string());
            let key = invitation.claimant;
            let key =
                key.map_or_else(|| "–".to_owned(), |(id, _since)| Fingerprint::of(&id).to_string());
            let standing = invitation.standing.name().to_owned();
            vec![invitation.name.to_string(), standing, key, expires]
        };
        if entries.is_empty() {
            output::aside("no tokens: `sekisho enrol NAME` makes one");
        } else {
            let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
            output::table(&["NAME", "STANDING", "FINGERPRINT", "EXPIRES"], &rows);
        }
        Ok(Exit::Done)
    }
}

/// The secret is drawn here: the node never sees it, nor does the steward's folder before it is
/// asked to keep it.
async fn invite_by_errand(errands: &Errands<'_>, offer: Offer) -> Result<Invited> {
    let secret = draw::<32>(&mut OsEntropy::new())?;
    let token_id = TokenId::new(*draw::<{ TokenId::LENGTH }>(&mut OsEntropy::new())?);
    let (name, kind) = (offer.name.clone(), offer.kind);
    let task = InviteTask {
        token_id,
        secret: TaskSecret::new(*secret),
        name: offer.name,
        kind: offer.kind,
        publish: offer.publish,
        read: offer.read,
        minutes: u32::try_from(offer.ttl.as_secs() / MINUTE_S).unwrap_or(u32::MAX),
        approval: admission_by(offer.approval),
        replace: offer.replace,
        office: offer.office,
    };
    let outcome = errands.ask(&ErrandTask::Invite(Box::new(task))).await?;
    let ErrandOutcome::Invited { expires, joined_before: again } = outcome else {
        bail!("answer of the steward: wanted an invitation, found another")
    };
    let Profile { root, node_key, node, .. } = errands.profile().clone();
    let token = JoinToken {
        name,
        kind,
        root,
        node_key,
        address: node,
        id: token_id,
        secret: JoinSecret::new(*secret),
        expires,
    };
    Ok(Invited { token, again })
}

fn admission_by(approval: Approval) -> AdmissionBy {
    match approval {
        Approval::ByHand => AdmissionBy::Hand,
        Approval::Matching => AdmissionBy::Token,
        Approval::Key(fingerprint) => {
            let digits = fingerprint.to_string();
            AdmissionBy::Fingerprint(digits.replace('-', ""))
        }
        Approval::OpenId(OpenIdSubject { provider, subject }) => {
            AdmissionBy::OpenId { issuer: provider.issuer, client: provider.client_id, subject }
        }
    }
}

async fn listed_by(
    errands: &Errands<'_>,
    steward: usize,
    pending: bool,
) -> Result<Vec<ListedInvitation>> {
    let mut all: Vec<ListedInvitation> = Vec::new();
    loop {
        let after = all.last().map(|last| last.token_id);
        let task = ErrandTask::Invitations { after, max: INVITATIONS_PER_ANSWER_MAX, pending };
        let outcome = asked(errands, steward, &task).await?;
        let ErrandOutcome::Invitations { invitations, is_last } = outcome else {
            bail!("answer of the steward: wanted a list, found another")
        };
        let is_last = is_last || invitations.is_empty();
        all.extend(invitations);
        if is_last {
            return Ok(all);
        }
    }
}

async fn asked(errands: &Errands<'_>, steward: usize, task: &ErrandTask) -> Result<ErrandOutcome> {
    let Some(steward) = errands.stewards().get(steward) else {
        bail!("errand: wanted a steward, found none")
    };
    let (outcome, _issued): (ErrandOutcome, Timestamp) = errands.ask_of(steward, task).await?;
    Ok(outcome)
}

/// Asks whether the newcomer's own screen shows the fingerprint of the key that waits.
fn compare(name: &PrincipalName, id: &PrincipalId) -> Result<()> {
    let fingerprint = Fingerprint::of(id);
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
        "{name}: not admitted; somebody else may have the token: take it back with --refuse"
    )))
}

fn document(entry: &Entry) -> Value {
    let invitation = &entry.invitation;
    json!({
        "token": invitation.token_id.to_string(),
        "name": invitation.name.to_string(),
        "kind": invitation.kind.to_string(),
        "publish": invitation.publish.iter().map(ToString::to_string).collect::<Value>(),
        "read": invitation.read.iter().map(ToString::to_string).collect::<Value>(),
        "standing": invitation.standing.name(),
        "key": invitation.claimant.map(|(id, _since)| id.to_string()),
        "since": invitation.claimant.map(|(_id, since)| since.to_string()),
        "expires": invitation.expires.to_string(),
        "replaces": invitation.replace,
        "administrator": invitation.office == Office::Administrator,
        "invited_by": invitation.invited_by.as_ref().map(ToString::to_string),
    })
}
