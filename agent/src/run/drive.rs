//! One input: its source on one side, its lines on the other.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    config::InputConfig,
    format::FormatError,
    input::Input,
    run::{Batch, InputError, InputReport},
    source::{EVENTS_MAX, Event, pump},
    tally::Tally,
};

/// Reads one input to its end; returns its place among the inputs and what became of it.
pub(super) async fn drive(
    index: usize,
    config: InputConfig,
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
    let lines = async {
        let result = read(index, &mut input, delivered, &batches).await;
        // A source that is silent would not notice that nobody listens.
        cancel.cancel();
        result
    };
    let (source, lines) = tokio::join!(pump(config.source, events, cancel.clone()), lines);
    let failure = lines.map_err(InputError::from).and(source.map_err(InputError::from)).err();
    (index, InputReport { name, tally: input.into_tally(), failure })
}

async fn read(
    index: usize,
    input: &mut Input,
    mut delivered: mpsc::Receiver<Event>,
    batches: &mpsc::Sender<Batch>,
) -> Result<(), FormatError> {
    while let Some(event) = delivered.recv().await {
        let mut observations = Vec::new();
        let result = match event {
            Event::Bytes(bytes) => input.feed(&bytes, clock::now(), &mut observations),
            Event::Ended => input.finish(clock::now(), &mut observations),
            Event::Torn => {
                input.tear();
                Ok(())
            }
        };
        if !observations.is_empty() {
            let batch = Batch { input: index, observations };
            if batches.send(batch).await.is_err() {
                return result;
            }
        }
        result?;
    }
    Ok(())
}
