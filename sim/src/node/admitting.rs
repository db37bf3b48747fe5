//! The door: everything that is published enters here, whoever brings it.

use bytes::Bytes;
use sekisho_federation::Taken;
use sekisho_policy::{PublishPermit, Recipient};
use sekisho_proto::{
    Envelope, OrgName, PrincipalId, RefusalCode, Topic, frame, limits::CLOCK_AHEAD_MAX,
};
use sekisho_routing::{Admitted, Carriage, SessionId};
use sekisho_seal::{Verified, VerifyingKey, verify};

use super::{Context, running::Running};
use crate::{
    failure::{Broken, ensure},
    network::CONTROL,
    rights::Subject,
};

/// Clocks that are wrong do not date envelopes into the future.
fn check_time(envelope: &Envelope, context: &Context<'_>) -> Result<(), Refusal> {
    let (latest, found) = (context.now.saturating_add(CLOCK_AHEAD_MAX), envelope.header().time);
    if found > latest {
        let why = format!("wanted a time up to {latest}, found {found}");
        return Err(Refusal::new(RefusalCode::ClockAhead, why));
    }
    Ok(())
}

/// Whether a statement that permits it may be under way.
fn denial_may_pass(code: RefusalCode) -> bool {
    matches!(code, RefusalCode::NotPermitted | RefusalCode::UnknownKey)
}

/// Why an envelope does not get in.
pub(super) struct Refusal {
    code: RefusalCode,
    why: String,
    /// A right was missing, not proof: it may be that a statement is still under way.
    denied: Option<Denied>,
}

/// What the publisher may not do, as far as is known.
struct Denied {
    publisher: PrincipalId,
    topic: Topic,
    /// Somebody was not heard for too long.
    is_stale: bool,
}

impl Refusal {
    pub(super) fn new(code: RefusalCode, why: impl std::fmt::Display) -> Self {
        Self { code, why: why.to_string(), denied: None }
    }
}

impl Running {
    pub(super) fn admit(
        &mut self,
        session: SessionId,
        publish: frame::Publish,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        if self.carry(session, &publish, context)? {
            return Ok(());
        }
        let request = publish.request;
        let refusal = match self.judge_from_session(session, publish.envelope, context) {
            Ok((verified, permit)) => {
                self.check_publisher(&verified, context)?;
                self.check_brought(session, verified.envelope(), context)?;
                let publisher = verified.header().publisher;
                let carriage = Carriage::Session { session, request };
                match Admitted::new(verified, permit, carriage) {
                    Ok(admitted) => {
                        return self.hand_over(publisher, admitted, context);
                    }
                    Err(error) => Refusal::new(RefusalCode::Internal, error),
                }
            }
            Err(refusal) => refusal,
        };
        self.refuse(session, request, refusal, context);
        Ok(())
    }

    pub(super) fn refuse(
        &self,
        session: SessionId,
        request: u64,
        refusal: Refusal,
        context: &mut Context<'_>,
    ) {
        let refused = frame::Refused {
            request,
            code: refusal.code,
            what: "an envelope".to_owned(),
            why: refusal.why,
            expected_sequence: None,
        };
        self.send(session, CONTROL, refused, context);
    }

    fn judge_from_session(
        &self,
        session: SessionId,
        envelope: Bytes,
        context: &Context<'_>,
    ) -> Result<(Verified, PublishPermit), Refusal> {
        let envelope = Envelope::decode(envelope)
            .map_err(|error| Refusal::new(RefusalCode::Malformed, error))?;
        let publisher = envelope.header().publisher;
        let sender = self.sessions.get(&session).map(|state| &state.recipient);
        let is_senders = sender == Some(&Recipient::Principal(publisher));
        if !is_senders && !self.brings(session, &envelope, context) {
            return Err(Refusal::new(RefusalCode::WrongPublisher, "not the sender's"));
        }
        check_time(&envelope, context)?;
        let verified = self.verify(envelope)?;
        let permit = self
            .policy
            .permit_publish(publisher, &verified.header().topic, context.now)
            .map_err(|denial| Refusal::new(denial.code(), denial))?;
        Ok((verified, permit))
    }

    /// A record that a link brought.
    pub(super) fn admit_from_link(
        &mut self,
        organisation: &OrgName,
        record: Taken,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let (position, now, steady) = (record.position, context.now, context.network.now);
        let refusal = match self.judge_from_link(&record, context) {
            Ok((verified, permit)) => {
                self.check_publisher(&verified, context)?;
                self.check_import(&verified, &record, context)?;
                let topic = &verified.header().topic;
                let has_turn = self
                    .peers
                    .get_mut(organisation)
                    .is_some_and(|peer| peer.link.handle_admitted(record.clone(), topic, steady));
                if !has_turn {
                    return Ok(());
                }
                let carriage = Carriage::Link {
                    organisation: organisation.clone(),
                    connection: record.connection,
                    position,
                    offset: record.offset,
                    received: record.received,
                    hops: record.hops.clone(),
                };
                match Admitted::new(verified, permit, carriage) {
                    Ok(admitted) => {
                        if let Some(peer) = self.peers.get_mut(organisation) {
                            peer.under_way += 1;
                        }
                        self.router.handle_publish(admitted, now);
                        return Ok(());
                    }
                    Err(error) => Refusal::new(RefusalCode::Internal, error),
                }
            }
            Err(refusal) => refusal,
        };
        self.tell_link(organisation, |link| match refusal.denied {
            // Its owner, or who passes it on, was not heard for too long: it comes again when they
            // have been.
            Some(denied) if denied.is_stale || link.is_stale(steady) => {
                link.handle_failed(position, steady);
            }
            Some(Denied { publisher, topic, .. }) => {
                link.handle_denied(record, publisher, topic, steady);
            }
            None => link.handle_refused(position, steady),
        });
        Ok(())
    }

    fn judge_from_link(
        &self,
        record: &Taken,
        context: &Context<'_>,
    ) -> Result<(Verified, PublishPermit), Refusal> {
        let envelope = Envelope::decode(record.envelope.clone())
            .map_err(|error| Refusal::new(RefusalCode::Malformed, error))?;
        check_time(&envelope, context)?;
        let header = envelope.header();
        let (publisher, topic, scope) = (header.publisher, header.topic.clone(), header.scope);
        let verified = self.verify(envelope)?;
        let permit =
            self.policy.permit_import(publisher, &topic, scope, context.now).map_err(|denial| {
                let is_stale = denial.is_stale();
                let refusal = Refusal::new(denial.code(), denial);
                let may_come = denial_may_pass(refusal.code);
                let denied = may_come.then_some(Denied { publisher, topic, is_stale });
                Refusal { denied, ..refusal }
            })?;
        Ok((verified, permit))
    }

    /// The model's word on what gets in.
    fn check_publisher(&self, verified: &Verified, context: &Context<'_>) -> Result<(), Broken> {
        let header = verified.header();
        let judge = self.judge(context.now);
        let permitted = context.world.rights.may_publish(judge, header.publisher, &header.topic);
        ensure(permitted, || {
            format!("node {} takes what nobody may publish on {}", self.index, header.topic)
        })
    }

    fn check_import(
        &self,
        verified: &Verified,
        record: &Taken,
        context: &Context<'_>,
    ) -> Result<(), Broken> {
        let header = verified.header();
        let (topic, scope) = (&header.topic, header.scope);
        let subject = Subject { topic, scope, received: record.received };
        ensure(context.world.rights.may_import(self.judge(context.now), subject), || {
            format!("node {} takes {topic}, which is not given to it", self.index)
        })
    }

    pub(super) fn verify(&self, envelope: Envelope) -> Result<Verified, Refusal> {
        let header = envelope.header();
        let Some(record) = self.policy.principal(&header.publisher) else {
            let (publisher, topic) = (header.publisher, header.topic.clone());
            let denied = Some(Denied { publisher, topic, is_stale: false });
            return Err(Refusal {
                denied,
                ..Refusal::new(RefusalCode::UnknownKey, "no statement")
            });
        };
        let key = VerifyingKey::parse(&record.public_key)
            .map_err(|error| Refusal::new(RefusalCode::WeakKey, error))?;
        verify(envelope, &key).map_err(|error| Refusal::new(RefusalCode::BadSignature, error))
    }
}
