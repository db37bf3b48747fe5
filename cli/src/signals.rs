//! SIGINT, SIGTERM and SIGHUP as one token: whoever runs looks at it and ends in good order.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What a shell reports of a process that a signal ended: this plus the signal's number.
const BY_SIGNAL: i32 = 128;
/// Where Linux tells a process about itself.
const STATUS: &str = "/proc/self/status";
/// The bit of SIGHUP, which is signal 1, in a set of signals.
const HANGUP_BIT: u64 = 1;

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
    let Ok(mut signals) = Signals::listen() else {
        warn!("signals cannot be heard: this process ends only when it is killed");
        return stop;
    };
    tokio::spawn(async move {
        let first = signals.next().await;
        fired.cancel();
        info!(signal = first.as_raw_value(), "ending in good order");
        loop {
            let second = signals.next().await;
            // Of one terminal that is gone both the shell and the system tell.
            let is_asked_again = second != SignalKind::hangup();
            match again {
                Again::Ends if is_asked_again => {
                    std::process::exit(BY_SIGNAL + second.as_raw_value())
                }
                Again::Ends | Again::SaysNothingNew => {}
            }
        }
    });
    stop
}

/// The signals that ask a process to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// That the terminal is gone; `None` where that is to be ignored, as `nohup` has it.
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let status = std::fs::read_to_string(STATUS).unwrap_or_default();
        let hangup = (!ignores_hangup(&status)).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        let Self { interrupt, terminate, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _at = interrupt.recv() => SignalKind::interrupt(),
            _at = terminate.recv() => SignalKind::terminate(),
            _at = hung_up => SignalKind::hangup(),
        }
    }
}

/// Whether the process was started so that a closed terminal does not end it. Where the system does
/// not say, it is left as it is.
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_none_or(|set| set & HANGUP_BIT != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_terminal_is_ignored_by_whoever_was_told_to_and_where_nobody_knows() {
        let status =
            |set: &str| format!("Name:\tsekisho\nSigBlk:\t0000000000000001\nSigIgn:\t{set}\n");
        assert!(ignores_hangup(&status("0000000000000001")));
        assert!(ignores_hangup(&status("0000000000001001")));
        assert!(!ignores_hangup(&status("0000000000001000")));
        assert!(!ignores_hangup(&status("0000000000000000")));
        assert!(ignores_hangup(""));
    }
}
