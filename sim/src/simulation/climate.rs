//! What may happen in a run: its seed draws that first, so that some runs have every kind of fault
//! and others few, and what one kind hides another run shows.

use crate::{network::Weather, random::Random};

/// What was added later is drawn beside the rest, so that a run without it is the run that it was.
const BESIDE: u64 = 0x6265_7369_6465;

#[expect(clippy::struct_excessive_bools, reason = "each is a kind of fault, on or off")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climate {
    pub(crate) cities: usize,
    pub(crate) weather: Weather,
    /// Nodes that cannot reach each other for a while, and trucks in tunnels.
    pub(crate) partitions: bool,
    /// Moments in which nothing happens but time.
    pub(crate) leaps: bool,
    /// Two cities that have no contract, and one between them that passes each on to the other; and
    /// whether each of the two allows that.
    pub(crate) transit: Option<(bool, bool)>,
    /// Contracts that are changed, ended and renewed.
    pub(crate) contracts: bool,
    /// Readers of other organisations that are trusted, mistrusted and thrown out.
    pub(crate) guests: bool,
    /// Bits that turn on disks.
    pub(crate) rot: bool,
    /// A disk that says it keeps what it does not keep.
    pub(crate) lies: bool,
    /// Clocks that are wrong, and jump.
    pub(crate) clocks: bool,
    /// Nodes that hear several things before they do what follows from them, and write to clients
    /// and peers when they come to it: what waits there waits across changes of rights.
    pub(crate) queues: bool,
    /// Trucks that come to nodes of other cities and publish home through them.
    pub(crate) roaming: bool,
    /// Contracts that say how much each side may send and ask for.
    pub(crate) budgets: bool,
}

impl Climate {
    pub(crate) fn drawn(seed: u64, random: &mut Random) -> Self {
        let mut beside = Random::new(seed ^ BESIDE);
        let cities = match random.below(10) {
            0..3 => 2,
            3..8 => 3,
            _ => 4,
        };
        let lossy = random.per_mille(400);
        let slow = random.per_mille(300);
        Self {
            cities,
            weather: Weather {
                latency_ms_max: 60,
                lost_per_mille: if lossy { random.below(100) } else { 0 },
                slow_per_mille: if slow { random.below(300) } else { 0 },
            },
            partitions: random.per_mille(500),
            leaps: random.per_mille(600),
            transit: (cities > 2 && random.per_mille(400))
                .then(|| (random.per_mille(700), random.per_mille(700))),
            contracts: random.per_mille(350),
            guests: random.per_mille(400),
            rot: random.per_mille(250),
            lies: random.per_mille(150),
            clocks: random.per_mille(400),
            queues: beside.per_mille(300),
            roaming: beside.per_mille(300),
            budgets: beside.per_mille(300),
        }
    }
}
