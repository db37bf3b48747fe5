//! A publisher with a spool, as a program that can be killed: `courier MEMBER TOPIC SPOOL FIRST`
//! publishes samples with numbers from FIRST on, and says `kept N` as soon as all up to N are in
//! its spool and on the disk. `courier MEMBER TOPIC SPOOL` brings what is in the spool to the node
//! and says `delivered`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use sekisho::{Batch, Client, ClientOptions, Profile, Publisher, Scope};
use sekisho_e2e::sample;
use tokio::time::interval;

/// Samples that are kept at once, two to an envelope.
const AT_ONCE: i64 = 5;
const EVERY: Duration = Duration::from_millis(20);
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Errand {
    publisher: Publisher,
    first: Option<i64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match go().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            drop(writeln!(std::io::stderr(), "courier: {cause:?}"));
            ExitCode::FAILURE
        }
    }
}

async fn go() -> Outcome<()> {
    let errand = begin(std::env::args().skip(1)).await?;
    match errand.first {
        Some(first) => publish(&errand.publisher, first).await,
        None => deliver(&errand.publisher).await,
    }
}

async fn begin(mut arguments: impl Iterator<Item = String>) -> Outcome<Errand> {
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("wanted {what}"));
    let dir: PathBuf = next("a member's folder")?.into();
    let topic = next("a topic")?.parse()?;
    let spool: PathBuf = next("a folder for the spool")?.into();
    let first = arguments.next().map(|first| first.parse()).transpose()?;
    let profile = Profile::load(&dir)?;
    let identity = Profile::identity(&dir)?;
    let options = ClientOptions::default().backoff(BACKOFF.0, BACKOFF.1);
    // The node may be away: what the spool is for.
    let client = Client::start(profile.endpoint(), identity, profile.trust(), options)?;
    let batch = Batch { samples: 2, ..Batch::default() };
    let builder = client.publisher(topic).scope(Scope::Federation).batch(batch).spool(spool);
    Ok(Errand { publisher: builder.start().await?, first })
}

async fn publish(publisher: &Publisher, first: i64) -> Outcome<()> {
    let mut pace = interval(EVERY);
    let mut next = first;
    loop {
        pace.tick().await;
        for number in next..next + AT_ONCE {
            publisher.publish(sample(number)).await?;
        }
        next += AT_ONCE;
        publisher.persist().await?;
        say(&format!("kept {}", next - 1))?;
    }
}

async fn deliver(publisher: &Publisher) -> Outcome<()> {
    let is_empty = |state: &sekisho::PublisherState| {
        state.envelopes_accepted > 0 && state.queued == 0 && state.in_flight == 0
    };
    // One more, so that there is something to be accepted.
    publisher.publish(sample(-1)).await?;
    publisher.flush().await?;
    publisher.wait_until(is_empty).await?;
    say("delivered")
}

fn say(word: &str) -> Outcome<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{word}")?;
    Ok(out.flush()?)
}
