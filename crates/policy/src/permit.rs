//! What a decision leaves behind: tokens that only this crate can make, so that the stage after a
//! check cannot forget to have asked.

use sekisho_proto::{PrincipalId, Topic};

use crate::Recipient;

/// Proof that a principal may publish on a topic.
///
/// There is no way to make one but [`Policy::permit_publish`](crate::Policy::permit_publish):
///
/// ```compile_fail,E0451
/// fn forged(topic: sekisho_proto::Topic, publisher: sekisho_proto::PrincipalId) {
///     let _permit =
///         sekisho_policy::PublishPermit { topic, publisher, policy_version: 1, rate_per_s: None };
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct PublishPermit {
    topic: Topic,
    publisher: PrincipalId,
    policy_version: u64,
    rate_per_s: Option<u32>,
}

impl PublishPermit {
    pub(crate) fn new(
        topic: Topic,
        publisher: PrincipalId,
        policy_version: u64,
        rate_per_s: Option<u32>,
    ) -> Self {
        Self { topic, publisher, policy_version, rate_per_s }
    }

    /// The topic that was asked about.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The principal that was asked about.
    #[must_use]
    pub fn publisher(&self) -> PrincipalId {
        self.publisher
    }

    /// The version of the policy that decided.
    #[must_use]
    pub fn policy_version(&self) -> u64 {
        self.policy_version
    }

    /// Envelopes per second that the grant allows, at least 1; `None` leaves it to the node's limit.
    #[must_use]
    pub fn rate_per_s(&self) -> Option<u32> {
        self.rate_per_s
    }
}

/// Proof that one record of a topic may be handed to a recipient.
///
/// There is no way to make one but [`Policy::permit_delivery`](crate::Policy::permit_delivery):
///
/// ```compile_fail,E0451
/// fn forged(topic: sekisho_proto::Topic, recipient: sekisho_policy::Recipient) {
///     let _permit = sekisho_policy::DeliveryPermit { topic, recipient, policy_version: 1 };
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct DeliveryPermit {
    topic: Topic,
    recipient: Recipient,
    policy_version: u64,
}

impl DeliveryPermit {
    pub(crate) fn new(topic: Topic, recipient: Recipient, policy_version: u64) -> Self {
        Self { topic, recipient, policy_version }
    }

    /// The topic that was asked about.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The recipient that was asked about.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The version of the policy that decided.
    #[must_use]
    pub fn policy_version(&self) -> u64 {
        self.policy_version
    }
}
