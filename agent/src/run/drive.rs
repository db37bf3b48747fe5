//! One input: its source on one side, its lines on the other.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    config::InputConfig,
    format::FormatError,
    input::Input,
    observation::Observation,
    place::{KNOWN_BYTES, Place},
    run::{Batch, InputError, InputReport},
    source::{EVENTS_MAX, Event, pump},
    tally::Tally,
};

/// Reads one input to its end, from where an earlier run came to; returns its place among the inputs
/// and what became of it.
pub(super) async fn drive(
    index: usize,
    config: InputConfig,
    place: Option<Place>,
    batches: mpsc::Sender<Batch>,
    cancel: CancellationToken,
) -> (usize, InputReport) {
    let name = config.name.clone();
    let mut input = match config.open() {
        Ok(input) => input,
        Err(error) => {
            let failure = Some(error.into());
            return (index, InputReport { name, tally: Tally::default(), failure });
        }
    };
    let (events, delivered) = mpsc::channel(EVENTS_MAX);
    let cancel = cancel.child_token();
    let keeps_place = config.source.keeps_place();
    let lines = async {
        let result = read((index, &mut input), keeps_place, delivered, &batches).await;
        // A source that is silent would not notice that nobody listens.
        cancel.cancel();
        result
    };
    let pumping = pump(config.source, place, events, cancel.clone());
    let (source, lines) = tokio::join!(pumping, lines);
    let failure = lines.map_err(InputError::from).and(source.map_err(InputError::from)).err();
    (index, InputReport { name, tally: input.into_tally(), failure })
}

async fn read(
    (index, input): (usize, &mut Input),
    keeps_place: bool,
    mut delivered: mpsc::Receiver<Event>,
    batches: &mpsc::Sender<Batch>,
) -> Result<(), FormatError> {
    let new_reading = || keeps_place.then(Reading::default);
    let mut reading = new_reading();
    while let Some(event) = delivered.recv().await {
        let mut observations = Vec::new();
        let result = match (event, &mut reading) {
            (Event::Bytes(bytes), Some(reading)) => reading.feed(input, bytes, &mut observations),
            (Event::Bytes(bytes), None) => input.feed(&bytes, clock::now(), &mut observations),
            (Event::Published(bytes), reading) => {
                if let Some(reading) = reading {
                    reading.published = bytes;
                }
                Ok(())
            }
            (Event::Ended, reading) => {
                *reading = new_reading();
                input.finish(clock::now(), &mut observations)
            }
            (Event::Torn, reading) => {
                *reading = new_reading();
                input.tear();
                Ok(())
            }
        };
        if !observations.is_empty() {
            let place = reading.as_ref().and_then(|reading| reading.place.clone());
            let batch = Batch { input: index, observations, place };
            if batches.send(batch).await.is_err() {
                return result;
            }
        }
        result?;
    }
    Ok(())
}

/// How far a file was read.
#[derive(Debug, Default)]
struct Reading {
    bytes: u64,
    beginning: Vec<u8>,
    /// The last of it.
    end: Vec<u8>,
    /// How much of it an earlier run published.
    published: u64,
    /// Behind the last line that has ended.
    place: Option<Place>,
}

impl Reading {
    /// Takes the next bytes. What an earlier run published is read for what later lines need of it, such
    /// as a header, and says nothing any more.
    fn feed(
        &mut self,
        input: &mut Input,
        mut bytes: Bytes,
        observations: &mut Vec<Observation>,
    ) -> Result<(), FormatError> {
        let left = usize::try_from(self.published.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        if left > 0 {
            let known = bytes.split_to(left.min(bytes.len()));
            input.feed(&known, clock::now(), &mut Vec::new())?;
            self.note(&known, input.pending());
            if self.bytes >= self.published {
                input.count_anew();
            }
        }
        input.feed(&bytes, clock::now(), observations)?;
        self.note(&bytes, input.pending());
        Ok(())
    }

    /// Bytes were taken, and so many do not belong to a line that has ended.
    fn note(&mut self, bytes: &[u8], pending: u64) {
        let room = KNOWN_BYTES.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let ended = usize::try_from(pending).ok().and_then(|left| bytes.len().checked_sub(left));
        if let Some(ended) = ended {
            let before = last_known(&self.end, bytes.get(..ended).unwrap_or_default());
            let place = self.bytes.saturating_sub(pending);
            self.place = Place::behind(place, &self.beginning, &before);
        }
        self.end = last_known(&self.end, bytes);
    }
}

/// As many of the last bytes of two slices as a place is known by.
fn last_known(first: &[u8], second: &[u8]) -> Vec<u8> {
    let second = second.get(second.len().saturating_sub(KNOWN_BYTES)..).unwrap_or_default();
    let room = KNOWN_BYTES.saturating_sub(second.len());
    let first = first.get(first.len().saturating_sub(room)..).unwrap_or_default();
    [first, second].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_however_a_file_was_cut() {
        let text = format!("{}\nshort\n{}\nhalf", "header".repeat(300), "long".repeat(700));
        let ended = text.len() - "half".len();
        let whole = text.as_bytes();
        let wanted = Place::behind(ended as u64, &whole[..KNOWN_BYTES], &whole[..ended]);
        for cut in [1, 7, 1000, 1024, 1025, whole.len()] {
            let (mut reading, mut pending) = (Reading::default(), 0);
            for piece in whole.chunks(cut) {
                let last = piece.iter().rev().position(|byte| *byte == b'\n');
                pending = last.map_or(pending + piece.len(), |bytes| bytes);
                reading.note(piece, pending as u64);
            }
            assert_eq!(reading.place, wanted, "in pieces of {cut}");
        }
    }
}
