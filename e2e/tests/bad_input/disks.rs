//! A disk that is full: the node says so, keeps what it has, serves it, and takes more as soon as
//! there is room, without being started again.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use sekisho::{RefusalCode, Start};
use sekisho_e2e::{City, Member, Press, Reader, Wire, eventually, holds_key};
use sekisho_proto::Envelope;

use crate::scene::Scene;

const TOPIC: &str = "fujisawa/filler/air";
const FILTER: &str = "fujisawa/filler/#";
/// As large as an envelope may be by default, with room for its header.
const LARGE: usize = 63 * 1024;
/// More large envelopes than fit into the room that these tests leave.
const ATTEMPTS_MAX: usize = 400;
const MEBIBYTE: u64 = 1 << 20;

/// A device that fills the disk, and the app that sees what became of it.
struct Filler {
    wire: Wire,
    press: Press,
    app: Member,
    taken: usize,
}

impl Filler {
    async fn begin(scene: &Scene) -> Self {
        let ((_, wire, press), app) = tokio::join!(
            scene.device("filler", FILTER, TOPIC),
            Member::reader(&scene.city, "auditor", FILTER)
        );
        holds_key(&app, TOPIC).await;
        Self { wire, press, app, taken: 0 }
    }

    /// Publishes a body of so many bytes under another key header; whether it was taken.
    async fn publish(&mut self, bytes: usize) -> bool {
        let mut fork = self.press.fork();
        let envelope = fork.seal(self.press.draft(), &self.body(bytes));
        self.hands_in(envelope, fork.attached()).await
    }

    /// The same under the key header that it began with; not again once that was refused.
    async fn publish_on(&mut self, bytes: usize) -> bool {
        let envelope = self.press.seal(self.press.draft(), &self.body(bytes));
        self.hands_in(envelope, self.press.attached()).await
    }

    fn body(&self, bytes: usize) -> String {
        format!("{:0bytes$}", self.taken)
    }

    /// Whether an envelope was taken. A refusal has to name the disk.
    async fn hands_in(&mut self, envelope: Envelope, key_header: Option<Bytes>) -> bool {
        match self.wire.publish(envelope.encoded().clone(), key_header).await {
            Ok(_) => {
                self.press.advance(&envelope);
                self.taken += 1;
                true
            }
            Err(refused) => {
                assert_eq!(refused.code, RefusalCode::StorageFull, "{refused:?}");
                assert!(!refused.why.is_empty(), "{refused:?}");
                false
            }
        }
    }

    /// Publishes until nothing is taken any more, not even the smallest.
    async fn fill(&mut self) {
        // Key headers are refused before the log has no room for what is under those that it has.
        while self.publish_on(LARGE).await {
            assert!(self.taken < ATTEMPTS_MAX, "wanted the log full, found it take everything");
        }
        for bytes in [LARGE, 1] {
            let mut attempts = 0;
            while self.publish(bytes).await {
                attempts += 1;
                assert!(attempts < ATTEMPTS_MAX, "wanted the disk full, found it take everything");
            }
        }
    }

    /// Everything that was taken is there, in order, and nothing else.
    async fn audit(&self) {
        let mut reader = Reader::start(&self.app, FILTER, Start::Earliest).await;
        for number in 0..self.taken {
            let message = reader.message().await;
            let body = String::from_utf8(message.body().unwrap().to_vec()).unwrap();
            assert_eq!(body.parse::<usize>().unwrap(), number);
        }
        reader.close().await;
    }
}

/// Fills the disk, sees that the node bears it, makes room, and sees that nothing was lost.
async fn fills_and_recovers(
    mut scene: Scene,
    mut filler: Filler,
    fill: impl FnOnce(&Scene),
    make_room: impl FnOnce(&Scene),
) {
    assert!(filler.publish_on(LARGE).await, "wanted room at first");
    scene.goes_on().await;
    fill(&scene);
    filler.fill().await;
    let before = scene.city.refused("storage-full").await;
    assert!(before >= 2.0, "wanted both refusals counted, found {before}");
    for count in [1.0, 2.0, 3.0] {
        assert!(!filler.publish(LARGE).await, "wanted it refused again");
        assert_eq!(scene.city.refused("storage-full").await, before + count);
    }
    // The truck that does no wrong waits, and loses nothing.
    let before = scene.city.refused("storage-full").await;
    scene.sends().await;
    eventually("the truck's envelope to be refused", || async {
        (scene.city.refused("storage-full").await > before).then_some(())
    })
    .await;
    // What is there is served, and the node is well otherwise.
    scene.is_well().await;
    scene.has_everything().await;
    filler.audit().await;
    let node = scene.city.node().id();
    make_room(&scene);
    scene.receives().await;
    while !filler.publish(LARGE).await {}
    assert!(filler.publish(1).await, "wanted room again");
    scene.goes_on().await;
    filler.audit().await;
    assert_eq!(scene.city.node().id(), node, "wanted the same process");
    scene.restarts().await;
    filler.audit().await;
    scene.ends_well().await;
}

fn free_mebibytes(path: &Path) -> u64 {
    let status = statvfs(path).unwrap();
    status.f_bavail * status.f_frsize / MEBIBYTE
}

#[tokio::test]
async fn a_node_leaves_the_room_that_it_was_told_to_leave() {
    // Far more than others write to the same disk meanwhile.
    const MARGIN: u64 = 256;
    let mut city = City::plan("fujisawa").await;
    let config = city.dir().join("sekisho.toml");
    let text = fs::read_to_string(&config).unwrap();
    let kept = free_mebibytes(&city.dir()).checked_sub(MARGIN).expect("a disk with some room");
    let changed = text.replace("free_mebibytes_min = 256", &format!("free_mebibytes_min = {kept}"));
    assert_ne!(changed, text);
    fs::write(&config, changed).unwrap();
    city.start().await;
    let ballast: PathBuf = city.place("ballast");
    let scene = Scene::in_city(city).await;
    let filler = Filler::begin(&scene).await;
    let (weight, path) = (2 * MARGIN * MEBIBYTE, ballast.clone());
    let fill = move |_: &Scene| {
        let file = fs::File::create(&path).unwrap();
        fallocate(&file, FallocateFlags::empty(), 0, weight).unwrap();
    };
    let make_room = move |_: &Scene| fs::remove_file(ballast).unwrap();
    fills_and_recovers(scene, filler, fill, make_room).await;
}

/// The record log's newest file, bytes.
fn segment_bytes(scene: &Scene) -> u64 {
    let entries = fs::read_dir(scene.city.dir().join("data/log")).unwrap();
    let lengths = entries.map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name.ends_with(".segment"), entry.metadata().unwrap().len())
    });
    lengths.filter_map(|(is_segment, length)| is_segment.then_some(length)).max().unwrap()
}

/// A city whose files may be limited.
async fn unkillable() -> City {
    let mut city = City::plan("fujisawa").await;
    city.start_unkillable().await;
    city
}

#[tokio::test]
async fn a_node_that_cannot_write_its_log_takes_nothing_and_recovers_by_itself() {
    let scene = Scene::in_city(unkillable().await).await;
    let mut filler = Filler::begin(&scene).await;
    // The log grows beyond everything else that the node writes.
    for _ in 0..16 {
        assert!(filler.publish(LARGE).await, "wanted room at first");
    }
    let fill = |scene: &Scene| scene.city.limit_files(Some(segment_bytes(scene) + 200 * 1024));
    fills_and_recovers(scene, filler, fill, |scene| scene.city.limit_files(None)).await;
}

#[tokio::test]
async fn a_node_that_cannot_write_anything_says_so_of_everything_and_recovers_by_itself() {
    let mut scene = Scene::in_city(unkillable().await).await;
    let mut filler = Filler::begin(&scene).await;
    assert!(filler.publish(1).await, "wanted room at first");
    let version = scene.city.metric("sekisho_policy_version").await;
    scene.city.limit_files(Some(0));
    for count in [1.0, 2.0] {
        // Its key header is new to the node, and cannot be kept either.
        assert!(!filler.publish(1).await, "wanted it refused");
        assert_eq!(scene.city.refused("storage-full").await, count);
    }
    let grant = ["grant", "auditor@fujisawa", "discover", "fujisawa/#", "--yes"];
    // Nobody is let in whose session cannot be recorded.
    let said = scene.city.run(&grant).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.error.contains("storage-full"), "{said:?}");
    assert_eq!(scene.city.metric("sekisho_policy_version").await, version);
    scene.is_well().await;
    let node = scene.city.node().id();
    scene.city.limit_files(None);
    scene.city.run(&grant).await.succeeded();
    assert!(filler.publish(1).await, "wanted room again");
    scene.goes_on().await;
    filler.audit().await;
    assert_eq!(scene.city.node().id(), node, "wanted the same process");
    scene.restarts().await;
    filler.audit().await;
    scene.ends_well().await;
}
