//! Roles: a template applied to a real node gives each role what its matrix says, to whoever has
//! it, for as long as they have it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use sekisho_e2e::{City, Member, holds_key};
use serde_json::Value;

const TREE: &str = "fujisawa/home/12";
const HEART: &str = "fujisawa/home/12/health/heart";
const FALL: &str = "fujisawa/home/12/alarm/fall";
const BATTERY: &str = "fujisawa/home/12/device/battery";

/// A home with the template applied, somebody for each of some roles, and a reading on each topic.
struct Home {
    city: City,
    family: Member,
    doctor: Member,
    support: Member,
    administrator: Member,
    stranger: Member,
}

impl Home {
    async fn open() -> Self {
        let city = City::found("fujisawa").await;
        let apply = ["role", "apply", "home-monitoring", "--tree", TREE, "--yes"];
        let said = city.run(&apply).await.done();
        assert!(said.contains("grants to roles stand in the control log"), "{said}");
        let person = |name| Member::enrol(&city, name, &["--kind", "person"]);
        let family = person("hanako").await;
        let doctor = person("doctor").await;
        let support = person("support").await;
        let administrator = person("clerk").await;
        let stranger = person("stranger").await;
        for (role, who) in [
            ("family", "hanako@fujisawa"),
            ("professional", "doctor@fujisawa"),
            ("technical-support", "support@fujisawa"),
            ("administrator", "clerk@fujisawa"),
        ] {
            city.run(&["role", "assign", role, who]).await.succeeded();
        }
        let watch = Member::device(&city, "watch", "fujisawa/home/12/#").await;
        for topic in [HEART, FALL, BATTERY] {
            watch.run(&["pub", topic, "value=1"]).await.succeeded();
        }
        Self { city, family, doctor, support, administrator, stranger }
    }

    /// The actions in a cell of the matrix that the node's log gives.
    async fn cell(&self, role: &str, topics: &str) -> String {
        let matrix = self.city.run(&["role", "matrix", "--json"]).await.json();
        let is_it = |cell: &&Value| {
            cell["role"] == format!("role/{role}@fujisawa") && cell["topics"] == topics
        };
        let cell = matrix.as_array().unwrap().iter().find(is_it).unwrap();
        cell["actions"].as_str().unwrap().to_owned()
    }
}

async fn reads(member: &Member, topic: &str) {
    holds_key(member, topic).await;
    let read = member.run(&["history", topic]).await.done();
    assert!(read.contains("value=1"), "{read}");
}

async fn is_kept_from(member: &Member, topic: &str) {
    member.run(&["history", topic]).await.failed(1, "not-permitted");
}

#[tokio::test]
async fn each_role_reads_what_its_cell_says_and_nobody_else_reads_anything() {
    let home = Home::open().await;
    reads(&home.family, FALL).await;
    is_kept_from(&home.family, HEART).await;
    is_kept_from(&home.family, BATTERY).await;
    reads(&home.doctor, HEART).await;
    reads(&home.doctor, FALL).await;
    is_kept_from(&home.doctor, BATTERY).await;
    reads(&home.support, BATTERY).await;
    is_kept_from(&home.support, FALL).await;
    for topic in [HEART, FALL, BATTERY] {
        is_kept_from(&home.administrator, topic).await;
        is_kept_from(&home.stranger, topic).await;
    }
    for member in [&home.family, &home.doctor, &home.support, &home.administrator] {
        member.run(&["pub", FALL, "value=2"]).await.failed(1, "not-permitted");
    }
    let known = home.support.run(&["discover", "fujisawa/#", "--json"]).await.json();
    let known: Vec<&str> =
        known.as_array().unwrap().iter().map(|topic| topic["topic"].as_str().unwrap()).collect();
    assert_eq!(known, [FALL, BATTERY]);
    let nothing = home.stranger.run(&["discover", "fujisawa/#", "--json"]).await.json();
    assert_eq!(nothing, serde_json::json!([]));

    let all = "subscribe,history,decrypt,discover";
    assert_eq!(home.cell("family", "fujisawa/home/12/alarm/#").await, all);
    assert_eq!(home.cell("family", "fujisawa/home/12/health/#").await, "");
    assert_eq!(home.cell("professional", "fujisawa/home/12/health/#").await, all);
    assert_eq!(home.cell("administrator", "fujisawa/home/12/#").await, "discover,administer");
}

#[tokio::test]
async fn a_role_is_seen_in_every_explanation_and_ends() {
    let home = Home::open().await;
    let who = "hanako@fujisawa";
    reads(&home.family, FALL).await;
    let why = home.city.run(&["why", who, "decrypt", FALL]).await.done();
    assert!(why.contains("has role/family@fujisawa"), "{why}");
    assert!(why.contains("role/family@fujisawa may"), "{why}");
    let listed = home.city.run(&["who", FALL, "--action", "decrypt"]).await.done();
    assert!(listed.contains(who) && listed.contains("role/family@fujisawa"), "{listed}");
    let what = home.city.run(&["what", who]).await.done();
    assert!(what.contains("role/family@fujisawa"), "{what}");
    let list = home.city.run(&["role", "list"]).await.done();
    assert!(list.contains("family") && list.contains(who), "{list}");

    let version = home.city.metric("sekisho_policy_version").await;
    let another = ["diff", "role", "family", "stranger@fujisawa", "--lang", "en"];
    let opens = home.city.run(&another).await.done();
    let wanted = "Person “stranger” of fujisawa has the role “family” of fujisawa from now on, \
                  until it is revoked. This also opens 1 topic they could not read before: \
                  fujisawa/home/12/alarm/fall.";
    assert!(opens.starts_with(wanted), "{opens}");
    let revoke = ["diff", "revoke", who, "--json"];
    let closes = home.city.run(&revoke).await.json();
    assert_eq!(closes["closed"][0]["topic"], FALL, "{closes}");
    assert_eq!(closes["keys"][0]["tree"], "fujisawa/#", "{closes}");
    assert!((home.city.metric("sekisho_policy_version").await - version).abs() < f64::EPSILON);

    let end = ["role", "end", "family", who, "--reason", "moved out", "--lang", "en"];
    let said = home.city.run(&end).await;
    assert!(said.error.contains("It said: Person “hanako” of fujisawa has the role"), "{said:?}");
    assert!(said.clone().done().contains("sealed to the new epoch"), "{said:?}");
    is_kept_from(&home.family, FALL).await;
    reads(&home.doctor, FALL).await;
    home.city.run(&["role", "end", "family", who]).await.failed(1, "found that it is not");
    let why = home.city.run(&["why", who, "decrypt", FALL]).await;
    assert_eq!(why.code, Some(1), "{why:?}");
}

#[tokio::test]
async fn a_template_is_applied_once_and_not_to_a_second_home_by_mistake() {
    let city = City::found("fujisawa").await;
    let apply = ["role", "apply", "home-monitoring", "--tree", TREE];
    let version = city.metric("sekisho_policy_version").await;
    city.run(&apply).await.failed(2, "wanted --yes");
    assert!((city.metric("sekisho_policy_version").await - version).abs() < f64::EPSILON);
    city.run(&[&apply[..], &["--yes"]].concat()).await.succeeded();
    let version = city.metric("sekisho_policy_version").await;
    city.run(&[&apply[..], &["--yes"]].concat()).await.failed(0, "stand already");
    assert!((city.metric("sekisho_policy_version").await - version).abs() < f64::EPSILON);
    let second = ["role", "apply", "home-monitoring", "--tree", "fujisawa/home/13", "--yes"];
    city.run(&second).await.failed(2, "names of their own with --as");
    city.run(&[&second[..], &["--as", "home-13"]].concat()).await.succeeded();
    let matrix = city.run(&["role", "matrix", "--tree", "fujisawa/home/13"]).await.done();
    assert!(matrix.contains("home-13.family") && !matrix.contains("home/12"), "{matrix}");
    city.run(&["role", "assign", "family@santander", "a@fujisawa"]).await.failed(2, "fujisawa");
}

#[tokio::test]
async fn an_owner_lets_a_friend_see_and_that_ends_with_the_role() {
    let home = Home::open().await;
    let owner = Member::enrol(&home.city, "taro", &["--kind", "person"]).await;
    home.city.run(&["role", "assign", "owner", "taro@fujisawa"]).await.succeeded();
    let grant = ["grant", "stranger@fujisawa", "subscribe,history,decrypt"];
    let alarm = [&grant[..], &["fujisawa/home/12/alarm/#", "--lang", "en"]].concat();
    owner.run(&alarm).await.failed(2, "wanted --yes");
    let said = owner.run(&[&alarm[..], &["--yes"]].concat()).await;
    let opens = "This also opens 1 topic they could not read before: fujisawa/home/12/alarm/fall.";
    assert!(said.error.contains(opens), "{said:?}");
    said.succeeded();
    reads(&home.stranger, FALL).await;
    let other = [&grant[..], &["fujisawa/home/13/alarm/#", "--yes"]].concat();
    owner.run(&other).await.failed(1, "not-permitted");
    let to_publish = ["grant", "stranger@fujisawa", "publish", "fujisawa/home/12/alarm/#"];
    owner.run(&to_publish).await.failed(1, "not-permitted");

    let end = ["role", "end", "owner", "taro@fujisawa", "--lang", "en"];
    let said = home.city.run(&end).await;
    assert!(said.error.contains("2 principals who can read"), "{said:?}");
    said.succeeded();
    is_kept_from(&home.stranger, FALL).await;
    is_kept_from(&owner, FALL).await;
}
