//! What an expression comes to for one entity.
//!
//! Truth has three values: that something is greater or less than nothing is neither true nor false.
//! `eq` and `ne` take nothing as a value like others, as in OData. A name that leads to many values is
//! true of the entity where it is true of one of them, for each comparison by itself.

use std::cmp::Ordering;

use sekisho_proto::Timestamp;
use serde_json::Value as Json;

use crate::expression::{Arithmetic, Comparison, Expression};
use crate::fault::Fault;
use crate::function::Function;
use crate::limits::{COMBINATIONS_MAX, COMBINED_BYTES_MAX};
use crate::value::Value;

/// Whether an entity is what is asked for.
pub(crate) fn holds(expression: &Expression, facts: &Json, now: Timestamp) -> Result<bool, Fault> {
    Ok(values(expression, facts, now)?.iter().any(|value| value.truth() == Some(true)))
}

/// What an entity is ordered by: the first of its values.
pub(crate) fn first(expression: &Expression, facts: &Json, now: Timestamp) -> Result<Value, Fault> {
    Ok(values(expression, facts, now)?.into_iter().next().unwrap_or(Value::Null))
}

fn values(expression: &Expression, facts: &Json, now: Timestamp) -> Result<Vec<Value>, Fault> {
    let truth = |inner: &Expression| -> Result<Option<bool>, Fault> {
        let found: Vec<_> = values(inner, facts, now)?.iter().map(Value::truth).collect();
        Ok(strongest(&found))
    };
    let told = |truth: Option<bool>| vec![truth.map_or(Value::Null, Value::Boolean)];
    Ok(match expression {
        Expression::Literal(value) => vec![value.clone()],
        Expression::Path(path) => {
            let mut found = Vec::new();
            collect(facts, path, &mut found);
            found
        }
        Expression::Not(inner) => told(truth(inner)?.map(|truth| !truth)),
        Expression::Both(left, right) => told(match (truth(left)?, truth(right)?) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }),
        Expression::Either(left, right) => told(match (truth(left)?, truth(right)?) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        }),
        Expression::Negate(inner) => values(inner, facts, now)?.iter().map(negated).collect(),
        Expression::Compare(comparison, left, right) => {
            let (left, right) = (values(left, facts, now)?, values(right, facts, now)?);
            check_combinations(left.len().saturating_mul(right.len()))?;
            let pairs = left.iter().flat_map(|one| right.iter().map(move |two| (one, two)));
            let found: Vec<_> = pairs.map(|(one, two)| comparison.judge(one, two)).collect();
            told(strongest(&found))
        }
        Expression::Calculate(operator, left, right) => {
            let (left, right) = (values(left, facts, now)?, values(right, facts, now)?);
            check_combinations(left.len().saturating_mul(right.len()))?;
            let pairs = left.iter().flat_map(|one| right.iter().map(move |two| (one, two)));
            pairs.map(|(one, two)| operator.apply(one, two).unwrap_or(Value::Null)).collect()
        }
        Expression::Call(function, arguments) => {
            let lists = arguments.iter().map(|argument| values(argument, facts, now));
            call(*function, &lists.collect::<Result<Vec<_>, _>>()?, now)?
        }
    })
}

/// True where one is, else unknown where one is or there are none.
fn strongest(found: &[Option<bool>]) -> Option<bool> {
    if found.contains(&Some(true)) {
        return Some(true);
    }
    if found.is_empty() || found.contains(&None) {
        return None;
    }
    Some(false)
}

fn check_combinations(count: usize) -> Result<(), Fault> {
    if count <= COMBINATIONS_MAX {
        return Ok(());
    }
    let instead = "ask about one entity at a time";
    Err(Fault::too_much("values compared", COMBINATIONS_MAX, instead))
}

/// Arguments are not copied into each combination: a text or an area among them may be long.
fn call(function: Function, lists: &[Vec<Value>], now: Timestamp) -> Result<Vec<Value>, Fault> {
    if lists.iter().any(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let count = lists.iter().map(Vec::len).fold(1, usize::saturating_mul);
    check_combinations(count)?;
    let mut rows: Vec<Vec<&Value>> = vec![Vec::new()];
    for list in lists {
        let longer = rows.iter().flat_map(|row| {
            list.iter().map(|value| row.iter().copied().chain([value]).collect::<Vec<_>>())
        });
        rows = longer.collect();
    }
    let (mut made, mut bytes) = (Vec::with_capacity(count), 0_usize);
    for row in rows {
        let value = function.call(&row, now);
        if let Value::Text(text) = &value {
            bytes = bytes.saturating_add(text.len());
        }
        if bytes > COMBINED_BYTES_MAX {
            let instead = "ask about one entity at a time";
            return Err(Fault::too_much("bytes of texts made", COMBINED_BYTES_MAX, instead));
        }
        made.push(value);
    }
    Ok(made)
}

/// The values at the end of a path; through lists to each of their entries.
fn collect(facts: &Json, path: &[String], found: &mut Vec<Value>) {
    if let Json::Array(entries) = facts {
        // A list of plain values is one value, which nothing compares to.
        if path.is_empty() {
            found.push(Value::Other);
        } else {
            for entry in entries {
                collect(entry, path, found);
            }
        }
        return;
    }
    match path.split_first() {
        None => found.push(Value::of(facts)),
        Some((name, rest)) => {
            let name = if name == "id" && facts.get("id").is_none() { "@iot.id" } else { name };
            match facts.get(name) {
                Some(inner) => collect(inner, rest, found),
                None => found.push(Value::Null),
            }
        }
    }
}

fn negated(value: &Value) -> Value {
    match value {
        Value::Integer(whole) => whole.checked_neg().map_or(Value::Null, Value::Integer),
        Value::Number(number) => Value::Number(-number),
        Value::Duration(micros) => micros.checked_neg().map_or(Value::Null, Value::Duration),
        Value::Null
        | Value::Boolean(_)
        | Value::Text(_)
        | Value::Time(_)
        | Value::Clock(_)
        | Value::Geometry(_)
        | Value::Other => Value::Null,
    }
}

impl Comparison {
    fn judge(self, left: &Value, right: &Value) -> Option<bool> {
        let ordering = left.compare(right);
        match self {
            Self::Equal => Some(ordering == Some(Ordering::Equal)),
            Self::NotEqual => Some(ordering != Some(Ordering::Equal)),
            Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual
                if *left == Value::Null || *right == Value::Null =>
            {
                None
            }
            Self::Greater => ordering.map(Ordering::is_gt),
            Self::GreaterOrEqual => ordering.map(Ordering::is_ge),
            Self::Less => ordering.map(Ordering::is_lt),
            Self::LessOrEqual => ordering.map(Ordering::is_le),
        }
    }
}

impl Arithmetic {
    fn apply(self, left: &Value, right: &Value) -> Option<Value> {
        match (self, left, right) {
            (Self::Add, Value::Duration(by), time @ (Value::Time(_) | Value::Text(_)))
            | (Self::Add, time @ (Value::Time(_) | Value::Text(_)), Value::Duration(by)) => {
                moved(time.time()?, *by)
            }
            (Self::Subtract, time @ (Value::Time(_) | Value::Text(_)), Value::Duration(by)) => {
                moved(time.time()?, by.checked_neg()?)
            }
            (Self::Subtract, Value::Time(_), _) | (Self::Subtract, _, Value::Time(_)) => {
                let (left, right) = (left.time()?, right.time()?);
                left.as_micros().checked_sub(right.as_micros()).map(Value::Duration)
            }
            (Self::Add, Value::Duration(left), Value::Duration(right)) => {
                left.checked_add(*right).map(Value::Duration)
            }
            (Self::Subtract, Value::Duration(left), Value::Duration(right)) => {
                left.checked_sub(*right).map(Value::Duration)
            }
            (operator, Value::Integer(left), Value::Integer(right)) => {
                operator.whole(*left, *right)
            }
            (operator, left, right) => operator.broken(left.number()?, right.number()?),
        }
    }

    fn whole(self, left: i64, right: i64) -> Option<Value> {
        match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Remainder => left.checked_rem(right),
            // A result of 5 is no other number than one of 5.0: division is that of numbers.
            Self::Divide => match left.checked_rem(right) {
                Some(0) => left.checked_div(right),
                Some(_) => {
                    let (left, right) = (Value::Integer(left), Value::Integer(right));
                    return self.broken(left.number()?, right.number()?);
                }
                None => None,
            },
        }
        .map(Value::Integer)
    }

    fn broken(self, left: f64, right: f64) -> Option<Value> {
        let number = match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
        };
        number.is_finite().then_some(Value::Number(number))
    }
}

fn moved(time: Timestamp, by: i64) -> Option<Value> {
    let micros = time.as_micros().checked_add(by)?;
    Some(Value::Time(Timestamp::from_micros(micros)))
}

#[cfg(test)]
mod tests;
