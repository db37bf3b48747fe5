//! One way home: dials when there is somebody to carry, and again when the home has been away for a
//! while; in between everybody is refused for now.

use std::sync::Arc;
use std::time::Duration;

use sekisho::framing::StreamError;
use sekisho_proto::{Frame, OrgName, statement::PeeringParty};
use sekisho_seal::SigningKey;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::line::{Broken, Line, refuse};
use super::{Traveller, away, destination};
use crate::clock;
use crate::hub::Hub;

/// How long a home that could not be reached is left alone, first and at most. Publishers have a
/// back-off of their own.
const LEFT_ALONE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// A line over which nothing goes for so long is given up.
const IDLE_MAX: Duration = Duration::from_mins(1);

/// Carries until the contract is over or `stop`.
pub(super) async fn run(
    hub: Arc<Hub>,
    key: Arc<SigningKey>,
    home: OrgName,
    queue: mpsc::Receiver<Traveller>,
    stop: CancellationToken,
) {
    let mut driver = Driver { hub, key, home, queue, line: None, failures: 0, again: None };
    driver.run(&stop).await;
    driver.hub.ways_home().end(&driver.home);
    driver.lose();
    driver.queue.close();
    // Whoever has been given a place still takes it: everybody hears something.
    while let Some(traveller) = driver.queue.recv().await {
        driver.turn_back(&traveller, "found the contract over, or this node stopping");
    }
}

struct Driver {
    hub: Arc<Hub>,
    key: Arc<SigningKey>,
    home: OrgName,
    queue: mpsc::Receiver<Traveller>,
    line: Option<(Line, PeeringParty)>,
    failures: u32,
    /// The home is not dialled before.
    again: Option<Instant>,
}

enum Event {
    Came(Option<Traveller>),
    Said(Result<Option<Frame>, StreamError>),
    Policy,
    Overdue,
    Idle,
    Stop,
}

impl Driver {
    async fn run(&mut self, stop: &CancellationToken) {
        let mut changed = self.hub.authority().watch();
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => Event::Stop,
                gone = changed.changed() => if gone.is_ok() { Event::Policy } else { Event::Stop },
                event = self.next() => event,
            };
            match event {
                Event::Came(Some(traveller)) => {
                    let carrying = self.carry(traveller);
                    if stop.run_until_cancelled(carrying).await.is_none() {
                        return;
                    }
                }
                Event::Said(said) => self.heard(said).await,
                Event::Policy => {
                    let Some(party) = destination(&self.hub, &self.home) else { return };
                    self.follow(&party);
                }
                Event::Overdue => {
                    info!("the home does not answer");
                    self.lose();
                }
                Event::Idle => self.line = None,
                Event::Came(None) | Event::Stop => return,
            }
        }
    }

    /// The next thing to be done with or without a line.
    async fn next(&mut self) -> Event {
        let Some((line, _party)) = &mut self.line else {
            return Event::Came(self.queue.recv().await);
        };
        let (has_room, is_idle, overdue) = (line.has_room(), line.is_idle(), line.overdue());
        let late = overdue.unwrap_or_else(|| Instant::from_std(clock::instant()) + IDLE_MAX);
        tokio::select! {
            said = line.hear() => Event::Said(said),
            came = self.queue.recv(), if has_room => Event::Came(came),
            () = sleep_until(late) => if is_idle { Event::Idle } else { Event::Overdue },
        }
    }

    async fn carry(&mut self, traveller: Traveller) {
        if self.line.is_none() && !self.dial().await {
            self.turn_back(&traveller, "found none that answers");
            self.turn_away("found none that answers");
            return;
        }
        let Some((line, _party)) = &mut self.line else { return };
        if let Err(Broken) = line.carry(traveller, &mut self.queue).await {
            self.lose();
        }
    }

    /// Whether there is a line now.
    async fn dial(&mut self) -> bool {
        if self.again.is_some_and(|again| Instant::from_std(clock::instant()) < again) {
            return false;
        }
        let Some(party) = destination(&self.hub, &self.home) else { return false };
        match Line::open(&party, &self.key).await {
            Ok(line) => {
                info!(address = party.address, "the way is open");
                self.line = Some((line, party));
                (self.failures, self.again) = (0, None);
                true
            }
            Err(fault) => {
                debug!(%fault, "no connection");
                self.leave_alone();
                false
            }
        }
    }

    fn leave_alone(&mut self) {
        let (first, most) = LEFT_ALONE;
        let pause = first.saturating_mul(1 << self.failures.min(16)).min(most);
        self.failures = self.failures.saturating_add(1);
        self.again = Some(Instant::from_std(clock::instant()) + pause);
    }

    async fn heard(&mut self, said: Result<Option<Frame>, StreamError>) {
        let Some((line, _party)) = &mut self.line else { return };
        let taken = match said {
            Ok(Some(frame)) => line.take(frame).await,
            Ok(None) => Err(Broken),
            Err(fault) => {
                info!(%fault, "the home is gone");
                Err(Broken)
            }
        };
        if let Err(Broken) = taken {
            self.lose();
        }
    }

    /// A contract that names another node or address begins a line of its own.
    fn follow(&mut self, party: &PeeringParty) {
        let is_same = |known: &PeeringParty| {
            (known.node_key, &known.address) == (party.node_key, &party.address)
        };
        if self.line.as_ref().is_some_and(|(_line, known)| !is_same(known)) {
            self.lose();
        }
        self.again = None;
    }

    fn lose(&mut self) {
        if let Some((line, _party)) = self.line.take() {
            line.give_up(&self.hub);
            self.leave_alone();
        }
    }

    /// Refuses everybody who waits: the home may be away for long.
    fn turn_away(&mut self, found: &str) {
        while let Ok(traveller) = self.queue.try_recv() {
            self.turn_back(&traveller, found);
        }
    }

    fn turn_back(&self, traveller: &Traveller, found: &str) {
        refuse(&self.hub, &self.home, &traveller.back, away(&self.home, found));
    }
}
