//! A city's folder as a program of some day left it, so that every later one can be held to it. Its
//! keys are nobody's. The one of a version is made once, by its own program, and never again:
//!
//! ```text
//! SEKISHO_PROGRAM=target/release/sekisho target/release/recorded_city \
//!     e2e/tests/crashes/recorded/0.1.0.tar.gz
//! ```

use std::path::Path;
use std::process::Command;

use sekisho::{Batch, Start};

use crate::city::City;
use crate::member::Member;
use crate::patience::within;
use crate::reader::Reader;
use crate::rights::holds_key;
use crate::sample::samples;

/// What is in a recorded folder.
#[derive(Debug)]
pub struct RecordedCity;

impl RecordedCity {
    /// Whose folder it is.
    pub const NAME: &str = "fujisawa";
    /// The folder of somebody who may read everything, and the name.
    pub const READER: &str = "wall";
    /// That one's name.
    pub const READER_NAME: &str = "wall@fujisawa";
    /// The folder of the truck that published.
    pub const PUBLISHER: &str = "truck-17";
    /// One whose rights were taken back.
    pub const REVOKED: &str = "stolen@fujisawa";
    /// Where the truck published.
    pub const TOPIC: &str = "fujisawa/truck/17/air";
    /// What the reader may read.
    pub const FILTER: &str = "fujisawa/truck/#";
    /// The reader's cursor.
    pub const CURSOR: &str = "wall";
    /// How many samples there are, three to an envelope.
    pub const SAMPLES: usize = 90;
    /// How many of these are before the cursor.
    pub const ACKNOWLEDGED: usize = 30;
    /// Sessions of the reader that are on record, at least.
    pub const SESSIONS: usize = 2;

    /// Has the command under test make one, and packs it into an archive.
    pub async fn record(archive: &Path) {
        let mut city = City::plan(Self::NAME).await;
        let config = city.dir().join("sekisho.toml");
        let text = std::fs::read_to_string(&config).expect("settings");
        // What is recorded is opened years later.
        let text = text.replace("retention_days = 30 ", "retention_days = 0 ");
        std::fs::write(&config, text).expect("settings");
        std::fs::write(city.dir().join("steward/steward.toml"), "keep_days = 0\n")
            .expect("settings");
        city.start().await;
        let truck = Member::device(&city, Self::PUBLISHER, "fujisawa/truck/17/#").await;
        drop(Member::device(&city, "stolen", Self::FILTER).await);
        city.run(&["revoke", Self::REVOKED]).await.succeeded();
        let wall = Member::reader(&city, Self::READER, Self::FILTER).await;
        holds_key(&wall, Self::TOPIC).await;
        let client = truck.connect().await;
        let batch = Batch { samples: 3, ..Batch::default() };
        let topic = Self::TOPIC.parse().expect("a topic");
        let air = client.publisher(topic).batch(batch).start().await.expect("a publisher");
        for sample in samples(0..i64::try_from(Self::SAMPLES).expect("a few")) {
            air.publish(sample).await.expect("it is open");
        }
        within("acknowledgements", air.flush()).await.expect("a node that takes them");
        client.close().await;
        let mut reader = Reader::resume(&wall, Self::FILTER, Self::CURSOR).await;
        let mut read = 0;
        while read < Self::ACKNOWLEDGED {
            let message = reader.message().await;
            read += message.samples().expect("it opens").len();
            reader.acknowledge(&message);
        }
        reader.close().await;
        let mut again = Reader::start(&wall, Self::FILTER, Start::Earliest).await;
        drop(again.samples(Self::SAMPLES).await);
        again.close().await;
        city.stop_steward().await;
        city.stop_node().await;
        let packed = Command::new("tar")
            .args(["--create", "--gzip", "--sparse", "--numeric-owner", "--file"])
            .arg(archive)
            .arg("--directory")
            .arg(city.place(""))
            .args(["city", Self::READER, Self::PUBLISHER])
            .status();
        assert!(packed.expect("tar runs").success(), "{}", archive.display());
    }
}
