//! Refusals in MQTT's words.

use sekisho_mqtt::Reason;
use sekisho_proto::RefusalCode;

/// Why a message was not kept (3.4.2.1).
pub(super) const fn of_message(code: RefusalCode) -> Reason {
    match code {
        RefusalCode::NotPermitted
        | RefusalCode::Revoked
        | RefusalCode::UnknownKey
        | RefusalCode::WrongPublisher
        | RefusalCode::ForeignTopic => Reason::NOT_AUTHORIZED,
        RefusalCode::Oversized
        | RefusalCode::RateLimited
        | RefusalCode::StorageFull
        | RefusalCode::TooMany => Reason::QUOTA,
        RefusalCode::Malformed | RefusalCode::NonCanonical => Reason::PAYLOAD_FORMAT,
        RefusalCode::Draining | RefusalCode::Internal => Reason::UNSPECIFIED,
        RefusalCode::UnknownVersion
        | RefusalCode::UnexpectedFrame
        | RefusalCode::WeakKey
        | RefusalCode::BadSignature
        | RefusalCode::Replayed
        | RefusalCode::SequenceGap
        | RefusalCode::Equivocation
        | RefusalCode::ClockAhead
        | RefusalCode::Expired
        | RefusalCode::EpochRetired
        | RefusalCode::EpochUnknown
        | RefusalCode::KeyHeaderMissing
        | RefusalCode::NotFound
        | RefusalCode::AlreadyExists
        | RefusalCode::BadStatement
        | RefusalCode::BadEnrolment => Reason::IMPLEMENTATION,
    }
}

/// Whether the same may be taken later. In 3.1.1, which cannot refuse a message, such a one ends the
/// connection, and its client sends it again; any other is taken and dropped (3.3.5).
pub(super) const fn passes(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::RateLimited
            | RefusalCode::StorageFull
            | RefusalCode::Draining
            | RefusalCode::TooMany
            | RefusalCode::Internal
    )
}

/// Why a filter is not subscribed to (3.9.3). A right that is missing is not told apart from a
/// topic that is: 3.1.1 has one code for everything.
pub(super) const fn of_filter(code: RefusalCode) -> Reason {
    match of_message(code) {
        Reason::QUOTA => Reason::QUOTA,
        _ => Reason::UNSPECIFIED,
    }
}

/// Why a client does not come in (3.2.2.2).
#[expect(clippy::wildcard_enum_match_arm, reason = "whoever has no business here has no right")]
pub(super) const fn of_connect(code: RefusalCode) -> Reason {
    match code {
        RefusalCode::RateLimited => Reason::CONNECTION_RATE,
        RefusalCode::TooMany => Reason::QUOTA,
        RefusalCode::Draining | RefusalCode::StorageFull | RefusalCode::Internal => {
            Reason::SERVER_UNAVAILABLE
        }
        _ => Reason::NOT_AUTHORIZED,
    }
}

/// Why the node ends a connection (3.14.2.1).
#[expect(clippy::wildcard_enum_match_arm, reason = "other codes end no session")]
pub(super) const fn of_end(code: RefusalCode) -> Reason {
    match code {
        RefusalCode::Draining => Reason::SHUTTING_DOWN,
        RefusalCode::NotPermitted | RefusalCode::Revoked | RefusalCode::UnknownKey => {
            Reason::NOT_AUTHORIZED
        }
        RefusalCode::RateLimited => Reason::RATE,
        RefusalCode::TooMany | RefusalCode::StorageFull => Reason::QUOTA,
        _ => Reason::UNSPECIFIED,
    }
}
