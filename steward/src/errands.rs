//! Errands: what an administrator asks of the steward through a node that can neither read nor
//! change it.
//!
//! Nothing that the node says counts. Whether the asker may ask is judged by this steward's own
//! replica of the control log, at the moment in which the errand is begun: its key is in force, and
//! it may administer everything of the organisation. What was done is kept, with the answer, until
//! nobody can bring the errand any more; an errand that comes again is answered with the same bytes
//! and does nothing. What cannot be told to be the asker's is passed over in silence: a signed
//! refusal of what may yet be done would be a lie in the node's hands.

mod countersigning;
mod desk;
mod records;

use std::path::Path;

use sekisho::{Client, clock};
use sekisho_proto::{
    Errand, RefusalCode,
    frame::{AnswerBody, Question},
};

use self::desk::ErrandDesk;
pub(crate) use self::desk::Means;
use crate::enrolment::{EnrolmentError, Enrolments};

/// Errands that are begun at one look; the rest wait for the next.
const BEGUN_MAX: usize = 32;

/// See the module.
#[derive(Debug)]
pub(crate) struct Errands {
    client: Client,
    desk: ErrandDesk,
}

/// An errand that is not done, as its asker is told.
#[derive(Debug)]
struct No {
    code: RefusalCode,
    what: String,
    why: String,
}

impl Errands {
    /// Those of a steward, with what it keeps of them in its folder.
    pub(crate) fn open(
        client: Client,
        enrolments: Enrolments,
        folder: &Path,
    ) -> Result<Self, EnrolmentError> {
        Ok(Self { client, desk: ErrandDesk::open(enrolments, folder)? })
    }

    /// Asks once what waits, does it and answers. What goes wrong with one errand concerns no other.
    pub(crate) async fn serve(&mut self, means: &mut Means<'_, Client>) {
        self.desk.begin_look(clock::now());
        let waiting = match self.client.query(Question::Errands).await {
            Ok(AnswerBody::Errands(waiting)) => waiting,
            Ok(_) => return tracing::warn!("errands: the node answered something else"),
            Err(cause) => return tracing::debug!(%cause, "errands not told"),
        };
        // What is passed over keeps nobody's errand waiting.
        let mut begun = 0;
        for encoded in waiting {
            if begun >= BEGUN_MAX {
                break;
            }
            let errand = match Errand::decode(encoded) {
                Ok(errand) => errand,
                Err(cause) => {
                    self.desk.pass_over(&cause.to_string());
                    continue;
                }
            };
            let answer = self.desk.answer(&errand, means, clock::now()).await;
            let Some(answer) = answer else { continue };
            begun = begun.saturating_add(1);
            if let Err(cause) = self.client.query(Question::AnswerErrand(answer)).await {
                tracing::debug!(errand = %errand.content().id, %cause, "answer not delivered yet");
            }
        }
        self.desk.end_look();
    }
}

impl No {
    fn new(code: RefusalCode, what: impl Into<String>, why: String) -> Self {
        Self { code, what: what.into(), why }
    }
}

impl From<EnrolmentError> for No {
    fn from(error: EnrolmentError) -> Self {
        let code = match &error {
            EnrolmentError::Offer { .. } => RefusalCode::BadEnrolment,
            EnrolmentError::NotWaiting { .. } => RefusalCode::NotFound,
            EnrolmentError::Standing { found, .. } if *found == "none" => RefusalCode::NotFound,
            EnrolmentError::Standing { .. } => RefusalCode::AlreadyExists,
            EnrolmentError::File(_)
            | EnrolmentError::Text { .. }
            | EnrolmentError::Profile(_)
            | EnrolmentError::Entropy(_) => {
                // Paths of the steward's machine are its owner's business.
                tracing::error!(%error, "errand not done");
                let why = "wanted to do it, found a fault of the steward's own".to_owned();
                return Self::new(RefusalCode::Internal, "errand", why);
            }
        };
        Self::new(code, "invitation", error.to_string())
    }
}

#[cfg(test)]
mod tests;
