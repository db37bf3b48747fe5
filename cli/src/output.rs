//! How answers are shown: tables that fit the terminal, or one JSON document.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;

/// Columns of a terminal that does not say how wide it is.
const WIDTH: usize = 80;
/// Rows of a terminal that does not say.
const HEIGHT: usize = 24;
/// How often the sign that something is under way moves.
const TURN: Duration = Duration::from_millis(100);
/// A table whose last column has less room than this is shown row under row instead.
const LAST_COLUMN_MIN: usize = 12;

/// Why an answer could not be written, where that happened.
static FAULT: OnceLock<String> = OnceLock::new();

/// Prints a line for people or programs. A reader that has gone wants nothing more: for
/// `sekisho … | head` that is no fault, and processes that go on do not end for it.
pub(crate) fn line(text: impl AsRef<str>) {
    if let Err(fault) = try_line(text)
        && fault.kind() != io::ErrorKind::BrokenPipe
    {
        drop(FAULT.set(fault.to_string()));
    }
}

/// Why something that was printed is not where it should be.
pub(crate) fn fault() -> Option<&'static str> {
    FAULT.get().map(String::as_str)
}

/// As [`line`], for what goes on until somebody stops it.
///
/// # Errors
/// Nobody reads any more, or the file is full.
pub(crate) fn try_line(text: impl AsRef<str>) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", text.as_ref())
}

/// Says something that is no part of the answer.
pub(crate) fn aside(text: impl AsRef<str>) {
    drop(writeln!(io::stderr().lock(), "{}", text.as_ref()));
}

/// As [`aside`], where somebody sits in front of it.
pub(crate) fn aside_for_people(text: impl AsRef<str>) {
    if io::stderr().is_terminal() {
        aside(text);
    }
}

/// Shows people that something is being waited for, until it is dropped.
pub(crate) fn waiting(text: impl Into<String>) -> Waiting {
    let bar = ProgressBar::new_spinner().with_message(text.into());
    bar.enable_steady_tick(TURN);
    Waiting { bar }
}

/// A sign that something is under way; it leaves no trace, and is not there without a terminal.
#[derive(Debug)]
pub(crate) struct Waiting {
    bar: ProgressBar,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Prints a JSON document on one line.
pub(crate) fn json(value: &Value) {
    line(value.to_string());
}

/// Prints rows under headings. On a terminal the last column takes what is left of the width and is
/// cut there; where too little is left, each row becomes a block. Nothing is cut for a pipe.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let room = if io::stdout().is_terminal() { terminal_width() } else { usize::MAX };
    for text in layout(headings, rows, room) {
        line(text);
    }
}

fn terminal_width() -> usize {
    terminal_size().0
}

/// Columns and rows of the terminal; 80 by 24 where it does not say.
pub(crate) fn terminal_size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let told = |count: u16, otherwise| if count > 0 { usize::from(count) } else { otherwise };
    size.map_or((WIDTH, HEIGHT), |size| (told(size.ws_col, WIDTH), told(size.ws_row, HEIGHT)))
}

fn layout(headings: &[&str], rows: &[Vec<String>], room: usize) -> Vec<String> {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let last = widths.pop().unwrap_or(0);
    let before: usize = widths.iter().map(|width| width + 2).sum();
    if before + last.min(LAST_COLUMN_MIN) > room {
        return rows.iter().flat_map(|row| block(headings, row, room)).collect();
    }
    let left = room - before;
    let head: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    std::iter::once(&head).chain(rows).map(|row| columns(row, &widths, left)).collect()
}

fn columns(row: &[String], widths: &[usize], left: usize) -> String {
    let mut text = String::new();
    for (index, cell) in row.iter().enumerate() {
        match widths.get(index) {
            Some(width) => text.push_str(&pad(cell, width + 2)),
            None => text.push_str(&cut(cell, left)),
        }
    }
    text.trim_end().to_owned()
}

/// One row as lines of heading and cell, and an empty line.
fn block(headings: &[&str], row: &[String], room: usize) -> Vec<String> {
    let width = headings.iter().map(|heading| heading.chars().count()).max().unwrap_or(0) + 2;
    let cells = headings.iter().zip(row);
    cells
        .map(|(heading, cell)| pad(heading, width) + &cut(cell, room.saturating_sub(width).max(1)))
        .map(|text| text.trim_end().to_owned())
        .chain([String::new()])
        .collect()
}

fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    text.chars().chain(std::iter::repeat_n(' ', missing)).collect()
}

/// A text that has at most `width` characters, with a sign that something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A time for people: whole seconds.
pub(crate) fn moment(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, fraction)) if fraction.ends_with('Z') => format!("{seconds}Z"),
        _ => time.to_owned(),
    }
}

/// A number of things, with the word for them as one or many take it.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn a_long_last_column_is_cut_at_the_width_of_the_terminal() {
        let lines = layout(&["A", "B"], &[row(&["a", &"x".repeat(200)])], 80);
        assert_eq!(lines.iter().map(|line| line.chars().count()).max(), Some(80));
        assert!(lines.iter().any(|line| line.ends_with('…')));
    }

    #[test]
    fn a_row_that_does_not_fit_becomes_a_block() {
        let rows = [row(&["dashboard@santander", "subscribe,history", "until revoked"])];
        let lines = layout(&["WHO", "MAY", "UNTIL"], &rows, 40);
        let wanted =
            ["WHO    dashboard@santander", "MAY    subscribe,history", "UNTIL  until revoked", ""];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn nothing_is_cut_for_a_pipe() {
        let long = "x".repeat(500);
        let lines = layout(&["A"], &[row(&[&long])], usize::MAX);
        assert_eq!(lines, ["A", long.as_str()]);
    }

    #[test]
    fn wide_letters_are_not_cut_in_half() {
        assert_eq!(cut("藤沢市のトラック", 4), "藤沢市…");
    }

    #[test]
    fn people_are_shown_whole_seconds() {
        assert_eq!(moment("2026-11-21T08:48:50.868886Z"), "2026-11-21T08:48:50Z");
        assert_eq!(moment("–"), "–");
    }
}
