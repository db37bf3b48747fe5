//! How far each link has come, kept so that it goes on from there after a restart.
//!
//! One small text per organisation: `root HEX` of the organisation that it is about; `heard MICROSECONDS`,
//! `checkpoint MICROSECONDS` and `access SIZE HEX` where there is something to say; then a line
//! `position filter` for each subscription, and where a peer passes its topics on, a line
//! `via PEER position filter`: a position is of the log of the node that was asked. How far the
//! control log was followed is in that log's leaves.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sekisho_federation::Resume;
use sekisho_proto::{Filter, Hash, OrgName, Position, Timestamp};
use sekisho_store::{Keyed, KeyedChange, KeyedError};
use sekisho_tlog::{Frontier, Known};

/// All links' places. Writing blocks on the disk.
#[derive(Debug, Default)]
pub(crate) struct Places {
    known: Mutex<BTreeMap<OrgName, Place>>,
    /// Held while the disk is written to.
    writing: Mutex<()>,
}

/// What is kept of one link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The root of the organisation that this is about; none = nothing is known yet.
    pub(crate) root: Option<Hash>,
    /// As in [`Resume`], where the organisation's own node is asked.
    pub(crate) positions: BTreeMap<Filter, Position>,
    /// The same where a peer's node is asked that passes its topics on, by peer.
    pub(crate) passed_on: BTreeMap<OrgName, BTreeMap<Filter, Position>>,
    /// As in [`Resume`].
    pub(crate) heard: Option<Timestamp>,
    /// As in [`Resume`].
    pub(crate) newest: Option<Timestamp>,
    /// As in [`Resume`].
    pub(crate) access: Option<Known>,
}

impl Place {
    /// Where the link goes on that dials the organisation's own node, or a peer's that passes its
    /// topics on; the organisation's control log was followed so far.
    pub(crate) fn resume(mut self, passing: Option<&OrgName>, log: Frontier) -> Resume {
        let positions = std::mem::take(self.positions_of(passing));
        let Self { positions: direct, passed_on, heard, newest, access, .. } = self;
        let others = passed_on.into_values().chain([direct]);
        let elsewhere = others.flat_map(BTreeMap::into_keys).collect();
        Resume { positions, log, heard, newest, access, elsewhere }
    }

    /// The positions in the log of that node.
    pub(crate) fn positions_of(
        &mut self,
        passing: Option<&OrgName>,
    ) -> &mut BTreeMap<Filter, Position> {
        match passing {
            Some(peer) => self.passed_on.entry(peer.clone()).or_default(),
            None => &mut self.positions,
        }
    }
}

impl Places {
    /// What is kept of the link to a peer; nothing where nothing readable is kept.
    pub(crate) fn of<K: Keyed>(&self, keyed: &K, peer: &OrgName) -> Result<Place, KeyedError> {
        let kept = keyed.blob(&name(peer))?;
        let place = kept.map(|text| parse(&text)).unwrap_or_default();
        self.lock().insert(peer.clone(), place.clone());
        Ok(place)
    }

    /// Keeps a changed place, and with it what else is to be changed, both or neither.
    pub(crate) fn change<K: Keyed>(
        &self,
        keyed: &K,
        peer: &OrgName,
        with: Vec<KeyedChange>,
        change: impl FnOnce(&mut Place),
    ) -> Result<(), KeyedError> {
        let _in_turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut place = self.lock().get(peer).cloned().unwrap_or_default();
        change(&mut place);
        let mut changes = with;
        changes.push(KeyedChange::PutBlob(name(peer), print(&place)));
        keyed.apply(&changes)?;
        self.lock().insert(peer.clone(), place);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrgName, Place>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(peer: &OrgName) -> String {
    format!("link/{peer}")
}

fn print(place: &Place) -> Bytes {
    let mut text = String::new();
    if let Some(root) = place.root {
        text.push_str(&format!("root {root}\n"));
    }
    for (word, time) in [("heard", place.heard), ("checkpoint", place.newest)] {
        if let Some(time) = time {
            text.push_str(&format!("{word} {}\n", time.as_micros()));
        }
    }
    if let Some(Known { size, root }) = place.access {
        text.push_str(&format!("access {size} {root}\n"));
    }
    for (filter, position) in &place.positions {
        text.push_str(&format!("{} {filter}\n", position.value()));
    }
    for (peer, positions) in &place.passed_on {
        for (filter, position) in positions {
            text.push_str(&format!("via {peer} {} {filter}\n", position.value()));
        }
    }
    text.into()
}

fn parse(bytes: &[u8]) -> Place {
    let mut place = Place::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        let Some((head, rest)) = line.split_once(' ') else { continue };
        let time = || rest.parse().ok().map(Timestamp::from_micros);
        match head {
            "root" => place.root = rest.parse().ok(),
            "heard" => place.heard = time(),
            "checkpoint" => place.newest = time(),
            "access" => place.access = parse_known(rest),
            "via" => {
                let Some((peer, rest)) = rest.split_once(' ') else { continue };
                let (Ok(peer), Some((head, rest))) = (peer.parse(), rest.split_once(' ')) else {
                    continue;
                };
                if let Some((filter, position)) = parse_position(head, rest) {
                    place.passed_on.entry(peer).or_default().insert(filter, position);
                }
            }
            _ => place.positions.extend(parse_position(head, rest)),
        }
    }
    place
}

fn parse_position(position: &str, filter: &str) -> Option<(Filter, Position)> {
    Some((filter.parse().ok()?, Position::new(position.parse().ok()?)))
}

fn parse_known(text: &str) -> Option<Known> {
    let (size, root) = text.split_once(' ')?;
    Some(Known { size: size.parse().ok()?, root: root.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        let mut place = Place::default();
        assert_eq!(parse(&print(&place)), place);
        place.positions.insert("fujisawa/truck/#".parse().unwrap(), Position::new(42));
        place.positions.insert("fujisawa/公園 one/+".parse().unwrap(), Position::new(3));
        let via = Some("kyoto".parse().unwrap());
        place.positions_of(via.as_ref()).insert("fujisawa/#".parse().unwrap(), Position::new(9));
        place.heard = Some(Timestamp::from_micros(1_800_000_000_000_001));
        place.newest = Some(Timestamp::from_micros(1_800_000_000_000_000));
        place.root = Some(Hash::of(b"a root"));
        place.access = Some(Known { size: 7, root: Hash::of(b"another root") });
        assert_eq!(parse(&print(&place)), place);
    }

    #[test]
    fn what_cannot_be_read_is_taken_from_the_beginning() {
        assert_eq!(
            parse(b"\xff\xfe nonsense\n12\naccess 7\nroot 12\nvia\nvia a b\n"),
            Place::default()
        );
    }

    #[test]
    fn what_an_older_node_kept_of_the_log_is_followed_again_and_its_positions_go_on() {
        let place = parse(b"statements 7\nheard 12\n3 fujisawa/#\n");
        let resume = place.resume(None, Frontier::new());
        assert_eq!(resume.log.size(), 0);
        assert_eq!(resume.positions.values().copied().collect::<Vec<_>>(), [Position::new(3)]);
    }

    #[test]
    fn positions_in_the_log_of_one_node_say_nothing_of_that_of_another() {
        let place = parse(b"3 fujisawa/#\nvia kyoto 8 fujisawa/#\nvia osaka 9 fujisawa/#\n");
        let at = |passing: Option<&str>| {
            let passing = passing.map(|peer| peer.parse().unwrap());
            let resume = place.clone().resume(passing.as_ref(), Frontier::new());
            assert!(!resume.elsewhere.is_empty(), "{passing:?}");
            resume.positions.values().copied().collect::<Vec<_>>()
        };
        assert_eq!(at(None), [Position::new(3)]);
        assert_eq!(at(Some("kyoto")), [Position::new(8)]);
        assert_eq!(at(Some("osaka")), [Position::new(9)]);
        assert_eq!(at(Some("nara")), []);
    }
}
