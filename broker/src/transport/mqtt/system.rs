//! `$SYS`: how the node is, for those who administer it, where its operator has that said.
//!
//! No record is behind it, and nothing of the log comes by it. Its names are topics by the rule of all
//! names (`$x` is `%24x` below the prefix), so that one matcher says which filter is for which.

use std::collections::BTreeSet;

use sekisho_mqtt::Reason;
use sekisho_mqtt::mapping::is_system;
use sekisho_mqtt::overlap::Standing;
use sekisho_mqtt::packet::{Delivery, Turn, Version, Wish};
use sekisho_mqtt::session_state::{Form, Held, SUBSCRIPTIONS_MAX};
use sekisho_proto::{MqttMessage, Position};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tracing::debug;

use super::connection::{Live, OUTPUT_MAX};
use super::subscribing::Granted;
use crate::clock;
use crate::mqtt::Report;

/// What the payloads are.
const CONTENT_TYPE: &str = "text/plain";

/// A client's subscriptions to it: nearly always none.
#[derive(Debug, Default)]
pub(super) struct System(Option<Box<Listening>>);

#[derive(Debug)]
struct Listening {
    numbers: BTreeSet<u32>,
    said: watch::Receiver<Report>,
}

impl System {
    /// Whether a subscription is one of them.
    pub(super) fn has(&self, number: u32) -> bool {
        self.0.as_ref().is_some_and(|listening| listening.numbers.contains(&number))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |listening| listening.numbers.len())
    }

    /// One is over.
    pub(super) fn remove(&mut self, number: u32) {
        if let Some(listening) = &mut self.0 {
            listening.numbers.remove(&number);
            if listening.numbers.is_empty() {
                self.0 = None;
            }
        }
    }

    /// Resolves when there is something to be said.
    pub(super) async fn next(&mut self) -> Report {
        if let Some(listening) = &mut self.0
            && listening.said.changed().await.is_ok()
        {
            return listening.said.borrow_and_update().clone();
        }
        std::future::pending().await
    }
}

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Whether a filter is of `$SYS` and that is served here; else it is one like any other, and
    /// refused as the names are that no client may use.
    pub(super) fn is_of_system(&self, spelt: &str) -> bool {
        self.door.hub.config().mqtt.system_interval.is_some() && is_system(spelt)
    }

    /// Whether the client administers the organisation, at this moment.
    fn administers(&self) -> bool {
        let policy = self.door.hub.authority().snapshot();
        let own = self.door.hub.organisation();
        policy.administers(&self.session.who().name, own, clock::now())
    }

    /// A filter of `$SYS`.
    pub(super) fn grant_system(&mut self, wish: &Wish, identifier: Option<u32>) -> Granted {
        let (share, spelt) = wish.parts();
        if share.is_some() {
            let why = format!("{spelt}: wanted no share of what the node says of itself");
            return Granted::No(self.unusable(), why);
        }
        let filter = match self.door.prefix.system_filter(spelt) {
            Ok(filter) => filter,
            Err(error) => return Granted::No(self.unusable(), error.to_string()),
        };
        if !self.administers() {
            let why = format!("{spelt}: wanted the right to administer, found none");
            let reason = match self.machine.version() {
                Version::V311 => Reason::UNSPECIFIED,
                Version::V5 => Reason::NOT_AUTHORIZED,
            };
            return Granted::No(reason, why);
        }
        let same = self.state.subscriptions.values_mut().find(|held| held.spelt == wish.spelt);
        if let Some(held) = same {
            held.standing.options = wish.options;
            held.standing.identifier = identifier;
            return Granted::Yes { number: held.standing.number, is_new: false };
        }
        if self.state.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let why = format!("wanted at most {SUBSCRIPTIONS_MAX} subscriptions");
            return Granted::No(Reason::QUOTA, why);
        }
        let (number, options) = (self.free_number(), wish.options);
        let (share, since) = (None, Position::ZERO);
        let standing = Standing { number, filter, options, identifier, share, since };
        let (spelt, done) = (wish.spelt.clone(), BTreeSet::new());
        let form = Form::Message;
        let held = Held { standing, spelt, form, next: since, done, owed: None };
        self.state.subscriptions.insert(number, Box::new(held));
        self.listen(number);
        Granted::Yes { number, is_new: true }
    }

    /// A remembered subscription to it goes on; false where it does not.
    pub(super) fn resume_system(&mut self, number: u32) -> bool {
        let is_served = self.door.hub.config().mqtt.system_interval.is_some();
        let goes_on = is_served && self.administers();
        if goes_on {
            self.listen(number);
        }
        goes_on
    }

    fn listen(&mut self, number: u32) {
        let vitals = self.door.hub.mqtt().vitals();
        let fresh = || Box::new(Listening { numbers: BTreeSet::new(), said: vitals.listen() });
        self.system.0.get_or_insert_with(fresh).numbers.insert(number);
    }

    /// Says how the node is, to whoever still administers it. A client that does not read misses it.
    pub(super) fn say(&mut self, report: &Report) {
        if !self.administers() || self.machine.output().len() > OUTPUT_MAX {
            return;
        }
        for (name, value) in report.iter() {
            let Ok(topic) = self.door.prefix.system_topic(name) else { continue };
            let standings = self.state.subscriptions.values().map(|held| &held.standing);
            let wanting: Vec<&Standing> = standings
                .filter(|standing| {
                    self.system.has(standing.number) && standing.filter.matches(&topic)
                })
                .collect();
            if wanting.is_empty() {
                continue;
            }
            let identifiers: Vec<u32> =
                wanting.iter().filter_map(|standing| standing.identifier).collect();
            let message = MqttMessage {
                payload: value.clone().into(),
                utf8: Some(true),
                content_type: CONTENT_TYPE.to_owned(),
                ..MqttMessage::default()
            };
            let delivery = Delivery {
                name,
                message: &message,
                quality: 0,
                retain: false,
                turn: Turn::First,
                id: 0,
                expiry_s: None,
                identifiers: &identifiers,
            };
            if self.machine.publish(&delivery).is_err() {
                debug!(name, "larger than the client takes");
            }
        }
    }
}
