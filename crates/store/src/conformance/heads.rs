//! What remains of the runs of a publisher, whatever becomes of their records.

use std::collections::BTreeMap;

use sekisho_proto::{
    BootId, PrincipalId, Sequence, Timestamp, Topic, limits::BOOTS_PER_STREAM_MAX,
};

use super::{
    Breach, RecordsEngine, ensure_equal,
    retention::trim_all,
    samples::{append, commit, dated, record, time, topic},
};
use crate::{Appended, Keep, NewRecord, Records as _, RetentionRules, StreamHead, StreamKey};

/// When all is received: long after it was made.
const SECONDS_RECEIVED: u64 = 1_000_000;

pub(super) fn outlive_restarts<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let (a, b) = (topic("city/a")?, topic("city/b")?);
    let mut log = engine.open()?;
    let mut wanted = Vec::new();
    for (place, publisher, boot, last) in
        [(&a, 1, 1, 4), (&a, 1, 2, 0), (&a, 2, 1, 2), (&b, 1, 1, 1)]
    {
        for sequence in 0..=last {
            let new = of_run(place, (publisher, boot, sequence), time(sequence))?;
            let appended = append(&mut log, new.clone())?;
            if sequence == last {
                wanted.push(head_of(&new, appended, time(sequence)));
            }
        }
    }
    commit(&mut log)?;
    ensure_equal("heads before a restart", &wanted, &log.streams())?;
    drop(log);
    ensure_equal("heads after a restart", &wanted, &engine.open()?.streams())
}

/// The publisher's clock goes back, and all is received long after.
pub(super) fn have_the_newest_time<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let place = topic("city/a")?;
    let mut log = engine.open()?;
    let mut wanted = Vec::new();
    for (sequence, seconds) in [(0, 30), (1, 50), (2, 40)] {
        let new = of_run(&place, (1, 1, sequence), time(seconds))?;
        let appended = append(&mut log, new.clone())?;
        wanted = vec![head_of(&new, appended, time(50))];
    }
    commit(&mut log)?;
    ensure_equal("heads", &wanted, &log.streams())?;
    // The one that had it is dropped, the last stays.
    let rules = RetentionRules::uniform(Keep::Last);
    trim_all(&mut log, &rules, SECONDS_RECEIVED)?;
    ensure_equal("heads after a trim", &wanted, &log.streams())?;
    drop(log);
    ensure_equal("heads after a restart", &wanted, &engine.open()?.streams())
}

/// More runs than are kept, of which the younger ones are not always those that published last.
pub(super) fn the_oldest_runs_are_forgotten<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let place = topic("city/a")?;
    let mut log = engine.open()?;
    let (mut kept, mut forgotten) = (BTreeMap::new(), None);
    for boot in 0..40_u8 {
        let made = time(u64::from(boot ^ 3));
        let new = of_run(&place, (1, boot, 0), made)?;
        let appended = append(&mut log, new.clone())?;
        if kept.len() == BOOTS_PER_STREAM_MAX
            && let Some((oldest, _head)) = kept.pop_first()
        {
            forgotten = forgotten.max(Some(oldest));
        }
        kept.insert(made, head_of(&new, appended, made));
    }
    commit(&mut log)?;
    let mut wanted: Vec<StreamHead> =
        kept.into_values().map(|head| StreamHead { forgotten, ..head }).collect();
    wanted.sort_by_key(|head| head.stream.boot);
    ensure_equal("heads", &wanted, &log.streams())?;
    trim_all(&mut log, &RetentionRules::uniform(Keep::Nothing), SECONDS_RECEIVED)?;
    drop(log);
    ensure_equal("heads after a restart", &wanted, &engine.open()?.streams())
}

/// An envelope of a run, made when its publisher's clock said `made` and received much later.
fn of_run(
    place: &Topic,
    (publisher, boot, sequence): (u8, u8, u64),
    made: Timestamp,
) -> Result<NewRecord, Breach> {
    let stream = StreamKey {
        publisher: PrincipalId::new([publisher; 32]),
        boot: BootId::new([boot; 16]),
        sequence: Sequence::new(sequence),
    };
    let received = time(SECONDS_RECEIVED);
    dated(NewRecord { stream, received, ..record(place, sequence) }, made)
}

/// The head of a run that ends with the record.
fn head_of(new: &NewRecord, appended: Appended, time: Timestamp) -> StreamHead {
    StreamHead {
        topic: new.topic.clone(),
        stream: new.stream,
        hash: new.hash,
        offset: appended.offset,
        position: appended.position,
        time,
        forgotten: None,
    }
}
