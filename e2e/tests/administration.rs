//! What an operator does beside rights: newcomers, descriptions, faults, and the folder that is one
//! node's alone.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use sekisho::Start;
use sekisho_e2e::{City, Member, Process, Reader, eventually, holds_key, sekisho};

const AIR: &str = "fujisawa/truck/17/air";

#[tokio::test]
async fn a_folder_that_a_running_node_owns_is_refused_by_name() {
    let city = City::found("fujisawa").await;
    let mut second = city.launch("serve");
    assert_eq!(second.wait().await.code(), Some(4));
    let data = city.dir().join("data");
    let said = second.log();
    let id = city.node().id().to_string();
    for words in [data.to_str().unwrap(), "in use", &id] {
        assert!(said.contains(words), "wanted {words:?} in {said}");
    }
    let mut steward = city.launch("steward");
    assert_eq!(steward.wait().await.code(), Some(4));
    let folder = city.dir().join("steward");
    assert!(steward.log().contains(folder.to_str().unwrap()), "{}", steward.log());
    city.run(&["init", "fujisawa"]).await.failed(4, city.dir().to_str().unwrap());
    city.run(&["doctor"]).await.succeeded();
}

#[tokio::test]
async fn a_doctor_names_what_is_wrong_and_nothing_else() {
    let mut city = City::found("fujisawa").await;
    let found = city.run(&["doctor", "--json"]).await.json();
    let levels: Vec<_> = found.as_array().unwrap().iter().map(|one| one["level"].clone()).collect();
    assert!(levels.len() >= 8 && !levels.contains(&"fail".into()), "{found}");
    let words = city.run(&["doctor"]).await.done();
    assert!(words.contains("listens on ") && words.contains(&city.quic().to_string()), "{words}");

    let key = city.dir().join("keys/node.key");
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let ill = city.run(&["doctor"]).await;
    assert_eq!(ill.code, Some(1));
    let failed: Vec<_> = ill.output.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failed.len() == 1 && failed[0].contains("node.key"), "{ill:?}");
    assert!(failed[0].contains("0600") && failed[0].contains("0644"), "{ill:?}");

    assert_eq!(city.stop_node().await, Some(0));
    let mut open = city.launch("serve");
    assert_eq!(open.wait().await.code(), Some(4));
    assert!(open.log().contains("wanted mode 0600, found 0644"), "{}", open.log());
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let (ill, unreachable) = tokio::join!(city.run(&["doctor"]), city.run(&["who", AIR]));
    assert_eq!(ill.code, Some(1));
    let failed: Vec<_> = ill.output.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failed.len() == 1 && failed[0].contains("FAIL  node"), "{ill:?}");
    unreachable.failed(3, &city.quic().to_string());
}

#[tokio::test]
async fn a_newcomer_waits_until_somebody_compares_its_fingerprint() {
    let city = City::found("fujisawa").await;
    let (token, dir) = (city.place("token"), city.place("truck"));
    let (token, dir) = (token.to_str().unwrap(), dir.to_str().unwrap());
    let enrol = ["enrol", "truck-17", "--topics", "fujisawa/truck/17/#", "--out", token];
    city.run(&enrol).await.succeeded();
    let mode = std::fs::metadata(token).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    city.run(&["enrol", "--approve", "truck-17"]).await.failed(1, "truck-17");

    let arguments = ["join", token, "--dir", dir, "--json"];
    let mut joining = Process::start("join", &arguments, &city.place("join.log"));
    let waiting = eventually("a newcomer that waits", || async {
        let listed = city.run(&["enrol", "--list", "--json"]).await.json();
        let entry = listed.as_array()?.first()?.clone();
        (entry["standing"] == "waiting").then_some(entry)
    })
    .await;
    let key = waiting["key"].as_str().unwrap();
    let key = &format!("{}-{}-{}-{}", &key[..4], &key[4..8], &key[8..12], &key[12..16]);
    assert!(joining.log().contains(key), "{key} in {}", joining.log());
    let another = ["enrol", "--approve", "truck-17", "--key", "0011223344556677"];
    city.run(&another).await.failed(1, "0011-2233-4455-6677");
    let approved = city.run(&["enrol", "--approve", "truck-17", "--key", key]).await.done();
    assert!(approved.contains("truck-17@fujisawa") && approved.contains(key), "{approved}");

    let joined: serde_json::Value = serde_json::from_str(&joining.line().await).unwrap();
    assert_eq!(joined["principal"], "truck-17@fujisawa");
    assert_eq!(joining.wait().await.code(), Some(0), "{}", joining.log());
    let truck = Member::at(city.place("truck"));
    truck.run(&["pub", AIR, "pm2_5=12.5"]).await.succeeded();
    let again = city.place("thief");
    let thief = ["join", token, "--dir", again.to_str().unwrap()];
    sekisho(&thief).await.failed(1, "used");
}

#[tokio::test]
async fn a_described_topic_is_open_where_it_says_so_and_found_by_who_may_discover_it() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let wall = Member::reader(&city, "wall", "fujisawa/truck/#").await;
    holds_key(&wall, AIR).await;
    truck.run(&["pub", AIR, "pm2_5=12.5", "lid=true", "street=Kugenuma"]).await.succeeded();
    let terms = ["--title", "Air", "--class", "open", "--mobile", "--transducer", "pm2_5=ug/m3"];
    city.run(&[&["describe", AIR], &terms[..]].concat()).await.succeeded();
    truck.run(&["pub", AIR, "pm2_5=13"]).await.succeeded();

    let read = wall.run(&["history", "fujisawa/truck/#", "--json"]).await.done();
    let read: Vec<serde_json::Value> =
        read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read.len(), 2);
    assert_eq!((&read[0]["sealed"], &read[1]["sealed"]), (&true.into(), &false.into()));
    assert_eq!(read[0]["publisher"], "truck-17@fujisawa");
    let wanted = serde_json::json!({ "pm2_5": 12.5, "lid": true, "street": "Kugenuma" });
    assert_eq!(read[0]["values"], wanted);

    let found = wall.run(&["discover", "fujisawa/#", "--json"]).await.json();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!((&found[0]["topic"], &found[0]["next_offset"]), (&AIR.into(), &2.into()));
    assert_eq!((&found[0]["class"], &found[0]["mobile"]), (&"open".into(), &true.into()));
    let carried = &found[0]["transducers"];
    assert_eq!((&carried[0]["name"], &carried[0]["unit"]), (&"pm2_5".into(), &"ug/m3".into()));
    let hidden = truck.run(&["discover", "fujisawa/#", "--json"]).await.json();
    assert!(hidden.as_array().unwrap().is_empty(), "{hidden}");

    let since = read[1]["received"].as_str().unwrap();
    let later = ["history", "fujisawa/truck/#", "--since", since, "--json"];
    let later = wall.run(&later).await.done();
    assert_eq!(later.lines().count(), 1, "{later}");
    let first = ["history", "fujisawa/truck/#", "--count", "1", "--json"];
    let first = wall.run(&first).await.done();
    assert_eq!(first.lines().count(), 1, "{first}");
    assert!(first.contains("12.5"), "{first}");
}

#[tokio::test]
async fn an_administrator_sees_who_is_connected_what_was_refused_and_what_is_kept() {
    let city = City::found("fujisawa").await;
    let clerk = Member::enrol(&city, "clerk", &["--kind", "person", "--administrator"]).await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let wall = Member::reader(&city, "wall", "fujisawa/truck/#").await;
    holds_key(&wall, AIR).await;
    let mut reader = Reader::start(&wall, "fujisawa/truck/#", Start::Latest).await;
    for value in ["1.5", "2.5"] {
        truck.run(&["pub", AIR, &format!("pm2_5={value}ug/m3")]).await.succeeded();
        reader.samples(1).await;
    }
    truck.run(&["pub", "fujisawa/tide", "level=1m"]).await.failed(1, "not-permitted");
    truck.run(&["sub", "fujisawa/home/#"]).await.failed(1, "not-permitted");

    let sessions = clerk.run(&["node", "sessions", "wall@fujisawa", "--json"]).await.json();
    let [wall_is] = sessions["sessions"].as_array().unwrap().as_slice() else {
        panic!("wanted one session, found {sessions}")
    };
    assert_eq!(wall_is["via"], "quic");
    assert_eq!(wall_is["subscriptions"][0]["filter"], "fujisawa/truck/#");
    assert_eq!(wall_is["delivered"]["records"], 2);
    let all = clerk.run(&["node", "sessions", "--json"]).await.json();
    assert!(all["count"].as_u64().unwrap() >= 3, "{all}");
    let refusals = clerk.run(&["node", "refusals", "--json"]).await.json();
    for what in ["fujisawa/tide", "subscription to fujisawa/home/#"] {
        let mut told = refusals["refusals"].as_array().unwrap().iter();
        let is_told = told.any(|one| {
            one["what"] == what && one["principal"] == "truck-17@fujisawa" && one["times"] == 1
        });
        assert!(is_told, "wanted {what} in {refusals}");
    }
    let epochs = clerk.run(&["node", "epochs", "--json"]).await.json();
    assert_eq!(epochs["trees"][0]["tree"], "fujisawa/#");
    assert_eq!(
        (&epochs["trees"][0]["epoch"], &epochs["trees"][0]["key_holders"]),
        (&1.into(), &1.into())
    );
    let storage = clerk.run(&["node", "storage", "--json"]).await.json();
    assert_eq!(storage["trees"][0]["tree"], "fujisawa/truck/#");
    assert_eq!(
        (&storage["trees"][0]["records"], &storage["trees"][0]["topics"]),
        (&2.into(), &1.into())
    );
    assert!(
        storage["disk"]["free_bytes"].is_u64() && storage["limits"]["envelope_bytes_max"].is_u64()
    );
    // Questions about others are recorded, and for administrators alone.
    let accesses = clerk.run(&["access", "list", "clerk@fujisawa", "--json"]).await;
    let asked = accesses.output + &accesses.error;
    assert!(asked.contains("asks: sessions") && asked.contains("asks: refusals"), "{asked}");
    for question in ["sessions", "refusals", "epochs", "storage"] {
        truck.run(&["node", question]).await.failed(1, "not-permitted");
    }
    drop(reader);
}
