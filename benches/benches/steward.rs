//! How long it takes one core to shut a reader out of a tree that ten thousand others go on reading:
//! the plan, the new epoch, its seed sealed to each of them and signed, and the log read again.

use std::{fs, hint::black_box, sync::Arc, time::Duration};

use sekisho::{Followed, StatementIndex, clock};
use sekisho_benches::{city::City, sound};
use sekisho_proto::{
    Action, Actions, Statement, StatementBody, Suite, Timestamp, statement::RevokeTarget,
};
use sekisho_seal::SeededEntropy;
use sekisho_steward::{Custody, Settings};

const READERS: u64 = 10_000;
const GOAL: Duration = Duration::from_secs(3);
const TURNS: u64 = 3;

/// How long this thread was on a core, whoever else wanted it meanwhile: of the kernel's scheduler,
/// nanoseconds.
fn on_core() -> Duration {
    let told = sound(fs::read_to_string("/proc/thread-self/schedstat"));
    let nanoseconds = told.split_whitespace().next().unwrap_or_default();
    Duration::from_nanos(sound(nanoseconds.parse()))
}

/// A steward, the log it follows, and what each part of its work took.
struct Case {
    city: City,
    custody: Custody,
    entropy: SeededEntropy,
    log: u64,
    now: Timestamp,
    planning: Duration,
    sealing: Duration,
    reading: Duration,
    granted: u64,
}

impl Case {
    fn new(folder: &std::path::Path) -> Self {
        let mut city = City::new("fujisawa", clock::now());
        for number in 0..READERS + TURNS {
            city.enrol_reader(number, Suite::XWingAes256Gcm);
            let actions = [Action::Subscribe, Action::Decrypt].into_iter().collect::<Actions>();
            city.grant_device_all(number, actions, city.filter("#"));
        }
        let settings = Settings::defaults(city.organisation());
        let (own, root) = (city.organisation().clone(), city.root());
        let identity = Arc::new(city.steward());
        let mut case = Self {
            custody: sound(Custody::open(folder, identity, &own, root, settings)),
            entropy: SeededEntropy::new(21),
            log: 0,
            now: city.now(),
            city,
            planning: Duration::ZERO,
            sealing: Duration::ZERO,
            reading: Duration::ZERO,
            granted: 0,
        };
        let statements = case.city.statements().to_vec();
        case.read(statements);
        case.read(Vec::new());
        case
    }

    /// What a node's log tells a steward.
    fn read(&mut self, statements: Vec<Statement>) {
        let own = self.city.organisation().clone();
        let mut followed = Vec::with_capacity(statements.len());
        for statement in statements {
            let index = StatementIndex::new(self.log);
            followed.push(Followed { index, received: self.now, statement });
            self.log += 1;
        }
        sound(self.custody.take(&own, followed));
    }

    /// Works until nothing is left to do.
    fn settle(&mut self) {
        loop {
            let begun = on_core();
            let mut plan = self.custody.plan(self.now);
            self.planning += on_core() - begun;
            if plan.is_done() {
                return;
            }
            loop {
                let begun = on_core();
                let batch = sound(self.custody.next_batch(&mut plan, self.now, &mut self.entropy));
                self.sealing += on_core() - begun;
                if batch.is_empty() {
                    break;
                }
                let grants =
                    batch.iter().filter(|one| matches!(one.body(), StatementBody::KeyGrant(_)));
                self.granted += u64::try_from(grants.count()).unwrap_or(0);
                let begun = on_core();
                self.read(batch);
                self.reading += on_core() - begun;
                if !self.custody.stands(&plan, self.now) {
                    break;
                }
            }
        }
    }

    fn measure(&mut self) {
        (self.planning, self.sealing, self.reading) = Default::default();
        self.granted = 0;
        self.settle();
    }

    #[expect(clippy::print_stdout, reason = "a bench prints its figures")]
    fn print(&self, what: &str) {
        let Self { planning, sealing, reading, granted, .. } = self;
        let whole = *planning + *sealing + *reading;
        let verdict = if whole <= GOAL { "met" } else { "MISSED" };
        println!(
            "STEWARD {what}: {granted} X-Wing key grants in {whole:.2?} of one core (planning {planning:.2?}, \
             sealing and signing {sealing:.2?}, reading the log again {reading:.2?}), wanted <= \
             {GOAL:.2?}: {verdict}"
        );
    }
}

fn main() {
    let folder = sound(tempfile::tempdir());
    let mut case = Case::new(folder.path());
    // The city's own epoch has a seed that this steward does not hold: it begins one of its own.
    case.measure();
    case.print("first keys");
    for turn in 0..TURNS {
        case.now = case.now.saturating_add(Duration::from_mins(1));
        let leaver = RevokeTarget::Principal(case.city.device(READERS + turn).id());
        let revocation = case.city.revocation(leaver, case.now);
        case.read(vec![revocation]);
        case.measure();
        case.print("a reader shut out, the others re-keyed");
    }
    let idle = on_core();
    drop(black_box(case.custody.plan(case.now)));
    case.planning = on_core() - idle;
    println_idle(case.planning);
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn println_idle(took: Duration) {
    println!("STEWARD a plan when there is nothing to do: {took:.2?}");
}
