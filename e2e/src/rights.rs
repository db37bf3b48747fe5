//! Waits until a right or a key has reached the node where it matters: statements travel over a
//! link, and a steward acts on them in its own time.

use sekisho::{AnswerBody, Client, PrincipalId, Question, Statement, Topic};
use sekisho_proto::StatementBody;

use crate::city::City;
use crate::member::Member;
use crate::patience::{eventually, within};

/// Waits until the city's node would permit it.
pub async fn permitted(city: &City, who: &str, action: &str, topic: &str) {
    let question = Question::Why {
        principal: who.parse().expect("a principal's name"),
        action: action.parse().expect("an action"),
        topic: topic.parse().expect("a topic"),
        at: None,
    };
    let client = city.administrator().connect().await;
    eventually(&format!("{who}'s right to {action} {topic}"), || async {
        match client.query(question.clone()).await {
            Ok(AnswerBody::Json(answer)) => answer.contains("\"permitted\":true").then_some(()),
            other => panic!("wanted an explanation, found {other:?}"),
        }
    })
    .await;
    client.close().await;
}

/// Waits until the member's node has a key for it, of the epoch that a topic is sealed to now.
pub async fn holds_key(member: &Member, topic: &str) {
    let topic: Topic = topic.parse().expect("a topic");
    let client = member.connect().await;
    let reader = member.identity().id();
    eventually(&format!("{}'s key for {topic}", member.name()), || async {
        has_key(&client, reader, &topic).await.then_some(())
    })
    .await;
    client.close().await;
}

async fn has_key(client: &Client, reader: PrincipalId, topic: &Topic) -> bool {
    let announced = statements(client, Question::EpochOf(topic.clone())).await;
    let announcement = |statement: &Statement| {
        let StatementBody::EpochAnnounce(announce) = statement.body() else { return None };
        Some((announce.epoch, announce.tree.clone()))
    };
    let newest = announced.iter().filter_map(announcement).max_by_key(|(epoch, _tree)| *epoch);
    let Some((epoch, tree)) = newest else { return false };
    let granted = statements(client, Question::KeyGrants { tree, epoch }).await;
    let is_ours = |statement: &Statement| matches!(statement.body(), StatementBody::KeyGrant(grant) if grant.reader == reader);
    granted.iter().any(is_ours)
}

/// What the node answers; nothing where it refuses, as it does while there is nothing.
async fn statements(client: &Client, question: Question) -> Vec<Statement> {
    match within("an answer", client.query(question)).await {
        Ok(AnswerBody::Statements(encoded)) => {
            encoded.iter().filter_map(|bytes| Statement::decode(bytes).ok()).collect()
        }
        _ => Vec::new(),
    }
}
