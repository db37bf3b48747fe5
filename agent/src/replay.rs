//! Plays recordings as if they happened: in the order of their times, at a chosen speed, and if
//! wished moved to another day. Elapsed time is handed in.

use std::{collections::VecDeque, str::FromStr, time::Duration};

use sekisho_proto::Timestamp;

use crate::observation::Observation;

/// Observations that are held to sort a recording by time: some 5 GB of a large fleet's day, above
/// which it should be sorted beforehand.
pub const SORTED_MAX: usize = 10_000_000;

/// The fastest and slowest paces that are not `max`, times the recorded one.
const TIMES: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// This many times as fast as it was recorded.
    Times(f64),
    /// As fast as it can be read and published.
    Max,
}

impl Speed {
    /// The pace at which it was recorded.
    pub const WALL: Self = Self::Times(1.0);
}

/// A text that is no speed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("speed: wanted wall, max, or a factor from 0.001 to 1000000 such as 10x, found {found:?}")]
pub struct SpeedError {
    found: String,
}

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "wall" => Ok(Self::WALL),
            "max" => Ok(Self::Max),
            _ => text
                .strip_suffix('x')
                .unwrap_or(text)
                .parse()
                .ok()
                .filter(|times| TIMES.contains(times))
                .map(Self::Times)
                .ok_or_else(|| SpeedError { found: text.into() }),
        }
    }
}

/// In which order the observations of one recording are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were recorded.
    #[default]
    File,
    /// By their times; the whole recording is read first.
    Time,
}

/// Which observations a shift moves by the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// Those of all recordings: they belong to one drive.
    #[default]
    Together,
    /// Those of each recording: each begins at the start.
    Each,
}

/// When a recording seems to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// When it did.
    #[default]
    Recorded,
    /// When the replay begins.
    Now,
    /// At a time.
    At(Timestamp),
}

/// How recordings are played.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayConfig {
    /// How fast.
    pub speed: Speed,
    /// The longest pause that is waited for; longer ones are cut to it. `None` = each is waited
    /// for.
    pub pause_max: Option<Duration>,
    /// In which order.
    pub order: Order,
    /// When they seem to begin.
    pub start: Start,
    /// Which of them are moved by the same time.
    pub align: Align,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            speed: Speed::WALL,
            pause_max: None,
            order: Order::File,
            start: Start::Recorded,
            align: Align::Together,
        }
    }
}

/// Tells when each observation is due.
#[derive(Debug)]
pub struct Pacer {
    speed: Speed,
    pause_max: Option<Duration>,
    latest: Option<Timestamp>,
    due: Duration,
}

impl Pacer {
    /// A pacer of a replay that begins now.
    #[must_use]
    pub fn new(speed: Speed, pause_max: Option<Duration>) -> Self {
        Self { speed, pause_max, latest: None, due: Duration::ZERO }
    }

    /// How long to wait for an observation of this time, when the replay has run for `elapsed`.
    /// One that is earlier than another before it is due at once.
    pub fn wait(&mut self, time: Timestamp, elapsed: Duration) -> Duration {
        let Speed::Times(times) = self.speed else { return Duration::ZERO };
        let latest = *self.latest.get_or_insert(time);
        let pause = time.saturating_since(latest);
        let pause = self.pause_max.map_or(pause, |max| pause.min(max));
        let scaled = Duration::try_from_secs_f64(pause.as_secs_f64() / times);
        self.due = self.due.saturating_add(scaled.unwrap_or(Duration::MAX));
        self.latest = Some(latest.max(time));
        self.due.saturating_sub(elapsed)
    }
}

/// A recording that is too long to be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("recording: wanted at most {SORTED_MAX} observations to sort by time, found more")]
pub struct TooLong;

/// Brings several recordings into one order.
#[derive(Debug)]
pub struct Sequencer {
    order: Order,
    align: Align,
    start: Option<Timestamp>,
    lanes: Vec<Lane>,
    shift_together: Option<i64>,
}

#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Observation>,
    ended: bool,
    shift: Option<i64>,
}

impl Sequencer {
    /// A sequencer of this many recordings; `now` is when the replay begins.
    #[must_use]
    pub fn new(config: &ReplayConfig, lanes: usize, now: Timestamp) -> Self {
        let start = match config.start {
            Start::Recorded => None,
            Start::Now => Some(now),
            Start::At(time) => Some(time),
        };
        let lanes = std::iter::repeat_with(Lane::default).take(lanes).collect();
        let (order, align) = (config.order, config.align);
        Self { order, align, start, lanes, shift_together: None }
    }

    /// A recording that must be heard of ([`push`](Self::push) or [`end`](Self::end)) before the
    /// next observation is known; `None` where [`pop`](Self::pop) may be called.
    #[must_use]
    pub fn waits_for(&self) -> Option<usize> {
        self.lanes
            .iter()
            .position(|lane| !lane.ended && (lane.queue.is_empty() || self.order == Order::Time))
    }

    /// Takes the next observations of a recording.
    ///
    /// # Errors
    ///
    /// There are more than can be sorted.
    pub fn push(&mut self, lane: usize, observations: Vec<Observation>) -> Result<(), TooLong> {
        let Some(lane) = self.lanes.get_mut(lane) else { return Ok(()) };
        if self.order == Order::Time && lane.queue.len() + observations.len() > SORTED_MAX {
            return Err(TooLong);
        }
        lane.queue.extend(observations);
        Ok(())
    }

    /// A recording has no more.
    pub fn end(&mut self, lane: usize) {
        let Some(lane) = self.lanes.get_mut(lane) else { return };
        lane.ended = true;
        if self.order == Order::Time {
            lane.queue.make_contiguous().sort_by_key(|observation| observation.sample.time);
        }
    }

    /// The next observation and its recording; `None` when all have ended.
    pub fn pop(&mut self) -> Option<(usize, Observation)> {
        self.settle_shifts();
        let due = |(index, lane): (usize, &Lane)| {
            let time = lane.queue.front()?.sample.time.as_micros();
            Some((time.saturating_add(lane.shift.unwrap_or(0)), index))
        };
        let (time, index) = self.lanes.iter().enumerate().filter_map(due).min()?;
        let mut observation = self.lanes.get_mut(index)?.queue.pop_front()?;
        observation.sample.time = Timestamp::from_micros(time);
        Some((index, observation))
    }

    fn settle_shifts(&mut self) {
        let Some(start) = self.start else { return };
        let first = |lane: &Lane| lane.queue.front().map(|first| first.sample.time);
        let shift = |first: Timestamp| start.as_micros().saturating_sub(first.as_micros());
        if self.align == Align::Together && self.shift_together.is_none() {
            self.shift_together = self.lanes.iter().filter_map(first).min().map(shift);
        }
        for lane in &mut self.lanes {
            if lane.shift.is_none() {
                lane.shift = match self.align {
                    Align::Together => self.shift_together,
                    Align::Each => first(lane).map(shift),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
