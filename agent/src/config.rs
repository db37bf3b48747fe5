//! The agent's configuration: a TOML file in, checked values out, every fault of it reported at
//! once with its key.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use sekisho::ConfigFault;

use crate::{
    format::{
        Format, FormatError,
        bgeigie::Bgeigie,
        csv::{Csv, CsvMapping},
        gpsd::Gpsd,
        jsonl::{JsonLines, JsonMapping},
        nmea::{Nmea, NmeaTime},
        senml::{Senml, SenmlNames},
        tagged::{Tagged, TaggedMapping},
    },
    input::Input,
    line::Framing,
    merge::MergeConfig,
    replay::ReplayConfig,
    source::Source,
    template::Template,
};

mod check;
mod format;
mod publish;
mod section;

pub use publish::PublishConfig;

/// A configuration file, bytes: thousands of columns.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A configuration that can be run.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is read; at least one.
    pub inputs: Vec<InputConfig>,
    /// How samples get a position that have none.
    pub merge: Option<MergeConfig>,
    /// How recordings are played.
    pub replay: ReplayConfig,
    /// Who publishes, and where to; `None` where the caller knows.
    pub publish: Option<PublishConfig>,
}

/// One input.
#[derive(Debug, Clone)]
pub struct InputConfig {
    /// Its name, for messages; no other input has it.
    pub name: String,
    /// Where its bytes come from.
    pub source: Source,
    /// What they mean.
    pub format: FormatConfig,
    /// Which topic each sample belongs to.
    pub topic: Template,
    /// The longest line, bytes.
    pub line_bytes_max: usize,
}

/// What the lines of an input mean.
#[derive(Debug, Clone)]
pub enum FormatConfig {
    /// NMEA 0183.
    Nmea {
        /// Where times come from.
        time: NmeaTime,
        /// The sentence types that are published.
        sentences: BTreeSet<String>,
    },
    /// Safecast's bGeigie.
    Bgeigie,
    /// CSV.
    Csv(CsvMapping),
    /// Lines with a tag.
    Tagged(TaggedMapping),
    /// JSON lines.
    JsonLines(JsonMapping),
    /// SenML JSON.
    Senml {
        /// What transducers are called.
        names: SenmlNames,
        /// Whether the source as a whole is one pack.
        document: bool,
    },
    /// gpsd's reports.
    Gpsd,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {}: wanted a file that can be read", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The text is no TOML.
    #[error("configuration: wanted TOML")]
    Syntax {
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Keys are missing, unknown or wrong.
    #[error("configuration: {}", ConfigFault::tell(faults))]
    Faults {
        /// All of them, in the order of the file.
        faults: Vec<ConfigFault>,
    },
}

impl Config {
    /// Reads a file; paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no TOML, or has faults: all of them.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_path_buf(), source };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > FILE_BYTES_MAX {
            let found = format!("wanted at most {FILE_BYTES_MAX} bytes, found {length}");
            return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, found)));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a text; paths in it are relative to `base`.
    ///
    /// # Errors
    ///
    /// It is no TOML, or has faults: all of them.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let table = text
            .parse::<toml::Table>()
            .map_err(|source| ConfigError::Syntax { source: Box::new(source) })?;
        check::config(table, base).map_err(|faults| ConfigError::Faults { faults })
    }
}

impl InputConfig {
    /// The input, about to begin.
    ///
    /// # Errors
    ///
    /// The format's own mapping contradicts itself.
    pub fn open(&self) -> Result<Input, FormatError> {
        let document = matches!(self.format, FormatConfig::Senml { document: true, .. });
        let framing = if document { Framing::Document } else { Framing::Lines };
        let format = self.format.open()?;
        Ok(Input::new(self.name.clone(), framing, self.line_bytes_max, format))
    }
}

impl FormatConfig {
    /// A reader of this format.
    ///
    /// # Errors
    ///
    /// The mapping contradicts itself.
    pub fn open(&self) -> Result<Box<dyn Format>, FormatError> {
        Ok(match self {
            Self::Nmea { time, sentences } => Box::new(Nmea::new(*time, sentences.clone())),
            Self::Bgeigie => Box::new(Bgeigie::default()),
            Self::Csv(mapping) => Box::new(Csv::new(mapping.clone())?),
            Self::Tagged(mapping) => Box::new(Tagged::new(mapping.clone())),
            Self::JsonLines(mapping) => Box::new(JsonLines::new(mapping.clone())),
            Self::Senml { names, .. } => Box::new(Senml::new(*names)),
            Self::Gpsd => Box::new(Gpsd::default()),
        })
    }
}

#[cfg(test)]
mod tests;
