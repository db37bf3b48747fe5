use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn it_holds_what_an_ordinary_map_holds_and_a_clone_keeps_what_it_was(
        before in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..200),
        after in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..200),
    ) {
        let mut map = SharedMap::default();
        let mut model = BTreeMap::new();
        for (key, value) in before {
            map.insert(key, value);
            model.insert(key, value);
        }
        let (kept, kept_model) = (map.clone(), model.clone());
        for (key, value) in after {
            match value % 3 {
                0 => *map.or_default(key) = value,
                1 => *map.or_insert(key, value) = value,
                _ => {
                    map.or_insert(key, 0);
                    *map.get_mut(&key).unwrap() = value;
                }
            }
            model.insert(key, value);
        }
        for (map, model) in [(&map, &model), (&kept, &kept_model)] {
            let mut keys: Vec<u8> = map.keys().copied().collect();
            keys.sort_unstable();
            prop_assert_eq!(keys, model.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(map.values().count(), model.len());
            for key in 0..=u8::MAX {
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert_eq!(map.contains_key(&key), model.contains_key(&key));
            }
        }
    }
}

#[test]
fn what_is_not_there_is_not_changed() {
    let mut map = SharedMap::default();
    map.insert(1, 'a');
    assert_eq!(map.get_mut(&2), None);
    assert_eq!(format!("{map:?}"), "{1: 'a'}");
}
