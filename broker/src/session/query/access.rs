//! Questions about others, which are recorded before they are answered; the access log itself; and
//! erasing what it has about somebody.

use std::sync::Arc;

use sekisho_policy::Policy;
use sekisho_proto::frame::{AnswerBody, Question};
use sekisho_proto::{
    AccessKind, AccessRecord, Filter, PrincipalId, PrincipalName, RefusalCode, Timestamp,
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::super::PEER_NAME;
use super::{Session, check_administers, document, list_that_fits, not_found};
use crate::hub::{Access, Refusal, internal};

/// Entries of the access log in one answer. So many always fit: one with the longest topics and
/// purpose takes 8 KiB. Whoever gets fewer than it asked for has come to the end.
const ENTRIES_MAX: u32 = 100;

impl Session {
    /// Records that an administrator asks about others, for both: whoever asks, and whoever is
    /// asked about. Neither record names the other, so that either can be erased.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are about nobody else")]
    pub(super) async fn note_question(
        &self,
        policy: &Policy,
        question: &Question,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (name, topic, about) = match question {
            Question::Who { topic, .. } => ("who", Some(topic), None),
            Question::Why { principal, topic, .. } => ("why", Some(topic), Some(principal)),
            Question::What { principal, .. } => ("what", None, Some(principal)),
            Question::Sessions { principal, .. } => ("sessions", None, principal.as_ref()),
            Question::Refusals { .. } => ("refusals", None, None),
            Question::Accesses { subject, .. } => ("access log", None, subject.as_ref()),
            _ => return Ok(()),
        };
        if about == Some(&self.who.name) && matches!(name, "why" | "what") {
            return Ok(());
        }
        // Whoever may not ask is told nothing.
        self.check_administers(policy, self.hub.organisation(), now)?;
        let topics = topic.map(Filter::from);
        let asking = self.who.accesses(AccessKind::Administration, now);
        let asking =
            AccessRecord { topics: topics.clone(), purpose: format!("asks: {name}"), ..asking };
        let about = about.and_then(|about| policy.principal_by_name(about));
        let asked = about.filter(|about| about.id != self.who.id).map(|about| AccessRecord {
            subject: about.name.clone(),
            id: about.id,
            purpose: format!("was asked about: {name}"),
            ..asking.clone()
        });
        let records = [Some(asking), asked].into_iter().flatten().collect();
        self.hub.access().note_together(records).await
    }

    /// Destroys what is kept of somebody's accesses, and what opens what they published of personal
    /// data.
    pub(super) async fn erase(
        &self,
        policy: &Arc<Policy>,
        (principal, id): (PrincipalName, Option<PrincipalId>),
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        check_administers(&self.who, policy, self.hub.organisation(), now)?;
        let ids = ids_of(policy, &principal);
        let newest = || policy.principal_by_name(&principal).map(|found| found.id);
        let Some(id) = id.or_else(newest).or_else(|| ids.first().copied()) else {
            return Err(not_found(&format!("principal {principal}")));
        };
        if !ids.contains(&id) {
            let why =
                format!("wanted a key of {principal}, found one of somebody else or of nobody");
            return Err(Refusal::new(RefusalCode::NotFound, format!("key {}", id.short()), why));
        }
        if id == self.who.id {
            let why = "wanted another administrator: nobody destroys the record of themselves";
            return Err(Refusal::new(
                RefusalCode::NotPermitted,
                format!("key {}", id.short()),
                why,
            ));
        }
        let record = self.who.accesses(AccessKind::Erasure, now);
        let erased = self.hub.access().erase(&id, record).await?;
        let (hub, policy) = (Arc::clone(&self.hub), Arc::clone(policy));
        let headers =
            spawn_blocking(move || hub.key_headers().erase(&[id].into(), None, &policy)).await;
        let headers = headers.map_err(|fault| internal("key headers", &fault))??;
        Ok(document(&json!({
            "principal": principal.to_string(),
            "id": id.to_string(),
            "index": erased.index,
            "key": erased.key,
            "records": erased.records,
            "key_headers": headers,
        })))
    }

    /// The access log, opened as far as its subjects have not been erased.
    pub(super) async fn accesses(
        &self,
        policy: &Policy,
        subject: Option<&PrincipalName>,
        (from, max): (u64, u32),
    ) -> Result<AnswerBody, Refusal> {
        let subjects = subject.map(|subject| ids_of(policy, subject));
        let max = usize::try_from(max.min(ENTRIES_MAX)).unwrap_or(usize::MAX);
        let hub = Arc::clone(&self.hub);
        let listed =
            spawn_blocking(move || hub.access().list(subjects.as_deref(), from, max)).await;
        let listed = listed.map_err(|fault| internal("access log", &fault))??;
        let entries: Vec<Value> = listed.iter().map(entry).collect();
        Ok(AnswerBody::Json(list_that_fits(&entries)))
    }
}

/// Every key that somebody has had, as this node knows them: a peer's node by its contract.
fn ids_of(policy: &Policy, name: &PrincipalName) -> Vec<PrincipalId> {
    let known = policy.principals(name.organisation());
    let own = known.iter().filter(|found| found.name == *name).map(|found| found.id);
    let peers = policy.peers();
    let peers = peers
        .iter()
        .filter(|peer| peer.organisation == *name.organisation() && name.name() == PEER_NAME);
    let mut ids: Vec<PrincipalId> =
        own.chain(peers.map(|peer| PrincipalId::of(&peer.theirs.node_key))).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn entry(access: &Access) -> Value {
    let opened = access.opened.as_ref();
    json!({
        "index": access.index,
        "kind": access.entry.kind.name(),
        "hour": access.entry.hour.to_string(),
        "commitment": access.entry.commitment.to_string(),
        "entry": hex(&access.encoded),
        "record": opened.map(|opened| record(&opened.record)),
        "record_bytes": opened.map(|opened| hex(&opened.record.encode())),
        "opening": opened.map(|opened| opened.opening.to_string()),
    })
}

fn record(record: &AccessRecord) -> Value {
    json!({
        "kind": record.kind.name(),
        "subject": record.subject.to_string(),
        "id": record.id.to_string(),
        "topics": record.topics.as_ref().map(ToString::to_string),
        "from": record.from.map(|from| from.value()),
        "to": record.to.map(|to| to.value()),
        "epoch": record.epoch.map(|epoch| epoch.value()),
        "purpose": record.purpose,
        "time": record.time.to_string(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
