//! Keys that nobody vouches for, no longer vouches for, or could not vouch for.

use sekisho::{ConnectError, RefusalCode};
use sekisho_e2e::{City, Message, Stranger};
use sekisho_proto::frame::{EnrolmentState, Goodbye};
use sekisho_proto::{Frame, Suite};

use crate::scene::Scene;

/// Numbers in the protocol's schema.
const ENROL: u64 = 19;

#[tokio::test]
async fn a_key_that_no_statement_names_is_told_so() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let santander = City::plan("santander").await;
    let foreigner = Stranger::as_member(&scene.city, &santander.administrator());
    for (count, nobody) in [(1.0, stranger), (2.0, foreigner)] {
        let mut wire = nobody.dial().await;
        wire.send(nobody.hello()).await;
        let refused = wire.last_words().await;
        assert_eq!(refused.code, RefusalCode::UnknownKey, "{refused:?}");
        assert!(refused.what.contains(&nobody.signing().id().short()), "{refused:?}");
        assert_eq!(scene.turned_away("unknown-key").await, count);
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_revoked_key_is_cut_off_at_once_and_never_comes_in_again() {
    let mut scene = Scene::open().await;
    let topic = "fujisawa/outcast/air";
    let (member, mut wire, mut press) = scene.device("outcast", "fujisawa/outcast/#", topic).await;
    wire.publish(press.next("before").encoded().clone(), press.attached()).await.unwrap();
    scene.city.run(&["revoke", "outcast@fujisawa", "--reason", "stolen"]).await.succeeded();
    match wire.hear().await {
        Some(Frame::Goodbye(Goodbye { code: Some(RefusalCode::Revoked), .. })) => {}
        other => panic!("wanted a goodbye because of the revocation, found {other:?}"),
    }
    let stranger = Stranger::as_member(&scene.city, &member);
    for restarted in [false, true] {
        if restarted {
            scene.restarts().await;
        }
        let before = scene.turned_away("revoked").await;
        let mut wire = stranger.dial().await;
        wire.send(stranger.hello()).await;
        let refused = wire.last_words().await;
        assert_eq!(refused.code, RefusalCode::Revoked, "{refused:?}");
        let mut wire = stranger.dial().await;
        let key = stranger.signing().public_key();
        wire.say_framed(&enrol(1, &[7; 16], key.as_ref(), (0, &[]), &[7; 32])).await;
        let refused = wire.last_words().await;
        assert_eq!(refused.code, RefusalCode::Revoked, "{refused:?}");
        assert_eq!(scene.turned_away("revoked").await, before + 2.0);
        match member.try_connect().await {
            Err(ConnectError::Refused { refusal, .. }) => {
                assert_eq!(refusal.code, RefusalCode::Revoked, "{refusal:?}");
            }
            other => panic!("wanted the member refused, found {other:?}"),
        }
        scene.goes_on().await;
    }
    scene.ends_well().await;
}

/// An enrolment with any parts.
fn enrol(version: u64, token: &[u8], key: &[u8], kem: (u64, &[u8]), proof: &[u8]) -> Vec<u8> {
    let enrol = Message::new()
        .number(1, version)
        .bytes_set(2, token)
        .bytes_set(3, key)
        .number_set(4, kem.0)
        .bytes_set(5, kem.1)
        .bytes_set(6, proof);
    Message::new().bytes(ENROL, enrol).encoded()
}

#[tokio::test]
async fn an_enrolment_with_a_wrong_key_token_or_proof_is_refused() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let key = stranger.signing().public_key();
    let key: &[u8] = key.as_ref();
    let other = Stranger::draw(&scene.city).signing().public_key();
    let mut weak = [0; 32];
    weak[0] = 1;
    let (token, proof, none) = ([7; 16], [7; 32], (0, &[][..]));
    let x25519 = u64::from(Suite::X25519Aes256Gcm.number());
    let long = [key, &[0]].concat();
    let malformed = RefusalCode::Malformed;
    let mismatch = RefusalCode::BadEnrolment;
    let attempts = [
        (enrol(2, &token, key, none, &proof), RefusalCode::UnknownVersion, "found 2"),
        (
            enrol(1, &token, &key[..31], none, &proof),
            malformed,
            "public_key: wanted 32 bytes, found 31",
        ),
        (enrol(1, &token, &long, none, &proof), malformed, "public_key: wanted 32 bytes, found 33"),
        (enrol(1, &token, &[], none, &proof), malformed, "public_key"),
        (enrol(1, &token[..15], key, none, &proof), malformed, "token_id"),
        (enrol(1, &token, key, none, &proof[..31]), malformed, "proof"),
        (enrol(1, &token, key, (x25519, key), &[]), malformed, "proof"),
        (enrol(1, &token, key, (x25519, &key[..31]), &proof), malformed, "kem_public_key"),
        (enrol(1, &token, key, (99, key), &proof), malformed, "kem_suite"),
        (
            enrol(1, &token, other.as_ref(), none, &proof),
            mismatch,
            "wanted the connection's own key",
        ),
        (enrol(1, &token, &weak, none, &proof), mismatch, "wanted the connection's own key"),
    ];
    for (bytes, code, words) in attempts {
        let before = scene.turned_away(code.name()).await;
        let mut wire = stranger.dial().await;
        wire.say_framed(&bytes).await;
        let refused = wire.last_words().await;
        let told = format!("{}: {}", refused.what, refused.why);
        assert_eq!(refused.code, code, "{told}");
        assert!(told.contains(words), "wanted {words:?}, found {told}");
        assert_eq!(scene.turned_away(code.name()).await, before + 1.0, "{told}");
    }
    // A token that nobody gave out, well formed: the steward decides, and says no.
    let mut wire = stranger.dial().await;
    wire.say_framed(&enrol(1, &token, key, none, &proof)).await;
    for wanted in [EnrolmentState::Waiting, EnrolmentState::Refused] {
        match wire.hear().await {
            Some(Frame::Enrolling(found)) if found.state == wanted => {}
            other => panic!("wanted {wanted:?}, found {other:?}"),
        }
    }
    // A token that was used, by another key.
    let used = scene.city.place("bystander.token");
    let folder = scene.city.place("impostor");
    let (used, folder) = (used.to_str().unwrap(), folder.to_str().unwrap());
    let said = sekisho_e2e::sekisho(&["join", used, "--dir", folder]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.error.contains("bystander@fujisawa"), "{said:?}");
    assert!(!scene.city.place("impostor/profile.toml").exists(), "wanted no profile, found one");
    scene.goes_on().await;
    scene.ends_well().await;
}
