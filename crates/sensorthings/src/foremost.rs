//! What comes first in an order, of many entities of which few are kept.

use std::cmp::Ordering;

use crate::fault::Fault;
use crate::limits::{SORTED_BYTES_MAX, SORTED_ENTITIES_MAX};
use crate::model::Entity;
use crate::options::{Options, OrderKey};
use crate::value::Value;

/// How many more entities are kept than are wanted before those behind them are left: the more, the
/// less often they are sorted.
const SPARE_MIN: usize = 1_024;
const SPARE_MAX: usize = 32_768;

/// How many bytes more are kept than may be wanted, for the same reason.
const SPARE_BYTES: usize = SORTED_BYTES_MAX / 4;

/// Where an entity came from: its stream, its record, its number in there. What is alike in the order
/// that is asked for stands in this one.
pub(crate) type Origin = (usize, u64, u32);

/// One entity with what it is sorted by.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) keys: Vec<Value>,
    pub(crate) origin: Origin,
    pub(crate) entity: Entity,
}

/// The entities of a page, with those before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Foremost {
    kept: Vec<Candidate>,
    /// Nothing from the last of these on is wanted, where there are as many as are wanted.
    is_full: bool,
    /// Bytes of long texts in them.
    bytes: usize,
}

impl Foremost {
    /// Keeps an entity, unless there are enough before it.
    pub(crate) fn add(&mut self, candidate: Candidate, options: &Options) -> Result<(), Fault> {
        let wanted = wanted(options);
        let is_behind = |last: &Candidate| candidate.cmp(last, &options.order).is_ge();
        if wanted == 0 || (self.is_full && self.kept.get(wanted - 1).is_some_and(is_behind)) {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(weight(&candidate));
        self.kept.push(candidate);
        let spare = wanted.clamp(SPARE_MIN, SPARE_MAX);
        let most = wanted.saturating_add(spare).min(SORTED_ENTITIES_MAX + SPARE_MAX);
        if self.kept.len() < most && self.bytes <= SORTED_BYTES_MAX + SPARE_BYTES {
            return Ok(());
        }
        self.settle(wanted, &options.order);
        let instead = "narrow it with $filter, or ask for less with $top and $skip";
        if self.kept.len() > SORTED_ENTITIES_MAX {
            return Err(Fault::too_much("entities sorted", SORTED_ENTITIES_MAX, instead));
        }
        if self.bytes > SORTED_BYTES_MAX {
            return Err(Fault::too_much("bytes sorted", SORTED_BYTES_MAX, instead));
        }
        Ok(())
    }

    /// Those of the page, in order.
    pub(crate) fn page(mut self, options: &Options) -> Vec<Candidate> {
        self.settle(wanted(options), &options.order);
        self.kept.into_iter().skip(options.skip).collect()
    }

    fn settle(&mut self, wanted: usize, order: &[OrderKey]) {
        self.kept.sort_unstable_by(|left, right| left.cmp(right, order));
        self.kept.truncate(wanted);
        self.is_full = self.kept.len() == wanted;
        self.bytes = self.kept.iter().map(weight).sum();
    }
}

/// How many are kept: nothing behind the page is on it.
fn wanted(options: &Options) -> usize {
    match options.page() {
        0 => 0,
        page => options.skip.saturating_add(page),
    }
}

impl Candidate {
    fn cmp(&self, other: &Self, order: &[OrderKey]) -> Ordering {
        let pairs = order.iter().zip(self.keys.iter().zip(&other.keys));
        let mut ordered = pairs.map(|(key, (left, right))| {
            let ordering = in_order(left, right);
            if key.descends { ordering.reverse() } else { ordering }
        });
        let ordering = ordered.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal);
        ordering.then_with(|| self.origin.cmp(&other.origin))
    }
}

/// A total order: what is not there first, then by kind of value. Numbers that are one as JSON readers
/// see them stand by what they are as whole numbers.
fn in_order(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Boolean(_) => 1,
        Value::Integer(_) | Value::Number(_) => 2,
        Value::Text(_) | Value::Time(_) => 3,
        Value::Clock(_) => 4,
        Value::Duration(_) => 5,
        Value::Geometry(_) | Value::Other => 6,
    };
    let alike = || match (left.number(), right.number()) {
        (Some(one), Some(two)) => one.total_cmp(&two).then_with(|| whole(left).cmp(&whole(right))),
        _ => left.compare(right).unwrap_or(Ordering::Equal),
    };
    rank(left).cmp(&rank(right)).then_with(alike)
}

fn whole(value: &Value) -> Option<i64> {
    if let Value::Integer(whole) = value { Some(*whole) } else { None }
}

/// Bytes of what may be long in it.
fn weight(candidate: &Candidate) -> usize {
    let keys = candidate.keys.iter().map(|key| {
        let text = if let Value::Text(text) = key { Some(text.len()) } else { None };
        text.unwrap_or(0)
    });
    let own = if let Entity::Observation(_, seen) = &candidate.entity { seen.bytes() } else { 0 };
    keys.sum::<usize>().saturating_add(own)
}
