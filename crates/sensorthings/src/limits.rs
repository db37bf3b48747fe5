//! What one request may ask for: each bound has its name, its unit and its reason here.

/// Path and query of a request, bytes: the query by which sensiNact polls has 170, a polygon of 200
/// corners 4,000.
pub const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// Segments of a path after the version: the longest useful one has six.
pub const SEGMENTS_MAX: usize = 12;
/// How deep `$expand` and parentheses may nest; a parenthesis counts twice.
pub const DEPTH_MAX: usize = 32;
/// Entity names in all `$expand`s of a request together.
pub const EXPANSIONS_MAX: usize = 48;
/// Operators, names and literals of one expression.
pub const NODES_MAX: usize = 256;
/// Keys of one `$orderby`, names of one `$select`.
pub const KEYS_MAX: usize = 32;
/// Corners of one geometry.
pub const CORNERS_MAX: usize = 1_024;
/// Entities of a page where nothing is said.
pub const PAGE_DEFAULT: usize = 100;
/// Entities of a page: whoever asks for more gets a link to the next.
pub const PAGE_MAX: usize = 1_000;
/// Entities of one answer, with all that is expanded in them.
pub const ENTITIES_MAX: usize = 50_000;
/// Bytes of one answer, about.
pub const ANSWER_BYTES_MAX: usize = 32 << 20;
/// Streams that one request looks at.
pub const STREAMS_MAX: usize = 16_384;
/// Values that one comparison in a filter looks at, where its names lead to many.
pub const COMBINATIONS_MAX: usize = 65_536;
/// Texts that one function makes in a filter of such values, bytes: functions nest, and each level has
/// its own.
pub const COMBINED_BYTES_MAX: usize = 8 << 20;
/// Entities that the filter and the order of one entity lead to, some 1 KB each while it is judged: an
/// ObservedProperty leads to a Datastream, a Thing and a Location of each stream.
pub const LED_TO_MAX: usize = COMBINATIONS_MAX;
const _: () = assert!(LED_TO_MAX >= 3 * STREAMS_MAX);
/// Last records that one request reads: one of each stream. What is in them counts as read.
pub const LAST_RECORDS_MAX: usize = STREAMS_MAX;
/// Records of a log, or of all that are asked about, that are read as a whole; longer ones are walked
/// in the order of their log.
pub const WHOLE_RECORDS_MAX: u64 = 512;
/// Records of what is expanded that are kept while they are sorted or counted: eight pages, one after
/// the other. What the answer is about is visited instead.
pub const SORTED_RECORDS_MAX: u64 = 4_096;
/// Entities that are kept while they are sorted, some 500 bytes each: 64 of each such record. A page
/// with all that it skips has no more.
pub const SORTED_ENTITIES_MAX: usize = 262_144;
/// Texts and blobs in them that are kept, bytes.
pub const SORTED_BYTES_MAX: usize = 32 << 20;
/// Records that one request visits, to sort or to count them: some seconds of work.
pub const VISITED_RECORDS_MAX: u64 = 262_144;
/// Envelopes that one request visits, bytes.
pub const VISITED_BYTES_MAX: usize = 256 << 20;
/// Values in what one request visits: where a filter looks at each, that is most of its time.
pub const VISITED_VALUES_MAX: usize = 4_000_000;
/// Records of one page of a walk.
pub const CHUNK_RECORDS_MAX: u32 = 256;
/// Pages of a walk in one request: where nothing more was found in them, a link leads on.
pub const CHUNKS_MAX: u32 = 4;
/// Ranges of records that one request reads, of all topics together.
pub const READS_MAX: usize = 64;
/// Ranges of records that a walk through many topics reads in one request: the others are for what is
/// expanded in what it finds.
pub const WALK_READS_MAX: usize = READS_MAX / 2;
/// Envelopes that one request reads, bytes.
pub const READ_BYTES_MAX: usize = 32 << 20;
/// Values in what one request reads: some 80 bytes each while it is answered. A walk's pages of a
/// truck with 23 transducers, 64 samples to a record, have 1.5 million.
pub const READ_VALUES_MAX: usize = 2_000_000;
/// Entities that filters and orders lead to from all that is looked at at a time: four from each value
/// that one request reads.
pub const LED_TO_ALL_MAX: usize = 4 * READ_VALUES_MAX;
/// How often a request is looked at anew with what was read for it.
pub const ROUNDS_MAX: usize = 24;
/// How much later than it was received a reading may claim to be measured, seconds: what a node
/// lets an envelope's time be ahead.
pub const AHEAD_S_MAX: u64 = 120;
