//! The bounds of one link, each with its unit and where it comes from.

use std::time::Duration;

/// How one link behaves. The defaults are for two cities over the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLimits {
    /// Records of a link that may be under way or not durable yet, over all its subscriptions.
    /// Default 4,096: a round trip of 200 ms at 20,000 envelopes/s.
    pub window_records: u32,
    /// What the peer may send where the peering does not say it, bytes of envelopes per second.
    /// Default 32 MiB/s.
    pub bytes_per_s: u64,
    /// Envelopes per second, the same. Default 50,000.
    pub envelopes_per_s: u32,
    /// Frames that carry no record, per second: a peer has little to say beside its records.
    /// Default 1,000.
    pub frames_per_s: u32,
    /// And at once: the statements of a large log, many to a frame. Default 10,000.
    pub frames_burst: u32,
    /// Bytes of statements per second. Default 8 MiB: statements may be large.
    pub log_bytes_per_s: u64,
    /// And at once. Default 64 MiB.
    pub log_bytes_burst: u64,
    /// Statements per second, each of which costs a signature, a place in the policy and one on the
    /// disk for ever. Default 1,000: what an organisation states in a day.
    pub statements_per_s: u32,
    /// And at once: the whole log of an organisation of some thousand principals. Default 10,000.
    pub statements_burst: u32,
    /// Filters asked for at a time, where the peering does not say it. Default 256: as many as a
    /// contract names at most, and as a session may have.
    pub interests_max: u32,
    /// For so long a filter is asked for that nobody wants any longer. Default 60 s.
    pub interest_linger: Duration,
    /// The first pause before dialling again, or asking again for what the peer does not permit.
    /// Default 500 ms.
    pub backoff_min: Duration,
    /// The longest of these pauses. Default 60 s.
    pub backoff_max: Duration,
    /// A connection or subscription that held so long makes the next pause a short one again.
    /// Default 10 s.
    pub stable_after: Duration,
    /// Between two pings. Default 15 s: a third of the time after which a silent peer is given up.
    pub ping_interval: Duration,
    /// A peer that says nothing for so long is given up. Default 45 s.
    pub silence_max: Duration,
    /// At most so often is a position saved; what is repeated after a crash is recognised.
    /// Default 1 s.
    pub save_interval: Duration,
    /// At most so often is it said that the peer's log is still heard: a fraction of the time
    /// after which what depends on it fails closed. Default 30 s.
    pub heard_interval: Duration,
    /// A peer whose last checkpoint is older is stale. Default 15 min.
    pub stale_after: Duration,
    /// A peer that shows no checkpoint of its control log for so long, while nothing comes of the
    /// log, is given up. Default 3 min: three times the interval in which nodes show them.
    pub checkpoint_patience: Duration,
    /// What a checkpoint says again within so long is not kept and cosigned again. Default 10 s.
    pub cosign_interval: Duration,
    /// Checkpoints that wait for the statements they cover. Default 16: they come in turn.
    pub checkpoints_ahead_max: usize,
    /// For so long at least a record is held that no statement permits, also where the owner's
    /// control log is complete up to when its home received it: what it depends on may come another
    /// way. Default 5 s. Until that log is complete it is held in any case.
    pub denied_patience: Duration,
    /// Bytes of the envelopes that are held, with those behind them. Beyond it, those are refused
    /// earlier that wait for nothing but `denied_patience`, the first ones first; where that is not
    /// enough, the link hangs up and they come again. Default 64 MiB: two seconds at the speed of a
    /// link.
    pub held_bytes_max: usize,
    /// Publishers on topics that are remembered for having been waited for in vain. Default 4,096.
    pub hopeless_max: usize,
    /// Nodes a record may have passed. Default [`sekisho_proto::limits::HOPS_MAX`].
    pub hops_max: usize,
}

impl Default for LinkLimits {
    fn default() -> Self {
        Self {
            window_records: 4_096,
            bytes_per_s: 32 << 20,
            envelopes_per_s: 50_000,
            frames_per_s: 1_000,
            frames_burst: 10_000,
            log_bytes_per_s: 8 << 20,
            log_bytes_burst: 64 << 20,
            statements_per_s: 1_000,
            statements_burst: 10_000,
            interests_max: 256,
            interest_linger: Duration::from_secs(60),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(60),
            stable_after: Duration::from_secs(10),
            ping_interval: Duration::from_secs(15),
            silence_max: Duration::from_secs(45),
            save_interval: Duration::from_secs(1),
            heard_interval: Duration::from_secs(30),
            stale_after: Duration::from_secs(15 * 60),
            checkpoint_patience: Duration::from_secs(3 * 60),
            cosign_interval: Duration::from_secs(10),
            checkpoints_ahead_max: 16,
            denied_patience: Duration::from_secs(5),
            held_bytes_max: 64 << 20,
            hopeless_max: 4_096,
            hops_max: sekisho_proto::limits::HOPS_MAX,
        }
    }
}
