//! The configuration: a TOML file in, checked values out, every fault of it told at once with its key.

use std::io;
use std::path::{Path, PathBuf};

use sekisho::{ConfigFault, CursorName, Filter, Hash, PROFILE_FILE, Scope, Start, Topic};
use sekisho_proto::FilterLevel;
use serde::Deserialize;

/// A configuration file, bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Routes of one bridge: each is a subscription.
const ROUTES_MAX: usize = 64;
/// What a cursor's name may have here, so that the route's hash fits behind it.
const CURSOR_BYTES_MAX: usize = 32;

/// A configuration that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder that `sekisho join` made.
    pub identity: PathBuf,
    /// Where to begin where the node remembers nothing.
    pub start: Start,
    /// What goes where.
    pub routes: Vec<Route>,
}

/// What goes where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What is read.
    pub from: Filter,
    /// Levels of it that are replaced: those before its first wildcard.
    fixed: usize,
    /// What replaces them.
    pub to: Topic,
    /// How far it may travel from there.
    pub scope: Scope,
    /// Under which name the node remembers how far the route has come.
    pub cursor: CursorName,
}

impl Route {
    /// Where a message is published; `None` where the topic would be none.
    #[must_use]
    pub fn target(&self, topic: &Topic) -> Option<Topic> {
        let rest: Vec<&str> = topic.levels().skip(self.fixed).collect();
        if rest.is_empty() {
            return Some(self.to.clone());
        }
        Topic::parse(&format!("{}/{}", self.to, rest.join("/"))).ok()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    node: Node,
    route: Vec<Spelt>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    identity: String,
    #[serde(default = "cursor")]
    cursor: String,
    #[serde(default = "start")]
    start: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelt {
    from: String,
    to: String,
    #[serde(default = "scope")]
    scope: String,
}

fn cursor() -> String {
    "republish".to_owned()
}

fn start() -> String {
    "latest".to_owned()
}

fn scope() -> String {
    "organisation".to_owned()
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
    /// The text is no TOML, or has a key that is unknown here or of another type.
    #[error("configuration: wanted TOML with the keys of docs/config.md")]
    Syntax {
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Values are missing or wrong.
    #[error("configuration: {}", ConfigFault::tell(faults))]
    Faults {
        /// All of them.
        faults: Vec<ConfigFault>,
    },
}

#[derive(Debug, Default)]
struct Faults(Vec<ConfigFault>);

impl Faults {
    fn add(&mut self, key: impl Into<String>, wanted: impl Into<String>, found: impl Into<String>) {
        self.0.push(ConfigFault { key: key.into(), wanted: wanted.into(), found: found.into() });
    }
}

impl Config {
    /// Reads a file; paths in it are relative to its folder.
    ///
    /// # Errors
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
    /// It is no TOML, or has faults: all of them.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text)
            .map_err(|source| ConfigError::Syntax { source: Box::new(source) })?;
        let mut faults = Faults::default();
        let start = match file.node.start.as_str() {
            "latest" => Start::Latest,
            "last-value" => Start::LastValue,
            "earliest" => Start::Earliest,
            other => {
                let wanted = "latest, last-value or earliest";
                faults.add("node.start", wanted, format!("{other:?}"));
                Start::Latest
            }
        };
        let identity = base.join(&file.node.identity);
        if !identity.join(PROFILE_FILE).is_file() {
            let found = format!("{:?}", identity.display().to_string());
            faults.add("node.identity", "the folder that `sekisho join` made", found);
        }
        let cursor = &file.node.cursor;
        if cursor.parse::<CursorName>().is_err() || cursor.len() > CURSOR_BYTES_MAX {
            let wanted = format!("a name of at most {CURSOR_BYTES_MAX} bytes");
            faults.add("node.cursor", wanted, format!("{cursor:?}"));
        }
        if file.route.is_empty() || file.route.len() > ROUTES_MAX {
            faults.add("route", format!("1 to {ROUTES_MAX} routes"), file.route.len().to_string());
        }
        let mut routes = Vec::new();
        for (index, spelt) in file.route.iter().enumerate() {
            routes.extend(route(&format!("route[{index}]"), spelt, cursor, &mut faults));
        }
        apart(&routes, &mut faults);
        match faults.0.is_empty() {
            true => Ok(Self { identity, start, routes }),
            false => Err(ConfigError::Faults { faults: faults.0 }),
        }
    }
}

fn route(key: &str, spelt: &Spelt, cursor: &str, faults: &mut Faults) -> Option<Route> {
    let from = Filter::parse(&spelt.from).map_err(|fault| {
        faults.add(format!("{key}.from"), "a filter such as fujisawa/truck/#", fault.to_string());
    });
    let to = Topic::parse(&spelt.to).map_err(|fault| {
        faults.add(format!("{key}.to"), "a topic such as fujisawa/open/truck", fault.to_string());
    });
    let scope = match spelt.scope.as_str() {
        "organisation" => Scope::Organisation,
        "federation" => Scope::Federation,
        other => {
            let wanted = "organisation or federation";
            faults.add(format!("{key}.scope"), wanted, format!("{other:?}"));
            Scope::Organisation
        }
    };
    let (Ok(from), Ok(to)) = (from, to) else { return None };
    let hash = Hash::of(format!("{from} {to}").as_bytes()).to_string();
    let cursor = format!("{cursor}-{}", hash.get(..16)?).parse().ok()?;
    let is_fixed = |level: &FilterLevel<'_>| matches!(level, FilterLevel::Literal(_));
    let fixed = from.levels().take_while(is_fixed).count();
    Some(Route { from, fixed, to, scope, cursor })
}

/// No route leads to where another begins: nothing goes round.
fn apart(routes: &[Route], faults: &mut Faults) {
    for (index, route) in routes.iter().enumerate() {
        let Ok(tree) = Filter::parse(&format!("{}/#", route.to)) else { continue };
        if let Some(other) = routes.iter().find(|other| other.from.overlaps(&tree)) {
            let wanted = format!("a topic that no route reads below, as {} does", other.from);
            faults.add(format!("route[{index}].to"), wanted, format!("{:?}", route.to.as_str()));
        }
    }
}

#[cfg(test)]
mod tests;
