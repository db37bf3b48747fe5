//! Single entries in single files: what was granted, released, accessed and erased.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use sekisho_e2e::{Said, eventually, skipped, within};
use serde_json::Value;
use tokio::process::Command;

use crate::town::{Town, text, verify};

/// The second implementation, in a language that every auditor can read.
async fn in_python(file: &Path, root: &str) -> Option<Said> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logs/verify.py");
    let mut command = Command::new("python3");
    command.args([script, text(file), root]).stdin(Stdio::null()).kill_on_drop(true);
    let ran = match within("the script", command.output()).await {
        Ok(ran) => ran,
        Err(fault) => {
            skipped(format!("the second implementation: wanted python3, found {fault}"));
            return None;
        }
    };
    Some(Said {
        code: ran.status.code(),
        output: String::from_utf8_lossy(&ran.stdout).into_owned(),
        error: String::from_utf8_lossy(&ran.stderr).into_owned(),
    })
}

/// Both implementations accept it, and say the same.
async fn is_proven(town: &Town, file: &Path) -> Value {
    let proven = town.verify(file, &["--json"]).await.json();
    if let Some(said) = in_python(file, &town.root).await {
        let other = said.json();
        for field in ["log", "index", "entries", "node"] {
            assert_eq!(other[field], proven[field], "{field}");
        }
        for field in ["statement", "subject"] {
            assert_eq!(other.get(field), proven.get(field), "{field}");
        }
    }
    proven
}

/// Neither accepts it.
async fn is_refused(town: &Town, file: &Path, words: &str) {
    town.verify(file, &[]).await.failed(1, words);
    if let Some(said) = in_python(file, &town.root).await {
        assert_eq!(said.code, Some(1), "{said:?}");
    }
}

/// The id of the first statement of a kind in the log.
async fn statement(town: &Town, kind: &str) -> String {
    let client = town.city.administrator().connect().await;
    let mut log = client.follow("fujisawa".parse().unwrap(), sekisho::StatementIndex::ZERO);
    let found = loop {
        let part = within("more of the log", log.next()).await.unwrap();
        if let Some(one) = part.into_iter().find(|one| one.statement.kind().name() == kind) {
            break one.statement.id().to_string();
        }
    };
    client.close().await;
    found
}

/// The accesses of a kind, by index.
async fn accesses(town: &Town, kind: &str) -> Vec<u64> {
    let listed = town.city.run(&["access", "list", "--json"]).await.json();
    let entries = listed.as_array().or_else(|| listed["entries"].as_array()).unwrap().clone();
    let of_kind = entries.iter().filter(|entry| entry["kind"] == kind);
    of_kind.map(|entry| entry["index"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_grant_and_a_key_release_are_proven_to_whoever_has_the_root_s_fingerprint() {
    let town = Town::found().await;
    let granted = town.prove("grant.tlog-proof", &[&statement(&town, "grant").await]).await;
    let proven = is_proven(&town, &granted).await;
    assert_eq!((&proven["kind"], &proven["authorised"]), (&"grant".into(), &true.into()));
    assert!(proven["bytes"].as_u64().unwrap() < 8192, "{proven}");
    let words = town.verify(&granted, &[]).await.done();
    assert!(words.contains("administrator@fujisawa may"), "{words}");
    assert!(words.contains("signed by node@fujisawa at 20"), "{words}");
    let id = statement(&town, "key-grant").await;
    let released = town.prove("release.tlog-proof", &[&id]).await;
    let proven = is_proven(&town, &released).await;
    assert_eq!((&proven["kind"], &proven["statement"]), (&"key-grant".into(), &id.into()));
    verify(&granted, &["--root", &"0".repeat(64)]).await.failed(1, "root");
}

/// N-53: another index, another size, another entry, another path.
#[tokio::test]
async fn a_proof_with_anything_changed_in_it_is_refused() {
    let town = Town::found().await;
    let honest = town.prove("honest.tlog-proof", &[&statement(&town, "grant").await]).await;
    let text = fs::read_to_string(&honest).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let changed = |name: &str, number: usize, line: String| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        lines[number] = line;
        let file = town.city.place(name);
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        file
    };
    let at = |wanted: &str| lines.iter().position(|line| line.starts_with(wanted)).unwrap();
    let index = at("index ");
    let number: u64 = lines[index].strip_prefix("index ").unwrap().parse().unwrap();
    let other = changed("index", index, format!("index {}", number + 1));
    is_refused(&town, &other, "wanted a way from it to the log's root").await;
    let flipped = |line: &str| {
        let mut bytes = line.as_bytes().to_vec();
        bytes[3] = if bytes[3] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let other = changed("path", index + 1, flipped(lines[index + 1]));
    is_refused(&town, &other, "wanted a way from it to the log's root").await;
    let size = at("sekisho/fujisawa/control") + 1;
    let grown: u64 = lines[size].parse::<u64>().unwrap() + 1;
    let other = changed("size", size, grown.to_string());
    is_refused(&town, &other, "signed by a node that its statements name").await;
    let other = changed("root", size + 1, flipped(lines[size + 1]));
    is_refused(&town, &other, "signed by a node that its statements name").await;
    // The way to another statement.
    let elsewhere = town.prove("other", &[&statement(&town, "issuer").await]).await;
    let elsewhere = fs::read_to_string(elsewhere).unwrap();
    let other = changed("entry", 1, elsewhere.lines().nth(1).unwrap().to_owned());
    is_refused(&town, &other, "wanted a way from it to the log's root").await;
}

/// N-53: what was proven of somebody stays proven when they were erased, and nobody can prove any
/// more who it was.
#[tokio::test]
async fn an_access_is_proven_before_and_after_its_subject_was_erased() {
    let town = Town::found().await;
    town.app.connect().await.close().await;
    let sessions = eventually("the app's session in the log", || async {
        let sessions = accesses(&town, "session").await;
        (!sessions.is_empty()).then_some(sessions)
    })
    .await;
    let mut of_app = None;
    for index in sessions {
        let file = town.prove(&format!("{index}"), &["--access", &index.to_string()]).await;
        if is_proven(&town, &file).await["subject"] == "wall@fujisawa" {
            of_app = Some((index.to_string(), file));
            break;
        }
    }
    let (index, before) = of_app.expect("a session of the app");
    let words = town.verify(&before, &[]).await.done();
    assert!(words.contains("session: wall@fujisawa"), "{words}");
    // Another record under the same commitment.
    let forged = town.city.place("forged");
    let text = fs::read_to_string(&before).unwrap();
    let extra = text.lines().nth(1).unwrap().strip_prefix("extra ").unwrap();
    let decoded =
        String::from_utf8(data_encoding::BASE64.decode(extra.as_bytes()).unwrap()).unwrap();
    let opening = decoded.lines().find(|line| line.starts_with("opening ")).unwrap();
    let last = if opening.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{last}", &opening[..opening.len() - 1]);
    let decoded = decoded.replace(opening, &changed);
    let encoded = data_encoding::BASE64.encode(decoded.as_bytes());
    fs::write(&forged, text.replace(extra, &encoded)).unwrap();
    is_refused(&town, &forged, "commitment").await;

    town.city.run(&["erase", "wall@fujisawa", "--yes"]).await.succeeded();
    is_proven(&town, &before).await;
    let after = town.prove("after", &["--access", &index]).await;
    let proven = is_proven(&town, &after).await;
    assert_eq!((&proven["kind"], &proven["subject"]), (&"session".into(), &Value::Null));
    let folder = town.export("accesses", &["--access"]).await;
    town.verify(&folder, &[]).await.succeeded();
}
