use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use sekisho_proto::statement::{Grant, Issuer, OrgRoot, Principal, Revoke, RevokeTarget};
use sekisho_proto::{
    Action, Actions, Grantee, Hash, OrgName, Statement, StatementBody, Suite, Timestamp,
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
    let principal = Principal {
        name: clerk(),
        kind: PrincipalKind::Person,
        public_key: key("clerk").public_key(),
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        issued: issued(),
        until: None,
    };
    vec![signed(root, "root"), signed(issuer, "root"), signed(principal, "issuer"), right()]
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
        let started = Hub::start(config, key("node").id(), &genesis()).unwrap();
        let stranger = Stranger::new(Arc::clone(&started.hub), key("clerk").public_key());
        let hello = Frame::Hello(frame::Hello {
            version: 1,
            software: "test".to_owned(),
            organisation: fujisawa(),
        });
        match stranger.greet(hello).await.unwrap() {
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
        let mut stating = pin!(hub.state(revoked, &office));
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
    hub.state(revoked, &office).await.unwrap();
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
    hub.state(brief, &clerk()).await.unwrap();
    // An office that ran out long ago, and a peer that says it heard this in time.
    let StatementBody::Grant(mut grant) = right().body().clone() else { panic!("no grant") };
    grant.purpose = "helping oneself".to_owned();
    let late: Bytes = signed(grant.clone(), "brief").encode().into();
    let before = hub.authority().snapshot().log(&fujisawa()).len();
    hub.state(late.clone(), &clerk()).await.unwrap_err();
    let peer = "santander".parse().unwrap();
    hub.apply_foreign(&peer, late, issued()).await.unwrap_err();
    let valid = signed(grant, "issuer").encode().into();
    hub.apply_foreign(&peer, valid, issued()).await.unwrap_err();
    assert_eq!(hub.authority().snapshot().log(&fujisawa()).len(), before);
    world.close().await;
}
