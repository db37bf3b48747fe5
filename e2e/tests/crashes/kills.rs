//! SIGKILL at any moment, to any process of two cities, with everybody at work.

use std::time::Duration;

use sekisho::clock;
use sekisho_e2e::City;
use tokio::time::timeout;

use crate::dice::{Dice, setting};
use crate::federation::Federation;

/// Kills where the environment says no other number.
const KILLS: u64 = 40;
/// Most envelopes that are acknowledged between two kills.
const BETWEEN_MAX: u64 = 60;
/// How long a process may have been starting when it is killed again, µs.
const STARTING_MAX: u64 = 120_000;

#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    of_nodes: u64,
    while_starting: u64,
    longest_start_ms: u128,
}

struct Reaper {
    federation: Federation,
    dice: Dice,
    tally: Tally,
}

impl Reaper {
    /// Lets everybody work for a while of random length, and kills somebody.
    async fn strike(&mut self) {
        self.federation.stored.more(1 + self.dice.below(BETWEEN_MAX)).await;
        self.dice.moment(20_000).await;
        match self.dice.below(100) {
            0..40 => self.kill_node(true).await,
            40..65 => self.kill_node(false).await,
            65..70 => self.kill_both().await,
            70..80 => {
                self.tally.kills += 1;
                self.federation.courier.kill().await;
                self.federation.courier.set_off();
            }
            80..90 => {
                self.tally.kills += 1;
                self.federation.driver.kill().await;
                self.federation.driver.set_off();
            }
            90..96 => {
                self.tally.kills += 1;
                self.federation.home.kill_steward().await;
                self.federation.home.start_steward().await;
            }
            _ => {
                self.tally.kills += 1;
                self.federation.far.kill_steward().await;
                self.federation.far.start_steward().await;
            }
        }
    }

    async fn kill_node(&mut self, is_home: bool) {
        self.tally.kills += 1;
        self.tally.of_nodes += 1;
        let city = if is_home { &mut self.federation.home } else { &mut self.federation.far };
        city.kill_node().await;
        restart(city, &mut self.dice, &mut self.tally).await;
    }

    async fn kill_both(&mut self) {
        self.tally.kills += 2;
        self.tally.of_nodes += 2;
        self.federation.home.kill_node().await;
        self.federation.far.kill_node().await;
        restart(&mut self.federation.far, &mut self.dice, &mut self.tally).await;
        restart(&mut self.federation.home, &mut self.dice, &mut self.tally).await;
    }
}

/// Starts a node that was killed; some are killed again before they serve.
async fn restart(city: &mut City, dice: &mut Dice, tally: &mut Tally) {
    while dice.percent(30) {
        let mut starting = city.launch("serve");
        let length = Duration::from_micros(dice.below(STARTING_MAX));
        // Whether it says by then that it serves makes no difference to what it may do.
        drop(timeout(length, starting.line()).await);
        starting.kill().await;
        tally.kills += 1;
        tally.of_nodes += 1;
        tally.while_starting += 1;
    }
    let begun = clock::now();
    city.start_node().await;
    let took = clock::now().saturating_since(begun).as_millis();
    tally.longest_start_ms = tally.longest_start_ms.max(took);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_however_often_processes_are_killed() {
    let wanted = setting("SEKISHO_KILLS", KILLS);
    let (dice, tally) = (Dice::of_the_run(), Tally::default());
    let mut reaper = Reaper { federation: Federation::found().await, dice, tally };
    while reaper.tally.kills < wanted {
        reaper.strike().await;
    }
    let Reaper { federation, tally, .. } = reaper;
    let verdict = federation.judge().await;
    let Tally { kills, of_nodes, while_starting, longest_start_ms } = tally;
    println!(
        "{kills} kills, {of_nodes} of nodes, {while_starting} of these while starting: {verdict}; \
         longest start {longest_start_ms} ms"
    );
    assert!(verdict.is_clean(), "{verdict}");
}
