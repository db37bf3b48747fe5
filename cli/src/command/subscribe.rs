//! `sub` and `history`: verified and opened samples, line by line.

mod other;

use std::io;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use sekisho::{
    BodyError, Client, Delivery, Gap, Message, Sample, Start, SubscribeError, Subscription, Value,
    clock,
};
use sekisho_proto::{CursorName, Filter, Offset, Timestamp};
use serde_json::{Map, json};

use crate::access::Access;
use crate::command::Common;
use crate::exit::Exit;
use crate::mqtt::MqttArgs;
use crate::{output, signals};
use other::Other;

/// A record that took so long from its home is late.
const LATE: Duration = Duration::from_secs(5);

/// Subscribe: verified and opened samples as they come, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho sub 'fujisawa/truck/+/air' --dir dashboard
  sekisho sub 'fujisawa/truck/#' --from last-value --count 10 --json --dir dashboard
  sekisho sub 'fujisawa/truck/#' --cursor billing --from earliest --dir dashboard

+ stands for one level of a topic, # at the end for all that follow; quote them for the shell. \
Gaps and records that cannot be verified are told on standard error, with --json in the stream. What \
took more than five seconds from its home to here says how late it is; with --json, received is when \
its home had it and arrived when it was here.")]
pub(crate) struct Subscribe {
    /// Which topics, such as 'fujisawa/truck/+/air'.
    filter: Filter,
    /// latest, last-value, earliest, offset:N, or a time (RFC 3339).
    #[arg(long, default_value = "latest")]
    from: From,
    /// Remember under this name how far you got, and go on from there the next time.
    #[arg(long)]
    cursor: Option<CursorName>,
    /// Stop after so many samples; with --cursor, at the end of what was published with them.
    #[arg(long)]
    count: Option<u64>,
    #[command(flatten)]
    mqtt: MqttArgs,
    #[command(flatten)]
    common: Common,
}

/// What is kept, then stop.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho history 'fujisawa/truck/17/#' --dir dashboard
  sekisho history 'fujisawa/truck/#' --since 2026-11-21T09:00:00Z --json --dir dashboard")]
pub(crate) struct History {
    /// Which topics, such as 'fujisawa/truck/+/air'.
    filter: Filter,
    /// From when on: RFC 3339; default the oldest kept.
    #[arg(long, value_parser = Timestamp::parse_cut)]
    since: Option<Timestamp>,
    /// Stop after so many samples.
    #[arg(long)]
    count: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// Where a subscription begins.
#[derive(Debug, Clone)]
struct From(Start);

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let start = match text {
            "latest" => Start::Latest,
            "last-value" => Start::LastValue,
            "earliest" => Start::Earliest,
            other => match other.strip_prefix("offset:") {
                Some(number) => Start::Offset(Offset::new(
                    number.parse().map_err(|_error| "wanted offset:N with a number N")?,
                )),
                None => Start::Time(Timestamp::parse_cut(other).map_err(|_error| {
                    "wanted latest, last-value, earliest, offset:N or a time such as \
                     2026-11-21T08:30:00Z"
                })?),
            },
        };
        Ok(Self(start))
    }
}

impl Subscribe {
    pub(crate) async fn run(self) -> Result<Exit> {
        if self.common.via.is_mqtt() {
            let Common { dir, json, .. } = &self.common;
            let listening = self.mqtt.subscribe(dir, self.filter.as_str(), self.count, *json);
            return Box::pin(listening).await;
        }
        let client = Access::of(&self.common)?.connect().await?;
        let mut printer = Printer::new(self.common.json, self.count);
        // Whoever asks for nothing old is given nothing but news, however long it took.
        let asks_for_old = self.from.0 != Start::Latest || self.cursor.is_some();
        printer.news_since = Some(if asks_for_old { clock::now() } else { Timestamp::MIN });
        let mut builder = client.subscribe(self.filter.clone()).from(self.from.0);
        if let Some(cursor) = self.cursor {
            builder = builder.cursor(cursor);
            // A cursor stands between envelopes: half of one would come again and again.
            printer.stop = Stop::BetweenEnvelopes;
        }
        let subscription = builder.start().await?;
        output::aside_for_people(format!("listening to {}; Ctrl-C ends", self.filter));
        let shown = show(&client, subscription, &mut printer).await;
        client.close().await;
        shown?;
        Ok(printer.exit)
    }
}

impl History {
    pub(crate) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let mut builder = client.history(self.filter.clone());
        if let Some(since) = self.since {
            builder = builder.from(Start::Time(since));
        }
        let subscription = builder.start().await?;
        let mut printer = Printer::new(self.common.json, self.count);
        let shown = show(&client, subscription, &mut printer).await;
        client.close().await;
        shown?;
        if printer.shown == 0 {
            output::aside(format!("nothing is kept on {} that you may read", self.filter));
        }
        Ok(printer.exit)
    }
}

/// Prints until the end, the count, a signal, or until nobody reads any more.
async fn show(
    client: &Client,
    mut subscription: Subscription,
    printer: &mut Printer,
) -> Result<()> {
    let stop = signals::stop();
    while printer.left > 0 {
        let next = tokio::select! {
            () = stop.cancelled() => break,
            next = subscription.next() => next,
            barred = client.barred() => return Err(barred.into()),
        };
        let written = match next {
            None => break,
            Some(Ok(Delivery::Message(message))) => {
                let written = printer.message(&message);
                if written.is_ok() {
                    subscription.acknowledge(&message);
                }
                written
            }
            Some(Ok(Delivery::Gap(gap))) => printer.gap(&gap),
            Some(Err(error @ SubscribeError::Rejected { .. })) => printer.rejected(error),
            Some(Err(error)) => return Err(error.into()),
        };
        match written {
            Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => break,
            written => written.context("standard output")?,
        }
    }
    subscription.close().await;
    Ok(())
}

/// Where a number of samples may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Anywhere,
    BetweenEnvelopes,
}

/// Shows what comes, and counts it.
struct Printer {
    json: bool,
    /// Samples that are still to be shown.
    left: u64,
    stop: Stop,
    /// What a home received since then is news, and late where it comes late; what is older was asked
    /// for. None = all of it was asked for.
    news_since: Option<Timestamp>,
    shown: u64,
    exit: Exit,
}

impl Printer {
    fn new(json: bool, count: Option<u64>) -> Self {
        Self {
            json,
            left: count.unwrap_or(u64::MAX),
            stop: Stop::Anywhere,
            news_since: None,
            shown: 0,
            exit: Exit::Done,
        }
    }

    fn message(&mut self, message: &Message) -> io::Result<()> {
        let arrived = clock::now();
        let samples = match message.samples() {
            Ok(samples) => samples,
            Err(BodyError::NotSamples { .. }) => return self.other(message, arrived),
            Err(error) => return self.unopened(message, &error.to_string(), arrived),
        };
        for sample in &samples {
            if self.left == 0 && self.stop == Stop::Anywhere {
                break;
            }
            let text = if self.json {
                document(message, sample, arrived).to_string()
            } else {
                sentence(message, sample, self.late(message, arrived))
            };
            output::try_line(text)?;
            self.count();
        }
        Ok(())
    }

    fn count(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.shown += 1;
    }

    /// How long a record took from its home to here, where that is worth a word.
    fn late(&self, message: &Message, arrived: Timestamp) -> Option<Duration> {
        let is_news = self.news_since.is_some_and(|since| message.received >= since);
        let delay = arrived.saturating_since(message.received);
        (is_news && delay >= LATE).then_some(delay)
    }

    /// A body that was opened and holds something other than samples.
    fn other(&mut self, message: &Message, arrived: Timestamp) -> io::Result<()> {
        let Some(other) = Other::of(message) else {
            return self.unopened(message, "not what its content type says", arrived);
        };
        let text = if self.json {
            let mut document = heading(message, arrived);
            other.add_to(&mut document);
            serde_json::Value::Object(document).to_string()
        } else {
            let (said, late) = (other.sentence(), self.late(message, arrived));
            format!("{} {}  {said}{}", message.time, message.topic, aside(message, late))
        };
        output::try_line(text)?;
        self.count();
        Ok(())
    }

    fn unopened(&mut self, message: &Message, why: &str, arrived: Timestamp) -> io::Result<()> {
        let bytes = message.envelope.body().len();
        let text = if self.json {
            let mut document = heading(message, arrived);
            document.insert("bytes".to_owned(), json!(bytes));
            document.insert("unopened".to_owned(), json!(why));
            serde_json::Value::Object(document).to_string()
        } else {
            format!("{} {}  [{bytes} bytes: {why}]", message.time, message.topic)
        };
        output::try_line(text)?;
        self.count();
        Ok(())
    }

    fn gap(&self, gap: &Gap) -> io::Result<()> {
        let (from, to, reason) = (gap.from, gap.to, gap.reason);
        if self.json {
            let gap =
                json!({ "from": from.value(), "to": to.value(), "reason": reason.to_string() });
            return output::try_line(json!({ "gap": gap }).to_string());
        }
        output::aside(format!("sekisho: gap: positions {from} to {to} will not come: {reason}"));
        Ok(())
    }

    fn rejected(&mut self, error: SubscribeError) -> io::Result<()> {
        self.exit = Exit::No;
        let why = crate::fault::sentence(&error.into());
        if self.json {
            return output::try_line(json!({ "rejected": why }).to_string());
        }
        output::aside(format!("sekisho: rejected: {why}"));
        Ok(())
    }
}

/// How late a record came here, for people.
fn lateness(delay: Duration) -> String {
    match delay.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

fn sentence(message: &Message, sample: &Sample, late: Option<Duration>) -> String {
    let value = |entry: &sekisho::SampleValue| {
        format!("{}={}{}", entry.transducer, plain(&entry.value), entry.unit)
    };
    let values: Vec<String> = sample.values.iter().map(value).collect();
    let aside = aside(message, late);
    format!("{} {}  {}{aside}", sample.time, message.topic, values.join(" "))
}

/// What is to be known of a message beside what it says: whose word for it there is, where that is
/// not its publisher's, and how late it is.
fn aside(message: &Message, late: Option<Duration>) -> String {
    let attested = message.attester.iter().map(|node| format!("  [attested by {node}]"));
    let late = late.iter().map(|delay| format!("  [{} late]", lateness(*delay)));
    attested.chain(late).collect()
}

fn document(message: &Message, sample: &Sample, arrived: Timestamp) -> serde_json::Value {
    let mut document = heading(message, arrived);
    let values: Map<String, serde_json::Value> = sample
        .values
        .iter()
        .map(|entry| (entry.transducer.to_string(), json_of(&entry.value)))
        .collect();
    let units: Map<String, serde_json::Value> = sample
        .values
        .iter()
        .filter(|entry| !entry.unit.as_str().is_empty())
        .map(|entry| (entry.transducer.to_string(), json!(entry.unit.as_str())))
        .collect();
    document.insert("time".to_owned(), json!(sample.time.to_string()));
    document.insert("values".to_owned(), json!(values));
    if !units.is_empty() {
        document.insert("units".to_owned(), json!(units));
    }
    serde_json::Value::Object(document)
}

/// What every message has. Its publisher's signature was verified, or it would not be here.
fn heading(message: &Message, arrived: Timestamp) -> Map<String, serde_json::Value> {
    [
        ("time", json!(message.time.to_string())),
        ("topic", json!(message.topic.as_str())),
        ("publisher", json!(message.publisher.to_string())),
        ("offset", json!(message.offset.value())),
        ("position", json!(message.position.value())),
        ("received", json!(message.received.to_string())),
        ("arrived", json!(arrived.to_string())),
        ("sealed", json!(message.sealed)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .chain(message.attester.iter().map(|node| ("attester".to_owned(), json!(node.to_string()))))
    .collect()
}

/// JSON has no NaN and no bytes: both become text.
pub(crate) fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Float(number) if number.is_finite() => json!(number),
        Value::Integer(number) => json!(number),
        Value::Boolean(flag) => json!(flag),
        Value::Float(_) | Value::Text(_) | Value::Blob(_) => json!(plain(value)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Float(number) => number.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("[{} bytes]", bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_begins_where_it_is_told_to() {
        let start = |text: &str| text.parse::<From>().map(|From(start)| start);
        assert_eq!(start("latest"), Ok(Start::Latest));
        assert_eq!(start("offset:17"), Ok(Start::Offset(Offset::new(17))));
        assert!(matches!(start("2026-11-21T09:00:00Z"), Ok(Start::Time(_))));
        assert!(start("offset:x").unwrap_err().contains("wanted offset:N"));
        assert!(start("yesterday").unwrap_err().contains("earliest"));
    }

    #[test]
    fn lateness_is_told_in_words_that_fit_it() {
        let words = [5, 119, 120, 7_199, 86_400].map(|s| lateness(Duration::from_secs(s)));
        assert_eq!(words, ["5 s", "119 s", "2 min", "119 min", "24 h"]);
    }

    #[test]
    fn a_number_that_json_has_no_word_for_becomes_text() {
        assert_eq!(json_of(&Value::Float(f64::NAN)), json!("NaN"));
        assert_eq!(json_of(&Value::Float(1.5)), json!(1.5));
    }
}
