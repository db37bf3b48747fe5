//! How newcomers come in: who they show their token to, who is let in by it, and what a new key does
//! to the old one.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sekisho::{JoinToken, OsEntropy, SigningKey};
use sekisho_e2e::{
    City, FalseNode, Member, Process, Secrets, Stranger, eventually, sekisho, within,
};
use sekisho_proto::frame::{Enrol, EnrolmentState};
use sekisho_proto::{Frame, Suite};
use sekisho_seal::{EnrolmentClaim, check_enrolment_proof};

const AIR: &str = "fujisawa/truck/17/air";

/// Makes a token that admits whoever proves it, and returns its file, its text and what it says.
async fn token_for(city: &City, name: &str, options: &[&str]) -> (String, JoinToken) {
    let path = city.place(format!("{name}.token"));
    let path = path.to_str().unwrap().to_owned();
    city.run(&[&["enrol", name, "--out", &path], options].concat()).await.succeeded();
    let token = JoinToken::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
    (path, token)
}

fn stolen_key(city: &City) -> SigningKey {
    let file = sekisho::KeyFile::load(&city.dir().join("keys/node.key")).unwrap();
    file.identity.signing().clone()
}

#[tokio::test]
async fn a_false_node_learns_neither_the_token_nor_anything_that_opens_the_door() {
    let mut city = City::found("fujisawa").await;
    let options = ["--topics", "fujisawa/truck/17/#", "--approve-matching"];
    let (path, token) = token_for(&city, "truck-17", &options).await;
    let mut secrets = Secrets::new();
    secrets.token(&std::fs::read_to_string(&path).unwrap());
    let dir = city.place("truck-17");
    let join = ["join", "--token-file", &path, "--dir", dir.to_str().unwrap()];
    assert_eq!(city.stop_node().await, Some(0));

    // One that has not the node's key is not told a word.
    let own = SigningKey::generate(&mut OsEntropy::new()).unwrap();
    let false_node = FalseNode::listen(city.quic(), &own).await;
    let said = sekisho(&join).await;
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.error.contains("the token was shown to nobody"), "{said:?}");
    let recorded = false_node.recorded();
    assert!(!recorded.datagrams.is_empty(), "wanted it to have been asked at all");
    assert!(recorded.frames.is_empty(), "{:?}", recorded.frames);
    secrets.absent_from("datagrams to a false node", &recorded.datagrams);
    false_node.leave().await;

    // One that stole the node's key is asked, and learns nothing that it could use itself.
    let false_node = FalseNode::listen(city.quic(), &stolen_key(&city)).await;
    let said = sekisho(&join).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.error.contains("not today"), "{said:?}");
    assert!(said.error.contains("the keys of truck-17@fujisawa stay in"), "{said:?}");
    let (recorded, asked) = (false_node.recorded(), false_node.enrol().unwrap());
    false_node.leave().await;
    secrets.absent_from("datagrams to a thief", &recorded.datagrams);
    for frame in recorded.frames {
        secrets.absent_from("a frame to a thief", frame.encode());
        secrets.absent_from("a frame to a thief", format!("{frame:?}"));
    }
    nothing_opens(&asked, &token);

    // Back home, what it recorded lets nobody in.
    city.start_node().await;
    let thief = Stranger::draw(&city);
    let as_thief = Enrol {
        public_key: thief.signing().public_key(),
        kem_suite: Suite::Open,
        kem_public_key: bytes::Bytes::new(),
        ..asked.clone()
    };
    let mut wire = thief.dial().await;
    wire.send(asked).await;
    let refused = wire.last_words().await;
    assert!(refused.why.contains("wanted the connection's own key"), "{refused:?}");
    let mut wire = thief.dial().await;
    wire.send(as_thief).await;
    let why = loop {
        match wire.hear().await {
            Some(Frame::Enrolling(told)) if told.state == EnrolmentState::Waiting => {}
            Some(Frame::Enrolling(told)) if told.state == EnrolmentState::Refused => {
                break told.why;
            }
            other => panic!("wanted a no, found {other:?}"),
        }
    };
    assert!(why.contains("wanted a proof"), "{why}");

    // And the newcomer itself comes in with the token and the keys that it has.
    let said = sekisho(&join).await;
    assert!(said.done().contains("joined as truck-17@fujisawa"));
}

/// The proof holds for the newcomer's keys and for no others, and for no other secret.
fn nothing_opens(asked: &Enrol, token: &JoinToken) {
    let claim = |name, public_key| EnrolmentClaim {
        token: token.id,
        name,
        public_key,
        kem_suite: asked.kem_suite,
        kem_public_key: &asked.kem_public_key,
    };
    let honest = claim(&token.name, asked.public_key);
    check_enrolment_proof(token.secret.expose(), &honest, &asked.proof).unwrap();
    check_enrolment_proof(&[0; 32], &honest, &asked.proof).unwrap_err();
    check_enrolment_proof(&asked.proof, &honest, &asked.proof).unwrap_err();
    let thief = SigningKey::generate(&mut OsEntropy::new()).unwrap().public_key();
    let stolen = claim(&token.name, thief);
    check_enrolment_proof(token.secret.expose(), &stolen, &asked.proof).unwrap_err();
    let other = "truck-18@fujisawa".parse().unwrap();
    let renamed = claim(&other, asked.public_key);
    check_enrolment_proof(token.secret.expose(), &renamed, &asked.proof).unwrap_err();
}

#[tokio::test]
async fn a_token_for_one_fingerprint_admits_that_key_and_no_thief() {
    let city = City::found("fujisawa").await;
    let (dir, stolen) = (city.place("truck-17"), city.place("thief"));
    let (dir, stolen) = (dir.to_str().unwrap(), stolen.to_str().unwrap());
    let prepare = ["join", "--prepare", "truck-17@fujisawa", "--dir", dir, "--json"];
    let prepared = sekisho(&prepare).await.json();
    let key = prepared["id"].as_str().unwrap();
    let shown = sekisho(&prepare[..5]).await.done();
    let grouped = format!("{}-{}-{}-{}", &key[..4], &key[4..8], &key[8..12], &key[12..16]);
    assert!(shown.contains(&grouped), "wanted {grouped} in {shown}");

    let options = ["--topics", "fujisawa/truck/17/#", "--approve-matching", &grouped];
    let (path, _token) = token_for(&city, "truck-17", &options).await;
    let thief = sekisho(&["join", "--token-file", &path, "--dir", stolen]).await;
    assert_eq!(thief.code, Some(1), "{thief:?}");
    assert!(thief.error.contains(&format!("wanted the key {grouped}")), "{thief:?}");
    let joined = sekisho(&["join", "--token-file", &path, "--dir", dir]).await.done();
    assert!(joined.contains("joined as truck-17@fujisawa"), "{joined}");
    Member::at(city.place("truck-17")).run(&["pub", AIR, "pm2_5=1"]).await.succeeded();
    let short = ["enrol", "truck-18", "--approve-matching", "5189"];
    city.run(&short).await.failed(2, "16 to 64 hexadecimal digits");
}

#[tokio::test]
async fn nobody_is_admitted_by_hand_without_a_fingerprint() {
    let city = City::found("fujisawa").await;
    let (path, _token) = token_for(&city, "truck-17", &["--topics", "fujisawa/truck/17/#"]).await;
    let dir = city.place("truck-17");
    let join = ["join", "--token-file", &path, "--dir", dir.to_str().unwrap()];
    let mut joining = Process::start("join", &join, &city.place("join.log"));
    let key = eventually("a newcomer that waits", || async {
        let listed = city.run(&["enrol", "--list", "--json"]).await.json();
        let entry = listed.as_array()?.first()?.clone();
        (entry["standing"] == "waiting").then(|| entry["key"].as_str().unwrap().to_owned())
    })
    .await;
    let unseen = city.run(&["enrol", "--approve", "truck-17"]).await;
    unseen.failed(2, "wanted --key with the fingerprint on the newcomer's own screen");
    let listed = city.run(&["enrol", "--list", "--json"]).await.json();
    assert_eq!(listed[0]["standing"], "waiting", "{listed}");
    let grouped = format!("{}-{}-{}-{}", &key[..4], &key[4..8], &key[8..12], &key[12..16]);
    eventually("the same fingerprint there", || async {
        joining.log().contains(&grouped).then_some(())
    })
    .await;
    city.run(&["enrol", "--approve", "truck-17", "--key", &grouped]).await.succeeded();
    assert!(within("it to join", joining.line()).await.contains("joined as truck-17@fujisawa"));
}

#[tokio::test]
async fn a_refused_newcomer_is_told_what_to_do_and_its_keys_go_on_with_another_token() {
    let city = City::found("fujisawa").await;
    let (path, _token) = token_for(&city, "truck-17", &["--topics", "fujisawa/truck/17/#"]).await;
    let dir = city.place("truck-17");
    let shown = dir.to_str().unwrap();
    let join = ["join", "--token-file", &path, "--dir", shown];
    let mut joining = Process::start("join", &join, &city.place("join.log"));
    eventually("a newcomer that waits", || async {
        let listed = city.run(&["enrol", "--list", "--json"]).await.json();
        (listed[0]["standing"] == "waiting").then_some(())
    })
    .await;
    city.run(&["enrol", "--refuse", "truck-17", "--reason", "not ours"]).await.succeeded();
    assert_eq!(within("it to end", joining.wait()).await.code(), Some(1), "{}", joining.log());
    let said = joining.log();
    for words in ["not ours", "nothing has to be removed", "sekisho join --dir", shown] {
        assert!(said.contains(words), "wanted {words:?} in {said}");
    }
    let key = std::fs::read(dir.join(sekisho::IDENTITY_FILE)).unwrap();

    // Nothing listens: the token is as good as before.
    let (path, _token) = second_token(&city).await;
    let mut city = city;
    assert_eq!(city.stop_node().await, Some(0));
    let join = ["join", "--token-file", &path, "--dir", shown];
    sekisho(&join).await.failed(3, "the same command goes on with them until");
    city.start_node().await;
    assert!(sekisho(&join).await.done().contains("joined as truck-17@fujisawa"));
    assert_eq!(std::fs::read(dir.join(sekisho::IDENTITY_FILE)).unwrap(), key);
    Member::at(dir).run(&["pub", AIR, "pm2_5=1"]).await.succeeded();
}

async fn second_token(city: &City) -> (String, JoinToken) {
    std::fs::remove_file(city.place("truck-17.token")).unwrap();
    let options = ["--topics", "fujisawa/truck/17/#", "--approve-matching"];
    token_for(city, "truck-17", &options).await
}

#[tokio::test]
async fn a_newcomer_that_never_heard_it_was_admitted_comes_in_by_its_key_and_nobody_else_does() {
    let city = City::found("fujisawa").await;
    let options = ["--topics", "fujisawa/truck/17/#", "--approve-matching"];
    let (path, _token) = token_for(&city, "truck-17", &options).await;
    let join = async |dir: &Path| {
        let join = ["join", "--token-file", &path, "--dir", dir.to_str().unwrap()];
        sekisho(&join).await
    };
    let dir = city.place("truck-17");
    join(&dir).await.succeeded();
    // The power went before the profile was written: the token is used, the key is admitted.
    std::fs::remove_file(dir.join("profile.toml")).unwrap();
    let joined = join(&dir).await.done();
    assert!(joined.contains("joined as truck-17@fujisawa"), "{joined}");
    Member::at(dir.clone()).run(&["pub", AIR, "pm2_5=1"]).await.succeeded();

    // Keys that were there before and never admitted, and none at all.
    let (prepared, empty) = (city.place("prepared"), city.place("empty"));
    let prepare = ["join", "--prepare", "truck-17@fujisawa", "--dir", prepared.to_str().unwrap()];
    sekisho(&prepare).await.succeeded();
    for other in [&prepared, &empty] {
        join(other).await.failed(1, "found one that was used");
        assert!(!other.join("profile.toml").exists(), "{}", other.display());
    }
    // Nor is one let in that was admitted, and is not any more.
    city.run(&["revoke", "truck-17@fujisawa", "--reason", "stolen", "--yes"]).await.succeeded();
    std::fs::remove_file(dir.join("profile.toml")).unwrap();
    join(&dir).await.failed(1, "revoked");
    assert!(!dir.join("profile.toml").exists());
}

#[tokio::test]
async fn a_new_key_ends_the_old_one_where_that_was_asked_for() {
    let mut city = City::found("fujisawa").await;
    let old = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    old.run(&["pub", AIR, "pm2_5=1"]).await.succeeded();

    let twin = city.place("twin.token");
    let (twin, again) = (twin.to_str().unwrap(), ["enrol", "truck-17", "--approve-matching"]);
    let said = city.run(&[&again[..], &["--out", twin]].concat()).await;
    assert!(said.error.contains("joined before") && said.error.contains("--replace"), "{said:?}");
    let dir = city.place("twin");
    sekisho(&["join", "--token-file", twin, "--dir", dir.to_str().unwrap()]).await.succeeded();
    old.run(&["pub", AIR, "pm2_5=2"]).await.succeeded();

    let new = city.place("new.token");
    let new = new.to_str().unwrap();
    let said = city.run(&[&again[..], &["--replace", "--out", new]].concat()).await;
    assert!(said.error.contains("every other key of truck-17@fujisawa is revoked"), "{said:?}");
    // A token that was only made ends nobody's key.
    old.run(&["pub", AIR, "pm2_5=3"]).await.succeeded();
    let dir = city.place("new");
    sekisho(&["join", "--token-file", new, "--dir", dir.to_str().unwrap()]).await.succeeded();
    let new = Member::at(dir);
    for ended in [old, Member::at(city.place("twin"))] {
        eventually("the old key to be refused", || async {
            let said = ended.run(&["pub", AIR, "pm2_5=4"]).await;
            (said.code == Some(1) && said.error.contains("revoked")).then_some(())
        })
        .await;
    }
    new.run(&["pub", AIR, "pm2_5=5"]).await.succeeded();
    // It is all in the log, not in a process's memory.
    assert_eq!(city.stop_steward().await, Some(0));
    assert_eq!(city.stop_node().await, Some(0));
    city.start().await;
    new.run(&["pub", AIR, "pm2_5=6"]).await.succeeded();
    let listed = city.run(&["enrol", "--list", "--json"]).await.json();
    let standings = listed.as_array().unwrap();
    assert!(standings.iter().all(|entry| entry["standing"] == "used"), "{listed}");
}

#[tokio::test]
async fn a_steward_that_ended_in_between_ends_the_old_key_when_it_is_back() {
    let mut city = City::found("fujisawa").await;
    let old = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let again = ["--approve-matching"];
    let (second, _token) = token_for(&city, "truck-17@fujisawa", &again).await;
    let dir = city.place("new");
    sekisho(&["join", "--token-file", &second, "--dir", dir.to_str().unwrap()]).await.succeeded();
    let new = Member::at(dir);
    assert_eq!(city.stop_steward().await, Some(0));
    std::fs::remove_file(city.place("truck-17.token")).unwrap();
    let replacing = ["--approve-matching", "--replace"];
    let (_path, token) = token_for(&city, "truck-17", &replacing).await;
    // As a steward leaves it that ends when the newcomer is a principal, and before it went on.
    let mark = city.dir().join(format!("steward/enrolments/{}.approved", token.id));
    let approved =
        format!("key = \"{}\"\nsince = \"{}\"\n", new.identity().id(), sekisho::clock::now());
    std::fs::write(&mark, approved).unwrap();
    std::fs::set_permissions(&mark, std::fs::Permissions::from_mode(0o600)).unwrap();
    old.run(&["pub", AIR, "pm2_5=1"]).await.succeeded();
    city.start_steward().await;
    eventually("the old key to be refused", || async {
        let said = old.run(&["pub", AIR, "pm2_5=2"]).await;
        (said.code == Some(1) && said.error.contains("revoked")).then_some(())
    })
    .await;
    new.run(&["pub", AIR, "pm2_5=3"]).await.succeeded();
    let used = mark.with_extension("used");
    eventually("the invitation put away", || async { used.exists().then_some(()) }).await;
}
