//! A certificate that is replaced while the node runs: the files are looked at now and then, and what
//! is in them is shown to whoever comes from then on. What cannot be shown is not: the one before goes
//! on.

use std::error::Error as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::Certificate;
use crate::config::TlsFiles;
use crate::hub::metrics;

/// How often the files are looked at. They are written one after the other: what is in them counts
/// when both have been let alone from one look to the next.
const LOOK: Duration = Duration::from_secs(1);

/// A listener's side: the certificate to show, and word of another.
#[derive(Debug)]
pub(crate) struct Renewed(Option<watch::Receiver<Certificate>>);

impl Renewed {
    /// Of a listener that shows none.
    pub(crate) const fn never() -> Self {
        Self(None)
    }

    /// Of a listener that shows what is the newest.
    pub(crate) const fn by(receiver: watch::Receiver<Certificate>) -> Self {
        Self(Some(receiver))
    }

    /// Resolves with each certificate that is to be shown instead.
    pub(crate) async fn next(&mut self) -> Certificate {
        if let Some(receiver) = &mut self.0
            && receiver.changed().await.is_ok()
        {
            return receiver.borrow_and_update().clone();
        }
        std::future::pending().await
    }
}

/// What tells two states of a file apart; none where it is not there.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

fn stamp(path: &Path) -> Stamp {
    let about = std::fs::metadata(path).ok()?;
    // A change of the mode counts: it may be what was wrong.
    Some((about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()))
}

fn stamps(files: &TlsFiles) -> [Stamp; 2] {
    [stamp(&files.certificate), stamp(&files.key)]
}

/// Looks after the files until `stop`.
pub(crate) async fn run(
    files: TlsFiles,
    shown: watch::Sender<Certificate>,
    stop: CancellationToken,
) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let (mut before, mut judged) = (None, None);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _at = looks.tick() => {}
        }
        let at = files.clone();
        let Ok(seen) = spawn_blocking(move || stamps(&at)).await else { continue };
        let is_settled = before.replace(seen) == Some(seen);
        if !is_settled || judged == Some(seen) {
            continue;
        }
        judged = Some(seen);
        let at = files.clone();
        let Ok(loaded) = spawn_blocking(move || Certificate::load(&at)).await else { continue };
        let path = files.certificate.display();
        match loaded {
            Ok(fresh) if fresh.is_same(&shown.borrow()) => {}
            Ok(fresh) => {
                info!(certificate = %path, fingerprint = %fresh.hash(), "a new certificate is shown");
                metrics::certificate_renewal("renewed");
                shown.send_replace(fresh);
            }
            Err(fault) => {
                let cause = fault.source().map(ToString::to_string);
                let fingerprint = shown.borrow().hash();
                error!(
                    certificate = %path, %fault, cause, still = %fingerprint,
                    "the new certificate cannot be shown: the one before goes on"
                );
                metrics::certificate_renewal("refused");
            }
        }
    }
}
