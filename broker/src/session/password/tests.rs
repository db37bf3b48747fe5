use std::sync::Arc;

use sekisho_proto::statement::{Revoke, RevokeTarget};
use sekisho_proto::{Frame, OrgName, PrincipalId, StatementBody, frame};
use sekisho_seal::{SeededEntropy, SigningKey};

use super::*;
use crate::clock;
use crate::hub::attesting_world::{AttestingWorld, fujisawa};
use crate::session::{Greeting, Stranger};

fn hello() -> Frame {
    let organisation: OrgName = fujisawa();
    Frame::Hello(frame::Hello { version: 1, software: "test".to_owned(), organisation })
}

fn text(password: &Password) -> String {
    password.to_text().to_string()
}

#[tokio::test]
async fn the_right_name_and_password_are_a_key_that_opens_a_session() {
    let world = AttestingWorld::open();
    let hub = world.hub();
    let password = text(&world.password);
    for name in ["meter", "meter@fujisawa"] {
        let key = key_of_password(hub, name, &password).unwrap();
        assert_eq!(key, world.meter().public_key());
        let stranger = Stranger::new(Arc::clone(hub), key);
        let Ok(Greeting::Session(session, ..)) = stranger.greet(hello()).await else {
            panic!("wanted a session")
        };
        assert_eq!(session.who().name.to_string(), "meter@fujisawa");
        session.close().await;
    }
    world.close().await;
}

#[tokio::test]
async fn which_of_name_and_password_is_wrong_is_not_told() {
    let world = AttestingWorld::open();
    let hub = world.hub();
    let right = text(&world.password);
    let other = text(&Password::generate(&mut SeededEntropy::new(99)).unwrap());
    let refusals = [
        ("meter", other.as_str()),
        ("meter", "hunter2"),
        ("meter", ""),
        ("nobody", &right),
        ("", &right),
        ("meter@santander", &right),
        ("not a name", &right),
        // Somebody there, with somebody else's password.
        ("clock", &right),
        ("node", &right),
    ]
    .map(|(name, password)| key_of_password(hub, name, password).unwrap_err());
    for refusal in &refusals {
        assert_eq!(refusal, &refusals[0]);
        assert_eq!(refusal.code, RefusalCode::UnknownKey);
        assert!(!refusal.to_string().contains(&right), "{refusal}");
        assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
    }
    world.close().await;
}

#[tokio::test]
async fn whoever_has_the_password_of_a_revoked_principal_is_told_so_and_gets_nothing() {
    let world = AttestingWorld::open();
    let hub = world.hub();
    let revoke = StatementBody::Revoke(Revoke {
        organisation: fujisawa(),
        target: RevokeTarget::Principal(PrincipalId::of(&world.meter().public_key())),
        reason: "stolen".to_owned(),
        issued: clock::now(),
    });
    world.state(revoke).await;
    let key = key_of_password(hub, "meter", &text(&world.password)).unwrap();
    let greeted = Stranger::new(Arc::clone(hub), key).greet(hello()).await;
    let Err(refusal) = greeted else { panic!("wanted a refusal") };
    assert_eq!(refusal.code, RefusalCode::Revoked);
    world.close().await;
}

/// What a node keeps is what everybody may read: the public key.
#[tokio::test]
async fn neither_password_nor_private_key_is_in_the_data_folder() {
    let world = AttestingWorld::open();
    let written = text(&world.password);
    key_of_password(world.hub(), "meter", &written).unwrap();
    let key: SigningKey = world.meter();
    let (seed, folder) = (key.seed(), world.stop().await);
    let bare = written.replace('-', "");
    let mut looked_at = 0;
    let mut found_public = false;
    for file in files(folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        looked_at += bytes.len();
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
        for secret in [written.as_bytes(), bare.as_bytes(), seed.as_slice()] {
            assert!(!has(secret), "{}", file.display());
        }
        found_public |= has(key.public_key().as_bytes());
    }
    assert!(looked_at > 0 && found_public, "the search looks where the node writes");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
