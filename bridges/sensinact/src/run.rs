//! The bridge at work: subscriptions on one side, the MQTT broker on the other, and in between what
//! is allowed and what it becomes.

mod commanding;
mod describing;
mod source;

use std::collections::BTreeMap;
use std::time::Duration;

use sekisho::{
    Client, ClientOptions, ConnectError, Delivery, Filter, Message, Position, Profile,
    ProfileError, SubscribeError, Topic,
};
use sekisho_formats::body;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::commanding::Commands;
use self::describing::Descriptions;
use self::source::{Source, next};
use crate::actuation::{Actuator, Answer};
use crate::config::{Config, NodeConfig};
use crate::device::{Devices, Origin, Publication};
use crate::keep::{Keep, KeepError};
use crate::outflow::{Outcome, Outflow, Outgoing};
use crate::right::Rights;
use crate::tally::{Tally, Why};

/// Messages on their way to the MQTT broker, with those that wait; beyond it nothing more is taken
/// from the node, whose log is the queue.
const OPEN_MAX: usize = 512;
/// Between two times at which cursors are moved and last values kept.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// Between two lines about how much was done.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// How long the broker may take for the last messages, when the bridge ends.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// Between two attempts to ask the node.
const ASK_PAUSE: Duration = Duration::from_millis(500);

/// Why the bridge does not go on.
#[derive(Debug, Error)]
pub enum BridgeError {
    /// The folder of the identity cannot be used.
    #[error("identity: wanted the folder that `sekisho join` made")]
    Profile(#[from] ProfileError),
    /// The node does not take this bridge, or not any more.
    #[error("node: wanted a session")]
    Connect(#[source] Box<ConnectError>),
    /// What it reads is not given to it, or not any more.
    #[error("subscription to {filter}: wanted what is published there")]
    Subscribe {
        /// What it reads.
        filter: Filter,
        /// Why not.
        source: Box<SubscribeError>,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// Republishes until it is cancelled, and then ends in order: what the broker has is acknowledged to
/// the node, the rest comes again with the next start.
///
/// # Errors
/// [`BridgeError`]. A broker that is away is waited for.
pub async fn run(config: &Config, cancel: &CancellationToken) -> Result<Tally, BridgeError> {
    let NodeConfig { identity, .. } = &config.node;
    let profile = Profile::load(identity)?;
    let keys = Profile::identity(identity)?;
    let software = concat!("sekisho-sensinact/", env!("CARGO_PKG_VERSION"));
    let options = ClientOptions::default().software(software).trust_folder(identity);
    let keep = Keep::open(&config.node.state)?;
    let mut devices = Devices::new(config.devices.clone());
    for (provider, payload) in keep.all()? {
        if !devices.restore(&provider, &payload) {
            warn!(provider, "what was kept of a device cannot be read");
        }
    }
    let client = Client::start(profile.endpoint(), keys, profile.trust(), options)
        .map_err(|cause| BridgeError::Connect(Box::new(cause)))?;
    let working = Box::pin(bridge(config, &profile, &client, (keep, devices), cancel));
    let ended = tokio::select! {
        ended = working => ended,
        cause = client.barred() => Err(BridgeError::Connect(Box::new(cause))),
    };
    client.close().await;
    ended
}

async fn bridge(
    config: &Config,
    profile: &Profile,
    client: &Client,
    (keep, devices): (Keep, Devices),
    cancel: &CancellationToken,
) -> Result<Tally, BridgeError> {
    let mut sources = Vec::new();
    for filter in &config.node.filters {
        let source = tokio::select! {
            source = Source::open(client, &config.node, filter) => source?,
            () = cancel.cancelled() => return Ok(Tally::default()),
        };
        sources.push(source);
    }
    let (outgoing, incoming) = mpsc::channel(OPEN_MAX);
    let (tell, outcomes) = mpsc::channel(OPEN_MAX);
    let commands = config.actuation.as_ref().map(|found| format!("{}/#", found.topic));
    let outflow = Outflow::new(config.mqtt.clone(), commands, incoming, tell);
    let outflow = tokio::spawn(outflow.run());
    let actuation = config.actuation.clone().map(|found| {
        let levels = config.devices.levels;
        Commands::start(Actuator::new(client.clone(), found.clone(), levels), found, &outgoing)
    });
    info!(principal = %profile.principal, filters = config.node.filters.len(), "at work");
    let work = Work {
        rights: Rights::new(client.clone(), profile.principal.clone()),
        descriptions: Descriptions::new(client.clone()),
        own: client.identity().id(),
        prefix: config.mqtt.topic.clone(),
        devices,
        keep,
        sources,
        next_source: 0,
        outgoing,
        outcomes,
        tickets: BTreeMap::new(),
        last_ticket: 0,
        refresh: Vec::new(),
        tally: Tally::default(),
        actuation,
    };
    work.run(outflow, cancel).await
}

/// What happens next.
enum Turn {
    Delivery(usize, Option<Result<Delivery, SubscribeError>>),
    Outcome(Option<Outcome>),
    Answer(Answer),
    Refresh,
    Keep,
    Tell,
    Stop,
}

/// Everything that the bridge holds while it works.
struct Work {
    rights: Rights,
    descriptions: Descriptions,
    own: sekisho::PrincipalId,
    prefix: String,
    devices: Devices,
    keep: Keep,
    sources: Vec<Source>,
    next_source: usize,
    outgoing: mpsc::Sender<Outgoing>,
    outcomes: mpsc::Receiver<Outcome>,
    /// Which delivery of which source a message on its way belongs to.
    tickets: BTreeMap<u64, Option<(usize, u64)>>,
    last_ticket: u64,
    /// Devices that the broker is to be told again.
    refresh: Vec<String>,
    tally: Tally,
    actuation: Option<Commands>,
}

impl Work {
    async fn run(
        mut self,
        outflow: JoinHandle<()>,
        cancel: &CancellationToken,
    ) -> Result<Tally, BridgeError> {
        let mut keeps = interval(KEEP_EVERY);
        let mut tells = interval(TELL_EVERY);
        for ticks in [&mut keeps, &mut tells] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let failed = loop {
            let has_room = self.tickets.len() < OPEN_MAX;
            let turn = tokio::select! {
                biased;
                () = cancel.cancelled() => Turn::Stop,
                _ = keeps.tick() => Turn::Keep,
                _ = tells.tick() => Turn::Tell,
                outcome = self.outcomes.recv() => Turn::Outcome(outcome),
                answer = next_answer(&mut self.actuation) => Turn::Answer(answer),
                () = std::future::ready(()), if has_room && !self.refresh.is_empty() => {
                    Turn::Refresh
                }
                (source, delivery) = next(&mut self.sources, self.next_source), if has_room => {
                    Turn::Delivery(source, delivery)
                }
            };
            let done = match turn {
                Turn::Stop => break None,
                Turn::Keep => self.settle().await,
                Turn::Tell => {
                    info!(done = %self.tally, "so far");
                    Ok(())
                }
                Turn::Outcome(Some(outcome)) => {
                    self.heed(outcome);
                    Ok(())
                }
                Turn::Outcome(None) => break None,
                Turn::Answer(answer) => {
                    self.count_answer(&answer);
                    Ok(())
                }
                Turn::Refresh => {
                    self.tell_again(cancel).await;
                    Ok(())
                }
                Turn::Delivery(source, delivery) => {
                    self.next_source = source.saturating_add(1);
                    self.take(source, delivery, cancel).await
                }
            };
            if let Err(cause) = done {
                break Some(cause);
            }
        };
        let tally = self.end(outflow).await?;
        failed.map_or(Ok(tally), Err)
    }

    /// Waits for what is on its way, as long as that is reasonable, and says goodbye.
    async fn end(mut self, outflow: JoinHandle<()>) -> Result<Tally, BridgeError> {
        if let Some((mut answers, task)) = self.actuation.take().map(Commands::end) {
            let ending = async {
                while let Some(answer) = answers.recv().await {
                    self.count_answer(&answer);
                }
            };
            if timeout(FAREWELL_MAX, ending).await.is_err() {
                task.abort();
            }
        }
        let (unused, _closed) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.outgoing, unused));
        let ending = async {
            while let Some(outcome) = self.outcomes.recv().await {
                self.heed(outcome);
            }
        };
        if timeout(FAREWELL_MAX, ending).await.is_err() {
            warn!(left = self.tickets.len(), "the MQTT broker did not take everything in time");
            outflow.abort();
        }
        let settled = self.settle().await;
        for source in self.sources {
            source.subscription.close().await;
        }
        settled.map(|()| self.tally)
    }

    /// Keeps the last values, then moves the cursors.
    async fn settle(&mut self) -> Result<(), BridgeError> {
        let settled: Vec<Option<Position>> =
            self.sources.iter_mut().map(|source| source.progress.take_settled()).collect();
        self.keep.put(self.devices.take_changed()).await?;
        for (source, settled) in self.sources.iter().zip(settled) {
            if let Some(position) = settled {
                source.subscription.acknowledge_position(position);
            }
        }
        Ok(())
    }

    fn heed(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { ticket, refused } => {
                let Some(made_of) = self.tickets.remove(&ticket) else { return };
                match refused {
                    None => self.tally.published = self.tally.published.saturating_add(1),
                    Some(_) => self.tally.leave_out(Why::Refused),
                }
                let source = made_of.and_then(|(source, number)| {
                    self.sources.get_mut(source).map(|source| (source, number))
                });
                if let Some((source, number)) = source {
                    source.progress.done(number);
                }
            }
            Outcome::Connected => self.refresh = self.devices.providers().cloned().collect(),
            Outcome::Command { topic, payload, retained } => {
                let Some(commands) = &self.actuation else { return };
                if let Err(answer) = commands.take(topic, payload, retained) {
                    self.count_answer(&answer);
                }
            }
        }
    }

    fn count_answer(&mut self, answer: &Answer) {
        let counted = match answer.accepted {
            true => &mut self.tally.commanded,
            false => {
                warn!(id = ?answer.id, why = answer.why, "refused a command");
                &mut self.tally.commands_refused
            }
        };
        *counted = counted.saturating_add(1);
    }

    async fn take(
        &mut self,
        source: usize,
        delivery: Option<Result<Delivery, SubscribeError>>,
        cancel: &CancellationToken,
    ) -> Result<(), BridgeError> {
        match delivery {
            Some(Ok(Delivery::Message(message))) => {
                // Of what is not known when it is stopped nothing is acknowledged: it comes again.
                if let Some(publications) = self.made_of(&message, cancel).await {
                    self.pass_on(source, message.position, publications).await;
                }
            }
            Some(Ok(Delivery::Gap(gap))) => {
                warn!(from = %gap.from, to = %gap.to, reason = %gap.reason, "missed records");
                self.tally.leave_out(Why::Gap);
                if let Some(last) = gap.to.value().checked_sub(1) {
                    self.pass_on(source, Position::new(last), Vec::new()).await;
                }
            }
            Some(Err(SubscribeError::Rejected { position, why })) => {
                warn!(%position, %why, "rejected a record");
                self.tally.leave_out(Why::Rejected);
                self.pass_on(source, position, Vec::new()).await;
            }
            Some(Err(SubscribeError::Silent { .. })) => {}
            Some(Err(cause)) => return Err(self.refused(source, cause)),
            None => return Err(self.refused(source, SubscribeError::Closed)),
        }
        Ok(())
    }

    fn refused(&self, source: usize, cause: SubscribeError) -> BridgeError {
        let filter = self.sources.get(source).map(|source| source.filter.clone());
        let own = Filter::everything(self.client_organisation());
        BridgeError::Subscribe { filter: filter.unwrap_or(own), source: Box::new(cause) }
    }

    fn client_organisation(&self) -> &sekisho::OrgName {
        self.rights.own().organisation()
    }

    /// What is to be published of a message; none where it is stopped before that is known.
    async fn made_of(
        &mut self,
        message: &Message,
        cancel: &CancellationToken,
    ) -> Option<Vec<Publication>> {
        self.tally.messages = self.tally.messages.saturating_add(1);
        let topic = &message.topic;
        if message.publisher_id == self.own {
            self.tally.leave_out(Why::Own);
            return Some(Vec::new());
        }
        if !self.may_bridge(topic, cancel).await? {
            self.tally.leave_out(Why::Withheld);
            return Some(self.devices.forget(topic).into_iter().collect());
        }
        let body = match message.body() {
            Ok(body) => body,
            Err(cause) => {
                warn!(%topic, %cause, "cannot open a record");
                self.tally.leave_out(Why::Unopened);
                return Some(Vec::new());
            }
        };
        let Some(samples) = body::samples(&message.content_type, body, message.received) else {
            self.tally.leave_out(Why::Opaque);
            return Some(Vec::new());
        };
        let origin = Origin {
            topic,
            publisher: &message.publisher,
            attester: message.attester.as_ref(),
            received: message.received,
            description: &self.descriptions.of(topic).await,
        };
        let mut publications = Vec::new();
        for sample in &samples {
            publications.extend(self.devices.take(origin, sample, &mut self.tally));
        }
        Some(publications)
    }

    /// Tells the broker again what is retained of a device, as far as it may still be.
    async fn tell_again(&mut self, cancel: &CancellationToken) {
        let Some(provider) = self.refresh.pop() else { return };
        for topic in self.devices.topics(&provider) {
            match self.may_bridge(&topic, cancel).await {
                Some(true) => {}
                Some(false) => drop(self.devices.forget(&topic)),
                None => return,
            }
        }
        if let Some(again) = self.devices.retained(&provider) {
            self.send(None, again).await;
        }
    }

    /// Asks until the node answers: without its yes nothing leaves. None where it is stopped before.
    async fn may_bridge(&mut self, topic: &Topic, cancel: &CancellationToken) -> Option<bool> {
        loop {
            match self.rights.may_bridge(topic).await {
                Ok((may, is_news)) => {
                    if is_news && !may {
                        error!(%topic, "no right to bridge: nothing of it is republished");
                    }
                    return Some(may);
                }
                Err(cause) => warn!(%topic, %cause, "the node does not say whether to bridge"),
            }
            tokio::select! {
                () = sleep(ASK_PAUSE) => {}
                () = cancel.cancelled() => return None,
            }
        }
    }

    /// Sends what was made of a delivery.
    async fn pass_on(&mut self, source: usize, position: Position, made: Vec<Publication>) {
        let Some(found) = self.sources.get_mut(source) else { return };
        let number = found.progress.begin(position, made.len());
        for publication in made {
            self.send(Some((source, number)), publication).await;
        }
    }

    async fn send(&mut self, made_of: Option<(usize, u64)>, publication: Publication) {
        let Publication { provider, payload, retain } = publication;
        self.last_ticket = self.last_ticket.saturating_add(1);
        let ticket = self.last_ticket;
        self.tickets.insert(ticket, made_of);
        let topic = format!("{}/{provider}", self.prefix);
        let mut outgoing = Outgoing { ticket: Some(ticket), topic, payload, retain };
        // A message may have more samples than there is room: what the broker says makes some.
        loop {
            outgoing = match self.outgoing.try_send(outgoing) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(full)) => full,
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            };
            match self.outcomes.recv().await {
                Some(outcome) => self.heed(outcome),
                None => return,
            }
        }
    }
}

async fn next_answer(actuation: &mut Option<Commands>) -> Answer {
    let answer = match actuation {
        Some(commands) => commands.answer().await,
        None => None,
    };
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}
