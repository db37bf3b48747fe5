//! Where the trucks drive: loops along the larger streets of Fujisawa, from one traffic light to the
//! next, at the speed of a truck that collects.

use std::f64::consts::{PI, TAU};

/// Metres of a degree of latitude, and of one of longitude at Fujisawa.
const LATITUDE_M: f64 = 111_000.0;
const LONGITUDE_M: f64 = 90_500.0;
/// From one traffic light to the next, metres.
const LEG_M: f64 = 240.0;
/// How long that takes, and for which part of it the light is green.
const LEG_S: f64 = 40.0;
const GREEN: f64 = 0.85;
/// Trucks of one route are apart by this part of it, which never repeats itself.
const APART: f64 = 0.618_033_988_75;

/// Corners of each loop, degrees north and east.
const ROUTES: [&[(f64, f64)]; 5] = [
    // From the station along the railway to Tsujido, to the sea and back through Kugenuma.
    &[
        (35.3395, 139.4868),
        (35.3399, 139.4800),
        (35.3393, 139.4720),
        (35.3385, 139.4640),
        (35.3377, 139.4550),
        (35.3374, 139.4475),
        (35.3320, 139.4472),
        (35.3262, 139.4478),
        (35.3210, 139.4484),
        (35.3200, 139.4545),
        (35.3188, 139.4610),
        (35.3174, 139.4672),
        (35.3165, 139.4725),
        (35.3205, 139.4735),
        (35.3262, 139.4752),
        (35.3318, 139.4790),
        (35.3362, 139.4838),
    ],
    // Along the old road of Tokaido, and back over the hills of Zengyo.
    &[
        (35.3480, 139.4930),
        (35.3472, 139.4860),
        (35.3462, 139.4790),
        (35.3448, 139.4715),
        (35.3432, 139.4640),
        (35.3418, 139.4560),
        (35.3405, 139.4490),
        (35.3460, 139.4470),
        (35.3520, 139.4478),
        (35.3585, 139.4500),
        (35.3608, 139.4570),
        (35.3622, 139.4650),
        (35.3630, 139.4725),
        (35.3612, 139.4800),
        (35.3570, 139.4865),
        (35.3520, 139.4905),
    ],
    // From the station to the bridge of Enoshima.
    &[
        (35.3378, 139.4880),
        (35.3335, 139.4892),
        (35.3288, 139.4898),
        (35.3240, 139.4890),
        (35.3190, 139.4878),
        (35.3140, 139.4862),
        (35.3118, 139.4850),
        (35.3125, 139.4800),
        (35.3140, 139.4765),
        (35.3165, 139.4728),
        (35.3205, 139.4748),
        (35.3245, 139.4780),
        (35.3290, 139.4812),
        (35.3335, 139.4845),
        (35.3368, 139.4868),
    ],
    // North to Shonandai.
    &[
        (35.3640, 139.4700),
        (35.3700, 139.4712),
        (35.3760, 139.4725),
        (35.3825, 139.4712),
        (35.3900, 139.4690),
        (35.3960, 139.4665),
        (35.3972, 139.4590),
        (35.3960, 139.4510),
        (35.3900, 139.4480),
        (35.3830, 139.4465),
        (35.3760, 139.4475),
        (35.3700, 139.4500),
        (35.3655, 139.4560),
        (35.3632, 139.4630),
    ],
    // East towards Ofuna.
    &[
        (35.3400, 139.4890),
        (35.3420, 139.4960),
        (35.3440, 139.5030),
        (35.3462, 139.5100),
        (35.3488, 139.5170),
        (35.3510, 139.5240),
        (35.3470, 139.5265),
        (35.3420, 139.5240),
        (35.3375, 139.5205),
        (35.3345, 139.5140),
        (35.3330, 139.5065),
        (35.3338, 139.4990),
        (35.3360, 139.4930),
    ],
];

/// Where much is driven: degrees north and east, how far it is felt in metres, and how much dust
/// there is in the middle of it, µg/m³.
const DUSTY: [(f64, f64, f64, f64); 4] = [
    (35.3476, 139.4895, 900.0, 24.0),
    (35.3374, 139.4480, 700.0, 14.0),
    (35.3960, 139.4660, 900.0, 17.0),
    (35.3505, 139.5240, 800.0, 20.0),
];

/// How a truck is on its way at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    /// Degrees north.
    pub(super) latitude: f64,
    /// Degrees east.
    pub(super) longitude: f64,
    /// Degrees from north, clockwise.
    pub(super) course: f64,
    /// Kilometres per hour.
    pub(super) speed: f64,
}

impl Way {
    /// Where the truck with a number is, so many seconds after 1970.
    pub(super) fn of(truck: u32, seconds: f64) -> Self {
        let route = usize::try_from(truck).unwrap_or(0) % ROUTES.len();
        let corners = ROUTES.get(route).copied().unwrap_or_default();
        let legs = seconds / LEG_S + f64::from(truck) * APART;
        let (driven, speed) = leg(legs.fract());
        let length = length(corners);
        let begin = (f64::from(truck) * APART).fract() * length;
        let (latitude, longitude, course) =
            place(corners, (begin + (legs.floor() + driven) * LEG_M).rem_euclid(length));
        Self { latitude, longitude, course, speed }
    }

    /// Fine dust here, µg/m³: more where much is driven.
    pub(super) fn dust(&self) -> f64 {
        let from = |(latitude, longitude, reach, most): &(f64, f64, f64, f64)| {
            let metres = apart((self.latitude, self.longitude), (*latitude, *longitude));
            most * (-(metres / reach).powi(2)).exp()
        };
        7.0 + DUSTY.iter().map(from).sum::<f64>()
    }
}

/// Which part of the way between two lights is behind a truck at a part of the time, and how fast it
/// is: it sets off gently, slows down, and waits.
fn leg(time: f64) -> (f64, f64) {
    let time = time / GREEN;
    if time >= 1.0 {
        return (1.0, 0.0);
    }
    let driven = time - (TAU * time).sin() / TAU;
    let metres_per_second = LEG_M / (LEG_S * GREEN) * (1.0 - (TAU * time).cos());
    (driven, metres_per_second * 3.6)
}

fn edges(corners: &[(f64, f64)]) -> impl Iterator<Item = ((f64, f64), (f64, f64))> {
    let next = corners.iter().cycle().skip(1);
    corners.iter().copied().zip(next.copied())
}

fn length(corners: &[(f64, f64)]) -> f64 {
    edges(corners).map(|(from, to)| apart(from, to)).sum()
}

/// Metres between two places.
fn apart(from: (f64, f64), to: (f64, f64)) -> f64 {
    ((to.0 - from.0) * LATITUDE_M).hypot((to.1 - from.1) * LONGITUDE_M)
}

/// The place so many metres along a loop, and where it leads from there.
fn place(corners: &[(f64, f64)], mut metres: f64) -> (f64, f64, f64) {
    let mut last = (0.0, 0.0, 0.0);
    for (from, to) in edges(corners) {
        let edge = apart(from, to);
        let part = (metres / edge).min(1.0);
        let (north, east) = (to.0 - from.0, to.1 - from.1);
        let course = (east * LONGITUDE_M).atan2(north * LATITUDE_M) * 180.0 / PI;
        last = (from.0 + part * north, from.1 + part * east, course.rem_euclid(360.0));
        if metres <= edge {
            break;
        }
        metres -= edge;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time as trucks have it: the year 2026.
    const NOW: f64 = 1_795_000_000.0;

    #[test]
    fn a_truck_moves_as_fast_as_it_says_and_never_jumps() {
        for truck in 0..25 {
            let mut before = Way::of(truck, NOW);
            for tenth in 1..36_000 {
                let after = Way::of(truck, NOW + f64::from(tenth) * 0.1);
                let metres =
                    apart((before.latitude, before.longitude), (after.latitude, after.longitude));
                let said = (before.speed + after.speed) / 2.0 / 3.6 * 0.1;
                // Around a corner the way is shorter than what is driven.
                assert!(metres <= said + 0.05, "truck {truck}: {metres} m, said {said} m");
                assert!((0.0..60.0).contains(&after.speed), "truck {truck}: {after:?}");
                before = after;
            }
        }
    }

    #[test]
    fn trucks_are_in_fujisawa_and_not_all_in_one_place() {
        let ways: Vec<Way> = (1..=100).map(|truck| Way::of(truck, NOW)).collect();
        for way in &ways {
            assert!((35.31..35.40).contains(&way.latitude), "{way:?}");
            assert!((139.44..139.53).contains(&way.longitude), "{way:?}");
            assert!((0.0..360.0).contains(&way.course), "{way:?}");
            assert!((7.0..40.0).contains(&way.dust()), "{way:?}");
        }
        let near = |one: &Way, other: &Way| {
            apart((one.latitude, one.longitude), (other.latitude, other.longitude)) < 1.0
        };
        for (index, one) in ways.iter().enumerate() {
            assert!(ways.iter().skip(index + 1).all(|other| !near(one, other)), "{one:?}");
        }
    }

    #[test]
    fn a_loop_ends_where_it_begins() {
        for corners in ROUTES {
            let (latitude, longitude, _course) = place(corners, length(corners));
            let first = corners.first().copied().unwrap();
            assert!(apart((latitude, longitude), first) < 0.01);
            assert!(edges(corners).all(|(from, to)| apart(from, to) > 50.0), "{corners:?}");
        }
    }
}
