use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use sekisho_proto::statement::{
    Deny, Grant, Issuer, KeyGrant, OrgRoot, Principal, Revoke, RevokeTarget,
};
use sekisho_proto::{
    Action, Actions, Epoch, Grantee, Hash, LogEntry, LogName, OrgName, Statement, StatementBody,
    Suite, Timestamp,
};
use sekisho_seal::{SigningKey, sign_statement};
use tokio::time::timeout;

use super::*;
use crate::config::Config;
use crate::hub::Started;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

fn fujisawa() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn clerk() -> PrincipalName {
    PrincipalName::new("clerk", &fujisawa()).unwrap()
}

fn signed(body: impl Into<StatementBody>, by: &str) -> Statement {
    sign_statement(Statement::unsigned(body.into()), &key(by))
}

fn issued() -> Timestamp {
    Timestamp::from_micros(0)
}

/// The clerk's right to administer everything.
fn right() -> Statement {
    let grant = Grant {
        organisation: fujisawa(),
        grantee: Grantee::Principal(clerk()),
        actions: Actions::from(Action::Administer),
        filter: "fujisawa/#".parse().unwrap(),
        purpose: "administration".to_owned(),
        issued: issued(),
        from: issued(),
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    };
    signed(grant, "issuer")
}

/// Root, issuer and a clerk who may administer everything.
fn genesis() -> Vec<Statement> {
    let root = OrgRoot {
        organisation: fujisawa(),
        keys: vec![key("root").public_key()],
        threshold: 1,
        issued: issued(),
    };
    let issuer = Issuer {
        name: PrincipalName::new("office", &fujisawa()).unwrap(),
        public_key: key("issuer").public_key(),
        issued: issued(),
        until: None,
    };
    let principal = principal("clerk", None);
    vec![signed(root, "root"), signed(issuer, "root"), signed(principal, "issuer"), right()]
}

fn principal(name: &str, until: Option<Timestamp>) -> Principal {
    Principal {
        name: PrincipalName::new(name, &fujisawa()).unwrap(),
        kind: PrincipalKind::Person,
        public_key: key(name).public_key(),
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        issued: issued(),
        until,
        attested: false,
    }
}

fn revocation(target: RevokeTarget) -> Bytes {
    let revoke = Revoke {
        organisation: fujisawa(),
        target,
        reason: "the clerk left".to_owned(),
        issued: clock::now(),
    };
    signed(revoke, "issuer").encode().into()
}

/// What somebody is told who shows their key and says hello.
async fn greet(hub: &Arc<Hub>, name: &str) -> Result<Greeting, Refusal> {
    let hello = Frame::Hello(frame::Hello {
        version: 1,
        software: "test".to_owned(),
        organisation: fujisawa(),
    });
    Stranger::new(Arc::clone(hub), key(name).public_key()).greet(hello).await
}

struct World {
    started: Started,
    session: Arc<Session>,
    port: Port,
    _folder: tempfile::TempDir,
}

impl World {
    /// A node with a clerk in a session.
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sekisho.toml");
        let config = Config::parse("organisation = \"fujisawa\"", folder.path(), &path).unwrap();
        let started = Hub::start(config, Arc::new(key("node")), &genesis()).unwrap();
        match greet(&started.hub, "clerk").await.unwrap() {
            Greeting::Session(session, port, _welcome) => {
                Self { started, session, port, _folder: folder }
            }
            Greeting::Enrolment(..) => panic!("wanted a session"),
        }
    }

    async fn close(self) {
        let Self { started, session, port, _folder } = self;
        session.close().await;
        started.hub.stop().await;
        drop((session, port));
        started.shard.join().unwrap();
    }
}

fn count(frame: Option<Frame>) -> usize {
    match frame {
        Some(Frame::Statements(statements)) => statements.statements.len(),
        other => panic!("wanted statements, found {other:?}"),
    }
}

#[tokio::test]
async fn a_revocation_cuts_sessions_also_where_whoever_brought_it_hung_up() {
    let world = World::open().await;
    let hub = &world.started.hub;
    {
        let office = PrincipalName::new("office", &fujisawa()).unwrap();
        let revoked = revocation(RevokeTarget::Principal(key("clerk").id()));
        let mut stating = pin!(hub.state(vec![revoked], &office));
        // Begun, and given up at once.
        let begun =
            poll_fn(|context| Poll::Ready(stating.as_mut().poll(context).is_pending())).await;
        assert!(begun, "wanted it under way");
    }
    timeout(PATIENCE, world.port.cut.fired()).await.unwrap();
    assert_eq!(world.port.cut.reason().unwrap().0, RefusalCode::Revoked);
    world.close().await;
}

#[tokio::test]
async fn whoever_has_run_out_is_turned_away_at_the_door_and_comes_in_when_stated_anew() {
    let world = World::open().await;
    let hub = &world.started.hub;
    let office = PrincipalName::new("office", &fujisawa()).unwrap();
    let ended = clock::now();
    let stated = signed(principal("visitor", Some(ended)), "issuer").encode();
    hub.state(vec![stated.into()], &office).await.unwrap();
    let refused = greet(hub, "visitor").await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::Revoked, "{refused}");
    assert!(refused.why.contains(&ended.to_string()), "{refused}");
    let refused = greet(hub, "nobody").await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::UnknownKey, "{refused}");
    let anew = Principal { issued: ended, ..principal("visitor", None) };
    hub.state(vec![signed(anew, "issuer").encode().into()], &office).await.unwrap();
    assert!(matches!(greet(hub, "visitor").await, Ok(Greeting::Session(..))));
    world.close().await;
}

#[tokio::test]
async fn a_log_is_followed_as_long_as_there_is_a_right_to_it() {
    let world = World::open().await;
    let hub = &world.started.hub;
    let follow =
        frame::Follow { subscription: 1, organisation: fujisawa(), from: StatementIndex::ZERO };
    let mut follower = world.session.follow(&follow).unwrap();
    assert_eq!(count(follower.next().await.unwrap()), genesis().len());
    assert_eq!(count(follower.next().await.unwrap()), 0);
    let office = PrincipalName::new("office", &fujisawa()).unwrap();
    let revoked = revocation(RevokeTarget::Statement(right().id()));
    hub.state(vec![revoked], &office).await.unwrap();
    let refusal = timeout(PATIENCE, follower.next()).await.unwrap().unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotPermitted);
    drop(follower);
    world.close().await;
}

#[tokio::test]
async fn a_peer_states_nothing_in_the_log_of_this_organisation_whoever_signed_it() {
    let world = World::open().await;
    let hub = &world.started.hub;
    let brief = Issuer {
        name: PrincipalName::new("brief", &fujisawa()).unwrap(),
        public_key: key("brief").public_key(),
        issued: issued(),
        until: Some(Timestamp::from_micros(1)),
    };
    let brief = signed(brief, "root").encode().into();
    hub.state(vec![brief], &clerk()).await.unwrap();
    // An office that ran out long ago, and a peer that says it heard this in time.
    let StatementBody::Grant(mut grant) = right().body().clone() else { panic!("no grant") };
    grant.purpose = "helping oneself".to_owned();
    let late: Bytes = signed(grant.clone(), "brief").encode().into();
    let before = hub.authority().snapshot().log(&fujisawa()).len();
    hub.state(vec![late.clone()], &clerk()).await.unwrap_err();
    let peer = "santander".parse().unwrap();
    let entry = |statement| LogEntry { received: issued(), statement };
    hub.apply_foreign(&peer, &[entry(late)]).await.unwrap_err();
    let valid = signed(grant, "issuer").encode().into();
    hub.apply_foreign(&peer, &[entry(valid)]).await.unwrap_err();
    assert_eq!(hub.authority().snapshot().log(&fujisawa()).len(), before);
    world.close().await;
}

/// A statement's place and proof are for everybody; who was let at what is for administrators.
#[tokio::test]
async fn a_log_is_proven_to_those_who_may_ask_about_it() {
    let world = World::open().await;
    let hub = &world.started.hub;
    let ask =
        |question| async { world.session.answer(frame::Query { request: 1, question }).await };
    let control = LogName::Control(fujisawa());
    let access = LogName::Access(fujisawa());
    let question = frame::Question::Checkpoint { log: control.clone(), old_size: 0 };
    let Frame::Answer(answer) = ask(question).await else { panic!("no answer") };
    let frame::AnswerBody::Checkpoint { note, .. } = answer.answer else { panic!("no checkpoint") };
    assert!(note.starts_with("sekisho/fujisawa/control\n4\n"), "{note}");
    let which = frame::Which::Statement(right().id());
    let question = frame::Question::Inclusion { log: control.clone(), which, size: 4 };
    let Frame::Answer(answer) = ask(question.clone()).await else { panic!("no answer") };
    let frame::AnswerBody::Inclusion { index: 3, .. } = answer.answer else {
        panic!("wanted the fourth entry, found {answer:?}")
    };
    let accesses = frame::Question::Checkpoint { log: access, old_size: 0 };
    assert!(matches!(ask(accesses.clone()).await, Frame::Answer(_)));
    // Without the right to administer, the control log is all there is.
    let office = PrincipalName::new("office", &fujisawa()).unwrap();
    let revoked = revocation(RevokeTarget::Statement(right().id()));
    hub.state(vec![revoked], &office).await.unwrap();
    assert!(matches!(ask(question).await, Frame::Answer(_)));
    let refused = ask(accesses).await;
    let Frame::Refused(refused) = refused else { panic!("wanted a refusal, found {refused:?}") };
    assert_eq!(refused.code, RefusalCode::NotPermitted);
    world.close().await;
}

#[tokio::test]
async fn an_administrator_who_is_denied_that_asks_nothing_about_others() {
    let world = World::open().await;
    let hub = &world.started.hub;
    let ask = || async {
        let question = frame::Question::Accesses { subject: None, from: 0, max: 10 };
        world.session.answer(frame::Query { request: 1, question }).await
    };
    assert!(matches!(ask().await, Frame::Answer(_)));
    let deny = Deny {
        organisation: fujisawa(),
        grantee: Grantee::Organisation(fujisawa()),
        actions: Actions::from(Action::Administer),
        filter: "fujisawa/#".parse().unwrap(),
        reason: "under inquiry".to_owned(),
        issued: issued(),
    };
    let deny = signed(deny, "issuer").encode().into();
    hub.state(vec![deny], &clerk()).await.unwrap();
    let answer = ask().await;
    let Frame::Refused(refused) = answer else { panic!("wanted a refusal, found {answer:?}") };
    assert_eq!(refused.code, RefusalCode::NotPermitted);
    world.close().await;
}

#[tokio::test]
async fn a_key_for_somebody_whom_nobody_knows_is_on_record_all_the_same() {
    let world = World::open().await;
    let hub = &world.started.hub;
    let steward = Principal {
        name: PrincipalName::new("steward", &fujisawa()).unwrap(),
        kind: PrincipalKind::Steward,
        public_key: key("steward").public_key(),
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        issued: issued(),
        until: None,
        attested: false,
    };
    let stranger = key("a stranger").id();
    let given = KeyGrant {
        organisation: fujisawa(),
        tree: "fujisawa/#".parse().unwrap(),
        epoch: Epoch::new(1),
        suite: Suite::X25519Aes256Gcm,
        reader: stranger,
        purpose: "a friend".to_owned(),
        encapsulation: vec![1; 32].into(),
        sealed_seed: vec![2; 48].into(),
        issued: issued(),
    };
    let stated = [signed(steward, "issuer"), signed(given, "steward")];
    let stated = stated.iter().map(|statement| statement.encode().into()).collect();
    hub.state(stated, &clerk()).await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let recording = tokio::spawn(crate::hub::releases::run(Arc::clone(hub), stop.clone()));
    let recorded = async {
        loop {
            let reader = Arc::clone(hub);
            let listing =
                tokio::task::spawn_blocking(move || reader.access().list(Some(&[stranger]), 0, 1));
            if let Some(found) = listing.await.unwrap().unwrap().pop() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = timeout(PATIENCE, recorded).await.unwrap().opened.unwrap().record;
    assert_eq!((found.kind, found.id), (AccessKind::KeyRelease, stranger));
    assert_eq!(found.purpose, "a friend");
    stop.cancel();
    recording.await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn asking_what_a_statement_would_take_from_somebody_is_on_record() {
    let world = World::open().await;
    let hub = &world.started.hub;
    let other = Principal {
        name: PrincipalName::new("wall", &fujisawa()).unwrap(),
        kind: PrincipalKind::Person,
        public_key: key("wall").public_key(),
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        issued: issued(),
        until: None,
        attested: false,
    };
    let other = signed(other, "issuer").encode().into();
    hub.state(vec![other], &clerk()).await.unwrap();
    let revoke = Revoke {
        organisation: fujisawa(),
        target: RevokeTarget::Principal(key("wall").id()),
        reason: "curiosity".to_owned(),
        issued: clock::now(),
    };
    let encoded = Statement::unsigned(StatementBody::Revoke(revoke)).encode().into();
    let question = frame::Question::Diff(encoded);
    let answer = world.session.answer(frame::Query { request: 1, question }).await;
    assert!(matches!(answer, Frame::Answer(_)), "{answer:?}");
    let reader = Arc::clone(hub);
    let listing = tokio::task::spawn_blocking(move || reader.access().list(None, 0, 10));
    let listed = listing.await.unwrap().unwrap();
    let purposes: Vec<_> = listed
        .into_iter()
        .filter(|found| found.entry.kind == AccessKind::Administration)
        .map(|found| {
            let record = found.opened.unwrap().record;
            (record.subject.to_string(), record.purpose)
        })
        .collect();
    let wanted = [
        ("clerk@fujisawa".to_owned(), "asks: diff".to_owned()),
        ("wall@fujisawa".to_owned(), "was asked about: diff".to_owned()),
    ];
    assert_eq!(purposes, wanted);
    world.close().await;
}
