//! A file system that turns read-only under a node that works, as ext4 does by itself where its disk
//! fails.

use sekisho_e2e::{City, Member, Volume, holds_key, skipped};

use crate::crew::Follower;
use crate::ledger::{Verdict, compare, history};
use crate::scribe::{Count, Scribe};

const TRUCKS: &str = "fujisawa/truck/#";
/// Far more than a node wants to be left free, MiB.
const DISK: u64 = 768;
/// What the system says of a write there.
const WORDS: &str = "Read-only file system";

#[tokio::test]
async fn a_node_whose_disk_turns_read_only_ends_saying_so_and_loses_nothing() {
    let disk = match Volume::disk(DISK) {
        Ok(disk) => disk,
        Err(missing) => {
            skipped(format!("no disk can be mounted that may fail: {missing}"));
            return;
        }
    };
    let mut city = City::plan("fujisawa").await;
    city.configure("storage", &format!("data = {:?}", disk.path().join("data")));
    city.start().await;
    let (one, two, wall) = tokio::join!(
        Member::device(&city, "truck-1", "fujisawa/truck/1/#"),
        Member::device(&city, "truck-2", "fujisawa/truck/2/#"),
        Member::reader(&city, "wall", TRUCKS)
    );
    holds_key(&wall, "fujisawa/truck/1/air").await;
    let follower = Follower::begin(&wall, TRUCKS, "trucks").await;
    let stored = Count::new();
    let scribes = [
        Scribe::begin(&one, "fujisawa/truck/1/air", &stored).await,
        Scribe::begin(&two, "fujisawa/truck/2/air", &stored).await,
    ];
    stored.more(100).await;
    if let Err(missing) = disk.turn_read_only() {
        skipped(format!("no file system turns read-only here: {missing}"));
        return;
    }
    assert_eq!(city.node_ends().await, Some(4), "{}", city.log());
    let said = city.log();
    for words in ["log stopped", "record log: wanted a disk that keeps what it is given", WORDS] {
        assert!(said.contains(words), "wanted {words:?}, found {said}");
    }

    // As long as it is read-only the node does not begin, and says so.
    assert_eq!(city.launch("serve").wait().await.code(), Some(4), "{}", city.log());
    let said_again = city.log();
    let again = said_again.strip_prefix(&said).unwrap_or(&said_again);
    assert!(again.contains(WORDS), "{again}");

    disk.mend();
    city.start_node().await;
    stored.more(100).await;
    let mut verdict = Verdict::default();
    let mut written = Vec::new();
    for scribe in scribes {
        written.push(scribe.end().await);
    }
    let seen = history(&wall, TRUCKS).await;
    for one in &written {
        verdict = verdict.and(&compare(one, &seen));
    }
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(follower.end(seen.len()).await, seen);
    assert_eq!(city.stop_node().await, Some(0), "{}", city.log());
}
