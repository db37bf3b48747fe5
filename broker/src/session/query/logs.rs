//! Questions about the logs: what they hold, and that something is in them.

use std::sync::Arc;

use sekisho_policy::{Policy, Recipient};
use sekisho_proto::frame::{AnswerBody, Which};
use sekisho_proto::{LogName, RefusalCode, Timestamp};
use tokio::task::spawn_blocking;

use super::super::Session;
use crate::hub::{Refusal, internal};

impl Session {
    /// What a log holds now.
    pub(super) async fn checkpoint(
        &self,
        policy: &Policy,
        log: LogName,
        old_size: u64,
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        let is_witness = matches!(self.recipient, Recipient::Peer(_));
        if !(is_witness && log == *self.hub.logs().access().name()) {
            self.may_ask_about(policy, &log, now)?;
        }
        let hub = Arc::clone(&self.hub);
        let showing = spawn_blocking(move || hub.logs().show(&log, old_size, now));
        showing.await.map_err(|fault| internal("checkpoint", &fault))?
    }

    /// That something is in a log.
    pub(super) async fn inclusion(
        &self,
        policy: &Arc<Policy>,
        (log, which, size): (LogName, Which, u64),
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        self.may_ask_about(policy, &log, now)?;
        let (hub, policy) = (Arc::clone(&self.hub), Arc::clone(policy));
        let proving = spawn_blocking(move || hub.logs().prove(&policy, &log, which, size));
        proving.await.map_err(|fault| internal("proof of inclusion", &fault))?
    }

    /// What the organisation states is for all its people and peers to check; what a peer states,
    /// for its people, and for that peer's own people who come here; who was let at what, for those
    /// who administer it.
    fn may_ask_about(&self, policy: &Policy, log: &LogName, now: Timestamp) -> Result<(), Refusal> {
        let own = self.hub.organisation();
        match log {
            LogName::Access(_) => self.check_administers(policy, own, now),
            LogName::Control(organisation) => {
                let theirs = self.who.name.organisation();
                if organisation == own || theirs == own || organisation == theirs {
                    return Ok(());
                }
                let why = format!("wanted the log of {own}, found that of {organisation}");
                Err(Refusal::new(RefusalCode::NotPermitted, log.to_string(), why))
            }
        }
    }
}
