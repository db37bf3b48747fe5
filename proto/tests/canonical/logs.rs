//! Any message about the logs of an organisation, for property tests.

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*, sample::select};
use sekisho_proto::{
    AccessEntry, AccessKind, AccessRecord, Epoch, Frame, LogEntry, LogName, Position, frame,
    statement::{self, Erased},
};

use crate::strategies::{
    filter, hash, number, org, own_filter, principal_id, principal_name, role_of, some_bytes, text,
    time,
};

fn log() -> impl Strategy<Value = LogName> {
    (org(), any::<bool>()).prop_map(|(organisation, control)| {
        if control { LogName::Control(organisation) } else { LogName::Access(organisation) }
    })
}

pub(crate) fn role() -> impl Strategy<Value = statement::Role> {
    let member = prop_oneof![principal_name().prop_map(Into::into), org().prop_map(Into::into)];
    (org().prop_flat_map(|org| role_of(&org)), member, time(), option::of(time()))
        .prop_map(|(role, member, issued, until)| statement::Role { role, member, issued, until })
}

pub(crate) fn erasure() -> impl Strategy<Value = statement::Erasure> {
    let epoch =
        (own_filter(), 1..=u64::MAX, hash()).prop_map(|((organisation, tree), epoch, key)| {
            (organisation, Erased::Epoch { tree, epoch: Epoch::new(epoch), key })
        });
    let subject =
        (org(), principal_id()).prop_map(|(organisation, id)| (organisation, Erased::Subject(id)));
    (prop_oneof![epoch, subject], number(), text(), time()).prop_map(
        |((organisation, erased), records, reason, issued)| statement::Erasure {
            organisation,
            erased,
            records,
            reason,
            issued,
        },
    )
}

pub(crate) fn log_entry() -> impl Strategy<Value = LogEntry> {
    (time(), some_bytes()).prop_map(|(received, statement)| LogEntry { received, statement })
}

pub(crate) fn access_entry() -> impl Strategy<Value = AccessEntry> {
    (select(&AccessKind::ALL[..]), time(), hash()).prop_map(|(kind, time, commitment)| {
        AccessEntry { kind, hour: AccessEntry::hour_of(time), commitment }
    })
}

pub(crate) fn access_record() -> impl Strategy<Value = AccessRecord> {
    let who = (principal_name(), principal_id());
    let positions = (option::of(number()), option::of(number()));
    let what = (option::of(filter()), positions, option::of(1..=u64::MAX));
    (select(&AccessKind::ALL[..]), who, what, text(), time()).prop_map(
        |(kind, (subject, id), (topics, (from, to), epoch), purpose, time)| AccessRecord {
            kind,
            subject,
            id,
            topics,
            from: from.map(Position::new),
            to: to.map(Position::new),
            epoch: epoch.map(Epoch::new),
            purpose,
            time,
        },
    )
}

pub(crate) fn question() -> impl Strategy<Value = frame::Question> {
    use frame::{Question, Which};
    let which = prop_oneof![hash().prop_map(Which::Statement), number().prop_map(Which::Index),];
    prop_oneof![
        (log(), number()).prop_map(|(log, old_size)| Question::Checkpoint { log, old_size }),
        (log(), which, number()).prop_map(|(log, which, size)| Question::Inclusion {
            log,
            which,
            size
        }),
        some_bytes().prop_map(Question::Diff),
        (principal_name(), option::of(principal_id()))
            .prop_map(|(principal, id)| Question::Erase { principal, id }),
        (option::of(principal_name()), number(), any::<u32>())
            .prop_map(|(subject, from, max)| Question::Accesses { subject, from, max }),
    ]
}

pub(crate) fn answer() -> impl Strategy<Value = frame::AnswerBody> {
    use frame::AnswerBody;
    prop_oneof![
        (text(), vec(hash(), 0..4))
            .prop_map(|(note, consistency)| AnswerBody::Checkpoint { note, consistency }),
        (number(), some_bytes(), vec(hash(), 0..4)).prop_map(|(index, entry, path)| {
            let entry: Bytes = entry;
            AnswerBody::Inclusion { index, entry, path }
        }),
    ]
}

pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        (any::<u32>(), text(), number(), vec(hash(), 0..4)).prop_map(
            |(subscription, note, old_size, consistency)| {
                Frame::from(frame::Checkpoint { subscription, note, old_size, consistency })
            }
        ),
        (any::<u32>(), log(), number(), option::of("[a-z]{1,9}")).prop_map(
            |(subscription, log, size, signature)| {
                Frame::from(frame::Cosigned { subscription, log, size, signature })
            }
        ),
    ]
}
