//! Invitations: how an owner lets a newcomer in. The command line writes them into the steward's
//! folder, or an administrator asks the steward to (`errands`); the steward, which is an issuer, turns the request of whoever proves to hold the secret
//! of one into a principal with the rights that the invitation promised.
//!
//! ```text
//! DIR/enrolments/<token>.toml        the invitation with its secret, mode 0600
//! DIR/enrolments/<token>.waiting     by the steward: which key waits for an approval
//! DIR/enrolments/<token>.approved    which key may use it: the one and only, whoever comes later
//! DIR/enrolments/<token>.withdrawn   that it was taken back, and why
//! DIR/enrolments/<token>.used        the invitation, once the key is a principal's
//! ```
//!
//! Each file has one writer and appears as a whole, so that both processes may work at once. What is
//! over is destroyed by the steward when it has been for a month (`sweeping`).

pub(crate) mod desk;
mod invitation;
mod mark;
pub(crate) mod request;
mod sweeping;
mod text;

use std::path::{Path, PathBuf};

use sekisho::{JoinSecret, JoinToken, Profile, ProfileError};
use sekisho_proto::{
    InvitationStanding, ListedInvitation, Office, OrgName, PrincipalId, PrincipalKind,
    PrincipalName, Timestamp, TokenId,
};
use sekisho_seal::{Entropy, EntropyError, draw};
use thiserror::Error;

pub use self::{
    invitation::{Approval, FILTERS_MAX, Invitation, Offer, TTL_DEFAULT, TTL_MAX},
    mark::Claimant,
};
use mark::Withdrawal;

use crate::{
    folder::steward_folder,
    private_file::{self, FileError},
};

const FOLDER: &str = "enrolments";

/// How far an invitation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has come yet.
    Open,
    /// A key waits for approval.
    Waiting(Claimant),
    /// A key was approved and is about to become a principal's.
    Approved(Claimant),
    /// A key became a principal's by it.
    Used(Claimant),
    /// Nobody came in time.
    Expired,
    /// It was taken back.
    Withdrawn,
}

/// An invitation and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The invitation.
    pub invitation: Invitation,
    /// How far it is.
    pub standing: Standing,
}

impl Listed {
    /// As an administrator is told of it: without its secret.
    #[must_use]
    pub fn told(self) -> ListedInvitation {
        let Self { invitation, standing } = self;
        let (_word, claimant) = standing.words();
        let approval = match &invitation.approval {
            Approval::ByHand => 1,
            Approval::Matching => 2,
            Approval::Key(_) => 3,
            Approval::OpenId(_) => 4,
        };
        ListedInvitation {
            token_id: invitation.token,
            name: invitation.name,
            kind: invitation.kind,
            publish: invitation.publish,
            read: invitation.read,
            standing: match standing {
                Standing::Open => InvitationStanding::Open,
                Standing::Waiting(_) => InvitationStanding::Waiting,
                Standing::Approved(_) => InvitationStanding::Approved,
                Standing::Used(_) => InvitationStanding::Used,
                Standing::Expired => InvitationStanding::Expired,
                Standing::Withdrawn => InvitationStanding::Withdrawn,
            },
            claimant: claimant.map(|claimant| (claimant.id, claimant.since)),
            created: invitation.created,
            expires: invitation.expires,
            approval,
            replace: invitation.replace,
            office: invitation.office,
            invited_by: invitation.invited_by,
        }
    }
}

/// Why an invitation was not made, read or approved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnrolmentError {
    /// A file was refused.
    #[error("enrolments")]
    File(#[from] FileError),
    /// A file is not what its name says. Tells nothing of what is in it.
    #[error("enrolment {}: {key}: wanted {wanted}, found something else", path.display())]
    Text {
        /// Which.
        path: PathBuf,
        /// Which key of it.
        key: &'static str,
        /// What should be there.
        wanted: &'static str,
    },
    /// The steward's profile, which tells where newcomers dial, cannot be read.
    #[error("enrolments: wanted the steward's profile")]
    Profile(#[from] ProfileError),
    /// The source of randomness failed.
    #[error("invitation: wanted a secret")]
    Entropy(#[from] EntropyError),
    /// The offer cannot be made.
    #[error("invitation of {name}: {thing}: wanted {wanted}, found {found}")]
    Offer {
        /// Whom it is for.
        name: PrincipalName,
        /// Which part of it.
        thing: &'static str,
        /// What would do.
        wanted: String,
        /// What was asked for.
        found: String,
    },
    /// There is nobody, or more than one, to approve under that name.
    #[error("enrolment of {name}: wanted one newcomer that waits, found {found}")]
    NotWaiting {
        /// The name.
        name: PrincipalName,
        /// How many wait.
        found: usize,
    },
    /// There is no invitation that could be approved or taken back any more.
    #[error("invitation {token}: wanted {wanted}, found {found}")]
    Standing {
        /// Which.
        token: TokenId,
        /// How far it should be.
        wanted: &'static str,
        /// How far it is.
        found: &'static str,
    },
}

/// What an administrator drew for an invitation, and who that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) token: TokenId,
    pub(crate) secret: JoinSecret,
    pub(crate) by: PrincipalName,
}

impl Standing {
    /// The word for it, and the key that came.
    #[must_use]
    pub const fn words(&self) -> (&'static str, Option<Claimant>) {
        match self {
            Self::Open => ("open", None),
            Self::Waiting(claimant) => ("waiting", Some(*claimant)),
            Self::Approved(claimant) => ("approved", Some(*claimant)),
            Self::Used(claimant) => ("used", Some(*claimant)),
            Self::Expired => ("expired", None),
            Self::Withdrawn => ("withdrawn", None),
        }
    }
}

/// The invitations of one steward.
#[derive(Debug, Clone)]
pub struct Enrolments {
    folder: PathBuf,
    profile: Profile,
}

impl Enrolments {
    /// Those in the folder of an organisation or of its steward.
    ///
    /// # Errors
    /// There is no steward's profile, or the folder cannot be made.
    pub fn open(dir: &Path) -> Result<Self, EnrolmentError> {
        let steward = steward_folder(dir);
        let profile = Profile::load(&steward)?;
        let folder = steward.join(FOLDER);
        private_file::make_folder(&folder)?;
        Ok(Self { folder, profile })
    }

    /// Whose newcomers they are.
    #[must_use]
    pub fn organisation(&self) -> &OrgName {
        self.profile.principal.organisation()
    }

    /// Makes an invitation. The token's text is for the newcomer alone: whoever has it can come.
    ///
    /// # Errors
    /// The offer is not one that can be made, or cannot be written.
    pub fn invite(
        &self,
        offer: Offer,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<JoinToken, EnrolmentError> {
        self.check(&offer)?;
        let secret = draw::<32>(entropy)?;
        let token = draw::<{ TokenId::LENGTH }>(entropy)?;
        let (token, secret) = (TokenId::new(*token), JoinSecret::new(*secret));
        let invitation = offer.made(token, secret, now);
        self.keep(&invitation)?;
        Ok(self.token(&invitation))
    }

    /// Makes an invitation that an administrator asked for. The same again changes nothing.
    ///
    /// # Errors
    /// The offer is not one that can be made, cannot be written, or the token is another's.
    pub(crate) fn invite_for(
        &self,
        offer: Offer,
        drawn: Drawn,
        created: Timestamp,
    ) -> Result<Invitation, EnrolmentError> {
        self.check(&offer)?;
        let Drawn { token, secret, by } = drawn;
        let invitation = Invitation { invited_by: Some(by), ..offer.made(token, secret, created) };
        for file in [File::Used, File::Invitation] {
            let Some(known) = text::read(&self.path(token, file))? else { continue };
            if known == invitation {
                return Ok(known);
            }
            let (wanted, found) = ("a token of its own", "one that is another invitation's");
            return Err(EnrolmentError::Standing { token, wanted, found });
        }
        self.keep(&invitation)?;
        Ok(invitation)
    }

    fn keep(&self, invitation: &Invitation) -> Result<(), FileError> {
        let path = self.path(invitation.token, File::Invitation);
        private_file::create(&path, text::print(invitation).as_bytes())
    }

    /// One invitation; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn find(
        &self,
        token: TokenId,
        now: Timestamp,
    ) -> Result<Option<Listed>, EnrolmentError> {
        for file in [File::Invitation, File::Used] {
            if let Some(invitation) = text::read(&self.path(token, file))? {
                let is_used = matches!(file, File::Used);
                let standing = self.standing(&invitation, is_used, now)?;
                return Ok(Some(Listed { invitation, standing }));
            }
        }
        Ok(None)
    }

    /// Lets in the newcomer that waits with the key `seen` by this invitation. The same again
    /// changes nothing.
    ///
    /// # Errors
    /// Nobody waits by it with that key, or the approval cannot be written.
    pub(crate) fn approve_token(
        &self,
        token: TokenId,
        seen: PrincipalId,
        now: Timestamp,
    ) -> Result<PrincipalName, EnrolmentError> {
        let listed = self.find(token, now)?;
        let standing = listed.as_ref().map(|listed| listed.standing);
        let wanted = "one by which this key waits";
        let refused = |found| EnrolmentError::Standing { token, wanted, found };
        match standing {
            Some(Standing::Approved(claimant) | Standing::Used(claimant))
                if claimant.id == seen => {}
            Some(Standing::Waiting(claimant)) if claimant.id == seen => {
                let bound = self.bind(token, Claimant { since: now, ..claimant })?;
                if bound.id != seen {
                    return Err(refused("one that another key was given"));
                }
            }
            Some(Standing::Waiting(_)) => return Err(refused("one by which another key waits")),
            Some(other) => return Err(refused(other.words().0)),
            None => return Err(refused("none")),
        }
        let name = listed.map(|listed| listed.invitation.name);
        name.ok_or_else(|| refused("none"))
    }

    /// Takes an invitation back: nobody is let in by it. The same again changes nothing.
    ///
    /// # Errors
    /// There is none, or somebody was approved already.
    pub fn withdraw(
        &self,
        token: TokenId,
        reason: &str,
        now: Timestamp,
    ) -> Result<PrincipalName, EnrolmentError> {
        let wanted = "one by which nobody was let in";
        let refused = |found| EnrolmentError::Standing { token, wanted, found };
        let listed = self.find(token, now)?.ok_or_else(|| refused("none"))?;
        match listed.standing {
            Standing::Open | Standing::Waiting(_) | Standing::Expired => {
                let withdrawal = Withdrawal { reason: reason.to_owned(), since: now };
                let path = self.path(token, File::Withdrawn);
                match private_file::create(&path, withdrawal.print().as_bytes()) {
                    Ok(()) | Err(FileError::Exists { .. }) => {}
                    Err(cause) => return Err(cause.into()),
                }
            }
            Standing::Withdrawn => {}
            Standing::Approved(_) | Standing::Used(_) => {
                return Err(refused(listed.standing.words().0));
            }
        }
        Ok(listed.invitation.name)
    }

    /// Every invitation, newest first.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn list(&self, now: Timestamp) -> Result<Vec<Listed>, EnrolmentError> {
        let mut listed = Vec::new();
        for path in private_file::list(&self.folder)? {
            let extension = path.extension().unwrap_or_default();
            let is_used = extension == File::Used.extension();
            if !is_used && extension != File::Invitation.extension() {
                continue;
            }
            // It may be renamed between being listed and being read.
            let Some(invitation) = text::read(&path)? else { continue };
            let standing = self.standing(&invitation, is_used, now)?;
            listed.push(Listed { invitation, standing });
        }
        listed.sort_by_key(|listed| std::cmp::Reverse(listed.invitation.created));
        Ok(listed)
    }

    /// Lets in the newcomer that waits under a name with the key `seen`, whose fingerprint is to be
    /// compared with the newcomer's own screen first. From then on only that key can use the
    /// invitation.
    ///
    /// # Errors
    /// Nobody, somebody else or more than one waits under that name, or the approval cannot be
    /// written.
    pub fn approve(
        &self,
        name: &PrincipalName,
        seen: PrincipalId,
        now: Timestamp,
    ) -> Result<Claimant, EnrolmentError> {
        let listed = self.list(now)?;
        let waiting: Vec<(TokenId, Claimant)> = listed
            .iter()
            .filter(|listed| listed.invitation.name == *name)
            .filter_map(|listed| match listed.standing {
                Standing::Waiting(claimant) => Some((listed.invitation.token, claimant)),
                Standing::Open
                | Standing::Approved(_)
                | Standing::Used(_)
                | Standing::Expired
                | Standing::Withdrawn => None,
            })
            .filter(|(_token, claimant)| claimant.id == seen)
            .collect();
        let &[(token, claimant)] = waiting.as_slice() else {
            return Err(EnrolmentError::NotWaiting { name: name.clone(), found: waiting.len() });
        };
        let bound = self.bind(token, Claimant { since: now, ..claimant })?;
        if bound.id != claimant.id {
            // Somebody else approved another key in the same moment.
            return Err(EnrolmentError::NotWaiting { name: name.clone(), found: 0 });
        }
        Ok(claimant)
    }

    /// Gives an invitation to one key, for good; returns to whom it was given before, where it was.
    fn bind(&self, token: TokenId, claimant: Claimant) -> Result<Claimant, EnrolmentError> {
        let path = self.path(token, File::Approved);
        match private_file::create(&path, claimant.print().as_bytes()) {
            Ok(()) => Ok(claimant),
            Err(FileError::Exists { .. }) => Ok(mark::read(&path)?.unwrap_or(claimant)),
            Err(cause) => Err(cause.into()),
        }
    }

    fn standing(
        &self,
        invitation: &Invitation,
        is_used: bool,
        now: Timestamp,
    ) -> Result<Standing, EnrolmentError> {
        let approved = mark::read(&self.path(invitation.token, File::Approved))?;
        if let Some(claimant) = approved.filter(|_claimant| is_used) {
            return Ok(Standing::Used(claimant));
        }
        if self.withdrawal(invitation.token)?.is_some() {
            return Ok(Standing::Withdrawn);
        }
        if let Some(claimant) = approved {
            return Ok(Standing::Approved(claimant));
        }
        if invitation.expires <= now {
            return Ok(Standing::Expired);
        }
        let waiting = mark::read(&self.path(invitation.token, File::Waiting))?;
        Ok(waiting.map_or(Standing::Open, Standing::Waiting))
    }

    /// Whether an invitation was taken back, and why.
    fn withdrawal(&self, token: TokenId) -> Result<Option<Withdrawal>, EnrolmentError> {
        mark::read_withdrawal(&self.path(token, File::Withdrawn))
    }

    fn token(&self, invitation: &Invitation) -> JoinToken {
        JoinToken {
            name: invitation.name.clone(),
            kind: invitation.kind,
            root: self.profile.root,
            node_key: self.profile.node_key,
            address: self.profile.node.clone(),
            id: invitation.token,
            secret: invitation.secret.clone(),
            expires: invitation.expires,
        }
    }

    fn check(&self, offer: &Offer) -> Result<(), EnrolmentError> {
        let refuse = |thing, wanted: String, found: String| {
            Err(EnrolmentError::Offer { name: offer.name.clone(), thing, wanted, found })
        };
        let own = self.profile.principal.organisation();
        if offer.name.organisation() != own {
            let found = offer.name.organisation().to_string();
            return refuse("name", format!("a principal of {own}"), found);
        }
        if matches!(offer.kind, PrincipalKind::Steward | PrincipalKind::Node) {
            let wanted = "device, person, app or bridge".to_owned();
            return refuse("kind", wanted, offer.kind.to_string());
        }
        if offer.office == Office::Administrator && offer.kind != PrincipalKind::Person {
            let wanted = "a person to administer everything".to_owned();
            return refuse("kind", wanted, offer.kind.to_string());
        }
        if let Approval::OpenId(wanted) = &offer.approval {
            if offer.kind != PrincipalKind::Person {
                return refuse("kind", "a person to sign in".to_owned(), offer.kind.to_string());
            }
            if let Err(cause) = wanted.check() {
                return refuse("provider", "one that can be asked".to_owned(), cause.to_string());
            }
        }
        if offer.ttl.is_zero() || offer.ttl > TTL_MAX {
            let wanted = format!("up to {} hours", TTL_MAX.as_secs() / 3_600);
            return refuse("time", wanted, format!("{:?}", offer.ttl));
        }
        for (thing, filters) in [("publish", &offer.publish), ("read", &offer.read)] {
            if filters.len() > FILTERS_MAX {
                let wanted = format!("at most {FILTERS_MAX} filters");
                return refuse(thing, wanted, filters.len().to_string());
            }
            if let Some(foreign) = filters.iter().find(|filter| filter.organisation() != own) {
                return refuse(thing, format!("topics of {own}"), foreign.to_string());
            }
        }
        Ok(())
    }

    fn path(&self, token: TokenId, file: File) -> PathBuf {
        self.folder.join(format!("{token}.{}", file.extension()))
    }
}

/// The files of one invitation.
#[derive(Debug, Clone, Copy)]
enum File {
    Invitation,
    Waiting,
    Approved,
    Withdrawn,
    Used,
}

impl File {
    const fn extension(self) -> &'static str {
        match self {
            Self::Invitation => "toml",
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Withdrawn => "withdrawn",
            Self::Used => "used",
        }
    }
}

#[cfg(test)]
mod tests;
