//! SIGINT and SIGTERM as one token: whoever runs looks at it and ends in good order.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What a shell reports of a process that a signal ended: this plus the signal's number.
const BY_SIGNAL: i32 = 128;

/// A token that is cancelled when the process is asked to end. Asking again ends it where it stands.
pub(crate) fn stop() -> CancellationToken {
    listen(Again::Ends)
}

/// As [`stop`], for a process that must put its children to bed however often it is asked.
pub(crate) fn stop_with_children() -> CancellationToken {
    listen(Again::SaysNothingNew)
}

/// What a second signal means.
#[derive(Debug, Clone, Copy)]
enum Again {
    Ends,
    SaysNothingNew,
}

fn listen(again: Again) -> CancellationToken {
    let stop = CancellationToken::new();
    let fired = stop.clone();
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        warn!("signals cannot be heard: this process ends only when it is killed");
        return stop;
    };
    tokio::spawn(async move {
        let first = next(&mut interrupt, &mut terminate).await;
        fired.cancel();
        info!(signal = first.as_raw_value(), "ending in good order");
        loop {
            let second = next(&mut interrupt, &mut terminate).await;
            match again {
                Again::Ends => std::process::exit(BY_SIGNAL + second.as_raw_value()),
                Again::SaysNothingNew => {}
            }
        }
    });
    stop
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> SignalKind {
    tokio::select! {
        _at = interrupt.recv() => SignalKind::interrupt(),
        _at = terminate.recv() => SignalKind::terminate(),
    }
}
