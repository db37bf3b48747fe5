//! A client that came in by a signed challenge proves its key again while it is here (MQTT 5.0,
//! 4.12.1), and is told where answers to its requests may go.

use sekisho::OsEntropy;
use sekisho_e2e::{City, Member, Mosquitto};
use sekisho_proto::{LoginNonce, PublicKey, Signature};
use sekisho_seal::{LoginTranscript, SigningKey};

use crate::raw::{Login, Raw, connect, counted, login, packet, publish, subscribe, text};
use crate::tls::Shown;
use crate::town::town;

const ALL: &str = "fujisawa/mqtt/#";
const METHOD: &str = "SEKISHO-ED25519";
/// Request Response Information (3.1.2.11.6).
const ASKED: [u8; 2] = [0x19, 1];
const PING: [u8; 2] = [0xc0, 0];
const PONG: (u8, Vec<u8>) = (0xd0, Vec::new());

/// The authentication method and its data, as properties.
fn method(name: &str, data: &[u8]) -> Vec<u8> {
    let mut said = vec![0x15];
    said.extend(text(name));
    said.push(0x16);
    said.extend(text(data));
    said
}

/// AUTH.
fn auth(reason: u8, name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![reason];
    body.extend(counted(&method(name, data)));
    packet(0xf0, &body)
}

/// A truck with a key, and what it knows of its node.
struct Truck {
    member: Member,
    node: PublicKey,
}

impl Truck {
    async fn enrolled(city: &City) -> Self {
        let member = Member::device(city, "truck-1", ALL).await;
        Self { member, node: city.administrator().profile().node_key }
    }

    fn key(&self) -> &SigningKey {
        self.member.identity().signing()
    }

    /// What it says first: its key and a nonce.
    fn hello(&self, nonce: u8) -> Vec<u8> {
        [self.key().public_key().as_ref(), &[nonce; 32]].concat()
    }

    /// What is to be signed, by the last data of the node's AUTH.
    fn transcript(&self, nonce: u8, body: &[u8]) -> LoginTranscript {
        let data = body.get(body.len() - 64..).unwrap();
        assert_eq!(PublicKey::try_from(&data[..32]).unwrap(), self.node);
        LoginTranscript {
            node_nonce: LoginNonce::try_from(&data[32..]).unwrap(),
            client_nonce: LoginNonce::new([nonce; 32]),
            node: self.node,
            client: self.key().public_key(),
            certificate: None,
        }
    }

    /// A connection that was let in by a challenge.
    async fn connected(&self, city: &City) -> Raw {
        let mut raw = Raw::dial(city, Shown::Nothing).await;
        let hello = connect(5, "truck", None, &method(METHOD, &self.hello(1)));
        let (first, body) = raw.ask(&hello).await.unwrap();
        assert_eq!((first, body[0]), (0xf0, 0x18));
        let proof = self.transcript(1, &body).sign_as_client(self.key());
        let (first, body) = raw.ask(&auth(0x18, METHOD, proof.as_ref())).await.unwrap();
        assert_eq!((first, body[1]), (0x20, 0));
        raw
    }
}

/// The code with which the node ends a connection after this was said.
async fn ended(raw: &mut Raw, said: &[u8]) -> u8 {
    let (first, body) = raw.ask(said).await.unwrap();
    assert_eq!(first, 0xe0, "{body:?}");
    assert_eq!(raw.hear().await, None);
    body[0]
}

#[tokio::test]
async fn a_client_proves_its_key_again_while_everything_else_goes_on() {
    let (city, _who) = town().await;
    let truck = Truck::enrolled(&city).await;
    let mut raw = truck.connected(&city).await;
    for nonce in [2, 3] {
        let (first, body) = raw.ask(&auth(0x19, METHOD, &truck.hello(nonce))).await.unwrap();
        assert_eq!((first, body[0]), (0xf0, 0x18));
        assert_eq!(raw.ask(&PING).await, Some(PONG));
        let transcript = truck.transcript(nonce, &body);
        let proof = transcript.sign_as_client(truck.key());
        let (first, body) = raw.ask(&auth(0x18, METHOD, proof.as_ref())).await.unwrap();
        assert_eq!((first, body[0]), (0xf0, 0));
        let proof = Signature::try_from(body.get(body.len() - 64..).unwrap()).unwrap();
        assert!(transcript.is_proven_by_node(&proof));
    }
    assert_eq!(raw.ask(&PING).await, Some(PONG));
}

#[tokio::test]
async fn a_client_that_takes_less_than_the_challenge_is_told_so_at_once() {
    let (city, _who) = town().await;
    let truck = Truck::enrolled(&city).await;
    let mut raw = Raw::dial(&city, Shown::Nothing).await;
    // 64 bytes: less than the method with a key and a nonce.
    let said = [&[0x27, 0, 0, 0, 64][..], &method(METHOD, &truck.hello(1))].concat();
    let heard = raw.ask(&connect(5, "truck", None, &said)).await;
    assert_eq!(heard, Some((0x20, vec![0, 0x95, 0])));
    assert_eq!(raw.hear().await, None);
}

#[tokio::test]
async fn whoever_does_not_prove_its_key_again_is_sent_away() {
    let (city, who) = town().await;
    let truck = Truck::enrolled(&city).await;
    let stranger = SigningKey::generate(&mut OsEntropy::new()).unwrap();
    // Another key of the same organisation, known here.
    let other = Member::device(&city, "truck-2", ALL).await;
    for key in [&stranger, other.identity().signing()] {
        let mut raw = truck.connected(&city).await;
        let hello = [key.public_key().as_ref(), &[2; 32]].concat();
        assert_eq!(ended(&mut raw, &auth(0x19, METHOD, &hello)).await, 0x87);
    }
    // The right key, and a signature by another.
    let mut raw = truck.connected(&city).await;
    let (_first, body) = raw.ask(&auth(0x19, METHOD, &truck.hello(2))).await.unwrap();
    let proof = truck.transcript(2, &body).sign_as_client(&stranger);
    assert_eq!(ended(&mut raw, &auth(0x18, METHOD, proof.as_ref())).await, 0x87);
    // The signature of another challenge.
    let mut raw = truck.connected(&city).await;
    let (_first, body) = raw.ask(&auth(0x19, METHOD, &truck.hello(2))).await.unwrap();
    let proof = truck.transcript(3, &body).sign_as_client(truck.key());
    assert_eq!(ended(&mut raw, &auth(0x18, METHOD, proof.as_ref())).await, 0x87);
    // Another method, and packets out of their order.
    let hello = truck.hello(2);
    let mut raw = truck.connected(&city).await;
    assert_eq!(ended(&mut raw, &auth(0x19, "SCRAM-SHA-1", &hello)).await, 0x8c);
    let mut raw = truck.connected(&city).await;
    assert_eq!(ended(&mut raw, &auth(0x18, METHOD, &[0; 64])).await, 0x82);
    let mut raw = truck.connected(&city).await;
    raw.ask(&auth(0x19, METHOD, &hello)).await.unwrap();
    assert_eq!(ended(&mut raw, &auth(0x19, METHOD, &hello)).await, 0x82);
    // Who came in by a password names no method afterwards.
    let mut raw = Raw::connected(&city, "a", &who).await;
    assert_eq!(ended(&mut raw, &auth(0x19, METHOD, &hello)).await, 0x82);
}

/// Response Information of CONNACK (3.2.2.3.15).
fn place(body: &[u8]) -> Option<String> {
    let begins = |part: &[u8]| part.starts_with(&[0x1a, 0]) && part.ends_with(b"reply");
    let start = body.windows(8).position(begins)?;
    let length = usize::from(body[start + 2]);
    Some(String::from_utf8(body[start + 3..start + 3 + length].to_vec()).unwrap())
}

#[tokio::test]
async fn a_client_that_asks_is_told_where_answers_to_it_may_go() {
    let (city, who) = town().await;
    let connack = async |who: &Login, properties: &[u8]| {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        let (first, body) = raw.ask(&connect(5, "a", Some(who), properties)).await.unwrap();
        assert_eq!((first, body[1]), (0x20, 0));
        (raw, place(&body))
    };
    assert_eq!(connack(&who, &[]).await.1, None);
    assert_eq!(connack(&who, &[0x19, 0]).await.1, None);
    let (mut raw, told) = connack(&who, &ASKED).await;
    let told = told.expect("a place");
    assert_eq!(told, "reply/meter");
    // It may be used as it was told.
    let (first, body) = raw.ask(&subscribe(1, &format!("{told}/#"), 0)).await.unwrap();
    assert_eq!((first, body.last()), (0x90, Some(&0)));
    raw.say(&publish(2, format!("{told}/1"), &[], b"yes")).await;
    let mut heard = [raw.hear().await.unwrap(), raw.hear().await.unwrap()];
    heard.sort();
    assert_eq!((heard[0].0, heard[1].0), (0x30, 0x40));
    // Nothing is told to somebody who may not read there, or not be answered.
    let place = ["fujisawa/mqtt/reply/#"];
    let deaf = Mosquitto::enrol(&city, "deaf", &place, &[]).await;
    let mute = Mosquitto::enrol(&city, "mute", &[], &place).await;
    for client in [deaf, mute] {
        assert_eq!(connack(&login(&city, &client), &ASKED).await.1, None, "{}", client.name());
    }
}
