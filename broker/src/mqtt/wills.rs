//! Wills: whether a client may leave one, and publishing it when it is due (MQTT 5.0, 3.1.2.5).

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use sekisho_mqtt::will::Testament;
use sekisho_policy::Recipient;
use sekisho_proto::{Frame, PrincipalId, RefusalCode, Timestamp, Topic};
use tracing::debug;

use super::Memory;
use super::sessions::Due;
use crate::clock;
use crate::hub::{Cut, Hub, Letter, Refusal, Request, answers, metrics};
use crate::session::Session;

/// Wills published at once, where very many clients are lost together.
const AT_ONCE: usize = 64;
/// How long a will may take to become durable before it is counted as lost.
const PATIENCE: Duration = Duration::from_secs(30);

impl Memory {
    /// Whether a client may leave a will on this topic. It is asked again when it is published.
    ///
    /// # Errors
    /// What it lacks.
    #[expect(clippy::unused_self, reason = "beside the others that a connection calls")]
    pub(crate) fn may_will(&self, session: &Session, topic: &Topic) -> Result<(), Refusal> {
        let (hub, now) = (session.hub(), clock::now());
        let policy = hub.authority().snapshot();
        let publisher = session.who().id;
        policy.permit_publish(publisher, topic, now)?;
        policy.permit_attesting(&hub.node(), &publisher, topic, now)?;
        Ok(())
    }

    fn take_due(&self, now: Timestamp) -> Due {
        let mut sessions = self.sessions();
        let mut due = sessions.take_due(now);
        // While nobody can begin one of them anew: what that says first must not be taken back.
        for (key, state) in std::mem::take(&mut due.changed) {
            let state = state.map(|state| state.encode().into());
            self.write_later(key.blob(), state);
        }
        due
    }
}

/// Publishes the wills that are due, and forgets the sessions whose time is over.
pub(super) async fn send_due(hub: &Arc<Hub>, now: Timestamp) {
    let memory = hub.mqtt();
    let due = memory.take_due(now);
    for (key, state) in &due.ended {
        memory.shares.forget(key, state);
    }
    let sending = due.wills.into_iter().map(|(principal, will)| async move {
        let sent = send(hub, principal, will).await;
        let outcome = match sent {
            Some(Ok(())) => "published",
            Some(Err(refusal)) => {
                debug!(%refusal, "a will was not published");
                metrics::refused(refusal.code);
                "refused"
            }
            None => "lost",
        };
        metrics::mqtt_will(outcome);
    });
    futures_util::stream::iter(sending).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// Publishes as the client itself would: it comes in by the door, with the right of now. `None`
/// where that takes too long.
async fn send(
    hub: &Arc<Hub>,
    principal: PrincipalId,
    will: Testament,
) -> Option<Result<(), Refusal>> {
    let session = hub.next_session();
    let (answers, mut answered) = answers(2);
    let cut = Cut::new();
    let recipient = Recipient::Principal(principal);
    let connected = hub.ask(Request::Connect { session, principal, recipient, answers, cut }).await;
    if let Err(refusal) = connected {
        return Some(Err(refusal));
    }
    let Testament { topic, body, content_type, flags, expiry_s, delay_s: _ } = will;
    let letter = Letter { topic, body, content_type, flags, expiry_s };
    let sending = async {
        hub.attest(principal, letter, (session, 0), clock::now()).await?;
        judge(answered.recv().await)
    };
    let sent = tokio::time::timeout(PATIENCE, sending).await.ok();
    // A session that was opened is closed, however that went.
    drop(hub.ask(Request::Disconnect { session }).await);
    sent
}

fn judge(answer: Option<Frame>) -> Result<(), Refusal> {
    match answer {
        Some(Frame::Published(_)) => Ok(()),
        Some(Frame::Refused(refused)) => Err(Refusal::new(refused.code, refused.what, refused.why)),
        _ => {
            let why = "wanted an answer to what was published, found none";
            Err(Refusal::new(RefusalCode::Internal, "will", why))
        }
    }
}
