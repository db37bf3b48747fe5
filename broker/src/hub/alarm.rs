//! Says in the log what looks like an attack, and keeps an attacker from filling the disk with it.

use std::sync::{Mutex, PoisonError};

use sekisho_proto::{RefusalCode, Timestamp};
use tracing::{debug, warn};

use super::refusal::Refusal;

/// Lines in the log about one subject in one second; the rest are counted in the first line of the next.
const LINES_PER_S_MAX: u32 = 10;
const SECOND_US: i64 = 1_000_000;

/// What lines are counted together: whoever floods one kind hides nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Forgery and forks.
    Attack,
    /// Connections that were turned away.
    Stranger,
    /// What peers brought.
    Peer,
    /// What the disk did not take.
    Disk,
}

/// How much was said in this second.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    attacks: Mutex<Window>,
    strangers: Mutex<Window>,
    peers: Mutex<Window>,
    disk: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    since_us: i64,
    lines: u32,
    unsaid: u64,
}

impl Alarm {
    /// Tells of a refusal: forgery and forks aloud, everyday ones to whoever debugs.
    pub(super) fn tell(&self, refusal: &Refusal, now: Timestamp) {
        let Refusal { code, what, why, .. } = refusal;
        if !is_suspicious(*code) {
            debug!(%code, what, why, "refused");
            return;
        }
        if let Some(unsaid) = self.admit(Subject::Attack, now) {
            warn!(%code, what, why, unsaid, "refused what looks like an attack");
        }
    }

    /// Whether one more line may be said of a subject, and how many were not.
    pub(crate) fn admit(&self, subject: Subject, now: Timestamp) -> Option<u64> {
        let window = match subject {
            Subject::Attack => &self.attacks,
            Subject::Stranger => &self.strangers,
            Subject::Peer => &self.peers,
            Subject::Disk => &self.disk,
        };
        window.lock().unwrap_or_else(PoisonError::into_inner).admit(now)
    }
}

impl Window {
    /// Whether one more line may be said, and how many were not.
    fn admit(&mut self, now: Timestamp) -> Option<u64> {
        let now = now.as_micros();
        if !(self.since_us..self.since_us.saturating_add(SECOND_US)).contains(&now) {
            self.since_us = now;
            self.lines = 0;
        }
        if self.lines >= LINES_PER_S_MAX {
            self.unsaid += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.unsaid))
    }
}

const fn is_suspicious(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::BadSignature
            | RefusalCode::Equivocation
            | RefusalCode::WrongPublisher
            | RefusalCode::WeakKey
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_says_ten_lines_a_second_and_how_many_it_left_out() {
        let mut window = Window::default();
        let said = |window: &mut Window, micros| window.admit(Timestamp::from_micros(micros));
        let lines = (0..1_000).filter(|at| said(&mut window, 5_000_000 + at).is_some()).count();
        assert_eq!(lines, 10);
        assert_eq!(said(&mut window, 6_000_000), Some(990));
        assert_eq!(said(&mut window, 6_000_001), Some(0));
    }

    #[test]
    fn strangers_that_flood_hide_no_attack() {
        let alarm = Alarm::default();
        let now = Timestamp::from_micros(1);
        let said = (0..100).filter(|_| alarm.admit(Subject::Stranger, now).is_some()).count();
        assert_eq!(said, 10);
        assert_eq!(alarm.admit(Subject::Attack, now), Some(0));
    }
}
