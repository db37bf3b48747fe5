//! A file system that is full to the last byte: what cannot be kept is refused and stays in spools,
//! nobody is let in unrecorded, and everything goes on when there is room.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use sekisho::{Batch, Client, ContentType, Message, Publisher, PublisherState};
use sekisho_e2e::{City, Member, Reader, Volume, eventually, holds_key, skipped, within};
use serde_json::Value;

const TOPIC: &str = "fujisawa/bin/1/level";
const FILTER: &str = "fujisawa/bin/#";
const WALL: &str = "wall@fujisawa";

/// Room on the file system at first and after it has grown, MiB.
const SMALL: u64 = 24;
const GROWN: u64 = 96;
/// Bodies of the publisher, bytes: three hundred of them are more than there is room for.
const BODY: usize = 60_000;
/// Bodies after which the small file system must have been full, and ones that fit into the grown.
const BODIES_MAX: u64 = 600;
/// Sessions for which a file may have room in it when the file system has none.
const ADMITTED_MAX: usize = 1_000;
/// How the settings speak of the room to be left free, and what fits a small file system.
const ROOM: (&str, &str) = ("free_mebibytes_min = 256", "free_mebibytes_min = 8");
/// How they speak of what is kept, and a rule by which most of it goes.
const RULE: (&str, &str) = ("[storage]\n", "[storage]\nretention_mebibytes = 2\n");

/// A city whose data is on a small file system, a bin that publishes, and a wall that reads.
struct Brim {
    city: City,
    client: Client,
    publisher: Publisher,
    reader: Reader,
    wall: Member,
    published: u64,
    read: u64,
    // Unmounted after the processes above are gone.
    volume: Volume,
}

impl Brim {
    async fn found(volume: Volume) -> Self {
        let mut city = City::plan("fujisawa").await;
        let data = format!("[storage]\ndata = {:?}\n", volume.path().join("data"));
        configure(&city, &[("[storage]\n", &data), ROOM]);
        city.start().await;
        let (bin, wall) = tokio::join!(
            Member::device(&city, "bin-1", "fujisawa/bin/1/#"),
            Member::reader(&city, "wall", FILTER)
        );
        holds_key(&wall, TOPIC).await;
        let reader = Reader::resume(&wall, FILTER, "wall").await;
        let client = bin.connect().await;
        let builder = client.publisher(TOPIC.parse().unwrap()).batch(Batch::single());
        let builder = builder.spool(city.place("bin.spool"));
        let publisher = within("a publisher", builder.start()).await.unwrap();
        Self { city, client, publisher, reader, wall, published: 0, read: 0, volume }
    }

    /// Publishes until the node takes nothing more, and the spool has to keep it.
    async fn fill(&mut self) {
        let before = self.city.refused("storage-full").await;
        while self.city.refused("storage-full").await == before {
            assert!(self.published < BODIES_MAX, "wanted it full, found it take everything");
            for _ in 0..8 {
                self.publish().await;
            }
            self.publisher.persist().await.unwrap();
            eventually("the node to take or refuse it", || async {
                let is_taken = self.publisher.state().queued == 0;
                (is_taken || self.city.refused("storage-full").await > before).then_some(())
            })
            .await;
        }
    }

    async fn publish(&mut self) {
        let body = format!("{:0BODY$}", self.published);
        let kind = ContentType::parse("text/plain").unwrap();
        self.publisher.publish_body(kind, body).await.unwrap();
        self.published += 1;
    }

    /// The wall reads what the node has taken, in order, and nothing else.
    async fn read_to(&mut self, count: u64) {
        while self.read < count {
            let message = self.read_one().await;
            self.reader.acknowledge(&message);
        }
    }

    async fn read_one(&mut self) -> Message {
        let message = self.reader.message().await;
        assert_eq!(number_in(&message), self.read);
        self.read += 1;
        message
    }

    fn accepted(&self) -> u64 {
        self.publisher.state().envelopes_accepted
    }

    /// Sessions of the wall that are on record.
    async fn sessions(&self) -> usize {
        let list = ["access", "list", WALL, "--json"];
        let entries = self.city.run(&list).await.json();
        let is_session = |entry: &&Value| entry["kind"] == "session";
        entries.as_array().unwrap().iter().filter(is_session).count()
    }

    async fn ends_well(mut self) {
        within("everything to be stored", self.publisher.flush()).await.unwrap();
        let state = self.publisher.state();
        assert_eq!((state.envelopes_lost, state.queued), (0, 0), "{state:?}");
        self.read_to(self.published).await;
        self.reader.close().await;
        within("the bin's end", self.client.close()).await;
        assert_eq!(self.city.stop_node().await, Some(0), "{}", self.city.log());
    }
}

/// Takes what room is left, to the last byte.
fn plug(volume: &Volume) -> PathBuf {
    let path = volume.path().join("ballast");
    let mut ballast = File::create(&path).unwrap();
    for size in [1 << 20, 4096, 1] {
        let block = vec![7; size];
        while ballast.write_all(&block).is_ok() {}
    }
    path
}

fn number_in(message: &Message) -> u64 {
    let body = String::from_utf8(message.body().unwrap().to_vec()).unwrap();
    body.parse().unwrap()
}

fn configure(city: &City, settings: &[(&str, &str)]) {
    let path = city.dir().join("sekisho.toml");
    let mut text = fs::read_to_string(&path).unwrap();
    for (found, wanted) in settings {
        assert!(text.contains(found), "wanted {found:?}, found {text}");
        text = text.replace(found, wanted);
    }
    fs::write(&path, text).unwrap();
}

fn small(mebibytes: u64) -> Option<Volume> {
    match Volume::memory(mebibytes) {
        Ok(volume) => Some(volume),
        Err(missing) => {
            skipped(format!("no small file system can be mounted: {missing}"));
            None
        }
    }
}

#[tokio::test]
async fn a_full_file_system_loses_nothing_and_lets_nobody_in_unrecorded() {
    let Some(volume) = small(SMALL) else { return };
    let mut brim = Brim::found(volume).await;
    brim.fill().await;
    let taken = brim.accepted();
    assert!(taken > 0 && taken < brim.published, "{taken} of {}", brim.published);
    brim.read_to(taken).await;
    assert_eq!(brim.city.page("/readyz").await.status, 200);

    // Publishers are refused, and there is room for the record of who comes.
    let recorded = brim.sessions().await;
    let late = Reader::start(&brim.wall, FILTER, sekisho::Start::Earliest).await;
    assert_eq!(brim.sessions().await, recorded + 1, "wanted the session on record");
    late.close().await;

    // Not a byte is left: nobody comes in whose access cannot be recorded, and those who are in
    // go on.
    let ballast = plug(&brim.volume);
    let mut admitted = 0;
    let refused = loop {
        match brim.wall.try_connect().await {
            Ok(client) => client.close().await,
            Err(error) => break format!("{error:?}"),
        }
        admitted += 1;
        assert!(admitted < ADMITTED_MAX, "wanted nobody let in at last");
    };
    assert!(refused.contains("StorageFull"), "{refused}");
    assert_eq!(brim.city.page("/livez").await.status, 200);
    let node = brim.city.node().id();
    fs::remove_file(ballast).unwrap();
    let sessions = eventually("the list of accesses", || async {
        let list = ["access", "list", WALL, "--json"];
        let said = brim.city.run(&list).await;
        (said.code == Some(0)).then_some(())?;
        Some(brim.sessions().await)
    })
    .await;
    assert!(sessions > recorded + admitted, "wanted a record of each that was let in: {sessions}");

    brim.volume.resize(GROWN);
    assert_eq!(brim.city.node().id(), node, "wanted the same process");
    brim.publish().await;
    within("everything to be stored", brim.publisher.flush()).await.unwrap();
    assert_eq!(brim.accepted(), brim.published, "wanted all of it from the spool");
    brim.ends_well().await;
}

#[tokio::test]
async fn a_full_node_makes_room_by_its_rule_when_it_is_told_one() {
    let Some(volume) = small(SMALL) else { return };
    let mut brim = Brim::found(volume).await;
    brim.fill().await;
    // The cursor stands where the rule has dropped everything; the wall itself has come further.
    brim.read_to(brim.accepted() / 2).await;
    while brim.read < brim.accepted() {
        brim.read_one().await;
    }
    assert_eq!(brim.city.stop_node().await, Some(0), "{}", brim.city.log());
    configure(&brim.city, &[RULE]);
    brim.city.start_node().await;
    // Twice what there is room for, read as it comes.
    let wanted = brim.published + BODIES_MAX;
    while brim.published < wanted {
        for _ in 0..8 {
            brim.publish().await;
        }
        within("room to be made", brim.publisher.flush()).await.unwrap();
        brim.read_to(brim.published).await;
    }
    brim.ends_well().await;
}

/// What is settled needs room to be written down. Without any the publisher goes on, and says so.
#[tokio::test]
async fn a_spool_without_room_for_its_books_goes_on() {
    let Some(volume) = small(GROWN) else { return };
    let mut city = City::plan("fujisawa").await;
    city.start().await;
    let bin = Member::device(&city, "bin-1", "fujisawa/bin/1/#").await;
    let client = bin.connect().await;
    let builder = client.publisher(TOPIC.parse().unwrap()).batch(Batch::single());
    let builder = builder.spool(volume.path().join("bin.spool"));
    let publisher = within("a publisher", builder.start()).await.unwrap();
    assert_eq!(city.stop_node().await, Some(0), "{}", city.log());
    let kind = ContentType::parse("text/plain").unwrap();
    for number in 0..BODIES_MAX {
        publisher.publish_body(kind.clone(), number.to_string()).await.unwrap();
    }
    within("everything in the spool", publisher.persist()).await.unwrap();
    let ballast = plug(&volume);
    let watched = publisher.clone();
    let told = tokio::spawn(async move {
        let is_told = |state: &PublisherState| {
            state.envelopes_accepted > 0
                && state.fault.as_ref().is_some_and(|why| why.contains("spool"))
        };
        watched.wait_until(is_told).await
    });
    city.start_node().await;
    within("everything to be stored", publisher.flush()).await.unwrap();
    within("the fault to be told", told).await.unwrap().unwrap();
    fs::remove_file(ballast).unwrap();
    publisher.publish_body(kind, "one more").await.unwrap();
    within("the last to be stored", publisher.flush()).await.unwrap();
    assert_eq!(publisher.state().envelopes_accepted, BODIES_MAX + 1);
    within("the bin's end", client.close()).await;
}
