use std::net::{Ipv4Addr, SocketAddr};

use sekisho_proto::{
    Filter, Frame, GapReason, Hash, LoginNonce, Position, RefusalCode,
    frame::{Challenge, Gap, Goodbye, Ping, Pong, Proven, Refused, Start, Subscribe, Subscribed},
};
use sekisho_seal::{LoginTranscript, SigningKey};

use super::{login::Claim, *};
use crate::connection::ConnectError;

struct ToPeer(mpsc::Sender<Bytes>);

struct FromPeer(mpsc::Receiver<Bytes>);

impl Sender for ToPeer {
    async fn feed(&mut self, message: Bytes) -> Result<(), ChannelError> {
        self.0.send(message).await.map_err(|_gone| ChannelError::Closed)
    }

    async fn flush(&mut self) -> Result<(), ChannelError> {
        Ok(())
    }

    async fn keep_alive(&mut self) -> Result<(), ChannelError> {
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), ChannelError> {
        self.0 = mpsc::channel(1).0;
        Ok(())
    }
}

impl Receiver for FromPeer {
    async fn next(&mut self) -> Result<Option<Bytes>, ChannelError> {
        Ok(self.0.recv().await)
    }
}

/// The node's end of a channel.
struct Node {
    said: FromPeer,
    says: ToPeer,
}

impl Node {
    async fn say(&mut self, frame: impl Into<Frame>) {
        self.says.feed(Bytes::from(frame.into().encode())).await.unwrap();
    }

    /// What the client says; `None` where it has said everything.
    async fn hear(&mut self) -> Option<Frame> {
        let message = self.said.next().await.unwrap()?;
        Some(Frame::decode(message).unwrap())
    }
}

fn pair() -> (ToPeer, FromPeer, Node) {
    let ((to_node, from_client), (to_client, from_node)) = (mpsc::channel(8), mpsc::channel(8));
    let node = Node { said: FromPeer(from_client), says: ToPeer(to_client) };
    (ToPeer(to_node), FromPeer(from_node), node)
}

fn address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 443))
}

fn open() -> (Connection, Stream, Node) {
    let (sender, receiver, node) = pair();
    let (connection, control) = Channel::start(sender, receiver, address());
    (connection, control, node)
}

fn subscribe(subscription: u32) -> Frame {
    let filter = Filter::parse("fujisawa/#").unwrap();
    Frame::from(Subscribe { subscription, filter, start: Start::Latest, cursor: None, credit: 9 })
}

fn gap(subscription: u32, from: u64) -> Frame {
    Frame::from(Gap {
        subscription,
        from_position: Position::new(from),
        to_position: Position::new(from + 1),
        reason: GapReason::Retention,
        topic: None,
    })
}

fn subscribed(subscription: u32) -> Frame {
    let (position, head) = (Position::ZERO, Position::ZERO);
    Frame::from(Subscribed { subscription, position, head })
}

fn ended(subscription: u32, code: Option<RefusalCode>) -> Frame {
    let (what, why) = ("filter".to_owned(), "wanted a grant".to_owned());
    Frame::from(frame::Ended { subscription, code, what, why })
}

fn unsubscribe(subscription: u32) -> Frame {
    Frame::from(frame::Unsubscribe { subscription })
}

#[tokio::test]
async fn each_stream_is_handed_what_is_its() {
    let (connection, mut control, mut node) = open();
    let mut first = connection.stream(1).await.unwrap();
    let mut second = connection.stream(2).await.unwrap();
    first.writer.send(&subscribe(1)).await.unwrap();
    second.writer.send(&subscribe(2)).await.unwrap();
    control.writer.send(&Frame::from(Ping { token: 3 })).await.unwrap();
    assert_eq!(node.hear().await, Some(subscribe(1)));
    assert_eq!(node.hear().await, Some(subscribe(2)));
    assert_eq!(node.hear().await, Some(Frame::from(Ping { token: 3 })));
    for frame in [gap(2, 5), subscribed(1), Frame::from(Pong { token: 3 }), gap(2, 6), gap(7, 1)] {
        node.say(frame).await;
    }
    assert_eq!(first.reader.next().await.unwrap(), Some(subscribed(1)));
    assert_eq!(second.reader.next().await.unwrap(), Some(gap(2, 5)));
    assert_eq!(second.reader.next().await.unwrap(), Some(gap(2, 6)));
    assert_eq!(control.reader.next().await.unwrap(), Some(Frame::from(Pong { token: 3 })));
}

#[tokio::test]
async fn an_end_with_a_code_is_a_refusal_and_one_without_is_an_end() {
    let (connection, _control, mut node) = open();
    let mut refused = connection.stream(1).await.unwrap();
    let mut left = connection.stream(2).await.unwrap();
    node.say(gap(1, 1)).await;
    node.say(ended(1, Some(RefusalCode::NotPermitted))).await;
    node.say(ended(2, None)).await;
    assert_eq!(refused.reader.next().await.unwrap(), Some(gap(1, 1)));
    let refusal = Refused {
        request: 0,
        code: RefusalCode::NotPermitted,
        what: "filter".to_owned(),
        why: "wanted a grant".to_owned(),
        expected_sequence: None,
    };
    assert_eq!(refused.reader.next().await.unwrap(), Some(Frame::from(refusal)));
    assert_eq!(refused.reader.next().await.unwrap(), None);
    assert_eq!(left.reader.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_dropped_stream_is_left_and_one_that_said_so_is_not_left_twice() {
    let (connection, mut control, mut node) = open();
    drop(connection.stream(1).await.unwrap());
    assert_eq!(node.hear().await, Some(unsubscribe(1)));
    let mut second = connection.stream(2).await.unwrap();
    second.writer.send(&unsubscribe(2)).await.unwrap();
    assert_eq!(node.hear().await, Some(unsubscribe(2)));
    drop(second);
    let ended_there = connection.stream(3).await.unwrap();
    node.say(ended(3, None)).await;
    node.say(Pong { token: 1 }).await;
    assert_eq!(control.reader.next().await.unwrap(), Some(Frame::from(Pong { token: 1 })));
    drop(ended_there);
    control.writer.send(&Frame::from(Ping { token: 4 })).await.unwrap();
    assert_eq!(node.hear().await, Some(Frame::from(Ping { token: 4 })));
}

#[tokio::test]
async fn a_subscription_that_nobody_takes_from_is_given_up_and_holds_up_nobody() {
    let (connection, mut control, mut node) = open();
    let mut slow = connection.stream(1).await.unwrap();
    let mut quick = connection.stream(2).await.unwrap();
    let large = frame::Record {
        subscription: 1,
        position: Position::ZERO,
        offset: sekisho_proto::Offset::ZERO,
        received: sekisho_proto::Timestamp::from_micros(1),
        envelope: Bytes::from(vec![7; SUBSCRIPTION_BYTES_MAX / 4]),
        key_header: None,
        hops: Vec::new(),
    };
    for _ in 0..4 {
        node.say(large.clone()).await;
    }
    node.say(gap(2, 1)).await;
    assert_eq!(quick.reader.next().await.unwrap(), Some(gap(2, 1)));
    assert_eq!(node.hear().await, Some(unsubscribe(1)));
    for _ in 0..3 {
        assert_eq!(slow.reader.next().await.unwrap(), Some(Frame::from(large.clone())));
    }
    let overrun = slow.reader.next().await.unwrap_err();
    assert!(matches!(overrun, StreamError::Overrun { .. }), "{overrun}");
    // What was on its way is nobody's, and the node is not told twice.
    node.say(gap(1, 9)).await;
    drop(slow);
    control.writer.send(&Frame::from(Ping { token: 4 })).await.unwrap();
    assert_eq!(node.hear().await, Some(Frame::from(Ping { token: 4 })));
}

#[tokio::test]
async fn everybody_hears_that_the_channel_ended_after_what_came_before() {
    let (connection, mut control, mut node) = open();
    let mut stream = connection.stream(1).await.unwrap();
    node.say(gap(1, 1)).await;
    node.says.0.send(Bytes::from_static(b"\xff")).await.unwrap();
    assert_eq!(stream.reader.next().await.unwrap(), Some(gap(1, 1)));
    for stream in [&mut stream, &mut control] {
        let why = stream.reader.next().await.unwrap_err();
        assert!(matches!(why, StreamError::Frame(_)), "{why}");
    }
    assert!(matches!(connection.closed().await, StreamError::Frame(_)));
    assert!(connection.stream(2).await.is_err());
    stream.writer.send(&unsubscribe(1)).await.unwrap_err();
    connection.wait_idle().await;
    assert_eq!(node.hear().await, None);
}

#[tokio::test]
async fn a_goodbye_leaves_before_the_end() {
    let (connection, mut control, mut node) = open();
    let goodbye = Frame::from(Goodbye { code: None, why: "client closes".to_owned() });
    control.writer.gather(&goodbye);
    let finishing = tokio::spawn(control.writer.finish());
    assert_eq!(node.hear().await, Some(goodbye));
    assert_eq!(node.hear().await, None);
    drop(node);
    finishing.await.unwrap();
    assert!(matches!(connection.closed().await, StreamError::Ended { .. }));
}

#[tokio::test]
async fn the_last_handle_ends_the_channel() {
    let (connection, control, mut node) = open();
    let stream = connection.stream(1).await.unwrap();
    drop((connection, control));
    node.say(gap(1, 1)).await;
    drop(stream);
    assert!(matches!(node.hear().await, None | Some(Frame::Unsubscribe(_))));
    while node.hear().await.is_some() {}
}

fn client() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn key_of_node() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}

/// Logs in at a node that shows one certificate and vouches for another, with a key of its own.
async fn login(vouched: Hash, key: SigningKey) -> Result<(), ConnectError> {
    let shown = Hash::new([5; 32]);
    let (mut sender, mut receiver, mut node) = pair();
    let answering = tokio::spawn(async move {
        let node_nonce = LoginNonce::new([3; 32]);
        node.say(Challenge { nonce: node_nonce }).await;
        let Some(Frame::Login(login)) = node.hear().await else { panic!("wanted a login") };
        let transcript = LoginTranscript {
            node_nonce,
            client_nonce: login.nonce,
            node: key_of_node().public_key(),
            client: login.public_key,
            certificate: login.certificate,
        };
        assert_eq!(login.certificate, Some(Hash::new([5; 32])));
        assert!(transcript.is_proven_by_client(&login.signature));
        let own =
            LoginTranscript { node: key.public_key(), certificate: Some(vouched), ..transcript };
        let (public_key, signature) = (key.public_key(), own.sign_as_node(&key));
        node.say(Proven { public_key, certificate: vouched, signature }).await;
        node
    });
    let signing = client();
    let node = key_of_node().public_key();
    let claim = Claim { signing: &signing, node, remote: address(), shown };
    let proven = claim.prove(&mut sender, &mut receiver).await;
    drop(answering.await.unwrap());
    proven
}

#[tokio::test]
async fn a_node_is_believed_that_signs_the_certificate_shown() {
    login(Hash::new([5; 32]), key_of_node()).await.unwrap();
}

#[tokio::test]
async fn another_key_and_another_certificate_are_refused() {
    let other = login(Hash::new([5; 32]), SigningKey::from_seed(&[9; 32])).await.unwrap_err();
    assert!(matches!(other, ConnectError::NodeKey { .. }), "{other}");
    let between = login(Hash::new([6; 32]), key_of_node()).await.unwrap_err();
    assert!(matches!(between, ConnectError::Certificate { .. }), "{between}");
}

#[tokio::test]
async fn a_refused_login_is_told_in_the_nodes_words() {
    let (mut sender, mut receiver, mut node) = pair();
    node.say(Refused {
        request: 0,
        code: RefusalCode::TooMany,
        what: "address".to_owned(),
        why: "wanted fewer".to_owned(),
        expected_sequence: None,
    })
    .await;
    let signing = client();
    let (node_key, shown) = (key_of_node().public_key(), Hash::new([5; 32]));
    let claim = Claim { signing: &signing, node: node_key, remote: address(), shown };
    let refused = claim.prove(&mut sender, &mut receiver).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { .. }), "{refused}");
}
