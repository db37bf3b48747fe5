//! One table of the file, taken apart key by key; what is not taken is unknown.

use std::{cell::RefCell, ops::RangeInclusive};

use sekisho::ConfigFault;
use toml::{Table, Value};

/// Where faults are gathered.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: RefCell<Vec<ConfigFault>>,
}

impl Faults {
    pub(super) fn add(&self, key: &str, wanted: impl Into<String>, found: impl Into<String>) {
        let fault = ConfigFault { key: key.into(), wanted: wanted.into(), found: found.into() };
        let mut list = self.list.borrow_mut();
        // A shared table is checked once for each input that names it.
        if !list.contains(&fault) {
            list.push(fault);
        }
    }

    pub(super) fn into_list(self) -> Vec<ConfigFault> {
        self.list.into_inner()
    }
}

/// A table that is being taken apart.
#[derive(Debug)]
pub(super) struct Section<'a> {
    path: String,
    table: Table,
    faults: &'a Faults,
}

impl<'a> Section<'a> {
    pub(super) fn root(table: Table, faults: &'a Faults) -> Self {
        Self { path: String::new(), table, faults }
    }

    /// The full key of one of this table's keys.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// Adds a fault of one of this table's keys.
    pub(super) fn fault(&self, key: &str, wanted: impl Into<String>, found: impl Into<String>) {
        self.faults.add(&self.key(key), wanted, found);
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn needed_text(&mut self, key: &str) -> Option<String> {
        self.needed(key, "a string").then(|| self.text(key)).flatten()
    }

    pub(super) fn truth(&mut self, key: &str) -> Option<bool> {
        self.take(key, "true or false", |value| value.as_bool())
    }

    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let wanted = format!("an integer from {} to {}", range.start(), range.end());
        self.take(key, &wanted, |value| {
            let number = u64::try_from(value.as_integer()?).ok()?;
            range.contains(&number).then_some(number)
        })
    }

    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        self.take(key, "a list of strings", |value| {
            let Value::Array(items) = value else { return None };
            items.into_iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    /// Two numbers, the first not above the second.
    pub(super) fn range(&mut self, key: &str) -> Option<(f64, f64)> {
        self.take(key, "[least, greatest]", |value| {
            let Value::Array(items) = value else { return None };
            let number = |item: &Value| {
                item.as_float().or_else(|| item.as_integer().map(|integer| integer as f64))
            };
            match items.as_slice() {
                [least, greatest] => {
                    let (least, greatest) = (number(least)?, number(greatest)?);
                    (least <= greatest).then_some((least, greatest))
                }
                _ => None,
            }
        })
    }

    pub(super) fn section(&mut self, key: &str) -> Option<Self> {
        let path = self.key(key);
        let faults = self.faults;
        self.take(key, "a table", |value| {
            let Value::Table(table) = value else { return None };
            Some(Section { path, table, faults })
        })
    }

    pub(super) fn needed_section(&mut self, key: &str) -> Option<Self> {
        self.needed(key, "a table").then(|| self.section(key)).flatten()
    }

    /// A table, or the one among the shared ones that is named instead of it.
    pub(super) fn section_or_shared(&mut self, key: &str, shared: &Table) -> Option<Self> {
        if !self.table.get(key).is_some_and(Value::is_str) {
            return self.needed_section(key);
        }
        let name = self.text(key)?;
        match shared.get(&name) {
            Some(Value::Table(table)) => {
                let path = format!("formats.{name}");
                Some(Section { path, table: table.clone(), faults: self.faults })
            }
            Some(_) | None => {
                self.fault(key, "a table, or the name of one in formats", format!("{name:?}"));
                None
            }
        }
    }

    /// A table that is left as it is.
    pub(super) fn table(&mut self, key: &str) -> Table {
        self.take(key, "a table", |value| {
            let Value::Table(table) = value else { return None };
            Some(table)
        })
        .unwrap_or_default()
    }

    /// The tables of a list; none where it is missing.
    pub(super) fn sections(&mut self, key: &str) -> Vec<Self> {
        let path = self.key(key);
        let items = self.take(key, "a list of tables", |value| {
            let Value::Array(items) = value else { return None };
            Some(items)
        });
        let mut sections = Vec::new();
        for (index, item) in items.unwrap_or_default().into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let Value::Table(table) = item {
                sections.push(Section { path, table, faults: self.faults });
            } else {
                self.faults.add(&path, "a table", shown(&item));
            }
        }
        sections
    }

    /// Every remaining key with its string.
    pub(super) fn texts_by_key(&mut self) -> Vec<(String, String)> {
        let keys: Vec<String> = self.table.keys().cloned().collect();
        keys.into_iter().filter_map(|key| Some((key.clone(), self.text(&key)?))).collect()
    }

    /// Whatever was not taken is a fault.
    pub(super) fn finish(self) {
        for (key, value) in &self.table {
            self.fault(key, "a key that is known here", shown(value));
        }
    }

    /// Whatever was not taken is of no interest, because the table could not be understood.
    pub(super) fn abandon(self) {
        drop(self);
    }

    fn needed(&self, key: &str, wanted: &str) -> bool {
        let there = self.has(key);
        if !there {
            self.fault(key, wanted, "nothing");
        }
        there
    }

    fn take<T>(
        &mut self,
        key: &str,
        wanted: &str,
        parse: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.table.remove(key)?;
        let found = shown(&value);
        let parsed = parse(value);
        if parsed.is_none() {
            self.fault(key, wanted, found);
        }
        parsed
    }
}

fn shown(value: &Value) -> String {
    let has_tables = |items: &Vec<Value>| items.iter().any(Value::is_table);
    if value.is_table() {
        "a table".into()
    } else if value.as_array().is_some_and(has_tables) {
        "a list of tables".into()
    } else {
        value.to_string()
    }
}
