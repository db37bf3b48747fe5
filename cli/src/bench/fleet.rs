//! All trucks: each a client with a lane for each of its topics.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sekisho::{Client, PublishError, Timestamp, Topic, clock};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::figures::{Figures, float};
use super::ground::HOME;
use super::lane::Lane;
use super::plan::{Plan, Rate};
use super::roll::{Roll, connect_all};

/// How long what was handed over may take to be stored once no more comes.
const LATE_MAX: Duration = Duration::from_secs(60);
/// How long the steward may take to announce the first key.
const KEY_MAX: Duration = Duration::from_secs(30);
/// How often a publisher that has no key yet asks again.
const LOOK: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Fleet {
    rate: Rate,
    trucks: Vec<Truck>,
    driving: JoinSet<Result<()>>,
}

#[derive(Debug)]
struct Truck {
    client: Client,
    lanes: Vec<Arc<Lane>>,
}

/// What the whole fleet handed over.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Published {
    pub(super) samples: u64,
    pub(super) acknowledged: u64,
    pub(super) envelopes: u64,
}

/// When a truck's samples are due.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    start: Timestamp,
    /// µs.
    period: f64,
}

impl Fleet {
    /// Connects every truck and starts its publishers.
    pub(super) async fn connect(plan: &Plan, roll: &Roll, figures: &Arc<Figures>) -> Result<Self> {
        let clients = connect_all(&roll.trucks).await?;
        let mut starting = JoinSet::new();
        for (number, client) in clients.into_iter().enumerate() {
            let (plan, figures) = (plan.clone(), Arc::clone(figures));
            starting.spawn(async move {
                let mut lanes = Vec::new();
                for topic in 0..plan.topics {
                    let topic: Topic = format!("{HOME}/truck/{number}/{topic}").parse()?;
                    lanes.push(Arc::new(start_lane(&plan, &client, topic, &figures).await?));
                }
                anyhow::Ok((number, Truck { client, lanes }))
            });
        }
        let mut trucks = Vec::new();
        while let Some(truck) = starting.join_next().await {
            trucks.push(truck??);
        }
        trucks.sort_by_key(|(number, _truck)| *number);
        let trucks = trucks.into_iter().map(|(_number, truck)| truck).collect();
        Ok(Self { rate: plan.rate, trucks, driving: JoinSet::new() })
    }

    /// Every lane with the number of its truck.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (u32, &Arc<Lane>)> {
        let numbered = (0..).zip(&self.trucks);
        numbered.flat_map(|(number, truck)| truck.lanes.iter().map(move |lane| (number, lane)))
    }

    /// Publishes so many samples over all lanes, as fast as they are taken, and waits for them.
    pub(super) async fn store(&self, samples: u64) -> Result<()> {
        let lanes = self.lanes().count() as u64;
        let mut storing = JoinSet::new();
        for (place, (_truck, lane)) in (0..).zip(self.lanes()) {
            let share = samples / lanes + u64::from(place < samples % lanes);
            let lane = Arc::clone(lane);
            storing.spawn(async move {
                for _ in 0..share {
                    lane.publish_when_there_is_room().await?;
                }
                lane.flush().await
            });
        }
        while let Some(stored) = storing.join_next().await {
            stored??;
        }
        Ok(())
    }

    /// A sample on each lane, so that no stream's first one falls into the time that counts.
    pub(super) async fn store_one_each(&self) -> Result<()> {
        self.store(self.lanes().count() as u64).await
    }

    /// Begins the work; it goes on until `end`.
    pub(super) fn set_off(&mut self, start: Timestamp, end: Timestamp) {
        let count = float(self.trucks.len() as u64);
        for (place, truck) in (0..).zip(&self.trucks) {
            match self.rate {
                Rate::Max => {
                    for lane in truck.lanes.iter().map(Arc::clone) {
                        self.driving.spawn(hurry(lane, start, end));
                    }
                }
                Rate::PerSecond(rate) => {
                    // Each truck at a moment of its own, as on the road.
                    let period = 1e6 / rate;
                    let start = later(start, period * float(place) / count);
                    let schedule = Schedule { start, period };
                    self.driving.spawn(drive(truck.lanes.clone(), schedule, end));
                }
            }
        }
    }

    /// Waits for something; a truck that fails meanwhile ends the run.
    pub(super) async fn watch(&mut self, until: impl Future<Output = ()>) -> Result<()> {
        let mut until = Box::pin(until);
        loop {
            tokio::select! {
                () = &mut until => return Ok(()),
                Some(ended) = self.driving.join_next() => ended??,
            }
        }
    }

    /// Waits until all have done their work and the node has answered for it.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let finished = async {
            while let Some(ended) = self.driving.join_next().await {
                ended??;
            }
            for (_truck, lane) in self.lanes() {
                match lane.flush().await {
                    // Counted, and told in the report.
                    Err(cause) if is_loss(&cause) => {}
                    flushed => flushed?,
                }
            }
            anyhow::Ok(())
        };
        if let Ok(finished) = timeout(LATE_MAX, finished).await {
            return finished;
        }
        // What is not answered by now is told in the report.
        self.driving.abort_all();
        Ok(())
    }

    /// Ends every client, and tells what was published.
    pub(super) async fn close(self) -> Result<Published> {
        let mut published = Published::default();
        for (_truck, lane) in self.lanes() {
            published.samples += lane.published();
            published.acknowledged += lane.acknowledged();
            published.envelopes += lane.envelopes();
        }
        let mut closing = JoinSet::new();
        for truck in self.trucks {
            closing.spawn(async move { truck.client.close().await });
        }
        while let Some(closed) = closing.join_next().await {
            closed?;
        }
        Ok(published)
    }
}

/// Starts a lane once there is a key to seal to.
async fn start_lane(
    plan: &Plan,
    client: &Client,
    topic: Topic,
    figures: &Arc<Figures>,
) -> Result<Lane> {
    let starting = async {
        loop {
            match Lane::start(plan, client, topic.clone(), figures).await {
                Err(cause) if is_unprotected(&cause) => sleep(LOOK).await,
                started => return started,
            }
        }
    };
    match timeout(KEY_MAX, starting).await {
        Ok(started) => started.with_context(|| topic.to_string()),
        Err(_elapsed) => bail!("{topic}: wanted a key to seal to within {KEY_MAX:?}, found none"),
    }
}

fn is_unprotected(cause: &anyhow::Error) -> bool {
    matches!(cause.downcast_ref(), Some(PublishError::Unprotected { .. }))
}

fn is_loss(cause: &anyhow::Error) -> bool {
    matches!(
        cause.downcast_ref(),
        Some(PublishError::Lost(_) | PublishError::Unencodable(_) | PublishError::Sealing(_))
    )
}

/// Hands samples over when they are due, on the lanes in turn. One that could not be handed over
/// in time is handed over late, and none is left out.
async fn drive(lanes: Vec<Arc<Lane>>, schedule: Schedule, end: Timestamp) -> Result<()> {
    let mut lanes = lanes.iter().cycle();
    for number in 0_u64.. {
        let due = schedule.due(number);
        if due >= end {
            break;
        }
        let now = clock::now();
        if now < due {
            sleep(due.saturating_since(now)).await;
        }
        lanes.next().context("a truck has a topic")?.publish(due).await?;
    }
    Ok(())
}

/// Hands samples over as fast as they are acknowledged.
async fn hurry(lane: Arc<Lane>, start: Timestamp, end: Timestamp) -> Result<()> {
    sleep(start.saturating_since(clock::now())).await;
    while clock::now() < end {
        lane.publish_when_there_is_room().await?;
    }
    Ok(())
}

impl Schedule {
    fn due(&self, number: u64) -> Timestamp {
        later(self.start, self.period * float(number))
    }
}

fn later(time: Timestamp, micros: f64) -> Timestamp {
    time.saturating_add(Duration::from_secs_f64(micros / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_does_not_drift() {
        let start = Timestamp::from_micros(1_700_000_000_000_000);
        let schedule = Schedule { start, period: 1e6 / 30.0 };
        let due = schedule.due(30 * 86_400);
        let passed = due.saturating_since(start);
        assert!(passed.abs_diff(Duration::from_secs(86_400)) < Duration::from_millis(1));
    }
}
