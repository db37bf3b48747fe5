//! What any engine must do, as functions that an engine's tests call: the same for the embedded
//! one and for one that is shared by many machines.
//!
//! Each check needs an empty store and says with a [`Breach`] what it found. [`check_records`] and
//! [`check_keyed`] run all of them; [`agrees_with_model`] compares an engine step by step with a
//! model that is too simple to be wrong, so that a property test can choose the steps.

use std::fmt;

use crate::{Keyed, Records};

mod heads;
mod keyed;
mod model;
mod reading;
mod retention;
mod samples;
mod writing;

pub use model::{Step, agrees_with_model};

/// Longest text of a value in a breach, characters: enough for a record's numbers and topic.
const TEXT_CHARS_MAX: usize = 400;

/// A store that can be closed and opened again.
pub trait RecordsEngine {
    /// What it opens.
    type Records: Records;

    /// Opens the store; what was opened before has been dropped.
    ///
    /// # Errors
    ///
    /// Why it does not open.
    fn open(&self) -> Result<Self::Records, Breach>;
}

/// Keyed state that can be closed and opened again.
pub trait KeyedEngine {
    /// What it opens.
    type Keyed: Keyed;

    /// Opens the store; what was opened before has been dropped.
    ///
    /// # Errors
    ///
    /// Why it does not open.
    fn open(&self) -> Result<Self::Keyed, Breach>;
}

/// What an engine did that it must not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Breach(pub String);

impl Breach {
    /// An operation that must succeed and did not.
    pub fn of(doing: &str, error: &dyn fmt::Display) -> Self {
        Self(format!("{doing}: {error}"))
    }
}

/// Checks one thing on an empty engine.
type Check<E> = fn(&E) -> Result<(), Breach>;

/// Runs every check of records, each on an engine of its own.
///
/// # Errors
///
/// The first breach, with the name of the check.
pub fn check_records<E: RecordsEngine>(empty: impl Fn() -> E) -> Result<(), Breach> {
    let checks: [(&str, Check<E>); 17] = [
        ("nothing is readable before the commit", writing::nothing_is_readable_early),
        ("what is not committed is gone", writing::uncommitted_is_gone),
        ("records come back as they were appended", writing::records_come_back),
        ("a topic's offsets have no gaps", writing::offsets_have_no_gaps),
        ("offsets of a follower must grow", writing::follower_offsets_grow),
        ("records of the wrong size are refused", writing::sizes_are_limited),
        ("stream heads outlive a restart", heads::outlive_restarts),
        ("stream heads have the newest time by the headers", heads::have_the_newest_time),
        ("the oldest runs by the headers are forgotten", heads::the_oldest_runs_are_forgotten),
        ("a filter selects", reading::a_filter_selects),
        ("a filter selects among many topics", reading::a_filter_selects_among_many),
        ("limits are kept and reading goes on", reading::limits_are_kept),
        ("a topic is read from an offset", reading::a_topic_is_read_from_an_offset),
        ("last values are the last", reading::last_values_are_the_last),
        ("a time finds its position", reading::a_time_finds_its_position),
        ("readers see a growing prefix while records are written", reading::readers_see_a_prefix),
        ("retention drops only what the rules let go", retention::rules_are_kept),
    ];
    for (name, check) in checks {
        check(&empty()).map_err(|breach| Breach(format!("{name}: {breach}")))?;
    }
    Ok(())
}

/// Runs every check of keyed state, each on an engine of its own.
///
/// # Errors
///
/// The first breach, with the name of the check.
pub fn check_keyed<E: KeyedEngine>(empty: impl Fn() -> E) -> Result<(), Breach> {
    let checks: [(&str, Check<E>); 7] = [
        ("an empty store has nothing", keyed::empty_has_nothing),
        ("what is put comes back after a restart", keyed::puts_come_back),
        ("what is removed is gone", keyed::removed_is_gone),
        ("key headers become idle and are in use again", keyed::key_headers_become_idle),
        ("control logs count from zero, each on its own", keyed::control_logs_count),
        ("leaves are appended at the end of their log and nowhere else", keyed::leaves_count),
        ("what is sealed goes with its subject and with no other", keyed::sealed_goes),
    ];
    for (name, check) in checks {
        check(&empty()).map_err(|breach| Breach(format!("{name}: {breach}")))?;
    }
    Ok(())
}

/// Goes on where a condition holds, and says what does not otherwise.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Breach> {
    if holds { Ok(()) } else { Err(Breach(what())) }
}

fn ensure_equal<T: PartialEq + fmt::Debug>(
    what: &str,
    wanted: &T,
    found: &T,
) -> Result<(), Breach> {
    let short = |value: &T| format!("{value:?}").chars().take(TEXT_CHARS_MAX).collect::<String>();
    ensure(wanted == found, || format!("{what}: wanted {}, found {}", short(wanted), short(found)))
}
