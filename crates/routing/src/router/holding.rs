//! What came and can be judged only when more is on the disk. It waits in its line, and nothing of
//! another line waits for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sekisho_proto::{BootId, Hash, OrgName, PrincipalId, Sequence, Topic};

use super::publishing::Arrived;

/// What is judged in the order in which it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// All that the link of an organisation brings.
    Link(OrgName),
    /// What sessions publish of one publisher on a topic.
    Stream(Topic, PrincipalId),
}

/// Where in its line an envelope waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    First,
    Last,
}

/// All lines.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// None is empty.
    lines: BTreeMap<Line, VecDeque<Arrived>>,
    /// Envelopes in lines of sessions.
    of_sessions: usize,
    /// Lines whose first envelope is to be looked at again.
    due: BTreeSet<Line>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn is_waiting(&self, line: &Line) -> bool {
        self.lines.contains_key(line)
    }

    /// Whether one more may wait: so many of a link, and so many of all sessions.
    pub(super) fn has_room(&self, line: &Line, held_max: usize) -> bool {
        let waiting = match line {
            Line::Link(_) => self.lines.get(line).map_or(0, VecDeque::len),
            Line::Stream(..) => self.of_sessions,
        };
        waiting < held_max
    }

    pub(super) fn put(&mut self, line: Line, place: Place, arrived: Arrived) {
        if matches!(line, Line::Stream(..)) {
            self.of_sessions += 1;
        }
        let waiting = self.lines.entry(line).or_default();
        match place {
            Place::First => waiting.push_front(arrived),
            Place::Last => waiting.push_back(arrived),
        }
    }

    /// What became of an envelope of this publisher on the topic is known: who waits for that is
    /// looked at again. What a link waits for is its first envelope's business; there are few links.
    pub(super) fn look_again(&mut self, topic: &Topic, publisher: PrincipalId) {
        if self.lines.is_empty() {
            return;
        }
        let links = self.lines.keys().take_while(|line| matches!(line, Line::Link(_)));
        self.due.extend(links.cloned());
        let stream = Line::Stream(topic.clone(), publisher);
        if self.lines.contains_key(&stream) {
            self.due.insert(stream);
        }
    }

    /// The first of a line that is to be looked at again.
    pub(super) fn next(&mut self) -> Option<(Line, Arrived)> {
        let line = self.due.pop_first()?;
        let waiting = self.lines.get_mut(&line)?;
        let first = waiting.pop_front()?;
        if waiting.is_empty() {
            self.lines.remove(&line);
        }
        if matches!(line, Line::Stream(..)) {
            self.of_sessions = self.of_sessions.saturating_sub(1);
        }
        Some((line, first))
    }

    /// The one before the first of a line was judged.
    pub(super) fn go_on(&mut self, line: Line) {
        if self.lines.contains_key(&line) {
            self.due.insert(line);
        }
    }

    /// The last that waits of what sessions publish in one boot.
    pub(super) fn chain_end(
        &self,
        topic: &Topic,
        publisher: PrincipalId,
        boot: BootId,
    ) -> Option<(Sequence, Hash)> {
        let waiting = self.lines.get(&Line::Stream(topic.clone(), publisher))?;
        waiting.iter().rev().find_map(|arrived| arrived.end_of(boot))
    }
}
