//! Cities that witness each other's logs: whoever was not there can see that what they are shown is
//! what the others saw.

use sekisho::{AnswerBody, Question};
use sekisho_e2e::{City, Member, eventually, peer};
use sekisho_proto::frame::Which;
use sekisho_proto::{LogName, Statement, StatementBody};
use sekisho_seal::StrictVerifier;
use sekisho_tlog::{Note, NoteKey, NoteKeyKind, leaf_hash, verify_consistency, verify_inclusion};
use serde_json::Value;

async fn peers(city: &City) -> Value {
    serde_json::from_str(&city.run(&["peer", "list", "--json"]).await.done()).unwrap()
}

/// How many of the city's statements its peer has cosigned.
async fn cosigned(city: &City) -> u64 {
    peers(city).await[0]["cosigned_size"].as_u64().unwrap_or(0)
}

async fn checkpoint(member: &Member, log: &LogName, old_size: u64) -> (Note, Vec<sekisho::Hash>) {
    let client = member.connect().await;
    let answer = client.query(Question::Checkpoint { log: log.clone(), old_size }).await.unwrap();
    client.close().await;
    let AnswerBody::Checkpoint { note, consistency } = answer else { panic!("{answer:?}") };
    (Note::parse(&note).unwrap(), consistency)
}

#[tokio::test]
async fn a_statement_is_cosigned_by_the_peer_that_applied_it_and_proven_to_both_cities() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, "fujisawa/truck/#").await;
    let before = cosigned(&fujisawa).await;
    let grant = ["grant", "*@santander", "subscribe", "fujisawa/truck/#", "--yes"];
    fujisawa.run(&grant).await.succeeded();
    let log: LogName = "sekisho/fujisawa/control".parse().unwrap();
    let clerk = fujisawa.administrator();
    let (old, _proof) = checkpoint(&clerk, &log, 0).await;
    let size = old.checkpoint().unwrap().size;
    assert!(size > before);
    eventually("the cosignature of the peer", || async {
        (cosigned(&fujisawa).await >= size).then_some(())
    })
    .await;
    let name = "sekisho_log_cosigned_entries{peer=\"santander\",log=\"control\"}";
    let counted = fujisawa.metric(name).await;
    assert!(counted >= size.to_string().parse().unwrap(), "{counted}");

    // The checkpoint carries the signatures of both nodes, and goes on where the other ended.
    let (note, consistency) = checkpoint(&clerk, &log, size).await;
    let (new, old) = (note.checkpoint().unwrap(), old.checkpoint().unwrap());
    verify_consistency((size, &old.root), (new.size, &new.root), &consistency).unwrap();
    let node = |city: &City| city.administrator().profile().node_key;
    let keys = [
        NoteKey::new("sekisho/fujisawa/control", NoteKeyKind::Log, node(&fujisawa)),
        NoteKey::new("sekisho/fujisawa/node", NoteKeyKind::Cosigner, node(&fujisawa)),
        NoteKey::new("sekisho/santander/node", NoteKeyKind::Cosigner, node(&santander)),
    ];
    for key in keys {
        note.verify(&key.unwrap(), &StrictVerifier).unwrap();
    }

    // Both cities' nodes prove the same entry of the same tree.
    let granted = eventually("the grant at the peer", || async {
        let client = santander.administrator().connect().await;
        let which = Which::Index(size - 1);
        let question = Question::Inclusion { log: log.clone(), which, size };
        let answer = client.query(question).await;
        client.close().await;
        answer.ok()
    })
    .await;
    let AnswerBody::Inclusion { index, entry, path } = granted else { panic!("{granted:?}") };
    verify_inclusion(&leaf_hash(&entry), index, size, &old.root, &path).unwrap();
    let statement = sekisho_proto::LogEntry::decode(&entry).unwrap().statement;
    let statement = Statement::decode(&statement).unwrap();
    assert!(matches!(statement.body(), StatementBody::Grant(_)), "{statement:?}");
    let client = clerk.connect().await;
    let which = Which::Statement(statement.id());
    let question = Question::Inclusion { log: log.clone(), which, size };
    let own = client.query(question).await.unwrap();
    client.close().await;
    assert_eq!(own, AnswerBody::Inclusion { index, entry, path });
    let (theirs, _proof) = checkpoint(&santander.administrator(), &log, 0).await;
    assert_eq!(theirs.text(), note.text());
    eventually("the access log cosigned, too", || async {
        let name = "sekisho_log_cosigned_entries{peer=\"santander\",log=\"access\"}";
        (fujisawa.metric(name).await > 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn witnesses_go_on_where_they_were_when_either_node_was_killed() {
    let (mut fujisawa, mut santander) =
        tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, "fujisawa/truck/#").await;
    for round in 0..3 {
        let grant = ["grant", "*@santander", "subscribe", &format!("fujisawa/truck/{round}/#")];
        fujisawa.run(&[&grant[..], &["--yes"]].concat()).await.succeeded();
        if round == 0 {
            santander.kill_node().await;
            santander.start_node().await;
        } else {
            fujisawa.kill_node().await;
            fujisawa.start_node().await;
        }
        let log: LogName = "sekisho/fujisawa/control".parse().unwrap();
        let (note, _proof) = checkpoint(&fujisawa.administrator(), &log, 0).await;
        let size = note.checkpoint().unwrap().size;
        eventually("the cosignature", || async {
            (cosigned(&fujisawa).await >= size).then_some(())
        })
        .await;
    }
    for city in [&fujisawa, &santander] {
        assert!(!city.log().contains("not to be trusted"), "{}", city.log());
    }
}
