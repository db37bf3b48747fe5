//! How many may be connected, through whatever door: one bound for all of them, and one for those of
//! one address who have not said who they are.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sekisho_proto::{Hash, RefusalCode, Timestamp};

use crate::clock;
use crate::config::Config;
use crate::hub::Refusal;

/// Wrong passwords that one address may send at once for one name.
const FAILURES_MAX: u32 = 16;
/// How long it takes until one of them is forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(4);
/// Wrong passwords that one address may send at once for all names: behind one address there may be
/// a whole district, and a password cannot be guessed, so that this only saves work.
const ADDRESS_FAILURES_MAX: u32 = 4_096;
/// How long it takes until one of them is forgotten: a hundred a second cost 1 % of a core.
const ADDRESS_FORGIVEN_AFTER: Duration = Duration::from_millis(10);
/// Names and addresses whose failures are remembered, each; a table is swept when it is full.
const FAILING_MAX: usize = 65_536;

/// Everybody who is connected to this node.
#[derive(Debug)]
pub(crate) struct Crowd {
    connections_max: usize,
    connections: Arc<AtomicUsize>,
    strangers: Arc<Strangers>,
    newcomers: Arc<Strangers>,
    failures: Mutex<AllFailures>,
}

/// Wrong passwords.
#[derive(Debug, Default)]
struct AllFailures {
    /// By address.
    of_address: BTreeMap<IpAddr, Failures>,
    /// By address and the hash of a name: one device that is set up wrongly is not to keep its
    /// neighbours out.
    of_name: BTreeMap<(IpAddr, Hash), Failures>,
}

/// One connection's place among all; given up when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    connections: Arc<AtomicUsize>,
}

/// Wrong passwords of one address, or of one name there.
#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since: Timestamp,
}

/// Who is connected and has not said who they are, by address.
#[derive(Debug)]
pub(crate) struct Strangers {
    per_address_max: usize,
    counts: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One stranger's place; given up when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    strangers: Arc<Strangers>,
    address: IpAddr,
}

impl Crowd {
    /// Nobody is there.
    pub(crate) fn new(config: &Config) -> Self {
        let per_address_max = config.strangers_per_address_max;
        let [strangers, newcomers] = [(); 2].map(|()| Arc::new(Strangers::new(per_address_max)));
        Self {
            connections_max: config.connections_max,
            connections: Arc::default(),
            strangers,
            newcomers,
            failures: Mutex::default(),
        }
    }

    /// A place for one more connection; `None` where the node is full.
    pub(crate) fn seat(&self) -> Option<Seat> {
        let taken = self.connections.fetch_add(1, Ordering::Relaxed);
        let seat = Seat { connections: Arc::clone(&self.connections) };
        (taken < self.connections_max).then_some(seat)
    }

    /// A place for somebody who has not said who they are; `None` where too many of this address
    /// have one.
    pub(crate) fn stranger(&self, address: IpAddr) -> Option<Place> {
        self.strangers.enter(address)
    }

    /// How many have not said who they are.
    pub(crate) fn strangers(&self) -> usize {
        self.strangers.total()
    }

    /// A place for somebody who waits to be enrolled.
    pub(crate) fn newcomer(&self, address: IpAddr) -> Option<Place> {
        self.newcomers.enter(address)
    }

    /// Whether a password for this name from this address is looked at.
    ///
    /// # Errors
    /// Too many were wrong.
    pub(crate) fn may_try(&self, address: IpAddr, name: &str) -> Result<(), Refusal> {
        let now = clock::steady();
        let (address, name) = of(address, name);
        let all = self.lock_failures();
        let of_address = all.of_address.get(&address).copied();
        let of_name = all.of_name.get(&(address, name)).copied();
        drop(all);
        let is_below = |failures: Option<Failures>, forgiven_after, max| {
            failures.is_none_or(|failures| failures.left(now, forgiven_after) < max)
        };
        if is_below(of_address, ADDRESS_FORGIVEN_AFTER, ADDRESS_FAILURES_MAX)
            && is_below(of_name, FORGIVEN_AFTER, FAILURES_MAX)
        {
            return Ok(());
        }
        let seconds = FORGIVEN_AFTER.as_secs();
        let why = format!(
            "wanted fewer wrong ones for one name from one address, one every {seconds} s at most"
        );
        Err(Refusal::new(RefusalCode::RateLimited, "password", why))
    }

    /// A password for this name from this address was wrong.
    pub(crate) fn failed(&self, address: IpAddr, name: &str) {
        let now = clock::steady();
        let (address, name) = of(address, name);
        let mut all = self.lock_failures();
        note(&mut all.of_address, address, now, ADDRESS_FORGIVEN_AFTER);
        note(&mut all.of_name, (address, name), now, FORGIVEN_AFTER);
    }

    fn lock_failures(&self) -> MutexGuard<'_, AllFailures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where somebody comes from, and what it calls itself, in few bytes.
fn of(address: IpAddr, name: &str) -> (IpAddr, Hash) {
    (network_of(address), Hash::of(name.as_bytes()))
}

fn note<K: Ord>(
    all: &mut BTreeMap<K, Failures>,
    whose: K,
    now: Timestamp,
    forgiven_after: Duration,
) {
    if all.len() >= FAILING_MAX {
        all.retain(|_whose, failures| failures.left(now, forgiven_after) > 0);
    }
    if all.len() < FAILING_MAX || all.contains_key(&whose) {
        let failures = all.entry(whose).or_insert(Failures { count: 0, since: now });
        let count = failures.left(now, forgiven_after).saturating_add(1);
        *failures = Failures { count, since: now };
    }
}

impl Failures {
    /// How many are not forgotten.
    fn left(self, now: Timestamp, forgiven_after: Duration) -> u32 {
        let passed = now.as_micros().saturating_sub(self.since.as_micros());
        let period = i64::try_from(forgiven_after.as_micros()).unwrap_or(i64::MAX);
        self.count.saturating_sub(u32::try_from(passed / period).unwrap_or(u32::MAX))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Strangers {
    fn new(per_address_max: usize) -> Self {
        Self { per_address_max, counts: Mutex::new(BTreeMap::new()) }
    }

    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = network_of(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place { strangers: Arc::clone(self), address })
    }

    fn total(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

/// What one subscriber of a network operator is given: an IPv4 address, or 64 bits of IPv6 (RFC 6177).
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.strangers.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn crowd(limits: &str) -> Crowd {
        let text = format!("organisation = \"a\"\n[limits]\n{limits}\n");
        Crowd::new(&Config::parse(&text, Path::new("."), Path::new("sekisho.toml")).unwrap())
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_its_places() {
        let strangers = Arc::new(Strangers::new(2));
        let enter = |address: &str| strangers.enter(address.parse().unwrap());
        let taken = [enter("2001:db8:1:2::1"), enter("2001:db8:1:2:ffff::9")];
        assert!(taken.iter().all(Option::is_some));
        assert!(enter("2001:db8:1:2::3").is_none());
        assert!(enter("2001:db8:1:3::1").is_some(), "wanted another network let in");
        assert!(enter("192.0.2.1").is_some());
        drop(taken);
        assert!(enter("2001:db8:1:2::3").is_some(), "wanted the places given up");
        assert_eq!(strangers.total(), 0);
    }

    #[test]
    fn no_more_are_seated_than_there_are_seats() {
        let crowd = crowd("connections = 2");
        let first = crowd.seat();
        let second = crowd.seat();
        assert!(first.is_some() && second.is_some());
        assert!(crowd.seat().is_none());
        drop(first);
        assert!(crowd.seat().is_some(), "wanted the seat given up");
    }

    #[test]
    fn an_address_that_guesses_passwords_is_not_listened_to() {
        let crowd = crowd("");
        let [guesser, neighbour] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        for _guess in 0..FAILURES_MAX {
            crowd.may_try(guesser, "meter").unwrap();
            crowd.failed(guesser, "meter");
        }
        let refusal = crowd.may_try(guesser, "meter").unwrap_err();
        assert_eq!(refusal.code, RefusalCode::RateLimited);
        crowd.may_try(neighbour, "meter").unwrap();
        // Another device behind the same address is not its accomplice.
        crowd.may_try(guesser, "lamp").unwrap();
    }

    #[test]
    fn an_address_that_guesses_for_ever_more_names_is_not_listened_to() {
        let crowd = crowd("");
        let guesser = "192.0.2.1".parse().unwrap();
        let refused = (0..10 * ADDRESS_FAILURES_MAX).find(|guess| {
            crowd.failed(guesser, &guess.to_string());
            crowd.may_try(guesser, "another").is_err()
        });
        assert!(refused.is_some(), "wanted an end of it");
    }

    #[test]
    fn wrong_passwords_are_forgotten_one_by_one() {
        let failures = Failures { count: 3, since: Timestamp::from_micros(0) };
        let left = |now| failures.left(now, FORGIVEN_AFTER);
        let at = |seconds: i64| left(Timestamp::from_micros(seconds * 1_000_000));
        assert_eq!([at(0), at(3), at(4), at(11), at(400)], [3, 3, 2, 1, 0]);
    }
}
