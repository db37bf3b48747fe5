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
    place::{BEGINNING_BYTES, Place},
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
    let mut stream = Stream::default();
    while let Some(event) = delivered.recv().await {
        let mut observations = Vec::new();
        let mut place = None;
        let result = match event {
            Event::Bytes(bytes) => {
                let result = stream.feed(input, bytes, &mut observations);
                if keeps_place {
                    place = stream.place(input);
                }
                result
            }
            Event::Published(bytes) => {
                stream.published = bytes;
                Ok(())
            }
            Event::Ended => {
                stream = Stream::default();
                input.finish(clock::now(), &mut observations)
            }
            Event::Torn => {
                stream = Stream::default();
                input.tear();
                Ok(())
            }
        };
        if !observations.is_empty() {
            let batch = Batch { input: index, observations, place };
            if batches.send(batch).await.is_err() {
                return result;
            }
        }
        result?;
    }
    Ok(())
}

/// How far a stream was read.
#[derive(Debug, Default)]
struct Stream {
    bytes: u64,
    beginning: Vec<u8>,
    /// How much of it an earlier run published.
    published: u64,
}

impl Stream {
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
            self.take(&known);
            input.feed(&known, clock::now(), &mut Vec::new())?;
            if self.bytes >= self.published {
                input.count_anew();
            }
        }
        self.take(&bytes);
        input.feed(&bytes, clock::now(), observations)
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = BEGINNING_BYTES.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
    }

    /// Behind the last line that has ended.
    fn place(&self, input: &Input) -> Option<Place> {
        Place::behind(self.bytes.saturating_sub(input.pending()), &self.beginning)
    }
}
