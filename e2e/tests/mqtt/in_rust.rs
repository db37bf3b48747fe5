//! rumqttc, the client that programs in Rust are written with, in both versions and every quality of
//! service. It is built without its own TLS, which brings another library of cryptography than ours:
//! the tests' TLS is put around it.

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::v5::mqttbytes;
use rumqttc::v5::mqttbytes::v5::{Packet as Packet5, PublishProperties};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, v5};
use sekisho_e2e::{City, Mosquitto, within};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;

use crate::raw::{Login, login};
use crate::tls::{Shown, dial};

const ALL: &str = "fujisawa/mqtt/#";
const KEEP_ALIVE: Duration = Duration::from_secs(30);

async fn town() -> (City, Login, SocketAddr) {
    let mut city = City::plan("fujisawa").await;
    let node = city.open("mqtt");
    city.start().await;
    let meter = Mosquitto::enrol(&city, "meter", &[ALL], &[ALL]).await;
    let who = login(&city, &meter);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut plain, _from)) = listener.accept().await {
            let mut dialled = dial(node, b"mqtt", Shown::Nothing).await.expect("TLS");
            tokio::spawn(async move {
                drop(copy_bidirectional(&mut plain, &mut dialled.stream).await);
            });
        }
    });
    (city, who, address)
}

/// What a client has heard of: messages with their quality, and answers to its own.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    messages: Vec<(String, u8)>,
    acknowledged: usize,
    completed: usize,
}

impl Heard {
    /// One message of each quality, and what is answered to each.
    fn is_all(&self) -> bool {
        self.messages.len() == 3 && self.acknowledged == 1 && self.completed == 1
    }

    /// Everything came as it was published.
    fn check(mut self) {
        self.messages.sort();
        let mut wanted = MESSAGES.map(|(quality, payload)| (payload.to_owned(), quality));
        wanted.sort();
        assert_eq!(self.messages, wanted);
    }
}

/// What is published, by its quality.
const MESSAGES: [(u8, &str); 3] = [(0, "at most once"), (1, "once or more"), (2, "exactly once")];

#[tokio::test]
async fn rumqttc_publishes_and_reads_at_every_quality_in_3_1_1() {
    let (_city, (name, password), address) = town().await;
    let mut options = MqttOptions::new("rust-4", address.ip().to_string(), address.port());
    options.set_credentials(name, password).set_keep_alive(KEEP_ALIVE);
    let (client, mut events) = AsyncClient::new(options, 16);
    client.subscribe("room/#", QoS::ExactlyOnce).await.unwrap();
    let mut heard = Heard::default();
    let talking = async {
        while !heard.is_all() {
            let event = events.poll().await.expect("a connection that lasts");
            let Event::Incoming(packet) = event else { continue };
            heard.acknowledged += usize::from(matches!(packet, Packet::PubAck(_)));
            heard.completed += usize::from(matches!(packet, Packet::PubComp(_)));
            if matches!(packet, Packet::SubAck(_)) {
                for (quality, payload) in MESSAGES {
                    let quality = rumqttc::qos(quality).unwrap();
                    client.publish("room/1", quality, false, payload).await.unwrap();
                }
            }
            if let Packet::Publish(message) = packet {
                assert_eq!(message.topic, "room/1");
                let payload = String::from_utf8(message.payload.to_vec()).unwrap();
                heard.messages.push((payload, message.qos as u8));
            }
        }
    };
    within("everything published and read", talking).await;
    heard.check();
}

#[tokio::test]
async fn rumqttc_publishes_and_reads_at_every_quality_in_5() {
    let (_city, (name, password), address) = town().await;
    let mut options = v5::MqttOptions::new("rust-5", address.ip().to_string(), address.port());
    options.set_credentials(name, password).set_keep_alive(KEEP_ALIVE);
    let (client, mut events) = v5::AsyncClient::new(options, 16);
    client.subscribe("room/#", mqttbytes::QoS::ExactlyOnce).await.unwrap();
    let mut heard = Heard::default();
    let talking = async {
        while !heard.is_all() {
            let event = events.poll().await.expect("a connection that lasts");
            let v5::Event::Incoming(packet) = event else { continue };
            heard.acknowledged += usize::from(matches!(packet, Packet5::PubAck(_)));
            heard.completed += usize::from(matches!(packet, Packet5::PubComp(_)));
            if matches!(packet, Packet5::SubAck(_)) {
                for (quality, payload) in MESSAGES {
                    let quality = mqttbytes::qos(quality).unwrap();
                    let content_type = Some("text/plain".to_owned());
                    let about = PublishProperties { content_type, ..PublishProperties::default() };
                    client
                        .publish_with_properties("room/1", quality, false, payload, about)
                        .await
                        .unwrap();
                }
            }
            if let Packet5::Publish(message) = packet {
                assert_eq!(message.topic, "room/1");
                let about = message.properties.expect("properties");
                assert_eq!(about.content_type.as_deref(), Some("text/plain"));
                let payload = String::from_utf8(message.payload.to_vec()).unwrap();
                heard.messages.push((payload, message.qos as u8));
            }
        }
    };
    within("everything published and read", talking).await;
    heard.check();
}
