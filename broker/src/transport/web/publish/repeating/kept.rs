//! Answers that a restart must not forget, in the keyed store: each under a hash of whose it is and
//! its key.

use bytes::Bytes;
use sekisho_proto::{Hash, Offset, PrincipalId, Timestamp, Topic};
use sekisho_store::{Keyed, KeyedChange, KeyedError};
use tracing::warn;

/// Before the hash of a principal and a key.
const REPEATED: &str = "http/repeated/";
/// The first byte of an answer as it is kept.
const VERSION: u8 = 1;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) whose: PrincipalId,
    pub(super) key: String,
    pub(super) fingerprint: Hash,
    pub(super) topic: Topic,
    pub(super) offset: Offset,
    pub(super) at: Timestamp,
}

fn name(whose: &PrincipalId, key: &str) -> String {
    let bytes = [whose.as_bytes().as_slice(), key.as_bytes()].concat();
    format!("{REPEATED}{}", Hash::of(&bytes))
}

/// What forgets an answer on the disk.
pub(super) fn removal(whose: &PrincipalId, key: &str) -> KeyedChange {
    KeyedChange::RemoveBlob(name(whose, key))
}

impl Kept {
    /// What keeps it on the disk.
    pub(super) fn put(&self) -> KeyedChange {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.whose.as_bytes());
        bytes.extend_from_slice(self.fingerprint.as_ref());
        bytes.extend_from_slice(&self.offset.value().to_be_bytes());
        bytes.extend_from_slice(&self.at.as_micros().to_be_bytes());
        // A key is visible ASCII, so that the first line feed ends it.
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(self.topic.as_str().as_bytes());
        KeyedChange::PutBlob(name(&self.whose, &self.key), Bytes::from(bytes))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&[VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (whose, rest) = rest.split_first_chunk()?;
        let (fingerprint, rest) = rest.split_at_checked(32)?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (key, topic) = std::str::from_utf8(rest).ok()?.split_once('\n')?;
        Some(Self {
            whose: PrincipalId::new(*whose),
            key: key.to_owned(),
            fingerprint: Hash::try_from(fingerprint).ok()?,
            topic: Topic::parse(topic).ok()?,
            offset: Offset::new(u64::from_be_bytes(*offset)),
            at: Timestamp::from_micros(i64::from_be_bytes(*at)),
        })
    }
}

/// Everything that is kept, the oldest first.
///
/// # Errors
/// It cannot be read.
pub(super) fn read_all<K: Keyed>(keyed: &K) -> Result<Vec<Kept>, KeyedError> {
    let mut all = Vec::new();
    for (name, bytes) in keyed.blobs(REPEATED)? {
        match Kept::read(&bytes) {
            Some(kept) => all.push(kept),
            None => warn!(name, "a remembered answer is damaged on disk and forgotten"),
        }
    }
    all.sort_by_key(|kept| kept.at);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_and_nothing_else() {
        let kept = Kept {
            whose: PrincipalId::new([3; 32]),
            key: "8e03978e-40d5".to_owned(),
            fingerprint: Hash::of(b"a request"),
            topic: "fujisawa/a".parse().unwrap(),
            offset: Offset::new(7),
            at: Timestamp::from_micros(1_800_000_000_000_000),
        };
        let KeyedChange::PutBlob(_name, bytes) = kept.put() else { panic!("wanted it kept") };
        assert_eq!(Kept::read(&bytes), Some(kept));
        for end in 0..bytes.len() {
            assert!(end > 100 || Kept::read(&bytes[..end]).is_none(), "{end}");
        }
        assert_eq!(Kept::read(b"\x02"), None);
    }
}
