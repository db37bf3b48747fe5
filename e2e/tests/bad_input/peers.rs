//! A peer whose node was taken over: its word counts for nothing, only signatures do.

use std::collections::BTreeMap;

use bytes::Bytes;
use sekisho::{Offset, Position, PrincipalId, RefusalCode, Scope, Start, clock};
use sekisho_e2e::{
    City, Guest, Impostor, Member, PlainHeader, Press, Reader, Stranger, Wire, eventually,
    holds_key, peer, permitted,
};
use sekisho_proto::frame::{
    Cosigned, Follow, FollowedStatement, Publish, Query, Question, Record, State, Subscribe, Which,
};
use sekisho_proto::statement::Grant;
use sekisho_proto::{Envelope, Frame, Hash, LogName, Statement, StatementBody, StatementIndex};
use sekisho_seal::{HeaderDraft, SigningKey, sign_statement};
use sekisho_tlog::{Checkpoint, Signing, cosign, sign_checkpoint};

use crate::scene::Scene;

const TOPIC: &str = "santander/sea/buoy";
const FILTER: &str = "santander/sea/#";

/// Fujisawa, which follows Santander; a buoy there, and an app here that reads it.
struct Coast {
    scene: Scene,
    santander: City,
    buoy: Press,
    app: Member,
    fujisawa_node: PrincipalId,
}

impl Coast {
    async fn found() -> Self {
        let (scene, santander) = tokio::join!(Scene::open(), City::found("santander"));
        peer(&santander, &scene.city, "santander/#").await;
        let buoy = Member::device(&santander, "buoy", FILTER).await;
        let buoy = Press::begin(&buoy, TOPIC).await;
        let app = Member::enrol(&scene.city, "dashboard", &["--kind", "app"]).await;
        let grant = ["grant", "dashboard@fujisawa", "subscribe,history,decrypt", FILTER, "--yes"];
        santander.run(&grant).await.succeeded();
        permitted(&scene.city, "dashboard@fujisawa", "subscribe", TOPIC).await;
        holds_key(&app, TOPIC).await;
        let node = scene.city.administrator().profile().node_key;
        Self { scene, santander, buoy, app, fujisawa_node: PrincipalId::of(&node) }
    }
}

fn federated(press: &Press) -> HeaderDraft {
    HeaderDraft { scope: Scope::Federation, ..press.draft() }
}

/// What the impostor sends, one record after the other.
struct Liar {
    guest: Guest,
    id: PrincipalId,
    next: u64,
    offset: u64,
}

impl Liar {
    fn new(guest: Guest, impostor: &Impostor, offset: u64) -> Self {
        let next = guest.position.value();
        Self { guest, id: impostor.id(), next, offset }
    }

    async fn tell(&mut self, envelope: impl Into<Bytes>, key_header: Option<Bytes>) {
        let hops = vec![self.id];
        self.tell_with(envelope, key_header, hops).await;
    }

    async fn tell_with(
        &mut self,
        envelope: impl Into<Bytes>,
        key_header: Option<Bytes>,
        hops: Vec<PrincipalId>,
    ) {
        let record = Record {
            subscription: self.guest.subscription,
            position: Position::new(self.next),
            offset: Offset::new(self.offset),
            received: clock::now(),
            envelope: envelope.into(),
            key_header,
            hops,
        };
        self.next += 1;
        self.offset += 1;
        self.guest.tell(record).await;
    }
}

/// Records that no honest node passes on, with the code under which they are refused.
fn lies(coast: &Coast, impostor: &Impostor) -> Vec<((Bytes, Option<Bytes>), RefusalCode)> {
    let buoy = &coast.buoy;
    let (honest, attached) = buoy.aside(federated(buoy), "honest");
    let honest = Envelope::decode(honest).unwrap();
    let mut flipped = honest.encoded().to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let resigned = Press::sign_with(impostor.signing(), honest.header_bytes(), honest.body());
    let elsewhere = |topic: &str| {
        let header = PlainHeader { topic: topic.into(), scope: 1, ..buoy.plain_header() };
        Press::sign_with(impostor.signing(), header.message().as_ref(), b"sealed")
    };
    let by = |signing: &SigningKey| {
        let mut press = buoy.by(signing.clone());
        let envelope = press.seal(federated(&press), "a right of my own");
        (envelope.encoded().clone(), press.attached())
    };
    let bare = buoy.bare("for everybody").encoded().clone();
    vec![
        ((flipped.into(), attached.clone()), RefusalCode::BadSignature),
        ((resigned.into(), attached.clone()), RefusalCode::BadSignature),
        ((elsewhere("fujisawa/bystander/air").into(), attached.clone()), RefusalCode::ForeignTopic),
        ((elsewhere("kyoto/temple/air").into(), attached), RefusalCode::ForeignTopic),
        (by(&Stranger::draw(&coast.scene.city).signing().clone()), RefusalCode::NotPermitted),
        (by(impostor.signing()), RefusalCode::NotPermitted),
        (buoy.aside(buoy.draft(), "for its own city only"), RefusalCode::NotPermitted),
        ((bare, None), RefusalCode::NotPermitted),
        ((vec![0xff; 40].into(), None), RefusalCode::Malformed),
    ]
}

#[tokio::test]
async fn a_peer_s_node_that_lies_brings_nothing_in_and_keeps_nothing_honest_out() {
    let mut coast = Coast::found().await;
    let client = Stranger::with(&coast.santander, coast.buoy.signing().clone());
    let mut wire = client.welcome().await;
    let first = coast.buoy.seal(federated(&coast.buoy), "0");
    wire.publish(first.encoded().clone(), coast.buoy.attached()).await.unwrap();
    let before = coast.buoy.fork();
    coast.buoy.advance(&first);
    let mut reader = Reader::start(&coast.app, FILTER, Start::Earliest).await;
    assert_eq!(reader.message().await.body().unwrap(), "0".as_bytes());
    coast.santander.stop_steward().await;
    coast.santander.stop_node().await;
    let impostor = Impostor::of(&coast.santander);
    let key = coast.scene.city.administrator().profile().node_key;
    let mut liar = Liar::new(impostor.welcome(&key).await, &impostor, 1);
    let mut refused: BTreeMap<RefusalCode, f64> = BTreeMap::new();
    for ((envelope, key_header), code) in lies(&coast, &impostor) {
        // There is one `not-permitted` from when the contract was signed: `peer accept` asked what it
        // would open and close, which a node says of statements of one organisation only.
        let before = coast.scene.city.refused(code.name()).await;
        *refused.entry(code).or_insert(before) += 1.0;
        liar.tell(envelope, key_header).await;
    }
    // The buoy's own second story, its own past, and a record that was here already.
    let other = before.aside(federated(&before), "another 0");
    liar.tell(other.0, other.1).await;
    refused.insert(RefusalCode::Equivocation, 1.0);
    liar.tell(first.encoded().clone(), coast.buoy.attached()).await;
    let hops = [coast.fujisawa_node, impostor.id()];
    let astray = coast.buoy.aside(federated(&coast.buoy), "round and round");
    liar.tell_with(astray.0.clone(), astray.1.clone(), hops.to_vec()).await;
    liar.tell_with(astray.0, astray.1, vec![coast.fujisawa_node]).await;
    // Nobody will permit any of that, as its log shows.
    liar.guest.complete(&impostor).await;
    // All the while it passes on what the buoy says, and that is taken.
    let mut said = Vec::new();
    for number in 1..4 {
        let envelope = coast.buoy.seal(federated(&coast.buoy), &number.to_string());
        liar.tell(envelope.encoded().clone(), coast.buoy.attached()).await;
        coast.buoy.advance(&envelope);
        assert_eq!(reader.message().await.body().unwrap(), number.to_string().as_bytes());
        said.push(envelope);
    }
    coast.scene.goes_on().await;
    // What no statement permits is held for a while: its statement may be under way.
    for (code, count) in refused {
        eventually(&format!("{count} records refused as {code}"), || async {
            (coast.scene.city.refused(code.name()).await >= count).then_some(())
        })
        .await;
        assert_eq!(coast.scene.city.refused(code.name()).await, count, "{code}");
    }
    // A statement of its own making ends the connection, and changes nothing.
    let version = coast.scene.city.metric("sekisho_policy_version").await;
    liar.guest.state(vec![forged(&impostor)]).await;
    liar.guest.gone().await;
    assert_eq!(coast.scene.city.metric("sekisho_policy_version").await, version);
    // So does a record out of order; the link goes on behind what it has.
    let mut liar = Liar::new(impostor.welcome(&key).await, &impostor, 40);
    liar.next = 0;
    liar.tell(said[0].encoded().clone(), coast.buoy.attached()).await;
    liar.guest.gone().await;
    let mut liar = Liar::new(impostor.welcome(&key).await, &impostor, 50);
    let last = coast.buoy.seal(federated(&coast.buoy), "4");
    liar.tell(last.encoded().clone(), coast.buoy.attached()).await;
    assert_eq!(reader.message().await.body().unwrap(), "4".as_bytes());
    reader.close().await;
    let mut history = Reader::start(&coast.app, FILTER, Start::Earliest).await;
    for number in 0..5 {
        assert_eq!(history.message().await.body().unwrap(), number.to_string().as_bytes());
    }
    history.close().await;
    coast.scene.ends_well().await;
}

/// A right that nobody who may has granted.
fn forged(impostor: &Impostor) -> FollowedStatement {
    let now = clock::now();
    let grant = Grant {
        organisation: "santander".parse().unwrap(),
        grantee: "*@santander".parse().unwrap(),
        actions: "publish,subscribe,history,decrypt".parse().unwrap(),
        filter: "santander/#".parse().unwrap(),
        purpose: String::new(),
        issued: now,
        from: now,
        until: None,
        history_from: None,
        onward: true,
        rate_per_s: None,
    };
    let statement = Statement::unsigned(StatementBody::Grant(grant));
    let statement = sign_statement(statement, impostor.signing()).encode().into();
    FollowedStatement { statement, received: now }
}

#[tokio::test]
async fn a_peer_s_node_that_comes_as_a_client_may_follow_and_nothing_else() {
    let mut coast = Coast::found().await;
    coast.santander.stop_steward().await;
    coast.santander.stop_node().await;
    let impostor = Impostor::of(&coast.santander);
    let city = &coast.scene.city;
    let node = Stranger::with(city, impostor.signing().clone());
    let mut wire = node.welcome().await;
    let mut own = coast.buoy.by(impostor.signing().clone());
    let envelope = own.seal(federated(&own), "mine").encoded().clone();
    let theirs = coast.buoy.aside(federated(&coast.buoy), "the buoy's").0;
    let mut attempts: Vec<(Frame, RefusalCode)> = vec![
        (
            Publish { request: 7, envelope, key_header: own.attached() }.into(),
            RefusalCode::ForeignTopic,
        ),
        (
            Publish { request: 7, envelope: theirs, key_header: None }.into(),
            RefusalCode::ForeignTopic,
        ),
        (
            State { request: 7, statements: vec![forged(&impostor).statement] }.into(),
            RefusalCode::NotPermitted,
        ),
    ];
    attempts.extend(
        nosy_questions()
            .into_iter()
            .map(|question| (Query { request: 7, question }.into(), RefusalCode::NotPermitted)),
    );
    for (frame, code) in attempts {
        let name = frame.name();
        let before = city.refused(code.name()).await;
        wire.send(frame).await;
        let refused = wire.refusal().await;
        assert_eq!((refused.request, refused.code), (7, code), "{name}: {refused:?}");
        assert_eq!(city.refused(code.name()).await, before + 1.0, "{name}");
    }
    cosigns_nothing(&wire, &impostor).await;
    for filter in ["fujisawa/#", "fujisawa/bystander/air", "santander/#", "kyoto/#"] {
        let (subscription, start) = (1, Start::Earliest);
        let filter = filter.parse().unwrap();
        let mut stream = wire.another().await;
        stream.send(Subscribe { subscription, filter, start, cursor: None, credit: 9 }).await;
        assert_eq!(stream.refusal().await.code, RefusalCode::NotPermitted);
    }
    coast.scene.goes_on().await;
    coast.scene.ends_well().await;
}

fn log(name: &str) -> LogName {
    name.parse().unwrap()
}

/// What is for administrators and stewards, and logs that are not for peers.
fn nosy_questions() -> Vec<Question> {
    let access = log("sekisho/fujisawa/access");
    vec![
        Question::Status,
        Question::Inclusion { log: access, which: Which::Index(0), size: 1 },
        Question::Checkpoint { log: log("sekisho/kyoto/control"), old_size: 0 },
        Question::Checkpoint { log: log("sekisho/santander/access"), old_size: 0 },
        Question::Peers,
        Question::Enrolments,
        Question::What { principal: "bystander@fujisawa".parse().unwrap(), at: None },
    ]
}

/// A cosignature counts only under a checkpoint that the log has.
async fn cosigns_nothing(wire: &Wire, impostor: &Impostor) {
    let (control, access) = (log("sekisho/fujisawa/control"), log("sekisho/fujisawa/access"));
    let forged = cosignature(impostor, &control, 3);
    let forgeries = [
        (&control, 3, forged.as_str(), RefusalCode::BadSignature),
        (&control, u64::MAX, &forged, RefusalCode::NotFound),
        (&log("sekisho/santander/control"), 3, &forged, RefusalCode::NotFound),
        (&access, 1, &forged, RefusalCode::BadSignature),
        (&control, 3, "nonsense", RefusalCode::Malformed),
    ];
    for (subscription, (log, size, line, code)) in (100..).zip(forgeries) {
        let mut stream = wire.another().await;
        let organisation = "fujisawa".parse().unwrap();
        stream.send(Follow { subscription, organisation, from: StatementIndex::ZERO }).await;
        let (log, signature) = (log.clone(), Some(line.to_owned()));
        stream.send(Cosigned { subscription, log, size, signature }).await;
        let refused = loop {
            let heard = stream.hear().await.expect("a refusal");
            if let Frame::Refused(refused) = heard {
                break refused;
            }
            let is_log = matches!(heard, Frame::Statements(_) | Frame::Checkpoint(_));
            assert!(is_log, "wanted a refusal, found {heard:?}");
        };
        assert_eq!(refused.code, code, "{refused:?}");
    }
}

/// The node's cosignature of a checkpoint that nobody has.
fn cosignature(impostor: &Impostor, log: &LogName, size: u64) -> String {
    let key = impostor.signing();
    let sign = |message: &[u8]| key.sign(message);
    let signer = Signing { key: key.public_key(), sign: &sign };
    let root = Hash::of(b"another history");
    let checkpoint = Checkpoint { origin: log.to_string(), size, root };
    let note = sign_checkpoint(&checkpoint, &signer).unwrap();
    cosign(&note, "sekisho/santander/node", &signer, clock::now()).unwrap().to_string()
}

#[tokio::test]
async fn a_peer_that_lets_nobody_open_a_stream_keeps_no_node_from_stopping() {
    let mut coast = Coast::found().await;
    coast.santander.stop_steward().await;
    coast.santander.stop_node().await;
    let impostor = Impostor::miser(&coast.santander);
    let key = coast.scene.city.administrator().profile().node_key;
    let stalled = impostor.stall(&key).await;
    coast.scene.restarts().await;
    drop((stalled, impostor));
    coast.scene.ends_well().await;
}

/// Whoever holds a peer's node key can sign any history, but not make a node forget the one it saw.
#[tokio::test]
async fn a_peer_s_control_log_that_is_rolled_back_forked_edited_or_frozen_is_refused_and_named() {
    let mut coast = Coast::found().await;
    let city = &coast.scene.city;
    let all = eventually("everything cosigned", || async {
        let size = coast.santander.metric("sekisho_log_entries{log=\"control\"}").await;
        let name = "sekisho_log_cosigned_entries{peer=\"fujisawa\",log=\"control\"}";
        (size > 0.0 && coast.santander.metric(name).await == size).then_some(size)
    })
    .await;
    coast.santander.stop_steward().await;
    coast.santander.stop_node().await;
    let mut impostor = Impostor::of(&coast.santander);
    let key = city.administrator().profile().node_key;
    let count = impostor.log().len();
    assert_eq!(count.to_string(), all.to_string());
    let version = city.metric("sekisho_policy_version").await;
    let faults = |reason: &'static str| async move {
        let name = format!("sekisho_log_faults_total{{peer=\"santander\",reason=\"{reason}\"}}");
        city.metric(&name).await
    };
    // The honest log as it was, before anything else.
    let honest = impostor.show(&key, count, clock::now()).await.expect("a cosignature");
    assert_eq!(honest.size, count as u64);

    let told = |reason: &'static str| {
        eventually(reason, move || async move { (faults(reason).await > 0.0).then_some(()) })
    };
    // Yesterday's log, as if the last statements had never been made.
    assert_eq!(impostor.show(&key, count - 2, clock::now()).await, None);
    told("rolled-back").await;
    // The same log, as it was a while ago: nothing new is to be seen.
    let an_hour = std::time::Duration::from_secs(3_600);
    assert_eq!(impostor.show(&key, count, clock::now().saturating_sub(an_hour)).await, None);
    told("frozen").await;
    // Another history of the same length: one entry was edited.
    let kept = impostor.log().clone();
    impostor.log()[2].received = clock::now();
    assert_eq!(impostor.show(&key, count, clock::now()).await, None);
    told("forked").await;
    for words in ["rolled back", "frozen", "forked", "is not to be trusted"] {
        assert!(city.log().contains(words), "wanted {words:?} in the log:\n{}", city.log());
    }
    assert_eq!(city.metric("sekisho_policy_version").await, version);
    coast.scene.goes_on().await;
    // It outlives the node that saw it: what was trusted last is on the disk.
    coast.scene.restarts().await;
    *impostor.log() = kept;
    impostor.log().truncate(count - 1);
    assert_eq!(impostor.show(&key, count - 1, clock::now()).await, None);
    coast.scene.goes_on().await;
    coast.scene.ends_well().await;
}
