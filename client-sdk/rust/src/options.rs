//! What a client is told once: which root everything it believes must lead back to, and how patient
//! to be.

use std::time::Duration;

use sekisho_proto::{Hash, OrgName};

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
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            software: concat!("sekisho-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(15),
            query_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(30),
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
}
