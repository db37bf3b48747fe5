//! What a node asks of a peer: few filters that cover what is wanted here, and no more than the
//! contract allows.
//!
//! Many local subscriptions become few interests. One that is wanted no longer is asked for a while
//! yet, so that a viewer who comes back costs nothing. What changes is said in a bounded number of
//! frames: where many filters would take the place of one, that one stays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sekisho_proto::{Filter, FilterLevel, Timestamp};

/// So many interests may take the place of a wider one.
const SPLIT_MAX: usize = 8;

/// Pieces that are told apart; where what is wanted and what the contract names cross in more, all
/// that the contract names is asked for.
const PIECES_MAX: usize = 2_048;

/// From when on something is wanted; the earlier is the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// From the first record that there is.
    Earliest,
    /// From a time.
    Time(Timestamp),
    /// From now on.
    Latest,
}

/// What is wanted of one organisation's topics, each filter once.
pub type Wanted = BTreeMap<Filter, Since>;

/// What the contract allows to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Terms {
    /// None of them contains another.
    imports: Vec<Filter>,
    /// The same, or what contains them where they are more than may be asked for.
    allowed: Vec<Filter>,
    max: usize,
}

/// One change of what is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InterestChange {
    /// Ask for it no longer.
    Remove(Filter),
    /// Ask for it.
    Add(Filter, Since),
}

/// How well an interest fits what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// It is wanted as it is.
    Exact,
    /// It is wider than what is wanted of it, or not wanted at all, since then.
    Wide(Timestamp),
    /// It is wider, and too much would take its place.
    Kept,
}

/// The interests of one link.
#[derive(Debug)]
pub(crate) struct Interests {
    linger: Duration,
    terms: Terms,
    /// None = everything that the contract lets this node take.
    wanted: Option<Wanted>,
    asked: BTreeMap<Filter, Fit>,
}

impl Interests {
    /// None yet; `linger` is how long one is asked for that is wanted no longer.
    pub(crate) const fn new(linger: Duration) -> Self {
        let terms = Terms { imports: Vec::new(), allowed: Vec::new(), max: 1 };
        Self { linger, terms, wanted: None, asked: BTreeMap::new() }
    }

    /// The contract allows these, and so many at a time; none = nothing is asked for.
    pub(crate) fn set_terms(&mut self, imports: &[Filter], max: usize) {
        let imports = if max == 0 { &[] } else { imports };
        let imports = outermost(imports.iter().cloned());
        let allowed = folded(&imports, max);
        self.terms = Terms { imports, allowed, max };
    }

    /// This is wanted; none = everything that the contract allows.
    pub(crate) fn set_wanted(&mut self, wanted: Option<Wanted>, now: Timestamp) {
        self.wanted = wanted;
        // What was kept for want of anything better is looked at again.
        for fit in self.asked.values_mut() {
            if *fit == Fit::Kept {
                *fit = Fit::Wide(now);
            }
        }
    }

    /// Nothing has been asked for.
    pub(crate) fn forget(&mut self) {
        self.asked.clear();
    }

    /// What is to be said to the peer now; what is removed comes first.
    pub(crate) fn settle(&mut self, now: Timestamp) -> Vec<InterestChange> {
        let pieces = self.pieces();
        let before: BTreeSet<Filter> = self.asked.keys().cloned().collect();
        let allowed = &self.terms.allowed;
        self.asked.retain(|asked, _fit| allowed.iter().any(|allowed| allowed.contains(asked)));
        self.cover(&pieces);
        self.bound();
        self.narrow(&pieces, now);
        let added = self.asked.keys().filter(|asked| !before.contains(*asked));
        let added = added.map(|asked| InterestChange::Add(asked.clone(), since(asked, &pieces)));
        let removed = before.iter().filter(|asked| !self.asked.contains_key(*asked));
        removed.cloned().map(InterestChange::Remove).chain(added).collect()
    }

    /// When [`settle`](Self::settle) has something to do although nothing was changed.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let since = self.asked.values().filter_map(|fit| match fit {
            Fit::Wide(since) => Some(*since),
            Fit::Exact | Fit::Kept => None,
        });
        since.min().map(|since| since.saturating_add(self.linger))
    }

    /// What is wanted within the contract; none of these contains another.
    fn pieces(&self) -> Wanted {
        let Some(wanted) = &self.wanted else {
            return self.terms.imports.iter().map(|all| (all.clone(), Since::Earliest)).collect();
        };
        let mut pieces = Wanted::new();
        for (filter, since) in wanted {
            for import in &self.terms.imports {
                let Some(piece) = intersection(filter, import) else { continue };
                let known = pieces.entry(piece).or_insert(*since);
                *known = (*known).min(*since);
                if pieces.len() > PIECES_MAX {
                    let since = wanted.values().copied().min().unwrap_or(Since::Latest);
                    return self.terms.imports.iter().map(|all| (all.clone(), since)).collect();
                }
            }
        }
        let outermost = outermost(pieces.keys().cloned());
        outermost.into_iter().map(|piece| (piece.clone(), since(&piece, &pieces))).collect()
    }

    /// Asks for what is not asked for; what that contains is asked for no longer.
    fn cover(&mut self, pieces: &Wanted) {
        // A topic contains nothing but itself, and no piece contains another.
        let patterns = self.asked.keys().filter(|asked| is_pattern(asked));
        let patterns: Vec<Filter> = patterns.cloned().collect();
        for piece in pieces.keys() {
            let is_within = |wide: &Filter| wide.contains(piece) && self.asked.contains_key(wide);
            let is_asked = self.asked.contains_key(piece) || patterns.iter().any(is_within);
            if !is_asked {
                self.asked.retain(|asked, _fit| !piece.contains(asked));
                self.asked.insert(piece.clone(), Fit::Exact);
            }
        }
    }

    /// Where too many are asked for, all of what the contract names together instead of its parts,
    /// beginning where there are most of them.
    fn bound(&mut self) {
        while self.asked.len() > self.terms.max {
            let parts = |allowed: &&Filter| {
                self.asked.keys().filter(|asked| allowed.contains(asked)).count()
            };
            let widest = self.terms.allowed.iter().max_by_key(parts);
            let Some(widest) = widest.filter(|widest| parts(widest) > 1).cloned() else { return };
            self.asked.retain(|asked, _fit| !widest.contains(asked));
            self.asked.insert(widest, Fit::Exact);
        }
    }

    /// Lets go of what was wider than wanted for long enough.
    fn narrow(&mut self, pieces: &Wanted, now: Timestamp) {
        for (asked, fit) in &mut self.asked {
            *fit = match *fit {
                _ if pieces.contains_key(asked) => Fit::Exact,
                Fit::Exact => Fit::Wide(now),
                Fit::Wide(since) => Fit::Wide(since),
                Fit::Kept => Fit::Kept,
            };
        }
        let is_due = |fit: &Fit| match fit {
            Fit::Wide(since) => since.saturating_add(self.linger) <= now,
            Fit::Exact | Fit::Kept => false,
        };
        let due = self.asked.iter().filter(|(_asked, fit)| is_due(fit));
        for wide in due.map(|(asked, _fit)| asked.clone()).collect::<Vec<_>>() {
            let covered = |piece: &Filter| {
                self.asked.keys().any(|other| *other != wide && other.contains(piece))
            };
            let left = pieces.keys().filter(|piece| wide.contains(piece) && !covered(piece));
            let left: Vec<Filter> = left.take(SPLIT_MAX + 1).cloned().collect();
            let count = (self.asked.len() - 1).saturating_add(left.len());
            if left.len() > SPLIT_MAX || (count > self.terms.max && !left.is_empty()) {
                self.asked.insert(wide, Fit::Kept);
                continue;
            }
            self.asked.remove(&wide);
            self.asked.extend(left.into_iter().map(|piece| (piece, Fit::Exact)));
        }
    }
}

/// From when on a filter is wanted: from the earliest of what it contains.
fn since(filter: &Filter, pieces: &Wanted) -> Since {
    if !is_pattern(filter) {
        return pieces.get(filter).copied().unwrap_or(Since::Latest);
    }
    let within = pieces.iter().filter(|(piece, _since)| filter.contains(piece));
    within.map(|(_piece, since)| *since).min().unwrap_or(Since::Latest)
}

/// Those that no other one contains, each once.
fn outermost(filters: impl Iterator<Item = Filter>) -> Vec<Filter> {
    let all: BTreeSet<Filter> = filters.collect();
    // A topic contains nothing but itself, and most filters of a crowd are topics.
    let patterns: Vec<Filter> = all.iter().filter(|filter| is_pattern(filter)).cloned().collect();
    let contained = |filter: &Filter| {
        patterns.iter().any(|pattern| pattern != filter && pattern.contains(filter))
    };
    all.into_iter().filter(|filter| !contained(filter)).collect()
}

fn is_pattern(filter: &Filter) -> bool {
    filter.levels().any(|level| !matches!(level, FilterLevel::Literal(_)))
}

/// At most `max` filters that contain all of these: the same, or what they begin with.
fn folded(filters: &[Filter], max: usize) -> Vec<Filter> {
    let mut folded = filters.to_vec();
    let deepest = filters.iter().map(|filter| filter.levels().count()).max().unwrap_or(0);
    for depth in (1..deepest).rev() {
        if folded.len() <= max {
            break;
        }
        folded = outermost(filters.iter().map(|filter| cut(filter, depth)));
    }
    folded
}

/// Everything below the first levels of a filter.
fn cut(filter: &Filter, depth: usize) -> Filter {
    if filter.levels().count() <= depth {
        return filter.clone();
    }
    let mut levels: Vec<&str> = filter.as_str().split('/').take(depth).collect();
    levels.push("#");
    levels.join("/").parse().unwrap_or_else(|_too_long| filter.clone())
}

/// The filter of the topics that both match; none where there are none.
pub(crate) fn intersection(one: &Filter, other: &Filter) -> Option<Filter> {
    if one.contains(other) {
        return Some(other.clone());
    }
    if other.contains(one) {
        return Some(one.clone());
    }
    if !one.overlaps(other) {
        return None;
    }
    let (mut ours, mut theirs) = (one.levels(), other.levels());
    let mut levels = Vec::new();
    loop {
        let level = match (ours.next(), theirs.next()) {
            (Some(FilterLevel::Rest), Some(their)) => {
                levels.push(their);
                levels.extend(theirs);
                break;
            }
            (Some(our), Some(FilterLevel::Rest)) => {
                levels.push(our);
                levels.extend(ours);
                break;
            }
            (Some(FilterLevel::One), Some(level)) | (Some(level), Some(_)) => level,
            (None | Some(_), None) | (None, Some(_)) => break,
        };
        levels.push(level);
    }
    let texts = levels.into_iter().map(|level| match level {
        FilterLevel::Literal(text) => text,
        FilterLevel::One => "+",
        FilterLevel::Rest => "#",
    });
    texts.collect::<Vec<_>>().join("/").parse().ok()
}

#[cfg(test)]
mod tests;
