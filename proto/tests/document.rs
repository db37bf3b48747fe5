//! Holds docs/protocol.md to the code: what others implement from it is what we implement.

#![cfg(test)]

use sekisho_proto::{
    ContentType, ENVELOPE_CONTEXT, ERRAND_ANSWER_CONTEXT, ERRAND_CONTEXT, GapReason,
    KEY_HEADER_CONTEXT, RefusalCode, StatementKind, Suite, VOUCHER_CONTEXT, limits,
};

const DOCUMENT: &str = include_str!("../../docs/protocol.md");

/// Some line holds all of the parts, in this order.
fn says(parts: &[&str]) -> bool {
    DOCUMENT.lines().any(|line| {
        let mut rest = Some(line);
        for part in parts {
            rest = rest.and_then(|rest| rest.split_once(part)).map(|(_before, after)| after);
        }
        rest.is_some()
    })
}

#[track_caller]
fn assert_says(parts: &[&str]) {
    assert!(says(parts), "docs/protocol.md has no line with {parts:?}");
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[test]
fn it_names_every_code() {
    for code in RefusalCode::ALL {
        assert_says(&[&format!("| {} | `{}` |", code.number(), code.name())]);
    }
    for reason in GapReason::ALL {
        assert_says(&[&format!("| {} | `{}` |", reason.number(), reason.name())]);
    }
}

#[test]
fn it_names_every_context_and_suite() {
    for kind in StatementKind::ALL {
        let context = kind.context().replace('\0', "\\0");
        assert_says(&[&format!("| {} |", kind.number()), &format!("`{context}`")]);
    }
    let errands = [ERRAND_CONTEXT, ERRAND_ANSWER_CONTEXT];
    let others = [ENVELOPE_CONTEXT, KEY_HEADER_CONTEXT, VOUCHER_CONTEXT];
    for context in others.into_iter().chain(errands) {
        let context = String::from_utf8_lossy(context).replace('\0', "\\0");
        assert_says(&[&format!("\"{context}\" ‖")]);
    }
    for suite in Suite::ALL {
        assert_says(&[&format!("| {} | `{}` |", suite.number(), suite.name())]);
    }
    assert_says(&[ContentType::SAMPLES]);
}

#[test]
fn it_states_every_limit() {
    for (what, limit) in [
        ("| encoded envelope |", limits::ENVELOPE_BYTES_MAX),
        ("a node takes", limits::ENVELOPE_BYTES_DEFAULT),
        ("| encoded frame, without its length |", limits::FRAME_BYTES_MAX),
        ("before the greeting", limits::FRAME_BYTES_UNGREETED_MAX),
        ("| encoded header |", limits::HEADER_BYTES_MAX),
        ("| encoded key header |", limits::KEY_HEADER_BYTES_MAX),
        ("| encoded statement |", limits::STATEMENT_BYTES_MAX),
        ("| signatures under a statement |", limits::SIGNATURES_MAX),
        ("| keys of a root |", limits::ROOT_KEYS_MAX),
        ("| transducers of a descriptor |", limits::TRANSDUCERS_MAX),
        ("| filters in a list of a peering |", limits::PEERING_FILTERS_MAX),
        ("| purposes of a peering |", limits::PURPOSES_MAX),
        ("| encoded errand |", limits::ERRAND_BYTES_MAX),
        ("| encoded answer to an errand |", limits::ERRAND_ANSWER_BYTES_MAX),
        ("| statements in one errand |", limits::ERRAND_STATEMENTS_MAX),
        ("| filters in each list of an invitation |", limits::INVITATION_FILTERS_MAX),
        ("| `sign_in` of an enrolment |", limits::SIGN_IN_BYTES_MAX),
        ("| statements in one frame |", limits::STATEMENTS_PER_FRAME_MAX),
        ("| statements in one `State` |", limits::STATEMENTS_PER_STATE_MAX),
        ("| entry of a log |", limits::LOG_ENTRY_BYTES_MAX),
        ("| signed note |", limits::NOTE_BYTES_MAX),
        ("| hashes of a proof |", limits::PROOF_HASHES_MAX),
        ("| topic or filter |", limits::TOPIC_BYTES_MAX),
        ("| topic or filter |", limits::LEVELS_MAX),
        ("a level", limits::LEVEL_BYTES_MAX),
        ("| text for people |", limits::TEXT_BYTES_MAX),
        ("| samples of a batch |", limits::SAMPLES_PER_BATCH_MAX),
        ("| columns of a batch |", limits::COLUMNS_MAX),
        ("| nodes that a record has passed |", limits::HOPS_MAX),
        ("| content type |", limits::CONTENT_TYPE_BYTES_MAX),
        ("| transducer |", limits::TRANSDUCER_BYTES_MAX),
        ("| unit |", limits::UNIT_BYTES_MAX),
        ("most", limits::ADDRESS_BYTES_MAX),
        ("numerals of at most", limits::NUMERAL_BYTES_MAX),
    ] {
        let number = grouped(limit);
        assert_says(&[what, &format!(" {number}")]);
    }
    let ahead = limits::CLOCK_AHEAD_MAX.as_secs().to_string();
    assert_says(&["| clock ahead of the node's |", &ahead]);
    let envelopes = grouped(usize::try_from(limits::ENVELOPES_PER_KEY_MAX).unwrap());
    assert_says(&["| envelopes under one key header |", &envelopes]);
}
