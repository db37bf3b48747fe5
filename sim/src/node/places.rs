//! How far each organisation's topics have come here, along each route: a position is of the log of
//! the node that was asked.

use std::collections::BTreeMap;

use bytes::Bytes;
use sekisho_proto::{Filter, OrgName, Position, Timestamp};
use sekisho_store::Keyed as _;

use super::{Halt, running::Running};

/// What is kept of one organisation, as lines of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// By whose node was asked.
    positions: BTreeMap<(OrgName, Filter), Position>,
    pub(super) heard: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
}

impl Places {
    /// Where to go on at a node.
    pub(super) fn at(&self, via: &OrgName) -> BTreeMap<Filter, Position> {
        let here = self.positions.iter().filter(|((asked, _), _)| asked == via);
        here.map(|((_, filter), position)| (filter.clone(), *position)).collect()
    }

    /// What was asked of other nodes.
    pub(super) fn elsewhere(&self, via: &OrgName) -> Vec<Filter> {
        let others = self.positions.keys().filter(|(asked, _)| asked != via);
        others.map(|(_, filter)| filter.clone()).collect()
    }

    pub(super) fn keep(&mut self, via: &OrgName, filter: Filter, position: Option<Position>) {
        let key = (via.clone(), filter);
        match position {
            Some(position) => drop(self.positions.insert(key, position)),
            None => drop(self.positions.remove(&key)),
        }
    }

    fn parse(text: &str) -> Self {
        let mut places = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let time = |word: &str| word.parse().ok().map(Timestamp::from_micros);
            match words.as_slice() {
                ["heard", at] => places.heard = time(at),
                ["newest", at] => places.newest = time(at),
                [via, filter, position] => {
                    if let (Ok(via), Ok(filter), Ok(position)) =
                        (via.parse(), filter.parse(), position.parse())
                    {
                        places.positions.insert((via, filter), Position::new(position));
                    }
                }
                _ => {}
            }
        }
        places
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for (word, time) in [("heard", self.heard), ("newest", self.newest)] {
            lines.extend(time.map(|time| format!("{word} {}\n", time.as_micros())));
        }
        for ((via, filter), position) in &self.positions {
            lines.push(format!("{via} {filter} {}\n", position.value()));
        }
        lines.concat()
    }
}

impl Running {
    pub(super) fn places(&self, owner: &OrgName) -> Result<Places, Halt> {
        let text = self.text(&name(owner))?;
        Ok(text.map(|text| Places::parse(&text)).unwrap_or_default())
    }

    pub(super) fn change_places(
        &self,
        owner: &OrgName,
        change: impl FnOnce(&mut Places),
    ) -> Result<(), Halt> {
        let mut places = self.places(owner)?;
        change(&mut places);
        self.keep_text(&name(owner), places.text())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Halt> {
        let blob = self.store.keyed.blob(name).map_err(|_error| Halt::Crash)?;
        Ok(blob.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(super) fn keep_text(&self, name: &str, text: String) -> Result<(), Halt> {
        self.store.keyed.put_blob(name, Bytes::from(text)).map_err(|_error| Halt::Crash)
    }
}

fn name(owner: &OrgName) -> String {
    format!("places of {owner}")
}
