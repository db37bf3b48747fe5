//! One encoding of a remembered share, and nothing else is read.

use proptest::prelude::*;
use sekisho_proto::{Filter, Position, PrincipalId};

use super::{Decided, ShareState, Whose};

prop_compose! {
    fn any_share()(
        share in "[a-z]{1,8}",
        floor in any::<u64>(),
        clients in proptest::collection::vec("\\PC{0,20}", 1..4),
        claims in proptest::collection::btree_map(any::<u64>(), 0u32..5, 0..8),
    ) -> ShareState {
        let whose = |client| {
            Whose { principal: PrincipalId::new([5; 32]), client, subscription: 7 }
        };
        let count = u32::try_from(clients.len()).unwrap();
        let claim = |(position, kind): (u64, u32)| {
            let member = (kind > 0).then_some(kind % count);
            Decided { position: Position::new(position), member, is_done: kind > 2 }
        };
        ShareState {
            share,
            filter: Filter::parse("fujisawa/mqtt/job/#").unwrap(),
            floor: Position::new(floor),
            members: clients.into_iter().map(whose).collect(),
            claims: claims.into_iter().map(claim).collect(),
        }
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(state in any_share()) {
        prop_assert_eq!(ShareState::decode(&state.encode()).unwrap(), state);
    }

    #[test]
    fn whatever_is_read_would_be_written_so(
        state in any_share(), at in any::<prop::sample::Index>(), with: u8,
    ) {
        let mut bytes = state.encode();
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(read) = ShareState::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(read) = ShareState::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }
}
