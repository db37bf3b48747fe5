use sekisho_proto::Timestamp;

use super::World;
use crate::limits::{LED_TO_ALL_MAX, LED_TO_MAX};
use crate::observing::Visiting;
use crate::stream::{Catalogue, Records};

#[test]
fn what_filters_lead_to_is_bounded_for_each_entity_and_in_all() {
    let (catalogue, records) = (Catalogue::new(Vec::new()), Records::default());
    let now = Timestamp::from_micros(0);
    let world = World::new(&catalogue, (&records, Visiting::default()), ("", now));
    for _entity in 0..LED_TO_ALL_MAX / LED_TO_MAX {
        let mut from_one = 0;
        assert!((0..LED_TO_MAX).all(|_| world.lead(&mut from_one).is_ok()));
    }
    let mut from_one = 0;
    let left = LED_TO_ALL_MAX % LED_TO_MAX;
    assert!((0..left).all(|_| world.lead(&mut from_one).is_ok()));
    let fault = world.lead(&mut from_one).unwrap_err();
    assert!(fault.to_string().contains("wanted at most 8000000"), "{fault}");
}
