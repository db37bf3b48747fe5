//! How much a principal may ask of the node: token buckets of one second's worth, one for each
//! principal however many connections it opens.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use sekisho_proto::{PrincipalId, RefusalCode, Timestamp, limits};

use super::refusal::Refusal;
use crate::clock;

const MICROS: u64 = 1_000_000;
/// What a principal may do at once of that which the access log keeps for ever: a program with
/// thousands of subscriptions that begins anew.
const RECORDED_BURST: u64 = 4_096;
/// And in the long run, a second.
const RECORDED_PER_S: u64 = 2;
/// Key headers that a publisher may bring at once: one for each of its topics.
const KEY_HEADERS_BURST: u64 = 4_096;
/// And in the long run, a second: each is kept for hours at least, also where its envelope is refused.
const KEY_HEADERS_PER_S: u64 = 16;
/// Streams that a principal may open at once beside its control stream: a program with thousands of
/// subscriptions that begins anew.
const OPENED_BURST: u64 = 4_096;
/// And in the long run, a second: each costs a task and a question of policy, also where it is refused.
const OPENED_PER_S: u64 = 256;
/// Bytes of envelopes that a peer's node may carry home, a second, where the contract does not say
/// it: what a link gives as well.
const CARRIED_BYTES_PER_S: u64 = 32 << 20;
/// No contract means more, and no level overflows.
const CARRIED_BYTES_PER_S_MAX: u64 = 1 << 40;
/// What may come at once by the narrowest contract.
const CARRIED_BYTES_BURST_MIN: u64 = limits::ENVELOPE_BYTES_MAX as u64;
/// Connections read the clock at about the same time and arrive here in any order; what is further
/// apart is a clock that was put back.
const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);

/// Every principal's buckets; those that are full again are forgotten.
#[derive(Debug)]
pub(super) struct Rates {
    limit_per_s: u32,
    arriving: DashMap<PrincipalId, Bucket>,
    publishing: DashMap<PrincipalId, Bucket>,
    recording: DashMap<PrincipalId, Bucket>,
    opening: DashMap<PrincipalId, Bucket>,
    /// By who carries and whose it is.
    beginning: DashMap<(PrincipalId, PrincipalId), Bucket>,
    /// Likewise.
    carrying: DashMap<(PrincipalId, PrincipalId), Bucket>,
    /// Bytes, by who carries.
    carrying_bytes: DashMap<PrincipalId, Bucket>,
}

/// What was taken for one entry of the access log: given back where none is written.
#[derive(Debug)]
pub(crate) struct Paid {
    rates: Arc<Rates>,
    principal: Option<PrincipalId>,
}

impl Paid {
    /// It was taken already.
    pub(super) const fn new(rates: Arc<Rates>, principal: PrincipalId) -> Self {
        Self { rates, principal: Some(principal) }
    }

    /// The entry is written.
    pub(super) fn spend(mut self) {
        self.principal = None;
    }
}

impl Drop for Paid {
    fn drop(&mut self) {
        if let Some(principal) = &self.principal {
            self.rates.give_back_records(principal, 1, clock::now());
        }
    }
}

/// In millionths of a request, so that slow rates add up exactly.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    per_s: u64,
    burst: u64,
    level: u64,
    filled: Timestamp,
}

impl Rates {
    /// `limit_per_s` is what the node grants everybody.
    pub(super) fn new(limit_per_s: u32) -> Self {
        Self {
            limit_per_s,
            arriving: DashMap::new(),
            publishing: DashMap::new(),
            recording: DashMap::new(),
            opening: DashMap::new(),
            beginning: DashMap::new(),
            carrying: DashMap::new(),
            carrying_bytes: DashMap::new(),
        }
    }

    /// Takes one request of whoever is connected, before anything costly is done for it.
    ///
    /// # Errors
    /// It has asked more than the node allows.
    pub(super) fn arrive(&self, principal: &PrincipalId, now: Timestamp) -> Result<(), Refusal> {
        self.arrive_many(principal, 1, now)
    }

    /// Takes so many requests that came as one; more than a second's worth cost a second's worth.
    ///
    /// # Errors
    /// It has asked more than the node allows.
    pub(super) fn arrive_many(
        &self,
        principal: &PrincipalId,
        count: u64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let per_s = u64::from(self.limit_per_s);
        take(&self.arriving, principal, count.min(per_s), (per_s, per_s), now)
    }

    /// Takes one envelope of a publisher whose grant limits how many it may publish.
    ///
    /// # Errors
    /// It has published more than its grant allows.
    pub(super) fn publish(
        &self,
        publisher: &PrincipalId,
        granted_per_s: u32,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let per_s = u64::from(granted_per_s);
        take(&self.publishing, publisher, 1, (per_s, per_s), now)
    }

    /// Takes one envelope of a publisher that another node carried here. It counts for the two of
    /// them: a carrier that brings the same ones over and over uses up nothing of what the
    /// publisher may bring itself.
    ///
    /// # Errors
    /// The carrier has brought more of its envelopes than its grant, or the node, allows.
    pub(super) fn carry(
        &self,
        carrier: &PrincipalId,
        publisher: &PrincipalId,
        granted_per_s: Option<u32>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let per_s = granted_per_s.map_or(self.limit_per_s, |granted| granted.min(self.limit_per_s));
        let rate = (u64::from(per_s), u64::from(per_s));
        take_of(&self.carrying, (*carrier, *publisher), publisher, (1, rate), now)
    }

    /// Takes the bytes of an envelope that another node carried here, whoever published it.
    ///
    /// # Errors
    /// The carrier has brought more than its contract, or the node where that says nothing, allows.
    pub(super) fn carry_bytes(
        &self,
        carrier: &PrincipalId,
        bytes: usize,
        agreed_per_s: Option<u64>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let per_s = agreed_per_s.unwrap_or(CARRIED_BYTES_PER_S).min(CARRIED_BYTES_PER_S_MAX);
        // Every envelope fits at once, as over a link.
        let burst = per_s.max(CARRIED_BYTES_BURST_MIN);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let bucket = self.carrying_bytes.entry(*carrier);
        let full = || Bucket::full(per_s, burst, now);
        if bucket.or_insert_with(full).take(bytes, (per_s, burst), now) {
            return Ok(());
        }
        let why = format!("wanted at most {per_s} bytes a second, found more");
        let what = format!("what {} carries", carrier.short());
        Err(Refusal::new(RefusalCode::RateLimited, what, why))
    }

    /// Takes one key header with which a run of a publisher begins. It counts for the two of them, as
    /// what is carried does.
    ///
    /// # Errors
    /// More of its runs were begun by this carrier than the node allows.
    pub(super) fn begin_run(
        &self,
        carrier: &PrincipalId,
        publisher: &PrincipalId,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let rate = (KEY_HEADERS_PER_S, KEY_HEADERS_BURST);
        take_of(&self.beginning, (*carrier, *publisher), publisher, (1, rate), now)
    }

    /// Takes one thing that becomes an entry of the access log, which only grows.
    ///
    /// # Errors
    /// It has done more of these than the node allows.
    pub(super) fn record(&self, principal: &PrincipalId, now: Timestamp) -> Result<(), Refusal> {
        self.record_many(principal, 1, now)
    }

    /// Takes so many of them, or none: whoever is refused loses nothing of what it has to wait for.
    /// More than ever come at once cost as many as do.
    ///
    /// # Errors
    /// It has done more of these than the node allows.
    pub(super) fn record_many(
        &self,
        principal: &PrincipalId,
        count: u64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let rate = (RECORDED_PER_S, RECORDED_BURST);
        take(&self.recording, principal, count.min(RECORDED_BURST), rate, now)
    }

    /// Gives back so many that were taken and became none.
    pub(super) fn give_back_records(&self, principal: &PrincipalId, count: u64, now: Timestamp) {
        // Of whoever is not known everything is there.
        if let Some(mut bucket) = self.recording.get_mut(principal) {
            bucket.give_back(count.min(RECORDED_BURST), now);
        }
    }

    /// Takes one stream that a principal has opened, over all its connections; false where it has to
    /// wait.
    pub(super) fn open(&self, principal: &PrincipalId, now: Timestamp) -> bool {
        take(&self.opening, principal, 1, (OPENED_PER_S, OPENED_BURST), now).is_ok()
    }

    /// Forgets whoever has been silent until its bucket was full again.
    pub(super) fn sweep(&self, now: Timestamp) {
        let by_principal = [
            &self.arriving,
            &self.publishing,
            &self.recording,
            &self.opening,
            &self.carrying_bytes,
        ];
        for buckets in by_principal {
            buckets.retain(|_principal, bucket| !bucket.is_full(now));
        }
        for buckets in [&self.carrying, &self.beginning] {
            buckets.retain(|_pair, bucket| !bucket.is_full(now));
        }
    }
}

fn take(
    buckets: &DashMap<PrincipalId, Bucket>,
    principal: &PrincipalId,
    count: u64,
    rate: (u64, u64),
    now: Timestamp,
) -> Result<(), Refusal> {
    take_of(buckets, *principal, principal, (count, rate), now)
}

fn take_of<K: Eq + Hash>(
    buckets: &DashMap<K, Bucket>,
    key: K,
    principal: &PrincipalId,
    (count, (per_s, burst)): (u64, (u64, u64)),
    now: Timestamp,
) -> Result<(), Refusal> {
    let full = || Bucket::full(per_s, burst, now);
    let mut bucket = buckets.entry(key).or_insert_with(full);
    if bucket.take(count, (per_s, burst), now) {
        return Ok(());
    }
    let why = format!("wanted at most {per_s} a second and {burst} at once, found more");
    Err(Refusal::new(RefusalCode::RateLimited, format!("requests of {}", principal.short()), why))
}

impl Bucket {
    const fn full(per_s: u64, burst: u64, now: Timestamp) -> Self {
        Self { per_s, burst, level: burst * MICROS, filled: now }
    }

    fn take(&mut self, count: u64, (per_s, burst): (u64, u64), now: Timestamp) -> bool {
        (self.per_s, self.burst) = (per_s, burst);
        if self.filled.saturating_since(now) > CLOCK_STEP_MIN {
            // The clock was put back: it will not reach that time for long.
            self.filled = now;
        }
        self.level = self.level_at(now);
        self.filled = self.filled.max(now);
        let wanted = count.saturating_mul(MICROS);
        if self.level < wanted {
            return false;
        }
        self.level -= wanted;
        true
    }

    fn give_back(&mut self, count: u64, now: Timestamp) {
        let given = count.saturating_mul(MICROS);
        self.level = self.level_at(now).saturating_add(given).min(self.burst * MICROS);
        self.filled = self.filled.max(now);
    }

    fn level_at(&self, now: Timestamp) -> u64 {
        let passed = now.as_micros().saturating_sub(self.filled.as_micros());
        let passed = u64::try_from(passed).unwrap_or(0);
        self.level.saturating_add(passed.saturating_mul(self.per_s)).min(self.burst * MICROS)
    }

    fn is_full(&self, now: Timestamp) -> bool {
        self.level_at(now) == self.burst * MICROS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUCK: PrincipalId = PrincipalId::new([17; 32]);
    const OTHER: PrincipalId = PrincipalId::new([18; 32]);

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn arrivals(rates: &Rates, who: &PrincipalId, tries: usize, micros: i64) -> usize {
        (0..tries).filter(|_| rates.arrive(who, at(micros)).is_ok()).count()
    }

    #[test]
    fn a_second_refills_exactly_one_second_of_requests() {
        let rates = Rates::new(3);
        assert_eq!(arrivals(&rates, &TRUCK, 5, 0), 3);
        assert_eq!(arrivals(&rates, &TRUCK, 5, 1_000_000), 3);
        assert_eq!(arrivals(&rates, &TRUCK, 5, 1_400_000), 1);
    }

    #[test]
    fn many_in_one_frame_count_as_many() {
        let rates = Rates::new(300);
        rates.arrive_many(&TRUCK, 256, at(0)).unwrap();
        rates.arrive_many(&TRUCK, 256, at(0)).unwrap_err();
        assert_eq!(arrivals(&rates, &TRUCK, 99, 0), 44);
        let few = Rates::new(10);
        few.arrive_many(&TRUCK, 256, at(0)).unwrap();
        few.arrive(&TRUCK, at(0)).unwrap_err();
    }

    #[test]
    fn one_principal_uses_up_nothing_of_anothers() {
        let rates = Rates::new(2);
        assert_eq!(arrivals(&rates, &TRUCK, 5, 0), 2);
        assert_eq!(arrivals(&rates, &OTHER, 5, 0), 2);
    }

    #[test]
    fn a_grant_limits_what_is_published_and_nothing_else() {
        let rates = Rates::new(100);
        let published = (0..9).filter(|_| rates.publish(&TRUCK, 2, at(0)).is_ok()).count();
        assert_eq!(published, 2);
        assert_eq!(arrivals(&rates, &TRUCK, 9, 0), 9);
    }

    #[test]
    fn whoever_opens_streams_without_end_has_to_wait() {
        let rates = Rates::new(100);
        let opened =
            |count: usize, micros| (0..count).filter(|_| rates.open(&TRUCK, at(micros))).count();
        assert_eq!(opened(10_000, 0), 4_096);
        assert_eq!(opened(10_000, 1_000_000), 256);
        assert!(rates.open(&OTHER, at(1_000_000)));
        assert_eq!(arrivals(&rates, &TRUCK, 9, 1_000_000), 9);
    }

    #[test]
    fn a_carrier_that_brings_the_same_again_uses_up_nothing_of_the_publishers() {
        let rates = Rates::new(3);
        let carried = |granted| {
            let brought = (0..9).filter(|_| rates.carry(&OTHER, &TRUCK, granted, at(0)).is_ok());
            brought.count()
        };
        assert_eq!((carried(Some(2)), carried(Some(2))), (2, 0));
        assert_eq!(arrivals(&rates, &TRUCK, 9, 0), 3);
        assert_eq!((0..9).filter(|_| rates.publish(&TRUCK, 2, at(0)).is_ok()).count(), 2);
        let third = PrincipalId::new([19; 32]);
        let own = (0..9).filter(|_| rates.carry(&OTHER, &third, Some(7), at(0)).is_ok()).count();
        assert_eq!(own, 3);
        rates.sweep(at(2_000_000));
        assert!(rates.carrying.is_empty());
    }

    #[test]
    fn a_carrier_brings_as_many_bytes_as_its_contract_says_and_every_single_envelope() {
        let rates = Rates::new(100);
        let mib = limits::ENVELOPE_BYTES_MAX;
        let brought = |agreed, micros| {
            let carried = |_one: &u8| rates.carry_bytes(&OTHER, mib, agreed, at(micros)).is_ok();
            (0..9).filter(carried).count()
        };
        // The largest envelope fits, and then nothing until it is made good.
        assert_eq!(brought(Some(mib as u64 / 2), 0), 1);
        assert_eq!(brought(Some(mib as u64 / 2), 1_000_000), 0);
        assert_eq!(brought(Some(mib as u64 / 2), 2_000_000), 1);
        rates.sweep(at(1_000_000_000));
        assert!(rates.carrying_bytes.is_empty());
        assert_eq!(brought(Some(3 * mib as u64), 1_000_000_000), 3);
        rates.sweep(at(2_000_000_000));
        assert_eq!(brought(None, 2_000_000_000), 9);
        rates.sweep(at(3_000_000_000));
        assert_eq!(brought(Some(u64::MAX), 3_000_000_000), 9);
    }

    #[test]
    fn forgetting_the_silent_gives_nobody_more() {
        let rates = Rates::new(3);
        assert_eq!(arrivals(&rates, &TRUCK, 3, 0), 3);
        rates.sweep(at(500_000));
        assert_eq!(arrivals(&rates, &TRUCK, 9, 500_000), 1);
        rates.sweep(at(3_000_000));
        assert!(rates.arriving.is_empty());
    }

    #[test]
    fn a_clock_that_was_put_back_an_hour_starves_nobody() {
        let rates = Rates::new(2);
        assert_eq!(arrivals(&rates, &TRUCK, 5, 3_600_000_000), 2);
        assert_eq!(arrivals(&rates, &TRUCK, 5, 0), 0);
        assert_eq!(arrivals(&rates, &TRUCK, 5, 1_000_000), 2);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_and_takes_nothing() {
        let rates = Rates::new(1);
        assert!(rates.arrive(&TRUCK, at(5_000_000)).is_ok());
        assert!(rates.arrive(&TRUCK, at(0)).is_err());
        assert!(rates.arrive(&TRUCK, at(6_000_000)).is_ok());
    }

    #[test]
    fn whoever_is_refused_many_entries_at_once_loses_none_of_what_it_waits_for() {
        let rates = Rates::new(10);
        rates.record_many(&TRUCK, u64::MAX, at(0)).unwrap();
        // Two come in a second, and ten are wanted: every refused attempt leaves what there is.
        for second in 0..5 {
            for _attempt in 0..9 {
                rates.record_many(&TRUCK, 10, at(second * 1_000_000)).unwrap_err();
            }
        }
        rates.record_many(&TRUCK, 10, at(5_000_000)).unwrap();
        rates.record(&TRUCK, at(5_000_000)).unwrap_err();
    }

    #[test]
    fn what_was_taken_and_came_to_nothing_is_there_again_and_no_more_than_that() {
        let rates = Rates::new(10);
        rates.give_back_records(&TRUCK, 5, at(0));
        rates.record_many(&TRUCK, RECORDED_BURST, at(0)).unwrap();
        rates.record(&TRUCK, at(0)).unwrap_err();
        rates.give_back_records(&TRUCK, 5, at(0));
        rates.record_many(&TRUCK, 6, at(0)).unwrap_err();
        rates.record_many(&TRUCK, 5, at(0)).unwrap();
        // Beside the two of a second.
        rates.give_back_records(&TRUCK, 5, at(1_000_000));
        rates.record_many(&TRUCK, 8, at(1_000_000)).unwrap_err();
        rates.record_many(&TRUCK, 7, at(1_000_000)).unwrap();
        rates.give_back_records(&TRUCK, u64::MAX, at(1_000_000));
        rates.record_many(&TRUCK, RECORDED_BURST, at(1_000_000)).unwrap();
        rates.record(&TRUCK, at(1_000_000)).unwrap_err();
    }

    #[test]
    fn key_headers_are_limited_in_the_long_run_and_come_at_once_for_all_topics() {
        let rates = Rates::new(10);
        for _topic in 0..KEY_HEADERS_BURST {
            rates.begin_run(&TRUCK, &TRUCK, at(0)).unwrap();
        }
        assert_eq!(
            rates.begin_run(&TRUCK, &TRUCK, at(0)).unwrap_err().code,
            RefusalCode::RateLimited
        );
        rates.begin_run(&OTHER, &OTHER, at(0)).unwrap();
        // Nor does it run out for what others bring of it.
        rates.begin_run(&OTHER, &TRUCK, at(0)).unwrap();
        for _more in 0..KEY_HEADERS_PER_S {
            rates.begin_run(&TRUCK, &TRUCK, at(1_000_000)).unwrap();
        }
        rates.begin_run(&TRUCK, &TRUCK, at(1_000_000)).unwrap_err();
    }

    #[test]
    fn what_the_access_log_keeps_is_limited_in_the_long_run_and_not_at_once() {
        let rates = Rates::new(10);
        for _entry in 0..RECORDED_BURST {
            rates.record(&TRUCK, at(0)).unwrap();
        }
        rates.record(&TRUCK, at(0)).unwrap_err();
        rates.record(&OTHER, at(0)).unwrap();
        for _entry in 0..RECORDED_PER_S {
            rates.record(&TRUCK, at(1_000_000)).unwrap();
        }
        rates.record(&TRUCK, at(1_000_000)).unwrap_err();
        rates.sweep(at(1_000_000));
        rates.record(&TRUCK, at(1_000_000)).unwrap_err();
    }
}
