//! Judges newcomers: who has an invitation, proves to hold its secret and was approved is admitted,
//! by statements that the steward signs; everybody else is told why not, or waits.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use sekisho::{Fingerprint, OsEntropy};
use sekisho_proto::{
    Action, Actions, Filter, Grantee, Office, PrincipalId, PrincipalName, StatementBody, Timestamp,
    TokenId,
    statement::{Grant, Principal},
};
use sekisho_seal::{
    EnrolmentClaim, SignInError, SignInSide, check_enrolment_proof, open_sign_in, seal_sign_in,
    sign_in_nonce,
};

use super::{
    Approval, Claimant, EnrolmentError, Enrolments, File, Invitation, Listed, Standing, mark,
    request::{ClaimTag, Request},
    text,
};
use crate::{
    openid::{OpenIdSubject, Way},
    private_file,
};

/// Before an offer in what a newcomer waits for: pages look for it there.
const OFFER_WORDS: &str = "sign in on this page: ";

/// Why a page is not told where to sign in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OfferError {
    /// The invitation cannot be read.
    #[error("offer to sign in")]
    Invitation(#[from] EnrolmentError),
    /// It cannot be sealed.
    #[error("offer to sign in")]
    Seal(#[from] SignInError),
}

/// What is to be done with a newcomer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// State this, then call [`Desk::done`].
    Admit(Admission),
    /// Nothing: somebody has to approve it.
    Wait,
    /// Have it sign in as this subject, then call [`Desk::identified`], or refuse.
    Identify(OpenIdSubject, Way),
    /// Tell it why not.
    Refuse(String),
}

/// What makes a newcomer a principal. The same request gives the same statements, so that stating
/// them again after an interruption changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) token: TokenId,
    pub(crate) name: PrincipalName,
    pub(crate) id: PrincipalId,
    /// The principal last: the newcomer may go once it is logged, and has its rights then.
    pub(crate) statements: Vec<StatementBody>,
    /// Whether the other keys of the name are to be revoked then.
    pub(crate) replaces: bool,
    /// When it was approved: the time of all that is stated about it.
    pub(crate) issued: Timestamp,
}

/// A newcomer that may be a principal already, while its invitation does not say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfinished {
    pub(crate) token: TokenId,
    pub(crate) name: PrincipalName,
    pub(crate) id: PrincipalId,
    pub(crate) replaces: bool,
    pub(crate) issued: Timestamp,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk {
    enrolments: Enrolments,
    /// Whose waiting was noted.
    noted: BTreeMap<TokenId, PrincipalId>,
    /// Whose claim, known by its proof, is that of whom an invitation is for, as a provider says.
    identified: BTreeSet<(TokenId, ClaimTag)>,
    /// The claim that each invitation was first admitted with: whoever stole its secret may make
    /// another one for the same signing key, with a key for secrets of their own.
    admitted: BTreeMap<TokenId, ClaimTag>,
}

impl Desk {
    /// Forgets who waited before this process began.
    pub(crate) fn open(enrolments: Enrolments) -> Result<Self, EnrolmentError> {
        for path in private_file::list(&enrolments.folder)? {
            if path.extension().is_some_and(|extension| extension == File::Waiting.extension()) {
                private_file::remove(&path)?;
            }
        }
        let (noted, identified, admitted) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Ok(Self { enrolments, noted, identified, admitted })
    }

    /// Judges one newcomer.
    pub(crate) fn judge(
        &mut self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Verdict, EnrolmentError> {
        let token = request.token;
        let Some(invitation) = text::read(&self.enrolments.path(token, File::Invitation))? else {
            let used = self.enrolments.path(token, File::Used).exists();
            let found = if used { "one that was used" } else { "one that was not made here" };
            return Ok(refuse(format!("wanted a token that is open, found {found}")));
        };
        let withdrawn = self.enrolments.withdrawal(token)?;
        let claim = claim(&invitation, request);
        if let Err(cause) =
            check_enrolment_proof(invitation.secret.expose(), &claim, &request.proof)
        {
            return Ok(refuse(cause.to_string()));
        }
        if let Some(withdrawn) = withdrawn {
            let why = withdrawn.reason;
            return Ok(refuse(format!("wanted a token that is open, found it taken back: {why}")));
        }
        let id = request.id();
        let approved = mark::read(&self.enrolments.path(token, File::Approved))?;
        let claimant = match (approved, &invitation.approval) {
            (Some(claimant), _) => claimant,
            (None, _) if invitation.expires <= now => {
                let expired = invitation.expires;
                return Ok(refuse(format!("wanted a token in force, found it ended at {expired}")));
            }
            (None, Approval::Matching) => {
                self.enrolments.bind(token, Claimant { id, since: now })?
            }
            (None, Approval::Key(fingerprint)) if fingerprint.is_of(&id) => {
                self.enrolments.bind(token, Claimant { id, since: now })?
            }
            (None, Approval::Key(fingerprint)) => {
                let found = Fingerprint::of(&id);
                return Ok(refuse(format!("wanted the key {fingerprint}, found {found}")));
            }
            (None, Approval::OpenId(_)) if self.identified.remove(&(token, request.proof)) => {
                self.enrolments.bind(token, Claimant { id, since: now })?
            }
            (None, Approval::OpenId(wanted)) => {
                return Ok(match way(&invitation, &claim, &request.sign_in) {
                    Ok(way) => Verdict::Identify(wanted.clone(), way),
                    Err(cause) => refuse(cause.to_string()),
                });
            }
            (None, Approval::ByHand) => {
                self.note(&invitation, Claimant { id, since: now })?;
                return Ok(Verdict::Wait);
            }
        };
        if claimant.id != id {
            let why = "wanted a token that is open, found one that another key uses";
            return Ok(refuse(why.to_owned()));
        }
        if *self.admitted.entry(token).or_insert(request.proof) != request.proof {
            return Ok(refuse("wanted the keys that were let in, found others".to_owned()));
        }
        Ok(Verdict::Admit(admission(&invitation, request, claimant.since)))
    }

    /// What a page is told of a provider, as text that only the newcomer can read.
    pub(crate) fn seal_offer(
        &self,
        request: &Request,
        offer: &[u8],
    ) -> Result<Option<String>, OfferError> {
        let path = self.enrolments.path(request.token, File::Invitation);
        let Some(invitation) = text::read(&path)? else { return Ok(None) };
        let claim = claim(&invitation, request);
        let said = (SignInSide::Steward, offer);
        let secret = invitation.secret.expose();
        let sealed = seal_sign_in(secret, &claim, said, &mut OsEntropy::new())?;
        Ok(Some(format!("{OFFER_WORDS}{}", BASE64URL_NOPAD.encode(&sealed))))
    }

    /// A provider says that the one with these keys is whom the invitation is for.
    pub(crate) fn identified(&mut self, request: &Request) {
        self.identified.insert((request.token, request.proof));
    }

    /// Newcomers that were approved and of whom this process does not know whether all that belongs
    /// to their admission was stated: the one before it may have ended in between.
    pub(crate) fn unfinished(&self, now: Timestamp) -> Result<Vec<Unfinished>, EnrolmentError> {
        let listed = self.enrolments.list(now)?.into_iter();
        let unfinished = listed.filter_map(|Listed { invitation, standing }| match standing {
            Standing::Approved(Claimant { id, since: issued }) => {
                let Invitation { token, name, replace: replaces, .. } = invitation;
                Some(Unfinished { token, name, id, replaces, issued })
            }
            Standing::Open
            | Standing::Waiting(_)
            | Standing::Used(_)
            | Standing::Expired
            | Standing::Withdrawn => None,
        });
        Ok(unfinished.collect())
    }

    /// Forgets invitations that have been over for long.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<(), EnrolmentError> {
        let count = self.enrolments.sweep(now)?;
        if count > 0 {
            tracing::info!(count, "invitations that were over destroyed");
        }
        Ok(())
    }

    /// The statements of an admission stand: its invitation is used up.
    pub(crate) fn done(&mut self, token: TokenId) -> Result<(), EnrolmentError> {
        let (from, to) = (File::Invitation, File::Used);
        private_file::rename(&self.enrolments.path(token, from), &self.enrolments.path(token, to))?;
        self.admitted.remove(&token);
        self.forget(token)
    }

    /// Forgets everybody who waits no longer.
    pub(crate) fn keep(&mut self, waiting: &BTreeSet<TokenId>) -> Result<(), EnrolmentError> {
        let gone: Vec<TokenId> =
            self.noted.keys().filter(|token| !waiting.contains(*token)).copied().collect();
        gone.into_iter().try_for_each(|token| self.forget(token))
    }

    fn note(&mut self, invitation: &Invitation, claimant: Claimant) -> Result<(), EnrolmentError> {
        let token = invitation.token;
        if self.noted.get(&token) == Some(&claimant.id) {
            return Ok(());
        }
        let path = self.enrolments.path(token, File::Waiting);
        private_file::remove(&path)?;
        private_file::create(&path, claimant.print().as_bytes())?;
        self.noted.insert(token, claimant.id);
        tracing::info!(
            name = %invitation.name,
            fingerprint = %Fingerprint::of(&claimant.id),
            "newcomer waits for approval"
        );
        Ok(())
    }

    fn forget(&mut self, token: TokenId) -> Result<(), EnrolmentError> {
        if self.noted.remove(&token).is_some() {
            private_file::remove(&self.enrolments.path(token, File::Waiting))?;
        }
        Ok(())
    }
}

fn claim<'a>(invitation: &'a Invitation, request: &'a Request) -> EnrolmentClaim<'a> {
    EnrolmentClaim {
        token: request.token,
        name: &invitation.name,
        public_key: request.public_key,
        kem_suite: request.kem_suite,
        kem_public_key: &request.kem_public_key,
    }
}

/// How a newcomer wants to sign in: a page says nothing, sealed, and comes back with an ID token.
fn way(
    invitation: &Invitation,
    claim: &EnrolmentClaim<'_>,
    sealed: &[u8],
) -> Result<Way, SignInError> {
    if sealed.is_empty() {
        return Ok(Way::Device);
    }
    let secret = invitation.secret.expose();
    let said = open_sign_in(secret, claim, (SignInSide::Newcomer, sealed))?;
    if said.is_empty() {
        return Ok(Way::Page);
    }
    let nonce = BASE64URL_NOPAD.encode(&sign_in_nonce(secret, claim));
    let id_token = String::from_utf8_lossy(&said).into_owned();
    Ok(Way::Token { id_token, nonce })
}

fn refuse(why: String) -> Verdict {
    Verdict::Refuse(why)
}

fn admission(invitation: &Invitation, request: &Request, issued: Timestamp) -> Admission {
    let reading =
        Actions::of(&[Action::Subscribe, Action::History, Action::Decrypt, Action::Discover]);
    let publish = invitation.publish.iter().map(|filter| (Actions::from(Action::Publish), filter));
    let read = invitation.read.iter().map(|filter| (reading, filter));
    let mut statements: Vec<StatementBody> = publish
        .chain(read)
        .map(|(actions, filter)| grant(invitation, actions, filter, issued).into())
        .collect();
    if invitation.office == Office::Administrator {
        let everything = Filter::everything(invitation.name.organisation());
        let actions = Actions::of(&[Action::Administer, Action::Discover, Action::Grant]);
        statements.push(grant(invitation, actions, &everything, issued).into());
    }
    statements.push(StatementBody::Principal(Principal {
        name: invitation.name.clone(),
        kind: invitation.kind,
        public_key: request.public_key,
        kem_suite: request.kem_suite,
        kem_public_key: request.kem_public_key.clone().into(),
        issued,
        until: None,
        attested: false,
    }));
    let (token, name) = (invitation.token, invitation.name.clone());
    let (id, replaces) = (request.id(), invitation.replace);
    Admission { token, name, id, statements, replaces, issued }
}

fn grant(invitation: &Invitation, actions: Actions, filter: &Filter, issued: Timestamp) -> Grant {
    Grant {
        organisation: filter.organisation().clone(),
        grantee: Grantee::Principal(invitation.name.clone()),
        actions,
        filter: filter.clone(),
        purpose: match &invitation.invited_by {
            Some(by) => format!("as invited by {by}"),
            None => "as invited".to_owned(),
        },
        issued,
        from: issued,
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    }
}

#[cfg(test)]
mod tests;
