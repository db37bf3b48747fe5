//! Ties everything together: sources are read side by side, recordings are brought into one order
//! and paced, positions are joined, and each sample goes to its topic.
//!
//! An input that cannot be read ends, is reported, and leaves the others running. Every queue is
//! bounded: where publishing is slower than reading, reading waits.

use std::{collections::BTreeMap, fmt, future::Future, time::Duration};

use sekisho_proto::{Sample, Topic};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle, JoinSet},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    config::Config,
    format::FormatError,
    merge::{Joined, Joiner},
    observation::Observation,
    place::{Place, Places},
    replay::TooLong,
    source::SourceError,
    tally::{Tally, counted},
    template::{Template, TopicFault},
};

mod drive;
mod play;

/// Batches of observations that wait to be published.
const BATCHES_MAX: usize = 16;

/// How long a stopped agent tries to publish what it has read already, where that is slow.
const DRAIN_LONGEST: Duration = Duration::from_secs(5);

/// How often it is kept how far followed files were read. What is published in between is published
/// again after a crash.
const PLACES_EVERY: Duration = Duration::from_secs(5);

/// How often the figures of a running agent are told.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Samples without a topic that are shown; the others are only counted.
const TOPIC_FAULTS_SHOWN: u64 = 3;

/// Where samples go.
pub trait Sink: Send {
    /// Takes a sample; returns when it may be forgotten here. Waits where there is no room.
    fn publish(
        &mut self,
        topic: &Topic,
        sample: Sample,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Returns when everything taken before would survive the end of the process.
    fn persist(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Returns when everything taken before has arrived.
    fn flush(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Samples taken that will never arrive.
    fn losses(&self) -> Losses {
        Losses::default()
    }

    /// Samples taken that nothing but memory keeps as yet, for as long as a node has to be waited for.
    fn samples_held(&self) -> u64 {
        0
    }
}

/// Samples taken that will never arrive, and why.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Losses {
    /// The node refused them, or they could not be kept or sent.
    pub lost: u64,
    /// Their topic could not be published on.
    pub given_up: u64,
}

/// Why samples cannot be published.
#[derive(Debug, thiserror::Error)]
#[error("publishing: wanted samples to be taken, found a fault")]
pub struct SinkError {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl SinkError {
    /// An error of whatever takes samples.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// Why one input ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// Its bytes cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its lines are not what its configuration says.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It cannot be sorted.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// A part of the agent broke.
#[derive(Debug, thiserror::Error)]
#[error("agent: wanted every task to end by itself, found one that did not")]
pub struct RunError(#[from] JoinError);

/// What became of one input.
#[derive(Debug)]
pub struct InputReport {
    /// Its name.
    pub name: String,
    /// What became of its lines.
    pub tally: Tally,
    /// Why it ended before its end.
    pub failure: Option<InputError>,
}

/// What became of everything.
#[derive(Debug, Default)]
pub struct Report {
    /// The inputs, as configured.
    pub inputs: Vec<InputReport>,
    /// Samples that were published.
    pub published: u64,
    /// Samples of these that will never arrive.
    pub losses: Losses,
    /// Samples that were read, and given up because they could not be published in time when the
    /// agent was stopped.
    pub abandoned: u64,
    /// Samples that no topic can be made for.
    pub without_topic: u64,
    /// Samples that were given a position.
    pub located: u64,
    /// Samples that have none and could not be given one.
    pub unlocated: u64,
    /// Why not everything could be published.
    pub failure: Option<SinkError>,
}

impl Report {
    /// Whether every input was read to its end, or until the agent was stopped, and all of it could be
    /// published.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failure.is_none() && self.inputs.iter().all(|input| input.failure.is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} published", counted(self.published, "sample"))?;
        if self.losses.lost > 0 {
            write!(f, ", {} of them lost", self.losses.lost)?;
        }
        if self.losses.given_up > 0 {
            write!(f, ", {} lost with their topics", self.losses.given_up)?;
        }
        if self.abandoned > 0 {
            write!(f, ", {} given up when stopped", self.abandoned)?;
        }
        if self.without_topic > 0 {
            write!(f, ", {} without a topic", self.without_topic)?;
        }
        if self.located + self.unlocated > 0 {
            write!(f, ", {} given a position, {} not", self.located, self.unlocated)?;
        }
        for input in &self.inputs {
            write!(f, "\n  {}: {}", input.name, input.tally)?;
            if let Some(failure) = &input.failure {
                write!(f, "; ended early: {failure}")?;
            }
        }
        Ok(())
    }
}

/// Observations on their way from an input.
#[derive(Debug)]
struct Batch {
    input: usize,
    observations: Vec<Observation>,
    /// Where the input stands behind them, where that is kept.
    place: Option<Place>,
}

/// Reads all inputs until they have ended or it is cancelled, and publishes what they say. When
/// they have ended it waits until everything has arrived; when it is cancelled, even while it
/// waits for that, it publishes what was read already and leaves the rest persisted. An input that
/// cannot be read is told in the [`Report`], and why samples could not be published as well.
///
/// # Errors
///
/// A part of the agent broke.
pub async fn run(
    config: &Config,
    sink: &mut impl Sink,
    cancel: &CancellationToken,
) -> Result<Report, RunError> {
    // A child, so that a sink that fails stops the inputs without stopping its caller.
    let cancel = cancel.child_token();
    let _stop_inputs = cancel.clone().drop_guard();
    let (batches, mut arrived) = mpsc::channel(BATCHES_MAX);
    let spools = config.publish.as_ref().and_then(|publish| publish.spool.as_deref());
    let places = Places::open(spools);
    let mut inputs = JoinSet::new();
    let mut recordings = Vec::new();
    for (index, input) in config.inputs.iter().enumerate() {
        let target = if input.source.is_recording() {
            let (lane, observations) = mpsc::channel(BATCHES_MAX);
            recordings.push((index, observations));
            lane
        } else {
            batches.clone()
        };
        let place = places.of(&input.name).filter(|_place| input.source.keeps_place());
        inputs.spawn(drive::drive(index, input.clone(), place, target, cancel.clone()));
    }
    let player =
        tokio::spawn(play::play(config.replay.clone(), recordings, batches, cancel.clone()));
    let mut publisher = Publisher::new(config, sink, places);
    let failure = publisher.take_all(&mut arrived, &cancel).await.err();
    let mut report = publisher.report;
    // What is left of them would wait for somebody to take it.
    cancel.cancel();
    drop(arrived);
    report.failure = failure;
    report.losses = sink.losses();
    // Nobody waits for these any more.
    let held = sink.samples_held().min(report.published);
    report.published -= held;
    report.abandoned += held;
    report.inputs = gather(inputs, player).await?;
    Ok(report)
}

/// What became of the inputs, all of which have ended or are about to.
async fn gather(
    mut inputs: JoinSet<(usize, InputReport)>,
    player: JoinHandle<Vec<(usize, TooLong)>>,
) -> Result<Vec<InputReport>, RunError> {
    let mut reports = BTreeMap::new();
    while let Some(ended) = inputs.join_next().await {
        let (index, input) = ended?;
        reports.insert(index, input);
    }
    for (index, too_long) in player.await? {
        if let Some(input) = reports.get_mut(&index) {
            input.failure = Some(too_long.into());
        }
    }
    for input in reports.values() {
        match &input.failure {
            Some(failure) => {
                error!(input = input.name, %failure, tally = %input.tally, "ended early");
            }
            None => info!(input = input.name, tally = %input.tally, "ended"),
        }
    }
    Ok(reports.into_values().collect())
}

/// The last steps of every sample.
struct Publisher<'a, S> {
    places: Places,
    /// Persisting ends a batch: not more often than batches end by themselves.
    places_every: Duration,
    names: Vec<&'a str>,
    templates: Vec<&'a Template>,
    joiner: Option<Joiner>,
    sink: &'a mut S,
    report: Report,
}

impl<'a, S: Sink> Publisher<'a, S> {
    fn new(config: &'a Config, sink: &'a mut S, places: Places) -> Self {
        Self {
            places,
            places_every: config
                .publish
                .as_ref()
                .map_or(PLACES_EVERY, |publish| publish.batch_interval.max(PLACES_EVERY)),
            names: config.inputs.iter().map(|input| input.name.as_str()).collect(),
            templates: config.inputs.iter().map(|input| &input.topic).collect(),
            joiner: config.merge.clone().map(Joiner::new),
            sink,
            report: Report::default(),
        }
    }

    /// Publishes until no more batches come, or the agent is stopped and it takes too long.
    async fn take_all(
        &mut self,
        arrived: &mut mpsc::Receiver<Batch>,
        cancel: &CancellationToken,
    ) -> Result<(), SinkError> {
        let overdue = async {
            cancel.cancelled().await;
            tokio::time::sleep(DRAIN_LONGEST).await;
        };
        tokio::pin!(overdue);
        let taken = tokio::select! {
            biased;
            taken = self.take_each(arrived) => taken.map(|()| true),
            () = &mut overdue => Ok(false),
        };
        arrived.close();
        while let Some(batch) = arrived.recv().await {
            self.report.abandoned += batch.observations.len() as u64;
        }
        let is_in_time = taken?;
        let flushed = tokio::select! {
            biased;
            () = cancel.cancelled() => Ok(()),
            flushed = self.sink.flush() => flushed,
        };
        let kept = if is_in_time {
            tokio::select! {
                biased;
                kept = self.keep_places() => Some(kept),
                () = &mut overdue => None,
            }
        } else {
            None
        };
        flushed.and(kept.unwrap_or_else(|| {
            warn!("stopped before everything was persisted");
            Ok(())
        }))
    }

    /// Publishes until no more batches come.
    async fn take_each(&mut self, arrived: &mut mpsc::Receiver<Batch>) -> Result<(), SinkError> {
        let mut report_due = tokio::time::interval(REPORT_EVERY);
        report_due.reset();
        let mut places_due = tokio::time::interval(self.places_every);
        places_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                batch = arrived.recv() => match batch {
                    Some(batch) => self.publish(batch).await?,
                    None => return Ok(()),
                },
                _ = report_due.tick() => self.tell(),
                _ = places_due.tick(), if self.may_keep_places() => self.keep_places().await?,
            }
        }
    }

    /// Whether how far inputs were read has to be kept, and nothing would have to be waited for.
    fn may_keep_places(&self) -> bool {
        self.places.has_moved() && self.sink.samples_held() == 0
    }

    /// Persists what was published, and then how far its inputs were read.
    async fn keep_places(&mut self) -> Result<(), SinkError> {
        self.sink.persist().await?;
        self.places.keep().await;
        Ok(())
    }

    async fn publish(&mut self, batch: Batch) -> Result<(), SinkError> {
        let (Some(name), Some(template)) =
            (self.names.get(batch.input), self.templates.get(batch.input))
        else {
            return Ok(());
        };
        // Counted until each is published: this may be dropped halfway.
        self.report.abandoned += batch.observations.len() as u64;
        for mut observation in batch.observations {
            match self.joiner.as_mut().map(|joiner| joiner.join(name, &mut observation)) {
                Some(Joined::Given) => self.report.located += 1,
                Some(Joined::Unlocated) => self.report.unlocated += 1,
                Some(Joined::Own) | None => {}
            }
            match template.topic(&observation) {
                Ok(topic) => {
                    self.sink.publish(&topic, observation.sample).await?;
                    self.report.published += 1;
                    self.report.abandoned -= 1;
                }
                Err(fault) => {
                    without_topic(&mut self.report, name, &fault);
                    self.report.abandoned -= 1;
                }
            }
        }
        if let Some(place) = batch.place {
            self.places.note(name, place);
        }
        Ok(())
    }

    fn tell(&self) {
        let Report { published, without_topic, located, unlocated, .. } = &self.report;
        let Losses { lost, given_up } = self.sink.losses();
        let held = self.sink.samples_held();
        info!(published, lost, given_up, held, without_topic, located, unlocated, "running");
    }
}

fn without_topic(report: &mut Report, input: &str, fault: &TopicFault) {
    report.without_topic += 1;
    if report.without_topic <= TOPIC_FAULTS_SHOWN {
        warn!(input, %fault, "sample without a topic skipped");
    }
}

#[cfg(test)]
mod tests;
