//! Errands: taken from administrators, handed to the steward they are for, answered by it. Whether
//! anything of them is done is for the steward to decide; what is refused here spares it the work.

use bytes::Bytes;
use sekisho_policy::Policy;
use sekisho_proto::frame::{AnswerBody, ErrandStanding};
use sekisho_proto::{
    AccessKind, AccessRecord, Errand, ErrandAnswer, PrincipalKind, RefusalCode, Timestamp,
};
use sekisho_seal::verify_errand;
use serde_json::json;

use super::{ANSWER_BYTES_MAX, Session, check_administers, document, not_found};
use crate::hub::Refusal;

impl Session {
    /// Takes an errand, or tells how far one is.
    pub(super) async fn errand(
        &self,
        policy: &Policy,
        encoded: Bytes,
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        check_administers(&self.who, policy, self.hub.organisation(), now)?;
        let errand = Errand::decode(encoded)?;
        self.check_errand(policy, &errand, now)?;
        let steward = errand.content().steward;
        if !self.hub.errands().holds(&errand) {
            self.hub.may_record(&self.who.id, now)?;
            let asking = self.who.accesses(AccessKind::Administration, now);
            let asking = AccessRecord { purpose: "asks: errand".to_owned(), ..asking };
            self.hub.access().note_together(vec![asking]).await?;
        }
        let answer = self.hub.errands().bring(errand, now)?;
        Ok(AnswerBody::Errand(match answer {
            Some(answer) => ErrandStanding::Answered(answer),
            None if self.hub.is_present(&steward) => ErrandStanding::Waiting,
            None => ErrandStanding::Away,
        }))
    }

    fn check_errand(
        &self,
        policy: &Policy,
        errand: &Errand,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (content, own) = (errand.content(), self.hub.organisation());
        if content.asker != self.who.id {
            let why = format!("wanted one of {}, found one of another", self.who.id.short());
            return Err(Refusal::new(RefusalCode::NotPermitted, "errand", why));
        }
        if content.organisation != *own {
            let why = format!("wanted one for {own}, found one for {}", content.organisation);
            return Err(Refusal::new(RefusalCode::NotPermitted, "errand", why));
        }
        let steward = policy.standing(&content.steward, now).ok().filter(|found| {
            found.kind == PrincipalKind::Steward && found.name.organisation() == own
        });
        if steward.is_none() {
            return Err(not_found(&format!("steward {}", content.steward.short())));
        }
        let asker = policy.standing(&self.who.id, now).map_err(|missing| {
            let what = format!("key {}", self.who.id.short());
            Refusal::new(missing.code(), what, missing.to_string())
        })?;
        verify_errand(errand, &asker.public_key).map_err(|fault| {
            Refusal::new(RefusalCode::BadSignature, "errand", fault.to_string())
        })?;
        Ok(())
    }

    /// What waits for the steward that asks.
    pub(super) fn errands(&self, now: Timestamp) -> Result<AnswerBody, Refusal> {
        self.check_steward("errands")?;
        let waiting = self.hub.errands().list(&self.who.id, ANSWER_BYTES_MAX, now);
        Ok(AnswerBody::Errands(waiting))
    }

    /// Takes the answer of the steward that an errand was for.
    pub(super) fn answer_errand(&self, encoded: Bytes) -> Result<AnswerBody, Refusal> {
        self.check_steward("answer to an errand")?;
        let answer = ErrandAnswer::decode(encoded)?;
        if answer.content().steward != self.who.id {
            let why = format!("wanted one of {}, found one of another", self.who.id.short());
            return Err(Refusal::new(RefusalCode::NotPermitted, "answer to an errand", why));
        }
        Ok(document(&json!({ "told": self.hub.errands().answer(&answer) })))
    }
}
