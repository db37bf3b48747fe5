//! How answers are shown: tables that fit the terminal, or one JSON document.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// Columns of a terminal that does not say how wide it is.
const WIDTH: usize = 80;
/// Rows of a terminal that does not say.
const HEIGHT: usize = 24;
/// How often the sign that something is under way moves.
const TURN: Duration = Duration::from_millis(100);
/// A table whose last column has less room than this is shown in another way.
const LAST_COLUMN_MIN: usize = 12;
/// A text that has less room than this beside its heading stands below it.
const BESIDE_MIN: usize = 24;
/// How far a text below its heading is set in.
const NARROW_INDENT: usize = 6;
/// A row of at least so many columns takes two lines where one is too short; of fewer it is a block.
const COLUMNS_OF_TWO_LINES_MIN: usize = 5;

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
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return writeln!(out, "{}", harmless(text.as_ref()));
    }
    writeln!(out, "{}", text.as_ref())
}

/// Prints a line of our own making that changes how the terminal shows it.
pub(crate) fn styled(text: impl AsRef<str>) {
    drop(writeln!(io::stdout().lock(), "{}", text.as_ref()));
}

/// What a terminal takes for no command. Texts come from publishers, nodes and providers; one with
/// an escape in it could repaint what stands above it.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_command = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(is_command, "\u{fffd}"))
}

/// Says something that is no part of the answer.
pub(crate) fn aside(text: impl AsRef<str>) {
    drop(writeln!(io::stderr().lock(), "{}", harmless(text.as_ref())));
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

/// As [`waiting`], with the time that it takes so far.
pub(crate) fn waiting_since(text: impl Into<String>) -> Waiting {
    let waiting = waiting(text);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed} so far") {
        waiting.bar.set_style(style);
    }
    waiting
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

/// Shows people how many of so many seconds have passed, until it is dropped.
pub(crate) fn progress(seconds: u64) -> Progress {
    let bar = ProgressBar::new(seconds);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} s  {msg}") {
        bar.set_style(style);
    }
    Progress { bar }
}

/// How far something has come; it leaves no trace, and is not there without a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn set(&self, passed: u64, text: impl Into<String>) {
        self.bar.set_message(text.into());
        self.bar.set_position(passed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Prints a JSON document on one line.
pub(crate) fn json(value: &Value) {
    line(value.to_string());
}

/// Prints rows under headings. On a terminal the last column takes what is left of the width and is
/// cut there; where too little is left, a long row goes on in a second line, and any other becomes a
/// block. Nothing is cut for a pipe.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let room = if io::stdout().is_terminal() { terminal_width() } else { usize::MAX };
    for text in layout(headings, rows, room) {
        line(text);
    }
}

/// Prints a text for people. On a terminal its lines are broken between words, and what a line goes
/// on with stands under its first word.
pub(crate) fn prose(text: &str) {
    let room = if io::stdout().is_terminal() { terminal_width() } else { usize::MAX };
    for line_of_text in text.lines() {
        for part in broken(line_of_text, room) {
            line(part);
        }
    }
}

/// Prints a text beside what it is about. On a terminal it goes on below its first word, or below its
/// heading where too little room is left beside that.
pub(crate) fn beside(heading: &str, text: &str) {
    let room = if io::stdout().is_terminal() { terminal_width() } else { usize::MAX };
    hanging(heading, text, room).iter().for_each(line);
}

fn hanging(heading: &str, text: &str, room: usize) -> Vec<String> {
    let width = heading.chars().count();
    let indent = if width + BESIDE_MIN > room { NARROW_INDENT } else { width };
    let mut lines = broken(text, room.saturating_sub(indent)).into_iter();
    let first = if indent == width { lines.next().unwrap_or_default() } else { String::new() };
    let rest = lines.map(|line| pad("", indent) + &line);
    std::iter::once((heading.to_owned() + &first).trim_end().to_owned()).chain(rest).collect()
}

/// Says a text beside the answer; on a terminal its lines are broken between words.
pub(crate) fn aside_prose(text: &str) {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let told = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    let room = if io::stderr().is_terminal() { told.unwrap_or(WIDTH) } else { usize::MAX };
    for part in text.lines().flat_map(|line_of_text| broken(line_of_text, room)) {
        aside(part);
    }
}

fn broken(text: &str, room: usize) -> Vec<String> {
    let numbered = text.trim_start().trim_start_matches(|letter: char| letter.is_ascii_digit());
    let numbered = numbered.strip_prefix(". ").unwrap_or_else(|| text.trim_start());
    let indent = " ".repeat(text.chars().count() - numbered.chars().count());
    let (mut lines, mut current) = (Vec::new(), String::new());
    for word in text.split_inclusive(' ') {
        let width = current.chars().count() + word.trim_end().chars().count();
        if width > room && !current.trim().is_empty() {
            lines.push(current.trim_end().to_owned());
            current.clone_from(&indent);
        }
        current.push_str(word);
    }
    lines.push(current.trim_end().to_owned());
    lines
}

fn terminal_width() -> usize {
    terminal_size().0
}

/// Columns of the terminal that answers go to, where there is one that shows colours and nobody
/// asked for none (`NO_COLOR`).
pub(crate) fn columns_in_colour() -> Option<usize> {
    let is_set =
        |name| std::env::var_os(name).filter(|value: &std::ffi::OsString| !value.is_empty());
    let is_plain = is_set("NO_COLOR").is_some() || is_set("TERM").is_none_or(|term| term == "dumb");
    (!is_plain && io::stdout().is_terminal()).then(terminal_width)
}

/// Columns of the terminal that answers go to, where there is one and it says.
pub(crate) fn columns_told() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
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
    let head: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let all = || std::iter::once(&head).chain(rows);
    if let Some((before, left)) = fitted(&widths, room) {
        return all().map(|row| columns(row, before, left)).collect();
    }
    let Some(lines) = two_lines(&widths, room) else {
        return rows.iter().flat_map(|row| block(headings, row, room)).collect();
    };
    all().flat_map(|row| lines.of(row)).collect()
}

/// The columns before the last, and what is left for that one, where the line has room for them.
fn fitted(widths: &[usize], room: usize) -> Option<(&[usize], usize)> {
    let (last, before) = widths.split_last()?;
    let taken: usize = before.iter().map(|width| width + 2).sum();
    (taken + last.min(&LAST_COLUMN_MIN) <= room).then_some((before, room.saturating_sub(taken)))
}

/// A row in two lines, of which the second stands below the second column.
#[derive(Debug)]
struct TwoLines<'a> {
    upper: &'a [usize],
    indent: usize,
    /// Before the last of the lower line, which has what is left.
    lower: &'a [usize],
    left: usize,
}

fn two_lines(widths: &[usize], room: usize) -> Option<TwoLines<'_>> {
    if widths.len() < COLUMNS_OF_TWO_LINES_MIN {
        return None;
    }
    let mut end = 0;
    let fits = |width: &&usize| {
        end += *width;
        let is_inside = end <= room;
        end += 2;
        is_inside
    };
    let (upper, lower) = widths.split_at_checked(widths.iter().take_while(fits).count())?;
    let indent = upper.first()? + 2;
    let (lower, left) = fitted(lower, room.checked_sub(indent)?)?;
    (upper.len() > 1).then_some(TwoLines { upper, indent, lower, left })
}

impl TwoLines<'_> {
    fn of(&self, row: &[String]) -> [String; 2] {
        let (upper, lower) = row.split_at_checked(self.upper.len()).unwrap_or((row, &[]));
        let lower = columns(lower, self.lower, self.left);
        [columns(upper, self.upper, 0), format!("{}{lower}", pad("", self.indent))]
    }
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

/// One row as lines of heading and cell, and an empty line. What a cell says may be a right: it goes
/// on in the next line rather than being cut.
fn block(headings: &[&str], row: &[String], room: usize) -> Vec<String> {
    let width = headings.iter().map(|heading| heading.chars().count()).max().unwrap_or(0) + 2;
    let left = room.saturating_sub(width).max(1);
    let mut lines = Vec::new();
    for (heading, cell) in headings.iter().zip(row) {
        let letters: Vec<char> = cell.chars().collect();
        let mut parts = letters.chunks(left).map(String::from_iter);
        lines.push(pad(heading, width) + &parts.next().unwrap_or_default());
        lines.extend(parts.map(|part| pad("", width) + &part));
    }
    let lines = lines.iter().map(|line| line.trim_end().to_owned());
    lines.chain([String::new()]).collect()
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
    fn nothing_that_others_wrote_commands_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{9b}1mc\rd"), "a\u{fffd}[2Jb\u{fffd}1mc\u{fffd}d");
        for text in ["", "藤沢 – 12.5 µg/m³", "two\n\tlines"] {
            assert!(matches!(harmless(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
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
    fn a_right_in_a_block_goes_on_in_the_next_line() {
        let rows = [row(&["subscribe,history,decrypt,discover", "fujisawa/home/12/#"])];
        let wanted = [
            "MAY  subscribe,histor",
            "     y,decrypt,discov",
            "     er",
            "ON   fujisawa/home/12",
            "     /#",
            "",
        ];
        assert_eq!(layout(&["MAY", "ON"], &rows, 21), wanted);
    }

    #[test]
    fn a_row_of_many_columns_goes_on_in_a_second_line() {
        let headings = ["INDEX", "WHEN", "WHO", "WHAT", "FOR", "ON"];
        let long = "fujisawa/truck/+/air, epoch 12";
        let rows = [row(&["40", "2026-11-23", "mayor@fujisawa", "session", "–", long])];
        let wanted = [
            "INDEX  WHEN        WHO             WHAT",
            "       FOR  ON",
            "40     2026-11-23  mayor@fujisawa  session",
            "       –    fujisawa/truck/+/air, epoch 12",
        ];
        assert_eq!(layout(&headings, &rows, 42), wanted);
        let wanted = [
            "INDEX  WHEN        WHO",
            "       WHAT     FOR  ON",
            "40     2026-11-23  mayor@fujisawa",
            "       session  –    fujisawa/truck/+/a…",
        ];
        assert_eq!(layout(&headings, &rows, 40), wanted);
        assert_eq!(layout(&headings, &rows, 16)[0], "INDEX  40");
    }

    #[test]
    fn nothing_is_cut_for_a_pipe() {
        let long = "x".repeat(500);
        let lines = layout(&["A"], &[row(&[&long])], usize::MAX);
        assert_eq!(lines, ["A", long.as_str()]);
    }

    #[test]
    fn a_line_goes_on_under_its_first_word() {
        let text = "  12. family has a role, signed by the office";
        let wanted = ["  12. family has a", "      role, signed", "      by the office"];
        assert_eq!(broken(text, 19), wanted);
        assert_eq!(broken(text, usize::MAX), [text]);
        assert_eq!(broken("unbreakable-word", 4), ["unbreakable-word"]);
        assert_eq!(broken("", 4), [""]);
    }

    #[test]
    fn a_text_stands_beside_its_heading_where_there_is_room() {
        let text = "still in keys/root.key: better on a stick";
        let wanted =
            ["note  root key    still in keys/root.key:", "                  better on a stick"];
        assert_eq!(hanging("note  root key    ", text, 42), wanted);
        let wanted = ["note  root key", "      still in keys/root.key:", "      better on a stick"];
        assert_eq!(hanging("note  root key    ", text, 30), wanted);
        assert_eq!(hanging("ok  ", text, usize::MAX), [format!("ok  {text}")]);
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
