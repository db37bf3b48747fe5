use sekisho_proto::statement::{Issuer, OrgRoot, Principal, Revoke, RevokeTarget};
use sekisho_proto::{
    CursorName, Filter, Hash, OrgName, Position, PrincipalKind, PrincipalName, Statement,
    StatementBody, Suite,
};
use sekisho_seal::{SigningKey, sign_statement};
use sekisho_store::Cursor;

use super::*;
use crate::config::Config;

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

fn fujisawa() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn signed(body: impl Into<StatementBody>, by: &str) -> Statement {
    sign_statement(Statement::unsigned(body.into()), &key(by))
}

/// Root, issuer and two readers.
fn genesis() -> Vec<Statement> {
    let issued = Timestamp::from_micros(0);
    let keys = vec![key("root").public_key()];
    let root = OrgRoot { organisation: fujisawa(), keys, threshold: 1, issued };
    let issuer = Issuer {
        name: PrincipalName::new("office", &fujisawa()).unwrap(),
        public_key: key("issuer").public_key(),
        issued,
        until: None,
    };
    let reader = |name: &str| Principal {
        name: PrincipalName::new(name, &fujisawa()).unwrap(),
        kind: PrincipalKind::App,
        public_key: key(name).public_key(),
        kem_suite: Suite::Open,
        kem_public_key: bytes::Bytes::new(),
        issued,
        until: None,
        attested: false,
    };
    let readers = ["leaving", "staying"].map(|name| signed(reader(name), "issuer"));
    [vec![signed(root, "root"), signed(issuer, "root")], readers.to_vec()].concat()
}

#[tokio::test]
async fn cursors_of_a_revoked_key_go_and_what_they_wanted_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sekisho.toml");
    let config = Config::parse("organisation = \"fujisawa\"", folder.path(), &path).unwrap();
    let started = Hub::start(config, Arc::new(key("node")), &genesis()).unwrap();
    let hub = &started.hub;
    let name: CursorName = "billing".parse().unwrap();
    let filters =
        ["santander/air/#", "santander/noise/#"].map(|text| text.parse::<Filter>().unwrap());
    for (reader, filter) in ["leaving", "staying"].into_iter().zip(&filters) {
        let (principal, position) = (key(reader).id(), Position::new(7));
        let cursor = Cursor { principal, name: name.clone(), position };
        hub.keyed.apply(&[KeyedChange::SetCursor(cursor)]).unwrap();
        hub.want_cursor((principal, name.clone()), filter.clone()).await.unwrap();
    }
    // One that never moved is nowhere else.
    let never_moved: CursorName = "weather".parse().unwrap();
    let filter = "santander/weather/#".parse().unwrap();
    hub.want_cursor((key("leaving").id(), never_moved), filter).await.unwrap();
    assert_eq!(hub.sweep_cursors(clock::now()).unwrap(), 0);
    let revoke = Revoke {
        organisation: fujisawa(),
        target: RevokeTarget::Principal(key("leaving").id()),
        reason: "left".to_owned(),
        issued: clock::now(),
    };
    let office = PrincipalName::new("office", &fujisawa()).unwrap();
    hub.state(vec![signed(revoke, "issuer").encode().into()], &office).await.unwrap();
    assert_eq!(hub.sweep_cursors(clock::now()).unwrap(), 1);
    let left: Vec<_> = hub.keyed.cursors().unwrap().iter().map(|cursor| cursor.principal).collect();
    assert_eq!(left, [key("staying").id()]);
    let wanted = hub.wants.of(&"santander".parse().unwrap());
    assert_eq!(wanted.into_keys().collect::<Vec<_>>(), filters[1..]);
    hub.stop().await;
}
