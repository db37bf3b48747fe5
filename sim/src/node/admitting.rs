//! The door: everything that is published enters here, whoever brings it.

use sekisho_federation::Taken;
use sekisho_policy::Recipient;
use sekisho_proto::{Envelope, OrgName, PrincipalId, RefusalCode, Topic, frame};
use sekisho_routing::{Admitted, Carriage, SessionId};
use sekisho_seal::{Verified, VerifyingKey, verify};

use super::{Context, running::Running};
use crate::network::CONTROL;

/// Why an envelope does not get in.
struct Refusal {
    code: RefusalCode,
    why: String,
    /// A right was missing, not proof: it may be that a statement is still under way.
    denied: Option<(PrincipalId, Topic)>,
}

impl Refusal {
    fn new(code: RefusalCode, why: impl std::fmt::Display) -> Self {
        Self { code, why: why.to_string(), denied: None }
    }
}

impl Running {
    pub(super) fn admit(
        &mut self,
        session: SessionId,
        publish: frame::Publish,
        context: &mut Context<'_>,
    ) {
        let request = publish.request;
        let outcome = self.admit_from_session(session, publish, context);
        if let Err(refusal) = outcome {
            let refused = frame::Refused {
                request,
                code: refusal.code,
                what: "an envelope".to_owned(),
                why: refusal.why,
                expected_sequence: None,
            };
            self.send(session, CONTROL, refused, context);
        }
    }

    fn admit_from_session(
        &mut self,
        session: SessionId,
        publish: frame::Publish,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let envelope = Envelope::decode(publish.envelope)
            .map_err(|error| Refusal::new(RefusalCode::Malformed, error))?;
        let publisher = envelope.header().publisher;
        let sender = self.sessions.get(&session).map(|state| &state.recipient);
        if sender != Some(&Recipient::Principal(publisher)) {
            return Err(Refusal::new(RefusalCode::WrongPublisher, "not the sender's"));
        }
        let verified = self.verify(envelope)?;
        let topic = &verified.header().topic;
        let permit = self
            .policy
            .permit_publish(publisher, topic, context.now)
            .map_err(|denial| Refusal::new(denial.code(), denial))?;
        let carriage = Carriage::Session { session, request: publish.request };
        let admitted = Admitted::new(verified, permit, carriage)
            .map_err(|error| Refusal::new(RefusalCode::Internal, error))?;
        self.router.handle_publish(admitted, context.now);
        Ok(())
    }

    /// A record that a link brought.
    pub(super) fn admit_from_link(
        &mut self,
        organisation: &OrgName,
        record: Taken,
        context: &Context<'_>,
    ) {
        let (position, now) = (record.position, context.now);
        let Err(refusal) = self.take(organisation, &record, context) else { return };
        self.tell_link(organisation, |link| match refusal.denied {
            Some((publisher, topic)) => link.handle_denied(record, publisher, topic, now),
            None => link.handle_refused(position, now),
        });
    }

    fn take(
        &mut self,
        organisation: &OrgName,
        record: &Taken,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let envelope = Envelope::decode(record.envelope.clone())
            .map_err(|error| Refusal::new(RefusalCode::Malformed, error))?;
        let header = envelope.header();
        let (publisher, topic, scope) = (header.publisher, header.topic.clone(), header.scope);
        let verified = self.verify(envelope)?;
        let permit =
            self.policy.permit_import(publisher, &topic, scope, context.now).map_err(|denial| {
                let refusal = Refusal::new(denial.code(), denial);
                Refusal { denied: Some((publisher, topic)), ..refusal }
            })?;
        let carriage = Carriage::Link {
            organisation: organisation.clone(),
            position: record.position,
            offset: record.offset,
            received: record.received,
            hops: record.hops.clone(),
        };
        let admitted = Admitted::new(verified, permit, carriage)
            .map_err(|error| Refusal::new(RefusalCode::Internal, error))?;
        self.router.handle_publish(admitted, context.now);
        Ok(())
    }

    fn verify(&self, envelope: Envelope) -> Result<Verified, Refusal> {
        let header = envelope.header();
        let Some(record) = self.policy.principal(&header.publisher) else {
            let denied = Some((header.publisher, header.topic.clone()));
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
