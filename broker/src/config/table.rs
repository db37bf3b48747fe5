//! Reads a TOML table key by key and remembers every fault, so that a person mends a file once.

use std::collections::BTreeMap;
use std::fmt;

/// One thing wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key's path, such as `listen.quic`.
    pub key: String,
    /// What was wanted and what was found.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

/// A table that is being read: every key asked for is ticked off, and what is left is a fault.
#[derive(Debug)]
pub(super) struct Table<'a> {
    path: String,
    values: toml::Table,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Table<'a> {
    pub(super) fn root(values: toml::Table, faults: &'a mut Vec<Fault>) -> Self {
        Self { path: String::new(), values, faults }
    }

    /// The table below `key`; empty where it is absent.
    pub(super) fn section(&mut self, key: &str) -> Table<'_> {
        let path = self.path_of(key);
        let values = match self.values.remove(key) {
            None => toml::Table::new(),
            Some(toml::Value::Table(table)) => table,
            Some(other) => {
                let why = format!("wanted a table, found {}", other.type_str());
                self.faults.push(Fault { key: path.clone(), why });
                toml::Table::new()
            }
        };
        Table { path, values, faults: self.faults }
    }

    /// A text parsed by `parse`; `None` where the key is absent or faulty.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other type is a fault")]
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.values.remove(key)? {
            toml::Value::String(text) => match parse(&text) {
                Ok(value) => Some(value),
                Err(error) => self.fault(key, format!("{error}")),
            },
            other => self.fault(key, format!("wanted text, found {}", other.type_str())),
        }
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// A key that another one needs is not there.
    pub(super) fn missing(&mut self, key: &str, why: &str) {
        let (key, why) = (self.path_of(key), format!("{why}, found nothing"));
        self.faults.push(Fault { key, why });
    }

    /// Every text of a list, parsed by `parse`; empty where the key is absent.
    pub(super) fn list<T, E: fmt::Display>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let found = match self.values.remove(key) {
            None => return Vec::new(),
            Some(toml::Value::Array(found)) => found,
            Some(other) => {
                let why = format!("wanted a list of texts, found {}", other.type_str());
                return self.fault(key, why).unwrap_or_default();
            }
        };
        let mut parsed = Vec::new();
        for value in found {
            let fault = match value.as_str().map(&parse) {
                Some(Ok(value)) => {
                    parsed.push(value);
                    continue;
                }
                Some(Err(error)) => error.to_string(),
                None => format!("wanted a list of texts, found {} in it", value.type_str()),
            };
            let key = self.path_of(key);
            self.faults.push(Fault { key, why: fault });
        }
        parsed
    }

    /// A text parsed by `parse` that must be there.
    pub(super) fn required<T, E: fmt::Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.values.contains_key(key) {
            return self.parsed(key, parse);
        }
        self.fault(key, "required, found nothing".to_owned())
    }

    /// A whole number within `range`, or `default` where the key is absent or faulty.
    pub(super) fn number(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        let found = match self.values.remove(key) {
            None => return default,
            Some(toml::Value::Integer(number)) => number,
            Some(other) => {
                let why = format!("wanted a whole number, found {}", other.type_str());
                return self.fault(key, why).unwrap_or(default);
            }
        };
        match u64::try_from(found) {
            Ok(number) if range.contains(&number) => number,
            Ok(_) | Err(_) => {
                let why = format!("wanted {} to {}, found {found}", range.start(), range.end());
                self.fault(key, why).unwrap_or(default)
            }
        }
    }

    /// Every key of a table whose keys are names, with its text.
    pub(super) fn each<K: Ord, V, E: fmt::Display, F: fmt::Display>(
        mut self,
        parse_key: impl Fn(&str) -> Result<K, E>,
        parse: impl Fn(&str) -> Result<V, F>,
    ) -> BTreeMap<K, V> {
        let keys: Vec<String> = self.values.keys().cloned().collect();
        let mut found = BTreeMap::new();
        for key in keys {
            match parse_key(&key) {
                Ok(name) => found.extend(self.parsed(&key, &parse).map(|value| (name, value))),
                Err(error) => drop(self.fault::<K>(&key, error.to_string())),
            }
        }
        found
    }

    /// Everything nobody asked for is a fault: a misspelt key must not be a silent default.
    pub(super) fn finish(self, known: &[&str]) {
        for key in self.values.keys() {
            let path =
                if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            let why = format!("no such key; known here: {}", known.join(", "));
            self.faults.push(Fault { key: path, why });
        }
    }

    fn fault<T>(&mut self, key: &str, why: String) -> Option<T> {
        let key = self.path_of(key);
        self.faults.push(Fault { key, why });
        None
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}
