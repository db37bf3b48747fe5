//! How a run ends that should not have ended so.

use std::error::Error;

/// What went wrong in a run, and how to see it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, step {step} of {steps}: {what}")]
pub struct Failure {
    /// The run's seed.
    pub seed: u64,
    /// Steps with faults that the run was to have.
    pub steps: u64,
    /// The step after which it was noticed.
    pub step: u64,
    /// The invariant that does not hold.
    pub what: String,
}

/// An invariant that does not hold, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) String);

/// Tells what is broken, wherever an error is one that must not happen in a run.
pub(crate) fn broken(doing: &str) -> impl FnOnce(&dyn Error) -> Broken {
    let doing = doing.to_owned();
    move |error| {
        let mut what = format!("{doing}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            what = format!("{what}: {cause}");
            source = cause.source();
        }
        Broken(what)
    }
}

/// An invariant.
pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what())) }
}
