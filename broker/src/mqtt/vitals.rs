//! What a node says of its MQTT door under `$SYS`, where its operator wants that. Nothing of it is
//! kept: it is said now and then to whoever listens at that moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sekisho_mqtt::Traffic;
use sekisho_proto::Timestamp;
use tokio::sync::watch;

use crate::SOFTWARE;

/// A name and what there is to say.
pub(crate) type Report = Arc<Vec<(&'static str, String)>>;

/// What is counted, and who is told.
#[derive(Debug)]
pub(crate) struct Vitals {
    started: Timestamp,
    clients: AtomicU64,
    subscriptions: AtomicU64,
    received: AtomicU64,
    received_bytes: AtomicU64,
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    told: watch::Sender<Report>,
}

/// One connected client's part of it; given up when dropped.
#[derive(Debug)]
pub(crate) struct Tally {
    vitals: Arc<Vitals>,
    subscriptions: u64,
}

impl Vitals {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            started: now,
            clients: AtomicU64::new(0),
            subscriptions: AtomicU64::new(0),
            received: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            told: watch::Sender::default(),
        }
    }

    /// Tells everybody who listens how it is.
    pub(super) fn tell(&self, retained: usize, now: Timestamp) {
        if self.told.receiver_count() == 0 {
            return;
        }
        let uptime_s = now.saturating_since(self.started).as_secs();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed).to_string();
        self.told.send_replace(Arc::new(vec![
            ("$SYS/broker/version", SOFTWARE.to_owned()),
            ("$SYS/broker/uptime", uptime_s.to_string()),
            ("$SYS/broker/clients/connected", count(&self.clients)),
            ("$SYS/broker/subscriptions/count", count(&self.subscriptions)),
            ("$SYS/broker/retained messages/count", retained.to_string()),
            ("$SYS/broker/publish/messages/received", count(&self.received)),
            ("$SYS/broker/publish/messages/sent", count(&self.sent)),
            ("$SYS/broker/bytes/received", count(&self.received_bytes)),
            ("$SYS/broker/bytes/sent", count(&self.sent_bytes)),
        ]));
    }

    /// Somebody listens: to what is said from now on.
    pub(crate) fn listen(&self) -> watch::Receiver<Report> {
        self.told.subscribe()
    }

    /// A client has connected.
    pub(crate) fn connected(self: &Arc<Self>) -> Tally {
        self.clients.fetch_add(1, Ordering::Relaxed);
        Tally { vitals: Arc::clone(self), subscriptions: 0 }
    }
}

impl Tally {
    /// What went over its connection since, and how many subscriptions it has now.
    pub(crate) fn note(&mut self, traffic: Traffic, subscriptions: usize) {
        let vitals = &self.vitals;
        for (counter, more) in [
            (&vitals.received, traffic.received),
            (&vitals.received_bytes, traffic.received_bytes),
            (&vitals.sent, traffic.sent),
            (&vitals.sent_bytes, traffic.sent_bytes),
        ] {
            if more > 0 {
                counter.fetch_add(more, Ordering::Relaxed);
            }
        }
        let subscriptions = subscriptions as u64;
        if subscriptions != self.subscriptions {
            vitals.subscriptions.fetch_add(subscriptions, Ordering::Relaxed);
            vitals.subscriptions.fetch_sub(self.subscriptions, Ordering::Relaxed);
            self.subscriptions = subscriptions;
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.vitals.clients.fetch_sub(1, Ordering::Relaxed);
        self.vitals.subscriptions.fetch_sub(self.subscriptions, Ordering::Relaxed);
    }
}
