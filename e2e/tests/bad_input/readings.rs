//! Readings that are broken before they reach a node.

use std::fs;

use sekisho::{Start, Value};
use sekisho_e2e::{Agent, Member, Reader, holds_key};

use crate::scene::Scene;

/// A sentence with its checksum.
fn sentence(body: &str) -> String {
    let checksum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{checksum:02X}\r\n")
}

fn position(second: u32) -> String {
    sentence(&format!("GPRMC,12{second:04},A,3520.0000,N,13929.0000,E,010.0,090.0,211126,,,A"))
}

/// A good sentence with one byte on the way changed.
fn garbled(second: u32) -> String {
    position(second).replace("3520", "3521")
}

fn float(sample: &sekisho::Sample, transducer: &str) -> f64 {
    let value = sample.values.iter().find(|value| value.transducer.as_str() == transducer);
    match value.map(|value| &value.value) {
        Some(Value::Float(number)) => *number,
        other => panic!("{transducer}: wanted a number, found {other:?}"),
    }
}

#[tokio::test]
async fn an_agent_skips_shows_and_counts_broken_lines_and_names_a_column_that_is_missing() {
    let scene = Scene::open().await;
    let filter = "fujisawa/van/#";
    let (van, app) = tokio::join!(
        Member::device(&scene.city, "van", filter),
        Member::reader(&scene.city, "listener", filter)
    );
    holds_key(&app, "fujisawa/van/rmc").await;
    let unchecked = "$GPRMC,120003,A,3520.0000,N,13929.0000,E,010.0,090.0,211126,,,A\r\n";
    let nmea = [
        &position(0),
        &garbled(1),
        &position(2),
        unchecked,
        "\u{fffd}\u{0}\u{7}\r\n",
        &garbled(4),
        &position(5),
        // Cut off, as by a full disk.
        "$GPRMC,120006,A,35",
    ]
    .concat();
    let files = [
        ("gnss.nmea", nmea),
        ("good.csv", "time,PM2.5\n2026-11-21T12:00:00Z,1.5\n2026-11-21T12:00:01Z,x\n2026-11-21T12:00:02Z,2.5\n".to_owned()),
        ("short.csv", "time,PM10,Temp\n2026-11-21T12:00:00Z,1.5,20\n".to_owned()),
    ];
    for (name, text) in &files {
        fs::write(scene.city.place(name), text).unwrap();
    }
    let csv = |name: &str| {
        let path = scene.city.place(format!("{name}.csv"));
        format!(
            "[[input]]\nname = \"{name}\"\ntopic = \"fujisawa/van/{name}\"\n\
             source = {{ kind = \"file\", path = {path:?} }}\n[input.format]\nkind = \"csv\"\n\
             [input.format.time]\ncolumn = \"time\"\nformat = \"rfc3339\"\n\
             [[input.format.value]]\ncolumn = \"PM2.5\"\nname = \"pm2_5\"\nunit = \"ug/m3\"\n"
        )
    };
    let gnss = format!(
        "[[input]]\nname = \"gnss\"\ntopic = \"fujisawa/van/{{stream}}\"\n\
         source = {{ kind = \"file\", path = {:?} }}\n\
         format = {{ kind = \"nmea\", time = \"sentence\", sentences = [\"RMC\"] }}\n",
        scene.city.place("gnss.nmea")
    );
    let agent = Agent::configure(&scene.city, &van, &[gnss, csv("good"), csv("short")].concat());
    let said = agent.run().await;
    assert_eq!(said.code, Some(4), "an input that cannot be read is told: {said:?}");
    let line = |name: &str| {
        let found = said.output.lines().find(|line| line.trim().starts_with(&format!("{name}:")));
        found.unwrap_or_else(|| panic!("{name}: wanted its figures, found {said:?}")).to_owned()
    };
    for words in ["8 lines: 3 read, giving 3 samples", "checksum 2", "5 broken"] {
        assert!(line("gnss").contains(words), "wanted {words:?}, found {}", line("gnss"));
    }
    assert!(line("good").contains("2 samples"), "{}", line("good"));
    for words in ["ended early", "PM2.5", "PM10"] {
        assert!(line("short").contains(words), "wanted {words:?}, found {}", line("short"));
    }
    // Shown as they happened, with the reason.
    assert!(said.error.contains("checksum: wanted "), "{}", said.error);
    let mut listener = Reader::start(&app, "fujisawa/van/rmc", Start::Earliest).await;
    let seconds: Vec<_> = listener.samples(3).await.iter().map(|sample| sample.time).collect();
    let wanted = ["00", "02", "05"].map(|second| format!("2026-11-21T12:00:{second}.000000Z"));
    assert_eq!(seconds.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted);
    listener.close().await;
    let mut listener = Reader::start(&app, "fujisawa/van/good", Start::Earliest).await;
    let read: Vec<_> = listener.samples(2).await.iter().map(|one| float(one, "pm2_5")).collect();
    assert_eq!(read, [1.5, 2.5]);
    listener.close().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn an_agent_with_a_broken_configuration_names_every_fault_at_once() {
    let scene = Scene::open().await;
    let van = Member::device(&scene.city, "van", "fujisawa/van/#").await;
    let faults = "[[input]]\nname = \"a\"\ntopic = \"fujisawa//x\"\n\
         source = { kind = \"file\" }\nformat = { kind = \"nmea\", time = \"never\" }\n\
         [[input]]\nname = \"a\"\ntopic = \"fujisawa/van/x\"\n\
         source = { kind = \"modem\" }\nformat = { kind = \"csv\" }\nspeed = 3\n";
    let said = Agent::configure(&scene.city, &van, faults).run().await;
    assert_eq!(said.code, Some(4), "{said:?}");
    let named = [
        "input[0].topic",
        "input[0].source.path",
        "input[0].format.time",
        "input[1].name",
        "input[1].source.kind",
        "input[1].speed",
    ];
    for key in named {
        assert!(said.error.contains(key), "wanted {key:?}, found {}", said.error);
    }
    scene.ends_well().await;
}
