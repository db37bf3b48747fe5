//! What a client is told once: which root everything it believes must lead back to, and how patient
//! to be.

use std::{path::PathBuf, time::Duration};

use sekisho_proto::{Hash, OrgName};

use crate::connection::Via;

/// What everything a client believes leads back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The client's own organisation.
    pub organisation: OrgName,
    /// SHA-256 of its `OrgRoot` statement's body.
    pub root: Hash,
}

/// How a client behaves where the defaults do not fit. Change it with its methods.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    pub(crate) software: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) query_timeout: Duration,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) trust_folder: Option<PathBuf>,
    pub(crate) checkpoint_every: Duration,
    pub(crate) roam_after: Duration,
    pub(crate) home_every: (Duration, Duration),
    pub(crate) via: Via,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            software: concat!("sekisho-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(15),
            query_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(30),
            trust_folder: None,
            checkpoint_every: Duration::from_secs(5 * 60),
            roam_after: Duration::from_secs(10),
            home_every: (Duration::from_secs(10), Duration::from_secs(60)),
            via: Via::Quic,
        }
    }
}

impl ClientOptions {
    /// Name and version of the program, for the node's logs. Default: this SDK's.
    #[must_use]
    pub fn software(self, software: impl Into<String>) -> Self {
        Self { software: software.into(), ..self }
    }

    /// How long [`Client::connect`](crate::Client::connect) waits for the first Welcome. Default
    /// 15 s.
    #[must_use]
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// How long an answer to a query may take. Default 10 s.
    #[must_use]
    pub fn query_timeout(self, query_timeout: Duration) -> Self {
        Self { query_timeout, ..self }
    }

    /// Shortest and longest delay between attempts to reconnect. Default 250 ms and 30 s; the
    /// delay doubles from one to the other and is spread over the upper half of each step.
    #[must_use]
    pub fn backoff(self, min: Duration, max: Duration) -> Self {
        Self { backoff_min: min, backoff_max: max, ..self }
    }

    /// The principal's folder: what was last trusted of control logs is kept there over restarts,
    /// and the policy of witnesses, [`WITNESSES_FILE`](crate::WITNESSES_FILE), is read from there
    /// where it has one. Default: the folder of [`Client::open`](crate::Client::open), else none:
    /// what was trusted is forgotten with the client.
    #[must_use]
    pub fn trust_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { trust_folder: Some(folder.into()), ..self }
    }

    /// How often the node is asked again, on a living connection, for its control log's
    /// checkpoint. Default 5 min.
    #[must_use]
    pub fn checkpoint_every(self, interval: Duration) -> Self {
        Self { checkpoint_every: interval, ..self }
    }

    /// How long the home may be out of reach before publishers go to a node that carries their
    /// envelopes home; a client that has not been at home yet does not wait. Spread over the upper
    /// half. Default 10 s: a node that is restarted is back before.
    #[must_use]
    pub fn roam_after(self, roam_after: Duration) -> Self {
        Self { roam_after, ..self }
    }

    /// Shortest and longest delay between looks at whether the home can be reached again, while
    /// another node carries. Default 10 s and 60 s, spread as with [`backoff`](Self::backoff).
    #[must_use]
    pub fn home_every(self, min: Duration, max: Duration) -> Self {
        Self { home_every: (min, max), ..self }
    }

    /// What carries frames to the own organisation's node. Default: QUIC, at the endpoint's address.
    #[must_use]
    pub fn via(self, via: Via) -> Self {
        Self { via, ..self }
    }
}
