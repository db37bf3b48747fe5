//! What goes to the MQTT broker, over as many connections as that takes: in order, at least once,
//! with so much on the way and no more. Each connection begins with nothing at the broker; what it
//! had not acknowledged on the last one is sent again, as new, since sensiNact drops repetitions.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::config::MqttConfig;
use crate::wire::{Heard, Wire, WireError};

/// Messages on the way to the broker without its acknowledgement.
const FLYING_MAX: usize = 64;
/// Shortest and longest delay between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A message for the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What its acknowledgement is told with; `None` where nobody waits for it.
    pub ticket: Option<u64>,
    /// Its topic.
    pub topic: String,
    /// What it holds.
    pub payload: Vec<u8>,
    /// Whether the broker keeps it.
    pub retain: bool,
}

/// What the broker did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has taken this client, and may have nothing of what it once retained.
    Connected,
    /// It has the message, or will never take it.
    Done {
        /// Which.
        ticket: u64,
        /// Why it does not take it.
        refused: Option<String>,
    },
    /// Somebody published a command.
    Command {
        /// On which topic.
        topic: String,
        /// What it holds.
        payload: Vec<u8>,
        /// It was kept from before this client was there.
        retained: bool,
    },
}

/// Sends what comes until the sender is dropped and everything is acknowledged.
#[derive(Debug)]
pub struct Outflow {
    config: MqttConfig,
    /// What is subscribed to on every connection.
    commands: Option<String>,
    incoming: mpsc::Receiver<Outgoing>,
    outcomes: mpsc::Sender<Outcome>,
    waiting: VecDeque<Outgoing>,
    flying: VecDeque<(u16, Outgoing)>,
    is_ending: bool,
}

/// Why a connection is not used any more.
enum End {
    /// Nothing is left to do.
    Done,
    /// It broke.
    Lost(WireError),
}

impl Outflow {
    /// Nothing is sent before [`run`](Self::run).
    #[must_use]
    pub fn new(
        config: MqttConfig,
        commands: Option<String>,
        incoming: mpsc::Receiver<Outgoing>,
        outcomes: mpsc::Sender<Outcome>,
    ) -> Self {
        let (waiting, flying) = (VecDeque::new(), VecDeque::new());
        Self { config, commands, incoming, outcomes, waiting, flying, is_ending: false }
    }

    /// See the type.
    pub async fn run(mut self) {
        let mut delay = BACKOFF.0;
        loop {
            let lost = match Wire::connect(&self.config).await {
                Ok(wire) => {
                    info!(broker = self.config.address, "connected to the MQTT broker");
                    match self.serve(wire, &mut delay).await {
                        End::Done => return,
                        End::Lost(cause) => cause,
                    }
                }
                Err(cause) => cause,
            };
            if self.is_done() {
                return;
            }
            let source = std::error::Error::source(&lost).map(ToString::to_string);
            warn!(%lost, source, again_in = ?delay, "no MQTT broker");
            // What was on the way goes first, in its order.
            while let Some((_number, outgoing)) = self.flying.pop_back() {
                self.waiting.push_front(outgoing);
            }
            tokio::select! {
                () = sleep(delay) => {}
                () = self.outcomes.closed() => return,
            }
            delay = delay.saturating_mul(2).min(BACKOFF.1);
        }
    }

    async fn serve(&mut self, mut wire: Wire, delay: &mut Duration) -> End {
        if self.outcomes.send(Outcome::Connected).await.is_err() {
            return End::Done;
        }
        if let Some(commands) = &self.commands
            && let Err(cause) = wire.subscribe(commands)
        {
            return End::Lost(cause);
        }
        loop {
            while self.flying.len() < FLYING_MAX {
                let Some(outgoing) = self.waiting.pop_front() else { break };
                let Outgoing { topic, payload, retain, .. } = &outgoing;
                match wire.publish(topic, payload, *retain) {
                    Ok(number) => self.flying.push_back((number, outgoing)),
                    // No broker will ever take it.
                    Err(cause) => {
                        if !self.done(outgoing, Some(cause.to_string())).await {
                            return End::Done;
                        }
                    }
                }
            }
            if self.is_done() {
                wire.close().await;
                return End::Done;
            }
            let has_room = self.waiting.is_empty() && self.flying.len() < FLYING_MAX;
            tokio::select! {
                outgoing = self.incoming.recv(), if has_room && !self.is_ending => match outgoing {
                    Some(outgoing) => self.waiting.push_back(outgoing),
                    None => self.is_ending = true,
                },
                () = self.outcomes.closed() => return End::Done,
                heard = wire.next() => match heard {
                    Ok(heard) => {
                        // One that only lets clients in and hangs up is not dialled all the time.
                        if matches!(heard, Heard::Acknowledged(..)) {
                            *delay = BACKOFF.0;
                        }
                        if !self.heed(heard).await {
                            return End::Done;
                        }
                    }
                    Err(cause) => return End::Lost(cause),
                },
            }
        }
    }

    /// Whether nothing will come and nothing is on its way.
    fn is_done(&self) -> bool {
        self.is_ending && self.waiting.is_empty() && self.flying.is_empty()
    }

    /// False where nobody listens any more.
    async fn heed(&mut self, heard: Heard) -> bool {
        match heard {
            Heard::Acknowledged(number, refused) => {
                let place = self.flying.iter().position(|(flown, _)| *flown == number);
                let Some((_, outgoing)) = place.and_then(|place| self.flying.remove(place)) else {
                    debug!(number, "the broker acknowledged what was not sent");
                    return true;
                };
                self.done(outgoing, refused).await
            }
            Heard::Message { topic, payload, retained } => {
                let command = Outcome::Command { topic, payload, retained };
                self.outcomes.send(command).await.is_ok()
            }
            Heard::Subscribed(refused) => {
                if let Some(found) = refused {
                    warn!(found, "the MQTT broker gives no commands");
                }
                true
            }
            Heard::Connected(_) | Heard::Ended(_) => true,
        }
    }

    async fn done(&self, outgoing: Outgoing, refused: Option<String>) -> bool {
        if let Some(found) = &refused {
            warn!(topic = ?outgoing.topic, found, "the MQTT broker refused a message");
        }
        match outgoing.ticket {
            Some(ticket) => self.outcomes.send(Outcome::Done { ticket, refused }).await.is_ok(),
            None => true,
        }
    }
}
