//! Machines whose clocks are wrong by minutes and by years, made so by Debian's `faketime`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;

use sekisho_e2e::{
    City, Member, Process, Said, eventually, holds_key, peer, permitted, program, sekisho, skipped,
    within,
};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// Its library, by which a process is told another time.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// Where there is one; says so where there is none.
fn library() -> Option<&'static str> {
    let found = LIBRARIES.into_iter().find(|path| std::path::Path::new(path).exists());
    if found.is_none() {
        skipped("wanted Debian's libfaketime, found none");
    }
    found
}

/// The command, by another clock. The monotonic one is left alone, as a wrong clock leaves it.
fn at<S: AsRef<OsStr>>(library: &str, clock: &str, arguments: &[S]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).env("LD_PRELOAD", library).env("FAKETIME", clock);
    command.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_RESET", "1");
    command
}

async fn said<S: AsRef<OsStr>>(library: &str, clock: &str, arguments: &[S]) -> Said {
    let ran = at(library, clock, arguments).output().await.unwrap();
    Said {
        code: ran.status.code(),
        output: String::from_utf8_lossy(&ran.stdout).into_owned(),
        error: String::from_utf8_lossy(&ran.stderr).into_owned(),
    }
}

/// A city whose node goes by a clock that a file sets.
async fn by_a_clock_of_the_test(library: &str, name: &str) -> (City, PathBuf) {
    let mut city = City::plan(name).await;
    let clock = city.place("clock.faked");
    std::fs::write(&clock, "+0").unwrap();
    let dir = city.dir().into_os_string();
    let mut serve = at(library, "", &[OsStr::new("serve"), OsStr::new("--dir"), &dir]);
    serve
        .env_remove("FAKETIME")
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1");
    let node = Process::spawn("a node by a clock of the test", serve, &city.place("serve.log"));
    city.take_on(node).await;
    city.start_steward().await;
    (city, clock)
}

#[tokio::test]
async fn a_node_whose_clock_was_set_back_does_not_start_and_gives_no_right_again() {
    let Some(library) = library() else { return };
    let mut city = City::found("fujisawa").await;
    let mark = city.dir().join("data").join("clock");
    eventually("the node's time on its disk", || async { mark.exists().then_some(()) }).await;
    city.stop_node().await;
    let dir = city.dir().into_os_string();
    for clock in ["-10y", "-1h"] {
        let serve = [OsStr::new("serve"), OsStr::new("--dir"), &dir];
        let refused = said(library, clock, &serve).await;
        refused.failed(4, "when this node was last at work");
    }
    city.start_node().await;
    assert_eq!(city.stop_node().await, Some(0));

    // It is the operator who knows which of both times was wrong.
    std::fs::remove_file(&mark).unwrap();
    let log = city.place("earlier.log");
    let serve = [OsStr::new("serve"), OsStr::new("--dir"), &dir];
    let earlier = Process::spawn("a node an hour ago", at(library, "-1h", &serve), &log);
    city.take_on(earlier).await;
    assert_eq!(city.stop_node().await, Some(0));
}

/// A grant of a second ago is over for good, whatever the machine's clock says meanwhile.
#[tokio::test]
async fn a_clock_that_is_set_back_under_a_running_node_gives_no_right_again() {
    let Some(library) = library() else { return };
    let (city, clock) = by_a_clock_of_the_test(library, "fujisawa").await;
    Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let until = sekisho::clock::now().saturating_add(std::time::Duration::from_secs(2)).to_string();
    let topics = "fujisawa/park/#";
    let grant = ["grant", "truck-17@fujisawa", "publish", topics, "--until", &until, "--yes"];
    city.run(&grant).await.succeeded();
    let why = ["why", "truck-17@fujisawa", "publish", "fujisawa/park/air", "--json"];
    let permitted = || async {
        let said = city.run(&why).await;
        let answer: serde_json::Value = serde_json::from_str(&said.output).unwrap();
        answer["permitted"].as_bool().unwrap()
    };
    eventually("the grant to run out", || async { (!permitted().await).then_some(()) }).await;
    std::fs::write(&clock, "-10y").unwrap();
    assert!(!permitted().await, "a right has come back with the clock");
    eventually("the node to tell of its clock", || async {
        (city.metric("sekisho_clock_behind_seconds").await > 1e8).then_some(())
    })
    .await;
}

/// What a truck with a wrong clock says is refused by name, and kept until its clock is right.
#[tokio::test]
async fn a_truck_whose_clock_is_ahead_is_told_so_and_publishes_once_it_is_right() {
    let Some(library) = library() else { return };
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let dir = truck.dir().to_str().unwrap();
    let publish = ["pub", "fujisawa/truck/17/air", "pm2_5=7", "--dir", dir];
    let mut early = at(library, "+10m", &publish);
    early.stderr(Stdio::piped()).kill_on_drop(true);
    let mut early = early.spawn().unwrap();
    let mut words = BufReader::new(early.stderr.take().unwrap()).lines();
    let told = within("the refusal", async {
        loop {
            let line = words.next_line().await.unwrap().unwrap();
            if line.contains("clock-ahead") {
                return line;
            }
        }
    });
    let told = told.await;
    assert!(told.contains("waiting: topic fujisawa/truck/17/air"), "{told}");
    early.kill().await.unwrap();
    let reader = Member::reader(&city, "wall", "fujisawa/truck/#").await;
    holds_key(&reader, "fujisawa/truck/17/air").await;
    sekisho(&publish).await.succeeded();
    let history = reader.run(&["history", "fujisawa/truck/#", "--json"]).await.done();
    assert_eq!(history.lines().count(), 1, "{history}");
}

/// Sixteen minutes pass in Santander in which nobody of Fujisawa answers.
#[tokio::test]
async fn of_a_peer_that_is_not_heard_for_sixteen_minutes_only_open_topics_go_on() {
    const AIR: &str = "fujisawa/truck/17/air";
    const WEATHER: &str = "fujisawa/weather/1/air";
    const DASHBOARD: &str = "dashboard@santander";
    let Some(library) = library() else { return };
    let mut fujisawa = City::found("fujisawa").await;
    let (santander, clock) = by_a_clock_of_the_test(library, "santander").await;
    peer(&fujisawa, &santander, "fujisawa/#").await;
    fujisawa.run(&["describe", WEATHER, "--class", "open", "--yes"]).await.succeeded();
    let dashboard = Member::enrol(&santander, "dashboard", &["--kind", "app"]).await;
    let rights = ["grant", DASHBOARD, "subscribe,history,decrypt", "fujisawa/#", "--yes"];
    fujisawa.run(&rights).await.succeeded();
    let truck = Member::device(&fujisawa, "truck-17", "fujisawa/#").await;
    for topic in [AIR, WEATHER] {
        permitted(&santander, DASHBOARD, "subscribe", topic).await;
        let publish = ["pub", topic, "pm2_5=7", "--scope", "federation"];
        truck.run(&publish).await.succeeded();
    }
    holds_key(&dashboard, AIR).await;
    let read = |topic: &'static str| {
        let dashboard = &dashboard;
        async move {
            let said = dashboard.run(&["history", topic, "--json"]).await;
            said.output.lines().filter(|line| line.contains("pm2_5")).count()
        }
    };
    for topic in [AIR, WEATHER] {
        eventually("the record to cross", || async { (read(topic).await == 1).then_some(()) })
            .await;
    }
    assert_eq!(fujisawa.stop_node().await, Some(0));
    std::fs::write(&clock, "+16m").unwrap();

    assert_eq!((read(AIR).await, read(WEATHER).await), (0, 1));
    let told = dashboard.run(&["history", AIR, "--json"]).await;
    assert!(told.output.contains("rights"), "wanted a gap told, found {told:?}");
    // Whoever asks why is told what the node does, and not what the statements would give.
    let why = dashboard.run(&["why", DASHBOARD, "subscribe", AIR]).await;
    assert_eq!(why.code, Some(1), "{why:?}");
    assert!(why.output.contains("the statements of fujisawa were last heard at"), "{why:?}");
    dashboard.run(&["why", DASHBOARD, "subscribe", WEATHER]).await.succeeded();
}
