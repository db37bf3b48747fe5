//! Any errand, task and outcome, for property tests.

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*, sample::select};
use sekisho_proto::{
    AdmissionBy, Errand, ErrandAnswer, ErrandAnswerContent, ErrandContent, ErrandId, ErrandOutcome,
    ErrandTask, InvitationStanding, InviteTask, ListedInvitation, Office, PrincipalKind,
    RefusalCode, TaskSecret, Timestamp,
    frame::{AnswerBody, ErrandStanding, Question},
};

use crate::strategies::{
    bytes, filter, hash, number, org, principal_id, principal_name, signature, some_bytes, text,
    time, token_id,
};

fn errand_id() -> impl Strategy<Value = ErrandId> {
    any::<[u8; 16]>().prop_map(ErrandId::new)
}

fn encapsulation() -> impl Strategy<Value = Bytes> {
    prop_oneof![bytes(32), bytes(1120)]
}

fn some_time() -> impl Strategy<Value = Timestamp> {
    (0..=i64::MAX / 2).prop_map(Timestamp::from_micros)
}

pub(crate) fn errand() -> impl Strategy<Value = Errand> {
    let ids = (org(), errand_id(), principal_id(), principal_id());
    let times = (some_time(), 1..=3_600_000_000_i64);
    (ids, times, encapsulation(), some_bytes(), signature()).prop_map(
        |((organisation, id, asker, steward), (issued, lasts), encapsulation, sealed, signed)| {
            let until = Timestamp::from_micros(issued.as_micros() + lasts);
            let content = ErrandContent {
                organisation,
                id,
                asker,
                steward,
                issued,
                until,
                encapsulation,
                sealed,
            };
            Errand::assemble(content.encode(), signed).unwrap()
        },
    )
}

pub(crate) fn errand_answer() -> impl Strategy<Value = ErrandAnswer> {
    let ids = (org(), errand_id(), hash(), principal_id(), principal_id());
    let encapsulation = prop_oneof![Just(Bytes::new()), encapsulation()];
    (ids, time(), encapsulation, some_bytes(), signature()).prop_map(
        |((organisation, errand, hash, asker, steward), issued, encapsulation, sealed, signed)| {
            let content = ErrandAnswerContent {
                organisation,
                errand,
                hash,
                asker,
                steward,
                issued,
                encapsulation,
                sealed,
            };
            ErrandAnswer::assemble(content.encode(), signed).unwrap()
        },
    )
}

fn office() -> impl Strategy<Value = Office> {
    select(vec![Office::None, Office::Administrator])
}

fn kind() -> impl Strategy<Value = PrincipalKind> {
    select(&PrincipalKind::ALL[..])
}

fn approval() -> impl Strategy<Value = AdmissionBy> {
    prop_oneof![
        Just(AdmissionBy::Hand),
        Just(AdmissionBy::Token),
        "[0-9a-f]{16,64}".prop_map(AdmissionBy::Fingerprint),
        (text(), text(), text()).prop_map(|(issuer, client, subject)| AdmissionBy::OpenId {
            issuer,
            client,
            subject
        }),
    ]
}

fn invite() -> impl Strategy<Value = InviteTask> {
    let secrets = (token_id(), any::<[u8; 32]>());
    let who = (principal_name(), kind(), office(), any::<bool>());
    let what = (vec(filter(), 0..3), vec(filter(), 0..3));
    (secrets, who, what, 1..=1_440_u32, approval()).prop_map(
        |(
            (token_id, secret),
            (name, kind, office, replace),
            (publish, read),
            minutes,
            approval,
        )| {
            let secret = TaskSecret::new(secret);
            InviteTask {
                token_id,
                secret,
                name,
                kind,
                publish,
                read,
                minutes,
                approval,
                replace,
                office,
            }
        },
    )
}

pub(crate) fn task() -> impl Strategy<Value = ErrandTask> {
    prop_oneof![
        invite().prop_map(|invite| ErrandTask::Invite(Box::new(invite))),
        (option::of(token_id()), 1..=100_u32, any::<bool>())
            .prop_map(|(after, max, pending)| ErrandTask::Invitations { after, max, pending }),
        (token_id(), principal_id())
            .prop_map(|(token_id, key)| ErrandTask::Approve { token_id, key }),
        (token_id(), text())
            .prop_map(|(token_id, reason)| ErrandTask::Withdraw { token_id, reason }),
        vec(some_bytes(), 1..4).prop_map(ErrandTask::Countersign),
    ]
}

fn listed() -> impl Strategy<Value = ListedInvitation> {
    let who = (token_id(), principal_name(), kind(), option::of(principal_name()));
    let what = (vec(filter(), 0..3), vec(filter(), 0..3), office(), any::<bool>());
    let key = (principal_id(), time());
    let standing = (select(&InvitationStanding::ALL[..]), key, 1..=4_u32);
    (who, what, standing, time(), time()).prop_map(
        |(
            (token_id, name, kind, invited_by),
            (publish, read, office, replace),
            (standing, key, approval),
            created,
            expires,
        )| {
            let came = (2..=4).contains(&standing.number());
            ListedInvitation {
                token_id,
                name,
                kind,
                publish,
                read,
                standing,
                claimant: came.then_some(key),
                created,
                expires,
                approval,
                replace,
                office,
                invited_by,
            }
        },
    )
}

pub(crate) fn outcome() -> impl Strategy<Value = ErrandOutcome> {
    prop_oneof![
        (select(RefusalCode::ALL), text(), text())
            .prop_map(|(code, what, why)| ErrandOutcome::Refused { code, what, why }),
        (time(), any::<bool>())
            .prop_map(|(expires, joined_before)| ErrandOutcome::Invited { expires, joined_before }),
        (vec(listed(), 0..3), any::<bool>()).prop_map(|(invitations, is_last)| {
            ErrandOutcome::Invitations { invitations, is_last }
        }),
        (principal_name(), principal_id())
            .prop_map(|(name, key)| ErrandOutcome::Approved { name, key }),
        principal_name().prop_map(|name| ErrandOutcome::Withdrawn { name }),
        vec(some_bytes(), 0..3).prop_map(ErrandOutcome::Countersigned),
    ]
}

pub(crate) fn question() -> impl Strategy<Value = Question> {
    prop_oneof![
        some_bytes().prop_map(Question::Errand),
        Just(Question::Errands),
        some_bytes().prop_map(Question::AnswerErrand),
        (option::of(principal_name()), number(), any::<u32>())
            .prop_map(|(principal, from, max)| Question::Sessions { principal, from, max }),
        (option::of(number()), any::<u32>())
            .prop_map(|(before, max)| Question::Refusals { before, max }),
        (option::of(filter()), any::<u32>())
            .prop_map(|(after, max)| Question::Epochs { after, max }),
        (option::of(filter()), any::<u32>(), option::of(filter()), any::<u32>()).prop_map(
            |(filter, levels, after, max)| Question::Storage { filter, levels, after, max }
        ),
    ]
}

pub(crate) fn answer() -> impl Strategy<Value = AnswerBody> {
    let answered = some_bytes().prop_filter("an answer", |bytes| !bytes.is_empty());
    prop_oneof![
        Just(AnswerBody::Errand(ErrandStanding::Away)),
        Just(AnswerBody::Errand(ErrandStanding::Waiting)),
        answered.prop_map(|answer| AnswerBody::Errand(ErrandStanding::Answered(answer))),
        vec(some_bytes(), 0..3).prop_map(AnswerBody::Errands),
    ]
}
