//! Statements that nobody may make, or that are none.

use sekisho::{PublicKey, RefusalCode, Statement, clock};
use sekisho_e2e::{City, Member, Message, Stranger, Wire, grant};
use sekisho_proto::frame::{Refused, State};
use sekisho_proto::limits::STATEMENT_BYTES_MAX;
use sekisho_proto::statement::{Deny, Principal, Revoke, RevokeTarget};
use sekisho_proto::{Action, Frame, PrincipalId, PrincipalKind, StatementBody, Suite};
use sekisho_seal::{SigningKey, sign_statement};

use crate::scene::Scene;

/// Number of a principal's statement in the protocol's schema.
const PRINCIPAL: u64 = 3;

fn everything_to(grantee: &str, filter: &str) -> StatementBody {
    grant(grantee, "publish,subscribe,history,decrypt", filter)
}

fn principal(name: &str, public_key: PublicKey) -> StatementBody {
    StatementBody::Principal(Principal {
        name: name.parse().unwrap(),
        kind: PrincipalKind::Device,
        public_key,
        kem_suite: Suite::Open,
        kem_public_key: Vec::new().into(),
        issued: clock::now(),
        until: None,
        attested: false,
    })
}

/// A principal's statement with a key of any length, signed as if it were one.
fn principal_with(key: &[u8], issuer: &SigningKey) -> Vec<u8> {
    let body = Message::new()
        .bytes(1, "fujisawa")
        .bytes(2, "misfit")
        .number(3, 1)
        .bytes(4, key)
        .number(7, 1_795_219_200_000_000)
        .encoded();
    let length = (body.len() as u64).to_be_bytes();
    let input = [&b"sekisho-statement-principal-v1\0"[..], &length, &body].concat();
    let signature = Message::new().bytes(1, issuer.id()).bytes(2, issuer.sign(&input));
    Message::new().number(1, PRINCIPAL).bytes(2, body).bytes(3, signature).encoded()
}

fn signed(body: StatementBody, key: &SigningKey) -> Statement {
    sign_statement(Statement::unsigned(body), key)
}

/// States something and hears that it is refused; the control log stays as it is.
async fn refused(city: &City, wire: &mut Wire, statement: Vec<u8>) -> Refused {
    let version = city.metric("sekisho_policy_version").await;
    wire.send(State { request: 7, statements: vec![statement.into()] }).await;
    let refused = match wire.hear().await {
        Some(Frame::Refused(refused)) if refused.request == 7 => refused,
        other => panic!("wanted the statement refused, found {other:?}"),
    };
    assert_eq!(city.metric("sekisho_policy_version").await, version, "{refused:?}");
    refused
}

#[tokio::test]
async fn nobody_helps_themselves_to_rights_or_takes_others_away() {
    let mut scene = Scene::open().await;
    let member = Member::device(&scene.city, "climber", "fujisawa/climber/#").await;
    let own = member.identity().signing();
    let stranger = Stranger::draw(&scene.city);
    let santander = City::plan("santander").await;
    let foreign = santander.administrator();
    let foreign = foreign.identity().signing();
    let issuer = scene.city.administrator();
    let issuer = issuer.identity().signing();
    let victim: PrincipalId = scene.city.administrator().identity().id();
    let everything = || everything_to("climber@fujisawa", "fujisawa/#");
    // The issuer's signature under a wider grant than it signed.
    let lifted = signed(everything_to("climber@fujisawa", "fujisawa/climber/#"), issuer);
    let lifted = lifted.signatures()[0];
    let lifted = Statement::unsigned(everything()).with_signature(lifted.signer, lifted.signature);
    let deny = StatementBody::Deny(Deny {
        organisation: "fujisawa".parse().unwrap(),
        grantee: "*@fujisawa".parse().unwrap(),
        actions: [Action::Publish].into_iter().collect(),
        filter: "fujisawa/#".parse().unwrap(),
        reason: String::new(),
        issued: clock::now(),
    });
    let revoke = StatementBody::Revoke(Revoke {
        organisation: "fujisawa".parse().unwrap(),
        target: RevokeTarget::Principal(victim),
        reason: String::new(),
        issued: clock::now(),
    });
    let friend = Stranger::draw(&scene.city).signing().public_key();
    let attempts = [
        ("a grant to oneself", signed(everything(), own), RefusalCode::NotPermitted),
        (
            "a grant of what is not one's own",
            signed(everything_to("onlooker@fujisawa", "fujisawa/#"), own),
            RefusalCode::NotPermitted,
        ),
        ("a deny", signed(deny, own), RefusalCode::NotPermitted),
        ("a revocation", signed(revoke, own), RefusalCode::NotPermitted),
        (
            "a new friend",
            signed(principal("friend@fujisawa", friend), own),
            RefusalCode::NotPermitted,
        ),
        ("no signature", Statement::unsigned(everything()), RefusalCode::NotPermitted),
        ("a stranger's", signed(everything(), stranger.signing()), RefusalCode::UnknownKey),
        ("another city's issuer's", signed(everything(), foreign), RefusalCode::UnknownKey),
        ("an issuer's under another statement", lifted, RefusalCode::BadSignature),
        (
            "another city's topics",
            signed(everything_to("climber@fujisawa", "santander/#"), foreign),
            RefusalCode::BadStatement,
        ),
    ];
    let mut wire = Stranger::as_member(&scene.city, &member).welcome().await;
    for (what, statement, code) in attempts {
        let before = scene.city.refused(code.name()).await;
        let refusal = refused(&scene.city, &mut wire, statement.encode()).await;
        assert_eq!(refusal.code, code, "{what}: {refusal:?}");
        assert_eq!(scene.city.refused(code.name()).await, before + 1.0, "{what}");
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_statement_that_is_cut_changed_or_too_large_changes_nothing() {
    let mut scene = Scene::open().await;
    let administrator = scene.city.administrator();
    let issuer = administrator.identity().signing();
    let encoded = signed(everything_to("onlooker@fujisawa", "fujisawa/#"), issuer).encode();
    let mut wire = Stranger::as_member(&scene.city, &administrator).welcome().await;
    let large = refused(&scene.city, &mut wire, vec![0xff; STATEMENT_BYTES_MAX + 1]).await;
    assert_eq!(large.code, RefusalCode::Oversized, "{large:?}");
    let cut = (0..encoded.len()).map(|length| encoded[..length].to_vec());
    let changed = (0..encoded.len()).zip((0..8).cycle()).map(|(place, bit)| {
        let mut changed = encoded.clone();
        changed[place] ^= 1 << bit;
        changed
    });
    for statement in cut.chain(changed) {
        let shown = statement.escape_ascii().to_string();
        let refusal = refused(&scene.city, &mut wire, statement).await;
        assert_ne!(refusal.code, RefusalCode::Internal, "{shown}: {refusal:?}");
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn no_issuer_can_vouch_for_a_key_that_is_weak_short_long_or_taken() {
    let mut scene = Scene::open().await;
    let administrator = scene.city.administrator();
    let issuer = administrator.identity().signing();
    let mut wire = Stranger::as_member(&scene.city, &administrator).welcome().await;
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let taken = PublicKey::new(*issuer.public_key().as_bytes());
    let whole = Stranger::draw(&scene.city).signing().public_key();
    let whole: &[u8] = whole.as_ref();
    let weak = |key| signed(principal("misfit@fujisawa", PublicKey::new(key)), issuer).encode();
    let attempts = [
        ("the identity", weak(identity_point), RefusalCode::WeakKey),
        ("zeros", weak([0; 32]), RefusalCode::WeakKey),
        ("31 bytes", principal_with(&whole[..31], issuer), RefusalCode::Malformed),
        ("33 bytes", principal_with(&[whole, &[0]].concat(), issuer), RefusalCode::Malformed),
        ("nothing", principal_with(&[], issuer), RefusalCode::NonCanonical),
        (
            "somebody's",
            signed(principal("misfit@fujisawa", taken), issuer).encode(),
            RefusalCode::AlreadyExists,
        ),
    ];
    for (what, statement, code) in attempts {
        let before = scene.city.refused(code.name()).await;
        let refusal = refused(&scene.city, &mut wire, statement).await;
        assert_eq!(refusal.code, code, "{what}: {refusal:?}");
        assert_eq!(scene.city.refused(code.name()).await, before + 1.0, "{what}");
    }
    // What was wrong with the short and the long one is their length alone.
    let good = principal_with(whole, issuer);
    Statement::decode(&good).unwrap();
    wire.send(State { request: 8, statements: vec![good.into()] }).await;
    assert!(matches!(wire.hear().await, Some(Frame::Stated(_))), "wanted the good one taken");
    scene.goes_on().await;
    scene.ends_well().await;
}
