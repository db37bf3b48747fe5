//! Prints an error with its causes on one line, for logs.

use std::{error::Error, fmt};

/// Causes that are printed: far more than any error here has, and an end for one that has itself.
const CAUSES_MAX: usize = 16;

/// An error and its causes, separated by colons.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        for _ in 0..CAUSES_MAX {
            let Some(found) = cause else { break };
            write!(formatter, ": {found}")?;
            cause = found.source();
        }
        Ok(())
    }
}
