//! Power cuts of a whole disk: what was not flushed when the power went is gone, the file system's
//! own journal included.

use std::fs;

use sekisho_e2e::{City, Member, Volume, holds_key, skipped};

use crate::crew::{Courier, Follower, RUN};
use crate::dice::{Dice, setting};
use crate::ledger::{Verdict, compare, compare_runs, history, subscription};
use crate::scribe::{Count, Scribe};

const TRUCKS: &str = "fujisawa/truck/#";
const COURIER: &str = "fujisawa/truck/3/air";
/// The node's, the steward's and a truck's disk, MiB.
const DISK: u64 = 256;
/// Power cuts where the environment says no other number.
const CUTS: u64 = 6;
/// Most envelopes that are acknowledged between two cuts.
const BETWEEN_MAX: u64 = 80;

/// How the file of settings speaks of the room to be left free, and what fits a small disk.
const ROOM: (&str, &str) = ("free_mebibytes_min = 256", "free_mebibytes_min = 8");

/// A city whose disk may lose its power.
struct Fated {
    city: City,
    courier: Courier,
    cuts: u64,
    dice: Dice,
    // Unmounted after the processes above are gone.
    disk: Volume,
}

impl Fated {
    /// Power and processes go in the same moment, and all comes back.
    async fn cut(&mut self, stored: &Count) {
        stored.more(1 + self.dice.below(BETWEEN_MAX)).await;
        self.dice.moment(20_000).await;
        // A process that outlives its file system may be told by Linux that a flush succeeded which
        // did not; where the power is gone nobody outlives anything. So the processes go first, and
        // what they had not flushed goes with the file system.
        self.city.kill_node().await;
        self.courier.kill().await;
        self.city.kill_steward().await;
        self.disk.cut_power();
        self.cuts += 1;
        self.disk.mend();
        self.city.start().await;
        self.courier.set_off();
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_disk_has_lost_its_power() {
    let disk = match Volume::disk(DISK) {
        Ok(disk) => disk,
        Err(missing) => {
            skipped(format!("no disk can be mounted that loses its power: {missing}"));
            return;
        }
    };
    let mut city = City::plan_on(disk.path(), "fujisawa").await;
    let config = city.dir().join("sekisho.toml");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(ROOM.0), "{text}");
    fs::write(&config, text.replace(ROOM.0, ROOM.1)).unwrap();
    city.start().await;
    let (one, two, three, wall) = tokio::join!(
        Member::device(&city, "truck-1", "fujisawa/truck/1/#"),
        Member::device(&city, "truck-2", "fujisawa/truck/2/#"),
        Member::device(&city, "truck-3", "fujisawa/truck/3/#"),
        Member::reader(&city, "wall", TRUCKS)
    );
    holds_key(&wall, COURIER).await;
    let follower = Follower::begin(&wall, TRUCKS, "trucks").await;
    let stored = Count::new();
    let scribes = [
        Scribe::begin(&one, "fujisawa/truck/1/air", &stored).await,
        Scribe::begin(&two, "fujisawa/truck/2/air", &stored).await,
    ];
    let mut courier = Courier::hire(&city, &three, COURIER, disk.path().join("courier.spool"));
    courier.set_off();
    courier.has_kept().await;
    let mut fated = Fated { city, courier, cuts: 0, dice: Dice::of_the_run(), disk };
    while fated.cuts < setting("SEKISHO_POWER_CUTS", CUTS) {
        fated.cut(&stored).await;
    }
    let mut written = Vec::new();
    for scribe in scribes {
        written.push(scribe.end().await);
    }
    fated.courier.kill().await;
    fated.courier.deliver().await;
    let seen = history(&wall, TRUCKS).await;
    let verdicts = written.iter().map(|written| compare(written, &seen));
    let verdict = verdicts.fold(Verdict::default(), |all, one| all.and(&one));
    let kept = fated.courier.last_kept();
    let verdict = verdict.and(&compare_runs(&seen, COURIER, RUN, &kept));
    let torn = fated.city.log().matches("a torn end of the log was cut off").count();
    println!("{} power cuts, {torn} torn ends: {verdict}", fated.cuts);
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(subscription(&wall, TRUCKS, seen.len()).await, seen);
    assert_eq!(follower.end(seen.len()).await, seen);
}
