//! Secrets stay in their files: whatever a process says, logs, counts or is started with, nobody
//! learns a seed or a token from it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sekisho_e2e::{City, Member, Process, Secrets, command_lines, eventually, holds_key, sekisho};

const AIR: &str = "fujisawa/truck/17/air";

/// Everything in a file of the test.
fn logged(city: &City, name: &str) -> String {
    fs::read_to_string(city.place(name)).unwrap()
}

#[tokio::test]
async fn no_secret_is_in_command_lines_output_logs_or_metrics_however_much_is_logged() {
    let mut city = City::plan("fujisawa").await;
    let dir = city.dir();
    let dir = dir.to_str().unwrap();
    let mut secrets = Secrets::new();
    let loud = ["--dir", dir, "--log", "trace"];
    let serve = [&["serve"], &loud[..]].concat();
    city.take_on(Process::start("node", &serve, &city.place("node.log"))).await;
    let steward = [&["steward"], &loud[..]].concat();
    let mut steward = Process::start("steward", &steward, &city.place("steward.log"));
    assert_eq!(steward.line().await, "the steward is at work");

    // A newcomer that waits long enough to be looked at.
    let (token, truck) = (city.place("token"), city.place("truck"));
    let (token, truck) = (token.to_str().unwrap(), truck.to_str().unwrap());
    let enrol = ["enrol", "truck-17", "--topics", "fujisawa/truck/17/#", "--out", token];
    let enrolled = city.run(&enrol).await;
    secrets.token(&fs::read_to_string(token).unwrap());
    let join = ["join", "--token-file", token, "--dir", truck, "--log", "trace"];
    let mut joining = Process::start("join", &join, &city.place("join.log"));
    let waiting = eventually("a newcomer that waits", || async {
        let listed = city.run(&["enrol", "--list", "--json"]).await;
        let entry = listed.clone().json().as_array()?.first()?.clone();
        (entry["standing"] == "waiting").then_some((entry, listed))
    })
    .await;
    let (entry, listed) = waiting;
    for process in [city.node().id(), steward.id(), joining.id()] {
        secrets.absent_from("a command line", command_lines(process));
    }
    let key = entry["key"].as_str().unwrap();
    let approved = city.run(&["enrol", "--approve", "truck-17", "--key", key]).await;
    let joined = joining.rest().await;
    assert!(joined.contains("joined as truck-17@fujisawa"), "{joined}");

    let wall = Member::reader(&city, "wall", "fujisawa/truck/#").await;
    secrets.token(&logged(&city, "wall.token"));
    holds_key(&wall, AIR).await;
    let publish = ["pub", AIR, "pm2_5=12.5", "--dir", truck, "--log", "trace"];
    let published = sekisho(&publish).await;
    assert_eq!(published.code, Some(0), "{published:?}");
    let reader = wall.dir().to_str().unwrap();
    let read = sekisho(&["history", AIR, "--dir", reader, "--log", "trace"]).await;
    assert!(read.output.contains("pm2_5=12.5"), "{read:?}");
    let doctor = city.run(&["doctor"]).await;

    secrets.gather(&city.dir());
    secrets.gather(&city.place("truck"));
    secrets.gather(wall.dir());
    // Root, node, administrator, steward, truck and wall have two seeds each; an epoch has one, and
    // two tokens have a secret and two texts.
    assert!(secrets.count() >= 6 * 2 + 1 + 2 * 3, "{}", secrets.count());
    for said in [&enrolled, &listed, &approved, &published, &read, &doctor] {
        secrets.absent_from("a command's output", &said.output);
        secrets.absent_from("a command's words", &said.error);
    }
    secrets.absent_from("join", joined);
    for (name, words) in [("node.log", "TRACE"), ("steward.log", "TRACE"), ("join.log", "TRACE")] {
        let log = logged(&city, name);
        assert!(log.contains(words), "wanted {name} as loud as it gets");
        secrets.absent_from(name, log);
    }
    assert!(published.error.contains("TRACE"), "wanted pub as loud as it gets");
    for page in ["/metrics", "/readyz", "/livez"] {
        secrets.absent_from(page, city.page(page).await.body);
    }
    for page in ["/", "/debug", "/debug/vars", "/config", "/status"] {
        let found = city.page(page).await;
        assert_eq!(found.status, 404, "{page}: wanted no such page");
    }
}

/// Every file below a folder.
fn files_below(folder: PathBuf) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort_unstable();
    found
}

/// Opens a file to others, starts a process that must refuse it by name, and shuts the file again.
async fn refused_while_open(city: &City, command: &str, path: &Path) {
    let shut = fs::metadata(path).unwrap().permissions();
    assert_eq!(shut.mode() & 0o077, 0, "{}: wanted it made for its owner alone", path.display());
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut process = city.launch(command);
    let status = process.wait().await;
    fs::set_permissions(path, shut).unwrap();
    let log = process.log();
    let said = log.lines().last().unwrap_or_default();
    assert_eq!(status.code(), Some(4), "{command} with {}: {said}", path.display());
    assert!(said.contains(path.file_name().unwrap().to_str().unwrap()), "{said}");
}

#[tokio::test]
async fn no_process_starts_on_state_that_others_may_read() {
    let mut city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    truck.run(&["pub", AIR, "pm2_5=12.5"]).await.succeeded();
    let waiting =
        ["enrol", "truck-18", "--out", city.place("t").to_str().unwrap()].map(str::to_owned);
    city.run(&waiting).await.succeeded();
    assert_eq!(city.stop_steward().await, Some(0));
    assert_eq!(city.stop_node().await, Some(0));

    let data = files_below(city.dir().join("data"));
    assert!(data.iter().any(|path| path.ends_with("keyed.redb")), "{data:?}");
    assert!(
        data.iter().any(|path| path.extension().is_some_and(|end| end == "segment")),
        "{data:?}"
    );
    for path in data.iter().chain([&city.dir().join("keys/node.key")]) {
        refused_while_open(&city, "serve", path).await;
    }
    let steward = city.dir().join("steward");
    let seeds = files_below(steward.join("epochs"));
    assert!(!seeds.is_empty(), "wanted a seed");
    for path in seeds.iter().chain([&steward.join("identity.key")]) {
        refused_while_open(&city, "steward", path).await;
    }
    // An invitation holds a secret, too.
    let invitations = files_below(steward.join("enrolments"));
    let open = invitations.iter().find(|path| path.extension().is_some_and(|end| end == "toml"));
    let open = open.unwrap();
    fs::set_permissions(open, fs::Permissions::from_mode(0o644)).unwrap();
    let name = open.file_name().unwrap().to_str().unwrap();
    city.run(&["enrol", "--list"]).await.failed(4, name);
    let doctor = city.run(&["doctor"]).await;
    assert!(doctor.code == Some(1) && doctor.output.contains(name), "{doctor:?}");
    fs::set_permissions(open, fs::Permissions::from_mode(0o600)).unwrap();
    city.start().await;
    truck.run(&["pub", AIR, "pm2_5=13"]).await.succeeded();
    city.run(&["doctor"]).await.succeeded();
}

#[test]
fn a_secret_is_found_in_every_form_in_which_one_slips_out() {
    let folder = tempfile::tempdir().unwrap();
    let seed: [u8; 32] = std::array::from_fn(|place| 200 + u8::try_from(place).unwrap());
    let digits = data_encoding::HEXLOWER.encode(&seed);
    fs::write(folder.path().join("identity.key"), format!("signing-seed: {digits}\n")).unwrap();
    let mut secrets = Secrets::new();
    secrets.gather(folder.path());
    assert_eq!(secrets.count(), 1);
    let slips = [
        digits.clone(),
        digits.to_uppercase(),
        format!("{seed:?}"),
        data_encoding::BASE64.encode(&seed),
        data_encoding::BASE64URL.encode(&seed),
        data_encoding::BASE32.encode(&seed),
        data_encoding::BASE32_NOPAD.encode(&seed).to_lowercase(),
    ];
    let raw = [b"key=".as_slice(), &seed, b"\n"].concat();
    let texts = slips.iter().map(|slip| format!("TRACE key={slip} sent").into_bytes());
    for said in texts.chain([raw]) {
        let found = std::panic::catch_unwind(|| secrets.absent_from("a log", &said));
        assert!(found.is_err(), "{}", String::from_utf8_lossy(&said));
    }
    secrets.absent_from("a log", "TRACE key=5189-bfc3-7f7b-2a37 sent");
}

#[tokio::test]
async fn a_token_in_a_command_line_is_warned_of_and_every_other_way_is_not() {
    let city = City::found("fujisawa").await;
    for (name, way) in [("argument", 0), ("input", 1), ("file", 2)] {
        let token = city.place(format!("{name}.token"));
        let path = token.to_str().unwrap();
        city.run(&["enrol", name, "--approve-matching", "--out", path]).await.succeeded();
        let text = fs::read_to_string(&token).unwrap();
        let dir = city.place(name);
        let dir = ["--dir", dir.to_str().unwrap()];
        let said = match way {
            0 => sekisho(&[&["join", text.trim()], &dir[..]].concat()).await,
            1 => sekisho_e2e::sekisho_reading(&[&["join", "-"], &dir[..]].concat(), &text).await,
            _ => sekisho(&[&["join", "--token-file", path], &dir[..]].concat()).await,
        };
        let warned = said.error.contains("other users of this machine can see");
        assert_eq!(warned, way == 0, "{said:?}");
        assert!(said.done().contains(&format!("joined as {name}@fujisawa")));
    }
    let nobody = city.place("nobody");
    let nobody = ["join", "--dir", nobody.to_str().unwrap()];
    sekisho(&nobody).await.failed(2, "--token-file");
}
