//! Where the spools are: a folder for each topic, which says whose it is.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sekisho_proto::{Hash, Topic};

use super::NodeError;

/// The file that says which topic a spool is of.
const TOPIC_FILE: &str = "topic";

/// The folder of a spool's envelopes.
const ENVELOPES_FOLDER: &str = "envelopes";

/// Makes the folder of a topic's spool, and says in it whose it is.
pub(super) fn prepare(spools: &Path, topic: &Topic) -> Result<PathBuf, NodeError> {
    let folder = spools.join(Hash::of(topic.as_str().as_bytes()).to_string());
    let file = folder.join(TOPIC_FILE);
    let write = || {
        fs::create_dir_all(&folder)?;
        if !file.exists() {
            // Renamed into place, so that no torn name is ever found, whenever the power fails.
            let draft = folder.join("topic.new");
            let mut named = fs::File::create(&draft)?;
            named.write_all(topic.as_str().as_bytes())?;
            named.sync_all()?;
            fs::rename(draft, &file)?;
            fs::File::open(&folder)?.sync_all()?;
            fs::File::open(spools)?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(|source| NodeError::Spool { path: folder.clone(), source })?;
    Ok(folder.join(ENVELOPES_FOLDER))
}

/// What earlier runs left.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// The topics that have a spool.
    pub(super) topics: Vec<Topic>,
    /// The spools that cannot be used.
    pub(super) faults: Vec<NodeError>,
}

/// Finds what earlier runs left.
///
/// # Errors
///
/// The folder of all of them cannot be read.
pub(super) fn left(spools: &Path) -> Result<Left, NodeError> {
    let error = |source| NodeError::Spool { path: spools.to_path_buf(), source };
    let mut left = Left::default();
    let entries = match fs::read_dir(spools) {
        Ok(entries) => entries,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(left),
        Err(source) => return Err(error(source)),
    };
    for entry in entries {
        let folder = entry.map_err(error)?.path();
        let file = folder.join(TOPIC_FILE);
        if !folder.join(ENVELOPES_FOLDER).is_dir() || !file.is_file() {
            continue;
        }
        match topic(&file) {
            Ok(topic) => left.topics.push(topic),
            Err(source) => left.faults.push(NodeError::Spool { path: file, source }),
        }
    }
    left.topics.sort_unstable();
    Ok(left)
}

fn topic(file: &Path) -> io::Result<Topic> {
    let text = fs::read_to_string(file)?;
    Topic::parse(&text).map_err(|wrong| io::Error::new(io::ErrorKind::InvalidData, wrong))
}

#[cfg(test)]
mod tests;
