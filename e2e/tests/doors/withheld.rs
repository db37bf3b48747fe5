//! What waits for a slow reader when its right ends, in the node's queue and in the hands of the door:
//! it is counted, and does not come.

use std::sync::Arc;

use sekisho_e2e::{City, Member, Press, Stranger, Wire, eventually};
use sekisho_proto::frame::{Ended, Start, Subscribe};
use sekisho_proto::{Envelope, Frame, RefusalCode};

use crate::logins::city;
use crate::streams::Events;
use crate::talk::{Talk, Via};
use crate::talker::Talker;

const TOPIC: &str = "fujisawa/camera/1";
const OTHER: &str = "fujisawa/camera/2";
const WHOLE: &str = "fujisawa/camera/#";
/// What is read by each door: the topic, and the whole.
const READ: [&str; 2] = [TOPIC, WHOLE];
/// Far more of it than a door and the sockets behind it take, and no more than waits for one
/// subscription before that is fed from the log.
const RECORDS: u32 = 480;
const RECORD_BYTES: usize = 7 * 1024;
/// What is read of it after all, so that the door takes up many at once of those that wait.
const TAKEN: u32 = 83;

const WITHHELD: &str = "sekisho_records_withheld_total";
const DOORS: [&str; 4] = ["quic", "websocket", "grpc", "events"];

/// Where somebody listens, who reads little of what there is.
enum Ear {
    Quic {
        stream: Box<Wire>,
        _session: Arc<Wire>,
    },
    /// Both subscriptions.
    Channel(Box<Talk>),
    Events(Box<Events>),
}

/// What is told of a subscription.
enum Told {
    Record { topic: String, offset: u64 },
    End,
}

impl Ear {
    /// Both subscriptions of a member by a door, from now on.
    async fn open(city: &City, door: &str, member: &Member) -> Vec<Self> {
        let mut ears = Vec::new();
        match door {
            "quic" => {
                let session = Arc::new(Stranger::as_member(city, member).welcome().await);
                for (number, filter) in (1..).zip(READ) {
                    let mut stream = Box::new(session.another().await);
                    stream.send(subscribe(number, filter)).await;
                    assert!(matches!(stream.hear().await, Some(Frame::Subscribed(_))));
                    ears.push(Self::Quic { stream, _session: Arc::clone(&session) });
                }
            }
            "events" => {
                let reader = Talker::with_key(city, member);
                for filter in READ {
                    let target = format!("/v1/events?filter={}", filter.replace('#', "%23"));
                    let mut events = Box::new(Events::open(&reader, &target, &[]).await);
                    assert_eq!(events.next().await.unwrap().name, "subscribed");
                    ears.push(Self::Events(events));
                }
            }
            channel => {
                let via = if channel == "grpc" { Via::Grpc } else { Via::WebSocket };
                let mut talk = Box::new(Talk::welcome(city, via, member).await);
                for (number, filter) in (1..).zip(READ) {
                    talk.send(subscribe(number, filter)).await;
                    assert!(matches!(talk.hear().await, Some(Frame::Subscribed(_))));
                }
                ears.push(Self::Channel(talk));
            }
        }
        ears
    }

    async fn next(&mut self) -> Told {
        let frame = match self {
            Self::Quic { stream, .. } => stream.hear().await,
            Self::Channel(talk) => talk.hear().await,
            Self::Events(events) => return of_event(events).await,
        };
        match frame {
            Some(Frame::Record(record)) => {
                let envelope = Envelope::decode(record.envelope).unwrap();
                let topic = envelope.header().topic.to_string();
                Told::Record { topic, offset: record.offset.value() }
            }
            Some(Frame::Ended(Ended { code: Some(RefusalCode::NotPermitted), .. })) => Told::End,
            Some(Frame::Refused(refused)) if refused.code == RefusalCode::NotPermitted => Told::End,
            other => panic!("wanted a record or the end of the right, found {other:?}"),
        }
    }

    /// Reads so many records, and then no more.
    async fn takes(&mut self, count: u32) {
        for _ in 0..count {
            assert!(matches!(self.next().await, Told::Record { .. }), "wanted a record first");
        }
    }

    /// How many records come of the topic, all of them before this offset; until each subscription
    /// has ended or has come to a record of the other topic.
    async fn hears_out(&mut self, before: u64) -> u32 {
        let mut left = if let Self::Channel(_) = self { READ.len() } else { 1 };
        let mut records = 0;
        while left > 0 {
            match self.next().await {
                Told::Record { topic, offset } if topic == TOPIC => {
                    assert!(offset < before, "wanted it withheld: {offset}");
                    records += 1;
                }
                Told::Record { .. } | Told::End => left -= 1,
            }
        }
        records
    }
}

async fn of_event(events: &mut Events) -> Told {
    let event = events.next().await.unwrap();
    let said = |name: &str| event.data.get(name).unwrap();
    match event.name.as_str() {
        "record" => {
            let (topic, offset) = (said("topic").as_str(), said("offset").as_u64());
            Told::Record { topic: topic.unwrap().to_owned(), offset: offset.unwrap() }
        }
        "end" => {
            assert_eq!(said("code"), "not-permitted", "{event:?}");
            Told::End
        }
        other => panic!("wanted a record or the end, found {other}"),
    }
}

fn subscribe(subscription: u32, filter: &str) -> Subscribe {
    let filter = filter.parse().unwrap();
    Subscribe { subscription, filter, start: Start::Latest, cursor: None, credit: 10_000 }
}

/// Publishes so many records; tells the offset behind the last.
async fn publishes(wire: &mut Wire, press: &mut Press, count: u32) -> u64 {
    let mut next = 0;
    for _ in 0..count {
        let envelope = press.next(&"x".repeat(RECORD_BYTES));
        let offset = wire.publish(envelope.encoded().clone(), press.attached()).await.unwrap();
        next = offset.value() + 1;
    }
    next
}

/// Readers by every door who lose a right while records wait for them.
async fn are_counted_when(lose: impl AsyncFn(&City, &str)) {
    let city = city().await;
    let camera = Member::device(&city, "camera", WHOLE).await;
    let mut wire = Stranger::as_member(&city, &camera).welcome().await;
    let mut press = Press::begin(&camera, TOPIC).await;
    let mut other = Press::begin(&camera, OTHER).await;
    for door in DOORS {
        let member = Member::reader(&city, door, WHOLE).await;
        let mut ears = Ear::open(&city, door, &member).await;
        let behind = publishes(&mut wire, &mut press, RECORDS).await;
        let mut came = 0;
        for ear in &mut ears {
            ear.takes(TAKEN).await;
            came += TAKEN;
        }
        let counted = city.metric(WITHHELD).await;
        lose(&city, &format!("{door}@fujisawa")).await;
        publishes(&mut wire, &mut press, 1).await;
        publishes(&mut wire, &mut other, 1).await;
        for ear in &mut ears {
            came += ear.hears_out(behind).await;
        }
        let waited = f64::from(2 * RECORDS - came);
        assert!(waited > 0.0, "{door}: wanted records to wait, found all of them taken");
        let counted = eventually("what waited to be counted", || async {
            let counted = city.metric(WITHHELD).await - counted;
            (counted >= waited).then_some(counted)
        });
        assert_eq!(counted.await, waited, "{door}");
    }
}

#[tokio::test]
async fn what_waits_at_any_door_when_a_topic_is_denied_is_counted_and_does_not_come() {
    are_counted_when(async |city, who| {
        let deny = ["deny", who, "subscribe,history", TOPIC, "--yes"];
        city.run(&deny).await.succeeded();
    })
    .await;
}

#[tokio::test]
async fn what_waits_at_any_door_when_a_grant_is_revoked_is_counted_and_does_not_come() {
    are_counted_when(async |city, who| {
        let what = city.run(&["what", who, "--json"]).await.json();
        let grant = what["grants"][0]["statement"].as_str().unwrap();
        city.run(&["revoke", grant, "--yes"]).await.succeeded();
    })
    .await;
}
