//! Every limit of the protocol, with its unit and where it comes from.
//!
//! A decoder checks the limit before it allocates; an encoder that obeys the types of this crate
//! stays below it.

use std::time::Duration;

/// Version of the session protocol, the envelope and the key header that this crate speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// An encoded envelope, bytes: the most that any node may be configured to take. Larger things
/// (photos, clips) are chunked by the application.
pub const ENVELOPE_BYTES_MAX: usize = 1024 * 1024;

/// An encoded envelope, bytes, that a node takes unless configured otherwise.
pub const ENVELOPE_BYTES_DEFAULT: usize = 64 * 1024;

/// An encoded frame without its length prefix, bytes: the largest envelope, its key header
/// ([`KEY_HEADER_BYTES_MAX`]) and room for the other fields.
pub const FRAME_BYTES_MAX: usize = ENVELOPE_BYTES_MAX + 16 * 1024;

/// An encoded frame, bytes, before the sender has been greeted: a `Hello`, or an `Enrol` with an
/// X-Wing key of 1216 bytes and [`SIGN_IN_BYTES_MAX`].
pub const FRAME_BYTES_UNGREETED_MAX: usize = 8 * 1024;

/// An encoded header, bytes: a topic of 512, a content type of 127, four ids of at most 32 and the
/// numbers, rounded up.
pub const HEADER_BYTES_MAX: usize = 1024;

/// An encoded key header, bytes: an X-Wing encapsulation of 1120, a topic of 512, ids and a
/// signature, rounded up.
pub const KEY_HEADER_BYTES_MAX: usize = 2 * 1024;

/// An encoded statement, bytes: a stream descriptor with a few hundred transducers. As an entry of a
/// control log it must fit the 65,535 bytes of C2SP tlog-tiles' entry bundles.
pub const STATEMENT_BYTES_MAX: usize = 60 * 1024;

/// Statements that are stated at once.
pub const STATEMENTS_PER_STATE_MAX: usize = 256;

/// An encoded entry of a log, bytes: what an entry bundle of C2SP tlog-tiles can hold.
pub const LOG_ENTRY_BYTES_MAX: usize = 65_535;

/// A signed note, bytes: a checkpoint of three lines and some 40 signatures.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;

/// Hashes in one proof of a Merkle tree: two for each level of the largest one.
pub const PROOF_HASHES_MAX: usize = 128;

/// Signatures under one statement: the largest root and a few issuers.
pub const SIGNATURES_MAX: usize = 32;

/// Keys of an organisation's root.
pub const ROOT_KEYS_MAX: usize = 16;

/// Transducers of one stream descriptor: the most columns that a batch may have.
pub const TRANSDUCERS_MAX: usize = COLUMNS_MAX;

/// Filters in one list of a peering.
pub const PEERING_FILTERS_MAX: usize = 256;

/// Third organisations of which one party of a peering passes something on.
pub const TRANSITS_MAX: usize = 16;

/// Purposes of a peering.
pub const PURPOSES_MAX: usize = 64;

/// Statements or answers in one frame: a frame full of the smallest signed statements.
pub const STATEMENTS_PER_FRAME_MAX: usize = 8 * 1024;

/// A topic or filter, bytes of UTF-8.
pub const TOPIC_BYTES_MAX: usize = 512;

/// Levels of a topic or filter with the organisation.
pub const LEVELS_MAX: usize = 32;

/// A topic level, bytes of UTF-8.
pub const LEVEL_BYTES_MAX: usize = 128;

/// An organisation's name, bytes: a DNS label.
pub const ORG_NAME_BYTES_MAX: usize = 63;

/// The part of a principal's name before the `@`, and a cursor's name, bytes.
pub const LOCAL_NAME_BYTES_MAX: usize = 64;

/// A content type, bytes: two names of 63 as RFC 6838 §4.2 recommends, and the slash.
pub const CONTENT_TYPE_BYTES_MAX: usize = 127;

/// Free text for people (a purpose, a reason, a title), bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 1024;

/// A node's address, bytes: a DNS name of 253, a colon and a port.
pub const ADDRESS_BYTES_MAX: usize = 259;

/// A number written out in a stream descriptor (a range, a resolution), bytes.
pub const NUMERAL_BYTES_MAX: usize = 64;

/// A transducer's name, bytes of UTF-8.
pub const TRANSDUCER_BYTES_MAX: usize = 128;

/// A unit, bytes of UTF-8.
pub const UNIT_BYTES_MAX: usize = 64;

/// Samples of one batch: ten minutes of a 100 Hz device.
pub const SAMPLES_PER_BATCH_MAX: usize = 65_536;

/// Columns of one batch: far above the 23 transducers of a truck.
pub const COLUMNS_MAX: usize = 1024;

/// Nodes that a record may have passed.
pub const HOPS_MAX: usize = 3;

/// How far an envelope's time may be ahead of the node's.
pub const CLOCK_AHEAD_MAX: Duration = Duration::from_mins(2);

/// Runs remembered of one publisher on one topic: a node takes an envelope of another only where it is
/// younger than all that it forgot.
pub const BOOTS_PER_STREAM_MAX: usize = 8;

/// Envelopes sealed under one key header: far below where a 96-bit counter nonce or AES-256-GCM's
/// own limits matter.
pub const ENVELOPES_PER_KEY_MAX: u64 = 1 << 32;

/// Who sends records attaches a key header again where it is named so long after it was attached:
/// whoever takes records may forget a key header that nothing has named for twice as long.
pub const KEY_HEADER_AGAIN_AFTER: Duration = Duration::from_mins(30);

/// Bytes of a string of MQTT: its length is told in 16 bits.
pub const MQTT_STRING_BYTES_MAX: usize = 65_535;

/// User properties of one MQTT message.
pub const USER_PROPERTIES_MAX: usize = 64;

/// An encoded errand, bytes: the largest statement to countersign, or an invitation with some
/// hundred filters.
pub const ERRAND_BYTES_MAX: usize = 64 * 1024;

/// An encoded answer to an errand, bytes: a part of a list with at least one invitation, whose
/// filters may take 64 KiB.
pub const ERRAND_ANSWER_BYTES_MAX: usize = 256 * 1024;

/// How long an errand may wait to be begun: whoever holds it back can do so no longer.
pub const ERRAND_LIFETIME_MAX: Duration = Duration::from_hours(1);

/// Statements in one errand: every key of a name, or somebody with a right in as many places.
pub const ERRAND_STATEMENTS_MAX: usize = 64;

/// Filters in each list of an invitation: each becomes a grant.
pub const INVITATION_FILTERS_MAX: usize = 64;

/// Minutes for which an invitation is good: what lies around longer is found by others.
pub const INVITATION_MINUTES_MAX: u32 = 24 * 60;

/// Invitations in one answer.
pub const INVITATIONS_PER_ANSWER_MAX: u32 = 100;

/// What a newcomer tells a steward of a sign-in, sealed, in bytes: an ID token with room to spare. With
/// the rest of `Enrol` it fits a frame before the greeting.
pub const SIGN_IN_BYTES_MAX: usize = 6 * 1024;
