//! Four who have no business there. Each tries once a second; the nodes count what they refuse.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use sekisho::{
    Client, Delivery, PublishError, QueryError, Sample, SampleValue, Start, SubscribeError, Value,
    clock,
};
use sekisho_proto::{Envelope, RefusalCode, Topic, envelope_signing_input};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::fleet::when_input_ends;
use super::people::{People, TRUCKS};
use crate::access::Access;
use crate::exit::Exit;
use crate::launch::{Child, arguments};

/// Try what must not work, until standard input ends.
#[derive(Debug, Args)]
pub(crate) struct Intruder {
    /// What to try.
    #[arg(long, value_enum)]
    attempt: Attempt,
    /// The profile's folder.
    #[arg(long)]
    dir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Attempt {
    /// Publish on a truck's topic without a grant.
    Publish,
    /// Pass an own envelope off as a truck's.
    Forge,
    /// Send a truck's captured envelope again.
    Replay,
    /// Read without a grant.
    Read,
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// Whose topic they are after.
const VICTIM: &str = "fujisawa/truck/1/air";

impl Intruder {
    /// Starts all four.
    pub(super) fn start_all(people: &People) -> Result<Vec<Child>> {
        [
            ("stranger", "publish", &people.stranger),
            ("forger", "forge", &people.forger),
            ("replayer", "replay", &people.replayer),
            ("reader", "read", &people.reader),
        ]
        .into_iter()
        .map(|(name, attempt, dir)| {
            let parts =
                arguments([&"simulate", &"intruder", &"--attempt", &attempt, &"--dir", dir]);
            Child::start(name, parts)
        })
        .collect()
    }

    pub(crate) async fn run(self) -> Result<Exit> {
        let stop = when_input_ends();
        let access = Access::load(&self.dir)?;
        let client = access.connect().await?;
        let captured = match self.attempt {
            Attempt::Forge | Attempt::Replay => capture(&client, &stop).await?,
            Attempt::Publish | Attempt::Read => None,
        };
        let mut pause = interval(PAUSE);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _at = pause.tick() => {}
            }
            match (self.attempt, &captured) {
                (Attempt::Publish, _) => publish(&client).await?,
                (Attempt::Read, _) => read(&client).await?,
                (Attempt::Forge, Some(envelope)) => forge(&client, &access, envelope).await?,
                (Attempt::Replay, Some(envelope)) => {
                    let outcome = client.publish_envelope(envelope.encoded().clone(), None).await;
                    expect_refusal(outcome.map(drop), RefusalCode::Replayed)?;
                }
                (Attempt::Forge | Attempt::Replay, None) => break,
            }
        }
        client.close().await;
        Ok(Exit::Done)
    }
}

/// Listens until a truck's envelope comes by; none when the demo ends before that.
async fn capture(client: &Client, stop: &CancellationToken) -> Result<Option<Envelope>> {
    let mut subscription = client.subscribe(VICTIM.parse()?).from(Start::Earliest).start().await?;
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            next = subscription.next() => next,
        };
        match next.context("wanted a truck's envelope, found the subscription ended")?? {
            Delivery::Message(message) => return Ok(Some(message.envelope)),
            Delivery::Gap(_) => {}
        }
    }
}

async fn publish(client: &Client) -> Result<()> {
    let value = Value::Text("all is well".to_owned());
    let entry = SampleValue { transducer: "pm2_5".parse()?, unit: "".parse()?, value };
    let publisher = client.publisher(VICTIM.parse::<Topic>()?).start().await?;
    publisher.publish(Sample { time: clock::now(), values: vec![entry] }).await?;
    match publisher.flush().await {
        Err(PublishError::Lost(lost)) if lost.refusal.code == RefusalCode::NotPermitted => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => bail!("an envelope without a grant was accepted"),
    }
}

/// The truck's own header, another body, and a signature by the forger's key.
async fn forge(client: &Client, access: &Access, captured: &Envelope) -> Result<()> {
    let mut body = captured.body().to_vec();
    if let Some(first) = body.first_mut() {
        *first ^= 1;
    }
    let header = captured.header_bytes().clone();
    let signature = access.identity.signing().sign(&envelope_signing_input(&header, &body));
    let forged = Envelope::assemble(header, Bytes::from(body), signature)?;
    let outcome = client.publish_envelope(forged.encoded().clone(), None).await;
    expect_refusal(outcome.map(drop), RefusalCode::BadSignature)
}

async fn read(client: &Client) -> Result<()> {
    let outcome = client.subscribe(TRUCKS.parse()?).start().await;
    match outcome {
        Err(SubscribeError::Refused(refusal)) if refusal.code == RefusalCode::NotPermitted => {
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_subscription) => bail!("a subscription without a grant was accepted"),
    }
}

fn expect_refusal(outcome: Result<(), QueryError>, code: RefusalCode) -> Result<()> {
    match outcome {
        Err(QueryError::Refused(refusal)) if refusal.code == code => Ok(()),
        // A node that is stopping refuses everything.
        Err(QueryError::Refused(refusal)) if refusal.code == RefusalCode::Draining => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => bail!("wanted it refused as {code}, found it accepted"),
    }
}
