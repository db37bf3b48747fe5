//! Golden vectors: bytes that never change, for this implementation and for any other.
//!
//! The files beside this one are the vectors; this test makes the same messages and compares. Where
//! they differ, the wire format has changed, and every signature and every stored record with it.
#![cfg(test)]

mod examples;
mod refusals;

use std::{fs, path::Path};

use sekisho_proto::{ErrandOutcome, ErrandTask};
use serde_json::{Value, json};

/// Compares what the code makes with the frozen file, and leaves what it made to be looked at.
fn compare(file: &str, made: &[Value]) {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let made_path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let lines: Vec<_> = made.iter().map(|value| format!("  {value}")).collect();
    fs::write(&made_path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    let frozen: Value = serde_json::from_str(&fs::read_to_string(&frozen).unwrap()).unwrap();
    for (frozen, made) in frozen.as_array().unwrap().iter().zip(made) {
        assert_eq!(frozen, made, "all that was made is in {}", made_path.display());
    }
    assert_eq!(frozen.as_array().unwrap().len(), made.len());
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn identities_are_frozen() {
    let made: Vec<_> = examples::keys()
        .iter()
        .map(|key| {
            json!({
                "public_key": hex(key),
                "spki": hex(key.spki_der()),
                "id": hex(sekisho_proto::PrincipalId::of(key)),
            })
        })
        .collect();
    compare("identities.json", &made);
}

#[test]
fn envelopes_are_frozen() {
    let made: Vec<_> = examples::envelopes()
        .iter()
        .map(|(name, envelope)| {
            json!({
                "name": name,
                "header": hex(envelope.header_bytes()),
                "body": hex(envelope.body()),
                "envelope": hex(envelope.encoded()),
                "signed": hex(envelope.signed_bytes()),
                "hash": hex(envelope.hash()),
            })
        })
        .collect();
    compare("envelopes.json", &made);
}

#[test]
fn key_headers_are_frozen() {
    let made: Vec<_> = examples::key_headers()
        .iter()
        .map(|(name, key_header)| {
            json!({
                "name": name,
                "key_header": hex(key_header.encoded()),
                "signed": hex(key_header.signing_input()),
                "id": hex(key_header.id()),
            })
        })
        .collect();
    compare("key_headers.json", &made);
}

#[test]
fn sample_batches_are_frozen() {
    let made: Vec<_> = examples::sample_batches()
        .iter()
        .map(|(name, batch)| json!({ "name": name, "batch": hex(batch.encode()) }))
        .collect();
    compare("sample_batches.json", &made);
}

#[test]
fn statements_are_frozen() {
    let made: Vec<_> = examples::statements()
        .iter()
        .map(|statement| {
            json!({
                "kind": statement.kind().name(),
                "statement": hex(statement.encode()),
                "signed": hex(statement.signing_input()),
                "id": hex(statement.id()),
                "body_hash": hex(statement.body_hash()),
            })
        })
        .collect();
    compare("statements.json", &made);
}

#[test]
fn frames_are_frozen() {
    let made: Vec<_> = examples::frames()
        .iter()
        .map(|frame| json!({ "kind": frame.name(), "frame": hex(frame.encode()) }))
        .collect();
    compare("frames.json", &made);
}

#[test]
fn entries_of_logs_are_frozen() {
    let made: Vec<_> = examples::entries()
        .iter()
        .map(|(name, entry)| json!({ "name": name, "entry": hex(entry) }))
        .collect();
    compare("entries.json", &made);
}

#[test]
fn errands_are_frozen() {
    let (errand, answer) = (examples::errand(), examples::errand_answer());
    let mut made = vec![
        json!({
            "name": "errand",
            "errand": hex(errand.encoded()),
            "signed": hex(errand.signing_input()),
            "hash": hex(errand.hash()),
        }),
        json!({
            "name": "answer",
            "answer": hex(answer.encoded()),
            "signed": hex(answer.signing_input()),
        }),
    ];
    let tasks = examples::tasks();
    made.extend(
        tasks.iter().map(|task| json!({ "name": task.name(), "task": hex(task.encode()) })),
    );
    let outcomes = examples::outcomes();
    made.extend(
        outcomes.iter().map(|one| json!({ "name": "outcome", "outcome": hex(one.encode()) })),
    );
    for task in tasks {
        assert_eq!(ErrandTask::decode(&task.encode().into()).unwrap(), task);
    }
    for outcome in outcomes {
        assert_eq!(ErrandOutcome::decode(&outcome.encode().into()).unwrap(), outcome);
    }
    compare("errands.json", &made);
}

#[test]
fn refusals_are_frozen() {
    let made: Vec<_> = refusals::all()
        .iter()
        .map(|(name, message, bytes, code)| {
            json!({ "name": name, "message": message, "bytes": hex(bytes), "code": code.name() })
        })
        .collect();
    compare("refusals.json", &made);
}

#[test]
fn codes_are_frozen() {
    let made: Vec<_> = sekisho_proto::RefusalCode::ALL
        .iter()
        .map(|code| json!({ "refusal": code.name(), "number": code.number() }))
        .chain(
            sekisho_proto::GapReason::ALL
                .iter()
                .map(|reason| json!({ "gap": reason.name(), "number": reason.number() })),
        )
        .collect();
    compare("codes.json", &made);
}
