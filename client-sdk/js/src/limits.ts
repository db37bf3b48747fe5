// Every limit of the protocol (docs/protocol.md, section 12). Decoders check them before they allocate.

/** Version of the session protocol, the envelope and the key header. */
export const PROTOCOL_VERSION = 1;
/** An encoded envelope, bytes. */
export const ENVELOPE_BYTES_MAX = 1024 * 1024;
/** An encoded frame without its length, bytes. */
export const FRAME_BYTES_MAX = ENVELOPE_BYTES_MAX + 16 * 1024;
/** An encoded frame before the greeting, bytes. */
export const GREETING_BYTES_MAX = 8192;
/** An encoded header, bytes. */
export const HEADER_BYTES_MAX = 1024;
/** An encoded key header, bytes. */
export const KEY_HEADER_BYTES_MAX = 2048;
/** An encoded statement, bytes. */
export const STATEMENT_BYTES_MAX = 60 * 1024;
/** An encoded errand, bytes. */
export const ERRAND_BYTES_MAX = 64 * 1024;
/** The encoded answer to an errand, bytes. */
export const ERRAND_ANSWER_BYTES_MAX = 256 * 1024;
/** Statements stated at once. */
export const STATEMENTS_PER_STATE_MAX = 256;
/** Statements in one frame. */
export const STATEMENTS_PER_FRAME_MAX = 8192;
/** An entry of a log, bytes. */
export const LOG_ENTRY_BYTES_MAX = 65_535;
/** A signed note, bytes. */
export const NOTE_BYTES_MAX = 16 * 1024;
/** Hashes of a proof. */
export const PROOF_HASHES_MAX = 128;
/** Signatures under a statement. */
export const SIGNATURES_MAX = 32;
/** Keys of a root. */
export const ROOT_KEYS_MAX = 16;
/** Filters in a list of a peering. */
export const PEERING_FILTERS_MAX = 256;
/** Third organisations of which one party of a peering passes something on. */
export const TRANSITS_MAX = 16;
/** Purposes of a peering. */
export const PURPOSES_MAX = 64;
/** A topic or filter, bytes of UTF-8. */
export const TOPIC_BYTES_MAX = 512;
/** Levels of a topic or filter, the organisation included. */
export const LEVELS_MAX = 32;
/** A topic's level, bytes of UTF-8. */
export const LEVEL_BYTES_MAX = 128;
/** An organisation's name, bytes. */
export const ORGANISATION_BYTES_MAX = 63;
/** The part of a principal's name before the `@`, and a cursor's name, bytes. */
export const LOCAL_NAME_BYTES_MAX = 64;
/** A content type, bytes. */
export const CONTENT_TYPE_BYTES_MAX = 127;
/** Text for people, bytes of UTF-8. */
export const TEXT_BYTES_MAX = 1024;
/** A node's address, bytes. */
export const ADDRESS_BYTES_MAX = 259;
/** A numeral of a stream descriptor, bytes. */
export const NUMERAL_BYTES_MAX = 64;
/** A transducer's name, bytes of UTF-8. */
export const TRANSDUCER_BYTES_MAX = 128;
/** A unit, bytes of UTF-8. */
export const UNIT_BYTES_MAX = 64;
/** Samples of a batch. */
export const SAMPLES_PER_BATCH_MAX = 65_536;
/** Columns of a batch, and transducers of a descriptor. */
export const COLUMNS_MAX = 1024;
/** Nodes that a record has passed. */
export const HOPS_MAX = 3;
/** What a newcomer tells a steward of a sign-in, sealed, bytes. */
export const SIGN_IN_BYTES_MAX = 6 * 1024;
/** How far a clock may be ahead of the node's, microseconds. */
export const CLOCK_AHEAD_MAX_US = 120_000_000n;
/** Envelopes under one key header. */
export const ENVELOPES_PER_KEY_MAX = 2 ** 32;
