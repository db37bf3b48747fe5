//! Errands: what an administrator asks of the steward through a node that is to learn nothing of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use sekisho::{Client, JoinToken, QueryError, RefusalCode, clock};
use sekisho_e2e::{City, Member, Needles, Process, eventually, within};
use sekisho_proto::frame::{AnswerBody, ErrandStanding, Question};
use sekisho_proto::{
    Errand, ErrandAnswer, ErrandContent, ErrandId, ErrandOutcome, ErrandTask, PrincipalId,
    PrincipalKind, Signature, Timestamp, TokenId,
};
use sekisho_seal::{ErrandDraft, KeyFile, KeyKind, SeededEntropy, open_errand_answer, seal_errand};

const TOPICS: &str = "fujisawa/truck/17/#";

/// Somebody who joined and may administer everything.
async fn clerk(city: &City) -> Member {
    Member::enrol(city, "clerk", &["--kind", "person", "--administrator"]).await
}

/// The steward's keys, of which an administrator knows the public halves.
fn steward(city: &City) -> KeyFile {
    let path = city.dir().join("steward").join(sekisho::IDENTITY_FILE);
    KeyFile::load_as(&path, KeyKind::Principal(PrincipalKind::Steward)).unwrap()
}

fn draft(city: &City, number: u8, lasts: Duration) -> ErrandDraft {
    let issued = clock::now();
    ErrandDraft {
        organisation: "fujisawa".parse().unwrap(),
        id: ErrandId::new([number; 16]),
        steward: steward(city).identity.id(),
        issued,
        until: issued.saturating_add(lasts),
    }
}

fn withdraw(token: TokenId) -> ErrandTask {
    ErrandTask::Withdraw { token_id: token, reason: "a slip".to_owned() }
}

fn errand(city: &City, asker: &Member, task: &ErrandTask, number: u8) -> Errand {
    let key = steward(city).identity.kem().public_key().clone();
    let draft = draft(city, number, Duration::from_secs(60));
    seal_errand(asker.identity(), &key, draft, task, &mut SeededEntropy::new(number.into()))
        .unwrap()
}

async fn brought(client: &Client, errand: &Errand) -> Result<ErrandStanding, RefusalCode> {
    match client.query(Question::Errand(errand.encoded().clone())).await {
        Ok(AnswerBody::Errand(standing)) => Ok(standing),
        Err(QueryError::Refused(refusal)) => Err(refusal.code),
        other => panic!("wanted how far it is, found {other:?}"),
    }
}

async fn outcome(city: &City, client: &Client, asker: &Member, errand: &Errand) -> ErrandOutcome {
    let answer = eventually("an answer", || async {
        match brought(client, errand).await.unwrap() {
            ErrandStanding::Answered(answer) => Some(answer),
            ErrandStanding::Away | ErrandStanding::Waiting => None,
        }
    })
    .await;
    let answer = ErrandAnswer::decode(answer).unwrap();
    let key = steward(city).identity.public_key();
    open_errand_answer(asker.identity(), &key, errand, &answer).unwrap()
}

/// A newcomer that waits, and how it looks to an administrator.
async fn waits(clerk: &Member, token: &str, dir: &str, city: &City) -> (Process, String) {
    let joining = Process::start(
        "join",
        &["join", "--token-file", token, "--dir", dir],
        &city.place("join.log"),
    );
    let key = eventually("a newcomer that waits", || async {
        let listed = clerk.run(&["enrol", "--list", "--json"]).await.json();
        let mut entries = listed.as_array().unwrap().iter();
        let waiting = entries.find(|entry| entry["standing"] == "waiting")?;
        Some(waiting["key"].as_str().unwrap()[..16].to_owned())
    })
    .await;
    (joining, key)
}

#[tokio::test]
async fn an_administrator_lets_a_newcomer_in_and_ends_it_from_a_folder_of_their_own() {
    let city = City::found("fujisawa").await;
    let clerk = clerk(&city).await;
    let (token, dir) = (city.place("token"), city.place("truck"));
    let (token, dir) = (token.to_str().unwrap(), dir.to_str().unwrap());
    clerk.run(&["enrol", "truck-17", "--topics", TOPICS, "--out", token]).await.succeeded();
    let (mut joining, key) = waits(&clerk, token, dir, &city).await;
    clerk
        .run(&["enrol", "--approve", "truck-17", "--key", "0000-0000-0000-0000"])
        .await
        .failed(1, "none");
    clerk.run(&["enrol", "--approve", "truck-17", "--key", &key]).await.succeeded();
    assert!(within("joining", joining.wait()).await.success(), "{}", joining.log());
    let what = clerk.run(&["what", "truck-17@fujisawa", "--json"]).await.json();
    assert_eq!(what["grants"][0]["purpose"], "as invited by clerk@fujisawa");
    // What a clerk may not state alone the steward signs as well, and the log shows both.
    let granted = ["grant", "truck-17@fujisawa", "subscribe,decrypt", "fujisawa/tide/#", "--json"];
    let stands = clerk.run(&granted).await.json();
    assert!(stands["statement"].is_string(), "{stands}");
    clerk
        .run(&["grant", "clerk@fujisawa", "subscribe", "fujisawa/#", "--yes"])
        .await
        .failed(1, "clerk");
    let password = city.place("password");
    let meter = ["enrol", "meter", "--attested", "--topics", "fujisawa/meter/#", "--password-file"];
    clerk.run(&[&meter[..], &[password.to_str().unwrap()]].concat()).await.succeeded();
    let what = clerk.run(&["what", "meter@fujisawa", "--json"]).await.json();
    assert_eq!(
        (&what["attested"], &what["grants"][0]["actions"]),
        (&true.into(), &"publish".into())
    );
    let truck = Member::at(PathBuf::from(dir));
    truck.connect().await.close().await;
    clerk.run(&["revoke", "truck-17@fujisawa", "--reason", "stolen"]).await.succeeded();
    truck.try_connect().await.unwrap_err();
    clerk.run(&["revoke", "steward@fujisawa", "--yes", "--no-wait"]).await.failed(1, "steward");
    clerk
        .run(&["revoke", "administrator@fujisawa", "--yes", "--no-wait"])
        .await
        .failed(1, "issuer");
}

#[tokio::test]
async fn who_may_not_ask_a_steward_is_refused_by_the_node_already() {
    let city = City::found("fujisawa").await;
    let (clerk, truck) = (clerk(&city).await, Member::device(&city, "truck-17", TOPICS).await);
    truck.run(&["enrol", "friend", "--out", "/nonexistent/token"]).await.failed(1, "administer");
    let task = withdraw(TokenId::new([1; 16]));
    let (clerks, trucks) = (clerk.connect().await, truck.connect().await);
    let own = errand(&city, &truck, &task, 1);
    assert_eq!(brought(&trucks, &own).await, Err(RefusalCode::NotPermitted));
    let genuine = errand(&city, &clerk, &task, 2);
    assert_eq!(brought(&trucks, &genuine).await, Err(RefusalCode::NotPermitted));
    // Another's errand is nobody's to bring, and one that nobody signed is none.
    assert_eq!(brought(&clerks, &own).await, Err(RefusalCode::NotPermitted));
    let content = genuine.content().encode();
    let forged = Errand::assemble(content, Signature::new([7; 64])).unwrap();
    assert_eq!(brought(&clerks, &forged).await, Err(RefusalCode::BadSignature));
    let strangers =
        ErrandContent { steward: PrincipalId::new([9; 32]), ..genuine.content().clone() };
    let signature =
        clerk.identity().signing().sign(&sekisho_proto::errand_signing_input(&strangers.encode()));
    let strangers = Errand::assemble(strangers.encode(), signature).unwrap();
    assert_eq!(brought(&clerks, &strangers).await, Err(RefusalCode::NotFound));
    for garbage in [&b"garbage"[..], &[0; 65_536]] {
        let question = Question::Errand(garbage.to_vec().into());
        clerks.query(question).await.unwrap_err();
    }
    // Neither asks what waits, nor answers.
    for question in [Question::Errands, Question::AnswerErrand(b"garbage".to_vec().into())] {
        let refused = clerks.query(question).await.unwrap_err();
        let QueryError::Refused(refusal) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.code, RefusalCode::NotPermitted);
    }
    let refused = outcome(&city, &clerks, &clerk, &genuine).await;
    let ErrandOutcome::Refused { code, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(code, RefusalCode::NotFound);
    for client in [clerks, trucks] {
        client.close().await;
    }
    let listed = clerk.run(&["node", "refusals", "--json"]).await.json();
    let by_truck = listed["refusals"].as_array().unwrap().iter();
    let by_truck = by_truck.filter(|one| one["principal"] == "truck-17@fujisawa").count();
    assert!(by_truck >= 1, "{listed}");
}

#[tokio::test]
async fn an_errand_played_again_brings_nothing_back() {
    let mut city = City::found("fujisawa").await;
    let clerk = clerk(&city).await;
    let token = city.place("token");
    clerk.run(&["enrol", "truck-17", "--out", token.to_str().unwrap()]).await.succeeded();
    let text = std::fs::read_to_string(&token).unwrap();
    let parsed = JoinToken::parse(text.trim()).unwrap();
    let client = clerk.connect().await;
    let takes_back = errand(&city, &clerk, &withdraw(parsed.id), 1);
    let first = outcome(&city, &client, &clerk, &takes_back).await;
    assert!(matches!(first, ErrandOutcome::Withdrawn { .. }), "{first:?}");
    // Also by a steward that was killed, and by a node that has forgotten it.
    city.kill_steward().await;
    city.start_steward().await;
    assert_eq!(outcome(&city, &client, &clerk, &takes_back).await, first);
    city.kill_node().await;
    city.start_node().await;
    let again = clerk.connect().await;
    assert_eq!(outcome(&city, &again, &clerk, &takes_back).await, first);
    for client in [client, again] {
        client.close().await;
    }
    let listed = clerk.run(&["enrol", "--list", "--json"]).await.json();
    assert_eq!(listed[0]["standing"], "withdrawn", "{listed}");
    let dir = city.place("truck");
    let join = ["join", "--token-file", token.to_str().unwrap(), "--dir", dir.to_str().unwrap()];
    sekisho_e2e::sekisho(&join).await.failed(1, "taken back");
}

#[tokio::test]
async fn a_steward_that_is_away_is_told_of_and_what_was_not_begun_ends() {
    let mut city = City::found("fujisawa").await;
    let clerk = clerk(&city).await;
    assert_eq!(city.stop_steward().await, Some(0));
    let token = city.place("token");
    let enrol = ["enrol", "truck-17", "--out", token.to_str().unwrap(), "--wait", "2"];
    let said = clerk.run(&enrol).await;
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.error.contains("away") && said.error.contains("begins nothing"), "{said:?}");
    assert!(!token.exists(), "a token that nobody knows");
    // It waits for as long as it may.
    let client = clerk.connect().await;
    let waiting = errand(&city, &clerk, &withdraw(TokenId::new([1; 16])), 1);
    assert_eq!(brought(&client, &waiting).await, Ok(ErrandStanding::Away));
    let issued = Timestamp::from_micros(waiting.content().issued.as_micros() - 600_000_000);
    let until = Timestamp::from_micros(issued.as_micros() + 1_000_000);
    let over = ErrandContent { issued, until, ..waiting.content().clone() }.encode();
    let signature = clerk.identity().signing().sign(&sekisho_proto::errand_signing_input(&over));
    let over = Errand::assemble(over, signature).unwrap();
    assert_eq!(brought(&client, &over).await, Err(RefusalCode::Expired));
    city.start_steward().await;
    let refused = outcome(&city, &client, &clerk, &waiting).await;
    assert!(matches!(refused, ErrandOutcome::Refused { .. }), "{refused:?}");
    client.close().await;
    let listed = clerk.run(&["enrol", "--list", "--json"]).await.json();
    let names: BTreeSet<_> =
        listed.as_array().unwrap().iter().map(|one| one["name"].to_string()).collect();
    assert!(!names.contains("\"truck-17@fujisawa\""), "begun after its time: {listed}");
}

#[tokio::test]
async fn neither_the_node_nor_its_disk_nor_its_log_learns_a_token_that_an_errand_made() {
    let city = City::found("fujisawa").await;
    let clerk = clerk(&city).await;
    let (token, dir) = (city.place("token"), city.place("truck"));
    let (token, dir) = (token.to_str().unwrap(), dir.to_str().unwrap());
    let noted = "planted-filter-7c21";
    let topics = format!("fujisawa/{noted}/#");
    clerk.run(&["enrol", "truck-17", "--topics", &topics, "--out", token]).await.succeeded();
    let parsed = JoinToken::parse(std::fs::read_to_string(token).unwrap().trim()).unwrap();
    let secret = parsed.secret.expose();
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let node_key = city.administrator().profile().node_key;
    let needles = Needles::new()
        .with("the node's key", node_key.as_ref())
        .with("the secret", secret)
        .with("the secret, half", &secret[..16])
        .with("the secret in words", hex.as_bytes())
        .with("what it is for", noted.as_bytes());
    let only: sekisho_e2e::Found = ["the node's key".to_owned()].into();
    let node = city.node();
    let in_memory = node.at_rest(|| needles.in_memory_of(node.id()));
    assert_eq!(in_memory, only, "in the node's memory");
    let others: Vec<PathBuf> = vec![city.dir().join("steward"), city.dir().join("administrator")];
    assert_eq!(needles.in_folder(&city.dir(), &others), only, "on the node's disk");
    let log = city.log();
    assert!(!log.contains(&hex) && !log.contains(noted), "in its log");
    // The steward has it, and the same search finds it there.
    let with_steward = needles.in_folder(&city.dir().join("steward"), &[]);
    assert!(with_steward.contains("the secret in words"), "{with_steward:?}");
    // The newcomer proves it to the steward past the same node, which still does not learn it.
    let (mut joining, key) = waits(&clerk, token, dir, &city).await;
    clerk.run(&["enrol", "--approve", "truck-17", "--key", &key]).await.succeeded();
    assert!(within("joining", joining.wait()).await.success(), "{}", joining.log());
    let in_memory = node.at_rest(|| needles.in_memory_of(node.id()));
    assert!(!in_memory.iter().any(|found| found.starts_with("the secret")), "{in_memory:?}");
}
