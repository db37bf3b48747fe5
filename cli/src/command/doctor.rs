//! `doctor`: looks at a folder and the node behind it, and says what is wrong and what to do.

mod node;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use sekisho::{IDENTITY_FILE, PROFILE_FILE, Profile};
use sekisho_broker::{config::Config, genesis};
use sekisho_seal::{KeyFile, KeyKind};
use sekisho_steward::Settings;
use serde_json::{Value, json};

use crate::access::Access;
use crate::command::Place;
use crate::exit::Exit;
use crate::organisation::{ADMINISTRATOR, CONFIGURATION, STEWARD, root_files};
use crate::{fault, output};

/// Look for faults: files, keys and clock of this machine, the node, its peers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho doctor --dir fujisawa
  sekisho doctor --dir truck-17 --json

Works on an organisation's folder and on one made by `sekisho join`. Ends with 1 where something \
is wrong; what is only worth a look is marked `note`.")]
pub(crate) struct Doctor {
    #[command(flatten)]
    place: Place,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Well,
    Note,
    Ill,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    what: String,
    level: Level,
    words: String,
}

impl Finding {
    fn new(what: impl Into<String>, level: Level, words: impl Into<String>) -> Self {
        Self { what: what.into(), level, words: words.into() }
    }

    fn of(what: &str, verdict: Result<String>) -> Self {
        match verdict {
            Ok(words) => Self::new(what, Level::Well, words),
            Err(error) => Self::new(what, Level::Ill, fault::sentence(&error)),
        }
    }

    fn document(&self) -> Value {
        let level = match self.level {
            Level::Well => "ok",
            Level::Note => "note",
            Level::Ill => "fail",
        };
        json!({ "what": self.what, "level": level, "words": self.words })
    }

    /// How it is and what was looked at.
    fn heading(&self) -> String {
        let level = match self.level {
            Level::Well => "ok  ",
            Level::Note => "note",
            Level::Ill => "FAIL",
        };
        format!("{level}  {:<17} ", self.what)
    }
}

impl Doctor {
    pub(crate) async fn run(self) -> Result<Exit> {
        let dir = &self.place.dir;
        let runs_a_node = dir.join(CONFIGURATION).exists();
        let can_ask =
            [dir.join(PROFILE_FILE), dir.join(ADMINISTRATOR)].iter().any(|at| at.exists());
        if !runs_a_node && !can_ask {
            Access::load(dir)?;
        }
        let mut findings = of_files(dir, runs_a_node);
        findings.extend(if can_ask { node::examine(dir).await } else { node::look(dir).await });
        if self.place.json {
            output::json(&findings.iter().map(Finding::document).collect());
        } else {
            for finding in &findings {
                output::beside(&finding.heading(), &finding.words);
            }
        }
        let ill = findings.iter().any(|finding| finding.level == Level::Ill);
        Ok(if ill { Exit::No } else { Exit::Done })
    }
}

/// What can be seen without asking the node. Node, steward and administrator may each have a machine
/// of their own.
fn of_files(dir: &Path, runs_a_node: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if runs_a_node {
        findings.push(Finding::of("configuration", configuration(dir)));
        findings.push(Finding::of("first statements", first_statements(dir)));
    }
    let others = [dir.to_owned(), dir.join(ADMINISTRATOR), dir.join(STEWARD)];
    let others = others.iter().filter(|folder| folder.join(PROFILE_FILE).exists());
    let node = runs_a_node.then(|| dir.join("keys/node.key"));
    let key_files: Vec<PathBuf> =
        node.into_iter().chain(others.map(|folder| folder.join(IDENTITY_FILE))).collect();
    findings.push(Finding::of("keys", keys(&key_files)));
    findings.extend(root_keys(dir));
    if runs_a_node {
        findings.push(Finding::of("data folder", data(dir)));
    }
    if dir.join(STEWARD).exists() {
        findings.push(Finding::of("steward", steward(dir)));
    }
    findings
}

fn configuration(dir: &Path) -> Result<String> {
    let config = Config::load(dir)?;
    let (quic, http) = (config.listen_quic, config.listen_http);
    let listener = |name: &str, address: Option<SocketAddr>| match address {
        Some(address) => format!("{name} on {address}"),
        None => format!("{name} closed"),
    };
    let web = listener("web", config.listen_web);
    let mqtt = listener("mqtt", config.listen_mqtt);
    let organisation = &config.organisation;
    let has_pages = sekisho_broker::are_pages_built();
    let pages = if has_pages { "with its pages" } else { "built without its pages" };
    Ok(format!(
        "node of {organisation}, {pages}, listens on {quic}, {web}, {mqtt}, health on {http}"
    ))
}

fn first_statements(dir: &Path) -> Result<String> {
    let statements = genesis::read(&Config::load(dir)?.genesis)?;
    let first = statements.first().context("wanted the root statement, found none")?.body_hash();
    let administrator = dir.join(ADMINISTRATOR);
    if administrator.exists() {
        let pinned = Profile::load(&administrator)?.root;
        ensure!(first == pinned, "wanted the root {pinned} of the administrator, found {first}");
    }
    Ok(format!("{}, root {first}", statements.len()))
}

fn keys(files: &[PathBuf]) -> Result<String> {
    let read = |file: &PathBuf| {
        private_folder(file.parent().unwrap_or(file))?;
        Ok(KeyFile::load(file)?.name.to_string())
    };
    let names = files.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(format!("{}: readable by you alone", names.join(", ")))
}

/// The root's keys belong elsewhere; where several lie here, they protect no better than one.
fn root_keys(dir: &Path) -> Vec<Finding> {
    let what = "root key";
    let files = match root_files(dir) {
        Ok(files) => files,
        Err(error) => return vec![Finding::of(what, Err(error))],
    };
    if files.is_empty() {
        return vec![Finding::new(what, Level::Well, "not on this machine")];
    }
    files.iter().map(|path| root_key(what, path)).collect()
}

fn root_key(what: &str, path: &Path) -> Finding {
    match KeyFile::load_as(path, KeyKind::Root) {
        Ok(_file) => {
            let words = format!("still in {}: better on a stick in a drawer", path.display());
            Finding::new(what, Level::Note, words)
        }
        Err(cause) => Finding::of(what, Err(cause.into())),
    }
}

/// Whoever may write a key's folder may put another key there.
fn private_folder(folder: &Path) -> Result<()> {
    let shown = folder.display();
    let found = std::fs::metadata(folder).with_context(|| format!("{shown}: look"))?;
    let mode = found.permissions().mode() & 0o777;
    ensure!(
        mode & 0o022 == 0,
        "{shown}: wanted a folder that only you may write, found {mode:04o}"
    );
    Ok(())
}

/// Files that node or steward would refuse to work with.
fn private_files(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = || format!("{}: look", folder.display());
        for entry in std::fs::read_dir(&folder).with_context(failed)? {
            let entry = entry.with_context(failed)?;
            let (path, found) = (entry.path(), entry.metadata().with_context(failed)?);
            let mode = found.permissions().mode() & 0o777;
            let shown = path.display();
            ensure!(mode & 0o077 == 0, "{shown}: wanted it for you alone, found mode {mode:04o}");
            if found.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(())
}

fn data(dir: &Path) -> Result<String> {
    let config = Config::load(dir)?;
    let data = config.data.display();
    let metadata = match std::fs::metadata(&config.data) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Ok(format!("{data}: not there yet; `sekisho serve` makes it"));
        }
        found => found.with_context(|| format!("{data}: look"))?,
    };
    let mode = metadata.permissions().mode() & 0o777;
    ensure!(mode & 0o077 == 0, "{data}: wanted mode 0700, found {mode:04o}");
    private_files(&config.data)?;
    let disk = rustix::fs::statvfs(&config.data).with_context(|| format!("{data}: look"))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) >> 20;
    let wanted = config.free_bytes_min >> 20;
    ensure!(
        free > wanted,
        "{data}: wanted more than {wanted} MiB free for publishing to go on, found {free} MiB"
    );
    Ok(format!("{data}: yours alone, {free} MiB free"))
}

fn steward(dir: &Path) -> Result<String> {
    let folder = dir.join(STEWARD);
    let own = Profile::load(&folder)?.principal;
    for secrets in ["epochs", "enrolments"] {
        private_files(&folder.join(secrets))?;
    }
    let settings = Settings::load(&folder, own.organisation())?;
    let trees: Vec<&str> = settings.trees.iter().map(sekisho::Filter::as_str).collect();
    let hours = settings.epoch.as_secs() / 3_600;
    Ok(format!("seals {}, a new key every {hours} hours", trees.join(", ")))
}
