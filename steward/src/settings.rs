//! What the owner may set about epochs: `steward.toml` in the steward's folder, optional as a whole
//! and key by key, checked whole before anything starts.
//!
//! ```toml
//! trees = ["fujisawa/#"]      # every topic that is sealed; each tree has its own readers
//! epoch_hours = 24            # how long one key is sealed to: 1 to 744
//! overlap_minutes = 10        # how long before its beginning a new key is announced: 1 to 720
//! grace_hours = 24            # how long a key lasts when the steward is away: 1 to 8760
//! keep_days = 30              # how long old seeds are held for history; 0 = for ever
//! suite = "xwing-aes256gcm"
//! ```

use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use sekisho_proto::{Filter, OrgName, Suite};
use thiserror::Error;

/// The file, in the steward's folder.
pub const SETTINGS_FILE: &str = "steward.toml";

/// Topic trees of one steward: each has a key of its own for every reader and epoch.
const TREES_MAX: usize = 256;

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// A steward's settings, complete and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What is sealed, in trees of the organisation's topics. Where trees overlap a topic is sealed
    /// with the most specific one. Whoever may decrypt a part of a tree gets the key of all of it.
    pub trees: Vec<Filter>,
    /// What new epochs are sealed with; never [`Suite::Open`].
    pub suite: Suite,
    /// How long an epoch is sealed to before the next begins.
    pub epoch: Duration,
    /// How long before its beginning an epoch is announced, so that readers have its key by then;
    /// less than `epoch`.
    pub overlap: Duration,
    /// How much longer than `epoch` an epoch is sealed to where no next one was announced.
    pub grace: Duration,
    /// How long after its end an epoch's seed is held for readers of history; `None`: for ever.
    pub keep: Option<Duration>,
}

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingFault {
    /// The key.
    pub key: String,
    /// What was wanted and what was found.
    pub why: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

/// Why settings were refused: all of it at once.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file could not be read.
    #[error("settings {}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("settings {}: not TOML", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Some keys are wrong.
    #[error("settings {}: {}", path.display(), list(faults))]
    Faults {
        /// The file.
        path: PathBuf,
        /// Every fault found.
        faults: Vec<SettingFault>,
    },
}

impl Settings {
    /// What holds where nothing is said.
    #[must_use]
    pub fn defaults(organisation: &OrgName) -> Self {
        Self {
            trees: vec![Filter::everything(organisation)],
            suite: Suite::XWingAes256Gcm,
            epoch: 24 * HOUR,
            overlap: 10 * MINUTE,
            grace: 24 * HOUR,
            keep: Some(30 * DAY),
        }
    }

    /// Reads `steward.toml` in the steward's folder; the defaults where there is none.
    ///
    /// # Errors
    /// It cannot be read, is not TOML, or has faults; all faults are told at once.
    pub fn load(folder: &Path, organisation: &OrgName) -> Result<Self, SettingsError> {
        let path = folder.join(SETTINGS_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, organisation, &path),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                Ok(Self::defaults(organisation))
            }
            Err(source) => Err(SettingsError::Read { path, source }),
        }
    }

    /// Checks the text of settings; `path` is what errors call them.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(text: &str, organisation: &OrgName, path: &Path) -> Result<Self, SettingsError> {
        let table: toml::Table = text.parse().map_err(|source| SettingsError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let mut keys = Keys { table, faults: Vec::new() };
        let settings = keys.settings(organisation);
        if keys.faults.is_empty() {
            return Ok(settings);
        }
        Err(SettingsError::Faults { path: path.to_owned(), faults: keys.faults })
    }
}

struct Keys {
    table: toml::Table,
    faults: Vec<SettingFault>,
}

impl Keys {
    fn settings(&mut self, organisation: &OrgName) -> Settings {
        let Settings { trees, suite, .. } = Settings::defaults(organisation);
        let settings = Settings {
            trees: self.trees(organisation).unwrap_or(trees),
            suite: self.suite().unwrap_or(suite),
            epoch: self.number("epoch_hours", 1, 744, 24) * HOUR,
            overlap: self.number("overlap_minutes", 1, 720, 10) * MINUTE,
            grace: self.number("grace_hours", 1, 8_760, 24) * HOUR,
            keep: match self.number("keep_days", 0, 36_500, 30) {
                0 => None,
                days => Some(days * DAY),
            },
        };
        if settings.overlap >= settings.epoch {
            let found = settings.overlap.as_secs() / MINUTE.as_secs();
            self.fault("overlap_minutes", format!("wanted less than an epoch, found {found}"));
        }
        let known = "trees, epoch_hours, overlap_minutes, grace_hours, keep_days, suite";
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        for key in unknown {
            self.fault(&key, format!("no such key; known: {known}"));
        }
        settings
    }

    fn trees(&mut self, organisation: &OrgName) -> Option<Vec<Filter>> {
        let value = self.table.remove("trees")?;
        let Some(found) = value.as_array() else {
            self.fault("trees", format!("wanted a list, found {}", value.type_str()));
            return None;
        };
        if !(1..=TREES_MAX).contains(&found.len()) {
            let why = format!("wanted 1 to {TREES_MAX} filters, found {}", found.len());
            self.fault("trees", why);
        }
        let mut trees = BTreeSet::new();
        for (place, value) in found.iter().enumerate() {
            if let Err(why) = tree(value, organisation, &mut trees) {
                self.fault(&format!("trees[{place}]"), why);
            }
        }
        Some(trees.into_iter().collect())
    }

    fn suite(&mut self) -> Option<Suite> {
        let found = self.table.remove("suite")?;
        let suite = found.as_str().and_then(|text| text.parse::<Suite>().ok());
        let sealing = suite.filter(|suite| *suite != Suite::Open);
        if sealing.is_none() {
            let names: Vec<&str> = Suite::ALL.iter().skip(1).map(|suite| suite.name()).collect();
            self.fault("suite", format!("wanted one of {}, found {found}", names.join(", ")));
        }
        sealing
    }

    fn number(&mut self, key: &str, least: u32, most: u32, default: u32) -> u32 {
        let Some(found) = self.table.remove(key) else { return default };
        let number = found.as_integer().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => number,
            None => {
                self.fault(key, format!("wanted {least} to {most}, found {found}"));
                default
            }
        }
    }

    fn fault(&mut self, key: &str, why: String) {
        self.faults.push(SettingFault { key: key.to_owned(), why });
    }
}

fn tree(
    value: &toml::Value,
    organisation: &OrgName,
    trees: &mut BTreeSet<Filter>,
) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Err(format!("wanted a filter, found {}", value.type_str()));
    };
    let tree: Filter = text.parse().map_err(|fault| format!("{fault}"))?;
    if tree.organisation() != organisation {
        return Err(format!("wanted topics of {organisation}, found {tree}"));
    }
    if !trees.insert(tree) {
        return Err(format!("wanted each tree once, found {text} again"));
    }
    Ok(())
}

fn list(faults: &[SettingFault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    format!(
        "{} wrong:{}",
        if faults.len() == 1 { "one key" } else { "several keys" },
        lines.concat()
    )
}

#[cfg(test)]
mod tests;
