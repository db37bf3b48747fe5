//! What a check found, in the form editors and people can follow: `file:line: what to do`.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: Option<usize>,
    message: String,
}

impl Finding {
    /// About a whole file, folder or package.
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, message: message.into() }
    }

    /// About one line, counted from 1.
    pub(crate) fn at(path: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: Some(line), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// Prints every finding and a closing line; fails where there is one.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn print(findings: &[Finding], check: &str) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    if findings.is_empty() {
        writeln!(out, "{check}: nothing to mend")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{check}: {} to mend", findings.len())?;
    Ok(ExitCode::FAILURE)
}
