//! `pub`: samples from arguments or from standard input.

mod samples;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use sekisho::{Client, PublishError, Publisher, PublisherState, Sample, clock};
use sekisho_proto::Topic;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::samples::{Assignment, from_json};
use crate::access::Access;
use crate::command::Common;
use crate::command::subscribe::json_of;
use crate::exit::Exit;
use crate::mqtt::MqttArgs;
use crate::{fault, output, signals};

/// Publish samples.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho pub fujisawa/truck/17/air pm2_5=12.5 temperature=21.4 --dir truck-17
  sekisho pub fujisawa/truck/17/air pm2_5=12.5 --scope federation --dir truck-17
  sensor | sekisho pub fujisawa/truck/17/air --spool truck-17/spool --dir truck-17

A line of standard input is one sample, a JSON object; \"time\" (RFC 3339) is the sample's own:
  {\"time\":\"2026-11-21T09:00:00Z\",\"pm2_5\":12.5,\"door\":\"open\",\"moving\":true}
For NMEA, CSV, SenML, gpsd and files that grow there is `sekisho agent`.")]
pub(crate) struct Publish {
    /// The topic, such as fujisawa/truck/17/air.
    topic: Topic,
    /// Values of one sample as NAME=VALUE, such as pm2_5=12.5; without any, samples are read from
    /// standard input.
    #[arg(value_name = "NAME=VALUE")]
    values: Vec<Assignment>,
    /// How far it may travel: to our own principals, or to peers that the topic is shared with.
    #[arg(long, value_enum, default_value = "organisation")]
    scope: Scope,
    /// Keep unsent envelopes in this folder, so that nothing is lost when the node is away.
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    #[command(flatten)]
    mqtt: MqttArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scope {
    Organisation,
    Federation,
}

impl From<Scope> for sekisho::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Organisation => Self::Organisation,
            Scope::Federation => Self::Federation,
        }
    }
}

/// Lines read ahead of the node.
const LINES_MAX: usize = 256;

/// How long what is under way may take to arrive, once it was asked to end.
const GRACE: Duration = Duration::from_secs(2);

impl Publish {
    pub(crate) async fn run(self) -> Result<Exit> {
        if self.common.via.is_mqtt() {
            return Box::pin(self.by_mqtt()).await;
        }
        let stop = signals::stop();
        let access = Access::of(&self.common)?;
        let client = match &self.spool {
            None => access.connect_to_publish().await?,
            Some(_) => access.connect_or_wait().await?,
        };
        let is_reached = client.can_publish(&self.topic);
        let topic = self.topic.clone();
        let node = &access.profile.node;
        let mut builder = client.publisher(self.topic).scope(self.scope.into());
        if let Some(spool) = &self.spool {
            builder = builder.spool(spool);
        }
        let publisher = if is_reached {
            let _sign = output::waiting(format!("asking {node} how {topic} is protected"));
            tokio::select! {
                started = builder.start() => started.map_err(|cause| named(cause, &topic))?,
                () = stop.cancelled() => return Err(fault::unreachable(format!(
                    "{node}: ended before it said how {topic} is protected; nothing was published"
                ))),
            }
        } else {
            // With a spool, which may know from an earlier run how the topic is sealed.
            timeout(GRACE, builder.start()).await.map_err(|_elapsed| {
                fault::unreachable(format!(
                    "{node}: wanted a node, or a spool that was used with one before, found neither"
                ))
            })??
        };
        let read = if self.values.is_empty() {
            from_standard_input(&publisher, &stop).await
        } else {
            let values = self.values.into_iter().map(|Assignment(value)| value).collect();
            publisher.publish(Sample { time: clock::now(), values }).await.map_err(Into::into)
        };
        let settled = settle(&client, &publisher, self.spool.as_deref(), &stop).await;
        let state = publisher.state();
        client.close().await;
        tell(&state, self.common.json);
        // What was refused explains itself better than what was not read for it.
        settled.and(read)?;
        Ok(Exit::Done)
    }

    /// As a JSON object, or line by line as it is.
    async fn by_mqtt(&self) -> Result<Exit> {
        let values: serde_json::Map<_, _> = self
            .values
            .iter()
            .map(|Assignment(value)| (value.transducer.to_string(), json_of(&value.value)))
            .collect();
        let values = (!values.is_empty()).then_some(values);
        let Common { dir, json, .. } = &self.common;
        self.mqtt.publish(dir, self.topic.as_str(), values, *json).await
    }
}

/// What the node says of a topic does not always name it.
fn named(cause: PublishError, topic: &Topic) -> anyhow::Error {
    let is_nameless = matches!(cause, PublishError::Query(_));
    let cause = anyhow::Error::new(cause);
    if is_nameless { cause.context(format!("topic {topic}")) } else { cause }
}

/// Waits until the node has everything or will never take it, or until waiting is over.
async fn settle(
    client: &Client,
    publisher: &Publisher,
    spool: Option<&Path>,
    stop: &CancellationToken,
) -> Result<()> {
    // Without a connection a spool is as good as the node.
    let patience = async {
        if spool.is_none() || client.is_connected() {
            stop.cancelled().await;
        }
        sleep(GRACE).await;
    };
    tokio::select! {
        flushed = publisher.flush() => match flushed {
            Err(PublishError::Lost(lost)) => {
                let refused = output::count(lost.samples, "sample");
                Err(fault::no(format!("{refused} refused: {}", lost.refusal)))
            }
            flushed => Ok(flushed?),
        },
        barred = client.barred() => Err(barred.into()),
        () = tell_faults(publisher) => Ok(()),
        () = patience => {
            let waiting = publisher.state().queued;
            let Some(spool) = spool else {
                let unsent = output::count(waiting, "envelope");
                return Err(fault::unreachable(format!("the node has not stored {unsent}")));
            };
            publisher.persist().await?;
            let (kept, spool) = (output::count(waiting, "envelope"), spool.display());
            output::aside(format!("{kept} kept in {spool}, to be sent when it is used again"));
            Ok(())
        }
    }
}

/// Says what keeps it from going on, each thing once; never ends.
async fn tell_faults(publisher: &Publisher) {
    let mut told = None;
    loop {
        let news = |state: &PublisherState| state.fault.is_some() && state.fault != told;
        let Ok(state) = publisher.wait_until(news).await else { break };
        if let Some(fault) = &state.fault {
            output::aside(format!("waiting: {fault}"));
        }
        told = state.fault;
    }
    std::future::pending::<()>().await;
}

fn tell(state: &PublisherState, json: bool) {
    if json {
        output::json(&json!({
            "samples": state.samples_accepted,
            "envelopes": state.envelopes_accepted,
            "kept": state.queued,
            "lost": state.samples_lost.saturating_add(state.samples_left_out),
            "carrier": state.carrier.as_ref().map(ToString::to_string),
        }));
    } else if state.samples_accepted > 0
        || state.samples_lost + state.samples_left_out + state.queued == 0
    {
        let samples = output::count(state.samples_accepted, "sample");
        match &state.carrier {
            Some(carrier) => {
                output::line(format!("published {samples}, carried home by {carrier}"));
            }
            None => output::line(format!("published {samples}")),
        }
    }
}

/// Publishes line by line until the end, a signal, or a line that is no sample.
async fn from_standard_input(publisher: &Publisher, stop: &CancellationToken) -> Result<()> {
    if std::io::stdin().is_terminal() {
        output::aside("reading samples from the keyboard: one JSON object per line, Ctrl-D ends");
    }
    let (sender, mut lines) = mpsc::channel(LINES_MAX);
    // Reading cannot be interrupted: the thread is left behind where a signal comes first.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut number = 0_u64;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            () = stop.cancelled() => None,
        };
        let Some(line) = line else { return Ok(()) };
        let line = line.context("standard input")?;
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let sample = from_json(&line).with_context(|| format!("standard input, line {number}"))?;
        tokio::select! {
            taken = publisher.publish(sample) => taken?,
            () = stop.cancelled() => return Ok(()),
        }
    }
}
