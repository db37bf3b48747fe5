//! What must hold for any bytes that a stranger sends as a part of a transparency log. The fuzz
//! targets run these, and so does an ordinary test over the committed corpora.

use sekisho_tlog::{
    Checkpoint, Frontier, Note, NoteKey, SignatureLine, TileId, TlogPolicy, TlogProof,
    tile::{TILE_WIDTH, decode_bundle, encode_bundle},
};

/// As a note, a checkpoint, and each line as a signature and a key: what is accepted prints as it
/// was.
pub(crate) fn note(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
        checkpoint(note.text());
    }
    checkpoint(text);
    for line in text.lines() {
        if let Ok(signature) = line.parse::<SignatureLine>() {
            assert_eq!(signature.to_string(), line);
        }
        if let Ok(key) = line.parse::<NoteKey>() {
            assert_eq!(key.to_string(), line);
        }
    }
}

/// All but extension lines, which a checkpoint does not keep, prints as it was.
fn checkpoint(text: &str) {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        let printed = checkpoint.to_text();
        assert!(text.starts_with(&printed));
        assert_eq!(Checkpoint::parse(&printed).unwrap(), checkpoint);
    }
}

/// What is accepted prints as it was.
pub(crate) fn log_proof(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(proof) = TlogProof::parse(text) {
        assert_eq!(proof.encode(), text);
        assert!(proof.note.checkpoint().is_ok());
    }
}

/// What is accepted prints as a file of the same meaning, which prints as it was.
pub(crate) fn witness_policy(bytes: &[u8]) {
    if let Ok(policy) = TlogPolicy::parse(bytes) {
        let printed = policy.encode();
        let again = TlogPolicy::parse(&printed).unwrap();
        assert_eq!(again, policy);
        assert_eq!(again.encode(), printed);
    }
}

/// The first line as a tile's path, the rest as a bundle of as many entries: what is accepted
/// prints as it was.
pub(crate) fn tile(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (path, rest) = bytes.split_at(end);
    let mut width = TILE_WIDTH;
    if let Some(tile) =
        std::str::from_utf8(path).ok().and_then(|path| TileId::parse_path(path).ok())
    {
        assert_eq!(tile.path().as_bytes(), path);
        assert_eq!(TileId::new(tile.level(), tile.index(), tile.width()), Some(tile));
        width = tile.width();
    }
    let bundle = rest.get(1..).unwrap_or_default();
    if let Ok(entries) = decode_bundle(bundle, width) {
        assert_eq!(entries.len(), usize::from(width));
        assert_eq!(encode_bundle(entries).unwrap(), bundle);
    }
}

/// The right edge of a tree, as a node keeps it: what is accepted prints as it was, and goes on.
pub(crate) fn frontier(bytes: &[u8]) {
    if let Ok(mut frontier) = Frontier::decode(bytes) {
        assert_eq!(frontier.encode(), bytes);
        if frontier.size() < u64::MAX {
            let size = frontier.size();
            frontier.append(frontier.root());
            assert_eq!(frontier.size(), size + 1);
        }
    }
}
