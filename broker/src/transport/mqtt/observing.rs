//! The topics of SensorThings: whoever subscribes to a path of Observations is sent each new one, by
//! a subscription like any other. Quality of service is 0, as nothing but the client's own place in the
//! log is remembered of it.

use std::collections::VecDeque;
use std::sync::Arc;

use sekisho_mqtt::Reason;
use sekisho_mqtt::packet::{Delivery, Turn, Wish};
use sekisho_proto::{MqttMessage, Offset};
use sekisho_routing::Record;
use sekisho_sensorthings::mqtt::Watch;
use sekisho_sensorthings::{Content, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::connection::Live;
use super::delivering::{note_too_large, time_left};
use crate::clock;
use crate::hub::metrics;
use crate::transport::reading::reading;

/// Values of one record that are sent as Observations, each a message of its own; a record with more
/// is for other doors.
const OBSERVATIONS_MAX: usize = 8_192;
/// Where the service is: whoever dialled a port for MQTT was told no name of the one for HTTP.
const BASE: &str = "/v1.1";
/// What the payloads are.
const CONTENT_TYPE: &str = "application/json";

/// Observations of one record that wait for room.
#[derive(Debug, Default)]
pub(super) struct Told {
    record: Option<Arc<Record>>,
    payloads: VecDeque<String>,
}

impl Told {
    pub(super) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// What a filter asks of SensorThings, where it does; else it is a filter like any other.
    ///
    /// # Errors
    /// It asks for what is not served, and how that is told.
    pub(super) fn watched(&self, wish: &Wish) -> Result<Option<Watch>, (Reason, String)> {
        let (share, spelt) = wish.parts();
        match Watch::parse(spelt, self.door.hub.organisation()) {
            None => Ok(None),
            Some(Ok(watch)) if share.is_none() => Ok(Some(watch)),
            Some(Ok(_)) => {
                let why = format!("{spelt}: wanted no share of what SensorThings tells");
                Err((self.unusable(), why))
            }
            Some(Err(fault)) => Err((self.unusable(), format!("{}: {}", fault.what, fault.why))),
        }
    }

    /// Makes Observations of a record, to be sent as there is room.
    pub(super) fn observe(&mut self, index: usize, record: &Arc<Record>) {
        let Some(feed) = self.feeds.get(index) else { return };
        let (number, position) = (feed.number, record.position());
        if self.state.is_done(number, position) {
            return;
        }
        let has_waited = feed.has_waited(self.door.hub.authority().version());
        let payloads = match self.watches.get(&number) {
            Some(_) if has_waited && !self.may_still(record) => {
                metrics::withheld(1);
                VecDeque::new()
            }
            Some(watch) => self.observations(watch, record),
            None => VecDeque::new(),
        };
        if let Some(feed) = self.feeds.get_mut(index) {
            feed.told = Told { record: Some(Arc::clone(record)), payloads };
        }
        self.look_past(index, position.next());
    }

    fn observations(&self, watch: &Watch, record: &Record) -> VecDeque<String> {
        let policy = self.door.hub.authority().snapshot();
        let found = reading(record, &policy);
        let Content::Samples(samples) = &found.content else { return VecDeque::new() };
        let values: usize = samples.iter().map(|sample| sample.values.len()).sum();
        if values > OBSERVATIONS_MAX {
            debug!(topic = %record.topic(), values, "more values than are sent as Observations");
            metrics::gap("oversized");
            return VecDeque::new();
        }
        let stream = Stream {
            topic: record.topic().clone(),
            descriptor: policy.descriptor(record.topic()),
            first_offset: Offset::ZERO,
            next_offset: record.offset(),
            records: record.offset().value(),
            is_readable: true,
        };
        watch.payloads(stream, &found, (BASE, clock::now())).into()
    }

    /// Sends the next Observation that waits. The gate is asked again where it has waited for the
    /// client.
    pub(super) fn tell(&mut self, index: usize) {
        let version = self.door.hub.authority().version();
        let Some(feed) = self.feeds.get_mut(index) else { return };
        let (number, has_waited) = (feed.number, feed.has_waited(version));
        let Some(payload) = feed.told.payloads.pop_front() else { return };
        let Some(record) = feed.told.record.clone() else { return };
        let expiry_s = time_left(record.header());
        let is_withheld = has_waited && !self.may_still(&record);
        if is_withheld || expiry_s.is_none() {
            if is_withheld {
                metrics::withheld(1);
            }
            if let Some(feed) = self.feeds.get_mut(index) {
                feed.told.clear();
            }
            return;
        }
        let Some(held) = self.state.subscriptions.get(&number) else { return };
        let message = MqttMessage {
            payload: payload.into(),
            content_type: CONTENT_TYPE.to_owned(),
            ..MqttMessage::default()
        };
        let identifiers: Vec<u32> = held.standing.identifier.into_iter().collect();
        let delivery = Delivery {
            name: &held.spelt,
            message: &message,
            quality: 0,
            retain: false,
            turn: Turn::First,
            id: 0,
            expiry_s: expiry_s.flatten(),
            identifiers: &identifiers,
        };
        if self.machine.publish(&delivery).is_err() {
            note_too_large(&held.spelt);
        }
    }
}
