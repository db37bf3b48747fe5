//! The importers' side: what links want, and what comes to them.

use std::time::Duration;

use sekisho_federation::{Link, LinkCommand, Since, Taken, cosigner_name};
use sekisho_proto::{Envelope, Filter, Frame, OrgName, Statement, frame, limits::PROTOCOL_VERSION};
use sekisho_routing::{Admitted, Carriage};
use sekisho_seal::{StrictVerifier, verify};
use sekisho_tlog::{Signing, cosign};

use super::{DIAL_TIMEOUT, Federation};
use crate::{
    failure::{Broken, broken},
    scale::network::Event,
};

impl Federation {
    pub(super) fn tell_link(
        &mut self,
        wire: usize,
        tell: impl FnOnce(&mut Link),
    ) -> Result<(), Broken> {
        let known = self.wire_mut(wire)?;
        let importer = known.importer;
        if let Some(link) = &mut known.link {
            tell(link);
        }
        self.node_mut(importer)?.touched.push(wire);
        Ok(())
    }

    pub(super) fn tell_link_of(
        &mut self,
        node: usize,
        organisation: &OrgName,
        tell: impl FnOnce(&mut Link),
    ) -> Result<(), Broken> {
        match self.node(node)?.imports.get(organisation).copied() {
            Some(wire) => self.tell_link(wire, tell),
            None => Ok(()),
        }
    }

    /// Somebody at a node subscribes to something.
    pub(in crate::scale) fn want(
        &mut self,
        node: usize,
        filter: &Filter,
        since: Since,
    ) -> Result<(), Broken> {
        if self.node_mut(node)?.want(filter, since) {
            self.tell_wanted(node, filter.organisation())?;
        }
        Ok(())
    }

    /// Somebody at a node subscribes to it no longer.
    pub(in crate::scale) fn want_no_more(
        &mut self,
        node: usize,
        filter: &Filter,
    ) -> Result<(), Broken> {
        if self.node_mut(node)?.want_no_more(filter) {
            self.tell_wanted(node, filter.organisation())?;
        }
        Ok(())
    }

    fn tell_wanted(&mut self, node: usize, owner: &OrgName) -> Result<(), Broken> {
        if self.mirrors {
            return Ok(());
        }
        let (wanted, now) = (self.node(node)?.wanted_of(owner), self.agenda.now);
        self.tell_link_of(node, owner, |link| link.handle_wanted(Some(wanted), now))
    }

    /// A time that a link asked for has come.
    pub(super) fn call(&mut self, wire: usize) -> Result<(), Broken> {
        let now = self.agenda.now;
        let known = self.wire_mut(wire)?;
        if known.call_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        known.call_at = None;
        let importer = known.importer;
        self.tell_link(wire, |link| {
            if link.poll_timeout(now).is_some_and(|(due, _)| due <= now) {
                link.handle_timeout(now);
            }
        })?;
        self.drain(importer)
    }

    pub(super) fn drain_link(&mut self, wire: usize) -> Result<(), Broken> {
        let importer = self.wire(wire)?.importer;
        loop {
            let link = self.wire_mut(wire)?.link.as_mut();
            let Some(command) = link.and_then(Link::poll_command) else { break };
            if let LinkCommand::Apply { index, entry } = command {
                let statement = Statement::decode(&entry.statement)
                    .map_err(|error| broken("a statement of a peer")(&error))?;
                self.apply(importer, &statement, entry.received)?;
                let (id, now) = (statement.id(), self.agenda.now);
                self.tell_link(wire, |link| link.handle_applied(index, id, now))?;
                continue;
            }
            self.announce(importer)?;
            self.carry_out_for_link(wire, command)?;
        }
        self.announce(importer)?;
        let now = self.agenda.now;
        let known = self.wire_mut(wire)?;
        let due = known.link.as_mut().and_then(|link| link.poll_timeout(now));
        if let Some((due, _)) = due {
            let due = due.max(now);
            if known.call_at.is_none_or(|planned| due < planned) {
                known.call_at = Some(due);
                self.agenda.plan(due, Event::Timeout { wire });
            }
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for disks and operators")]
    fn carry_out_for_link(&mut self, wire: usize, command: LinkCommand) -> Result<(), Broken> {
        match command {
            LinkCommand::Dial { .. } => self.dial(wire),
            LinkCommand::Hangup { .. } => self.hang_up(wire),
            LinkCommand::Follow { subscription, organisation, from } => {
                self.send_up(wire, frame::Follow { subscription, organisation, from })
            }
            LinkCommand::Subscribe { subscription, filter, start, credit } => self.send_up(
                wire,
                frame::Subscribe { subscription, filter, start, cursor: None, credit },
            ),
            LinkCommand::Unsubscribe { subscription } => {
                self.send_up(wire, frame::Unsubscribe { subscription })
            }
            LinkCommand::Credit { subscription, records } => {
                self.send_up(wire, frame::Credit { subscription, records })
            }
            LinkCommand::Acknowledge { subscription, position } => {
                self.send_up(wire, frame::Acknowledge { subscription, position })
            }
            LinkCommand::Ping { token } => self.send_up(wire, frame::Ping { token }),
            LinkCommand::Admit { record } => self.admit(wire, record),
            LinkCommand::Know { subscription, log, size } => {
                self.send_up(wire, frame::Cosigned { subscription, log, size, signature: None })
            }
            LinkCommand::Cosign { subscription, signed } => {
                let importer = self.wire(wire)?.importer;
                let key = &self.organisation(importer)?.node;
                let sign = |message: &[u8]| key.sign(message);
                let signing = Signing { key: key.public_key(), sign: &sign };
                let name = cosigner_name(&self.node(importer)?.name);
                let line = cosign(&signed.note, &name, &signing, self.agenda.now)
                    .map_err(|error| broken("cosigning")(&error))?;
                let (log, size) = (signed.log.clone(), signed.checkpoint.size);
                let signature = Some(line.to_string());
                self.send_up(wire, frame::Cosigned { subscription, log, size, signature })
            }
            LinkCommand::Heard { at } => {
                let known = self.wire(wire)?;
                let (importer, exporter) = (known.importer, known.exporter);
                let name = self.organisation(exporter)?.name.clone();
                self.note_heard(importer, &name, at)
            }
            LinkCommand::Dropped { position, reason } => {
                Err(Broken(format!("a record at {position} was dropped: {reason:?}")))
            }
            LinkCommand::Distrust { fault } => Err(Broken(format!("an honest log: {fault}"))),
            _ => Ok(()),
        }
    }

    fn dial(&mut self, wire: usize) -> Result<(), Broken> {
        let known = self.wire_mut(wire)?;
        known.connection = known.connection.saturating_add(1);
        let (connection, edge) = (known.connection, known.edge);
        if self.is_cut(edge) {
            self.agenda.plan_in(DIAL_TIMEOUT, Event::Lost { wire, connection });
        } else {
            // A round trip for the handshake.
            let round_trip: Duration = self.wire(wire)?.latency.saturating_mul(2);
            self.agenda.plan_in(round_trip, Event::Opened { wire, connection });
        }
        Ok(())
    }

    pub(super) fn opened(&mut self, wire: usize, connection: u32) -> Result<(), Broken> {
        let known = self.wire_mut(wire)?;
        if known.connection != connection {
            return Ok(());
        }
        known.is_open = true;
        let exporter = known.exporter;
        let hello = frame::Hello {
            version: PROTOCOL_VERSION,
            software: "sekisho 0.1.0".to_owned(),
            organisation: self.organisation(exporter)?.name.clone(),
        };
        self.send_up(wire, hello)
    }

    fn hang_up(&mut self, wire: usize) -> Result<(), Broken> {
        let known = self.wire_mut(wire)?;
        known.connection = known.connection.saturating_add(1);
        known.is_open = false;
        let (latency, session) = (known.latency, known.session);
        if let Some(session) = session {
            self.agenda.plan_in(latency, Event::Closed { wire, session });
        }
        Ok(())
    }

    /// Both ends give a connection up.
    pub(super) fn lost(&mut self, wire: usize, connection: u32) -> Result<(), Broken> {
        let known = self.wire(wire)?;
        if known.connection != connection || (known.is_open && !self.is_cut(known.edge)) {
            return Ok(());
        }
        let (importer, exporter, session) = (known.importer, known.exporter, known.session);
        let now = self.agenda.now;
        let known = self.wire_mut(wire)?;
        known.connection = known.connection.saturating_add(1);
        known.is_open = false;
        if let Some(session) = session {
            self.forget_session(wire, session)?;
        }
        self.tell_link(wire, |link| link.handle_disconnected(now))?;
        self.drain(exporter)?;
        self.drain(importer)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for clients")]
    pub(super) fn take_frame(&mut self, wire: usize, frame: Frame) -> Result<(), Broken> {
        let now = self.agenda.now;
        match frame {
            Frame::Goodbye(_) => {
                self.hang_up(wire)?;
                self.tell_link(wire, |link| link.handle_disconnected(now))
            }
            Frame::Refused(refused) => {
                Err(Broken(format!("link {wire}: {} was refused: {}", refused.what, refused.why)))
            }
            Frame::Welcome(_) => self.tell_link(wire, |link| link.handle_connected(now)),
            Frame::Record(record) => self.tell_link(wire, |link| link.handle_record(record, now)),
            Frame::Gap(gap) => self.tell_link(wire, |link| link.handle_gap(&gap, now)),
            Frame::Statements(told) => {
                self.tell_link(wire, |link| link.handle_statements(told, now))
            }
            Frame::Checkpoint(told) => {
                self.tell_link(wire, |link| link.handle_checkpoint(&told, &StrictVerifier, now))
            }
            Frame::Subscribed(told) => self.tell_link(wire, |link| {
                link.handle_subscribed(told.subscription, told.position, now);
            }),
            _ => self.tell_link(wire, |link| link.handle_heard(now)),
        }
    }

    /// The door of the importer's node.
    fn admit(&mut self, wire: usize, record: Taken) -> Result<(), Broken> {
        let now = self.agenda.now;
        let known = self.wire(wire)?;
        let (importer, exporter) = (known.importer, known.exporter);
        let organisation = self.organisation(exporter)?.name.clone();
        let envelope = Envelope::decode(record.envelope)
            .map_err(|error| broken("an envelope that was sent")(&error))?;
        let hash = envelope.hash();
        let verified = match self.verified.get(&hash) {
            Some(verified) => verified.clone(),
            None => {
                let key = self.key_of(&envelope)?;
                verify(envelope, key).map_err(|error| broken("an envelope")(&error))?
            }
        };
        let header = verified.header();
        let node = self.node(importer)?;
        let permit = node
            .policy
            .permit_import(header.publisher, &header.topic, header.scope, now)
            .map_err(|denial| broken("an import")(&denial))?;
        let carriage = Carriage::Link {
            organisation,
            connection: record.connection,
            position: record.position,
            offset: record.offset,
            received: record.received,
            hops: record.hops,
        };
        let admitted = Admitted::new(verified, permit, carriage)
            .map_err(|error| broken("an import")(&error))?;
        self.watch.note(&hash, importer, now);
        self.node_mut(importer)?.router.handle_publish(admitted, now);
        Ok(())
    }
}
