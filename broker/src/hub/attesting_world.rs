//! A node of its own with a meter that has a password and a clock that signs itself.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_proto::statement::{Grant, Issuer, OrgRoot, Principal, RevokeTarget, StreamDescriptor};
use sekisho_proto::{
    Action, Actions, ContentType, Frame, Grantee, Hash, OrgName, PrincipalKind, PrincipalName,
    PublicKey, Statement, StatementBody, StreamClass, Suite, Timestamp, frame,
};
use sekisho_seal::{Password, SeededEntropy, SigningKey, sign_statement};

use super::{Hub, Letter, Started};
use crate::clock;
use crate::config::Config;
use crate::session::{Greeting, Port, Session, Stranger};

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

pub(crate) fn fujisawa() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn name(text: &str) -> PrincipalName {
    PrincipalName::new(text, &fujisawa()).unwrap()
}

fn signed(body: impl Into<StatementBody>, by: &str) -> Statement {
    sign_statement(Statement::unsigned(body.into()), &key(by))
}

const ISSUED: Timestamp = Timestamp::from_micros(0);

fn principal(text: &str, kind: PrincipalKind, public_key: PublicKey, attested: bool) -> Statement {
    let principal = Principal {
        name: name(text),
        kind,
        public_key,
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        issued: ISSUED,
        until: None,
        attested,
    };
    signed(principal, "issuer")
}

/// May do everything on the organisation's topics that a meter does.
fn right(text: &str) -> Statement {
    let grant = Grant {
        organisation: fujisawa(),
        grantee: Grantee::Principal(name(text)),
        actions: Actions::of(&[Action::Publish, Action::Subscribe, Action::History]),
        filter: "fujisawa/tide/#".parse().unwrap(),
        purpose: "tides".to_owned(),
        issued: ISSUED,
        from: ISSUED,
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    };
    signed(grant, "issuer")
}

pub(crate) fn described(topic: &str, class: StreamClass) -> StatementBody {
    StatementBody::StreamDescriptor(StreamDescriptor {
        organisation: fujisawa(),
        topic: topic.parse().unwrap(),
        device_type: "tide gauge".to_owned(),
        title: String::new(),
        class,
        mobile: false,
        location: None,
        retention_s: None,
        transducers: Vec::new(),
        issued: ISSUED,
    })
}

pub(crate) fn letter(topic: &str, body: &str) -> Letter {
    Letter {
        topic: topic.parse().unwrap(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        content_type: ContentType::parse("text/plain").unwrap(),
        flags: 0,
        expiry_s: 0,
    }
}

/// See the module.
pub(crate) struct AttestingWorld {
    started: Started,
    pub(crate) password: Password,
    folder: tempfile::TempDir,
}

impl AttestingWorld {
    pub(crate) fn open() -> Self {
        Self::open_in(tempfile::tempdir().unwrap())
    }

    /// The same node again, with what its folder holds.
    pub(crate) fn open_in(folder: tempfile::TempDir) -> Self {
        Self::open_with(folder, "node")
    }

    /// The same, with another key of the node.
    pub(crate) fn open_with(folder: tempfile::TempDir, node: &str) -> Self {
        let password = Password::generate(&mut SeededEntropy::new(7)).unwrap();
        let meter = password.signing_key(&name("meter")).unwrap().public_key();
        let root = OrgRoot {
            organisation: fujisawa(),
            keys: vec![key("root").public_key()],
            threshold: 1,
            issued: ISSUED,
        };
        let issuer = Issuer {
            name: name("office"),
            public_key: key("issuer").public_key(),
            issued: ISSUED,
            until: None,
        };
        let genesis = [
            signed(root, "root"),
            signed(issuer, "root"),
            principal("node", PrincipalKind::Node, key("node").public_key(), false),
            principal("meter", PrincipalKind::Device, meter, true),
            principal("clock", PrincipalKind::Device, key("clock").public_key(), false),
            right("meter"),
            right("clock"),
        ];
        let path = folder.path().join("sekisho.toml");
        let config = Config::parse("organisation = \"fujisawa\"", folder.path(), &path).unwrap();
        let started = Hub::start(config, Arc::new(key(node)), &genesis).unwrap();
        Self { started, password, folder }
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.started.hub
    }

    pub(crate) fn meter(&self) -> SigningKey {
        self.password.signing_key(&name("meter")).unwrap()
    }

    pub(crate) async fn state(&self, body: StatementBody) {
        self.state_by("issuer", body).await;
    }

    pub(crate) async fn state_by(&self, signer: &str, body: StatementBody) {
        let statement = signed(body, signer).encode().into();
        self.hub().state(vec![statement], &name("office")).await.unwrap();
    }

    pub(crate) async fn revoke(&self, target: RevokeTarget) {
        self.state(StatementBody::Revoke(sekisho_proto::statement::Revoke {
            organisation: fujisawa(),
            target,
            reason: "a test".to_owned(),
            issued: clock::now(),
        }))
        .await;
    }

    pub(crate) async fn session(&self, key: PublicKey) -> (Arc<Session>, Port) {
        let hello = Frame::Hello(frame::Hello {
            version: 1,
            software: "test".to_owned(),
            organisation: fujisawa(),
        });
        match Stranger::new(Arc::clone(self.hub()), key).greet(hello).await.unwrap() {
            Greeting::Session(session, port, _welcome) => (session, port),
            Greeting::Enrolment(..) => panic!("wanted a session"),
        }
    }

    pub(crate) async fn close(self) {
        drop(self.stop().await);
    }

    /// Ends the node; what it wrote stays.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        let Self { started, password: _, folder } = self;
        started.hub.stop().await;
        drop(started.hub);
        started.shard.join().unwrap();
        folder
    }
}
