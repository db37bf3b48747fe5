//! Questions to whoever sits in front of the terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result, ensure};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Bytes of one typed line: a token is a third of it.
const LINE_BYTES_MAX: usize = 4 << 10;

/// Whether somebody can be asked.
pub(crate) fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a yes; everything else is a no.
pub(crate) fn confirm(question: &str) -> Result<bool> {
    let answer = line(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Asks for something that is not to be seen on the screen.
pub(crate) fn secret(question: &str) -> Result<Zeroizing<String>> {
    let _hidden = Hidden::begin();
    let answer = line(question)?;
    drop(writeln!(io::stderr()));
    Ok(answer)
}

pub(crate) fn line(question: &str) -> Result<Zeroizing<String>> {
    let mut shown = io::stderr().lock();
    write!(shown, "{question}").and_then(|()| shown.flush()).context("standard error")?;
    let mut answer = Zeroizing::new(String::with_capacity(LINE_BYTES_MAX));
    let limit = u64::try_from(LINE_BYTES_MAX)?;
    let mut input = io::Read::take(io::stdin().lock(), limit);
    let read = input.read_line(&mut answer).context("standard input")?;
    ensure!(read > 0, "standard input: wanted an answer, found its end");
    Ok(answer)
}

/// What is typed is not shown until this is dropped.
struct Hidden {
    before: Option<Termios>,
}

impl Hidden {
    fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            set(&silent);
        }
        Self { before }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            set(before);
        }
    }
}

fn set(mode: &Termios) {
    if let Err(cause) = tcsetattr(io::stdin(), OptionalActions::Flush, mode) {
        tracing::debug!(%cause, "terminal not changed");
    }
}
