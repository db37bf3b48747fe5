//! What must outlive the records that retention drops: each topic's next offset and how far it was
//! dropped, and the stream heads. Two files with the same content, so that damage to one costs
//! nothing.

use std::{io, path::Path};

use sekisho_proto::{BootId, Hash, PrincipalId, Topic};

use super::{
    frame::Fields,
    streams::{BootHead, Runs, StreamTable},
    topics::{TopicEntry, TopicTable},
};
use crate::{Disk, directory::write_whole};

pub(crate) const HEADS_FILES: [&str; 2] = ["heads.a", "heads.b"];
const HEADS_FILE_NEW: &str = "heads.tmp";

/// Longest file that is read, bytes: ten million streams.
const HEADS_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// How the files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Runs have the time when the last envelope was received, and so have those forgotten.
    Received,
    /// Runs have the newest time of their envelopes' headers, and so have those forgotten. It is told
    /// which offsets damaged records may have had.
    Headers,
}

impl Format {
    const ALL: [Self; 2] = [Self::Received, Self::Headers];

    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Received => b"sekihds1",
            Self::Headers => b"sekihds2",
        }
    }
}

/// A file's content and what it is.
#[derive(Debug)]
pub(crate) struct Heads {
    pub(crate) format: Format,
    pub(crate) generation: u64,
    pub(crate) content: Vec<u8>,
}

/// What reading the files came to.
#[derive(Debug)]
pub(crate) enum HeadsOutcome {
    /// They have never been written.
    Absent,
    /// Their newest whole content. `damaged` tells that the other file must be written again.
    Present { heads: Heads, damaged: bool },
    /// There are files and none is whole.
    Damaged,
}

/// Reads whichever file is whole and newer.
pub(crate) fn read(disk: &dyn Disk, directory: &Path) -> io::Result<HeadsOutcome> {
    let (mut newest, mut generations, mut present) = (None::<Heads>, Vec::new(), 0_usize);
    for name in HEADS_FILES {
        let bytes = match read_file(disk, &directory.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        present = present.saturating_add(1);
        if let Some(heads) = open(&bytes) {
            generations.push(heads.generation);
            if newest.as_ref().is_none_or(|known| known.generation < heads.generation) {
                newest = Some(heads);
            }
        }
    }
    Ok(match newest {
        Some(heads) => {
            let damaged = generations != [heads.generation; HEADS_FILES.len()];
            HeadsOutcome::Present { heads, damaged }
        }
        None if present == 0 => HeadsOutcome::Absent,
        None => HeadsOutcome::Damaged,
    })
}

fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.length()?.min(HEADS_BYTES_MAX)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let filled = file.read_at(0, &mut bytes)?;
    bytes.truncate(filled);
    Ok(bytes)
}

fn open(bytes: &[u8]) -> Option<Heads> {
    let (content, checksum) = bytes.split_last_chunk::<4>()?;
    let mut fields = Fields(content);
    if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let magic = fields.chunk()?;
    let format = Format::ALL.into_iter().find(|format| format.magic() == magic)?;
    Some(Heads { format, generation: fields.number()?, content: fields.0.to_vec() })
}

/// Writes both files, one after the other.
pub(crate) fn write(disk: &dyn Disk, directory: &Path, heads: &Heads) -> io::Result<()> {
    let Heads { format, generation, content } = heads;
    let mut bytes = Vec::with_capacity(content.len().saturating_add(20));
    bytes.extend_from_slice(format.magic());
    bytes.extend_from_slice(&generation.to_le_bytes());
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    for name in HEADS_FILES {
        write_whole(disk, directory, HEADS_FILE_NEW, name, &bytes)?;
    }
    Ok(())
}

/// Everything that the remaining records will not tell, in the newest format: that retention has
/// dropped whatever was before `start`, and what else there was to know of it. `stays` says whether
/// the record at a position does.
pub(crate) fn encode(
    start: u64,
    topics: &TopicTable,
    streams: &StreamTable,
    stays: impl Fn(u64) -> bool,
) -> Vec<u8> {
    let mut bytes = start.to_le_bytes().to_vec();
    bytes.extend_from_slice(&topics.damaged_and_dropped.to_le_bytes());
    let is_untold =
        |entry: &&TopicEntry| entry.dropped_before > 0 || entry.floor > entry.next_offset;
    let untold: Vec<_> = topics.entries().iter().filter(is_untold).collect();
    put_count(&mut bytes, untold.len());
    for entry in untold {
        put_text(&mut bytes, entry.topic.as_str());
        bytes.extend_from_slice(&entry.next_offset.to_le_bytes());
        bytes.extend_from_slice(&entry.floor.to_le_bytes());
        bytes.extend_from_slice(&entry.dropped_before.to_le_bytes());
    }
    let kept: Vec<_> = streams
        .sorted(topics)
        .into_iter()
        .filter(|(_id, _who, runs)| {
            let told = |head: &BootHead| stays(head.position) && stays(head.newest_at);
            runs.forgotten.is_some() || !runs.heads.iter().all(told)
        })
        .filter_map(|(id, who, runs)| Some((topics.get(id)?, who, runs)))
        .collect();
    put_count(&mut bytes, kept.len());
    for (entry, publisher, runs) in kept {
        put_text(&mut bytes, entry.topic.as_str());
        bytes.extend_from_slice(publisher.as_bytes());
        bytes.push(u8::from(runs.forgotten.is_some()));
        bytes.extend_from_slice(&runs.forgotten.unwrap_or_default().to_le_bytes());
        put_count(&mut bytes, runs.heads.len());
        for head in &runs.heads {
            bytes.extend_from_slice(head.boot.as_bytes());
            bytes.extend_from_slice(&head.sequence.to_le_bytes());
            bytes.extend_from_slice(head.hash.as_bytes());
            bytes.extend_from_slice(&head.offset.to_le_bytes());
            bytes.extend_from_slice(&head.position.to_le_bytes());
            bytes.extend_from_slice(&head.time.to_le_bytes());
            bytes.extend_from_slice(&head.newest_at.to_le_bytes());
        }
    }
    bytes
}

/// Takes over what [`encode`] wrote and returns `start`; `None` where it is something else.
pub(crate) fn decode(
    format: Format,
    content: &[u8],
    topics: &mut TopicTable,
    streams: &mut StreamTable,
) -> Option<u64> {
    let mut fields = Fields(content);
    let start = fields.number()?;
    if format == Format::Headers {
        topics.damaged_and_dropped = fields.number()?;
    }
    for _ in 0..fields.number()? {
        let id = topics.intern(&text(&mut fields)?);
        let entry = topics.get_mut(id)?;
        entry.next_offset = fields.number()?;
        if format == Format::Headers {
            entry.floor = fields.number()?;
        }
        entry.dropped_before = fields.number()?;
    }
    for _ in 0..fields.number()? {
        let id = topics.intern(&text(&mut fields)?);
        let publisher = PrincipalId::new(*fields.chunk()?);
        let [has_forgotten] = *fields.chunk()?;
        let forgotten = i64::from_le_bytes(*fields.chunk()?);
        let mut runs = Runs { heads: Vec::new(), forgotten: None };
        if has_forgotten == 1 {
            runs.forgotten = Some(forgotten);
        }
        for _ in 0..fields.number()? {
            runs.heads.push(head(format, &mut fields)?);
        }
        streams.restore(id, publisher, runs);
    }
    fields.0.is_empty().then_some(start)
}

/// Of the older format the receipt is the time: nothing else is known of it, and no envelope is
/// much younger.
fn head(format: Format, fields: &mut Fields<'_>) -> Option<BootHead> {
    let boot = BootId::new(*fields.chunk()?);
    let sequence = fields.number()?;
    let hash = Hash::new(*fields.chunk()?);
    let (offset, position) = (fields.number()?, fields.number()?);
    let time = i64::from_le_bytes(*fields.chunk()?);
    let newest_at = match format {
        Format::Received => position,
        Format::Headers => fields.number()?,
    };
    Some(BootHead { boot, sequence, hash, offset, position, time, newest_at })
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_count(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn text(fields: &mut Fields<'_>) -> Option<Topic> {
    let length = usize::try_from(fields.number()?).ok()?;
    Topic::parse(str::from_utf8(fields.slice(length)?).ok()?).ok()
}
