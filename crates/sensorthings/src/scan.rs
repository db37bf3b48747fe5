//! A place in the text of a query, and the few questions that a parser asks of it.

use crate::fault::Fault;
use crate::limits::DEPTH_MAX;

/// What is left of a text.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text, depth: 0 }
    }

    pub(crate) const fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Passes over spaces.
    pub(crate) fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes a character if it comes next, after spaces.
    pub(crate) fn take(&mut self, character: char) -> bool {
        let rest = self.rest.trim_start_matches([' ', '\t']);
        match rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a character that must come next.
    pub(crate) fn want(&mut self, character: char) -> Result<(), Fault> {
        if self.take(character) {
            return Ok(());
        }
        Err(self.expected(&format!("`{character}`")))
    }

    /// Takes as many characters as are of a kind.
    pub(crate) fn run(&mut self, is_of: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !is_of(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes a word if it comes next and ends there.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start_matches([' ', '\t']);
        match rest.strip_prefix(word) {
            Some(after) if !after.starts_with(is_of_name) => {
                self.rest = after;
                true
            }
            _ => false,
        }
    }

    /// A name of letters, digits, `_`, `.` and `@`.
    pub(crate) fn name(&mut self) -> Option<&'a str> {
        self.spaces();
        let before = self.rest;
        let name = self.run(is_of_name);
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            self.rest = before;
            return None;
        }
        Some(name)
    }

    /// Text in single quotes; a quote in it is written twice.
    pub(crate) fn quoted(&mut self) -> Result<Option<String>, Fault> {
        self.spaces();
        let Some(mut rest) = self.rest.strip_prefix('\'') else { return Ok(None) };
        let mut text = String::new();
        loop {
            let Some((part, after)) = rest.split_once('\'') else {
                return Err(self.expected("a text that ends with '"));
            };
            text.push_str(part);
            match after.strip_prefix('\'') {
                Some(after) => {
                    text.push('\'');
                    rest = after;
                }
                None => {
                    self.rest = after;
                    return Ok(Some(text));
                }
            }
        }
    }

    /// One level deeper.
    pub(crate) fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::too_much("nesting", DEPTH_MAX, "ask for less at once"));
        }
        Ok(())
    }

    pub(crate) const fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(crate) fn expected(&self, wanted: &str) -> Fault {
        let found = if self.rest.is_empty() { "the end" } else { self.rest };
        Fault::malformed("query", wanted, found)
    }
}

pub(crate) fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '@')
}
