//! Exactly once in any order of losses: connections that break, a node that is killed and answers that
//! are not given, drawn by a seed. Both sides keep to the standard (4.3.3, 4.4) and no more.

use std::collections::BTreeMap;

use sekisho_e2e::City;

use super::{PING, answer, connected, id_of, message, read, restart, subscribed};
use crate::raw::{Login, Raw};
use crate::town::town;

const ROUNDS: usize = 160;
/// Messages that the writer has under way at most.
const UNDER_WAY_MAX: usize = 20;

/// What the seed draws.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(u64::try_from(count).unwrap())).unwrap()
    }
}

/// A client that subscribes.
struct Reader {
    name: String,
    raw: Raw,
    /// What it has by identifiers that are not released.
    held: BTreeMap<u16, u32>,
    got: Vec<u32>,
}

impl Reader {
    async fn begin(city: &City, who: &Login, (name, filter): (String, &str)) -> Self {
        let mut raw = connected(city, &name, who, false).await;
        subscribed(&mut raw, filter, 2).await;
        Self { name, raw, held: BTreeMap::new(), got: Vec::new() }
    }

    async fn come_again(&mut self, city: &City, who: &Login) {
        self.raw = connected(city, &self.name, who, true).await;
    }

    /// Hears what is there, and answers so many of a hundred packets.
    async fn hear(&mut self, draws: &mut Draws, answered: u64) {
        self.raw.say(&PING).await;
        loop {
            let (first, body) = self.raw.hear().await.unwrap();
            let answers = draws.below(100) < answered;
            match first & 0xf6 {
                0xd0 => return,
                0x34 => {
                    let (id, payload) = read(&body);
                    let number = payload.parse().unwrap();
                    match self.held.insert(id, number) {
                        None => self.got.push(number),
                        Some(before) => {
                            assert_eq!(before, number, "wanted it under its identifier");
                        }
                    }
                    if answers {
                        self.raw.say(&answer(0x50, id)).await;
                    }
                }
                0x62 if answers => {
                    self.held.remove(&id_of(&body));
                    self.raw.say(&answer(0x70, id_of(&body))).await;
                }
                _ => assert_eq!(first, 0x62, "wanted PUBLISH, PUBREL or PINGRESP"),
            }
        }
    }
}

/// A client that publishes numbers.
struct Writer {
    raw: Raw,
    /// By identifier: the number, and whether PUBREC came.
    under_way: BTreeMap<u16, (u32, bool)>,
    next: u32,
}

impl Writer {
    async fn say(&mut self) {
        let free = (1..=u16::MAX).find(|id| !self.under_way.contains_key(id)).unwrap();
        self.under_way.insert(free, (self.next, false));
        self.raw.say(&message(free, false, "storm/a", &self.next.to_string())).await;
        self.next += 1;
    }

    /// In the order in which it was said at first (4.6).
    async fn come_again(&mut self, city: &City, who: &Login) {
        self.raw = connected(city, "writer", who, true).await;
        let mut again: Vec<_> = self.under_way.iter().collect();
        again.sort_by_key(|(_id, (number, _received))| *number);
        for (id, (number, received)) in again {
            let packet = match received {
                true => answer(0x62, *id),
                false => message(*id, true, "storm/a", &number.to_string()),
            };
            self.raw.say(&packet).await;
        }
    }

    /// Hears one packet that is owed to it.
    async fn hear(&mut self) {
        let (first, body) = self.raw.hear().await.unwrap();
        let id = id_of(&body);
        if first == 0x70 {
            // Whoever releases once more is told that it is not known, which is no fault (4.3.3).
            self.under_way.remove(&id);
            return;
        }
        assert_eq!((first, body.len()), (0x50, 2), "wanted it received, found {body:?}");
        if let Some((_number, received)) = self.under_way.get_mut(&id) {
            *received = true;
            self.raw.say(&answer(0x62, id)).await;
        }
    }
}

/// Everything that was published comes to one of the readers, once.
async fn storm(seed: u64, readers: usize, filter: &str) {
    let (mut city, who) = town().await;
    let mut draws = Draws(seed);
    let mut reading = Vec::new();
    for index in 0..readers {
        reading.push(Reader::begin(&city, &who, (format!("reader-{index}"), filter)).await);
    }
    let raw = connected(&city, "writer", &who, false).await;
    let mut writer = Writer { raw, under_way: BTreeMap::new(), next: 0 };
    for _ in 0..ROUNDS {
        let one = draws.index(readers);
        match draws.below(100) {
            0..4 => {
                restart(&mut city).await;
                writer.come_again(&city, &who).await;
                for reader in &mut reading {
                    reader.come_again(&city, &who).await;
                }
            }
            4..9 => writer.come_again(&city, &who).await,
            9..20 => reading[one].come_again(&city, &who).await,
            20..60 if writer.under_way.len() < UNDER_WAY_MAX => writer.say().await,
            20..75 if !writer.under_way.is_empty() => writer.hear().await,
            _ => reading[one].hear(&mut draws, 80).await,
        }
    }
    while !writer.under_way.is_empty() {
        writer.hear().await;
    }
    let total = usize::try_from(writer.next).unwrap();
    while reading.iter().map(|reader| reader.got.len()).sum::<usize>() < total {
        for reader in &mut reading {
            reader.hear(&mut draws, 100).await;
        }
    }
    // What came is released, and nothing comes a second time.
    for _ in 0..3 {
        for reader in &mut reading {
            reader.come_again(&city, &who).await;
            reader.hear(&mut draws, 100).await;
        }
    }
    let mut got: Vec<_> = reading.iter().flat_map(|reader| reader.got.clone()).collect();
    if readers > 1 {
        got.sort_unstable();
    }
    assert_eq!(got, (0..writer.next).collect::<Vec<_>>(), "seed {seed}");
}

#[tokio::test]
async fn whatever_breaks_a_message_of_quality_2_comes_once_and_in_order() {
    for seed in 1..=4 {
        storm(seed, 1, "storm/#").await;
    }
}

#[tokio::test]
async fn whatever_breaks_a_message_of_quality_2_comes_to_one_member_of_a_share() {
    for seed in 11..=14 {
        storm(seed, 3, "$share/crew/storm/#").await;
    }
}
