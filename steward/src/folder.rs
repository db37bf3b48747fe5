//! Which folder is meant: people name the organisation's as often as the steward's in it.

use std::path::{Path, PathBuf};

use sekisho::PROFILE_FILE;

/// The steward's folder in an organisation's.
const STEWARD: &str = "steward";

/// The steward's folder, where `dir` is that or the organisation's that holds it.
pub(crate) fn steward_folder(dir: &Path) -> PathBuf {
    if dir.join(PROFILE_FILE).exists() { dir.to_owned() } else { dir.join(STEWARD) }
}
