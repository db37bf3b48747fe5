//! What keeps a steward from starting is told by name, before anything is connected to.

use std::{
    error::Error as _, fmt::Write as _, os::unix::fs::PermissionsExt as _, path::Path,
    time::Duration,
};

use sekisho::{Identity, Profile, SigningKey};
use sekisho_proto::{Hash, PrincipalKind, Suite};
use sekisho_seal::{KemKeyPair, KeyKind};
use sekisho_steward::{SETTINGS_FILE, run};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

fn identity(label: &str) -> Identity {
    let seed = |what: &str| *Hash::of(format!("{label} {what}").as_bytes()).as_bytes();
    let kem = KemKeyPair::from_seed(Suite::X25519Aes256Gcm, &seed("kem")).unwrap();
    Identity::new(SigningKey::from_seed(&seed("signing")), kem)
}

/// A steward's folder whose node is not there.
fn folder(kind: PrincipalKind) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let profile = Profile {
        principal: "steward@fujisawa".parse().unwrap(),
        root: Hash::of(b"a root"),
        node: "127.0.0.1:1".to_owned(),
        node_key: identity("node").public_key(),
        web: None,
    };
    profile.create(folder.path(), KeyKind::Principal(kind), identity("steward")).unwrap();
    folder
}

/// Why it does not start, with its causes.
async fn fault(dir: &Path) -> String {
    let fault = run(dir, CancellationToken::new(), || panic!("it is ready")).await.unwrap_err();
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(found) = cause {
        write!(text, ": {found}").unwrap();
        cause = found.source();
    }
    text
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "wanted {part:?} in: {text}");
    }
}

#[tokio::test]
async fn a_folder_that_is_no_stewards_is_named() {
    let empty = tempfile::tempdir().unwrap();
    contains(&fault(empty.path()).await, &["steward/profile.toml", "read"]);
    let truck = folder(PrincipalKind::Device);
    contains(&fault(truck.path()).await, &["identity.key", "steward", "device"]);
}

#[tokio::test]
async fn keys_of_somebody_else_or_open_to_others_are_refused() {
    let swapped = folder(PrincipalKind::Steward);
    let profile = swapped.path().join("profile.toml");
    let text = std::fs::read_to_string(&profile).unwrap();
    std::fs::write(&profile, text.replace("steward@fujisawa", "deputy@fujisawa")).unwrap();
    contains(&fault(swapped.path()).await, &["deputy@fujisawa", "steward@fujisawa"]);

    let open = folder(PrincipalKind::Steward);
    let key = open.path().join("identity.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    contains(&fault(open.path()).await, &["identity.key", "600", "640"]);
}

#[tokio::test]
async fn every_fault_of_the_settings_is_told_at_once() {
    let folder = folder(PrincipalKind::Steward);
    let settings = "trees = [\"santander/#\"]\nepoch_hours = 0\nsuite = \"rot13\"\ncolour = 1\n";
    std::fs::write(folder.path().join(SETTINGS_FILE), settings).unwrap();
    let parts = ["steward.toml", "trees[0]", "epoch_hours", "rot13", "colour"];
    contains(&fault(folder.path()).await, &parts);
}

#[tokio::test]
async fn one_folder_has_one_steward_that_ends_when_it_is_told_to() {
    let folder = folder(PrincipalKind::Steward);
    let stop = CancellationToken::new();
    let (dir, stopped) = (folder.path().to_owned(), stop.clone());
    let first = tokio::spawn(async move { run(&dir, stopped, || ()).await });
    let lock = folder.path().join("steward.lock");
    let locked = async {
        while !lock.exists() || !is_locked(&lock) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), locked).await.expect("the first steward locks its folder");
    let found = fault(folder.path()).await;
    contains(&found, &["another steward at work", &folder.path().display().to_string()]);
    stop.cancel();
    first.await.unwrap().unwrap();
    assert!(!is_locked(&lock), "the folder is still locked");
}

fn is_locked(path: &Path) -> bool {
    std::fs::File::open(path).unwrap().try_lock().is_err()
}
