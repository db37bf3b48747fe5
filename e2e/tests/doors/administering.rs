//! Administration by requests: what an administrator may do with the command line, and nobody else.

use data_encoding::BASE64;
use sekisho_e2e::{Member, permitted};
use serde_json::json;

use crate::logins::city;
use crate::talker::Talker;

const QUESTIONS: [&str; 5] = [
    "/v1/admin/status",
    "/v1/admin/peers",
    "/v1/admin/who?topic=fujisawa/a",
    "/v1/admin/what?principal=administrator@fujisawa",
    "/v1/admin/accesses",
];

#[tokio::test]
async fn questions_about_others_are_answered_to_administrators_only() {
    let city = city().await;
    let options = ["--topics", "fujisawa/#", "--read", "fujisawa/#"];
    let park = Talker::attested(&city, "park", &options).await;
    let reader = Member::reader(&city, "reader", "fujisawa/#").await;
    permitted(&city, "reader@fujisawa", "subscribe", "fujisawa/a").await;
    let reader = Talker::with_key(&city, &reader);
    let administrator = Talker::with_key(&city, &city.administrator());
    for target in QUESTIONS {
        administrator.get(target).await.done();
        park.get(target).await.refused(403);
        reader.get(target).await.refused(403);
    }
    let erase = json!({ "principal": "reader@fujisawa" }).to_string();
    for talker in [&park, &reader] {
        let asked = talker.post("/v1/admin/erasures", "application/json", erase.as_bytes()).await;
        asked.refused(403);
        talker.get("/v1/admin/enrolments").await.refused(403);
    }
    // About oneself everybody may ask.
    let own = "/v1/admin/what?principal=park@fujisawa";
    assert_eq!(park.get(own).await.done()["principal"], "park@fujisawa");
    // The same as the command line says.
    let said = city.run(&["what", "park@fujisawa", "--json"]).await.done();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(administrator.get(own).await.done()["grants"], said["grants"]);
}

#[tokio::test]
async fn a_statement_counts_for_its_signatures_and_not_for_who_brings_it() {
    let city = city().await;
    let park = Talker::attested(&city, "park", &["--topics", "fujisawa/park/#"]).await;
    let administrator = Talker::with_key(&city, &city.administrator());
    for talker in [&park, &administrator] {
        for (media_type, body) in [
            ("application/vnd.sekisho.statement", b"nothing".to_vec()),
            ("application/json", br#"{"statements":["AAAA"]}"#.to_vec()),
            ("application/json", br#"{"statements":[]}"#.to_vec()),
            ("application/json", br#"{"statements":["?"]}"#.to_vec()),
        ] {
            talker.post("/v1/statements", media_type, &body).await.refused(400);
        }
        // What another page's form could send says nothing.
        let form = "application/x-www-form-urlencoded";
        talker.post("/v1/statements", form, b"statements=AAAA").await.refused(415);
    }
}

#[tokio::test]
async fn what_a_log_holds_can_be_checked_from_outside() {
    let city = city().await;
    let administrator = Talker::with_key(&city, &city.administrator());
    let log = "/v1/log/checkpoint?log=sekisho/fujisawa/control";
    let checkpoint = administrator.get(log).await.done();
    let note = checkpoint["note"].as_str().unwrap();
    let mut lines = note.lines();
    assert_eq!(lines.next(), Some("sekisho/fujisawa/control"));
    let size: u64 = lines.next().unwrap().parse().unwrap();
    let entry = "/v1/log/inclusion?log=sekisho/fujisawa/control&index=0";
    let entry = administrator.get(&format!("{entry}&size={size}")).await.done();
    assert!(!BASE64.decode(entry["entry"].as_str().unwrap().as_bytes()).unwrap().is_empty());
    let id = administrator.get("/v1/admin/status").await.done()["node"].clone();
    let proof = format!("/v1/proof/principal?id={}", id.as_str().unwrap());
    let statements = administrator.get(&proof).await.done()["statements"].clone();
    assert!(!statements.as_array().unwrap().is_empty());
}
