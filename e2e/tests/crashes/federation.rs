//! Two cities under contract both ways, with everybody in them at work, and what is to be true of
//! them in the end whatever happened meanwhile.

use std::path::Path;

use sekisho_e2e::{City, Member, holds_key, linked, peer_with, permitted, program};

use crate::crew::{Courier, Driver, Follower, RUN};
use crate::ledger::{Seen, Verdict, compare, compare_runs, history, subscription};
use crate::scribe::{Count, Scribe, Written};

const TRUCKS: &str = "fujisawa/truck/#";
const BUSES: &str = "santander/bus/#";
const COURIER: &str = "fujisawa/truck/3/air";
const AGENT: &str = "fujisawa/truck/4/air";
/// Lines of each run of the agent: more than it gets through before it is killed, mostly.
const LINES: i64 = 400;

/// See the module.
pub(crate) struct Federation {
    pub(crate) home: City,
    pub(crate) far: City,
    /// What scribes were told is stored.
    pub(crate) stored: Count,
    scribes: Vec<Scribe>,
    pub(crate) courier: Courier,
    pub(crate) driver: Driver,
    wall: Member,
    board: Member,
    followers: Vec<Follower>,
}

impl Federation {
    pub(crate) async fn found() -> Self {
        Box::pin(Self::found_with(program())).await
    }

    /// Nodes and stewards are of another command than the one under test.
    pub(crate) async fn found_with(program: &Path) -> Self {
        let (mut home, mut far) = tokio::join!(
            City::plan_with_program(program, "fujisawa"),
            City::plan_with_program(program, "santander")
        );
        tokio::join!(home.start(), far.start());
        peer_with(&home, &far, &["--export", TRUCKS, "--import", BUSES]).await;
        tokio::join!(linked(&home, &far), linked(&far, &home));
        let (one, two, three, four, bus) = tokio::join!(
            Member::device(&home, "truck-1", "fujisawa/truck/1/#"),
            Member::device(&home, "truck-2", "fujisawa/truck/2/#"),
            Member::device(&home, "truck-3", "fujisawa/truck/3/#"),
            Member::device(&home, "truck-4", "fujisawa/truck/4/#"),
            Member::device(&far, "bus-1", "santander/bus/1/#"),
        );
        let (wall, board) = tokio::join!(
            Member::reader(&home, "wall", TRUCKS),
            Member::reader(&far, "board", BUSES)
        );
        let rights = "subscribe,history,decrypt";
        home.run(&["grant", "board@santander", rights, TRUCKS, "--yes"]).await.succeeded();
        permitted(&far, "board@santander", "subscribe", COURIER).await;
        tokio::join!(holds_key(&wall, COURIER), holds_key(&board, COURIER));
        holds_key(&board, "santander/bus/1/air").await;
        let followers = vec![
            Follower::begin(&wall, TRUCKS, "trucks").await,
            Follower::begin(&board, TRUCKS, "trucks").await,
            Follower::begin(&board, BUSES, "buses").await,
        ];
        let stored = Count::new();
        let scribes = vec![
            Scribe::begin(&one, "fujisawa/truck/1/air", &stored).await,
            Scribe::begin(&two, "fujisawa/truck/2/air", &stored).await,
            Scribe::begin(&bus, "santander/bus/1/air", &stored).await,
        ];
        let mut courier = Courier::hire(&home, &three, COURIER, home.place("courier.spool"));
        courier.set_off();
        courier.has_kept().await;
        let mut driver = Driver::hire(&home, &four, AGENT, LINES);
        driver.set_off();
        Self { home, far, stored, scribes, courier, driver, wall, board, followers }
    }

    /// Everybody brings what they have to its end; what is there then is what was acknowledged.
    pub(crate) async fn judge(mut self) -> Verdict {
        // A link that lost its peer so often waits before it dials again; a new one does not.
        assert_eq!(self.far.stop_node().await, Some(0), "{}", self.far.log());
        self.far.start_node().await;
        let mut written = Vec::new();
        for scribe in self.scribes {
            written.push(scribe.end().await);
        }
        self.courier.kill().await;
        self.courier.deliver().await;
        self.driver.kill().await;
        let last = self.driver.finish().await;
        let runs = Runs { courier: self.courier.last_kept(), agent: vec![last] };

        let trucks = history(&self.wall, TRUCKS).await;
        let buses = history(&self.board, BUSES).await;
        let verdict = judged(&written, &runs, &[&trucks[..], &buses].concat());
        assert!(verdict.is_clean(), "by history: {verdict}");
        let mut further = vec![subscription(&self.wall, TRUCKS, trucks.len()).await];
        for (follower, count) in self.followers.into_iter().zip([trucks.len(), trucks.len(), 0]) {
            further.push(follower.end(if count == 0 { buses.len() } else { count }).await);
        }
        for (seen, wanted) in further.iter().zip([&trucks, &trucks, &trucks, &buses]) {
            assert_eq!(by_topic(seen), by_topic(wanted), "one reader has something else");
        }
        linked(&self.home, &self.far).await;
        let far = history(&self.board, TRUCKS).await;
        assert_eq!(by_topic(&far), by_topic(&trucks), "the far node has something else");
        verdict
    }
}

/// What was said to be kept by those with spools.
struct Runs {
    courier: Vec<i64>,
    agent: Vec<i64>,
}

fn judged(written: &[Written], runs: &Runs, seen: &[Seen]) -> Verdict {
    let verdicts = written.iter().map(|written| compare(written, seen));
    let verdict = verdicts.fold(Verdict::default(), |all, one| all.and(&one));
    let verdict = verdict.and(&compare_runs(seen, COURIER, RUN, &runs.courier));
    verdict.and(&compare_runs(seen, AGENT, RUN, &runs.agent))
}

/// Nodes keep the order of each topic; how topics lie between each other is each one's own.
fn by_topic(seen: &[Seen]) -> Vec<&Seen> {
    let mut sorted: Vec<&Seen> = seen.iter().collect();
    sorted.sort_by(|one, other| one.topic.cmp(&other.topic));
    sorted
}
