//! What was trusted last of each log, as the signed note it was: in a folder, durable before it is
//! acted on, or in memory where the client has no folder. The note itself is kept, for it is the
//! evidence where a node later shows another history.
//!
//! ```text
//! FOLDER/checkpoints/fujisawa.control.note
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sekisho_proto::LogName;
use sekisho_tlog::{Known, Note};

use super::error::TrustError;

const FOLDER: &str = "checkpoints";
const LOCK: &str = "lock";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Notebook {
    folder: Option<PathBuf>,
    memory: Mutex<BTreeMap<LogName, Note>>,
}

/// Whether a note was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Done,
    /// Somebody else with the same folder has kept another one meanwhile: it is to be judged again.
    Overtaken,
}

impl Notebook {
    /// In a principal's folder.
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { folder: Some(folder.join(FOLDER)), memory: Mutex::default() }
    }

    /// What was trusted last.
    pub(super) fn last(&self, log: &LogName) -> Result<Option<Note>, TrustError> {
        match &self.folder {
            Some(folder) => read(&folder.join(name_of(log))),
            None => Ok(self.memory().get(log).cloned()),
        }
    }

    /// Keeps a note in place of the one that it was judged by. Blocks on the disk.
    pub(super) fn keep(
        &self,
        log: &LogName,
        judged_by: Option<&Known>,
        note: &Note,
    ) -> Result<Kept, TrustError> {
        let Some(folder) = &self.folder else {
            self.memory().insert(log.clone(), note.clone());
            return Ok(Kept::Done);
        };
        let path = folder.join(name_of(log));
        let _lock = lock(folder)?;
        let before = read(&path)?.as_ref().map(|note| known(note, &path)).transpose()?;
        if before.as_ref() != judged_by {
            return Ok(Kept::Overtaken);
        }
        replace(folder, &path, &note.to_string())?;
        Ok(Kept::Done)
    }

    fn memory(&self) -> MutexGuard<'_, BTreeMap<LogName, Note>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The size and root that a kept note states.
pub(super) fn known(note: &Note, path: &Path) -> Result<Known, TrustError> {
    let stated = note.checkpoint();
    stated
        .map(|stated| Known::from(&stated))
        .map_err(|source| TrustError::Damaged { path: path.to_owned(), source: source.into() })
}

/// `fujisawa.control.note`: an organisation's name is a DNS label, so this is a file's.
fn name_of(log: &LogName) -> String {
    match log {
        LogName::Control(organisation) => format!("{organisation}.control.note"),
        LogName::Access(organisation) => format!("{organisation}.access.note"),
    }
}

fn read(path: &Path) -> Result<Option<Note>, TrustError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(failed(path, "read")(cause)),
    };
    let note = Note::parse(&text)
        .map_err(|source| TrustError::Damaged { path: path.to_owned(), source })?;
    Ok(Some(note))
}

/// Whoever else keeps notes in the folder waits.
fn lock(folder: &Path) -> Result<File, TrustError> {
    fs::create_dir_all(folder).map_err(failed(folder, "make the folder"))?;
    let path = folder.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed(&path, "open"))?;
    file.lock().map_err(failed(&path, "lock"))?;
    Ok(file)
}

/// Either the old file or the new one is there, whenever the power fails.
fn replace(folder: &Path, path: &Path, text: &str) -> Result<(), TrustError> {
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft).map_err(failed(&draft, "make"))?;
    file.write_all(text.as_bytes()).map_err(failed(&draft, "write"))?;
    file.sync_all().map_err(failed(&draft, "make durable"))?;
    fs::rename(&draft, path).map_err(failed(path, "replace"))?;
    let folder_itself = File::open(folder).map_err(failed(folder, "open"))?;
    folder_itself.sync_all().map_err(failed(folder, "make durable"))
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> TrustError {
    let path = path.to_owned();
    move |source| TrustError::Kept { path, action, source: Arc::new(source) }
}
