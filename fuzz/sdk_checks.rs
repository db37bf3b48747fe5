//! What must hold for any text that somebody is handed: an invitation, a proof, a profile. The fuzz
//! targets run these, and so does an ordinary test over the committed corpora.

use std::fs;

use sekisho::{
    Fingerprint, JoinToken, PROFILE_FILE, Profile,
    audit::{LogProof, decode_statements, encode_statements},
};

/// As a token, whose text is one in lower case, and as a fingerprint.
pub(crate) fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(token) = text.parse::<JoinToken>() {
        let printed = token.to_text();
        assert_eq!(*printed, text.trim().to_ascii_lowercase());
        let again: JoinToken = printed.parse().unwrap();
        assert_eq!(again.name, token.name);
    }
    for line in text.lines() {
        if let Ok(fingerprint) = line.parse::<Fingerprint>() {
            assert_eq!(fingerprint.to_string().parse::<Fingerprint>().unwrap(), fingerprint);
        }
    }
}

/// As a proof of an entry and what is carried with it, and as statements in lines.
pub(crate) fn proof(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(proof) = LogProof::parse(text) {
        let printed = proof.encode();
        let again = LogProof::parse(&printed).unwrap();
        assert_eq!(again.encode(), printed);
        // Whatever it proves, it proves it of a log with a name or of none.
        drop(proof.log());
    }
    if let Ok(statements) = decode_statements(text) {
        let printed = encode_statements(&statements);
        assert_eq!(decode_statements(&printed).unwrap().len(), statements.len());
    }
}

/// As a profile.
pub(crate) fn profile(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(PROFILE_FILE), bytes).unwrap();
    if let Ok(profile) = Profile::load(folder.path()) {
        let again = tempfile::tempdir().unwrap();
        profile.save(again.path()).unwrap();
        assert_eq!(Profile::load(again.path()).unwrap(), profile);
    }
}
