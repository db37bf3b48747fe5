//! What was answered to which errand, on the disk until nobody can bring the errand any more.
//!
//! ```text
//! DIR/errands/<hash of the errand>.done, mode 0600:
//!
//! asker = "64 hexadecimal digits"
//! until = "2026-11-20T08:30:00.000000Z"
//! answer = "base64"
//! ```

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use data_encoding::BASE64;
use sekisho_proto::{
    Errand, ErrandAnswer, Hash, PrincipalId, Timestamp, limits::ERRAND_ANSWER_BYTES_MAX,
};

use crate::{
    enrolment::EnrolmentError,
    private_file::{self, FileError},
};

const FOLDER: &str = "errands";
const EXTENSION: &str = "done";

/// How long a record is kept after its errand could be begun last: a clock that is put back by less
/// lets nobody bring it again.
const KEPT: Duration = Duration::from_hours(24);

/// Records of one asker: somebody at work does not ask for more in a day.
const RECORDS_PER_ASKER_MAX: usize = 2_048;

/// A record, bytes: its answer in base 64 and three short lines.
const RECORD_BYTES_MAX: usize = ERRAND_ANSWER_BYTES_MAX * 4 / 3 + 512;

/// See the module.
#[derive(Debug)]
pub(super) struct Records {
    folder: PathBuf,
    known: BTreeMap<Hash, Known>,
}

#[derive(Debug)]
struct Known {
    asker: PrincipalId,
    until: Timestamp,
}

impl Records {
    /// Reads what there is of every errand but its answer.
    pub(super) fn open(steward: &Path) -> Result<Self, EnrolmentError> {
        let folder = steward.join(FOLDER);
        private_file::make_folder(&folder)?;
        private_file::sweep(&folder)?;
        let mut records = Self { folder, known: BTreeMap::new() };
        for path in private_file::list(&records.folder)? {
            let hash = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            let Some(hash) = hash else { continue };
            if let Some(Record { asker, until, .. }) = read(&path)? {
                records.known.insert(hash, Known { asker, until });
            }
        }
        Ok(records)
    }

    /// What was answered to an errand; none where nothing was.
    pub(super) fn answer_to(&self, errand: &Errand) -> Result<Option<Bytes>, EnrolmentError> {
        let hash = errand.hash();
        if !self.known.contains_key(&hash) {
            return Ok(None);
        }
        Ok(read(&self.path(&hash))?.map(|record| record.answer))
    }

    /// Whether one more answer to this asker may be kept: nobody fills the disk, or takes another's
    /// room.
    pub(super) fn has_room(&self, asker: &PrincipalId) -> bool {
        self.known.values().filter(|known| known.asker == *asker).count() < RECORDS_PER_ASKER_MAX
    }

    /// Keeps an answer; on return it would survive a power cut.
    pub(super) fn keep(&mut self, errand: &Errand, answer: &ErrandAnswer) -> Result<(), FileError> {
        let (hash, content) = (errand.hash(), errand.content());
        let (asker, until) = (content.asker, content.until);
        let answer = BASE64.encode(answer.encoded());
        let text = format!("asker = \"{asker}\"\nuntil = \"{until}\"\nanswer = \"{answer}\"\n");
        private_file::create(&self.path(&hash), text.as_bytes())?;
        self.known.insert(hash, Known { asker, until });
        Ok(())
    }

    /// Forgets errands that nobody can bring any more.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Result<(), FileError> {
        let over = |known: &Known| known.until.saturating_add(KEPT) <= now;
        let gone: Vec<Hash> =
            self.known.iter().filter(|(_hash, known)| over(known)).map(|(hash, _)| *hash).collect();
        for hash in gone {
            private_file::remove(&self.path(&hash))?;
            self.known.remove(&hash);
        }
        Ok(())
    }

    fn path(&self, hash: &Hash) -> PathBuf {
        self.folder.join(format!("{hash}.{EXTENSION}"))
    }
}

struct Record {
    asker: PrincipalId,
    until: Timestamp,
    answer: Bytes,
}

fn read(path: &Path) -> Result<Option<Record>, EnrolmentError> {
    let Some(contents) = private_file::read(path, RECORD_BYTES_MAX)? else { return Ok(None) };
    let fault = |key, wanted| EnrolmentError::Text { path: path.to_owned(), key, wanted };
    let text = str::from_utf8(&contents).map_err(|_not_text| fault("file", "text"))?;
    let table: toml::Table = text.parse().map_err(|_syntax| fault("file", "TOML"))?;
    let value = |key| table.get(key).and_then(toml::Value::as_str);
    let asker = value("asker").and_then(|text| text.parse().ok());
    let until = value("until").and_then(|text| text.parse().ok());
    let answer = value("answer").and_then(|text| BASE64.decode(text.as_bytes()).ok());
    Ok(Some(Record {
        asker: asker.ok_or_else(|| fault("asker", "64 hexadecimal digits"))?,
        until: until.ok_or_else(|| fault("until", "a time"))?,
        answer: answer.ok_or_else(|| fault("answer", "base 64"))?.into(),
    }))
}
