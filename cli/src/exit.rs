//! How a command ends: a number that scripts can rely on.

use std::process::ExitCode;

/// Exit codes, as `sekisho --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// The answer is no, or the node refused.
    No,
    /// The arguments are wrong; the argument parser ends with the same number.
    Usage,
    /// The node cannot be reached.
    Unreachable,
    /// A file or setting of this machine is at fault.
    Local,
    /// What was stated stands, and was not confirmed everywhere in time.
    Unconfirmed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Local => 4,
            Exit::Unconfirmed => 5,
        })
    }
}
