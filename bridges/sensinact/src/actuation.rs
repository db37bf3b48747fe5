//! Commands from sensiNact: each becomes a sample that the bridge signs and publishes on the device's
//! topic for commands, where it was granted that, and is answered either way.
//!
//! Nothing that is published here comes out at the other end: the bridge passes over what it
//! published itself, and commands are heard on a tree of topics that devices are not published on.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sekisho::{
    Batch, Client, PublishError, Publisher, Sample, SampleValue, Topic, TransducerName, Unit,
    Value, clock,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::time::timeout;

use crate::config::ActuationConfig;
use crate::name;
use crate::outflow::Outgoing;

/// A command, bytes.
const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// What a command is called by whoever gave it, bytes.
const ID_BYTES_MAX: usize = 128;
/// Parameters of one command.
const PARAMETERS_MAX: usize = 64;
/// Commands whose answers are remembered, so that one that comes twice is done once.
const REMEMBERED_MAX: usize = 1_024;
/// Devices with a publisher; beyond it all begin anew.
const PUBLISHERS_MAX: usize = 256;
/// How long the node may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What is said on a topic for commands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelt {
    operation: Operation,
    #[serde(default)]
    id: String,
    value: Option<Json>,
    #[serde(default)]
    parameters: serde_json::Map<String, Json>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// A resource is given a value.
    Set,
    /// An action is carried out.
    Act,
}

/// A command that can be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Where it is published.
    pub topic: Topic,
    /// What it is called by whoever gave it; may be empty.
    pub id: String,
    /// What it says.
    pub values: Vec<(String, Value)>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What it is called by whoever gave it.
    pub id: String,
    /// Whether the node has it.
    pub accepted: bool,
    /// Why not; empty where it has.
    pub why: String,
}

/// Reads a command. The topic is what follows the tree of commands: `PROVIDER/SERVICE/RESOURCE`.
///
/// # Errors
/// What it is called, where that is known, and what is wrong with it.
pub fn read(
    config: &ActuationConfig,
    levels: usize,
    (below, payload): (&str, &[u8]),
) -> Result<Command, Answer> {
    let refuse = |id: &str, why: String| Answer { id: id.to_owned(), accepted: false, why };
    if payload.len() > COMMAND_BYTES_MAX {
        let why = format!("wanted at most {COMMAND_BYTES_MAX} bytes, found {}", payload.len());
        return Err(refuse("", why));
    }
    let spelt: Spelt = serde_json::from_slice(payload).map_err(|cause| {
        let wanted = r#"{"operation": "SET" or "ACT", "id", "value" or "parameters"}"#;
        refuse("", format!("wanted {wanted}, found: {cause}"))
    })?;
    let Spelt { operation, id, value, parameters } = spelt;
    if id.len() > ID_BYTES_MAX {
        let why = format!("id: wanted at most {ID_BYTES_MAX} bytes, found {}", id.len());
        return Err(refuse("", why));
    }
    let parts: Vec<&str> = below.split('/').collect();
    let addressed = match parts.as_slice() {
        [provider, service, resource] => name::topic_of(provider, service, levels)
            .zip(name::transducer_of(resource))
            .and_then(|(topic, resource)| {
                Some((Topic::parse(&format!("{topic}/{}", config.level)).ok()?, resource))
            }),
        _ => None,
    };
    let Some((topic, resource)) = addressed else {
        let why =
            "topic: wanted PROVIDER/SERVICE/RESOURCE as this bridge spells them, found others";
        return Err(refuse(&id, why.to_owned()));
    };
    let word = match operation {
        Operation::Set => "SET",
        Operation::Act => "ACT",
    };
    let mut values = vec![
        ("operation".to_owned(), Value::Text(word.to_owned())),
        ("resource".to_owned(), Value::Text(resource.to_string())),
        ("correlation".to_owned(), Value::Text(id.clone())),
    ];
    let given = match (operation, value, parameters.is_empty()) {
        (Operation::Set, Some(value), true) => vec![("value".to_owned(), value)],
        (Operation::Act, None, _) if parameters.len() <= PARAMETERS_MAX => {
            let named = |(name, value)| (format!("parameter.{name}"), value);
            parameters.into_iter().map(named).collect()
        }
        _ => {
            let wanted = format!("a value with SET, at most {PARAMETERS_MAX} parameters with ACT");
            return Err(refuse(&id, format!("wanted {wanted}, found something else")));
        }
    };
    for (name, json) in given {
        let value = value_of(&json).filter(|_| TransducerName::parse(&name).is_ok());
        let Some(value) = value else {
            let wanted = "a plain name with a number, a text, true or false";
            return Err(refuse(&id, format!("{name:?}: wanted {wanted}, found something else")));
        };
        values.push((name, value));
    }
    Ok(Command { topic, id, values })
}

fn value_of(json: &Json) -> Option<Value> {
    match json {
        Json::Bool(truth) => Some(Value::Boolean(*truth)),
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Some(Value::Integer(whole)),
            None => number.as_f64().filter(|found| found.is_finite()).map(Value::Float),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// What became of a command at the node.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// The node has it.
    Accepted,
    /// The node does not have it: it may be given again.
    Refused(String),
    /// Nobody knows: it may have been done.
    Unanswered(String),
}

/// The answers to commands that were done or may have been, so that one that comes twice is done once.
#[derive(Debug, Default)]
struct Memory {
    answers: VecDeque<(String, String, Answer)>,
}

impl Memory {
    /// What was answered before; nothing to a command that is called nothing.
    fn answer(&self, below: &str, id: &str) -> Option<&Answer> {
        let known = self.answers.iter().find(|(place, known, _)| place == below && known == id);
        known.map(|(_, _, answer)| answer)
    }

    /// Makes the answer, and remembers it unless the command may be given again.
    fn settle(&mut self, below: &str, id: String, outcome: Outcome) -> Answer {
        let is_kept = !id.is_empty() && !matches!(outcome, Outcome::Refused(_));
        let (accepted, why) = match outcome {
            Outcome::Accepted => (true, String::new()),
            Outcome::Refused(why) | Outcome::Unanswered(why) => (false, why),
        };
        let answer = Answer { id, accepted, why };
        if is_kept {
            if self.answers.len() >= REMEMBERED_MAX {
                self.answers.pop_front();
            }
            self.answers.push_back((below.to_owned(), answer.id.clone(), answer.clone()));
        }
        answer
    }
}

/// Carries commands out, one after the other.
#[derive(Debug)]
pub struct Actuator {
    client: Client,
    config: ActuationConfig,
    levels: usize,
    publishers: BTreeMap<Topic, Publisher>,
    remembered: Memory,
}

impl Actuator {
    /// Carries nothing out yet.
    #[must_use]
    pub fn new(client: Client, config: ActuationConfig, levels: usize) -> Self {
        let (publishers, remembered) = (BTreeMap::new(), Memory::default());
        Self { client, config, levels, publishers, remembered }
    }

    /// Carries out what was published on a topic, and makes the answer; none where the topic is none
    /// of those that commands are heard on.
    pub async fn handle(
        &mut self,
        topic: &str,
        payload: &[u8],
        retained: bool,
    ) -> Option<(Outgoing, Answer)> {
        let below = topic.strip_prefix(&self.config.topic)?.strip_prefix('/')?.to_owned();
        let answer = if retained {
            // It may be years old.
            let why = "wanted a command that is given now, found a retained one".to_owned();
            Answer { id: String::new(), accepted: false, why }
        } else {
            match read(&self.config, self.levels, (&below, payload)) {
                Ok(command) => self.carry_out(&below, command).await,
                Err(answer) => answer,
            }
        };
        let outgoing = Outgoing {
            ticket: None,
            topic: format!("{}/{below}", self.config.answers),
            payload: serde_json::to_vec(&answer).unwrap_or_default(),
            retain: false,
        };
        Some((outgoing, answer))
    }

    async fn carry_out(&mut self, below: &str, command: Command) -> Answer {
        if let Some(answer) = self.remembered.answer(below, &command.id) {
            return answer.clone();
        }
        let (id, topic) = (command.id.clone(), command.topic.clone());
        let outcome = self.publish(command).await;
        if outcome != Outcome::Accepted {
            self.publishers.remove(&topic);
        }
        self.remembered.settle(below, id, outcome)
    }

    async fn publish(&mut self, command: Command) -> Outcome {
        let Command { topic, values, .. } = command;
        if !self.client.is_connected() {
            // A command that waits for its node would be carried out when nobody expects it.
            return Outcome::Refused("wanted a node, found none in reach".to_owned());
        }
        let value = |(name, value): (String, Value)| {
            let transducer = name.parse::<TransducerName>().ok()?;
            Some(SampleValue { transducer, unit: "".parse::<Unit>().ok()?, value })
        };
        let values = values.into_iter().filter_map(value).collect();
        let publisher = match timeout(ANSWER_MAX, self.publisher(topic)).await {
            Ok(Ok(publisher)) => publisher,
            Ok(Err(cause)) => return Outcome::Refused(told(&cause)),
            Err(_elapsed) => {
                let why = "wanted the node to say how the topic is protected, found no answer";
                return Outcome::Refused(why.to_owned());
            }
        };
        let sending = async {
            publisher.publish(Sample { time: clock::now(), values }).await?;
            publisher.flush().await
        };
        match timeout(ANSWER_MAX, sending).await {
            Ok(Ok(())) => Outcome::Accepted,
            Ok(Err(cause)) if is_final(&cause) => Outcome::Refused(told(&cause)),
            Ok(Err(cause)) => Outcome::Unanswered(told(&cause)),
            Err(_elapsed) => Outcome::Unanswered(
                "wanted the node's answer, found none: it may have it".to_owned(),
            ),
        }
    }

    /// The publisher of a topic. Nothing is sent on the topic yet.
    async fn publisher(&mut self, topic: Topic) -> Result<Publisher, PublishError> {
        if let Some(publisher) = self.publishers.get(&topic) {
            return Ok(publisher.clone());
        }
        if self.publishers.len() >= PUBLISHERS_MAX {
            self.publishers.clear();
        }
        let builder = self.client.publisher(topic.clone()).batch(Batch::single());
        let publisher = builder.start().await?;
        self.publishers.insert(topic, publisher.clone());
        Ok(publisher)
    }
}

/// Whether the node has certainly not stored what was handed over.
fn is_final(cause: &PublishError) -> bool {
    use PublishError::{Lost, Sealing, Unencodable};
    matches!(cause, Lost(_) | Sealing(_) | Unencodable(_))
}

/// An error with its causes.
fn told(error: &PublishError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        words = format!("{words}: {found}");
        cause = found.source();
    }
    words
}

#[cfg(test)]
mod tests;
