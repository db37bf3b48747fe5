//! The recordings: brought into one order, and let out when they are due.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{self, Stopwatch},
    observation::Observation,
    replay::{Pacer, ReplayConfig, Sequencer, TooLong},
    run::Batch,
};

/// Observations that are let out together when they are due together.
const BATCH_OBSERVATIONS: usize = 256;

/// Plays recordings until they have ended or it is cancelled; returns those that cannot be sorted.
pub(super) async fn play(
    config: ReplayConfig,
    mut recordings: Vec<(usize, mpsc::Receiver<Batch>)>,
    batches: mpsc::Sender<Batch>,
    cancel: CancellationToken,
) -> Vec<(usize, TooLong)> {
    let mut failures = Vec::new();
    let work = async {
        let mut sequencer = Sequencer::new(&config, recordings.len(), clock::now());
        let mut outlet = Outlet::new(&config, batches);
        loop {
            while let Some(lane) = sequencer.waits_for() {
                if !hear(&mut sequencer, lane, &mut recordings, &mut failures).await {
                    sequencer.end(lane);
                }
            }
            let Some((lane, observation)) = sequencer.pop() else { break };
            let Some((input, _)) = recordings.get(lane) else { break };
            if outlet.put(*input, observation).await.is_none() {
                return;
            }
        }
        // Where nobody takes the last ones, nobody is left to tell.
        let _gone = outlet.let_out().await;
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => {}
        () = work => {}
    }
    failures
}

/// Takes the next observations of a recording; returns whether there are more.
async fn hear(
    sequencer: &mut Sequencer,
    lane: usize,
    recordings: &mut [(usize, mpsc::Receiver<Batch>)],
    failures: &mut Vec<(usize, TooLong)>,
) -> bool {
    let Some((input, observations)) = recordings.get_mut(lane) else { return false };
    let Some(batch) = observations.recv().await else { return false };
    match sequencer.push(lane, batch.observations) {
        Ok(()) => true,
        Err(too_long) => {
            failures.push((*input, too_long));
            observations.close();
            false
        }
    }
}

/// Lets observations out when they are due, several at once where they are.
struct Outlet {
    pacer: Pacer,
    stopwatch: Stopwatch,
    batches: mpsc::Sender<Batch>,
    pending: Option<Batch>,
}

impl Outlet {
    fn new(config: &ReplayConfig, batches: mpsc::Sender<Batch>) -> Self {
        let pacer = Pacer::new(config.speed, config.pause_max);
        Self { pacer, stopwatch: Stopwatch::start(), batches, pending: None }
    }

    /// Takes an observation; `None` when nobody wants it.
    async fn put(&mut self, input: usize, observation: Observation) -> Option<()> {
        let wait = self.pacer.wait(observation.sample.time, self.stopwatch.elapsed());
        if !wait.is_zero() {
            self.let_out().await?;
            tokio::time::sleep(wait).await;
        }
        let fits =
            |batch: &Batch| batch.input == input && batch.observations.len() < BATCH_OBSERVATIONS;
        match &mut self.pending {
            Some(batch) if fits(batch) => batch.observations.push(observation),
            _ => {
                self.let_out().await?;
                self.pending = Some(Batch { input, observations: vec![observation], place: None });
            }
        }
        Some(())
    }

    async fn let_out(&mut self) -> Option<()> {
        match self.pending.take() {
            Some(batch) => self.batches.send(batch).await.ok(),
            None => Some(()),
        }
    }
}
