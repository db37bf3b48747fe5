//! A city of a few streams, whose records are given as a node would give them.

use sekisho_proto::statement::{Location, StreamDescriptor, Transducer};
use sekisho_proto::{
    Offset, Sample, SampleValue, StreamClass, Timestamp, Topic, TransducerName, Unit, Value,
};
use sekisho_sensorthings::{
    Answer, Batch, Begin, Catalogue, Chunk, Content, Fault, Outcome, Reading, Records, Request,
    Stream, Visit, Want, answer,
};
use serde_json::Value as Json;

pub(crate) const BASE: &str = "https://city.example/v1.1";

/// Streams and all their records.
#[derive(Default)]
pub(crate) struct City {
    pub(crate) streams: Vec<Kept>,
    /// Records that are read at a time where these are large: a quarter of what one request may read,
    /// as the values of a page are at a node.
    pub(crate) at_once_max: Option<usize>,
}

pub(crate) struct Kept {
    pub(crate) topic: Topic,
    pub(crate) descriptor: Option<StreamDescriptor>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) is_readable: bool,
}

impl Kept {
    fn next_offset(&self) -> Offset {
        self.readings.last().map_or(Offset::ZERO, |last| last.offset.next())
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    let noon = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
    Timestamp::from_micros(noon.as_micros() + seconds * 1_000_000)
}

pub(crate) fn sample(seconds: i64, values: &[(&str, &str, Value)]) -> Sample {
    let value = |(name, unit, value): &(&str, &str, Value)| SampleValue {
        transducer: TransducerName::parse(name).unwrap(),
        unit: Unit::parse(unit).unwrap(),
        value: value.clone(),
    };
    Sample { time: at(seconds), values: values.iter().map(value).collect() }
}

pub(crate) fn described(
    topic: &str,
    location: Option<(i32, i32)>,
    transducers: &[(&str, &str)],
) -> StreamDescriptor {
    let topic = Topic::parse(topic).unwrap();
    let transducer = |(name, unit): &(&str, &str)| Transducer {
        name: TransducerName::parse(name).unwrap(),
        title: format!("title of {name}"),
        unit: Unit::parse(unit).unwrap(),
        minimum: "0".to_owned(),
        maximum: "1e3".to_owned(),
        resolution: String::new(),
        accuracy: "0.5".to_owned(),
    };
    StreamDescriptor {
        organisation: topic.organisation().clone(),
        title: format!("station {topic}"),
        topic,
        device_type: "air-quality station".to_owned(),
        class: StreamClass::Open,
        mobile: location.is_none(),
        location: location
            .map(|(latitude_e7, longitude_e7)| Location { latitude_e7, longitude_e7 }),
        retention_s: None,
        transducers: transducers.iter().map(transducer).collect(),
        issued: at(-3_600),
    }
}

impl City {
    /// A park that stands, a truck that moves, and a meter that nobody described.
    pub(crate) fn small() -> Self {
        let mut city = Self::default();
        let park = "fujisawa/park/1";
        let measures = [("temperature", "Cel"), ("pm2_5", "ug/m3")];
        city.describe(described(park, Some((353_389_000, 1_394_870_000)), &measures));
        for number in 0..5 {
            let warm = ("temperature", "", Value::Float(20.0 + number as f64));
            let dusty = ("pm2_5", "ug/m3", Value::Integer(number));
            city.keep(
                park,
                &[sample(number * 10, &[warm.clone(), dusty]), sample(number * 10 + 5, &[warm])],
            );
        }
        let truck = "fujisawa/truck/17";
        let measures = [("latitude", "deg"), ("longitude", "deg"), ("pm2_5", "ug/m3")];
        city.describe(described(truck, None, &measures));
        for number in 0..3 {
            let east = 139.48 + number as f64 / 1_000.0;
            let values = [
                ("latitude", "deg", Value::Float(35.34)),
                ("longitude", "deg", Value::Float(east)),
                ("pm2_5", "ug/m3", Value::Float(7.5)),
            ];
            city.keep(truck, &[sample(number, &values)]);
        }
        city.keep("santander/電力/メーター", &[sample(1, &[("power", "W", Value::Float(60.0))])]);
        city
    }

    pub(crate) fn describe(&mut self, descriptor: StreamDescriptor) {
        self.streams.push(Kept {
            topic: descriptor.topic.clone(),
            descriptor: Some(descriptor),
            readings: Vec::new(),
            is_readable: true,
        });
    }

    pub(crate) fn keep(&mut self, topic: &str, samples: &[Sample]) {
        let topic = Topic::parse(topic).unwrap();
        if !self.streams.iter().any(|kept| kept.topic == topic) {
            let (descriptor, readings) = (None, Vec::new());
            let topic = topic.clone();
            self.streams.push(Kept { topic, descriptor, readings, is_readable: true });
        }
        let kept = self.streams.iter_mut().find(|kept| kept.topic == topic).unwrap();
        let last = samples.last().map_or(at(0), |sample| sample.time);
        kept.readings.push(Reading {
            offset: kept.next_offset(),
            time: last,
            received: last,
            publisher: "logger@fujisawa".to_owned(),
            attester: Some("node@fujisawa".to_owned()),
            content: Content::Samples(samples.to_vec()),
        });
    }

    pub(crate) fn catalogue(&self) -> Catalogue<'_> {
        let stream = |kept: &Kept| Stream {
            topic: kept.topic.clone(),
            descriptor: None,
            first_offset: Offset::ZERO,
            next_offset: kept.next_offset(),
            records: kept.readings.len() as u64,
            is_readable: kept.is_readable,
        };
        let all = self.streams.iter();
        Catalogue::new(
            all.map(|kept| Stream { descriptor: kept.descriptor.as_ref(), ..stream(kept) })
                .collect(),
        )
    }

    /// Its streams, as if each had so many records.
    pub(crate) fn streams_of(&self, records: u64) -> Vec<Stream<'_>> {
        let stream = |kept: &'_ Kept| (kept.topic.clone(), kept.is_readable);
        let all = self.streams.iter().map(|kept| (stream(kept), kept.descriptor.as_ref()));
        let long = all.map(|((topic, is_readable), descriptor)| Stream {
            topic,
            descriptor,
            first_offset: Offset::ZERO,
            next_offset: Offset::new(records),
            records,
            is_readable,
        });
        long.collect()
    }

    /// Reads what is wanted, as a node does; `read` is how many records of pages this request had.
    fn read_all(
        &self,
        mut wants: Vec<Want>,
        records: &mut Records,
        read: &mut usize,
    ) -> Result<(), Fault> {
        const PAGES_AT_ONCE: usize = 4;
        let had_much = records.is_much();
        while !wants.is_empty() && (had_much || !records.is_much()) {
            let rest = wants.split_off(wants.len().min(PAGES_AT_ONCE));
            for want in wants {
                *read += self.read(want, records);
            }
            if let Some(quarter) = self.at_once_max {
                if *read >= 4 * quarter {
                    return Err(Fault::too_much(
                        "values read",
                        4 * quarter,
                        "ask for less at once",
                    ));
                }
                if *read >= quarter {
                    records.note_much();
                }
            }
            wants = rest;
        }
        Ok(())
    }

    /// Reads one thing that is wanted, and says of how many records a page of it is.
    pub(crate) fn read(&self, want: Want, records: &mut Records) -> usize {
        let kept = self.streams.iter().find(|kept| kept.topic == *want.topic()).unwrap();
        assert!(kept.is_readable, "{want:?}: wanted nothing of what nobody may read");
        match want {
            Want::Last(topic) => {
                records.put_last(topic, kept.readings.last().cloned());
                0
            }
            Want::Page(topic, begin, count) => {
                let from = kept.readings.iter().filter(|reading| match begin {
                    Begin::Offset(offset) => reading.offset >= offset,
                    Begin::Time(time) => reading.received >= time,
                });
                let count_max =
                    usize::try_from(count).unwrap().min(self.at_once_max.unwrap_or(256));
                let readings: Vec<_> = from.take(count_max).cloned().collect();
                let (read, is_end) = (readings.len(), readings.len() < count_max);
                records.put_page(topic, begin, count, Chunk { readings, is_end });
                read
            }
        }
    }

    /// What goes by on a visit, as a node comes by it: in no order but that of each log, with records
    /// of other topics in between, the part of it that is next.
    pub(crate) fn visit(&self, visit: &Visit, part: usize) -> Batch {
        const PART: usize = 700;
        let longest = self.streams.iter().map(|kept| kept.readings.len()).max().unwrap_or(0);
        let all = (0..longest).flat_map(|number| {
            let each = self.streams.iter().rev().filter(|kept| kept.is_readable);
            each.filter_map(move |kept| Some((&kept.topic, kept.readings.get(number)?)))
        });
        let since = |reading: &Reading| visit.since.is_none_or(|since| reading.received >= since);
        let all = all.filter(|(_, reading)| since(reading));
        let part: Vec<_> = all.skip(part * PART).take(PART).collect();
        let asked = part.iter().filter(|(topic, _)| visit.topics.contains(topic));
        Batch {
            readings: asked
                .map(|(topic, reading)| ((*topic).clone(), (*reading).clone()))
                .collect(),
            passed: part.len() as u64,
            is_end: part.len() < PART,
        }
    }

    /// Asks as a client does: path and query, percent-encoded where it has to be.
    pub(crate) fn ask(&self, target: &str) -> Result<Answer, Fault> {
        let target = target.strip_prefix(BASE).unwrap_or(target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request::parse(path, &query.replace(' ', "%20"))?;
        let mut records = Records::default();
        let mut catalogue = self.catalogue();
        if let Some(topic) = request.topic() {
            let one = self.streams.iter().filter(|kept| kept.topic == topic);
            let one: Vec<_> = one.map(|kept| kept.topic.clone()).collect();
            let all = self.streams.iter().filter(|kept| one.contains(&kept.topic));
            let next = |kept: &Kept| (kept.next_offset(), kept.readings.len() as u64);
            let stream = |kept: &'_ Kept| (kept.topic.clone(), next(kept), kept.is_readable);
            let found: Vec<_> = all.map(|kept| (stream(kept), kept.descriptor.as_ref())).collect();
            let streams =
                found.into_iter().map(|((topic, next, is_readable), descriptor)| Stream {
                    topic,
                    descriptor,
                    first_offset: Offset::ZERO,
                    next_offset: next.0,
                    records: next.1,
                    is_readable,
                });
            catalogue = Catalogue::new(streams.collect());
        }
        let (mut rounds, mut parts, mut read) = (0, 0, 0);
        while rounds < sekisho_sensorthings::limits::ROUNDS_MAX {
            match answer(&request, &catalogue, &mut records, (BASE, at(60))) {
                Outcome::Done(done) => return done,
                Outcome::Visits(visit) => {
                    records.put_visited(self.visit(&visit, parts));
                    (parts, rounds) = (parts + 1, 0);
                    continue;
                }
                Outcome::Wants(wants) => self.read_all(wants, &mut records, &mut read)?,
            }
            rounds += 1;
        }
        panic!("{target}: wanted an answer in a few rounds");
    }

    pub(crate) fn json(&self, target: &str) -> Json {
        match self.ask(target) {
            Ok(Answer::Json(json) | Answer::GeoJson(json)) => json,
            other => panic!("{target}: {other:?}"),
        }
    }

    /// The values of a property of each entity of a page.
    pub(crate) fn list(&self, target: &str, pointer: &str) -> Vec<Json> {
        let page = self.json(target);
        let values = page["value"].as_array().unwrap().iter();
        values.map(|entity| entity.pointer(pointer).cloned().unwrap_or(Json::Null)).collect()
    }
}
