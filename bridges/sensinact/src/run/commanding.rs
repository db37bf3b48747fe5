//! Commands, in a task of their own: the node may take its time, and readings go on meanwhile.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::actuation::{Actuator, Answer};
use crate::config::ActuationConfig;
use crate::outflow::Outgoing;

/// Commands that wait for the node.
const COMMANDS_MAX: usize = 64;

/// Commands on their way to the node, in a task of their own.
pub(super) struct Commands {
    config: ActuationConfig,
    waiting: mpsc::Sender<(String, Vec<u8>, bool)>,
    answers: mpsc::Receiver<Answer>,
    outgoing: mpsc::Sender<Outgoing>,
    task: JoinHandle<()>,
}

impl Commands {
    pub(super) fn start(
        mut actuator: Actuator,
        config: ActuationConfig,
        outgoing: &mpsc::Sender<Outgoing>,
    ) -> Self {
        let (waiting, mut commands) = mpsc::channel::<(String, Vec<u8>, bool)>(COMMANDS_MAX);
        let (told, answers) = mpsc::channel(COMMANDS_MAX);
        let outgoing_of_task = outgoing.clone();
        let task = tokio::spawn(async move {
            while let Some((topic, payload, retained)) = commands.recv().await {
                let handled = actuator.handle(&topic, &payload, retained).await;
                let Some((answer_to_send, answer)) = handled else { continue };
                let sent = outgoing_of_task.send(answer_to_send).await;
                if sent.is_err() || told.send(answer).await.is_err() {
                    return;
                }
            }
        });
        Self { config, waiting, answers, outgoing: outgoing.clone(), task }
    }

    /// The next answer; `None` where there will be none.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        self.answers.recv().await
    }

    /// Takes no more; the answers to those that were taken, and the task that makes them.
    pub(super) fn end(self) -> (mpsc::Receiver<Answer>, JoinHandle<()>) {
        (self.answers, self.task)
    }

    /// Takes a command, or says that there are too many.
    pub(super) fn take(
        &self,
        topic: String,
        payload: Vec<u8>,
        retained: bool,
    ) -> Result<(), Answer> {
        let Err(full) = self.waiting.try_send((topic, payload, retained)) else { return Ok(()) };
        let (topic, _, _) = full.into_inner();
        let below = topic.strip_prefix(&self.config.topic).unwrap_or_default();
        let why = format!("wanted at most {COMMANDS_MAX} commands at once, found more");
        let answer = Answer { id: String::new(), accepted: false, why };
        let outgoing = Outgoing {
            ticket: None,
            topic: format!("{}{below}", self.config.answers),
            payload: serde_json::to_vec(&answer).unwrap_or_default(),
            retain: false,
        };
        // Where the broker takes nothing either, nobody is told.
        drop(self.outgoing.try_send(outgoing));
        Err(answer)
    }
}
