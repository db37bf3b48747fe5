use sekisho_proto::{BootId, Hash, Position, PrincipalId, Sequence};

use super::{FORGOTTEN_AT_ONCE, Last, Order, STREAMS_MAX, Stream};

fn stream(number: usize) -> Stream {
    let mut publisher = [0; 32];
    publisher[..8].copy_from_slice(&(number as u64).to_be_bytes());
    (PrincipalId::from(publisher), BootId::from([1; 16]), "fujisawa/air".parse().unwrap())
}

fn last(came: u64) -> Last {
    let (sequence, hash) = (Sequence::ZERO, Hash::from([0; 32]));
    Last { sequence, hash, position: Position::ZERO, came }
}

#[test]
fn of_too_many_streams_only_those_are_forgotten_that_nothing_came_of_for_longest() {
    let mut order = Order::default();
    for number in 0..STREAMS_MAX {
        // The later a stream's number, the longer nothing came of it.
        order.streams.insert(stream(number), last((STREAMS_MAX - number) as u64));
    }
    order.forget_idle();
    let left = STREAMS_MAX - FORGOTTEN_AT_ONCE;
    assert_eq!(order.streams.len(), left);
    assert!(order.streams.contains_key(&stream(left - 1)));
    assert!(!order.streams.contains_key(&stream(left)));
}
