//! The bounds of a router's state: whatever a client can make grow has its limit here.

/// How much of everything one router keeps. Each limit is a count unless its name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once. Default 16,384: with quinn's own state about 1 GiB, the largest node
    /// we mean to run on one machine.
    pub sessions_max: usize,
    /// Subscriptions of one session. Default 256: a dashboard of a whole city has tens.
    pub subscriptions_per_session_max: usize,
    /// Records a subscriber may let the node send before it grants more. Default 65,536.
    pub credit_max: u32,
    /// Publishes of sessions that wait for the disk, over all sessions. Default 65,536: at the
    /// default 64 KiB an envelope has the worst case is 4 GiB, at a usual 1 KiB it is 64 MiB. As many,
    /// and as many of each link, may wait to be judged until others are on the disk.
    pub pending_appends_max: usize,
    /// Sessions that wait for the same envelope: a publisher that reconnected sends again what
    /// is still on its way to the disk. Default 8.
    pub waiters_per_append_max: usize,
    /// Boots remembered of one publisher on one topic; an envelope of a boot that was forgotten
    /// is refused by its time. Default [`sekisho_proto::limits::BOOTS_PER_STREAM_MAX`], as in the log that
    /// it is restored from.
    pub boots_per_stream_max: usize,
    /// Envelope hashes remembered of one boot, to tell a repetition from an equivocation.
    /// Default 32, one KiB.
    pub hashes_per_boot_max: usize,
    /// Pairs of publisher and topic. Default 1,048,576.
    pub streams_max: usize,
    /// Such pairs on topics of one other organisation: whoever follows it has room for others. Default
    /// 524,288.
    pub streams_of_other_max: usize,
    /// Such pairs on topics of all other organisations together: what is left is for the node's own.
    /// Default 786,432.
    pub streams_of_others_max: usize,
    /// Topics of one publisher. Default 4,096.
    pub topics_per_publisher_max: usize,
    /// Topics whose list of subscriptions is kept between records. Default 16,384.
    pub cached_topics_max: usize,
    /// Records in one page of a replay. Default 256.
    pub replay_records_max: u32,
    /// Bytes in one page of a replay, envelopes only. Default 1 MiB, so that one page holds at
    /// least one envelope of the largest size.
    pub replay_bytes_max: usize,
    /// Hops after which a record goes to no further node. Default [`sekisho_proto::limits::HOPS_MAX`].
    pub hops_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: 16_384,
            subscriptions_per_session_max: 256,
            credit_max: 65_536,
            pending_appends_max: 65_536,
            waiters_per_append_max: 8,
            boots_per_stream_max: sekisho_proto::limits::BOOTS_PER_STREAM_MAX,
            hashes_per_boot_max: 32,
            streams_max: 1 << 20,
            streams_of_other_max: 1 << 19,
            streams_of_others_max: 3 << 18,
            topics_per_publisher_max: 4_096,
            cached_topics_max: 16_384,
            replay_records_max: 256,
            replay_bytes_max: 1 << 20,
            hops_max: sekisho_proto::limits::HOPS_MAX,
        }
    }
}
