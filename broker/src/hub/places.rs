//! How far each link has come, kept so that it goes on from there after a restart.
//!
//! One small text per peer: `statements N`, `heard MICROSECONDS` where it was, then a line
//! `position filter` for each subscription.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sekisho_federation::Resume;
use sekisho_proto::{Filter, OrgName, Position, StatementIndex, Timestamp};
use sekisho_store::{Keyed, KeyedError};

/// All links' places. Writing blocks on the disk.
#[derive(Debug, Default)]
pub(crate) struct Places {
    known: Mutex<BTreeMap<OrgName, Resume>>,
}

impl Places {
    /// Where the link to a peer goes on; from the beginning where nothing readable is kept.
    pub(crate) fn of<K: Keyed>(&self, keyed: &K, peer: &OrgName) -> Result<Resume, KeyedError> {
        let kept = keyed.blob(&name(peer))?;
        let resume = kept.map(|text| parse(&text)).unwrap_or_default();
        self.lock().insert(peer.clone(), resume.clone());
        Ok(resume)
    }

    /// Keeps a changed place.
    pub(crate) fn change<K: Keyed>(
        &self,
        keyed: &K,
        peer: &OrgName,
        change: impl FnOnce(&mut Resume),
    ) -> Result<(), KeyedError> {
        let mut known = self.lock();
        let resume = known.entry(peer.clone()).or_default();
        change(resume);
        keyed.put_blob(&name(peer), print(resume))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrgName, Resume>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(peer: &OrgName) -> String {
    format!("link/{peer}")
}

fn print(resume: &Resume) -> Bytes {
    let mut text = format!("statements {}\n", resume.statements.value());
    if let Some(heard) = resume.heard {
        text.push_str(&format!("heard {}\n", heard.as_micros()));
    }
    for (filter, position) in &resume.positions {
        text.push_str(&format!("{} {filter}\n", position.value()));
    }
    text.into()
}

fn parse(bytes: &[u8]) -> Resume {
    let mut resume = Resume::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        let Some((head, rest)) = line.split_once(' ') else { continue };
        if head == "statements" {
            resume.statements = StatementIndex::new(rest.parse().unwrap_or_default());
        } else if head == "heard" {
            resume.heard = rest.parse().ok().map(Timestamp::from_micros);
        } else if let (Ok(position), Ok(filter)) = (head.parse(), rest.parse::<Filter>()) {
            resume.positions.insert(filter, Position::new(position));
        }
    }
    resume
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        let mut resume = Resume { statements: StatementIndex::new(7), ..Resume::default() };
        resume.positions.insert("fujisawa/truck/#".parse().unwrap(), Position::new(42));
        resume.positions.insert("fujisawa/公園 one/+".parse().unwrap(), Position::new(3));
        resume.heard = Some(Timestamp::from_micros(1_800_000_000_000_001));
        let back = parse(&print(&resume));
        assert_eq!(back.statements, resume.statements);
        assert_eq!(back.heard, resume.heard);
        assert_eq!(back.positions, resume.positions);
    }

    #[test]
    fn what_cannot_be_read_is_taken_from_the_beginning() {
        let back = parse(b"\xff\xfe nonsense\n12\n");
        assert_eq!(back.statements, StatementIndex::new(0));
        assert!(back.positions.is_empty());
    }
}
