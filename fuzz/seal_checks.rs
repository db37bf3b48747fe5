//! What must hold for any bytes that are given as keys, or as what opens a commitment. The fuzz
//! targets run these, and so does an ordinary test over the committed corpora.

use std::{fs, os::unix::fs::PermissionsExt as _};

use sekisho_proto::Suite;
use sekisho_seal::{AccessOpening, KemPublicKey, KeyFile, VerifyingKey};

/// As a key file, which is refused by line, or is the one text of its keys.
pub(crate) fn key_file(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("found.key");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    match KeyFile::load(&path) {
        Ok(file) => {
            let again = folder.path().join("again.key");
            file.create(&again).unwrap();
            assert_eq!(fs::read(&again).unwrap(), bytes);
        }
        Err(refused) => {
            // What is refused may be a key with a slip in it: nothing of it is repeated.
            let told = refused.to_string();
            let seeds = bytes.split(|byte| *byte == b'\n').filter(|line| line.len() > 64);
            for line in seeds {
                let seed = String::from_utf8_lossy(line.get(line.len() - 64..).unwrap_or_default());
                assert!(!told.contains(&*seed), "{told}");
            }
        }
    }
}

/// As public keys and openings, in bytes and in digits: what is accepted prints as it was.
pub(crate) fn key(bytes: &[u8]) {
    if let Ok(key) = VerifyingKey::from_bytes(bytes) {
        assert_eq!(key.public_key().as_bytes(), bytes);
    }
    for suite in [Suite::Open, Suite::X25519Aes256Gcm, Suite::XWingAes256Gcm] {
        if let Ok(key) = KemPublicKey::parse(suite, bytes) {
            assert_eq!(key.to_bytes(), bytes);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(opening) = text.parse::<AccessOpening>()
    {
        assert_eq!(opening.to_string(), text);
    }
}
